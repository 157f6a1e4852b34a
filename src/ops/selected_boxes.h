// SPDX-License-Identifier: Apache-2.0
// The outputs of operators that suppress boxes class by class: which were selected, with which scores, how many.
#pragma once

#include <vector>

#include "graph/op.h"

namespace saccade::ops {

struct SelectedBox {
  std::int64_t batch, cls, box;
  double score;
};

/// → selected_indices [m,3] of (batch, class, box), selected_scores f32 [m,3] of (batch, class, score), valid_outputs [1]; by falling score, equal
/// ones in their order, if `sorted`. Indices are of `type`.
std::vector<Tensor> selected_boxes(std::vector<SelectedBox> rows, bool sorted, ElementType type);

}  // namespace saccade::ops
