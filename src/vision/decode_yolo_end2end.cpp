// SPDX-License-Identifier: Apache-2.0
// YOLOs that suppress by themselves (v10, 26): rows of x1, y1, x2, y2 (pixels), score, class.
#include "vision/decoder_tools.h"

namespace saccade::vision {
namespace {

class YoloEnd2endDecoder final : public Decoder {
 public:
  void decode(std::span<const Tensor> outputs, InputSize, float confidence, Detections& found) const override {
    require_outputs(outputs, 1);
    const Matrix rows(outputs[0], 6);
    for (std::int64_t r = 0; r < rows.rows(); ++r) {
      const float* row = rows.row(r);
      if (row[4] > confidence && row[5] >= 0 && row[5] < 1e6f) add_box(found, row[0], row[1], row[2], row[3], row[4], static_cast<int>(row[5]));
    }
  }
};

}  // namespace

std::optional<DecoderChoice> choose_yolo_end2end(const Signature& signature, const nlohmann::json&, std::string& why) {
  why = "its output is not [1,N,6] with at most 1000 rows";
  if (signature.outputs.size() != 1) return std::nullopt;
  const Shape& shape = signature.outputs[0].shape;
  if (shape.size() != 3 || shape[2] != 6 || shape[1] > 1000) return std::nullopt;
  return DecoderChoice{
      .decoder = std::make_unique<YoloEnd2endDecoder>(),
      .preparation = {.letterbox = Letterbox::centre, .rounding = Rounding::nearest, .color = Color::rgb, .scale = {255, 255, 255}, .pad_value = 114},
      .labels = "coco80",
      .suppress = false};
}

}  // namespace saccade::vision
