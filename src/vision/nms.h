// SPDX-License-Identifier: Apache-2.0
// Non-maximum suppression: of boxes that overlap, the one with the best score stays.
#pragma once

#include "vision/detection.h"

namespace saccade::vision {

enum class NmsScope { per_class, all_classes };

struct NmsOptions {
  double iou = 0.5;       ///< boxes that overlap by more than this go
  int max_detections = 100;
  NmsScope scope = NmsScope::per_class;
  int max_candidates = 30000;  ///< only that many of the best scores are looked at
};

/// Sorts by falling score (equal scores keep their order), suppresses and cuts to max_detections. Scores that are not numbers go.
void suppress(Detections& detections, const NmsOptions& options);
/// Sorts and cuts as suppress() does, without suppressing.
void keep_best(Detections& detections, int max_detections);

/// Intersection over union of two boxes; 0 if either is empty.
float overlap(const Detection& a, const Detection& b);

}  // namespace saccade::vision
