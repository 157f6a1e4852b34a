// SPDX-License-Identifier: Apache-2.0
// ReverseSequence, Roll: whole slices are moved.
#include "ops/reverse_sequence.h"

#include <cstring>

#include "ops/contents.h"

namespace saccade::ops {

std::vector<Fact> infer(const ReverseSequence& op, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 2);
  if (inputs[0].type.shape.ranked())
    SACCADE_CHECK(normal_axis(op.batch_axis, inputs[0].type.shape.rank()) != normal_axis(op.seq_axis, inputs[0].type.shape.rank()), invalid_model, "batch_axis equals seq_axis");
  return {Fact(inputs[0].type)};
}

std::vector<Tensor> evaluate(const ReverseSequence& op, std::span<const Tensor> inputs) {
  const Tensor& data = inputs[0];
  const Shape& shape = data.shape();
  const std::size_t batch = normal_axis(op.batch_axis, shape.size()), sequence = normal_axis(op.seq_axis, shape.size());
  const auto lengths = to_i64(inputs[1]);
  SACCADE_CHECK(batch != sequence && static_cast<std::int64_t>(lengths.size()) == shape[batch], invalid_model, "{} lengths for a batch of {}", lengths.size(), shape[batch]);
  Tensor out = data.clone();
  if (out.size() == 0) return {out};
  const Strides strides = dense_strides(shape);
  const std::size_t bytes = size_in_bytes(data.type());
  for (std::size_t b = 0; b < lengths.size(); ++b) {
    SACCADE_CHECK(lengths[b] >= 0 && lengths[b] <= shape[sequence], invalid_model, "a length of {} in a sequence of {}", lengths[b], shape[sequence]);
    if (lengths[b] < 2) continue;
    Shape dims = shape;
    dims[batch] = 1;
    dims[sequence] = lengths[b];
    Strides from = strides;
    from[sequence] = -from[sequence];
    const std::int64_t base = static_cast<std::int64_t>(b) * strides[batch];
    strided_copy(static_cast<char*>(out.raw()) + static_cast<std::size_t>(base) * bytes, strides,
                 static_cast<const char*>(data.raw()) + static_cast<std::size_t>(base + (lengths[b] - 1) * strides[sequence]) * bytes, from, dims, bytes);
  }
  return {out};
}

std::vector<Fact> infer(const Roll& op, std::span<const Fact> inputs) {
  check_arity(inputs, 3, 3);
  return with_contents(op, inputs, {0}, {Fact(inputs[0].type)});
}

std::vector<Tensor> evaluate(const Roll&, std::span<const Tensor> inputs) {
  Tensor data = inputs[0];
  const Shape& shape = data.shape();
  auto shifts = to_i64(inputs[1]);
  const auto axes = normal_axes(to_i64(inputs[2]), shape.size());
  if (shifts.size() == 1) shifts.resize(axes.size(), shifts[0]);
  SACCADE_CHECK(shifts.size() == axes.size(), invalid_model, "{} shifts for {} axes", shifts.size(), axes.size());
  if (data.size() == 0) return {data};
  const Strides strides = dense_strides(shape);
  const std::size_t bytes = size_in_bytes(data.type());
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::size_t axis = axes[i];
    const std::int64_t n = shape[axis], shift = (shifts[i] % n + n) % n;
    if (shift == 0) continue;
    Tensor out(data.type(), shape);
    Shape head = shape, tail = shape;
    head[axis] = n - shift;
    tail[axis] = shift;
    const std::size_t row = static_cast<std::size_t>(strides[axis]) * bytes;
    char* to = static_cast<char*>(out.raw());
    const char* from = static_cast<const char*>(data.raw());
    strided_copy(to + static_cast<std::size_t>(shift) * row, strides, from, strides, head, bytes);
    strided_copy(to, strides, from + static_cast<std::size_t>(n - shift) * row, strides, tail, bytes);
    data = out;
  }
  return {data};
}

}  // namespace saccade::ops
