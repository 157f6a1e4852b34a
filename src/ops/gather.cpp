// SPDX-License-Identifier: Apache-2.0
// Gather, GatherElements, GatherND: slices are copied as blocks of bytes.
#include "ops/gather.h"

#include <cstring>

#include "ops/contents.h"

namespace saccade::ops {
namespace {

std::int64_t checked_index(std::int64_t index, std::int64_t size) {
  SACCADE_CHECK(index >= -size && index < size, invalid_argument, "index {} is outside of a dimension of {}", index, size);
  return index < 0 ? index + size : index;
}

std::int64_t product(const Shape& shape, std::size_t from, std::size_t to) { return element_count(Shape(shape.begin() + static_cast<std::ptrdiff_t>(from), shape.begin() + static_cast<std::ptrdiff_t>(to))); }

std::size_t batch_rank(std::int64_t batch_dims, std::size_t indices_rank) {
  const auto rank = static_cast<std::int64_t>(indices_rank);
  if (batch_dims < 0) batch_dims += rank;
  SACCADE_CHECK(batch_dims >= 0 && batch_dims <= rank, invalid_model, "batch_dims {} for indices of rank {}", batch_dims, rank);
  return static_cast<std::size_t>(batch_dims);
}

void check_index_type(std::span<const Fact> inputs) {
  SACCADE_CHECK(is_integer(inputs[1].type.element), invalid_model, "indices of type {}", to_string(inputs[1].type.element));
}

}  // namespace

std::vector<Fact> infer(const Gather& op, std::span<const Fact> inputs) {
  check_arity(inputs, 3, 3);
  check_index_type(inputs);
  const PartialShape &data = inputs[0].type.shape, &indices = inputs[1].type.shape;
  PartialShape shape;
  if (data.ranked() && indices.ranked()) {
    const std::size_t batch = batch_rank(op.batch_dims, indices.rank());
    SACCADE_CHECK(data.rank() >= 1 && batch < data.rank(), invalid_model, "Gather from rank {}", data.rank());
    if (const auto axis = known_scalar(inputs, 2)) {
      const std::size_t a = normal_axis(*axis, data.rank());
      SACCADE_CHECK(batch <= a, invalid_model, "batch_dims {} beyond axis {}", batch, a);
      std::vector<Dimension> dims;
      for (std::size_t d = 0; d < a; ++d) dims.push_back(d < batch ? meet(data[d], indices[d]) : data[d]);
      for (std::size_t d = batch; d < indices.rank(); ++d) dims.push_back(indices[d]);
      for (std::size_t d = a + 1; d < data.rank(); ++d) dims.push_back(data[d]);
      shape = PartialShape(std::move(dims));
    } else {
      shape = PartialShape::of_rank(data.rank() - 1 + indices.rank() - batch);
    }
  }
  return with_contents(op, inputs, {0}, {Fact(inputs[0].type.element, shape)});
}

std::vector<Tensor> evaluate(const Gather& op, std::span<const Tensor> inputs) {
  const Shape &data = inputs[0].shape(), &indices = inputs[1].shape();
  const std::size_t axis = normal_axis(scalar_i64(inputs[2]), data.size()), batch = batch_rank(op.batch_dims, indices.size());
  SACCADE_CHECK(batch <= axis, invalid_model, "batch_dims {} beyond axis {}", batch, axis);
  for (std::size_t d = 0; d < batch; ++d) SACCADE_CHECK(data[d] == indices[d], invalid_model, "data and indices differ in batch dimension {}", d);
  Shape shape(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(axis));
  shape.insert(shape.end(), indices.begin() + static_cast<std::ptrdiff_t>(batch), indices.end());
  shape.insert(shape.end(), data.begin() + static_cast<std::ptrdiff_t>(axis) + 1, data.end());
  Tensor out(inputs[0].type(), shape);
  if (out.size() == 0) return {out};
  auto picks = to_i64(inputs[1]);
  for (auto& p : picks) p = checked_index(p, data[axis]);
  const std::int64_t batches = product(data, 0, batch), outer = product(data, batch, axis), count = product(indices, batch, indices.size());
  const std::int64_t block = product(data, axis + 1, data.size()) * static_cast<std::int64_t>(size_in_bytes(out.type()));
  char* to = static_cast<char*>(out.raw());
  const char* from = static_cast<const char*>(inputs[0].raw());
  for (std::int64_t b = 0; b < batches; ++b)
    for (std::int64_t o = 0; o < outer; ++o) {
      for (std::int64_t i = 0; i < count; ++i, to += block) std::memcpy(to, from + picks[static_cast<std::size_t>(b * count + i)] * block, static_cast<std::size_t>(block));
      from += data[axis] * block;
    }
  return {out};
}

std::vector<Fact> infer(const GatherElements& op, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 2);
  check_index_type(inputs);
  const PartialShape &data = inputs[0].type.shape, &indices = inputs[1].type.shape;
  if (data.ranked()) normal_axis(op.axis, data.rank());
  SACCADE_CHECK(!data.ranked() || !indices.ranked() || data.rank() == indices.rank(), invalid_model, "data and indices differ in rank");
  return with_contents(op, inputs, {0}, {Fact(inputs[0].type.element, indices.ranked() || !data.ranked() ? indices : PartialShape::of_rank(data.rank()))});
}

