// SPDX-License-Identifier: Apache-2.0
// Convolution on wide elements. Every shape is seen as three spatial axes (z, y, x). For each output row and kernel tap the
// row of sums takes the products with all input channels at once, so the inner loop runs along contiguous data.
#include "ops/convolve.h"

#include <algorithm>
#include <array>

#include "ops/accumulate.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;

struct Axis {
  i64 input = 1, kernel = 1, stride = 1, dilation = 1, begin = 0, output = 1;
};
using Axes = std::array<Axis, 3>;

Axes axes_of(const ConvolutionSizes& s, const ResolvedWindow& r) {
  Axes axes;
  const std::size_t skip = 3 - s.input.size();
  for (std::size_t d = 0; d < s.input.size(); ++d)
    axes[skip + d] = {s.input[d], s.kernel[d], r.strides[d], r.dilations[d], r.pads_begin[d], r.output[d]};
  return axes;
}

// A convolution by single taps that skips nothing is a matrix product: its space is one long row.
void flatten_pointwise(Axes& axes) {
  for (const Axis& a : axes)
    if (a.kernel != 1 || a.stride != 1 || a.begin != 0 || a.input != a.output) return;
  Axis& row = axes[2];
  row.input = row.output = axes[0].input * axes[1].input * axes[2].input;
  axes[0] = axes[1] = Axis{};
}

i64 ceil_div(i64 a, i64 b) { return a >= 0 ? (a + b - 1) / b : -(-a / b); }
i64 floor_div(i64 a, i64 b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

// Weights [g][a][b][taps] as [g][tap][a'][b'] with a' = a and b' = b, or exchanged.
template <class T>
std::vector<T> taps_first(const std::vector<T>& w, i64 groups, i64 rows, i64 columns, i64 taps, bool exchange) {
  std::vector<T> out(w.size());
  std::size_t from = 0;
  for (i64 g = 0; g < groups; ++g)
    for (i64 r = 0; r < rows; ++r)
      for (i64 c = 0; c < columns; ++c)
        for (i64 t = 0; t < taps; ++t) {
          const i64 place = exchange ? c * rows + r : r * columns + c;
          out[static_cast<std::size_t>((g * taps + t) * rows * columns + place)] = w[from++];
        }
  return out;
}

// The outputs o with 0 <= o · stride + offset < input, within [low, high).
struct OutputRange {
  i64 low, high;
};
OutputRange valid_outputs(const Axis& a, i64 offset, i64 low, i64 high) {
  return {std::max(low, ceil_div(-offset, a.stride)), std::min(high, floor_div(a.input - 1 - offset, a.stride) + 1)};
}

}  // namespace

void check_window(const Window& w, std::size_t spatial) {
  for (const auto* list : {&w.strides, &w.dilations, &w.pads_begin, &w.pads_end})
    SACCADE_CHECK(list->size() <= spatial, invalid_model, "a window's attribute lists {} axes of {}", list->size(), spatial);
}

BackpropAxis backprop_axis(const Window& w, const std::vector<i64>& output_padding, std::size_t axis, i64 input, i64 kernel, i64 target) {
  constexpr i64 limit = i64{1} << 31;
  const auto at = [&](const std::vector<i64>& list, i64 otherwise) { return axis < list.size() ? list[axis] : otherwise; };
  BackpropAxis a{at(w.strides, 1), at(w.dilations, 1), at(w.pads_begin, 0), at(w.pads_end, 0), 0};
  const i64 extra = at(output_padding, 0);
  SACCADE_CHECK(a.stride >= 1 && a.stride < limit && a.dilation >= 1 && a.dilation < limit && kernel >= 1 && kernel < limit, invalid_model,
                "a window's kernel, strides and dilations must be at least 1 and in range");
  SACCADE_CHECK(
      a.begin > -limit && a.begin < limit && a.end > -limit && a.end < limit && extra >= 0 && extra < limit && input >= 0 && input < limit && target < limit,
      invalid_model, "a window's attributes are out of range");
  if (w.auto_pad != AutoPad::explicit_) a.begin = a.end = 0;
  // below 2^62 each
  const i64 natural = input == 0 ? 0 : a.stride * (input - 1) + (kernel - 1) * a.dilation + 1 + extra;
  if (target < 0) {
    a.output = natural - a.begin - a.end;
  } else {
    a.output = target;
    if (w.auto_pad == AutoPad::same_upper || w.auto_pad == AutoPad::same_lower) {
      const i64 total = natural - target;
      const i64 half = floor_div(total, 2);
      a.begin = w.auto_pad == AutoPad::same_upper ? half : total - half;
      a.end = total - a.begin;
    }
  }
  SACCADE_CHECK(a.output >= 0 && a.output < limit, invalid_model, "a transposed convolution's output of {} elements", a.output);
  return a;
}

