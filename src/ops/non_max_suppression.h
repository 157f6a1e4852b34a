// SPDX-License-Identifier: Apache-2.0
// NonMaxSuppression.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Cost;
using graph::Fact;
using graph::FieldVisitor;

enum class BoxEncoding { corner, center };

/// (boxes [n,b,4], scores [n,c,b], max_output_boxes_per_class i64?, iou_threshold?, score_threshold?, soft_nms_sigma?) → selected_indices
/// [m,3] of (batch, class, box), selected_scores f32 [m,3] of (batch, class, score), valid_outputs [1]. Boxes are (y1, x1, y2, x2), any two
/// opposite corners, or with `center` (x, y, w, h). A box is kept if its score is above score_threshold (an absent one keeps all) and its
/// IoU with every better one kept is at most iou_threshold; of equal scores the first box wins. sort_result_descending sorts the results of
/// all batches and classes together by score; otherwise they are ordered by batch, class and score (NonMaxSuppression-9, except for the
/// absent threshold).
struct NonMaxSuppression {
  BoxEncoding box_encoding = BoxEncoding::corner;
  bool sort_result_descending = true;
  ElementType output_type = ElementType::i64;

  static constexpr std::string_view kName = "NonMaxSuppression";
  void fields(FieldVisitor& v) {
    v("box_encoding", box_encoding, {"corner", "center"});
    v("sort_result_descending", sort_result_descending);
    v("output_type", output_type);
  }
};

std::vector<Fact> infer(const NonMaxSuppression& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const NonMaxSuppression& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
