// SPDX-License-Identifier: Apache-2.0
// DetectionOutput of Caffe and OpenVINO: rows of image, class, score, x1, y1, x2, y2; a negative image ends the list.
#include "vision/decoder_tools.h"

namespace saccade::vision {
namespace {

class DetectionOutputDecoder final : public Decoder {
 public:
  explicit DetectionOutputDecoder(std::size_t output) : output_(output) {}

  void decode(std::span<const Tensor> outputs, InputSize input, float confidence, Detections& found) const override {
    require_outputs(outputs, output_ + 1);
    const Matrix rows(outputs[output_], 7);
    const auto width = static_cast<float>(input.width), height = static_cast<float>(input.height);
    for (std::int64_t r = 0; r < rows.rows(); ++r) {
      const float* row = rows.row(r);
      if (row[0] < 0) break;
      if (row[0] > 0 || !(row[2] > confidence) || !(row[1] >= 0 && row[1] < 1e6f)) continue;
      add_box(found, row[3] * width, row[4] * height, row[5] * width, row[6] * height, row[2], static_cast<int>(row[1]));
    }
  }

 private:
  std::size_t output_;
};

}  // namespace

std::optional<DecoderChoice> choose_detection_output(const Signature& signature, const nlohmann::json&, std::string& why) {
  for (std::size_t i = 0; i < signature.outputs.size(); ++i) {
    const Shape& shape = signature.outputs[i].shape;
    if (shape.size() != 4 || shape[3] != 7 || shape[1] > 1) continue;
    return DecoderChoice{.decoder = std::make_unique<DetectionOutputDecoder>(i), .suppress = false};
  }
  why = "no output is [1,1,N,7]";
  return std::nullopt;
}

}  // namespace saccade::vision
