// SPDX-License-Identifier: Apache-2.0
// Proposal: anchors moved by deltas, the best of them, suppressed.
#include "ops/proposal.h"

#include <algorithm>
#include <cmath>

#include "ops/inference.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;

constexpr i64 kMaxRegions = i64{1} << 24, kMaxImageSize = i64{1} << 24;

struct Anchor {
  double x1, y1, x2, y2;
};

struct Region {
  Anchor box;
  double score;
};

i64 anchor_count(const Proposal& op) {
  SACCADE_CHECK(!op.ratio.empty() && !op.scale.empty(), invalid_model, "no ratios or no scales of anchors");
  return static_cast<i64>(op.ratio.size() * op.scale.size());
}

void check_attributes(const Proposal& op) {
  SACCADE_CHECK(op.base_size >= 0 && op.base_size <= kMaxImageSize && op.feat_stride >= 1 && op.feat_stride <= kMaxImageSize, invalid_model, "base_size is {}, feat_stride {}", op.base_size, op.feat_stride);
  SACCADE_CHECK(op.pre_nms_topn >= 1 && op.post_nms_topn >= 1 && op.post_nms_topn <= kMaxRegions, invalid_model, "pre_nms_topn is {}, post_nms_topn {}", op.pre_nms_topn, op.post_nms_topn);
  SACCADE_CHECK(op.box_size_scale != 0 && op.box_coordinate_scale != 0, invalid_model, "a scale of boxes is 0");
}

// What frameworks do differently.
struct Style {
  double offset;  // from a box's last coordinate to its end
  bool tensorflow;
  explicit Style(const Proposal& op) : offset(op.framework == "tensorflow" ? 0 : 1), tensorflow(op.framework == "tensorflow") {}
};

std::vector<Anchor> make_anchors(const Proposal& op, const Style& style) {
  const auto base = static_cast<double>(op.base_size);
  const double centre = (base - style.offset) / 2, shift = style.tensorflow ? base / 2 : 0;
  std::vector<Anchor> anchors;
  for (const double ratio : op.ratio) {
    double w = std::sqrt(base * base / ratio), h = w * ratio;
    if (!style.tensorflow) {
      w = std::round(w);
      h = std::round(w * ratio);
    }
    for (const double scale : op.scale) {
      const double half_w = (w * scale - style.offset) / 2, half_h = (h * scale - style.offset) / 2;
      anchors.push_back({centre - half_w - shift, centre - half_h - shift, centre + half_w - shift, centre + half_h - shift});
    }
  }
  return anchors;
}

void clip(Anchor& b, double width, double height) {
  b.x1 = std::max(0.0, std::min(b.x1, width));
  b.y1 = std::max(0.0, std::min(b.y1, height));
  b.x2 = std::max(0.0, std::min(b.x2, width));
  b.y2 = std::max(0.0, std::min(b.y2, height));
}

double overlap(const Anchor& a, const Anchor& b, double offset) {
  if (!(a.x1 <= b.x2 && a.y1 <= b.y2 && b.x1 <= a.x2 && b.y1 <= a.y2)) return 0;
  const double w = std::max(0.0, std::min(a.x2, b.x2) - std::max(a.x1, b.x1) + offset), h = std::max(0.0, std::min(a.y2, b.y2) - std::max(a.y1, b.y1) + offset);
  const double area_a = (a.x2 - a.x1 + offset) * (a.y2 - a.y1 + offset), area_b = (b.x2 - b.x1 + offset) * (b.y2 - b.y1 + offset);
  return w * h / (area_a + area_b - w * h);
}

struct ImageInfo {
  double height, width, min_height, min_width;
};

// All anchors of all places, moved. `scores` and `deltas` are those of one image.
std::vector<Region> enumerate(const Proposal& op, const Style& style, const ImageInfo& image, const double* scores, const double* deltas, i64 h, i64 w) {
  const std::vector<Anchor> anchors = make_anchors(op, style);
  const i64 area = h * w;
  std::vector<Region> candidates;
  candidates.reserve(anchors.size() * static_cast<std::size_t>(area));
  for (i64 y = 0; y < h; ++y)
    for (i64 x = 0; x < w; ++x)
      for (std::size_t a = 0; a < anchors.size(); ++a) {
        const auto at_x = static_cast<double>((style.tensorflow ? y : x) * op.feat_stride), at_y = static_cast<double>((style.tensorflow ? x : y) * op.feat_stride);
        Anchor b{at_x + anchors[a].x1, at_y + anchors[a].y1, at_x + anchors[a].x2, at_y + anchors[a].y2};
        if (style.tensorflow) clip(b, image.width, image.height);
        const double* d = deltas + static_cast<i64>(a) * 4 * area + y * w + x;
        const double box_w = b.x2 - b.x1 + style.offset, box_h = b.y2 - b.y1 + style.offset;
        const double centre_x = b.x1 + box_w / 2 + d[0] / op.box_coordinate_scale * box_w, centre_y = b.y1 + box_h / 2 + d[area] / op.box_coordinate_scale * box_h;
        const double half_w = std::exp(d[2 * area] / op.box_size_scale) * box_w / 2, half_h = std::exp(d[3 * area] / op.box_size_scale) * box_h / 2;
        b = {centre_x - half_w, centre_y - half_h, centre_x + half_w, centre_y + half_h};
        if (op.clip_before_nms) clip(b, image.width - style.offset, image.height - style.offset);
        const bool large = image.min_width <= b.x2 - b.x1 + style.offset && image.min_height <= b.y2 - b.y1 + style.offset;
        const double score = scores[static_cast<i64>(a) * area + y * w + x];
        candidates.push_back({b, large && !std::isnan(score) ? score : 0});
      }
  return candidates;
}

