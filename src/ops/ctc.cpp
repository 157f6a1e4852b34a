// SPDX-License-Identifier: Apache-2.0
// Greedy CTC decoding.
#include "ops/ctc.h"

#include <algorithm>

#include "ops/inference.h"
#include "ops/widened.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;

// The classes of one sequence; `at(step)` points to the scores of a step.
template <class At>
std::vector<i64> decode(i64 steps, i64 classes, i64 blank, bool merge, At&& at) {
  std::vector<i64> found;
  i64 previous = -1;
  for (i64 t = 0; t < steps; ++t) {
    const double* scores = at(t);
    const i64 best = std::max_element(scores, scores + classes) - scores;
    if (best != blank && !(merge && best == previous)) found.push_back(best);
    previous = best;
  }
  return found;
}

void check_scores(std::span<const Fact> inputs) {
  SACCADE_CHECK(is_float(inputs[0].type.element), invalid_model, "scores of element type {}", to_string(inputs[0].type.element));
  const PartialShape& shape = inputs[0].type.shape;
  SACCADE_CHECK(!shape.ranked() || shape.rank() == 3, invalid_model, "scores of shape {}", to_string(shape));
}

}  // namespace

std::vector<Fact> infer(const CtcGreedyDecoder&, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 2);
  check_scores(inputs);
  const PartialShape &scores = inputs[0].type.shape, &mask = inputs[1].type.shape;
  SACCADE_CHECK(!mask.ranked() || mask.rank() == 2, invalid_model, "a mask of shape {}", to_string(mask));
  Dimension steps = Dimension::unknown(), sequences = Dimension::unknown();
  for (const PartialShape* shape : {&scores, &mask})
    if (shape->ranked()) steps = meet(steps, (*shape)[0]), sequences = meet(sequences, (*shape)[1]);
  return {Fact(inputs[0].type.element, PartialShape({sequences, steps, Dimension::fixed(1), Dimension::fixed(1)}))};
}

std::vector<Tensor> evaluate(const CtcGreedyDecoder& op, std::span<const Tensor> inputs) {
  const Shape& s = inputs[0].shape();
  SACCADE_CHECK(s.size() == 3 && s[2] >= 1 && inputs[1].shape() == Shape({s[0], s[1]}), invalid_model, "scores {} and a mask {}",
                to_string(s), to_string(inputs[1].shape()));
  const std::vector<double> scores = to_f64(inputs[0]), mask = to_f64(inputs[1]);
  std::vector<double> out(wide_count({s[1], s[0]}), -1);
  for (i64 n = 0; n < s[1]; ++n) {
    i64 steps = 0;
    while (steps < s[0] && mask[static_cast<std::size_t>(steps * s[1] + n)] != 0) ++steps;
    const auto found = decode(steps, s[2], s[2] - 1, op.ctc_merge_repeated, [&](i64 t) { return scores.data() + (t * s[1] + n) * s[2]; });
    std::copy(found.begin(), found.end(), out.begin() + n * s[0]);
  }
  return {from_f64(inputs[0].type(), {s[1], s[0], 1, 1}, out)};
}

std::vector<Fact> infer(const CtcGreedyDecoderSeqLen& op, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 3);
  check_scores(inputs);
  for (const ElementType type : {inputs[1].type.element, op.classes_index_type, op.sequence_length_type})
    SACCADE_CHECK(is_integer(type), invalid_model, "lengths or classes of element type {}", to_string(type));
  const PartialShape &scores = inputs[0].type.shape, &lengths = inputs[1].type.shape;
  SACCADE_CHECK(!lengths.ranked() || lengths.rank() == 1, invalid_model, "lengths of shape {}", to_string(lengths));
  Dimension steps = Dimension::unknown(), sequences = Dimension::unknown();
  if (scores.ranked()) sequences = scores[0], steps = scores[1];
  if (lengths.ranked()) sequences = meet(sequences, lengths[0]);
  return {Fact(op.classes_index_type, PartialShape({sequences, steps})),
          Fact(op.sequence_length_type, PartialShape(std::vector{sequences}))};
}

std::vector<Tensor> evaluate(const CtcGreedyDecoderSeqLen& op, std::span<const Tensor> inputs) {
  const Shape& s = inputs[0].shape();
  SACCADE_CHECK(s.size() == 3 && s[2] >= 1 && inputs[1].shape() == Shape{s[0]}, invalid_model, "scores {} and lengths {}", to_string(s),
                to_string(inputs[1].shape()));
  i64 blank = s[2] - 1;
  if (has(inputs, 2)) {
    SACCADE_CHECK(inputs[2].size() == 1, invalid_model, "a blank class of shape {}", to_string(inputs[2].shape()));
    blank = element_as_i64(inputs[2], 0);
  }
  const std::vector<double> scores = to_f64(inputs[0]);
  const std::vector<i64> lengths = to_i64(inputs[1]);
  std::vector<i64> out(wide_count({s[0], s[1]}), -1), counts;
  for (i64 n = 0; n < s[0]; ++n) {
    const auto found = decode(std::clamp<i64>(lengths[static_cast<std::size_t>(n)], 0, s[1]), s[2], blank, op.merge_repeated,
                              [&](i64 t) { return scores.data() + (n * s[1] + t) * s[2]; });
    std::copy(found.begin(), found.end(), out.begin() + n * s[1]);
    counts.push_back(static_cast<i64>(found.size()));
  }
  return {from_i64(op.classes_index_type, {s[0], s[1]}, out), from_i64(op.sequence_length_type, {s[0]}, counts)};
}

}  // namespace saccade::ops
