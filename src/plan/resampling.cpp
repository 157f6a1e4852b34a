// SPDX-License-Identifier: Apache-2.0
// A Resize's coordinates and filters as tables.
#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/inference.h"
#include "ops/resize.h"
#include "plan/resize.h"
#include "tensor/numeric.h"

namespace saccade::plan {
namespace {

std::optional<double> source_of(ops::ResizeCoordinates mode, double o, double scale, double in, double out) {
  using ops::ResizeCoordinates;
  switch (mode) {
    case ResizeCoordinates::half_pixel:
      return (o + 0.5) / scale - 0.5;
    case ResizeCoordinates::pytorch_half_pixel:
      return out > 1 ? (o + 0.5) / scale - 0.5 : 0;
    case ResizeCoordinates::align_corners:
      return out > 1 ? o * (in - 1) / (out - 1) : 0;
    case ResizeCoordinates::asymmetric:
      return o / scale;
    case ResizeCoordinates::tf_half_pixel_for_nn:
      return (o + 0.5) / scale;
    default:
      return std::nullopt;
  }
}

std::optional<ResizeTaps> taps(const ops::Resize& op, std::int64_t in, std::int64_t out, double scale) {
  ResizeTaps t;
  t.per_output = op.mode == ops::ResizeMode::nearest ? 1 : op.mode == ops::ResizeMode::linear ? 2 : 4;
  const auto add = [&](double position, double weight) {
    t.positions.push_back(static_cast<std::int32_t>(std::clamp(position, 0.0, static_cast<double>(in - 1))));
    t.weights.push_back(static_cast<float>(weight));
  };
  for (std::int64_t o = 0; o < out; ++o) {
    const auto x = source_of(op.coordinates, static_cast<double>(o), scale, static_cast<double>(in), static_cast<double>(out));
    if (!x) return std::nullopt;
    const double floor = std::floor(*x), fraction = *x - floor;
    if (op.mode == ops::ResizeMode::nearest) {
      using ops::ResizeNearest;
      switch (op.nearest) {
        case ResizeNearest::round_prefer_floor:
          add(std::ceil(*x - 0.5), 1);
          break;
        case ResizeNearest::round_prefer_ceil:
          add(std::floor(*x + 0.5), 1);
          break;
        case ResizeNearest::floor:
          add(floor, 1);
          break;
        case ResizeNearest::ceil:
          add(std::ceil(*x), 1);
          break;
        default:
          return std::nullopt;
      }
    } else if (op.mode == ops::ResizeMode::linear) {
      add(floor, 1 - fraction);
      add(floor + 1, fraction);
    } else {
      const double a = op.cubic_coeff_a;
      const auto near = [&](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
      const auto far = [&](double d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
      add(floor - 1, far(1 + fraction));
      add(floor, near(fraction));
      add(floor + 1, near(1 - fraction));
      add(floor + 2, far(2 - fraction));
    }
  }
  return t;
}

}  // namespace

std::optional<Resampling> resampling(const graph::Graph& graph, const graph::Node& resize, std::size_t lines_axis,
                                     std::size_t columns_axis) {
  const auto& op = *resize.op.as<ops::Resize>();
  const Shape in = graph.type(resize.inputs[0]).shape.shape(), out = graph.type(resize.outputs[0]).shape.shape();
  if (op.aspect != ops::ResizeAspect::stretch || op.exclude_outside || resize.inputs.size() > 2) return std::nullopt;
  std::vector<double> scale(in.size());
  for (std::size_t d = 0; d < in.size(); ++d) {
    if (in[d] > std::numeric_limits<std::int32_t>::max()) return std::nullopt;
    if (op.antialias && out[d] < in[d]) return std::nullopt;
    scale[d] = static_cast<double>(out[d]) / static_cast<double>(in[d]);
  }
  if (op.shape_calculation == ops::ResizeShape::scales) {
    const Tensor& target = graph.constant(resize.inputs[1]);
    if (!target.defined()) return std::nullopt;
    for (std::int64_t i = 0; i < target.size(); ++i)
      scale[op.axes.empty() ? static_cast<std::size_t>(i) : ops::normal_axis(op.axes[static_cast<std::size_t>(i)], in.size())] =
          element_as_f64(target, i);
  }
  for (std::size_t d = 0; d < in.size(); ++d)
    if (d != lines_axis && d != columns_axis && (in[d] != out[d] || scale[d] != 1)) return std::nullopt;
  auto lines = taps(op, in[lines_axis], out[lines_axis], scale[lines_axis]),
       columns = taps(op, in[columns_axis], out[columns_axis], scale[columns_axis]);
  if (!lines || !columns) return std::nullopt;
  return Resampling{std::move(*lines), std::move(*columns)};
}

}  // namespace saccade::plan
