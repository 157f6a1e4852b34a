// SPDX-License-Identifier: Apache-2.0
// NonMaxSuppression, hard and soft, greedy from the best score on.
#include "ops/non_max_suppression.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <queue>

#include "ops/inference.h"
#include "ops/selected_boxes.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;

struct NmsBox {
  double y1, x1, y2, x2;
  double area() const { return (y2 - y1) * (x2 - x1); }
};

NmsBox box_of(const double* b, BoxEncoding encoding) {
  if (encoding == BoxEncoding::center) return {b[1] - b[3] / 2, b[0] - b[2] / 2, b[1] + b[3] / 2, b[0] + b[2] / 2};
  return {std::min(b[0], b[2]), std::min(b[1], b[3]), std::max(b[0], b[2]), std::max(b[1], b[3])};
}

double overlap(const NmsBox& a, const NmsBox& b) {
  const double area_a = a.area(), area_b = b.area();
  if (!(area_a > 0) || !(area_b > 0)) return 0;
  const double h = std::min(a.y2, b.y2) - std::max(a.y1, b.y1), w = std::min(a.x2, b.x2) - std::max(a.x1, b.x1);
  if (!(h > 0) || !(w > 0)) return 0;
  return h * w / (area_a + area_b - h * w);
}

struct Settings {
  i64 most = 0;
  double iou = 0, score = -std::numeric_limits<double>::infinity(), sigma = 0;
};

struct NmsCandidate {
  double score;
  i64 box;
  std::size_t compared;  // with this many of the kept ones
  bool operator<(const NmsCandidate& other) const { return score < other.score || (score == other.score && box > other.box); }
};

std::vector<NmsCandidate> suppress(const std::vector<NmsBox>& boxes, const double* scores, const Settings& s) {
  std::priority_queue<NmsCandidate> queue;
  for (std::size_t i = 0; i < boxes.size(); ++i)
    if (scores[i] > s.score) queue.push({scores[i], static_cast<i64>(i), 0});
  std::vector<NmsCandidate> kept;
  while (!queue.empty() && static_cast<i64>(kept.size()) < s.most) {
    NmsCandidate c = queue.top();
    queue.pop();
    const double before = c.score;
    bool dropped = false;
    for (std::size_t k = kept.size(); k-- > c.compared && !dropped;) {
      const double iou = overlap(boxes[static_cast<std::size_t>(c.box)], boxes[static_cast<std::size_t>(kept[k].box)]);
      dropped = iou > s.iou;
      if (s.sigma > 0 && !dropped) {
        c.score *= std::exp(-0.5 / s.sigma * iou * iou);
        dropped = c.score <= s.score;
      }
    }
    if (dropped) continue;
    c.compared = kept.size();
    if (c.score == before)
      kept.push_back(c);
    else
      queue.push(c);  // its score has sunk; others may be better now
  }
  return kept;
}

double scalar_or(std::span<const Tensor> inputs, std::size_t i, double otherwise) {
  if (!has(inputs, i)) return otherwise;
  SACCADE_CHECK(inputs[i].size() == 1, invalid_model, "input {} of shape {}, a scalar is needed", i, to_string(inputs[i].shape()));
  return element_as_f64(inputs[i], 0);
}

}  // namespace

std::vector<Fact> infer(const NonMaxSuppression& op, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 6);
  SACCADE_CHECK(op.output_type == ElementType::i64 || op.output_type == ElementType::i32, invalid_model, "indices of element type {}",
                to_string(op.output_type));
  check_same_element(inputs, 0, 1);
  SACCADE_CHECK(is_float(inputs[0].type.element), invalid_model, "boxes of element type {}", to_string(inputs[0].type.element));
  const PartialShape &boxes = inputs[0].type.shape, &scores = inputs[1].type.shape;
  SACCADE_CHECK((!boxes.ranked() || boxes.rank() == 3) && (!scores.ranked() || scores.rank() == 3), invalid_model, "boxes {} and scores {}",
                to_string(boxes), to_string(scores));
  if (boxes.ranked()) SACCADE_CHECK(!boxes[2].is_static() || boxes[2].size() == 4, invalid_model, "boxes of shape {}", to_string(boxes));
  PartialShape out = PartialShape::of_rank(2);
  out[1] = Dimension::fixed(3);
  if (boxes.ranked() && scores.ranked()) {
    const Dimension count = meet(boxes[1], scores[2]), classes = meet(boxes[0], scores[0]) * scores[1];
    Dimension each = count;
    if (const auto most = known_integers(inputs, 2); most && most->size() == 1) each.max = std::min(each.max, std::max<i64>((*most)[0], 0));
    each.min = 0;
    each.symbol.clear();
    out[0] = classes * each;
    out[0].min = 0;
    out[0].symbol.clear();
  }
  return {Fact(op.output_type, out), Fact(ElementType::f32, out), Fact(op.output_type, PartialShape(Shape{1}))};
}

std::vector<Tensor> evaluate(const NonMaxSuppression& op, std::span<const Tensor> inputs) {
  const Shape &b = inputs[0].shape(), &s = inputs[1].shape();
  SACCADE_CHECK(b.size() == 3 && s.size() == 3 && b[2] == 4 && b[0] == s[0] && b[1] == s[2], invalid_model, "boxes {} and scores {}",
                to_string(b), to_string(s));
  Settings settings;
  settings.most = has(inputs, 2) ? static_cast<i64>(scalar_or(inputs, 2, 0)) : 0;
  settings.iou = scalar_or(inputs, 3, 0);
  settings.score = scalar_or(inputs, 4, settings.score);
  settings.sigma = scalar_or(inputs, 5, 0);
  const std::vector<double> corners = to_f64(inputs[0]), scores = to_f64(inputs[1]);
  std::vector<SelectedBox> rows;
  for (i64 n = 0; n < b[0]; ++n) {
    std::vector<NmsBox> boxes;
    for (i64 i = 0; i < b[1]; ++i) boxes.push_back(box_of(corners.data() + (n * b[1] + i) * 4, op.box_encoding));
    for (i64 c = 0; c < s[1]; ++c)
      for (const NmsCandidate& k : suppress(boxes, scores.data() + (n * s[1] + c) * s[2], settings)) rows.push_back({n, c, k.box, k.score});
  }
  return selected_boxes(std::move(rows), op.sort_result_descending, op.output_type);
}

}  // namespace saccade::ops
