// SPDX-License-Identifier: Apache-2.0
// LinearAttention, step by step.
#include "ops/linear_attention.h"

#include <cmath>

#include "ops/inference.h"

namespace saccade::ops {
namespace {

bool is_gated(const LinearAttention& op) { return op.update_rule == UpdateRule::gated || op.update_rule == UpdateRule::gated_delta; }
bool is_delta(const LinearAttention& op) { return op.update_rule == UpdateRule::delta || op.update_rule == UpdateRule::gated_delta; }

void check(const LinearAttention& op) {
  SACCADE_CHECK(op.heads >= 1 && op.query_heads >= 1 && op.query_heads % op.heads == 0, invalid_model, "{} query heads over {} heads", op.query_heads, op.heads);
}

Dimension heads_of(const Dimension& d, std::int64_t by) {
  if (!d.is_static()) return Dimension::unknown();
  SACCADE_CHECK(d.size() % by == 0, invalid_model, "{} values do not divide into {} heads", d.size(), by);
  return Dimension::fixed(d.size() / by);
}

// One head's state and how a step changes it.
class State {
 public:
  State(std::size_t dk, std::size_t dv) : dk_(dk), dv_(dv), s_(dk * dv, 0.0), change_(dv) {}

  double* data() { return s_.data(); }

  // decay: dk values, one for all (stride 0), or none
  void step(const double* k, const double* v, const double* decay, std::size_t decay_stride, const double* beta) {
    if (decay != nullptr)
      for (std::size_t i = 0; i < dk_; ++i) {
        const double factor = std::exp(decay[i * decay_stride]);
        for (std::size_t j = 0; j < dv_; ++j) s_[i * dv_ + j] *= factor;
      }
    for (std::size_t j = 0; j < dv_; ++j) change_[j] = v[j];
    if (beta != nullptr) {
      for (std::size_t i = 0; i < dk_; ++i)
        for (std::size_t j = 0; j < dv_; ++j) change_[j] -= s_[i * dv_ + j] * k[i];
      for (std::size_t j = 0; j < dv_; ++j) change_[j] *= *beta;
    }
    for (std::size_t i = 0; i < dk_; ++i)
      for (std::size_t j = 0; j < dv_; ++j) s_[i * dv_ + j] += k[i] * change_[j];
  }

  void read(const double* q, double scale, double* out) const {
    for (std::size_t j = 0; j < dv_; ++j) {
      double sum = 0;
      for (std::size_t i = 0; i < dk_; ++i) sum += q[i] * s_[i * dv_ + j];
      out[j] = scale * sum;
    }
  }

