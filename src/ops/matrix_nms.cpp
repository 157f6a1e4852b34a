// SPDX-License-Identifier: Apache-2.0
// MatrixNms and OpenVINO's MulticlassNms.
#include "ops/matrix_nms.h"

#include <cmath>

#include "ops/boxes.h"
#include "ops/inference.h"
#include "ops/widened.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;

struct Row {
  i64 image, cls, place;
  ScoredBox box;
};

bool is_better(const Row& a, const Row& b) {
  if (a.box.score != b.box.score) return a.box.score > b.box.score;
  if (a.image != b.image) return a.image < b.image;
  return a.cls != b.cls ? a.cls < b.cls : a.place < b.place;
}

void sort_rows(std::vector<Row>& rows, RowOrder order) {
  if (order == RowOrder::score) std::sort(rows.begin(), rows.end(), is_better);
  if (order == RowOrder::classid)
    std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
      return a.cls != b.cls ? a.cls < b.cls : a.image != b.image ? a.image < b.image : is_better(a, b);
    });
}

// Those of a class above the threshold, best first.
std::vector<ScoredBox> candidates(const RowSettings& s, const double* boxes, const double* scores, i64 count) {
  std::vector<ScoredBox> found;
  for (i64 i = 0; i < count; ++i)
    if (scores[i] > s.score_threshold) found.push_back({corners_at(boxes + 4 * i), scores[i], i});
  sort_by_score(found);
  if (s.nms_top_k >= 0 && static_cast<i64>(found.size()) > s.nms_top_k) found.resize(static_cast<std::size_t>(s.nms_top_k));
  return found;
}

std::vector<ScoredBox> decayed(const MatrixNms& op, std::vector<ScoredBox> sorted) {
  const double offset = op.rows.normalized ? 0 : 1;
  std::vector<ScoredBox> kept;
  std::vector<double> largest(sorted.size());  // overlap with a better one
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    double factor = 1;
    for (std::size_t j = 0; j < i; ++j) {
      const double common = overlap(sorted[i].box, sorted[j].box, offset);
      largest[i] = std::max(largest[i], common);
      factor =
          std::min(factor, op.decay_function == Decay::gaussian ? std::exp((largest[j] * largest[j] - common * common) * op.gaussian_sigma)
                                                                : (1 - common) / (1 - largest[j]));
    }
    const double score = sorted[i].score * factor;
    if (score > op.post_threshold) kept.push_back({sorted[i].box, score, sorted[i].index});
  }
  return kept;
}

// The rows of one image that remain, out of those of all its classes.
void keep_best(const RowSettings& s, std::vector<Row>& rows) {
  if (s.keep_top_k >= 0 && static_cast<i64>(rows.size()) > s.keep_top_k) {
    std::sort(rows.begin(), rows.end(), is_better);
    rows.resize(static_cast<std::size_t>(s.keep_top_k));
  }
}

// `by_class`: whether the rows of an image may be ordered by it.
std::vector<Tensor> results(const RowSettings& s, bool by_class, std::vector<std::vector<Row>> images, ElementType element) {
  std::vector<Row> all;
  std::vector<i64> counts;
  for (auto& rows : images) {
    keep_best(s, rows);
    sort_rows(rows, by_class && s.sort_result_type == RowOrder::classid ? RowOrder::classid : RowOrder::score);
    counts.push_back(static_cast<i64>(rows.size()));
    all.insert(all.end(), rows.begin(), rows.end());
  }
  if (s.sort_result_across_batch) sort_rows(all, s.sort_result_type);
  std::vector<double> values;
  std::vector<i64> places;
  for (const Row& r : all) {
    values.insert(values.end(), {static_cast<double>(r.cls), r.box.score, r.box.box.x1, r.box.box.y1, r.box.box.x2, r.box.box.y2});
    places.push_back(r.place);
  }
  const auto total = static_cast<i64>(all.size()), n = static_cast<i64>(counts.size());
  return {from_f64(element, {total, 6}, values), from_i64(s.output_type, {total, 1}, places), from_i64(s.output_type, {n}, counts)};
}

std::vector<Fact> infer_rows(const RowSettings& s, std::span<const Fact> inputs, const Dimension& images) {
  check_same_element(inputs, 0, 1);
  const ElementType element = inputs[0].type.element;
  SACCADE_CHECK(is_float(element), invalid_model, "boxes of element type {}", to_string(element));
  SACCADE_CHECK(s.output_type == ElementType::i64 || s.output_type == ElementType::i32, invalid_model, "places of element type {}",
                to_string(s.output_type));
  const Dimension found = Dimension::unknown();
  return {Fact(element, PartialShape({found, Dimension::fixed(6)})), Fact(s.output_type, PartialShape({found, Dimension::fixed(1)})),
          Fact(s.output_type, PartialShape(std::vector{images}))};
}

