// SPDX-License-Identifier: Apache-2.0
// ShapeOf.
#include "ops/shape_of.h"

#include "ops/contents.h"

namespace saccade::ops {

std::vector<Fact> infer(const ShapeOf& op, std::span<const Fact> inputs) {
  check_arity(inputs, 1, 1);
  SACCADE_CHECK(op.output_type == ElementType::i32 || op.output_type == ElementType::i64, invalid_model, "a shape of type {}", to_string(op.output_type));
  const PartialShape& shape = inputs[0].type.shape;
  if (!shape.ranked()) return {Fact(op.output_type, PartialShape::of_rank(1))};
  return {shape_fact(op.output_type, shape.dimensions())};
}

std::vector<Tensor> evaluate(const ShapeOf& op, std::span<const Tensor> inputs) {
  return {from_i64(op.output_type, {inputs[0].rank()}, inputs[0].shape())};
}

}  // namespace saccade::ops
