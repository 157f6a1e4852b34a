// SPDX-License-Identifier: Apache-2.0
// Pad, PadWrap. A constant is filled in around one strided copy; the other modes pick a source index for every index of
// every axis and copy runs.
#include "ops/pad.h"

#include <algorithm>
#include <cstring>

#include "ops/contents.h"

namespace saccade::ops {
namespace {

struct Amounts {
  std::vector<std::int64_t> begin, end;
};

constexpr std::int64_t kMostPadding = std::int64_t{1} << 40;

Amounts amounts(std::span<const Tensor> inputs) {
  Amounts a{to_i64(inputs[1]), to_i64(inputs[2])};
  const std::size_t rank = inputs[0].shape().size();
  SACCADE_CHECK(a.begin.size() == rank && a.end.size() == rank, invalid_model, "{} and {} pads for rank {}", a.begin.size(), a.end.size(), rank);
  for (std::size_t d = 0; d < rank; ++d)
    SACCADE_CHECK(std::abs(a.begin[d] / 2) < kMostPadding && std::abs(a.end[d] / 2) < kMostPadding && inputs[0].shape()[d] + a.begin[d] + a.end[d] >= 0, invalid_model,
                  "padding of {} and {} around dimension {} of size {}", a.begin[d], a.end[d], d, inputs[0].shape()[d]);
  return a;
}

PartialShape padded_shape(std::span<const Fact> inputs) {
  PartialShape shape = inputs[0].type.shape;
  if (!shape.ranked()) return shape;
  const auto begin = known_integers(inputs, 1), end = known_integers(inputs, 2);
  if (!begin || !end) return PartialShape::of_rank(shape.rank());
  SACCADE_CHECK(begin->size() == shape.rank() && end->size() == shape.rank(), invalid_model, "{} and {} pads for rank {}", begin->size(), end->size(), shape.rank());
  for (std::size_t d = 0; d < shape.rank(); ++d) {
    std::int64_t total;
    SACCADE_CHECK(!__builtin_add_overflow((*begin)[d], (*end)[d], &total) && std::abs(total / 2) < kMostPadding, invalid_model, "padding of {} and {}", (*begin)[d], (*end)[d]);
    SACCADE_CHECK(!shape[d].is_static() || shape[d].size() + total >= 0, invalid_model, "padding {} takes more than dimension {} of size {}", total, d, shape[d].size());
    shape[d] = plus(shape[d], total);
  }
  return shape;
}

enum class Continuation { edge, reflect, symmetric, wrap };

std::int64_t floor_mod(std::int64_t x, std::int64_t n) {
  const std::int64_t m = x % n;
  return m < 0 ? m + n : m;
}

std::int64_t source_index(Continuation mode, std::int64_t i, std::int64_t size) {
  switch (mode) {
    case Continuation::edge: return std::clamp<std::int64_t>(i, 0, size - 1);
    case Continuation::wrap: return floor_mod(i, size);
    case Continuation::symmetric: {
      const std::int64_t m = floor_mod(i, 2 * size);
      return m < size ? m : 2 * size - 1 - m;
    }
    case Continuation::reflect: {
      if (size == 1) return 0;
      const std::int64_t m = floor_mod(i, 2 * size - 2);
      return m < size ? m : 2 * size - 2 - m;
    }
  }
  return 0;
}

Tensor continued(const Tensor& data, const Amounts& pads, Continuation mode) {
  const std::size_t rank = data.shape().size();
  Shape shape = data.shape();
  for (std::size_t d = 0; d < rank; ++d) shape[d] += pads.begin[d] + pads.end[d];
  Tensor out(data.type(), shape);
  if (out.size() == 0) return out;
  SACCADE_CHECK(data.size() > 0, invalid_model, "nothing to continue into the padding of an empty tensor");
  if (rank == 0) return data;
  std::vector<std::vector<std::int64_t>> source(rank);
  for (std::size_t d = 0; d < rank; ++d)
    for (std::int64_t i = 0; i < shape[d]; ++i) source[d].push_back(source_index(mode, i - pads.begin[d], data.shape()[d]));
  struct Run {
    std::int64_t to, from, length;
  };
  std::vector<Run> runs;
  const auto& last = source.back();
  for (std::size_t i = 0; i < last.size(); ++i) {
    if (!runs.empty() && last[i] == runs.back().from + runs.back().length)
      ++runs.back().length;
    else
      runs.push_back({static_cast<std::int64_t>(i), last[i], 1});
  }
  const auto bytes = static_cast<std::int64_t>(size_in_bytes(data.type()));
  const Strides strides = dense_strides(data.shape());
  Shape outer(shape.begin(), shape.end() - 1);
  IndexWalk walk(outer);
  char* to = static_cast<char*>(out.raw());
  do {
    std::int64_t row = 0;
    for (std::size_t d = 0; d + 1 < rank; ++d) row += source[d][static_cast<std::size_t>(walk[d])] * strides[d];
    const char* from = static_cast<const char*>(data.raw()) + row * bytes;
    for (const Run& r : runs) std::memcpy(to + r.to * bytes, from + r.from * bytes, static_cast<std::size_t>(r.length * bytes));
    to += shape.back() * bytes;
  } while (walk.next());
  return out;
}

Tensor surrounded(const Tensor& data, const Amounts& pads, const Tensor& value) {
  const std::size_t rank = data.shape().size();
  Shape shape = data.shape(), inner = data.shape();
  for (std::size_t d = 0; d < rank; ++d) shape[d] += pads.begin[d] + pads.end[d];
  Tensor out(data.type(), shape);
  const std::size_t bytes = size_in_bytes(data.type());
  if (value.defined()) {
    SACCADE_CHECK(value.size() == 1 && value.type() == data.type(), invalid_model, "the pad value must be one element of type {}", to_string(data.type()));
    strided_copy(out.raw(), dense_strides(shape), value.raw(), Strides(rank, 0), shape, bytes);
  }
  const Strides to = dense_strides(shape), from = dense_strides(data.shape());
  std::int64_t to_offset = 0, from_offset = 0;
  for (std::size_t d = 0; d < rank; ++d) {
    const std::int64_t skipped = std::max<std::int64_t>(0, -pads.begin[d]);
    inner[d] = std::max<std::int64_t>(0, inner[d] - skipped - std::max<std::int64_t>(0, -pads.end[d]));
    if (inner[d] == 0) return out;
    from_offset += skipped * from[d];
    to_offset += std::max<std::int64_t>(0, pads.begin[d]) * to[d];
  }
  strided_copy(static_cast<char*>(out.raw()) + to_offset * static_cast<std::int64_t>(bytes), to,
               static_cast<const char*>(data.raw()) + from_offset * static_cast<std::int64_t>(bytes), from, inner, bytes);
  return out;
}

}  // namespace

std::vector<Fact> infer(const Pad& op, std::span<const Fact> inputs) {
  check_arity(inputs, 3, 4);
  check_same_element(inputs, 0, 3);
  std::vector<Fact> outputs{Fact(inputs[0].type.element, padded_shape(inputs))};
  if (op.mode != PadMode::constant) return with_contents(op, inputs, {0}, outputs);
  return has(inputs, 3) ? with_contents(op, inputs, {0, 3}, outputs) : with_contents(op, inputs, {}, outputs);
}

std::vector<Tensor> evaluate(const Pad& op, std::span<const Tensor> inputs) {
  const Amounts pads = amounts(inputs);
  switch (op.mode) {
    case PadMode::constant: return {surrounded(inputs[0], pads, has(inputs, 3) ? inputs[3] : Tensor())};
    case PadMode::edge: return {continued(inputs[0], pads, Continuation::edge)};
    case PadMode::reflect: return {continued(inputs[0], pads, Continuation::reflect)};
    case PadMode::symmetric: return {continued(inputs[0], pads, Continuation::symmetric)};
  }
  SACCADE_ASSERT(false);
}

std::vector<Fact> infer(const PadWrap& op, std::span<const Fact> inputs) {
  check_arity(inputs, 3, 3);
  return with_contents(op, inputs, {0}, {Fact(inputs[0].type.element, padded_shape(inputs))});
}

std::vector<Tensor> evaluate(const PadWrap&, std::span<const Tensor> inputs) { return {continued(inputs[0], amounts(inputs), Continuation::wrap)}; }

}  // namespace saccade::ops