std::vector<Tensor> evaluate(const GatherElements& op, std::span<const Tensor> inputs) {
  const Tensor& data = inputs[0];
  const Shape& shape = inputs[1].shape();
  SACCADE_CHECK(data.shape().size() == shape.size(), invalid_model, "data and indices differ in rank");
  const std::size_t axis = normal_axis(op.axis, shape.size());
  for (std::size_t d = 0; d < shape.size(); ++d) SACCADE_CHECK(d == axis || shape[d] <= data.shape()[d], invalid_model, "indices of shape {} for data of shape {}", to_string(shape), to_string(data.shape()));
  Tensor out(data.type(), shape);
  if (out.size() == 0) return {out};
  const Strides strides = dense_strides(data.shape());
  const auto picks = to_i64(inputs[1]);
  const std::size_t bytes = size_in_bytes(data.type());
  IndexWalk walk(shape);
  std::size_t i = 0;
  do {
    const std::int64_t from = walk.offset(strides) + (checked_index(picks[i], data.shape()[axis]) - walk[axis]) * strides[axis];
    std::memcpy(static_cast<char*>(out.raw()) + i * bytes, static_cast<const char*>(data.raw()) + static_cast<std::size_t>(from) * bytes, bytes);
    ++i;
  } while (walk.next());
  return {out};
}

std::vector<Fact> infer(const GatherND& op, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 2);
  check_index_type(inputs);
  const PartialShape &data = inputs[0].type.shape, &indices = inputs[1].type.shape;
  PartialShape shape;
  if (data.ranked() && indices.ranked() && indices.rank() >= 1) {
    const std::size_t batch = batch_rank(op.batch_dims, indices.rank() - 1);
    const Dimension& tuple = indices[indices.rank() - 1];
    if (tuple.is_static()) {
      SACCADE_CHECK(batch + static_cast<std::size_t>(tuple.size()) <= data.rank(), invalid_model, "indices of {} after {} batch dimensions for rank {}", tuple.size(), batch, data.rank());
      std::vector<Dimension> dims;
      for (std::size_t d = 0; d + 1 < indices.rank(); ++d) dims.push_back(d < batch ? meet(data[d], indices[d]) : indices[d]);
      for (std::size_t d = batch + static_cast<std::size_t>(tuple.size()); d < data.rank(); ++d) dims.push_back(data[d]);
      shape = PartialShape(std::move(dims));
    }
  }
  return with_contents(op, inputs, {0}, {Fact(inputs[0].type.element, shape)});
}

std::vector<Tensor> evaluate(const GatherND& op, std::span<const Tensor> inputs) {
  const Shape &data = inputs[0].shape(), &indices = inputs[1].shape();
  SACCADE_CHECK(!indices.empty(), invalid_model, "scalar indices");
  const std::size_t batch = batch_rank(op.batch_dims, indices.size() - 1);
  SACCADE_CHECK(indices.back() >= 0 && static_cast<std::size_t>(indices.back()) <= data.size() && batch + static_cast<std::size_t>(indices.back()) <= data.size(), invalid_model,
                "indices of {} after {} batch dimensions for rank {}", indices.back(), batch, data.size());
  const std::size_t tuple = static_cast<std::size_t>(indices.back());
  for (std::size_t d = 0; d < batch; ++d) SACCADE_CHECK(data[d] == indices[d], invalid_model, "data and indices differ in batch dimension {}", d);
  Shape shape(indices.begin(), indices.end() - 1);
  shape.insert(shape.end(), data.begin() + static_cast<std::ptrdiff_t>(batch + tuple), data.end());
  Tensor out(inputs[0].type(), shape);
  if (out.size() == 0) return {out};
  const auto picks = to_i64(inputs[1]);
  const Strides strides = dense_strides(data);
  const std::int64_t batches = product(data, 0, batch), count = product(indices, batch, indices.size() - 1);
  const auto bytes = static_cast<std::int64_t>(size_in_bytes(out.type()));
  const std::int64_t block = product(data, batch + tuple, data.size()) * bytes, batch_block = product(data, batch, data.size()) * bytes;
  char* to = static_cast<char*>(out.raw());
  for (std::int64_t b = 0; b < batches; ++b)
    for (std::int64_t i = 0; i < count; ++i, to += block) {
      std::int64_t offset = 0;
      for (std::size_t k = 0; k < tuple; ++k)
        offset += checked_index(picks[static_cast<std::size_t>(b * count + i) * tuple + k], data[batch + k]) * strides[batch + k];
      std::memcpy(to, static_cast<const char*>(inputs[0].raw()) + b * batch_block + offset * bytes, static_cast<std::size_t>(block));
    }
  return {out};
}

}  // namespace saccade::ops
