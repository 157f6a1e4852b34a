// SPDX-License-Identifier: Apache-2.0
// Phases, old layer types, and what is recognised as a training prototxt.
#include "import/caffe/net.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"

namespace saccade::caffe {
namespace {

using import::TextField;
using import::TextMessage;

constexpr std::size_t kMaxLayers = 100'000;

// The types of V1LayerParameter by today's names.
constexpr std::pair<std::string_view, std::string_view> kOldTypes[] = {
    {"ABSVAL", "AbsVal"}, {"ACCURACY", "Accuracy"}, {"ARGMAX", "ArgMax"}, {"BNLL", "BNLL"}, {"CONCAT", "Concat"}, {"CONTRASTIVE_LOSS", "ContrastiveLoss"}, {"CONVOLUTION", "Convolution"},
    {"DATA", "Data"}, {"DECONVOLUTION", "Deconvolution"}, {"DROPOUT", "Dropout"}, {"DUMMY_DATA", "DummyData"}, {"ELTWISE", "Eltwise"}, {"EUCLIDEAN_LOSS", "EuclideanLoss"}, {"EXP", "Exp"},
    {"FLATTEN", "Flatten"}, {"HDF5_DATA", "HDF5Data"}, {"HDF5_OUTPUT", "HDF5Output"}, {"HINGE_LOSS", "HingeLoss"}, {"IM2COL", "Im2col"}, {"IMAGE_DATA", "ImageData"},
    {"INFOGAIN_LOSS", "InfogainLoss"}, {"INNER_PRODUCT", "InnerProduct"}, {"LRN", "LRN"}, {"MEMORY_DATA", "MemoryData"}, {"MULTINOMIAL_LOGISTIC_LOSS", "MultinomialLogisticLoss"},
    {"MVN", "MVN"}, {"POOLING", "Pooling"}, {"POWER", "Power"}, {"RELU", "ReLU"}, {"SIGMOID", "Sigmoid"}, {"SIGMOID_CROSS_ENTROPY_LOSS", "SigmoidCrossEntropyLoss"},
    {"SILENCE", "Silence"}, {"SLICE", "Slice"}, {"SOFTMAX", "Softmax"}, {"SOFTMAX_LOSS", "SoftmaxWithLoss"}, {"SPLIT", "Split"}, {"TANH", "TanH"}, {"THRESHOLD", "Threshold"},
    {"WINDOW_DATA", "WindowData"},
};

constexpr std::string_view kDataTypes[] = {"Data", "AnnotatedData", "HDF5Data", "ImageData", "VideoData", "WindowData", "MemoryData", "DetectNetTransformation", "ImageSegData", "DenseImageData"};
constexpr std::string_view kMeasureTypes[] = {"Accuracy", "DetectionEvaluate", "HDF5Output", "SegAccuracy"};

std::string modern_type(std::string_view type) {
  for (const auto& [old, modern] : kOldTypes)
    if (type == old) return std::string(modern);
  return std::string(type);
}

// Whether a rule holds for the phase TEST at level 0 without stages.
bool rule_holds(const TextMessage& rule) {
  if (rule.has("phase") && rule.text("phase") != "TEST" && rule.text("phase") != "1") return false;
  if (rule.has("min_level") && rule.integer("min_level") > 0) return false;
  if (rule.has("max_level") && rule.integer("max_level") < 0) return false;
  return !rule.has("stage");
}

bool is_in_test_phase(const TextMessage& layer) {
  const auto holds = [](const TextField* rule) { return rule_holds(rule->as_message()); };
  const auto included = layer.all("include"), excluded = layer.all("exclude");
  if (!included.empty()) return std::any_of(included.begin(), included.end(), holds);
  if (layer.has("phase") && layer.text("phase") != "TEST" && layer.text("phase") != "1") return false;
  return std::none_of(excluded.begin(), excluded.end(), holds);
}

std::vector<std::string> strings(const TextMessage& message, std::string_view name) {
  const auto views = message.texts(name);
  return {views.begin(), views.end()};
}

// How the layer would be written for use, as far as the definition tells.
std::string input_layer(const TextMessage& layer, const std::string& top) {
  const std::int64_t crop = layer.message("transform_param").integer("crop_size");
  return fmt::format("layer {{ name: \"{0}\" type: \"Input\" top: \"{0}\" input_param {{ shape {{ dim: 1 dim: 3 dim: {1} dim: {1} }} }} }}", top, crop > 0 ? std::to_string(crop) : "…");
}

void check_not_training(const Net& net) {
  for (const Layer& layer : net.layers) {
    const auto role = training_role(layer.type);
    if (!role) continue;
    if (std::find(std::begin(kDataTypes), std::end(kDataTypes), layer.type) != std::end(kDataTypes))
      fail(ErrorCode::unsupported, "a training prototxt: layer '{}' ({}) {}. Take the deploy.prototxt of the model, or write in its place: {}", layer.name, layer.type, *role,
           input_layer(*layer.message, layer.tops.empty() ? "data" : layer.tops[0]));
    fail(ErrorCode::unsupported, "a training prototxt: layer '{}' ({}) {}. Take the deploy.prototxt of the model, or remove the layer{}", layer.name, layer.type, *role,
         layer.type == "SoftmaxWithLoss" ? " in favour of type: \"Softmax\" with its first bottom" : "");
  }
}

std::vector<NetInput> read_inputs(const TextMessage& definition) {
  const auto names = definition.texts("input");
  const auto shapes = definition.all("input_shape");
  const auto dims = definition.integers("input_dim");
  std::vector<NetInput> inputs;
  for (std::size_t i = 0; i < names.size(); ++i) {
    Shape shape;
    if (i < shapes.size()) {
      shape = read_shape(shapes[i]->as_message());
    } else if (shapes.empty() && dims.size() >= 4 * (i + 1)) {
      shape.assign(dims.begin() + static_cast<std::ptrdiff_t>(4 * i), dims.begin() + static_cast<std::ptrdiff_t>(4 * i + 4));
    } else {
      fail(ErrorCode::invalid_model, "input '{}' has no shape: it needs an input_shape or four input_dim", names[i]);
    }
    inputs.push_back({std::string(names[i]), std::move(shape)});
  }
  return inputs;
}

}  // namespace

std::optional<std::string_view> training_role(std::string_view type) {
  if (std::find(std::begin(kDataTypes), std::end(kDataTypes), type) != std::end(kDataTypes)) return "reads examples and labels";
  if (std::find(std::begin(kMeasureTypes), std::end(kMeasureTypes), type) != std::end(kMeasureTypes)) return "measures against labels";
  if (type.ends_with("Loss")) return "computes a loss";
  return std::nullopt;
}

Shape read_shape(const TextMessage& shape) {
  Shape sizes = shape.integers("dim");
  SACCADE_CHECK(sizes.size() <= 16, invalid_model, "line {}: a shape of {} dimensions", shape.line, sizes.size());
  return sizes;
}

Net read_definition(const TextMessage& definition) {
  if (definition.has("base_lr") || definition.has("train_net") || (definition.has("net") && !definition.has("layer")))
    fail(ErrorCode::unsupported, "a solver's file, not a network; the network is in the file that its 'net' names");
  Net net;
  net.name = std::string(definition.text("name"));
  net.inputs = read_inputs(definition);
  for (const TextField& field : definition.fields) {
    if (field.name != "layer" && field.name != "layers") continue;
    const TextMessage& message = field.as_message();
    SACCADE_CHECK(!message.has("layer"), unsupported, "line {}: a layer definition of Caffe's first months; Caffe's tool upgrade_net_proto_text brings it up to date", field.line);
    if (!is_in_test_phase(message)) continue;
    Layer layer{.name = std::string(message.text("name")), .type = modern_type(message.text("type")), .bottoms = strings(message, "bottom"), .tops = strings(message, "top"), .message = &message};
    SACCADE_CHECK(!layer.type.empty(), invalid_model, "line {}: layer '{}' has no type", field.line, layer.name);
    if (layer.name.empty()) layer.name = layer.tops.empty() ? layer.type : layer.tops[0];
    net.layers.push_back(std::move(layer));
    SACCADE_CHECK(net.layers.size() <= kMaxLayers, invalid_model, "more than {} layers", kMaxLayers);
  }
  SACCADE_CHECK(!net.layers.empty(), invalid_model, "the definition has no layers");
  check_not_training(net);
  return net;
}

}  // namespace saccade::caffe
