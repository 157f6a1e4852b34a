// SPDX-License-Identifier: Apache-2.0
// NonZero, Unique.
#include "ops/non_zero.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>

#include "ops/contents.h"

namespace saccade::ops {
namespace {

// Orders slices of `length` numbers by their elements; NaN is the largest number and equal to itself.
template <class T>
struct SliceOrder {
  const std::vector<T>& values;
  std::size_t length;

  static int compare(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      if (std::isnan(a) || std::isnan(b)) return static_cast<int>(std::isnan(a)) - static_cast<int>(std::isnan(b));
    }
    return a < b ? -1 : b < a ? 1 : 0;
  }
  int operator()(std::size_t a, std::size_t b) const {
    for (std::size_t i = 0; i < length; ++i)
      if (const int c = compare(values[a * length + i], values[b * length + i])) return c;
    return 0;
  }
};

struct SliceGroups {
  std::vector<std::size_t> first;                // slice that stands for the group, in output order
  std::vector<std::int64_t> inverse, counts;
};

template <class T>
SliceGroups group(const std::vector<T>& values, std::size_t count, std::size_t length, bool sorted) {
  const SliceOrder<T> order{values, length};
  std::vector<std::size_t> rank(count);
  std::iota(rank.begin(), rank.end(), std::size_t{0});
  std::stable_sort(rank.begin(), rank.end(), [&](std::size_t a, std::size_t b) { return order(a, b) < 0; });
  SliceGroups g;
  g.inverse.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (i == 0 || order(rank[i - 1], rank[i]) != 0) {
      g.first.push_back(rank[i]);
      g.counts.push_back(0);
    }
    ++g.counts.back();
    g.inverse[rank[i]] = static_cast<std::int64_t>(g.first.size()) - 1;
  }
  if (sorted) return g;
  std::vector<std::size_t> by_age(g.first.size());
  std::iota(by_age.begin(), by_age.end(), std::size_t{0});
  std::sort(by_age.begin(), by_age.end(), [&](std::size_t a, std::size_t b) { return g.first[a] < g.first[b]; });
  SliceGroups aged;
  std::vector<std::int64_t> renamed(by_age.size());
  for (std::size_t i = 0; i < by_age.size(); ++i) {
    aged.first.push_back(g.first[by_age[i]]);
    aged.counts.push_back(g.counts[by_age[i]]);
    renamed[by_age[i]] = static_cast<std::int64_t>(i);
  }
  for (auto v : g.inverse) aged.inverse.push_back(renamed[static_cast<std::size_t>(v)]);
  return aged;
}

}  // namespace

std::vector<Fact> infer(const NonZero& op, std::span<const Fact> inputs) {
  check_arity(inputs, 1, 1);
  const PartialShape& in = inputs[0].type.shape;
  PartialShape shape = PartialShape::of_rank(2);
  if (in.ranked()) shape[0] = Dimension::fixed(static_cast<std::int64_t>(in.rank()));
  if (in.is_static()) shape[1].max = element_count(in.shape());
  if (inputs[0].constant.defined() && inputs[0].constant.size() <= 64) {
    Fact out(op.output_type, shape);
    out.constant = evaluate(op, std::vector<Tensor>{inputs[0].constant})[0];
    out.type.shape = PartialShape(out.constant.shape());
    return {out};
  }
  return {Fact(op.output_type, shape)};
}

std::vector<Tensor> evaluate(const NonZero& op, std::span<const Tensor> inputs) {
  const Tensor& data = inputs[0];
  std::vector<std::int64_t> found;
  if (is_float(data.type())) {
    const auto x = to_f64(data);
    for (std::size_t i = 0; i < x.size(); ++i)
      if (x[i] != 0) found.push_back(static_cast<std::int64_t>(i));
  } else {
    const auto x = to_i64(data);
    for (std::size_t i = 0; i < x.size(); ++i)
      if (x[i] != 0) found.push_back(static_cast<std::int64_t>(i));
  }
  const std::size_t rank = data.shape().size(), n = found.size();
  const Strides strides = dense_strides(data.shape());
  std::vector<std::int64_t> out(rank * n);
  for (std::size_t i = 0; i < n; ++i) {
    std::int64_t rest = found[i];
    for (std::size_t d = 0; d < rank; ++d) {
      out[d * n + i] = rest / strides[d];
      rest %= strides[d];
    }
  }
  return {from_i64(op.output_type, {static_cast<std::int64_t>(rank), static_cast<std::int64_t>(n)}, out)};
}

