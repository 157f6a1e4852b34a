// SPDX-License-Identifier: Apache-2.0
// Pooling over windows: maximum, mean, p-norm.
#include "ops/pool.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "ops/convolve.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;

// Sizes rounded up without dropping a last window that starts in the padding.
ResolvedWindow resolve_pool(const Window& window, std::span<const i64> input, std::span<const i64> kernel, PoolRounding rounding) {
  ResolvedWindow r = resolve(window, input, kernel, rounding == PoolRounding::ceil_torch);
  if (rounding != PoolRounding::ceil || window.auto_pad == AutoPad::same_upper || window.auto_pad == AutoPad::same_lower) return r;
  for (std::size_t d = 0; d < kernel.size(); ++d) {
    const i64 room = input[d] + r.pads_begin[d] + r.pads_end[d] - ((r.kernel[d] - 1) * r.dilations[d] + 1);
    r.output[d] = (room + r.strides[d] - 1) / r.strides[d] + 1;
  }
  return r;
}

Dimension pool_dimension(const Window& window, std::size_t axis, const Dimension& input, i64 kernel, PoolRounding rounding) {
  if (rounding != PoolRounding::ceil || !input.is_static())
    return window_output(window, axis, input, kernel, rounding == PoolRounding::ceil_torch);
  Window one;
  const auto take = [&](const std::vector<i64>& list) { return axis < list.size() ? std::vector<i64>{list[axis]} : std::vector<i64>(); };
  one.strides = take(window.strides);
  one.dilations = take(window.dilations);
  one.pads_begin = take(window.pads_begin);
  one.pads_end = take(window.pads_end);
  one.auto_pad = window.auto_pad;
  const i64 size = input.size();
  return Dimension::fixed(resolve_pool(one, {&size, 1}, {&kernel, 1}, rounding).output[0]);
}

PartialShape infer_pool(const Window& window, const std::vector<i64>& kernel, PoolRounding rounding, const PartialShape& x) {
  const std::size_t spatial = kernel.size();
  SACCADE_CHECK(spatial >= 1 && spatial <= 3, invalid_model, "a pool of {} dimensions; 1 to 3 are possible", spatial);
  SACCADE_CHECK(!x.ranked() || x.rank() == spatial + 2, invalid_model, "a pool of {} dimensions over data of rank {}", spatial, x.rank());
  check_window(window, spatial);
  PartialShape out = PartialShape::of_rank(spatial + 2);
  for (std::size_t d = 0; d < 2; ++d)
    if (x.ranked()) out[d] = x[d];
  for (std::size_t d = 0; d < spatial; ++d)
    out[2 + d] = pool_dimension(window, d, x.ranked() ? x[2 + d] : Dimension::unknown(), kernel[d], rounding);
  return out;
}

void check_pooled_type(std::span<const Fact> inputs) {
  SACCADE_CHECK(is_float(inputs[0].type.element), invalid_model, "data of element type {}", to_string(inputs[0].type.element));
}

// One axis of a pool; all pools are seen with three.
struct PoolAxis {
  i64 input = 1, kernel = 1, stride = 1, dilation = 1, begin = 0, end = 0, output = 1;
};

struct Pool {
  i64 planes = 0;
  std::array<PoolAxis, 3> axes;
  Shape shape;  // of the output
  i64 plane() const { return axes[0].input * axes[1].input * axes[2].input; }
};

Pool make_pool(const Window& window, const std::vector<i64>& kernel, PoolRounding rounding, const Shape& x) {
  SACCADE_CHECK(kernel.size() >= 1 && kernel.size() <= 3 && x.size() == kernel.size() + 2, invalid_model,
                "a pool of {} dimensions over shape {}", kernel.size(), to_string(x));
  const ResolvedWindow r = resolve_pool(window, std::span(x).subspan(2), kernel, rounding);
  Pool p;
  p.planes = x[0] * x[1];
  p.shape = {x[0], x[1]};
  const std::size_t skip = 3 - kernel.size();
  for (std::size_t d = 0; d < kernel.size(); ++d) {
    p.axes[skip + d] = {x[2 + d], kernel[d], r.strides[d], r.dilations[d], r.pads_begin[d], r.pads_end[d], r.output[d]};
    p.shape.push_back(r.output[d]);
  }
  element_count(p.shape);
  return p;
}

