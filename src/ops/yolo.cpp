// SPDX-License-Identifier: Apache-2.0
// RegionYolo and ReorgYolo.
#include "ops/yolo.h"

#include <algorithm>
#include <cmath>

#include "ops/inference.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;

constexpr i64 kMaxRegionSize = i64{1} << 20;

struct Regions {
  i64 count, entries;  // entries: channels of one region
};

Regions regions_of(const RegionYolo& op) {
  SACCADE_CHECK(op.coords >= 2 && op.coords <= kMaxRegionSize && op.classes >= 0 && op.classes <= kMaxRegionSize && op.num >= 1 && op.num <= kMaxRegionSize, invalid_model, "coords is {}, classes {}, num {}",
                op.coords, op.classes, op.num);
  return {op.do_softmax ? op.num : static_cast<i64>(op.mask.size()), op.coords + 1 + op.classes};
}

void check_data(const RegionYolo& op, const PartialShape& shape) {
  const Regions r = regions_of(op);
  SACCADE_CHECK(!shape.ranked() || (shape.rank() == 4 && (!shape[1].is_static() || shape[1].size() == r.count * r.entries)), invalid_model,
                "data of shape {}; {} regions of {} channels are needed", to_string(shape), r.count, r.entries);
}

PartialShape merged(const RegionYolo& op, const PartialShape& shape) {
  if (!op.do_softmax || !shape.ranked()) return shape;
  const std::size_t first = normal_axis(op.axis, 4), last = normal_axis(op.end_axis, 4);
  std::vector<Dimension> out;
  for (std::size_t d = 0; d < 4; ++d) {
    if (d > first && d <= last)
      out.back() = out.back() * shape[d];
    else
      out.push_back(shape[d]);
  }
  return PartialShape(std::move(out));
}

i64 checked_stride(const ReorgYolo& op, const PartialShape& shape) {
  SACCADE_CHECK(op.stride >= 1 && op.stride <= kMaxRegionSize, invalid_model, "stride is {}", op.stride);
  SACCADE_CHECK(!shape.ranked() || shape.rank() == 4, invalid_model, "data of shape {}", to_string(shape));
  for (std::size_t d = 1; shape.ranked() && d < 4; ++d) {
    const i64 by = d == 1 ? op.stride * op.stride : op.stride;
    SACCADE_CHECK(!shape[d].is_static() || shape[d].size() % by == 0, invalid_model, "data of shape {}, of which dimension {} does not divide by {}", to_string(shape), d, by);
  }
  return op.stride;
}

}  // namespace

std::vector<Fact> infer(const RegionYolo& op, std::span<const Fact> inputs) {
  check_arity(inputs, 1, 1);
  SACCADE_CHECK(is_float(inputs[0].type.element), invalid_model, "data of element type {}", to_string(inputs[0].type.element));
  PartialShape shape = inputs[0].type.shape;
  check_data(op, shape);
  const Regions r = regions_of(op);
  if (!shape.ranked()) shape = PartialShape::of_rank(4);
  shape[1] = Dimension::fixed(r.count * r.entries);
  return {Fact(inputs[0].type.element, merged(op, shape))};
}

std::vector<Tensor> evaluate(const RegionYolo& op, std::span<const Tensor> inputs) {
  const PartialShape shape(inputs[0].shape());
  check_data(op, shape);
  const Regions r = regions_of(op);
  std::vector<double> data = to_f64(inputs[0]);
  const i64 area = shape[2].size() * shape[3].size();
  for (i64 region = 0; region < shape[0].size() * r.count && area > 0; ++region) {
    double* entries = data.data() + region * r.entries * area;
    const auto squash = [&](i64 from, i64 count) { std::for_each(entries + from * area, entries + (from + count) * area, [](double& v) { v = 1 / (1 + std::exp(-v)); }); };
    squash(0, 2);
    squash(op.coords, op.do_softmax ? 1 : 1 + op.classes);
    for (i64 i = 0; i < area && op.do_softmax && op.classes > 0; ++i) {
      double* scores = entries + (op.coords + 1) * area + i;
      double most = scores[0], sum = 0;
      for (i64 c = 1; c < op.classes; ++c) most = std::max(most, scores[c * area]);
      for (i64 c = 0; c < op.classes; ++c) sum += scores[c * area] = std::exp(scores[c * area] - most);
      for (i64 c = 0; c < op.classes; ++c) scores[c * area] /= sum;
    }
  }
  return {from_f64(inputs[0].type(), merged(op, shape).shape(), data)};
}

std::vector<Fact> infer(const ReorgYolo& op, std::span<const Fact> inputs) {
  check_arity(inputs, 1, 1);
  PartialShape shape = inputs[0].type.shape;
  const i64 stride = checked_stride(op, shape);
  if (!shape.ranked()) return {Fact(inputs[0].type.element, PartialShape::of_rank(4))};
  shape[1] = shape[1] * Dimension::fixed(stride * stride);
  for (std::size_t d = 2; d < 4; ++d) shape[d] = shape[d].is_static() ? Dimension::fixed(shape[d].size() / stride) : Dimension::unknown();
  return {Fact(inputs[0].type.element, std::move(shape))};
}

std::vector<Tensor> evaluate(const ReorgYolo& op, std::span<const Tensor> inputs) {
  const Shape& x = inputs[0].shape();
  const i64 s = checked_stride(op, PartialShape(x));
  Tensor out(inputs[0].type(), {x[0], x[1] * s * s, x[2] / s, x[3] / s});
  if (out.size() == 0) return {out};
  // An image's elements are seen as [c/s², h·s, w·s] and taken as [s, s, c/s², h, w]: row and column within a block outermost.
  const i64 c = x[1] / (s * s), h = x[2], w = x[3];
  const Shape dims{x[0], s, s, c, h, w};
  const Strides from{x[1] * h * w, w * s, 1, h * s * w * s, s * w * s, s};
  strided_copy(out.raw(), dense_strides(dims), inputs[0].raw(), from, dims, size_in_bytes(out.type()));
  return {out};
}

}  // namespace saccade::ops
