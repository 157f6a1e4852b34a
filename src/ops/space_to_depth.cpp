// SPDX-License-Identifier: Apache-2.0
// Blocks to depth or batch and back: every one is a view with more dimensions, transposed by one strided copy.
#include "ops/space_to_depth.h"

#include "ops/contents.h"

namespace saccade::ops {
namespace {

// A copy of data viewed as `view`, with its dimensions permuted by `order`, under the final shape.
Tensor permuted(const Tensor& data, const Shape& view, const std::vector<std::size_t>& order, const Shape& shape) {
  Tensor out(data.type(), shape);
  if (out.size() == 0) return out;
  const Strides from = dense_strides(view);
  Shape dims;
  Strides strides;
  for (auto d : order) {
    dims.push_back(view[d]);
    strides.push_back(from[d]);
  }
  strided_copy(out.raw(), dense_strides(dims), data.raw(), strides, dims, size_in_bytes(data.type()));
  return out;
}

constexpr std::int64_t kMostBlock = 1 << 20;

std::int64_t power(std::int64_t block, std::size_t n) {
  std::int64_t p = 1;
  for (std::size_t i = 0; i < n; ++i) SACCADE_CHECK(!__builtin_mul_overflow(p, block, &p), invalid_model, "a block of {} is too large", block);
  return p;
}

void check_block(std::int64_t block, std::size_t rank) {
  SACCADE_CHECK(block >= 1 && block <= kMostBlock, invalid_model, "a block of {}", block);
  SACCADE_CHECK(rank >= 3, invalid_model, "rank {} has no spatial dimensions", rank);
}

Dimension divided(const Dimension& d, std::int64_t by) {
  if (by == 1) return d;
  if (!d.is_static()) return Dimension::unknown();
  SACCADE_CHECK(d.size() % by == 0, invalid_model, "{} does not divide by {}", d.size(), by);
  return Dimension::fixed(d.size() / by);
}

struct BatchInputs {
  std::vector<std::int64_t> block, begin, end;
};

BatchInputs batch_inputs(std::span<const Tensor> inputs) {
  BatchInputs b{to_i64(inputs[1]), to_i64(inputs[2]), to_i64(inputs[3])};
  const std::size_t rank = inputs[0].shape().size();
  SACCADE_CHECK(rank >= 1 && b.block.size() == rank && b.begin.size() == rank && b.end.size() == rank, invalid_model, "block and pads must have {} entries", rank);
  for (std::size_t d = 0; d < rank; ++d) {
    SACCADE_CHECK(b.block[d] >= 1 && b.block[d] <= kMostBlock && b.begin[d] >= 0 && b.end[d] >= 0 && b.begin[d] < (std::int64_t{1} << 40) && b.end[d] < (std::int64_t{1} << 40), invalid_model,
                  "block {} with {} and {} around it", b.block[d], b.begin[d], b.end[d]);
  }
  SACCADE_CHECK(b.block[0] == 1 && b.begin[0] == 0 && b.end[0] == 0, invalid_model, "the batch itself has no block");
  return b;
}

std::vector<Fact> infer_batch(std::span<const Fact> inputs, bool to_batch) {
  check_arity(inputs, 4, 4);
  PartialShape shape = inputs[0].type.shape;
  if (!shape.ranked()) return {Fact(inputs[0].type.element, shape)};
  const auto block = known_integers(inputs, 1), begin = known_integers(inputs, 2), end = known_integers(inputs, 3);
  if (!block || !begin || !end) return {Fact(inputs[0].type.element, PartialShape::of_rank(shape.rank()))};
  const std::size_t rank = shape.rank();
  SACCADE_CHECK(rank >= 1 && block->size() == rank && begin->size() == rank && end->size() == rank, invalid_model, "block and pads must have {} entries", rank);
  std::int64_t blocks = 1;
  for (std::size_t d = 0; d < rank; ++d) {
    const std::int64_t b = (*block)[d], around = (*begin)[d] / 2 + (*end)[d] / 2;
    SACCADE_CHECK(b >= 1 && b <= kMostBlock && (*begin)[d] >= 0 && (*end)[d] >= 0 && around < (std::int64_t{1} << 40) && !__builtin_mul_overflow(blocks, b, &blocks), invalid_model, "a block of {}", b);
    if (d == 0) continue;
    shape[d] = to_batch ? divided(plus(shape[d], (*begin)[d] + (*end)[d]), b) : plus(shape[d] * Dimension::fixed(b), -(*begin)[d] - (*end)[d]);
  }
  shape[0] = to_batch ? shape[0] * Dimension::fixed(blocks) : divided(shape[0], blocks);
  return {Fact(inputs[0].type.element, shape)};
}

}  // namespace

std::vector<Fact> infer(const SpaceToDepth& op, std::span<const Fact> inputs) {
  check_arity(inputs, 1, 1);
  PartialShape shape = inputs[0].type.shape;
  if (shape.ranked()) {
    check_block(op.block_size, shape.rank());
    for (std::size_t d = 2; d < shape.rank(); ++d) shape[d] = divided(shape[d], op.block_size);
    shape[1] = shape[1] * Dimension::fixed(power(op.block_size, shape.rank() - 2));
  }
  return {Fact(inputs[0].type.element, shape)};
}

std::vector<Tensor> evaluate(const SpaceToDepth& op, std::span<const Tensor> inputs) {
  const Shape& in = inputs[0].shape();
  check_block(op.block_size, in.size());
  const std::size_t spatial = in.size() - 2;
  Shape shape{in[0], in[1] * power(op.block_size, spatial)}, view{in[0], in[1]};
  std::vector<std::size_t> order{0}, blocks, rest;
  for (std::size_t d = 0; d < spatial; ++d) {
    SACCADE_CHECK(in[d + 2] % op.block_size == 0, invalid_model, "{} does not divide by {}", in[d + 2], op.block_size);
    view.insert(view.end(), {in[d + 2] / op.block_size, op.block_size});
    shape.push_back(in[d + 2] / op.block_size);
    rest.push_back(2 + 2 * d);
    blocks.push_back(3 + 2 * d);
  }
  if (op.mode == DepthMode::depth_first) order.push_back(1);
  order.insert(order.end(), blocks.begin(), blocks.end());
  if (op.mode == DepthMode::blocks_first) order.push_back(1);
  order.insert(order.end(), rest.begin(), rest.end());
  return {permuted(inputs[0], view, order, shape)};
}

std::vector<Fact> infer(const DepthToSpace& op, std::span<const Fact> inputs) {
  check_arity(inputs, 1, 1);
  PartialShape shape = inputs[0].type.shape;
  if (shape.ranked()) {
    check_block(op.block_size, shape.rank());
    for (std::size_t d = 2; d < shape.rank(); ++d) shape[d] = shape[d] * Dimension::fixed(op.block_size);
    shape[1] = divided(shape[1], power(op.block_size, shape.rank() - 2));
  }
  return {Fact(inputs[0].type.element, shape)};
}

std::vector<Tensor> evaluate(const DepthToSpace& op, std::span<const Tensor> inputs) {
  const Shape& in = inputs[0].shape();
  check_block(op.block_size, in.size());
  const std::size_t spatial = in.size() - 2;
  const std::int64_t blocks = power(op.block_size, spatial);
  SACCADE_CHECK(in[1] % blocks == 0, invalid_model, "{} channels do not divide by {}", in[1], blocks);
  const std::int64_t channels = in[1] / blocks;
  Shape shape{in[0], channels}, view{in[0]};
  if (op.mode == DepthMode::depth_first) view.push_back(channels);
  view.insert(view.end(), spatial, op.block_size);
  if (op.mode == DepthMode::blocks_first) view.push_back(channels);
  view.insert(view.end(), in.begin() + 2, in.end());
  const std::size_t first_block = op.mode == DepthMode::depth_first ? 2 : 1;
  std::vector<std::size_t> order{0, op.mode == DepthMode::depth_first ? 1 : spatial + 1};
  for (std::size_t d = 0; d < spatial; ++d) {
    order.insert(order.end(), {spatial + 2 + d, first_block + d});
    std::int64_t size;
    SACCADE_CHECK(!__builtin_mul_overflow(in[d + 2], op.block_size, &size), invalid_model, "the output is too large");
    shape.push_back(size);
  }
  return {permuted(inputs[0], view, order, shape)};
}

std::vector<Fact> infer(const SpaceToBatch&, std::span<const Fact> inputs) { return infer_batch(inputs, true); }

std::vector<Tensor> evaluate(const SpaceToBatch&, std::span<const Tensor> inputs) {
  const BatchInputs b = batch_inputs(inputs);
  Shape padded = inputs[0].shape();
  const std::size_t rank = padded.size();
  std::int64_t offset = 0;
  for (std::size_t d = 0; d < rank; ++d) {
    padded[d] += b.begin[d] + b.end[d];
    SACCADE_CHECK(padded[d] % b.block[d] == 0, invalid_model, "{} does not divide by {}", padded[d], b.block[d]);
  }
  Tensor data(inputs[0].type(), padded);
  const Strides strides = dense_strides(padded);
  const std::size_t bytes = size_in_bytes(data.type());
  for (std::size_t d = 0; d < rank; ++d) offset += b.begin[d] * strides[d];
  if (inputs[0].size()) strided_copy(static_cast<char*>(data.raw()) + static_cast<std::size_t>(offset) * bytes, strides, inputs[0].raw(), dense_strides(inputs[0].shape()), inputs[0].shape(), bytes);
  Shape view{padded[0]}, shape{padded[0]};
  std::vector<std::size_t> order, rest{0};
  for (std::size_t d = 1; d < rank; ++d) {
    view.insert(view.end(), {padded[d] / b.block[d], b.block[d]});
    shape.push_back(padded[d] / b.block[d]);
    SACCADE_CHECK(!__builtin_mul_overflow(shape[0], b.block[d], &shape[0]), invalid_model, "the blocks are too large");
    order.push_back(2 * d);
    rest.push_back(2 * d - 1);
  }
  order.insert(order.end(), rest.begin(), rest.end());
  return {permuted(data, view, order, shape)};
}

std::vector<Fact> infer(const BatchToSpace&, std::span<const Fact> inputs) { return infer_batch(inputs, false); }

std::vector<Tensor> evaluate(const BatchToSpace&, std::span<const Tensor> inputs) {
  const BatchInputs b = batch_inputs(inputs);
  const Shape& in = inputs[0].shape();
  const std::size_t rank = in.size();
  std::int64_t blocks = 1;
  Shape view, whole{0};
  for (std::size_t d = 1; d < rank; ++d) {
    SACCADE_CHECK(!__builtin_mul_overflow(blocks, b.block[d], &blocks), invalid_model, "the blocks are too large");
    view.push_back(b.block[d]);
    std::int64_t size;
    SACCADE_CHECK(!__builtin_mul_overflow(in[d], b.block[d], &size) && size >= b.begin[d] + b.end[d], invalid_model, "crops of {} and {} from {} · {}", b.begin[d], b.end[d], in[d], b.block[d]);
    whole.push_back(size);
  }
  SACCADE_CHECK(in[0] % blocks == 0, invalid_model, "a batch of {} does not divide by {}", in[0], blocks);
  whole[0] = in[0] / blocks;
  view.push_back(whole[0]);
  view.insert(view.end(), in.begin() + 1, in.end());
  std::vector<std::size_t> order{rank - 1};
  for (std::size_t d = 1; d < rank; ++d) order.insert(order.end(), {rank - 1 + d, d - 1});
  Tensor data = permuted(inputs[0], view, order, whole);
  Shape shape = whole;
  const Strides strides = dense_strides(whole);
  std::int64_t offset = 0;
  for (std::size_t d = 1; d < rank; ++d) {
    shape[d] -= b.begin[d] + b.end[d];
    offset += b.begin[d] * strides[d];
  }
  Tensor out(data.type(), shape);
  const std::size_t bytes = size_in_bytes(data.type());
  if (out.size()) strided_copy(out.raw(), dense_strides(shape), static_cast<const char*>(data.raw()) + static_cast<std::size_t>(offset) * bytes, strides, shape, bytes);
  return {out};
}

}  // namespace saccade::ops
