// SPDX-License-Identifier: Apache-2.0
// DetectionPostProcess, greedy from the best score on.
#include "ops/detection_post_process.h"

#include <algorithm>
#include <numeric>

#include "ops/inference.h"
#include "tensor/numeric.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;
constexpr i64 kMost = 1'000'000;

i64 rows_of(const DetectionPostProcess& op) {
  SACCADE_CHECK(op.max_detections >= 0 && op.max_detections <= kMost && op.max_classes_per_detection >= 1 &&
                    op.max_classes_per_detection <= kMost && op.detections_per_class >= 1 && op.num_classes >= 1,
                invalid_model, "{} detections of {} classes each, {} of a class, {} classes", op.max_detections,
                op.max_classes_per_detection, op.detections_per_class, op.num_classes);
  SACCADE_CHECK(op.iou_threshold > 0 && op.iou_threshold <= 1, invalid_model, "an IoU threshold of {}", op.iou_threshold);
  const i64 rows = op.max_detections * op.max_classes_per_detection;
  SACCADE_CHECK(rows <= kMost, invalid_model, "{} rows", rows);
  return rows;
}

double overlap(const float* a, const float* b) {
  const float area_a = (a[2] - a[0]) * (a[3] - a[1]), area_b = (b[2] - b[0]) * (b[3] - b[1]);
  if (!(area_a > 0) || !(area_b > 0)) return 0;
  const float h = std::max(std::min(a[2], b[2]) - std::max(a[0], b[0]), 0.f),
              w = std::max(std::min(a[3], b[3]) - std::max(a[1], b[1]), 0.f);
  return h * w / (area_a + area_b - h * w);
}

// The boxes kept, best first.
std::vector<i64> suppress(const DetectionPostProcess& op, const float* boxes, const std::vector<float>& scores, i64 most) {
  std::vector<i64> order;
  for (std::size_t i = 0; i < scores.size(); ++i)
    if (scores[i] >= static_cast<float>(op.score_threshold)) order.push_back(static_cast<i64>(i));
  std::stable_sort(order.begin(), order.end(),
                   [&](i64 a, i64 b) { return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)]; });
  std::vector<i64> kept;
  for (i64 candidate : order) {
    if (static_cast<i64>(kept.size()) >= most) break;
    const bool covered = std::any_of(kept.begin(), kept.end(), [&](i64 k) {
      return overlap(boxes + 4 * k, boxes + 4 * candidate) > static_cast<float>(op.iou_threshold);
    });
    if (!covered) kept.push_back(candidate);
  }
  return kept;
}

struct Results {
  Tensor boxes, classes, scores, count;

  explicit Results(i64 rows)
      : boxes(ElementType::f32, {1, rows, 4}),
        classes(ElementType::f32, {1, rows}),
        scores(ElementType::f32, {1, rows}),
        count(ElementType::f32, {1}) {}
  void set(i64 row, const float* box, i64 cls, float score) {
    std::copy_n(box, 4, boxes.data<float>() + 4 * row);
    classes.data<float>()[row] = static_cast<float>(cls);
    scores.data<float>()[row] = score;
  }
};

struct Scores {
  const float* data;
  i64 boxes, stride, background;
  float operator()(i64 box, i64 cls) const { return data[box * stride + background + cls]; }
};

void regular(const DetectionPostProcess& op, const float* boxes, const Scores& scores, Results& out) {
  struct Detection {
    i64 box, cls;
    float score;
  };
  std::vector<Detection> best;
  std::vector<float> of_class(static_cast<std::size_t>(scores.boxes));
  for (i64 cls = 0; cls < op.num_classes; ++cls) {
    for (i64 b = 0; b < scores.boxes; ++b) of_class[static_cast<std::size_t>(b)] = scores(b, cls);
    for (i64 b : suppress(op, boxes, of_class, op.detections_per_class)) best.push_back({b, cls, scores(b, cls)});
    std::stable_sort(best.begin(), best.end(), [](const Detection& a, const Detection& b) { return a.score > b.score; });
    if (static_cast<i64>(best.size()) > op.max_detections) best.resize(static_cast<std::size_t>(op.max_detections));
  }
  for (std::size_t i = 0; i < best.size(); ++i) out.set(static_cast<i64>(i), boxes + 4 * best[i].box, best[i].cls, best[i].score);
  out.count.data<float>()[0] = static_cast<float>(best.size());
}

void agnostic(const DetectionPostProcess& op, const float* boxes, const Scores& scores, Results& out) {
  std::vector<float> top(static_cast<std::size_t>(scores.boxes));
  for (i64 b = 0; b < scores.boxes; ++b) {
    float most = scores(b, 0);
    for (i64 cls = 1; cls < op.num_classes; ++cls) most = std::max(most, scores(b, cls));
    top[static_cast<std::size_t>(b)] = most;
  }
  const std::vector<i64> kept = suppress(op, boxes, top, op.max_detections);
  const i64 each = std::min(op.max_classes_per_detection, op.num_classes);
  std::vector<i64> classes(static_cast<std::size_t>(op.num_classes));
  for (std::size_t i = 0; i < kept.size(); ++i) {
    std::iota(classes.begin(), classes.end(), 0);
    std::stable_sort(classes.begin(), classes.end(), [&](i64 a, i64 b) { return scores(kept[i], a) > scores(kept[i], b); });
    for (i64 k = 0; k < each; ++k) {
      const i64 cls = classes[static_cast<std::size_t>(k)];
      out.set(static_cast<i64>(i) * op.max_classes_per_detection + k, boxes + 4 * kept[i], cls, scores(kept[i], cls));
    }
  }
  out.count.data<float>()[0] = static_cast<float>(kept.size());
}

}  // namespace

std::vector<Fact> infer(const DetectionPostProcess& op, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 2);
  const PartialShape &boxes = inputs[0].type.shape, &scores = inputs[1].type.shape;
  SACCADE_CHECK(inputs[0].type.element == ElementType::f32 && inputs[1].type.element == ElementType::f32, invalid_model,
                "boxes of type {} and scores of type {}", to_string(inputs[0].type.element), to_string(inputs[1].type.element));
  if (boxes.ranked())
    SACCADE_CHECK(boxes.rank() == 3 && (!boxes[2].is_static() || boxes[2].size() == 4), invalid_model, "boxes of shape {}",
                  to_string(boxes));
  if (scores.ranked()) SACCADE_CHECK(scores.rank() == 3, invalid_model, "scores of shape {}", to_string(scores));
  const i64 rows = rows_of(op);
  return {Fact(ElementType::f32, Shape{1, rows, 4}), Fact(ElementType::f32, Shape{1, rows}), Fact(ElementType::f32, Shape{1, rows}),
          Fact(ElementType::f32, Shape{1})};
}

std::vector<Tensor> evaluate(const DetectionPostProcess& op, std::span<const Tensor> inputs) {
  const Shape &b = inputs[0].shape(), &s = inputs[1].shape();
  SACCADE_CHECK(b.size() == 3 && s.size() == 3 && b[0] == 1 && s[0] == 1 && b[1] == s[1] && b[2] == 4 &&
                    (s[2] == op.num_classes || s[2] == op.num_classes + 1),
                invalid_model, "boxes {} and scores {} of {} classes", to_string(b), to_string(s), op.num_classes);
  Results out(rows_of(op));
  const Scores scores{inputs[1].data<float>(), b[1], s[2], s[2] - op.num_classes};
  (op.regular ? regular : agnostic)(op, inputs[0].data<float>(), scores, out);
  return {out.boxes, out.classes, out.scores, out.count};
}

}  // namespace saccade::ops
