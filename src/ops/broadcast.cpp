// SPDX-License-Identifier: Apache-2.0
// Broadcast: one strided copy with strides of zero.
#include "ops/broadcast.h"

#include "ops/contents.h"

namespace saccade::ops {
namespace {

// Every known dimension of the data is 1 or the target's.
void check_fits(const PartialShape& data, const PartialShape& target) {
  if (!data.ranked()) return;
  for (std::size_t d = 0; d < data.rank(); ++d) {
    const Dimension &from = data[d], &to = target[d + target.rank() - data.rank()];
    SACCADE_CHECK(!from.is_static() || !to.is_static() || from.size() == 1 || from.size() == to.size(), invalid_model, "shape {} does not broadcast to {}", to_string(data),
                  to_string(target));
  }
}

}  // namespace

std::vector<Fact> infer(const Broadcast& op, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 3);
  SACCADE_CHECK(has(inputs, 2) == (op.mode == BroadcastMode::explicit_), invalid_model, "axes belong to the explicit mode");
  PartialShape shape;
  if (const auto entries = known_dimensions(inputs, 1)) {
    std::vector<Dimension> dims;
    for (const auto& e : *entries) {
      SACCADE_CHECK(!e.is_static() || e.size() >= 0, invalid_model, "a target dimension of {}", e.size());
      dims.push_back(as_size(e));
    }
    const PartialShape target(std::move(dims));
    if (op.mode == BroadcastMode::explicit_) {
      shape = target;
    } else if (op.mode == BroadcastMode::bidirectional) {
      shape = broadcast(inputs[0].type.shape, target);
    } else {
      SACCADE_CHECK(!inputs[0].type.shape.ranked() || inputs[0].type.shape.rank() <= target.rank(), invalid_model, "shape {} does not broadcast to {}",
                    to_string(inputs[0].type.shape), to_string(target));
      check_fits(inputs[0].type.shape, target);
      shape = target;
    }
  } else if (const auto length = known_length(inputs, 1)) {
    if (op.mode != BroadcastMode::bidirectional)
      shape = PartialShape::of_rank(*length);
    else if (inputs[0].type.shape.ranked())
      shape = PartialShape::of_rank(std::max(*length, inputs[0].type.shape.rank()));
  }
  return with_contents(op, inputs, {0}, {Fact(inputs[0].type.element, shape)});
}

std::vector<Tensor> evaluate(const Broadcast& op, std::span<const Tensor> inputs) {
  Tensor data = inputs[0];
  Shape target = to_i64(inputs[1]);
  if (op.mode == BroadcastMode::bidirectional) target = broadcast_shapes(data.shape(), target);
  if (op.mode == BroadcastMode::explicit_) {
    Shape aligned(target.size(), 1);
    const auto axes = normal_axes(to_i64(inputs[2]), target.size());
    SACCADE_CHECK(axes.size() == data.shape().size(), invalid_model, "{} axes for rank {}", axes.size(), data.rank());
    for (std::size_t i = 0; i < axes.size(); ++i) {
      SACCADE_CHECK(i == 0 || axes[i] > axes[i - 1], invalid_model, "axes must increase");
      aligned[axes[i]] = data.shape()[i];
    }
    data = data.reshaped(aligned);
  }
  for (auto d : target) SACCADE_CHECK(d >= 0, invalid_model, "a target dimension of {}", d);
  return {broadcast_to(data, target)};
}

}  // namespace saccade::ops