 private:
  std::size_t dk_, dv_;
  std::vector<double> s_, change_;
};

}  // namespace

std::vector<Fact> infer(const LinearAttention& op, std::span<const Fact> inputs) {
  check(op);
  check_arity(inputs, 3, 6);
  const auto shape = [&](std::size_t i) {
    if (!inputs[i].type.shape.ranked()) return PartialShape::of_rank(3);
    SACCADE_CHECK(inputs[i].type.shape.rank() == 3, invalid_model, "input {} must have rank 3", i);
    return inputs[i].type.shape;
  };
  const PartialShape q = shape(0), k = shape(1), v = shape(2);
  SACCADE_CHECK(is_float(inputs[0].type.element), invalid_model, "the query is {}", to_string(inputs[0].type.element));
  for (std::size_t i : {1, 2, 4, 5}) check_same_element(inputs, 0, i);
  SACCADE_CHECK(is_gated(op) == has(inputs, 4) && is_delta(op) == has(inputs, 5), invalid_model, "decay and beta do not fit the update rule");
  const Dimension dk = meet(heads_of(q[2], op.query_heads), heads_of(k[2], op.heads)), dv = heads_of(v[2], op.heads);
  const Dimension batch = meet(q[0], meet(k[0], v[0]));
  const ElementType state = has(inputs, 3) ? inputs[3].type.element : inputs[0].type.element;
  return {Fact(inputs[0].type.element, PartialShape({batch, meet(q[1], meet(k[1], v[1])), dv * Dimension::fixed(op.query_heads)})),
          Fact(state, PartialShape({batch, Dimension::fixed(op.heads), dk, dv}))};
}

std::vector<Tensor> evaluate(const LinearAttention& op, std::span<const Tensor> inputs) {
  check(op);
  for (std::size_t i = 0; i < 3; ++i) SACCADE_CHECK(inputs[i].rank() == 3, invalid_model, "input {} must have rank 3", i);
  const std::int64_t b = inputs[0].shape()[0], t = inputs[0].shape()[1], heads = op.heads, dk = inputs[0].shape()[2] / op.query_heads, dv = inputs[2].shape()[2] / heads;
  SACCADE_CHECK(inputs[0].shape() == (Shape{b, t, op.query_heads * dk}) && inputs[1].shape() == (Shape{b, t, heads * dk}) && inputs[2].shape() == (Shape{b, t, heads * dv}), invalid_model,
                "query, key and value are {}, {} and {}", to_string(inputs[0].shape()), to_string(inputs[1].shape()), to_string(inputs[2].shape()));
  const Shape state_shape{b, heads, dk, dv};
  std::int64_t decay_width = 0, beta_width = 0;
  if (has(inputs, 3)) SACCADE_CHECK(inputs[3].shape() == state_shape, invalid_model, "the state is {} instead of {}", to_string(inputs[3].shape()), to_string(state_shape));
  if (has(inputs, 4)) {
    decay_width = inputs[4].rank() == 3 ? inputs[4].shape()[2] : 0;
    SACCADE_CHECK(inputs[4].shape() == (Shape{b, t, decay_width}) && (decay_width == heads * dk || decay_width == heads), invalid_model, "decay is {}", to_string(inputs[4].shape()));
  }
  if (has(inputs, 5)) {
    beta_width = inputs[5].rank() == 3 ? inputs[5].shape()[2] : 0;
    SACCADE_CHECK(inputs[5].shape() == (Shape{b, t, beta_width}) && (beta_width == heads || beta_width == 1), invalid_model, "beta is {}", to_string(inputs[5].shape()));
  }
  SACCADE_CHECK(is_gated(op) == has(inputs, 4) && is_delta(op) == has(inputs, 5), invalid_model, "decay and beta do not fit the update rule");

  const auto q = to_f64(inputs[0]), k = to_f64(inputs[1]), v = to_f64(inputs[2]);
  const auto past = has(inputs, 3) ? to_f64(inputs[3]) : std::vector<double>();
  const auto decay = has(inputs, 4) ? to_f64(inputs[4]) : std::vector<double>();
  const auto beta = has(inputs, 5) ? to_f64(inputs[5]) : std::vector<double>();
  const double scale = op.scale != 0 ? op.scale : 1 / std::sqrt(static_cast<double>(dk));
  const std::int64_t group = op.query_heads / heads;
  const bool decay_each = decay_width == heads * dk && !decay.empty();
  std::vector<double> out(static_cast<std::size_t>(element_count({b, t, op.query_heads * dv}))), states(static_cast<std::size_t>(element_count(state_shape)));
  for (std::int64_t n = 0; n < b; ++n)
    for (std::int64_t h = 0; h < heads; ++h) {
      State state(static_cast<std::size_t>(dk), static_cast<std::size_t>(dv));
      const std::size_t at = static_cast<std::size_t>((n * heads + h) * dk * dv), size = static_cast<std::size_t>(dk * dv);
      for (std::size_t i = 0; !past.empty() && i < size; ++i) state.data()[i] = past[at + i];
      for (std::int64_t s = 0; s < t; ++s) {
        const std::int64_t row = n * t + s;
        const double* gate = decay.empty() ? nullptr : &decay[static_cast<std::size_t>(row * decay_width + (decay_each ? h * dk : h))];
        const double* rate = beta.empty() ? nullptr : &beta[static_cast<std::size_t>(row * beta_width + (beta_width == 1 ? 0 : h))];
        state.step(k.data() + (row * heads + h) * dk, v.data() + (row * heads + h) * dv, gate, decay_each ? 1 : 0, rate);
        for (std::int64_t g = 0; g < group; ++g) {
          const std::int64_t head = row * op.query_heads + h * group + g;
          state.read(q.data() + head * dk, scale, out.data() + head * dv);
        }
      }
      for (std::size_t i = 0; i < size; ++i) states[at + i] = state.data()[i];
    }
  return {from_f64(inputs[0].type(), {b, t, op.query_heads * dv}, out), from_f64(has(inputs, 3) ? inputs[3].type() : inputs[0].type(), state_shape, states)};
}

Cost cost(const LinearAttention& op, std::span<const Fact>, std::span<const Fact> outputs) {
  Cost c;
  if (!outputs[0].type.is_static() || !outputs[1].type.is_static()) return c;
  const Shape state = outputs[1].type.shape.shape();
  const double steps = static_cast<double>(outputs[0].type.shape[1].size());
  c.macs = static_cast<double>(element_count(state)) * steps * (is_delta(op) ? 2 : 1) + static_cast<double>(element_count(state)) * steps * static_cast<double>(op.query_heads / op.heads);
  return c;
}

}  // namespace saccade::ops
