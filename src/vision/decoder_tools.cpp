// SPDX-License-Identifier: Apache-2.0
// Outputs as matrices, grids of strides, boxes that are finite.
#include "vision/decoder_tools.h"

#include <cmath>

#include "base/error.h"
#include "tensor/numeric.h"

namespace saccade::vision {

Matrix::Matrix(const Tensor& tensor) {
  const Shape& shape = tensor.shape();
  SACCADE_CHECK(!shape.empty(), invalid_model, "an output is a scalar where boxes or scores are expected");
  columns_ = shape.back();
  rows_ = 1;
  for (std::size_t i = shape.size() >= 3 ? 1 : 0; i + 1 < shape.size(); ++i) rows_ *= shape[i];
  load(tensor);
}

Matrix::Matrix(const Tensor& tensor, std::int64_t columns) {
  const Shape& shape = tensor.shape();
  const std::int64_t images = shape.size() >= 2 && shape[0] > 1 && tensor.size() % shape[0] == 0 && shape.size() >= 3 ? shape[0] : 1;
  const std::int64_t elements = tensor.size() / images;
  SACCADE_CHECK(columns > 0 && elements % columns == 0, invalid_model, "an output of shape {} does not hold rows of {}", to_string(shape), columns);
  columns_ = columns;
  rows_ = elements / columns;
  load(tensor);
}

void Matrix::load(const Tensor& tensor) {
  SACCADE_CHECK(rows_ * columns_ <= tensor.size(), internal, "a matrix of {}x{} from {}", rows_, columns_, to_string(tensor.shape()));
  if (tensor.type() == ElementType::f32) {
    data_ = tensor.data<float>();
    return;
  }
  const auto values = to_f64(tensor);
  converted_.assign(values.begin(), values.begin() + rows_ * columns_);
  data_ = converted_.data();
}

Shape without_batch(const Shape& shape, std::size_t rank) {
  if (shape.size() == rank) return shape;
  if (shape.size() == rank + 1) return {shape.begin() + 1, shape.end()};
  return {};
}

std::vector<Level> levels_of(InputSize input, std::span<const int> strides) {
  std::vector<Level> levels;
  for (const int stride : strides) levels.push_back({stride, (input.width + stride - 1) / stride, (input.height + stride - 1) / stride});
  return levels;
}

std::vector<Level> levels_with_cells(InputSize input, std::int64_t cells) {
  static const std::vector<int> usual[] = {{8, 16, 32}, {8, 16, 32, 64}, {4, 8, 16, 32}, {16, 32}, {8, 16}, {16}, {8}, {32}, {8, 16, 32, 64, 128}, {16, 32, 64}};
  for (const auto& strides : usual) {
    auto levels = levels_of(input, strides);
    std::int64_t sum = 0;
    for (const Level& level : levels) sum += level.cells();
    if (sum == cells) return levels;
  }
  return {};
}

void add_box(Detections& found, float x1, float y1, float x2, float y2, float score, int class_id) {
  if (!(std::isfinite(x1) && std::isfinite(y1) && std::isfinite(x2) && std::isfinite(y2) && std::isfinite(score))) return;
  if (!(x2 > x1 && y2 > y1)) return;
  found.push_back({.x1 = x1, .y1 = y1, .x2 = x2, .y2 = y2, .score = score, .class_id = class_id});
}

Best best_of(const float* scores, std::int64_t count) {
  Best best;
  for (std::int64_t i = 0; i < count; ++i)
    if (scores[i] > best.score || (best.index < 0 && !std::isnan(scores[i]))) best = {static_cast<int>(i), scores[i]};
  return best;
}

float sigmoid(float x) { return 1.f / (1.f + std::exp(-x)); }

void require_outputs(std::span<const Tensor> outputs, std::size_t count) {
  SACCADE_CHECK(outputs.size() >= count, invalid_model, "the decoder needs {} outputs, the network gave {}", count, outputs.size());
}

std::string usual_labels(std::int64_t classes) {
  if (classes == 80) return "coco80";
  if (classes == 90 || classes == 91) return "coco90";
  if (classes == 81) return "coco81";
  if (classes == 20) return "voc";
  if (classes == 21) return "voc21";
  return "";
}

}  // namespace saccade::vision
