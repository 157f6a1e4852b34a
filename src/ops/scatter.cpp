// SPDX-License-Identifier: Apache-2.0
// The scatters. Without a reduction they copy elements; with one they combine numbers, in f64 or i64, rounded once.
#include "ops/scatter.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "ops/contents.h"

namespace saccade::ops {
namespace {

std::int64_t checked_position(std::int64_t index, std::int64_t size) {
  SACCADE_CHECK(index >= -size && index < size, invalid_argument, "index {} is outside of a dimension of {}", index, size);
  return index < 0 ? index + size : index;
}

void check_inputs(std::span<const Fact> inputs) {
  check_same_element(inputs, 0, 2);
  SACCADE_CHECK(is_integer(inputs[1].type.element), invalid_model, "indices of type {}", to_string(inputs[1].type.element));
}

std::vector<Fact> like_data(std::span<const Fact> inputs) { return {Fact(inputs[0].type)}; }

// For every element of the updates, which element of the data it meets.
struct Target {
  std::int64_t data, update;
};

using Reduction = ScatterElementsReduction;

template <class T>
T less(bool as_unsigned, T a, T b) {
  if constexpr (std::is_integral_v<T>)
    if (as_unsigned) return static_cast<std::uint64_t>(a) < static_cast<std::uint64_t>(b);
  return a < b;
}

template <class T>
T combine(Reduction reduction, bool as_unsigned, T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if ((reduction == Reduction::min || reduction == Reduction::max) && (std::isnan(a) || std::isnan(b))) return std::isnan(a) ? a : b;
  }
  const auto wrapped = [](auto f, T x, T y) {
    if constexpr (std::is_integral_v<T>)
      return static_cast<T>(f(static_cast<std::uint64_t>(x), static_cast<std::uint64_t>(y)));
    else
      return f(x, y);
  };
  switch (reduction) {
    case Reduction::none: return b;
    case Reduction::sum:
    case Reduction::mean: return wrapped([](auto x, auto y) { return x + y; }, a, b);
    case Reduction::prod: return wrapped([](auto x, auto y) { return x * y; }, a, b);
    case Reduction::min: return less(as_unsigned, b, a) ? b : a;
    case Reduction::max: return less(as_unsigned, a, b) ? b : a;
  }
  return b;
}

template <class T>
void reduce_into(std::vector<T>& data, const std::vector<T>& updates, std::span<const Target> targets, Reduction reduction, bool use_init, bool as_unsigned) {
  std::vector<std::int64_t> seen(data.size(), 0);
  for (const Target& t : targets) {
    T& d = data[static_cast<std::size_t>(t.data)];
    auto& count = seen[static_cast<std::size_t>(t.data)];
    const T& u = updates[static_cast<std::size_t>(t.update)];
    d = count == 0 && !use_init ? u : combine(reduction, as_unsigned, d, u);
    ++count;
  }
  if (reduction != Reduction::mean) return;
  for (std::size_t i = 0; i < data.size(); ++i) {
    if (seen[i] == 0) continue;
    const std::int64_t n = seen[i] + (use_init ? 1 : 0);
    if constexpr (std::is_integral_v<T>) {
      const T q = data[i] / n;
      data[i] = q - (data[i] % n != 0 && data[i] < 0 ? 1 : 0);
    } else {
      data[i] /= static_cast<T>(n);
    }
  }
}

Tensor scatter(const Tensor& data, const Tensor& updates, std::span<const Target> targets, Reduction reduction, bool use_init) {
  if (reduction == Reduction::none) {
    Tensor out = data.clone();
    const std::size_t bytes = size_in_bytes(data.type());
    for (const Target& t : targets)
      std::memcpy(static_cast<char*>(out.raw()) + static_cast<std::size_t>(t.data) * bytes, static_cast<const char*>(updates.raw()) + static_cast<std::size_t>(t.update) * bytes, bytes);
    return out;
  }
  if (is_float(data.type())) {
    auto x = to_f64(data);
    reduce_into(x, to_f64(updates), targets, reduction, use_init, false);
    return from_f64(data.type(), data.shape(), x);
  }
  auto x = to_i64(data);
  reduce_into(x, to_i64(updates), targets, reduction, use_init, data.type() == ElementType::u64);
  return from_i64(data.type(), data.shape(), x);
}

}  // namespace

std::vector<Fact> infer(const ScatterUpdate& op, std::span<const Fact> inputs) {
  check_arity(inputs, 4, 4);
  check_inputs(inputs);
  return with_contents(op, inputs, {0, 2}, like_data(inputs));
}

std::vector<Tensor> evaluate(const ScatterUpdate&, std::span<const Tensor> inputs) {
  const Shape &data = inputs[0].shape(), &indices = inputs[1].shape();
  const std::size_t axis = normal_axis(scalar_i64(inputs[3]), data.size());
  Shape expected(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(axis));
  expected.insert(expected.end(), indices.begin(), indices.end());
  expected.insert(expected.end(), data.begin() + static_cast<std::ptrdiff_t>(axis) + 1, data.end());
  SACCADE_CHECK(inputs[2].shape() == expected, invalid_model, "updates of shape {} instead of {}", to_string(inputs[2].shape()), to_string(expected));
  Tensor out = inputs[0].clone();
  if (inputs[2].size() == 0) return {out};
  const auto picks = to_i64(inputs[1]);
  std::int64_t outer = 1, block = static_cast<std::int64_t>(size_in_bytes(out.type()));
  for (std::size_t d = 0; d < axis; ++d) outer *= data[d];
  for (std::size_t d = axis + 1; d < data.size(); ++d) block *= data[d];
  const char* from = static_cast<const char*>(inputs[2].raw());
  for (std::int64_t o = 0; o < outer; ++o)
    for (auto p : picks) {
      std::memcpy(static_cast<char*>(out.raw()) + (o * data[axis] + checked_position(p, data[axis])) * block, from, static_cast<std::size_t>(block));
      from += block;
    }
  return {out};
}

