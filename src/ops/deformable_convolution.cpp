// SPDX-License-Identifier: Apache-2.0
// DeformableConvolution: taps that read the data between pixels.
#include <cmath>

#include "ops/convolution.h"
#include "ops/convolve.h"
#include "ops/widened.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;

struct SampledPlane {
  const double* data;
  i64 height, width;
  double at(i64 y, i64 x) const { return data[y * width + x]; }
};

double sample_padded(const SampledPlane& p, double y, double x) {
  if (!(y > -1 && x > -1 && y < static_cast<double>(p.height) && x < static_cast<double>(p.width))) return 0;
  const double y_floor = std::floor(y), x_floor = std::floor(x);
  const auto y0 = static_cast<i64>(y_floor), x0 = static_cast<i64>(x_floor);
  const double fy = y - y_floor, fx = x - x_floor;
  const auto value = [&](i64 v, i64 u) { return v >= 0 && v < p.height && u >= 0 && u < p.width ? p.at(v, u) : 0.0; };
  return (1 - fy) * ((1 - fx) * value(y0, x0) + fx * value(y0, x0 + 1)) + fy * ((1 - fx) * value(y0 + 1, x0) + fx * value(y0 + 1, x0 + 1));
}

double sample_clamped(const SampledPlane& p, double y, double x) {
  if (!(y >= 0 && x >= 0 && y < static_cast<double>(p.height) && x < static_cast<double>(p.width))) return 0;
  y = std::min(y, static_cast<double>(p.height - 1));
  x = std::min(x, static_cast<double>(p.width - 1));
  const auto y0 = static_cast<i64>(y), x0 = static_cast<i64>(x);
  const i64 y1 = std::min(y0 + 1, p.height - 1), x1 = std::min(x0 + 1, p.width - 1);
  const double fy = y - static_cast<double>(y0), fx = x - static_cast<double>(x0);
  return (1 - fy) * ((1 - fx) * p.at(y0, x0) + fx * p.at(y0, x1)) + fy * ((1 - fx) * p.at(y1, x0) + fx * p.at(y1, x1));
}

void check_shape(const Shape& got, const Shape& want, std::string_view what) {
  SACCADE_CHECK(got == want, invalid_model, "{} of shape {} where {} is needed", what, to_string(got), to_string(want));
}

}  // namespace

std::vector<Fact> infer(const DeformableConvolution& op, std::span<const Fact> inputs) {
  check_arity(inputs, 3, 4);
  for (std::size_t i = 1; i < inputs.size(); ++i) check_same_element(inputs, 0, i);
  SACCADE_CHECK(is_float(inputs[0].type.element), invalid_model, "data of element type {}", to_string(inputs[0].type.element));
  SACCADE_CHECK(op.group >= 1 && op.deformable_group >= 1, invalid_model, "groups must be at least 1");
  check_window(op.window, 2);
  for (std::size_t i = 0; i < inputs.size(); ++i)
    SACCADE_CHECK(!inputs[i].present || !inputs[i].type.shape.ranked() || inputs[i].type.shape.rank() == 4, invalid_model,
                  "input {} of rank {}", i, inputs[i].type.shape.rank());
  const PartialShape &x = inputs[0].type.shape, &w = inputs[2].type.shape;
  PartialShape out = PartialShape::of_rank(4);
  if (x.ranked()) out[0] = x[0];
  if (w.ranked()) out[1] = w[0];
  if (x.ranked() && w.ranked()) {
    for (std::size_t d = 2; d < 4; ++d)
      if (w[d].is_static()) out[d] = window_output(op.window, d - 2, x[d], w[d].size());
  }
  return {Fact(inputs[0].type.element, std::move(out))};
}

std::vector<Tensor> evaluate(const DeformableConvolution& op, std::span<const Tensor> inputs) {
  const Shape &x = inputs[0].shape(), &w = inputs[2].shape();
  SACCADE_CHECK(x.size() == 4 && w.size() == 4, invalid_model, "DeformableConvolution over shapes {} and {}", to_string(x), to_string(w));
  const i64 group = op.group, parts = op.deformable_group;
  SACCADE_CHECK(group >= 1 && parts >= 1 && x[1] % group == 0 && w[0] % group == 0 && x[1] % parts == 0 && x[1] / group == w[1],
                invalid_model, "{} channels do not suit {} groups, {} deformable groups and weights {}", x[1], group, parts, to_string(w));
  const ResolvedWindow r = resolve(op.window, std::span(x).subspan(2), std::span(w).subspan(2));
  const i64 n = x[0], c = x[1], h = x[2], wd = x[3], o = w[0], cg = w[1], kh = w[2], kw = w[3], oh = r.output[0], ow = r.output[1];
  check_shape(inputs[1].shape(), {n, parts * kh * kw * 2, oh, ow}, "offsets");
  if (has(inputs, 3)) check_shape(inputs[3].shape(), {n, parts * kh * kw, oh, ow}, "a mask");
  const std::vector<double> data = to_f64(inputs[0]), offsets = to_f64(inputs[1]), weights = to_f64(inputs[2]);
  const std::vector<double> mask = has(inputs, 3) ? to_f64(inputs[3]) : std::vector<double>();
  Shape shape{n, o, oh, ow};
  std::vector<double> out(wide_count(shape));
  if (out.empty()) return {from_f64(inputs[0].type(), shape, out)};
  std::vector<double> column(static_cast<std::size_t>(c * kh * kw));
  for (i64 b = 0; b < n; ++b)
    for (i64 y = 0; y < oh; ++y)
      for (i64 u = 0; u < ow; ++u) {
        for (i64 ch = 0; ch < c; ++ch) {
          const i64 part = ch / (c / parts);
          const SampledPlane plane{data.data() + (b * c + ch) * h * wd, h, wd};
          for (i64 k = 0; k < kh * kw; ++k) {
            const auto at = [&](i64 entry) { return static_cast<std::size_t>((entry * oh + y) * ow + u); };
            const i64 tap = b * parts * kh * kw + part * kh * kw + k;
            const double py = static_cast<double>(y * r.strides[0] - r.pads_begin[0] + k / kw * r.dilations[0]) + offsets[at(2 * tap)];
            const double px = static_cast<double>(u * r.strides[1] - r.pads_begin[1] + k % kw * r.dilations[1]) + offsets[at(2 * tap + 1)];
            const double value = op.bilinear_interpolation_pad ? sample_padded(plane, py, px) : sample_clamped(plane, py, px);
            column[static_cast<std::size_t>(ch * kh * kw + k)] = mask.empty() ? value : value * mask[at(tap)];
          }
        }
        const i64 taps = cg * kh * kw;
        for (i64 f = 0; f < o; ++f) {
          const double *row = weights.data() + f * taps, *in = column.data() + f / (o / group) * taps;
          double sum = 0;
          for (i64 k = 0; k < taps; ++k) sum += row[k] * in[k];
          out[static_cast<std::size_t>(((b * o + f) * oh + y) * ow + u)] = sum;
        }
      }
  return {from_f64(inputs[0].type(), shape, out)};
}

Cost cost(const DeformableConvolution&, std::span<const Fact> inputs, std::span<const Fact> outputs) {
  Cost c;
  if (!outputs[0].type.is_static() || !inputs[2].type.is_static()) return c;
  const Shape y = outputs[0].type.shape.shape();
  c.macs = static_cast<double>(y[0] * y[2] * y[3]) * static_cast<double>(element_count(inputs[2].type.shape.shape()));
  return c;
}

}  // namespace saccade::ops
