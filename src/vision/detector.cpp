// SPDX-License-Identifier: Apache-2.0
// From model file to detector; the steps from picture to boxes.
#include "vision/detector.h"

#include <chrono>

#include "base/error.h"
#include "vision/image.h"

namespace saccade::vision {
namespace {

double now_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

Signature signature_of(const Model& model, const PictureInput& input) {
  Signature signature{.width = input.width, .height = input.height};
  for (const Port& port : model.outputs()) signature.outputs.push_back({port.name, port.shape});
  return signature;
}

nlohmann::json all_settings(const std::filesystem::path& path, const Model& model, const nlohmann::json& flags) {
  auto settings = merge_settings(nlohmann::json::object(), settings_from_metadata(model.metadata()), "the model's metadata");
  settings = merge_settings(std::move(settings), read_sidecar(path), "the file beside the model");
  return merge_settings(std::move(settings), flags, "the settings");
}

/// The one input that takes a picture.
std::size_t find_picture_input(const Model& model) {
  SACCADE_CHECK(model.inputs().size() == 1, unsupported, "the model has {} inputs; a detector has one, for the picture", model.inputs().size());
  return 0;
}

// Of the framework that the file comes from.
TensorLayout usual_layout(const Model& model) {
  const auto& metadata = model.metadata();
  const auto it = metadata.lower_bound("tensorflow.");
  return it != metadata.end() && it->first.starts_with("tensorflow.") ? TensorLayout::nhwc : TensorLayout::nchw;
}

// Leaves mean, scale, layout and the order of channels to the engine, which does them while it writes what the first convolution reads.
void take_bytes(Model& model, const PictureInput& input, const Preparation& preparation, Network& network) {
  if (input.type != ElementType::f32) return;
  const bool grey = preparation.color == Color::grey;
  Preprocessing preprocessing{.input = input.name, .layout = input.layout == TensorLayout::nchw ? "NCHW" : "NHWC", .reverse_channels = preparation.color == Color::rgb};
  preprocessing.mean.assign(preparation.mean.begin(), preparation.mean.begin() + (grey ? 1 : 3));
  preprocessing.scale.assign(preparation.scale.begin(), preparation.scale.begin() + (grey ? 1 : 3));
  model.add_preprocessing(preprocessing);
  network.layout = TensorLayout::nhwc;
  network.type = ElementType::u8;
  network.prepares = true;
}

}  // namespace

PictureInput picture_input(const Port& port, TensorLayout otherwise) {
  Shape shape = port.shape;
  SACCADE_CHECK(port.ranked && shape.size() == 4, unsupported, "the input '{}' is {}, not four dimensions for a picture", port.name, port.shape_text);
  PictureInput input{.name = port.name, .type = port.type};
  if (shape[1] < 0 && shape[3] < 0) shape[otherwise == TensorLayout::nchw ? 1 : 3] = 3;
  const auto holds_channels = [](std::int64_t size) { return size == 1 || size == 3; };
  SACCADE_CHECK(holds_channels(shape[1]) || holds_channels(shape[3]), unsupported, "the input '{}' is {}; neither dimension 1 nor 3 are 1 or 3 channels", port.name,
                port.shape_text);
  input.layout = shape[1] == 3 || (holds_channels(shape[1]) && shape[3] != 3) ? TensorLayout::nchw : TensorLayout::nhwc;
  const bool nchw = input.layout == TensorLayout::nchw;
  input.channels = static_cast<int>(shape[nchw ? 1 : 3]);
  const std::int64_t height = shape[nchw ? 2 : 1], width = shape[nchw ? 3 : 2];
  SACCADE_CHECK(height <= 1 << 15 && width <= 1 << 15, unsupported, "the input '{}' is {}, more pixels than a picture can have", port.name, port.shape_text);
  if (height > 0 && width > 0) {
    input.height = static_cast<int>(height);
    input.width = static_cast<int>(width);
  }
  return input;
}

Detector::Detector(Network network, DetectorSettings settings) : network_(std::move(network)), settings_(std::move(settings)) {
  if (!settings_.follows_picture) make_preparer();
}

void Detector::make_preparer() {
  Preparation preparation = settings_.preparation;
  if (network_.prepares) {
    if (preparation.color != Color::grey) preparation.color = Color::bgr;
    preparation.mean = {0, 0, 0};
    preparation.scale = {1, 1, 1};
  }
  preparer_.emplace(preparation, network_.layout, network_.type);
}

Detections Detector::detect(const cv::Mat& picture, DetectTimes* times) {
  const double start = now_s();
  if (settings_.follows_picture && (!preparer_ || preparer_->preparation().width != picture.cols || preparer_->preparation().height != picture.rows)) {
    settings_.preparation.width = picture.cols;
    settings_.preparation.height = picture.rows;
    make_preparer();
  }
  Tensor input(network_.type, preparer_->shape());
  const BoxMap map = preparer_->prepare(picture, input);
  const double prepared = now_s();
  const std::vector<Tensor> outputs = network_.run(input);
  const double inferred = now_s();
  Detections found;
  settings_.decoder->decode(outputs, {settings_.preparation.width, settings_.preparation.height}, static_cast<float>(settings_.confidence), found);
  if (!classes_.empty()) std::erase_if(found, [&](const Detection& d) { return !classes_.contains(d.class_id); });
  if (settings_.suppress)
    suppress(found, settings_.nms);
  else
    keep_best(found, settings_.nms.max_detections);
  map.to_picture(found);
  if (times != nullptr) {
    times->prepare += prepared - start;
    times->infer += inferred - prepared;
    times->boxes += now_s() - inferred;
  }
  return found;
}

Detector open_detector(const std::filesystem::path& path, const DetectorOptions& options) {
  const Core core;
  Model model = core.read_model(path, options.reading);
  const ErrorContext scope("model", path.native());
  std::size_t index = find_picture_input(model);
  if (const Shape& shape = model.inputs()[index].shape; !shape.empty() && shape[0] != 1) model.set_batch(1);
  PictureInput input = picture_input(model.inputs()[index], usual_layout(model));
  const auto settings = all_settings(path, model, options.settings);

  // Another size than the file's, where the network can take it.
  const auto resize_input = [&](std::int64_t width, std::int64_t height) {
    Shape shape = model.inputs()[index].shape;
    const bool nchw = input.layout == TensorLayout::nchw;
    shape[0] = 1;
    shape[nchw ? 2 : 1] = height;
    shape[nchw ? 3 : 2] = width;
    if (shape[nchw ? 1 : 3] < 0) shape[nchw ? 1 : 3] = input.channels;
    model.reshape({{input.name, shape}});
    input = picture_input(model.inputs()[index]);
  };
  if (settings.contains("input") && settings["input"].contains("size") && settings["input"]["size"].is_array()) {
    const auto& size = settings["input"]["size"];
    const bool numbers = size.size() == 2 && size[0].is_number_integer() && size[1].is_number_integer();
    if (numbers && (size[0] != input.width || size[1] != input.height)) {
      const auto width = size[0].get<std::int64_t>(), height = size[1].get<std::int64_t>();
      SACCADE_CHECK(width > 0 && height > 0 && width <= 1 << 15 && height <= 1 << 15, invalid_argument, "an input of {}x{} pixels cannot be", width, height);
      resize_input(width, height);
    }
  }
  DetectorSettings detector;
  try {
    detector = make_detector_settings(signature_of(model, input), settings);
    if (input.width == 0 && !detector.follows_picture) resize_input(detector.preparation.width, detector.preparation.height);
  } catch (const Error& error) {
    if (input.width > 0 || error.code() != ErrorCode::unsupported) throw;
    resize_input(kUsualSize, kUsualSize);  // with a size, the outputs have sizes that may tell more
    detector = make_detector_settings(signature_of(model, input), settings);
  }
  Network network{.signature = signature_of(model, input), .layout = input.layout, .type = input.type};
  if (input.channels == 1) detector.preparation.color = Color::grey;
  take_bytes(model, input, detector.preparation, network);
  const CompiledModel compiled = core.compile_model(model, options.device, options.properties);
  network.warnings = compiled.warnings();
  network.run = [request = compiled.create_infer_request(), count = model.outputs().size()](const Tensor& tensor) mutable {
    request.set_input_tensor(tensor);
    request.infer();
    std::vector<Tensor> outputs;
    for (std::size_t i = 0; i < count; ++i) outputs.push_back(request.get_output_tensor(i));
    return outputs;
  };
  return Detector(std::move(network), std::move(detector));
}

Tensor prepare_photo(const std::filesystem::path& model_path, const Model& model, std::size_t index, const std::filesystem::path& photo) {
  silence_libraries();
  const cv::Mat picture = read_picture(photo);
  SACCADE_CHECK(index < model.inputs().size(), invalid_argument, "the model has no input {}", index);
  const PictureInput input = picture_input(model.inputs()[index], usual_layout(model));
  const auto settings = all_settings(model_path, model, nlohmann::json::object());
  DetectorSettings detector;
  try {
    detector = make_detector_settings(signature_of(model, input), settings);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::unsupported) throw;
    // No detector: the plain form that most classifiers and segmenters take.
    nlohmann::json only_input = {{"input", settings.contains("input") ? settings["input"] : nlohmann::json::object()}};
    only_input["decoder"] = "detection_output";
    Signature stand_in{.width = input.width, .height = input.height, .outputs = {{"", {1, 1, -1, 7}}}};
    if (!only_input["input"].contains("color")) only_input["input"]["color"] = "rgb";
    if (input.type != ElementType::u8 && !only_input["input"].contains("scale")) only_input["input"]["scale"] = 255;
    detector = make_detector_settings(stand_in, only_input);
    if (input.width == 0 && !only_input["input"].contains("size")) detector.follows_picture = true;
  }
  if (input.channels == 1) detector.preparation.color = Color::grey;
  if (detector.follows_picture) {
    detector.preparation.width = picture.cols;
    detector.preparation.height = picture.rows;
  }
  Preparer preparer(detector.preparation, input.layout, input.type);
  Tensor tensor(input.type, preparer.shape());
  preparer.prepare(picture, tensor);
  return tensor;
}

}  // namespace saccade::vision

/// For `saccade infer`, which opens this library only for photos; throws saccade::Error.
extern "C" __attribute__((visibility("default"))) saccade::Tensor saccade_prepare_photo(const char* model_path, const saccade::Model& model, std::size_t input,
                                                                                        const char* photo) {
  return saccade::vision::prepare_photo(model_path, model, input, photo);
}
