// SPDX-License-Identifier: Apache-2.0
// OneHot.
#include "ops/one_hot.h"

#include <cstring>

#include "ops/contents.h"

namespace saccade::ops {

std::vector<Fact> infer(const OneHot& op, std::span<const Fact> inputs) {
  check_arity(inputs, 4, 4);
  check_same_element(inputs, 2, 3);
  const PartialShape& in = inputs[0].type.shape;
  PartialShape shape;
  if (in.ranked()) {
    std::vector<Dimension> dims = in.dimensions();
    Dimension depth = Dimension::unknown();
    if (const auto known = known_dimensions(inputs, 1)) {
      SACCADE_CHECK(known->size() == 1 && (!known->front().is_static() || known->front().size() >= 0), invalid_model, "the depth must be a scalar and not negative");
      depth = as_size(known->front());
    }
    dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(normal_axis(op.axis, in.rank() + 1)), depth);
    shape = PartialShape(std::move(dims));
  }
  return with_contents(op, inputs, {}, {Fact(inputs[2].type.element, shape)});
}

std::vector<Tensor> evaluate(const OneHot& op, std::span<const Tensor> inputs) {
  Shape shape = inputs[0].shape();
  const std::size_t axis = normal_axis(op.axis, shape.size() + 1);
  const std::int64_t depth = scalar_i64(inputs[1]);
  SACCADE_CHECK(inputs[2].size() == 1 && inputs[3].size() == 1 && inputs[2].type() == inputs[3].type(), invalid_model, "the on and off values must be two scalars of one type");
  SACCADE_CHECK(depth >= 0, invalid_model, "a depth of {}", depth);
  shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(axis), depth);
  Tensor out(inputs[2].type(), shape);
  if (out.size() == 0) return {out};
  const std::size_t bytes = size_in_bytes(out.type());
  strided_copy(out.raw(), dense_strides(shape), inputs[3].raw(), Strides(shape.size(), 0), shape, bytes);
  std::int64_t inner = 1;
  for (std::size_t d = axis + 1; d < shape.size(); ++d) inner *= shape[d];
  // an index given as a float is truncated
  const auto indices = to_i64(inputs[0]);
  for (std::size_t i = 0; i < indices.size(); ++i) {
    std::int64_t index = indices[i];
    if (index < 0 && op.negative_indices == NegativeIndices::normalize && index >= -depth) index += depth;
    if (index < 0 || index >= depth) continue;
    const auto at = static_cast<std::int64_t>(i);
    const std::int64_t offset = (at / inner * depth + index) * inner + at % inner;
    std::memcpy(static_cast<char*>(out.raw()) + static_cast<std::size_t>(offset) * bytes, inputs[2].raw(), bytes);
  }
  return {out};
}

}  // namespace saccade::ops
