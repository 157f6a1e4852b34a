// SPDX-License-Identifier: Apache-2.0
// NegativeLogLikelihoodLoss.
#include "ops/loss.h"

#include "ops/inference.h"
#include "ops/widened.h"

namespace saccade::ops {

std::vector<Fact> infer(const NegativeLogLikelihoodLoss& op, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 3);
  check_same_element(inputs, 0, 2);
  SACCADE_CHECK(is_float(inputs[0].type.element), invalid_model, "data of element type {}", to_string(inputs[0].type.element));
  SACCADE_CHECK(is_integer(inputs[1].type.element), invalid_model, "targets of element type {}", to_string(inputs[1].type.element));
  const PartialShape &x = inputs[0].type.shape, &t = inputs[1].type.shape;
  if (x.ranked()) SACCADE_CHECK(x.rank() >= 2, invalid_model, "data of shape {}", to_string(x));
  if (x.ranked() && t.ranked()) {
    SACCADE_CHECK(t.rank() + 1 == x.rank(), invalid_model, "targets {} for data {}", to_string(t), to_string(x));
    for (std::size_t d = 0; d < t.rank(); ++d) meet(t[d], x[d == 0 ? 0 : d + 1]);
  }
  return {Fact(inputs[0].type.element, op.reduction == LossReduction::none ? t : PartialShape(Shape{}))};
}

std::vector<Tensor> evaluate(const NegativeLogLikelihoodLoss& op, std::span<const Tensor> inputs) {
  const Shape &x = inputs[0].shape(), &t = inputs[1].shape();
  SACCADE_CHECK(x.size() >= 2, invalid_model, "data of shape {}", to_string(x));
  Shape expected = x;
  expected.erase(expected.begin() + 1);
  SACCADE_CHECK(t == expected, invalid_model, "targets {} for data {}", to_string(t), to_string(x));
  if (has(inputs, 2))
    SACCADE_CHECK(inputs[2].shape() == Shape{x[1]}, invalid_model, "weights of shape {} for {} classes", to_string(inputs[2].shape()),
                  x[1]);
  const std::vector<double> data = to_f64(inputs[0]), weights = has(inputs, 2) ? to_f64(inputs[2]) : std::vector<double>();
  const std::vector<std::int64_t> targets = to_i64(inputs[1]);
  std::vector<double> losses(targets.size());
  double sum = 0, total_weight = 0;
  std::int64_t inner = 1;
  for (std::size_t d = 2; d < x.size(); ++d) inner *= x[d];
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const std::int64_t target = targets[i];
    if (op.has_ignore_index && target == op.ignore_index) continue;
    SACCADE_CHECK(target >= 0 && target < x[1], invalid_model, "target {} of {} classes", target, x[1]);
    const auto n = static_cast<std::int64_t>(i) / inner, rest = static_cast<std::int64_t>(i) % inner;
    const double weight = weights.empty() ? 1 : weights[static_cast<std::size_t>(target)];
    losses[i] = -weight * data[static_cast<std::size_t>((n * x[1] + target) * inner + rest)];
    sum += losses[i];
    total_weight += weight;
  }
  if (op.reduction == LossReduction::none) return {from_f64(inputs[0].type(), t, losses)};
  const double result[] = {op.reduction == LossReduction::mean ? sum / total_weight : sum};
  return {from_f64(inputs[0].type(), {}, result)};
}

}  // namespace saccade::ops
