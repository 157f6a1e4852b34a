// SPDX-License-Identifier: Apache-2.0
// YOLOv8, v9, 11 and 12: channels of centre, size (pixels) and class scores over all cells, [1,4+C,N]; [1,N,4+C] too where
// the decoder is named.
#include <utility>

#include "base/error.h"
#include "vision/decoder_tools.h"

namespace saccade::vision {
namespace {

class Yolov8Decoder final : public Decoder {
 public:
  explicit Yolov8Decoder(bool rows) : rows_(rows) {}

  void decode(std::span<const Tensor> outputs, InputSize, float confidence, Detections& found) const override {
    require_outputs(outputs, 1);
    const Matrix values(outputs[0]);
    const std::int64_t channels = rows_ ? values.columns() : values.rows(), cells = rows_ ? values.rows() : values.columns();
    SACCADE_CHECK(channels > 4, invalid_model, "{} channels hold no classes", channels);
    const std::int64_t channel_step = rows_ ? 1 : cells, cell_step = rows_ ? channels : 1;
    const float* data = values.data();
    // Class by class, so that [4+C,N] is read in the order in which it lies.
    for (std::int64_t c = 4; c < channels; ++c) {
      const float* scores = data + c * channel_step;
      for (std::int64_t i = 0; i < cells; ++i) {
        const float score = scores[i * cell_step];
        if (!(score > confidence)) continue;
        const float* box = data + i * cell_step;
        const float x = box[0], y = box[channel_step], w = box[2 * channel_step], h = box[3 * channel_step];
        add_box(found, x - w / 2, y - h / 2, x + w / 2, y + h / 2, score, static_cast<int>(c - 4));
      }
    }
  }

 private:
  bool rows_;
};

}  // namespace

std::optional<DecoderChoice> choose_yolov8(const Signature& signature, const nlohmann::json& options, std::string& why) {
  why = "its output is not [1,4+C,N] with a column for each cell of strides 8, 16 and 32";
  if (signature.outputs.empty()) return std::nullopt;
  const Shape shape = without_batch(signature.outputs[0].shape, 2);
  if (shape.empty()) return std::nullopt;
  const bool rows = options.value("rows", false);
  const std::int64_t channels = shape[rows ? 1 : 0], cells = shape[rows ? 0 : 1];
  if (channels <= 4) return std::nullopt;
  const bool fits = cells < 0 || signature.width <= 0 || !levels_with_cells({signature.width, signature.height}, cells).empty();
  if (!fits || (cells >= 0 && cells <= channels)) return std::nullopt;
  return DecoderChoice{
      .decoder = std::make_unique<Yolov8Decoder>(rows),
      .preparation = {.letterbox = Letterbox::centre, .rounding = Rounding::nearest, .color = Color::rgb, .scale = {255, 255, 255}, .pad_value = 114},
      .labels = usual_labels(channels - 4),
      .iou = 0.7};
}

}  // namespace saccade::vision
