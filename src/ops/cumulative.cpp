// SPDX-License-Identifier: Apache-2.0
// CumSum, CumProd.
#include "ops/cumulative.h"

#include "ops/contents.h"

namespace saccade::ops {
namespace {

template <class T, class F>
void accumulate_along(std::vector<T>& x, const Shape& shape, std::size_t axis, bool exclusive, bool reverse, T first, F&& f) {
  std::int64_t step = 1, outer = 1;
  for (std::size_t d = axis + 1; d < shape.size(); ++d) step *= shape[d];
  for (std::size_t d = 0; d < axis; ++d) outer *= shape[d];
  const std::int64_t n = shape[axis];
  for (std::int64_t o = 0; o < outer; ++o)
    for (std::int64_t i = 0; i < step; ++i) {
      T sum = first;
      for (std::int64_t j = 0; j < n; ++j) {
        T& e = x[static_cast<std::size_t>((o * n + (reverse ? n - 1 - j : j)) * step + i)];
        const T next = f(sum, e);
        e = exclusive ? sum : next;
        sum = next;
      }
    }
}

template <class Op>
std::vector<Tensor> cumulate(const Op& op, std::span<const Tensor> inputs, bool product) {
  const Tensor& data = inputs[0];
  const std::size_t axis = normal_axis(scalar_i64(inputs[1]), data.shape().size());
  if (data.size() == 0) return {data};
  using u64 = std::uint64_t;
  if (is_float(data.type())) {
    auto x = to_f64(data);
    accumulate_along(x, data.shape(), axis, op.exclusive, op.reverse, product ? 1.0 : 0.0, [&](double a, double b) { return product ? a * b : a + b; });
    return {from_f64(data.type(), data.shape(), x)};
  }
  auto x = to_i64(data);
  accumulate_along(x, data.shape(), axis, op.exclusive, op.reverse, std::int64_t{product ? 1 : 0}, [&](std::int64_t a, std::int64_t b) {
    return static_cast<std::int64_t>(product ? static_cast<u64>(a) * static_cast<u64>(b) : static_cast<u64>(a) + static_cast<u64>(b));
  });
  return {from_i64(data.type(), data.shape(), x)};
}

std::vector<Fact> infer_cumulation(std::span<const Fact> inputs) {
  check_arity(inputs, 2, 2);
  if (const auto axis = known_scalar(inputs, 1); axis && inputs[0].type.shape.ranked()) normal_axis(*axis, inputs[0].type.shape.rank());
  return {Fact(inputs[0].type)};
}

}  // namespace

std::vector<Fact> infer(const CumSum& op, std::span<const Fact> inputs) { return with_contents(op, inputs, {}, infer_cumulation(inputs)); }
std::vector<Tensor> evaluate(const CumSum& op, std::span<const Tensor> inputs) { return cumulate(op, inputs, false); }
std::vector<Fact> infer(const CumProd& op, std::span<const Fact> inputs) { return with_contents(op, inputs, {}, infer_cumulation(inputs)); }
std::vector<Tensor> evaluate(const CumProd& op, std::span<const Tensor> inputs) { return cumulate(op, inputs, true); }

}  // namespace saccade::ops
