// SPDX-License-Identifier: Apache-2.0
// YOLOX: a row a cell of x, y (offset in cells), w, h (logarithms of cells), objectness, classes; sigmoid done.
// The option "decoded" stands for exports whose boxes are in pixels already.
#include <cmath>

#include "base/error.h"
#include "vision/decoder_tools.h"

namespace saccade::vision {
namespace {

class YoloxDecoder final : public Decoder {
 public:
  explicit YoloxDecoder(bool decoded) : decoded_(decoded) {}

  void decode(std::span<const Tensor> outputs, InputSize input, float confidence, Detections& found) const override {
    require_outputs(outputs, 1);
    const Matrix rows(outputs[0]);
    const auto levels = levels_with_cells(input, rows.rows());
    SACCADE_CHECK(rows.columns() > 5 && !levels.empty(), invalid_model, "{} rows of {} values do not fit an input of {}x{}", rows.rows(), rows.columns(),
                  input.width, input.height);
    const std::int64_t classes = rows.columns() - 5;
    const float* row = rows.data();
    for (const Level& level : levels)
      for (std::int64_t cell = 0; cell < level.cells(); ++cell, row += rows.columns()) {
        const float objectness = row[4];
        if (!(objectness > confidence)) continue;
        const float stride = decoded_ ? 1.f : static_cast<float>(level.stride);
        const float x = decoded_ ? row[0] : (row[0] + static_cast<float>(cell % level.columns)) * stride;
        const float y = decoded_ ? row[1] : (row[1] + static_cast<float>(cell / level.columns)) * stride;
        const float w = decoded_ ? row[2] : std::exp(row[2]) * stride, h = decoded_ ? row[3] : std::exp(row[3]) * stride;
        for (std::int64_t c = 0; c < classes; ++c)
          if (const float score = objectness * row[5 + c]; score > confidence)
            add_box(found, x - w / 2, y - h / 2, x + w / 2, y + h / 2, score, static_cast<int>(c));
      }
  }

 private:
  bool decoded_;
};

}  // namespace

std::optional<DecoderChoice> choose_yolox(const Signature& signature, const nlohmann::json& options, std::string& why) {
  why = "its output is not [1,N,5+C] with a row for each cell of strides 8, 16 and 32";
  if (signature.outputs.size() != 1) return std::nullopt;
  const Shape shape = without_batch(signature.outputs[0].shape, 2);
  if (shape.empty() || shape[1] <= 5 || shape[0] <= 0 || signature.width <= 0) return std::nullopt;
  if (levels_with_cells({signature.width, signature.height}, shape[0]).empty()) return std::nullopt;
  return DecoderChoice{.decoder = std::make_unique<YoloxDecoder>(options.value("decoded", false)),
                       .preparation = {.letterbox = Letterbox::top_left, .pad_value = 114},
                       .labels = usual_labels(shape[1] - 5),
                       .iou = 0.45};
}

}  // namespace saccade::vision
