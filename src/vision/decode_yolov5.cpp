// SPDX-License-Identifier: Apache-2.0
// YOLOv5 and v7: rows of centre, size (pixels), objectness, classes, for three anchors a cell; or the three raw heads
// [1,3,rows,columns,5+C] before sigmoid and anchors.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "vision/decoder_tools.h"

namespace saccade::vision {
namespace {

/// Widths and heights in pixels, three for each stride: those of the published models.
using Anchors = std::vector<std::array<float, 6>>;
const Anchors kUsualAnchors = {{10, 13, 16, 30, 33, 23}, {30, 61, 62, 45, 59, 119}, {116, 90, 156, 198, 373, 326}};

void add_row(Detections& found, float x, float y, float w, float h, const float* scores, std::int64_t classes, float objectness, float confidence) {
  for (std::int64_t c = 0; c < classes; ++c)
    if (const float score = objectness * scores[c]; score > confidence)
      add_box(found, x - w / 2, y - h / 2, x + w / 2, y + h / 2, score, static_cast<int>(c));
}

class Yolov5Decoder final : public Decoder {
 public:
  void decode(std::span<const Tensor> outputs, InputSize, float confidence, Detections& found) const override {
    require_outputs(outputs, 1);
    const Matrix rows(outputs[0]);
    SACCADE_CHECK(rows.columns() > 5, invalid_model, "rows of {} values hold no classes", rows.columns());
    for (std::int64_t r = 0; r < rows.rows(); ++r) {
      const float* row = rows.row(r);
      if (row[4] > confidence) add_row(found, row[0], row[1], row[2], row[3], row + 5, rows.columns() - 5, row[4], confidence);
    }
  }
};

class RawYolov5Decoder final : public Decoder {
 public:
  explicit RawYolov5Decoder(Anchors anchors) : anchors_(std::move(anchors)) {}

  void decode(std::span<const Tensor> outputs, InputSize input, float confidence, Detections& found) const override {
    require_outputs(outputs, 3);
    std::vector<const Tensor*> heads;
    for (const Tensor& output : outputs)
      if (output.shape().size() == 5) heads.push_back(&output);
    std::stable_sort(heads.begin(), heads.end(), [](const Tensor* a, const Tensor* b) { return a->shape()[3] > b->shape()[3]; });
    SACCADE_CHECK(heads.size() == anchors_.size(), invalid_model, "{} heads for {} sets of anchors", heads.size(), anchors_.size());
    std::vector<float> scores;
    for (std::size_t level = 0; level < heads.size(); ++level) {
      const Matrix rows(*heads[level]);
      const Shape& shape = heads[level]->shape();
      const std::int64_t columns = shape[3], cells = shape[2] * columns, classes = rows.columns() - 5;
      SACCADE_CHECK(shape[1] == 3 && cells > 0 && classes > 0, invalid_model, "a head of shape {} is not [1,3,rows,columns,5+C]", to_string(shape));
      const float stride = static_cast<float>(input.width) / static_cast<float>(columns);
      for (std::int64_t r = 0; r < rows.rows(); ++r) {
        const float* row = rows.row(r);
        const float objectness = sigmoid(row[4]);
        if (!(objectness > confidence)) continue;
        const std::int64_t anchor = r / cells, cell = r % cells;
        const float* size = anchors_[level].data() + 2 * anchor;
        const float x = (sigmoid(row[0]) * 2 - .5f + static_cast<float>(cell % columns)) * stride;
        const float y = (sigmoid(row[1]) * 2 - .5f + static_cast<float>(cell / columns)) * stride;
        const float w = std::pow(sigmoid(row[2]) * 2, 2.f) * size[0], h = std::pow(sigmoid(row[3]) * 2, 2.f) * size[1];
        scores.assign(row + 5, row + 5 + classes);
        for (float& score : scores) score = sigmoid(score);
        add_row(found, x, y, w, h, scores.data(), classes, objectness, confidence);
      }
    }
  }

 private:
  Anchors anchors_;
};

Preparation recipe() {
  return {.letterbox = Letterbox::centre, .rounding = Rounding::nearest, .color = Color::rgb, .scale = {255, 255, 255}, .pad_value = 114};
}

}  // namespace

std::optional<DecoderChoice> choose_yolov5(const Signature& signature, const nlohmann::json& options, std::string& why) {
  why = "its outputs are neither [1,N,5+C] with three rows for each cell nor three raw heads [1,3,rows,columns,5+C]";
  const auto heads = std::count_if(signature.outputs.begin(), signature.outputs.end(),
                                   [](const OutputInfo& o) { return o.shape.size() == 5 && o.shape[1] == 3 && o.shape[4] > 5; });
  const Shape shape = signature.outputs.empty() ? Shape{} : without_batch(signature.outputs[0].shape, 2);
  if (!shape.empty() && shape[1] > 5 && shape[0] > 0 && shape[0] % 3 == 0 && signature.width > 0 &&
      !levels_with_cells({signature.width, signature.height}, shape[0] / 3).empty())
    return DecoderChoice{.decoder = std::make_unique<Yolov5Decoder>(), .preparation = recipe(), .labels = usual_labels(shape[1] - 5), .iou = 0.45};
  if (heads != 3) return std::nullopt;
  std::int64_t classes = 0;
  for (const OutputInfo& output : signature.outputs)
    if (output.shape.size() == 5) classes = output.shape[4] - 5;
  Anchors anchors = kUsualAnchors;
  if (options.contains("anchors")) anchors = options.at("anchors").get<Anchors>();
  return DecoderChoice{.decoder = std::make_unique<RawYolov5Decoder>(std::move(anchors)), .preparation = recipe(), .labels = usual_labels(classes), .iou = 0.45};
}

}  // namespace saccade::vision