// The indices of those that stay, best first.
std::vector<std::size_t> suppress(const std::vector<Region>& sorted, std::size_t considered, const Proposal& op, const Style& style) {
  std::vector<std::size_t> kept;
  for (std::size_t i = 0; i < considered && static_cast<i64>(kept.size()) < op.post_nms_topn; ++i)
    if (std::none_of(kept.begin(), kept.end(), [&](std::size_t k) { return overlap(sorted[k].box, sorted[i].box, style.offset) > op.nms_thresh; })) kept.push_back(i);
  return kept;
}

}  // namespace

std::vector<Fact> infer(const Proposal& op, std::span<const Fact> inputs) {
  check_arity(inputs, 3, 3);
  check_attributes(op);
  const i64 anchors = anchor_count(op);
  for (std::size_t i = 0; i < 3; ++i) SACCADE_CHECK(is_float(inputs[i].type.element), invalid_model, "input {} of element type {}", i, to_string(inputs[i].type.element));
  const PartialShape &scores = inputs[0].type.shape, &deltas = inputs[1].type.shape, &info = inputs[2].type.shape;
  SACCADE_CHECK((!scores.ranked() || scores.rank() == 4) && (!deltas.ranked() || deltas.rank() == 4) && (!info.ranked() || info.rank() <= 2), invalid_model,
                "scores {}, deltas {} and image info {}", to_string(scores), to_string(deltas), to_string(info));
  Dimension images = Dimension::unknown();
  const auto check = [&](const PartialShape& shape, i64 each) {
    if (!shape.ranked()) return;
    images = meet(images, shape[0]);
    SACCADE_CHECK(!shape[1].is_static() || shape[1].size() == each * anchors, invalid_model, "an input of shape {} for {} anchors", to_string(shape), anchors);
  };
  check(scores, 2);
  check(deltas, 4);
  const Dimension regions = images * Dimension::fixed(op.post_nms_topn);
  return {Fact(inputs[0].type.element, PartialShape({regions, Dimension::fixed(5)})), Fact(inputs[0].type.element, PartialShape({regions}))};
}

std::vector<Tensor> evaluate(const Proposal& op, std::span<const Tensor> inputs) {
  check_attributes(op);
  const i64 anchors = anchor_count(op);
  const Shape &s = inputs[0].shape(), &d = inputs[1].shape();
  SACCADE_CHECK(s.size() == 4 && s[1] == 2 * anchors && d == Shape({s[0], 4 * anchors, s[2], s[3]}), invalid_model, "scores {} and deltas {} for {} anchors", to_string(s), to_string(d), anchors);
  const std::vector<double> scores = to_f64(inputs[0]), deltas = to_f64(inputs[1]), info = to_f64(inputs[2]);
  SACCADE_CHECK(info.size() == 3 || info.size() == 4, invalid_model, "image info of {} numbers", info.size());
  const auto min_size = static_cast<double>(op.min_size);
  const ImageInfo image{info[0], info[1], min_size * info[2], min_size * (info.size() > 3 ? info[3] : info[2])};
  const Style style(op);
  SACCADE_CHECK(s[0] <= kMaxRegions / op.post_nms_topn, invalid_model, "more than {} regions", kMaxRegions);
  const i64 area = s[2] * s[3], regions = s[0] * op.post_nms_topn;
  std::vector<double> boxes(static_cast<std::size_t>(regions * 5)), probabilities(static_cast<std::size_t>(regions));
  for (i64 n = 0; n < s[0]; ++n) {
    std::vector<Region> candidates = enumerate(op, style, image, scores.data() + (2 * n + 1) * anchors * area, deltas.data() + 4 * n * anchors * area, s[2], s[3]);
    std::stable_sort(candidates.begin(), candidates.end(), [](const Region& a, const Region& b) { return a.score > b.score; });
    const std::size_t considered = std::min(candidates.size(), static_cast<std::size_t>(op.pre_nms_topn));
    i64 row = n * op.post_nms_topn;
    const auto kept = suppress(candidates, considered, op, style);
    for (const std::size_t k : kept) {
      Anchor b = candidates[k].box;
      if (op.clip_after_nms) clip(b, image.width, image.height);
      if (op.normalize) b = {b.x1 / image.width, b.y1 / image.height, b.x2 / image.width, b.y2 / image.height};
      const double numbers[] = {static_cast<double>(n), b.x1, b.y1, b.x2, b.y2};
      std::copy(std::begin(numbers), std::end(numbers), boxes.begin() + row * 5);
      probabilities[static_cast<std::size_t>(row++)] = candidates[k].score;
    }
    if (static_cast<i64>(kept.size()) < op.post_nms_topn) boxes[static_cast<std::size_t>(row * 5)] = -1;
  }
  return {from_f64(inputs[0].type(), {regions, 5}, boxes), from_f64(inputs[0].type(), {regions}, probabilities)};
}

}  // namespace saccade::ops
