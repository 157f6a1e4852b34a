// SPDX-License-Identifier: Apache-2.0
// Transpose: one strided copy.
#include "ops/transpose.h"

#include "ops/contents.h"

namespace saccade::ops {
namespace {

std::vector<std::size_t> permutation(std::span<const std::int64_t> order, std::size_t rank) {
  std::vector<std::size_t> out;
  if (order.empty())
    for (std::size_t d = rank; d-- > 0;) out.push_back(d);
  else
    out = normal_axes(order, rank);
  std::vector<char> seen(rank, 0);
  SACCADE_CHECK(out.size() == rank, invalid_model, "an order of {} dimensions for rank {}", out.size(), rank);
  for (auto d : out) SACCADE_CHECK(!seen[d]++, invalid_model, "dimension {} appears twice in the order", d);
  return out;
}

}  // namespace

std::vector<Fact> infer(const Transpose& op, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 2);
  const TensorType& data = inputs[0].type;
  const auto order = known_integers(inputs, 1);
  PartialShape shape;
  if (data.shape.ranked() && order) {
    std::vector<Dimension> dims;
    for (auto d : permutation(*order, data.shape.rank())) dims.push_back(data.shape[d]);
    shape = PartialShape(std::move(dims));
  } else if (data.shape.ranked()) {
    shape = PartialShape::of_rank(data.shape.rank());
  } else if (order && !order->empty()) {
    shape = PartialShape::of_rank(order->size());
  }
  return with_contents(op, inputs, {0}, {Fact(data.element, shape)});
}

std::vector<Tensor> evaluate(const Transpose&, std::span<const Tensor> inputs) {
  const Tensor& data = inputs[0];
  const Strides in = dense_strides(data.shape());
  Shape shape;
  Strides strides;
  for (auto d : permutation(to_i64(inputs[1]), data.shape().size())) {
    shape.push_back(data.shape()[d]);
    strides.push_back(in[d]);
  }
  Tensor out(data.type(), shape);
  strided_copy(out.raw(), dense_strides(shape), data.raw(), strides, shape, size_in_bytes(data.type()));
  return {out};
}

}  // namespace saccade::ops
