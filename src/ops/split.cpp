// SPDX-License-Identifier: Apache-2.0
// Split, VariadicSplit.
#include "ops/split.h"

#include "ops/contents.h"

namespace saccade::ops {
namespace {

constexpr std::int64_t kMostParts = 1 << 16;

std::vector<Tensor> cut(const Tensor& data, std::size_t axis, std::span<const std::int64_t> lengths) {
  const Strides strides = dense_strides(data.shape());
  const auto bytes = static_cast<std::int64_t>(size_in_bytes(data.type()));
  std::vector<Tensor> parts;
  std::int64_t at = 0;
  for (auto length : lengths) {
    Shape shape = data.shape();
    shape[axis] = length;
    Tensor part(data.type(), shape);
    if (part.size()) strided_copy(part.raw(), dense_strides(shape), static_cast<const char*>(data.raw()) + at * strides[axis] * bytes, strides, shape, static_cast<std::size_t>(bytes));
    parts.push_back(std::move(part));
    at += length;
  }
  return parts;
}

// Lengths with -1 resolved, checked against the size.
std::vector<std::int64_t> resolve_lengths(std::vector<std::int64_t> lengths, std::int64_t size) {
  std::int64_t total = 0;
  std::int64_t* rest = nullptr;
  for (auto& length : lengths) {
    SACCADE_CHECK(length >= -1 && length <= size, invalid_model, "a part of length {} of {}", length, size);
    if (length >= 0)
      total += length;
    else {
      SACCADE_CHECK(!rest, invalid_model, "two parts take the rest");
      rest = &length;
    }
    SACCADE_CHECK(total <= size, invalid_model, "the parts are longer than {}", size);
  }
  if (rest) *rest = size - total;
  SACCADE_CHECK(rest || total == size, invalid_model, "the parts add up to {}, not {}", total, size);
  return lengths;
}

}  // namespace

std::vector<Fact> infer(const Split& op, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 2);
  SACCADE_CHECK(op.num_splits >= 1 && op.num_splits <= kMostParts, invalid_model, "{} parts", op.num_splits);
  const TensorType& data = inputs[0].type;
  Fact part(data.element, data.shape.ranked() ? PartialShape::of_rank(data.shape.rank()) : PartialShape());
  const auto axis = known_scalar(inputs, 1);
  if (data.shape.ranked() && axis) {
    const std::size_t d = normal_axis(*axis, data.shape.rank());
    part.type.shape = data.shape;
    part.type.shape[d] = Dimension::unknown();
    if (data.shape[d].is_static()) {
      SACCADE_CHECK(data.shape[d].size() % op.num_splits == 0, invalid_model, "{} does not divide into {} parts", data.shape[d].size(), op.num_splits);
      part.type.shape[d] = Dimension::fixed(data.shape[d].size() / op.num_splits);
    }
  }
  return with_contents(op, inputs, {0}, std::vector<Fact>(static_cast<std::size_t>(op.num_splits), part));
}

std::vector<Tensor> evaluate(const Split& op, std::span<const Tensor> inputs) {
  const std::size_t axis = normal_axis(scalar_i64(inputs[1]), inputs[0].shape().size());
  const std::int64_t size = inputs[0].shape()[axis];
  SACCADE_CHECK(op.num_splits >= 1 && op.num_splits <= kMostParts && size % op.num_splits == 0, invalid_model, "{} does not divide into {} parts", size, op.num_splits);
  return cut(inputs[0], axis, std::vector<std::int64_t>(static_cast<std::size_t>(op.num_splits), size / op.num_splits));
}

std::vector<Fact> infer(const VariadicSplit& op, std::span<const Fact> inputs) {
  check_arity(inputs, 3, 3);
  const TensorType& data = inputs[0].type;
  const auto count = known_length(inputs, 2);
  SACCADE_CHECK(count, unsupported, "VariadicSplit with an unknown number of parts");
  const auto axis = known_scalar(inputs, 1);
  const auto lengths = known_dimensions(inputs, 2);
  std::vector<Fact> outputs(*count, Fact(data.element, data.shape.ranked() ? PartialShape::of_rank(data.shape.rank()) : PartialShape()));
  if (data.shape.ranked() && axis) {
    const std::size_t d = normal_axis(*axis, data.shape.rank());
    const auto known = known_integers(inputs, 2);
    std::vector<std::int64_t> exact;
    if (known && data.shape[d].is_static()) exact = resolve_lengths(*known, data.shape[d].size());
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      PartialShape shape = data.shape;
      if (!exact.empty())
        shape[d] = Dimension::fixed(exact[i]);
      else if (lengths && ((*lengths)[i].is_static() ? (*lengths)[i].size() >= 0 : (*lengths)[i].min >= 0))
        shape[d] = (*lengths)[i];
      else
        shape[d] = Dimension::unknown();
      outputs[i].type.shape = shape;
    }
  }
  return with_contents(op, inputs, {0}, std::move(outputs));
}

std::vector<Tensor> evaluate(const VariadicSplit&, std::span<const Tensor> inputs) {
  const std::size_t axis = normal_axis(scalar_i64(inputs[1]), inputs[0].shape().size());
  return cut(inputs[0], axis, resolve_lengths(to_i64(inputs[2]), inputs[0].shape()[axis]));
}

}  // namespace saccade::ops
