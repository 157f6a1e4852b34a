// SPDX-License-Identifier: Apache-2.0
// FakeQuantize.
#include "ops/fake_quantize.h"

#include <algorithm>
#include <cmath>

#include "ops/contents.h"

namespace saccade::ops {

std::vector<Fact> infer(const FakeQuantize& op, std::span<const Fact> inputs) {
  check_arity(inputs, 5, 5);
  SACCADE_CHECK(op.levels >= 2, invalid_model, "{} levels", op.levels);
  PartialShape shape = inputs[0].type.shape;
  for (std::size_t i = 1; i < 5; ++i) {
    check_same_element(inputs, 0, i);
    shape = broadcast(shape, inputs[i].type.shape);
  }
  return {Fact(inputs[0].type.element, shape)};
}

std::vector<Tensor> evaluate(const FakeQuantize& op, std::span<const Tensor> inputs) {
  SACCADE_CHECK(op.levels >= 2, invalid_model, "{} levels", op.levels);
  Shape shape = inputs[0].shape();
  for (std::size_t i = 1; i < 5; ++i) shape = broadcast_shapes(shape, inputs[i].shape());
  std::vector<double> out(static_cast<std::size_t>(element_count(shape)));
  if (out.empty()) return {Tensor(inputs[0].type(), shape)};
  std::vector<std::vector<double>> values;
  std::vector<Strides> strides;
  for (const Tensor& t : inputs) {
    values.push_back(to_f64(t));
    strides.push_back(broadcast_strides(t.shape(), shape));
  }
  const double steps = static_cast<double>(op.levels - 1);
  IndexWalk walk(shape);
  std::size_t i = 0;
  do {
    const auto at = [&](std::size_t k) { return values[k][static_cast<std::size_t>(walk.offset(strides[k]))]; };
    const double x = at(0), low = at(1), high = at(2), out_low = at(3), out_high = at(4);
    if (x <= std::min(low, high))
      out[i] = out_low;
    else if (x > std::max(low, high))
      out[i] = out_high;
    else
      out[i] = std::nearbyint((x - low) / (high - low) * steps) / steps * (out_high - out_low) + out_low;
    ++i;
  } while (walk.next());
  return {from_f64(inputs[0].type(), shape, out)};
}

Cost cost(const FakeQuantize&, std::span<const Fact>, std::span<const Fact> outputs) {
  Cost c;
  if (outputs[0].type.is_static()) c.ops = 6 * static_cast<double>(element_count(outputs[0].type.shape.shape()));
  return c;
}

}  // namespace saccade::ops
