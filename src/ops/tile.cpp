// SPDX-License-Identifier: Apache-2.0
// Tile: one strided copy in which every repeated axis is preceded by one of stride zero.
#include "ops/tile.h"

#include <algorithm>

#include "ops/contents.h"

namespace saccade::ops {

std::vector<Fact> infer(const Tile& op, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 2);
  const PartialShape& in = inputs[0].type.shape;
  PartialShape shape;
  const auto length = known_length(inputs, 1);
  if (in.ranked() && length) {
    const std::size_t rank = std::max(in.rank(), *length);
    shape = PartialShape::of_rank(rank);
    if (const auto repeats = known_dimensions(inputs, 1))
      for (std::size_t i = 0; i < rank; ++i) {
        const Dimension d = i + in.rank() >= rank ? in[i + in.rank() - rank] : Dimension::fixed(1);
        const Dimension r = i + *length >= rank ? (*repeats)[i + *length - rank] : Dimension::fixed(1);
        SACCADE_CHECK(!r.is_static() || r.size() >= 0, invalid_model, "{} repeats", r.size());
        shape[i] = d * as_size(r);
      }
  }
  return with_contents(op, inputs, {0}, {Fact(inputs[0].type.element, shape)});
}

std::vector<Tensor> evaluate(const Tile&, std::span<const Tensor> inputs) {
  const Tensor& data = inputs[0];
  auto repeats = to_i64(inputs[1]);
  Shape in = data.shape();
  const std::size_t rank = std::max(repeats.size(), in.size());
  repeats.insert(repeats.begin(), rank - repeats.size(), 1);
  in.insert(in.begin(), rank - in.size(), 1);
  const Strides from = dense_strides(in);
  Shape dims, shape;
  Strides strides;
  for (std::size_t d = 0; d < rank; ++d) {
    std::int64_t size;
    SACCADE_CHECK(repeats[d] >= 0 && !__builtin_mul_overflow(repeats[d], in[d], &size), invalid_model, "{} repeats of {}", repeats[d], in[d]);
    shape.push_back(size);
    dims.insert(dims.end(), {repeats[d], in[d]});
    strides.insert(strides.end(), {0, from[d]});
  }
  Tensor out(data.type(), shape);
  if (out.size()) strided_copy(out.raw(), dense_strides(dims), data.raw(), strides, dims, size_in_bytes(data.type()));
  return {out};
}

}  // namespace saccade::ops