std::vector<Fact> infer(const Unique& op, std::span<const Fact> inputs) {
  check_arity(inputs, 1, 2);
  const PartialShape& in = inputs[0].type.shape;
  PartialShape values, all = PartialShape::of_rank(1);
  if (!has(inputs, 1)) {
    values = PartialShape::of_rank(1);
    if (in.is_static()) all[0] = Dimension::fixed(element_count(in.shape()));
  } else if (in.ranked()) {
    values = PartialShape::of_rank(in.rank());
    if (const auto axis = known_scalar(inputs, 1)) {
      const std::size_t d = normal_axis(*axis, in.rank());
      values = in;
      values[d] = {0, in[d].max, {}};
      all[0] = in[d];
    }
  }
  return {Fact(inputs[0].type.element, values), Fact(op.index_element_type, PartialShape::of_rank(1)), Fact(op.index_element_type, all),
          Fact(op.count_element_type, PartialShape::of_rank(1))};
}

std::vector<Tensor> evaluate(const Unique& op, std::span<const Tensor> inputs) {
  Tensor data = has(inputs, 1) ? inputs[0] : inputs[0].reshaped({inputs[0].size()});
  const std::size_t axis = has(inputs, 1) ? normal_axis(scalar_i64(inputs[1]), data.shape().size()) : 0;
  // the axis goes first, so that slices are contiguous
  Shape front{data.shape()[axis]};
  const Strides dense = dense_strides(data.shape());
  Strides strides{dense[axis]};
  for (std::size_t d = 0; d < data.shape().size(); ++d) {
    if (d == axis) continue;
    front.push_back(data.shape()[d]);
    strides.push_back(dense[d]);
  }
  const std::size_t bytes = size_in_bytes(data.type());
  Tensor slices(data.type(), front);
  if (data.size()) strided_copy(slices.raw(), dense_strides(front), data.raw(), strides, front, bytes);
  const auto count = static_cast<std::size_t>(front[0]);
  const std::size_t length = count ? static_cast<std::size_t>(data.size()) / count : 0;
  SliceGroups g;
  if (is_float(data.type())) {
    g = group(to_f64(slices), count, length, op.sorted);
  } else if (data.type() == ElementType::u64) {
    const auto x = to_i64(slices);
    g = group(std::vector<std::uint64_t>(x.begin(), x.end()), count, length, op.sorted);
  } else {
    g = group(to_i64(slices), count, length, op.sorted);
  }
  const auto n = static_cast<std::int64_t>(g.first.size());
  Shape picked = front, shape = data.shape();
  picked[0] = shape[axis] = n;
  Tensor chosen(data.type(), picked), out(data.type(), shape);
  for (std::size_t i = 0; i < g.first.size(); ++i)
    if (length) std::memcpy(static_cast<char*>(chosen.raw()) + i * length * bytes, static_cast<const char*>(slices.raw()) + g.first[i] * length * bytes, length * bytes);
  Strides back = dense_strides(shape), to{back[axis]};
  for (std::size_t d = 0; d < shape.size(); ++d)
    if (d != axis) to.push_back(back[d]);
  if (out.size()) strided_copy(out.raw(), to, chosen.raw(), dense_strides(picked), picked, bytes);
  return {out, from_i64(op.index_element_type, {n}, std::vector<std::int64_t>(g.first.begin(), g.first.end())), from_i64(op.index_element_type, {front[0]}, g.inverse),
          from_i64(op.count_element_type, {n}, g.counts)};
}

}  // namespace saccade::ops
