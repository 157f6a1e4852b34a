// SPDX-License-Identifier: Apache-2.0
// MulticlassNms: the last stage of TensorFlow's detectors.
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

/// (boxes [n,b,q,4], scores [n,b,c], clip_window [n,4]?, num_valid i32|i64 [n]?, fields [n,b,…]…) → boxes [n,m,4], scores [n,m],
/// classes [n,m] of the type of the scores, counts i32 [n], fields [n,m,…]…, with m = max_total; what lies behind a count is zero.
///
/// Boxes are (y1, x1, y2, x2), q is 1 (shared by the classes) or c. Of each image the first num_valid boxes count. In every class by itself
/// boxes with a score above score_threshold are taken from the best on, unless their IoU with one already taken is above iou_threshold, up to
/// max_per_class of them. All classes together are sorted by score; equal ones by class, then by place. With a window boxes are clipped to
/// it; those without area then and those with a negative score are dropped. The first max_total stay; change_coordinate_frame makes
/// them relative to the window. IoU and areas are computed in the type of the boxes, as TensorFlow does: what is dropped hangs on their
/// rounding. Ours; IR: NonMaxSuppression-9, Gather and TopK.
struct MulticlassNms {
  double iou_threshold = 0.6, score_threshold = 0;
  std::int64_t max_per_class = 100, max_total = 100;
  bool change_coordinate_frame = false;

  static constexpr std::string_view kName = "MulticlassNms";
  void fields(FieldVisitor& v) {
    v("iou_threshold", iou_threshold);
    v("score_threshold", score_threshold);
    v("max_per_class", max_per_class);
    v("max_total", max_total);
    v("change_coordinate_frame", change_coordinate_frame);
  }
};

std::vector<Fact> infer(const MulticlassNms& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const MulticlassNms& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