// The taps of a window that lie within the data.
struct PoolTaps {
  i64 first, count, place;  // place: where the first lies
};
PoolTaps taps_within(const PoolAxis& a, i64 output) {
  const i64 start = output * a.stride - a.begin;
  const i64 first = start >= 0 ? 0 : (-start + a.dilation - 1) / a.dilation;
  const i64 past = start >= a.input ? 0 : (a.input - 1 - start) / a.dilation + 1;
  return {first, std::max<i64>(0, std::min(past, a.kernel) - first), start + first * a.dilation};
}
// The number of taps within the data and its padding.
i64 taps_padded(const PoolAxis& a, i64 output) {
  const i64 start = output * a.stride - a.begin, room = a.input + a.end - start;
  return std::clamp<i64>(room <= 0 ? 0 : (room - 1) / a.dilation + 1, 0, a.kernel);
}

// Calls begin(padded count), tap(element in the plane), done(output element) for each output in order.
template <class Begin, class Tap, class Done>
void walk_windows(const Pool& p, Begin&& begin, Tap&& tap, Done&& done) {
  const auto& [az, ay, ax] = p.axes;
  for (i64 oz = 0; oz < az.output; ++oz) {
    const PoolTaps tz = taps_within(az, oz);
    for (i64 oy = 0; oy < ay.output; ++oy) {
      const PoolTaps ty = taps_within(ay, oy);
      for (i64 ox = 0; ox < ax.output; ++ox) {
        const PoolTaps tx = taps_within(ax, ox);
        begin(taps_padded(az, oz) * taps_padded(ay, oy) * taps_padded(ax, ox), tz.count * ty.count * tx.count);
        for (i64 z = 0; z < tz.count; ++z)
          for (i64 y = 0; y < ty.count; ++y)
            for (i64 x = 0; x < tx.count; ++x)
              tap(((tz.place + z * az.dilation) * ay.input + ty.place + y * ay.dilation) * ax.input + tx.place + x * ax.dilation);
        done((oz * ay.output + oy) * ax.output + ox);
      }
    }
  }
}

template <class T>
T lowest_of(ElementType type) {
  if constexpr (std::is_same_v<T, double>) {
    switch (type) {
      case ElementType::f16:
        return -65504;
      case ElementType::f64:
        return std::numeric_limits<double>::lowest();
      case ElementType::f32:
        return static_cast<double>(std::numeric_limits<float>::lowest());
      default:
        return -std::numeric_limits<double>::infinity();
    }
  } else {
    if (!is_signed(type)) return 0;
    return std::numeric_limits<i64>::min() >> (64 - 8 * size_in_bytes(type));
  }
}

template <class T>
std::vector<T> read(const Tensor& t) {
  if constexpr (std::is_same_v<T, double>)
    return to_f64(t);
  else
    return to_i64(t);
}

// Where an element of a plane lies in one whose storage runs the other way.
i64 column_order(const Pool& p, i64 element) {
  const auto& [az, ay, ax] = p.axes;
  const i64 x = element % ax.input, y = element / ax.input % ay.input, z = element / ax.input / ay.input;
  return (x * ay.input + y) * az.input + z;
}

template <class T>
std::vector<Tensor> max_pool(const MaxPool& op, const Tensor& in) {
  const Pool p = make_pool(op.window, op.kernel, op.rounding_type, in.shape());
  const std::vector<T> x = read<T>(in);
  const i64 out_plane = p.axes[0].output * p.axes[1].output * p.axes[2].output;
  std::vector<T> out(static_cast<std::size_t>(element_count(p.shape)));
  std::vector<i64> indices(op.indices ? out.size() : 0);
  const std::size_t axis = normal_axis(op.axis, in.shape().size());
  i64 counted = 1;  // elements from `axis` on
  for (std::size_t d = axis; d < in.shape().size(); ++d) counted *= std::max<i64>(in.shape()[d], 1);
  const T lowest = lowest_of<T>(in.type());
  for (i64 n = 0; n < p.planes && !x.empty(); ++n) {
    const T* plane = x.data() + n * p.plane();
    T best = lowest;
    i64 place = -1;
    walk_windows(
        p,
        [&](i64, i64) {
          best = lowest;
          place = -1;
        },
        [&](i64 e) {
          if (place < 0 || plane[e] > best || (plane[e] != plane[e] && best == best)) {
            best = plane[e];
            place = e;
          }
        },
        [&](i64 o) {
          out[static_cast<std::size_t>(n * out_plane + o)] = best;
          if (!op.indices) return;
          const i64 local = place < 0 ? 0 : op.storage_order == StorageOrder::column ? column_order(p, place) : place;
          indices[static_cast<std::size_t>(n * out_plane + o)] = (n * p.plane() + local) % counted;
        });
  }
  std::vector<Tensor> results;
  if constexpr (std::is_same_v<T, double>)
    results.push_back(from_f64(in.type(), p.shape, out));
  else
    results.push_back(from_i64(in.type(), p.shape, out));
  if (op.indices) results.push_back(from_i64(op.index_element_type, p.shape, indices));
  return results;
}

