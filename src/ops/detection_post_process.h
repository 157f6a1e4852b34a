// SPDX-License-Identifier: Apache-2.0
// DetectionPostProcess: suppression as TFLite's detectors end with.
#pragma once

#include <span>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Fact;
using graph::FieldVisitor;

/// (boxes [1,n,4] as y1, x1, y2, x2, scores [1,n,c]) → boxes [1,m,4], classes [1,m], scores [1,m], count [1], all f32. c is num_classes,
/// or one more with the background first; classes count from 0 without it. A box is a candidate if its score is at least
/// score_threshold, is dropped if its IoU with a better one kept exceeds iou_threshold, and of equal scores the first box wins.
///
/// regular: at most detections_per_class of each class, of which the max_detections best stay. m = max_detections ·
/// max_classes_per_detection. Otherwise boxes compete by their best class whatever it is, max_detections stay, and each takes
/// max_classes_per_detection rows, with its best classes; `count` counts boxes, not rows. What is left is zero.
///
/// Ours.
struct DetectionPostProcess {
  std::int64_t max_detections = 10;
  std::int64_t max_classes_per_detection = 1;
  std::int64_t detections_per_class = 100;
  std::int64_t num_classes = 1;
  bool regular = false;
  double score_threshold = 0;
  double iou_threshold = 0.5;

  static constexpr std::string_view kName = "DetectionPostProcess";
  void fields(FieldVisitor& v) {
    v("max_detections", max_detections);
    v("max_classes_per_detection", max_classes_per_detection);
    v("detections_per_class", detections_per_class);
    v("num_classes", num_classes);
    v("regular", regular);
    v("score_threshold", score_threshold);
    v("iou_threshold", iou_threshold);
  }
};
std::vector<Fact> infer(const DetectionPostProcess& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const DetectionPostProcess& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
