// SPDX-License-Identifier: Apache-2.0
// Range, Eye.
#include "ops/range.h"

#include <algorithm>
#include <cmath>

#include "ops/contents.h"

namespace saccade::ops {
namespace {

constexpr std::int64_t kMostElements = std::int64_t{1} << 40;

std::int64_t count_of(const Tensor& start, const Tensor& stop, const Tensor& step) {
  SACCADE_CHECK(start.size() == 1 && stop.size() == 1 && step.size() == 1, invalid_model, "Range takes scalars");
  if (is_float(start.type()) || is_float(stop.type()) || is_float(step.type())) {
    const double a = element_as_f64(start, 0), b = element_as_f64(stop, 0), s = element_as_f64(step, 0);
    SACCADE_CHECK(std::isfinite(a) && std::isfinite(b) && std::isfinite(s) && s != 0, invalid_model, "Range from {} to {} by {}", a, b, s);
    const double n = std::ceil((b - a) / s);
    SACCADE_CHECK(n < static_cast<double>(kMostElements), out_of_memory, "Range of {} elements", n);
    return n > 0 ? static_cast<std::int64_t>(n) : 0;
  }
  const std::int64_t a = element_as_i64(start, 0), b = element_as_i64(stop, 0), s = element_as_i64(step, 0);
  SACCADE_CHECK(s != 0, invalid_model, "Range with step 0");
  if (s > 0 ? a >= b : a <= b) return 0;
  // differences of i64 fit into u64
  const std::uint64_t distance = s > 0 ? static_cast<std::uint64_t>(b) - static_cast<std::uint64_t>(a) : static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b);
  const std::uint64_t stride = s > 0 ? static_cast<std::uint64_t>(s) : 0 - static_cast<std::uint64_t>(s);
  const std::uint64_t n = (distance - 1) / stride + 1;
  SACCADE_CHECK(n < static_cast<std::uint64_t>(kMostElements), out_of_memory, "Range of {} elements", n);
  return static_cast<std::int64_t>(n);
}

}  // namespace

std::vector<Fact> infer(const Range& op, std::span<const Fact> inputs) {
  check_arity(inputs, 3, 3);
  PartialShape shape = PartialShape::of_rank(1);
  if (inputs[0].constant.defined() && inputs[1].constant.defined() && inputs[2].constant.defined()) {
    shape[0] = Dimension::fixed(count_of(inputs[0].constant, inputs[1].constant, inputs[2].constant));
  } else {
    // Range(0, n, 1) over a size has that size
    const auto start = known_scalar(inputs, 0), step = known_scalar(inputs, 2);
    const auto stop = known_dimensions(inputs, 1);
    if (start && step && *start == 0 && *step == 1 && stop && stop->size() == 1 && stop->front().min >= 0 && is_integer(inputs[1].type.element)) shape[0] = stop->front();
  }
  return with_contents(op, inputs, {}, {Fact(op.output_type, shape)});
}

std::vector<Tensor> evaluate(const Range& op, std::span<const Tensor> inputs) {
  const std::int64_t n = count_of(inputs[0], inputs[1], inputs[2]);
  if (is_float(op.output_type) || is_float(inputs[0].type())) {
    const double start = element_as_f64(inputs[0], 0), step = element_as_f64(inputs[2], 0);
    std::vector<double> out(static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = start + static_cast<double>(i) * step;
    return {from_f64(op.output_type, {n}, out)};
  }
  const std::int64_t start = element_as_i64(inputs[0], 0), step = element_as_i64(inputs[2], 0);
  std::vector<std::int64_t> out(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::int64_t>(static_cast<std::uint64_t>(start) + static_cast<std::uint64_t>(i) * static_cast<std::uint64_t>(step));
  return {from_i64(op.output_type, {n}, out)};
}

std::vector<Fact> infer(const Eye& op, std::span<const Fact> inputs) {
  check_arity(inputs, 3, 4);
  std::vector<Dimension> dims;
  const auto size = [&](std::size_t i) {
    const auto d = known_dimensions(inputs, i);
    SACCADE_CHECK(!d || (d->size() == 1 && (!d->front().is_static() || d->front().size() >= 0)), invalid_model, "a size of Eye must be a scalar and not negative");
    return d ? as_size(d->front()) : Dimension::unknown();
  };
  if (has(inputs, 3)) {
    const auto batch = known_dimensions(inputs, 3);
    if (!batch) return {Fact(op.output_type, PartialShape())};
    for (const auto& d : *batch) dims.push_back(as_size(d));
  }
  dims.push_back(size(0));
  dims.push_back(size(1));
  return with_contents(op, inputs, {}, {Fact(op.output_type, PartialShape(std::move(dims)))});
}

std::vector<Tensor> evaluate(const Eye& op, std::span<const Tensor> inputs) {
  const std::int64_t rows = scalar_i64(inputs[0]), columns = scalar_i64(inputs[1]), diagonal = scalar_i64(inputs[2]);
  Shape shape;
  if (has(inputs, 3)) shape = to_i64(inputs[3]);
  shape.insert(shape.end(), {rows, columns});
  Tensor out(op.output_type, shape);
  if (out.size() == 0) return {out};
  const std::int64_t plane = rows * columns;
  for (std::int64_t at = 0; at < out.size(); at += plane) {
    const std::int64_t first = std::max<std::int64_t>(0, diagonal < -rows ? rows : -diagonal);
    for (std::int64_t r = first; r < rows && diagonal < columns - r; ++r) set_element_f64(out, at + r * columns + r + diagonal, 1);
  }
  return {out};
}

}  // namespace saccade::ops
