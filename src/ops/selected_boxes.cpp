// SPDX-License-Identifier: Apache-2.0
// Rows of selected boxes as tensors.
#include "ops/selected_boxes.h"

#include <algorithm>

#include "tensor/numeric.h"

namespace saccade::ops {

std::vector<Tensor> selected_boxes(std::vector<SelectedBox> rows, bool sorted, ElementType type) {
  if (sorted) std::stable_sort(rows.begin(), rows.end(), [](const SelectedBox& x, const SelectedBox& y) { return x.score > y.score; });
  std::vector<std::int64_t> indices;
  std::vector<double> values;
  for (const SelectedBox& r : rows) {
    indices.insert(indices.end(), {r.batch, r.cls, r.box});
    values.insert(values.end(), {static_cast<double>(r.batch), static_cast<double>(r.cls), r.score});
  }
  const Shape shape{static_cast<std::int64_t>(rows.size()), 3};
  const std::int64_t count[] = {shape[0]};
  return {from_i64(type, shape, indices), from_f64(ElementType::f32, shape, values), from_i64(type, {1}, count)};
}

}  // namespace saccade::ops