Dimension images_of(std::span<const Fact> inputs) {
  const PartialShape &boxes = inputs[0].type.shape, &scores = inputs[1].type.shape;
  SACCADE_CHECK((!boxes.ranked() || boxes.rank() == 3) && (!scores.ranked() || scores.rank() == 3), invalid_model, "boxes {} and scores {}",
                to_string(boxes), to_string(scores));
  Dimension images = Dimension::unknown();
  if (boxes.ranked()) images = meet(images, boxes[0]);
  if (scores.ranked()) images = meet(images, scores[0]);
  return images;
}

// Boxes [n,b,4] shared by the classes of scores [n,c,b].
template <class Choose>
std::vector<Tensor> run_shared(const RowSettings& s, bool by_class, std::span<const Tensor> inputs, Choose&& choose) {
  const Shape &b = inputs[0].shape(), &c = inputs[1].shape();
  SACCADE_CHECK(b.size() == 3 && c.size() == 3 && b[2] == 4 && b[0] == c[0] && b[1] == c[2], invalid_model, "boxes {} and scores {}",
                to_string(b), to_string(c));
  const std::vector<double> boxes = to_f64(inputs[0]), scores = to_f64(inputs[1]);
  std::vector<std::vector<Row>> images(static_cast<std::size_t>(b[0]));
  for (i64 n = 0; n < b[0]; ++n)
    for (i64 cls = 0; cls < c[1]; ++cls) {
      if (cls == s.background_class) continue;
      for (const ScoredBox& k : choose(candidates(s, boxes.data() + n * b[1] * 4, scores.data() + (n * c[1] + cls) * b[1], b[1])))
        images[static_cast<std::size_t>(n)].push_back({n, cls, n * b[1] + k.index, k});
    }
  return results(s, by_class, std::move(images), inputs[0].type());
}

}  // namespace

void RowSettings::fields(FieldVisitor& v) {
  v("sort_result_type", sort_result_type, {"classid", "score", "none"});
  v("sort_result_across_batch", sort_result_across_batch);
  v("output_type", output_type);
  v("score_threshold", score_threshold);
  v("nms_top_k", nms_top_k);
  v("keep_top_k", keep_top_k);
  v("background_class", background_class);
  v("normalized", normalized);
}

std::vector<Fact> infer(const MatrixNms& op, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 2);
  return infer_rows(op.rows, inputs, images_of(inputs));
}

std::vector<Tensor> evaluate(const MatrixNms& op, std::span<const Tensor> inputs) {
  return run_shared(op.rows, false, inputs, [&](std::vector<ScoredBox> sorted) { return decayed(op, std::move(sorted)); });
}

std::vector<Fact> infer(const MulticlassNmsRows& op, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 3);
  if (!has(inputs, 2)) return infer_rows(op.rows, inputs, images_of(inputs));
  const PartialShape &boxes = inputs[0].type.shape, &scores = inputs[1].type.shape, &counts = inputs[2].type.shape;
  SACCADE_CHECK((!boxes.ranked() || boxes.rank() == 3) && (!scores.ranked() || scores.rank() == 2) &&
                    (!counts.ranked() || counts.rank() == 1) && is_integer(inputs[2].type.element),
                invalid_model, "boxes {}, scores {} and counts {}", to_string(boxes), to_string(scores), to_string(counts));
  return infer_rows(op.rows, inputs, counts.ranked() ? counts[0] : Dimension::unknown());
}

std::vector<Tensor> evaluate(const MulticlassNmsRows& op, std::span<const Tensor> inputs) {
  const Suppression rule{op.iou_threshold, op.rows.normalized ? 0.0 : 1.0, op.nms_eta, -1};
  if (!has(inputs, 2))
    return run_shared(op.rows, true, inputs, [&](const std::vector<ScoredBox>& sorted) { return suppress(sorted, rule); });
  const Shape &b = inputs[0].shape(), &c = inputs[1].shape();
  SACCADE_CHECK(b.size() == 3 && b[2] == 4 && c == Shape({b[0], b[1]}) && inputs[2].rank() == 1, invalid_model, "boxes {} and scores {}",
                to_string(b), to_string(c));
  const std::vector<double> boxes = to_f64(inputs[0]), scores = to_f64(inputs[1]);
  const std::vector<i64> counts = to_i64(inputs[2]);
  std::vector<std::vector<Row>> images(counts.size());
  i64 first = 0;
  for (std::size_t n = 0; n < counts.size(); ++n) {
    SACCADE_CHECK(counts[n] >= 0 && counts[n] <= b[1] - first, invalid_model, "{} boxes of image {} out of {}", counts[n], n, b[1]);
    for (i64 cls = 0; cls < b[0]; ++cls) {
      if (cls == op.rows.background_class) continue;
      const i64 at = cls * b[1] + first;
      for (const ScoredBox& k : suppress(candidates(op.rows, boxes.data() + 4 * at, scores.data() + at, counts[n]), rule))
        images[n].push_back({static_cast<i64>(n), cls, (first + k.index) * b[0] + cls, k});
    }
    first += counts[n];
  }
  return results(op.rows, true, std::move(images), inputs[0].type());
}

}  // namespace saccade::ops
