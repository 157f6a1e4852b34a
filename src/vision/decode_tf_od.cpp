// SPDX-License-Identifier: Apache-2.0
// The four outputs of TensorFlow's Object Detection API, and of TFLite's post-processing: boxes as y1, x1, y2, x2 in 0..1,
// classes, scores, and how many of them count.
#include <algorithm>

#include "vision/decoder_tools.h"

namespace saccade::vision {
namespace {

struct Outputs {
  int boxes = -1, classes = -1, scores = -1, count = -1;
};

class TfOdDecoder final : public Decoder {
 public:
  TfOdDecoder(Outputs at, int first_class) : at_(at), first_class_(first_class) {}

  void decode(std::span<const Tensor> outputs, InputSize input, float confidence, Detections& found) const override {
    require_outputs(outputs, static_cast<std::size_t>(std::max({at_.boxes, at_.classes, at_.scores, at_.count}) + 1));
    const Matrix boxes(outputs[static_cast<std::size_t>(at_.boxes)], 4);
    const Matrix classes(outputs[static_cast<std::size_t>(at_.classes)], 1), scores(outputs[static_cast<std::size_t>(at_.scores)], 1);
    std::int64_t rows = std::min({boxes.rows(), classes.rows(), scores.rows()});
    if (at_.count >= 0 && outputs[static_cast<std::size_t>(at_.count)].size() > 0) {
      const Matrix count(outputs[static_cast<std::size_t>(at_.count)], 1);
      rows = count.data()[0] >= 0 ? std::min(rows, static_cast<std::int64_t>(std::min(count.data()[0], 1e9f))) : 0;
    }
    const auto width = static_cast<float>(input.width), height = static_cast<float>(input.height);
    for (std::int64_t r = 0; r < rows; ++r) {
      const float score = scores.data()[r], class_id = classes.data()[r];
      if (!(score > confidence) || !(class_id >= 0 && class_id < 1e6f)) continue;
      const float* box = boxes.row(r);
      add_box(found, box[1] * width, box[0] * height, box[3] * width, box[2] * height, score, static_cast<int>(class_id) + first_class_);
    }
  }

 private:
  Outputs at_;
  int first_class_;
};

int find_output(const Signature& signature, std::string_view part) {
  for (std::size_t i = 0; i < signature.outputs.size(); ++i) {
    const std::string& name = signature.outputs[i].name;
    // detection_boxes, not raw_detection_boxes
    if (const auto at = name.find(part); at != std::string::npos && name.find("raw_") == std::string::npos) return static_cast<int>(i);
  }
  return -1;
}

bool is_list(const Shape& shape) { return shape.size() == 2 || shape.size() == 1; }

}  // namespace

std::optional<DecoderChoice> choose_tf_od(const Signature& signature, const nlohmann::json& options, std::string& why) {
  Outputs at{find_output(signature, "detection_boxes"), find_output(signature, "detection_classes"), find_output(signature, "detection_scores"),
             find_output(signature, "num_detections")};
  int first_class = 0;
  if (at.boxes < 0 && signature.outputs.size() == 4) {  // TFLite: by position, told by the shapes; its classes lack the background
    const auto shape = [&](std::size_t i) -> const Shape& { return signature.outputs[i].shape; };
    const bool named = signature.outputs[0].name.find("Detection_PostProcess") != std::string::npos;
    const bool count_last = shape(3).size() == 1 && (shape(3)[0] == 1 || shape(3)[0] < 0);
    if (shape(0).size() == 3 && shape(0)[2] == 4 && shape(1).size() == 2 && shape(2) == shape(1) && (named || count_last)) {
      at = {0, 1, 2, 3};
      first_class = 1;
    }
  }
  if (at.boxes < 0 || at.classes < 0 || at.scores < 0) {
    why = "there are no outputs detection_boxes, detection_classes and detection_scores, nor the four of TFLite_Detection_PostProcess";
    return std::nullopt;
  }
  const auto shape_at = [&](int i) -> const Shape& { return signature.outputs[static_cast<std::size_t>(i)].shape; };
  if (shape_at(at.boxes).empty() || shape_at(at.boxes).back() != 4 || !is_list(shape_at(at.scores)) || !is_list(shape_at(at.classes))) {
    why = "detection_boxes is not [1,N,4] or scores and classes are not [1,N]";
    return std::nullopt;
  }
  first_class = options.value("first_class", first_class);
  return DecoderChoice{.decoder = std::make_unique<TfOdDecoder>(at, first_class),
                       .preparation = {.color = Color::rgb},
                       .follows_picture = true,
                       .labels = "coco90",
                       .suppress = false};
}

}  // namespace saccade::vision
