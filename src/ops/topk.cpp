// SPDX-License-Identifier: Apache-2.0
// TopK, ArgMax, ArgMin: positions are compared by value, then by age.
#include "ops/topk.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "ops/contents.h"

namespace saccade::ops {
namespace {

// A row along the axis: `count` elements, `step` apart.
struct Rows {
  std::int64_t count, step, outer;

  Rows(const Shape& shape, std::size_t axis) : count(shape[axis]), step(1), outer(1) {
    for (std::size_t d = axis + 1; d < shape.size(); ++d) step *= shape[d];
    for (std::size_t d = 0; d < axis; ++d) outer *= shape[d];
  }
};

template <class T>
int compare(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(a) || std::isnan(b)) return static_cast<int>(std::isnan(a)) - static_cast<int>(std::isnan(b));
  }
  return a < b ? -1 : b < a ? 1 : 0;
}

template <class F>
void with_numbers(const Tensor& data, F&& f) {
  if (is_float(data.type())) return f(to_f64(data));
  const auto x = to_i64(data);
  if (data.type() == ElementType::u64) return f(std::vector<std::uint64_t>(x.begin(), x.end()));
  f(x);
}

Cost compare_cost(std::span<const Fact> inputs) {
  Cost c;
  if (inputs[0].type.is_static()) c.ops = static_cast<double>(element_count(inputs[0].type.shape.shape()));
  return c;
}

}  // namespace

std::vector<Fact> infer(const TopK& op, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 2);
  PartialShape shape = inputs[0].type.shape;
  if (shape.ranked()) {
    Dimension& d = shape[normal_axis(op.axis, shape.rank())];
    const auto k = known_dimensions(inputs, 1);
    SACCADE_CHECK(!k || k->size() == 1, invalid_model, "k must be a scalar");
    if (k && k->front().is_static()) {
      SACCADE_CHECK(k->front().size() >= 0 && (!d.is_static() || k->front().size() <= d.size()), invalid_model, "k is {} for a dimension of {}", k->front().size(), to_string(d));
      d = k->front();
    } else if (k && !k->front().symbol.empty() && k->front().min >= 0) {
      d = k->front();
    } else {
      d = {0, d.max, {}};
    }
  }
  return {Fact(inputs[0].type.element, shape), Fact(op.index_element_type, shape)};
}

std::vector<Tensor> evaluate(const TopK& op, std::span<const Tensor> inputs) {
  const Tensor& data = inputs[0];
  const std::size_t axis = normal_axis(op.axis, data.shape().size());
  const Rows rows(data.shape(), axis);
  const std::int64_t k = scalar_i64(inputs[1]);
  SACCADE_CHECK(k >= 0 && k <= rows.count, invalid_model, "k is {} for a dimension of {}", k, rows.count);
  Shape shape = data.shape();
  shape[axis] = k;
  Tensor values(data.type(), shape);
  std::vector<std::int64_t> indices(static_cast<std::size_t>(values.size()));
  if (values.size() == 0) return {values, from_i64(op.index_element_type, shape, indices)};
  const std::size_t bytes = size_in_bytes(data.type());
  with_numbers(data, [&](const auto& x) {
    std::vector<std::int64_t> order(static_cast<std::size_t>(rows.count));
    for (std::int64_t o = 0; o < rows.outer; ++o)
      for (std::int64_t i = 0; i < rows.step; ++i) {
        const std::int64_t base = o * rows.count * rows.step + i;
        std::iota(order.begin(), order.end(), std::int64_t{0});
        const auto before = [&](std::int64_t a, std::int64_t b) {
          const int c = compare(x[static_cast<std::size_t>(base + a * rows.step)], x[static_cast<std::size_t>(base + b * rows.step)]);
          if (c != 0) return op.mode == TopKMode::max ? c > 0 : c < 0;
          return a < b;
        };
        std::partial_sort(order.begin(), order.begin() + k, order.end(), before);
        if (op.sort == TopKSort::index) std::sort(order.begin(), order.begin() + k);
        for (std::int64_t j = 0; j < k; ++j) {
          const std::int64_t to = (o * k + j) * rows.step + i, from = base + order[static_cast<std::size_t>(j)] * rows.step;
          indices[static_cast<std::size_t>(to)] = order[static_cast<std::size_t>(j)];
          std::memcpy(static_cast<char*>(values.raw()) + static_cast<std::size_t>(to) * bytes, static_cast<const char*>(data.raw()) + static_cast<std::size_t>(from) * bytes, bytes);
        }
      }
  });
  return {values, from_i64(op.index_element_type, shape, indices)};
}