// Pools by sums: `value(x)` is summed, `finish(sum, padded taps, taps)` gives the result.
template <class Value, class Finish>
std::vector<Tensor> sum_pool(const Pool& p, const Tensor& in, Value&& value, Finish&& finish) {
  const std::vector<double> x = to_f64(in);
  const i64 out_plane = p.axes[0].output * p.axes[1].output * p.axes[2].output;
  std::vector<double> out(static_cast<std::size_t>(element_count(p.shape)));
  for (i64 n = 0; n < p.planes && !out.empty(); ++n) {
    const double* plane = x.data() + n * p.plane();
    double sum = 0;
    i64 padded = 0, inside = 0;
    walk_windows(
        p,
        [&](i64 with_padding, i64 without) {
          sum = 0;
          padded = with_padding;
          inside = without;
        },
        [&](i64 e) { sum += value(plane[e]); },
        [&](i64 o) { out[static_cast<std::size_t>(n * out_plane + o)] = finish(sum, padded, inside); });
  }
  return {from_f64(in.type(), p.shape, out)};
}

Cost window_cost(const std::vector<i64>& kernel, std::span<const Fact> outputs) {
  Cost c;
  if (!outputs[0].type.is_static()) return c;
  c.ops = static_cast<double>(element_count(outputs[0].type.shape.shape()));
  for (i64 k : kernel) c.ops *= static_cast<double>(k);
  return c;
}

}  // namespace

std::vector<Fact> infer(const MaxPool& op, std::span<const Fact> inputs) {
  check_arity(inputs, 1, 1);
  const PartialShape shape = infer_pool(op.window, op.kernel, op.rounding_type, inputs[0].type.shape);
  SACCADE_CHECK(is_float(inputs[0].type.element) || is_integer(inputs[0].type.element), invalid_model, "data of element type {}",
                to_string(inputs[0].type.element));
  SACCADE_CHECK(op.index_element_type == ElementType::i64 || op.index_element_type == ElementType::i32, invalid_model,
                "indices of element type {}", to_string(op.index_element_type));
  normal_axis(op.axis, op.kernel.size() + 2);
  std::vector<Fact> out{Fact(inputs[0].type.element, shape)};
  if (op.indices) out.emplace_back(op.index_element_type, shape);
  return out;
}

std::vector<Tensor> evaluate(const MaxPool& op, std::span<const Tensor> inputs) {
  if (is_float(inputs[0].type())) return max_pool<double>(op, inputs[0]);
  return max_pool<i64>(op, inputs[0]);
}

std::vector<Fact> infer(const AvgPool& op, std::span<const Fact> inputs) {
  check_arity(inputs, 1, 1);
  check_pooled_type(inputs);
  return {Fact(inputs[0].type.element, infer_pool(op.window, op.kernel, op.rounding_type, inputs[0].type.shape))};
}

std::vector<Tensor> evaluate(const AvgPool& op, std::span<const Tensor> inputs) {
  return sum_pool(
      make_pool(op.window, op.kernel, op.rounding_type, inputs[0].shape()), inputs[0], [](double x) { return x; },
      [&](double sum, i64 padded, i64 inside) {
        const i64 count = op.exclude_pad ? inside : padded;
        return count > 0 ? sum / static_cast<double>(count) : 0.0;
      });
}

std::vector<Fact> infer(const LpPool& op, std::span<const Fact> inputs) {
  check_arity(inputs, 1, 1);
  check_pooled_type(inputs);
  SACCADE_CHECK(op.p >= 1, invalid_model, "p is {}", op.p);
  return {Fact(inputs[0].type.element, infer_pool(op.window, op.kernel, op.rounding_type, inputs[0].type.shape))};
}

std::vector<Tensor> evaluate(const LpPool& op, std::span<const Tensor> inputs) {
  const auto p = static_cast<double>(op.p);
  return sum_pool(
      make_pool(op.window, op.kernel, op.rounding_type, inputs[0].shape()), inputs[0], [&](double x) { return std::pow(std::abs(x), p); },
      [&](double sum, i64, i64) { return std::pow(sum, 1 / p); });
}

Cost cost(const MaxPool& op, std::span<const Fact>, std::span<const Fact> outputs) { return window_cost(op.kernel, outputs); }
Cost cost(const AvgPool& op, std::span<const Fact>, std::span<const Fact> outputs) { return window_cost(op.kernel, outputs); }
Cost cost(const LpPool& op, std::span<const Fact>, std::span<const Fact> outputs) { return window_cost(op.kernel, outputs); }

}  // namespace saccade::ops
