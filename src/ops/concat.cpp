// SPDX-License-Identifier: Apache-2.0
// Concat: one strided copy an input.
#include "ops/concat.h"

#include "ops/contents.h"

namespace saccade::ops {

std::vector<Fact> infer(const Concat& op, std::span<const Fact> inputs) {
  SACCADE_CHECK(!inputs.empty(), invalid_model, "Concat without inputs");
  check_arity(inputs, inputs.size(), inputs.size());
  bool all_ranked = true;
  PartialShape shape;  // of everything but the axis
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    check_same_element(inputs, 0, i);
    all_ranked &= inputs[i].type.shape.ranked();
  }
  Dimension along = Dimension::fixed(0);
  for (const Fact& f : inputs) {
    PartialShape s = f.type.shape;
    if (!s.ranked()) continue;
    const std::size_t axis = normal_axis(op.axis, s.rank());
    along = along + s[axis];
    s[axis] = Dimension::unknown();
    shape = meet(shape, s);
  }
  if (shape.ranked()) {
    const std::size_t axis = normal_axis(op.axis, shape.rank());
    shape[axis] = all_ranked ? along : Dimension::unknown();
  }
  Fact out(inputs[0].type.element, shape);
  std::vector<Fact> outputs{out};
  if (!shape.is_static() || shape.rank() != 1 || !is_integer(out.type.element)) return with_contents(op, inputs, {}, outputs);
  // shape arithmetic: any number of inputs, each with known or unknown entries
  std::vector<Dimension> entries;
  bool known = false;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto part = known_dimensions(inputs, i);
    if (!part || entries.size() + part->size() > 64) return outputs;
    known |= inputs[i].constant.defined() || !inputs[i].contents.empty();
    entries.insert(entries.end(), part->begin(), part->end());
  }
  if (known) {
    Fact contents = shape_fact(out.type.element, entries);
    outputs[0].constant = contents.constant;
    outputs[0].contents = contents.contents;
  }
  return outputs;
}

std::vector<Tensor> evaluate(const Concat& op, std::span<const Tensor> inputs) {
  Shape shape = inputs[0].shape();
  const std::size_t axis = normal_axis(op.axis, shape.size());
  shape[axis] = 0;
  for (const Tensor& t : inputs) {
    SACCADE_CHECK(t.type() == inputs[0].type() && t.shape().size() == shape.size(), invalid_model, "Concat of different types or ranks");
    for (std::size_t d = 0; d < shape.size(); ++d)
      SACCADE_CHECK(d == axis || t.shape()[d] == shape[d], invalid_model, "shapes {} and {} do not concatenate along axis {}", to_string(inputs[0].shape()),
                    to_string(t.shape()), axis);
    SACCADE_CHECK(!__builtin_add_overflow(shape[axis], t.shape()[axis], &shape[axis]), invalid_model, "Concat is too long");
  }
  Tensor out(inputs[0].type(), shape);
  const Strides strides = dense_strides(shape);
  const std::size_t bytes = size_in_bytes(out.type());
  std::int64_t at = 0;
  for (const Tensor& t : inputs) {
    if (t.size()) strided_copy(static_cast<char*>(out.raw()) + at * strides[axis] * static_cast<std::int64_t>(bytes), strides, t.raw(), dense_strides(t.shape()), t.shape(), bytes);
    at += t.shape()[axis];
  }
  return {out};
}

}  // namespace saccade::ops