Cost cost(const TopK&, std::span<const Fact> inputs, std::span<const Fact>) { return compare_cost(inputs); }

std::vector<Fact> infer(const ArgReduce& op, std::span<const Fact> inputs) {
  check_arity(inputs, 1, 1);
  const PartialShape& in = inputs[0].type.shape;
  PartialShape shape;
  if (in.ranked()) {
    const std::size_t axis = normal_axis(op.axis, in.rank());
    std::vector<Dimension> dims;
    for (std::size_t d = 0; d < in.rank(); ++d) {
      if (d != axis)
        dims.push_back(in[d]);
      else if (op.keep_dims)
        dims.push_back(Dimension::fixed(1));
    }
    shape = PartialShape(std::move(dims));
  }
  return {Fact(op.output_type, shape)};
}

namespace {

// Columns of f32 side by side, as in a map of classes: a block of them at a time, row after row. NaN counts as the largest.
template <bool smallest>
void arg_of_columns(const float* x, std::int64_t count, std::int64_t step, std::int64_t* out) {
  constexpr std::int64_t kBlock = 512;
  float best[kBlock];
  std::int32_t place[kBlock];
  for (std::int64_t begin = 0; begin < step; begin += kBlock) {
    const std::int64_t n = std::min(kBlock, step - begin);
    std::copy_n(x + begin, n, best);
    std::fill_n(place, n, 0);
    for (std::int64_t j = 1; j < count; ++j) {
      const float* row = x + j * step + begin;
      for (std::int64_t i = 0; i < n; ++i) {
        const float v = row[i], b = best[i];
        const bool better = smallest ? (v < b) | ((b != b) & (v == v)) : (v > b) | ((v != v) & (b == b));
        best[i] = better ? v : b;
        place[i] = better ? static_cast<std::int32_t>(j) : place[i];
      }
    }
    std::copy_n(place, n, out + begin);
  }
}

}  // namespace

std::vector<Tensor> evaluate(const ArgReduce& op, std::span<const Tensor> inputs) {
  const Tensor& data = inputs[0];
  const std::size_t axis = normal_axis(op.axis, data.shape().size());
  const Rows rows(data.shape(), axis);
  Shape shape = data.shape();
  if (op.keep_dims)
    shape[axis] = 1;
  else
    shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axis));
  std::vector<std::int64_t> out(static_cast<std::size_t>(element_count(shape)));
  SACCADE_CHECK(rows.count > 0 || out.empty(), invalid_model, "{} over an empty dimension", op.name());
  if (!out.empty() && data.type() == ElementType::f32 && rows.step > 1 && !op.select_last_index && rows.count < (std::int64_t{1} << 31)) {
    for (std::int64_t o = 0; o < rows.outer; ++o)
      (op.kind == ArgKind::ArgMin ? arg_of_columns<true> : arg_of_columns<false>)(data.data<float>() + o * rows.count * rows.step, rows.count, rows.step, out.data() + o * rows.step);
  } else if (!out.empty()) with_numbers(data, [&](const auto& x) {
    for (std::int64_t o = 0; o < rows.outer; ++o)
      for (std::int64_t i = 0; i < rows.step; ++i) {
        const std::int64_t base = o * rows.count * rows.step + i;
        std::int64_t best = 0;
        for (std::int64_t j = 1; j < rows.count; ++j) {
          int c = compare(x[static_cast<std::size_t>(base + j * rows.step)], x[static_cast<std::size_t>(base + best * rows.step)]);
          if (op.kind == ArgKind::ArgMin) c = -c;
          if (c > 0 || (c == 0 && op.select_last_index)) best = j;
        }
        out[static_cast<std::size_t>(o * rows.step + i)] = best;
      }
  });
  return {from_i64(op.output_type, shape, out)};
}

Cost cost(const ArgReduce&, std::span<const Fact> inputs, std::span<const Fact>) { return compare_cost(inputs); }

}  // namespace saccade::ops