template <class T>
void convolve(const ConvolutionSizes& s, const ResolvedWindow& r, const std::vector<T>& x, const std::vector<T>& w, std::vector<T>& out) {
  if (x.empty() || w.empty() || out.empty()) return;
  Axes axes = axes_of(s, r);
  flatten_pointwise(axes);
  const auto& [az, ay, ax] = axes;
  const i64 taps = az.kernel * ay.kernel * ax.kernel, plane = az.input * ay.input * ax.input, out_plane = az.output * ay.output * ax.output;
  const std::vector<T> weights = taps_first(w, s.groups, s.outputs, s.inputs, taps, false);
  const auto row = [&](const T* group_x, const T* group_w, T* group_out, i64 oz, i64 oy, i64 low, i64 high) {
    for (i64 kz = 0; kz < az.kernel; ++kz) {
      const i64 iz = oz * az.stride - az.begin + kz * az.dilation;
      if (iz < 0 || iz >= az.input) continue;
      for (i64 ky = 0; ky < ay.kernel; ++ky) {
        const i64 iy = oy * ay.stride - ay.begin + ky * ay.dilation;
        if (iy < 0 || iy >= ay.input) continue;
        for (i64 kx = 0; kx < ax.kernel; ++kx) {
          const i64 offset = kx * ax.dilation - ax.begin;
          const OutputRange valid = valid_outputs(ax, offset, low, high);
          if (valid.low >= valid.high) continue;
          const T* first = group_x + (iz * ay.input + iy) * ax.input + valid.low * ax.stride + offset;
          const T* tap = group_w + ((kz * ay.kernel + ky) * ax.kernel + kx) * s.outputs * s.inputs;
          for (i64 o = 0; o < s.outputs; ++o)
            accumulate(group_out + o * out_plane + (oz * ay.output + oy) * ax.output + valid.low, valid.high - valid.low, first, plane,
                       ax.stride, tap + o * s.inputs, s.inputs);
        }
      }
    }
  };
  for (i64 n = 0; n < s.batch; ++n)
    for (i64 g = 0; g < s.groups; ++g)
      for (i64 oz = 0; oz < az.output; ++oz)
        for (i64 oy = 0; oy < ay.output; ++oy)
          for (i64 low = 0; low < ax.output; low += kAccumulateBlock)
            row(x.data() + (n * s.groups + g) * s.inputs * plane, weights.data() + g * taps * s.outputs * s.inputs,
                out.data() + (n * s.groups + g) * s.outputs * out_plane, oz, oy, low, std::min(low + kAccumulateBlock, ax.output));
}

template <class T>
void convolve_transposed(const ConvolutionSizes& s, const ResolvedWindow& r, const std::vector<T>& x, const std::vector<T>& w,
                         std::vector<T>& out) {
  if (x.empty() || w.empty() || out.empty()) return;
  const Axes axes = axes_of(s, r);
  const auto& [az, ay, ax] = axes;
  const i64 taps = az.kernel * ay.kernel * ax.kernel, plane = az.input * ay.input * ax.input, out_plane = az.output * ay.output * ax.output;
  const std::vector<T> weights = taps_first(w, s.groups, s.inputs, s.outputs, taps, true);
  std::vector<T> sums(static_cast<std::size_t>(ax.input));
  // each input row spreads to the output rows under the kernel
  const auto spread = [&](const T* group_x, const T* group_w, T* group_out, i64 iz, i64 iy) {
    for (i64 kz = 0; kz < az.kernel; ++kz) {
      const i64 oz = iz * az.stride - az.begin + kz * az.dilation;
      if (oz < 0 || oz >= az.output) continue;
      for (i64 ky = 0; ky < ay.kernel; ++ky) {
        const i64 oy = iy * ay.stride - ay.begin + ky * ay.dilation;
        if (oy < 0 || oy >= ay.output) continue;
        for (i64 kx = 0; kx < ax.kernel; ++kx) {
          // output = i · stride + offset for inputs i in [low, high)
          const i64 offset = kx * ax.dilation - ax.begin;
          const i64 low = std::max<i64>(0, ceil_div(-offset, ax.stride)),
                    high = std::min(ax.input, floor_div(ax.output - 1 - offset, ax.stride) + 1);
          if (low >= high) continue;
          const T* first = group_x + (iz * ay.input + iy) * ax.input + low;
          const T* tap = group_w + ((kz * ay.kernel + ky) * ax.kernel + kx) * s.outputs * s.inputs;
          for (i64 o = 0; o < s.outputs; ++o) {
            std::fill_n(sums.begin(), high - low, T{});
            accumulate(sums.data(), high - low, first, plane, 1, tap + o * s.inputs, s.inputs);
            T* to = group_out + o * out_plane + (oz * ay.output + oy) * ax.output + low * ax.stride + offset;
            for (i64 i = 0; i < high - low; ++i) to[i * ax.stride] += sums[static_cast<std::size_t>(i)];
          }
        }
      }
    }
  };
  for (i64 n = 0; n < s.batch; ++n)
    for (i64 g = 0; g < s.groups; ++g)
      for (i64 iz = 0; iz < az.input; ++iz)
        for (i64 iy = 0; iy < ay.input; ++iy)
          spread(x.data() + (n * s.groups + g) * s.inputs * plane, weights.data() + g * taps * s.outputs * s.inputs,
                 out.data() + (n * s.groups + g) * s.outputs * out_plane, iz, iy);
}

template void convolve(const ConvolutionSizes&, const ResolvedWindow&, const std::vector<double>&, const std::vector<double>&,
                       std::vector<double>&);
template void convolve(const ConvolutionSizes&, const ResolvedWindow&, const std::vector<std::uint64_t>&, const std::vector<std::uint64_t>&,
                       std::vector<std::uint64_t>&);
template void convolve_transposed(const ConvolutionSizes&, const ResolvedWindow&, const std::vector<double>&, const std::vector<double>&,
                                  std::vector<double>&);
template void convolve_transposed(const ConvolutionSizes&, const ResolvedWindow&, const std::vector<std::uint64_t>&,
                                  const std::vector<std::uint64_t>&, std::vector<std::uint64_t>&);

}  // namespace saccade::ops
