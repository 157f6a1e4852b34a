// SPDX-License-Identifier: Apache-2.0
// Greedy non-maximum suppression, class by class.
#include "vision/nms.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace saccade::vision {
namespace {

std::vector<std::size_t> order_by_score(const Detections& detections) {
  std::vector<std::size_t> order;
  order.reserve(detections.size());
  for (std::size_t i = 0; i < detections.size(); ++i)
    if (!std::isnan(detections[i].score)) order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return detections[a].score > detections[b].score; });
  return order;
}

void take(Detections& detections, const std::vector<std::size_t>& kept) {
  Detections result;
  result.reserve(kept.size());
  for (const std::size_t i : kept) result.push_back(std::move(detections[i]));
  detections = std::move(result);
}

/// A kept box with its area, so that the inner loop computes neither twice.
struct Kept {
  float x1, y1, x2, y2, area;
};

bool overlaps(const Kept& a, const Kept& b, float iou) {
  const float width = std::min(a.x2, b.x2) - std::max(a.x1, b.x1), height = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
  if (!(width > 0 && height > 0)) return false;
  const float common = width * height;
  return common > iou * (a.area + b.area - common);
}

}  // namespace

float overlap(const Detection& a, const Detection& b) {
  const float width = std::min(a.x2, b.x2) - std::max(a.x1, b.x1), height = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
  if (!(width > 0 && height > 0)) return 0;
  const float common = width * height;
  return common / (a.width() * a.height() + b.width() * b.height() - common);
}

void suppress(Detections& detections, const NmsOptions& options) {
  auto order = order_by_score(detections);
  if (options.max_candidates > 0) order.resize(std::min(order.size(), static_cast<std::size_t>(options.max_candidates)));
  const std::size_t limit = options.max_detections > 0 ? static_cast<std::size_t>(options.max_detections) : order.size();
  std::map<int, std::vector<Kept>> kept_by_class;
  std::vector<std::size_t> kept;
  for (const std::size_t i : order) {
    if (kept.size() == limit) break;
    const Detection& d = detections[i];
    auto& others = kept_by_class[options.scope == NmsScope::per_class ? d.class_id : 0];
    const Kept box{d.x1, d.y1, d.x2, d.y2, d.width() * d.height()};
    if (std::any_of(others.begin(), others.end(), [&](const Kept& other) { return overlaps(other, box, static_cast<float>(options.iou)); })) continue;
    others.push_back(box);
    kept.push_back(i);
  }
  take(detections, kept);
}

void keep_best(Detections& detections, int max_detections) {
  auto order = order_by_score(detections);
  if (max_detections > 0) order.resize(std::min(order.size(), static_cast<std::size_t>(max_detections)));
  take(detections, order);
}

}  // namespace saccade::vision
