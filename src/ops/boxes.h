// SPDX-License-Identifier: Apache-2.0
// Boxes by their corners: what the last stages of detectors share.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace saccade::ops {

/// Corners in pixels or parts of an image. Functions take `offset`: from a box's last coordinate to its end, 1 where coordinates name
/// pixels.
struct Corners {
  double x1 = 0, y1 = 0, x2 = 0, y2 = 0;
  double width(double offset) const { return x2 - x1 + offset; }
  double height(double offset) const { return y2 - y1 + offset; }
  double area(double offset) const { return x2 < x1 || y2 < y1 ? 0 : width(offset) * height(offset); }
};

inline Corners corners_at(const double* b) { return {b[0], b[1], b[2], b[3]}; }

/// The area that both have over the area that either has.
inline double overlap(const Corners& a, const Corners& b, double offset) {
  if (!(a.x1 <= b.x2 && a.y1 <= b.y2 && b.x1 <= a.x2 && b.y1 <= a.y2)) return 0;
  const double w = std::max(0.0, std::min(a.x2, b.x2) - std::max(a.x1, b.x1) + offset),
               h = std::max(0.0, std::min(a.y2, b.y2) - std::max(a.y1, b.y1) + offset);
  const double both = w * h, either = a.area(offset) + b.area(offset) - both;
  return either > 0 ? both / either : 0;
}

struct ScoredBox {
  Corners box;
  double score = 0;
  std::int64_t index = 0;
};

/// Best first; of equal scores the first in order stays first.
inline void sort_by_score(std::vector<ScoredBox>& boxes) {
  std::stable_sort(boxes.begin(), boxes.end(), [](const ScoredBox& a, const ScoredBox& b) { return a.score > b.score; });
}

struct Suppression {
  double threshold = 0.5, offset = 0;
  /// Where below 1, the threshold shrinks by it with every box that stays, while it is above one half.
  double eta = 1;
  std::int64_t most = -1;  // that stay; negative: all
};

/// Of sorted boxes those that overlap no better one that stays by more than the threshold.
inline std::vector<ScoredBox> suppress(const std::vector<ScoredBox>& sorted, Suppression rule) {
  std::vector<ScoredBox> kept;
  for (const ScoredBox& b : sorted) {
    if (rule.most >= 0 && static_cast<std::int64_t>(kept.size()) >= rule.most) break;
    if (std::any_of(kept.begin(), kept.end(), [&](const ScoredBox& k) { return overlap(k.box, b.box, rule.offset) > rule.threshold; }))
      continue;
    kept.push_back(b);
    if (rule.eta < 1 && rule.threshold > 0.5) rule.threshold *= rule.eta;
  }
  return kept;
}

}  // namespace saccade::ops