std::vector<Fact> infer(const ScatterElementsUpdate& op, std::span<const Fact> inputs) {
  check_arity(inputs, 4, 4);
  check_inputs(inputs);
  return op.reduction == Reduction::none ? with_contents(op, inputs, {0, 2}, like_data(inputs)) : with_contents(op, inputs, {}, like_data(inputs));
}

std::vector<Tensor> evaluate(const ScatterElementsUpdate& op, std::span<const Tensor> inputs) {
  const Tensor& data = inputs[0];
  const Shape& shape = inputs[1].shape();
  const std::size_t axis = normal_axis(scalar_i64(inputs[3]), data.shape().size());
  SACCADE_CHECK(shape == inputs[2].shape() && shape.size() == data.shape().size(), invalid_model, "indices of shape {} and updates of shape {} for data of shape {}", to_string(shape),
                to_string(inputs[2].shape()), to_string(data.shape()));
  std::vector<Target> targets;
  if (inputs[1].size() > 0) {
    for (std::size_t d = 0; d < shape.size(); ++d) SACCADE_CHECK(d == axis || shape[d] <= data.shape()[d], invalid_model, "indices of shape {} for data of shape {}", to_string(shape), to_string(data.shape()));
    const auto picks = to_i64(inputs[1]);
    const Strides strides = dense_strides(data.shape());
    IndexWalk walk(shape);
    std::int64_t i = 0;
    do {
      targets.push_back({walk.offset(strides) + (checked_position(picks[static_cast<std::size_t>(i)], data.shape()[axis]) - walk[axis]) * strides[axis], i});
      ++i;
    } while (walk.next());
  }
  return {scatter(data, inputs[2], targets, op.reduction, op.use_init_val)};
}

std::vector<Fact> infer(const ScatterNDUpdate& op, std::span<const Fact> inputs) {
  check_arity(inputs, 3, 3);
  check_inputs(inputs);
  return op.reduction == ScatterNDReduction::none ? with_contents(op, inputs, {0, 2}, like_data(inputs)) : with_contents(op, inputs, {}, like_data(inputs));
}

std::vector<Tensor> evaluate(const ScatterNDUpdate& op, std::span<const Tensor> inputs) {
  const Shape &data = inputs[0].shape(), &indices = inputs[1].shape();
  SACCADE_CHECK(!indices.empty() && static_cast<std::size_t>(indices.back()) <= data.size(), invalid_model, "indices of shape {} for data of shape {}", to_string(indices), to_string(data));
  const auto tuple = static_cast<std::size_t>(indices.back());
  Shape expected(indices.begin(), indices.end() - 1);
  expected.insert(expected.end(), data.begin() + static_cast<std::ptrdiff_t>(tuple), data.end());
  SACCADE_CHECK(inputs[2].shape() == expected, invalid_model, "updates of shape {} instead of {}", to_string(inputs[2].shape()), to_string(expected));
  if (inputs[2].size() == 0) return {inputs[0].clone()};
  const auto picks = to_i64(inputs[1]);
  const Strides strides = dense_strides(data);
  const std::int64_t block = element_count(Shape(data.begin() + static_cast<std::ptrdiff_t>(tuple), data.end()));
  const std::int64_t count = inputs[2].size() / block;
  std::vector<Target> targets;
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t offset = 0;
    for (std::size_t k = 0; k < tuple; ++k) offset += checked_position(picks[static_cast<std::size_t>(i) * tuple + k], data[k]) * strides[k];
    for (std::int64_t e = 0; e < block; ++e) targets.push_back({offset + e, i * block + e});
  }
  Tensor updates = inputs[2];
  Reduction reduction = Reduction::none;
  switch (op.reduction) {
    case ScatterNDReduction::none: break;
    case ScatterNDReduction::sum: reduction = Reduction::sum; break;
    case ScatterNDReduction::prod: reduction = Reduction::prod; break;
    case ScatterNDReduction::min: reduction = Reduction::min; break;
    case ScatterNDReduction::max: reduction = Reduction::max; break;
    case ScatterNDReduction::sub:
      reduction = Reduction::sum;
      if (is_float(updates.type())) {
        auto x = to_f64(updates);
        for (auto& v : x) v = -v;
        updates = from_f64(updates.type(), updates.shape(), x);
      } else {
        auto x = to_i64(updates);
        for (auto& v : x) v = static_cast<std::int64_t>(0 - static_cast<std::uint64_t>(v));
        updates = from_i64(updates.type(), updates.shape(), x);
      }
  }
  return {scatter(inputs[0], updates, targets, reduction, true)};
}

}  // namespace saccade::ops
