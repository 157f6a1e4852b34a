// SPDX-License-Identifier: Apache-2.0
// Resize of images (the last two of four dimensions): nearest, linear and cubic rows from tabulated columns.
#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "ops/inference.h"
#include "ops/resize.h"
#include "plan/lower.h"
#include "plan/parallel.h"
#include "plan/resize.h"
#include "plan/steps.h"

namespace saccade::plan {

using graph::Node;
using kernels::Index;

namespace {

std::optional<double> source_of(ops::ResizeCoordinates mode, double o, double scale, double in, double out) {
  using ops::ResizeCoordinates;
  switch (mode) {
    case ResizeCoordinates::half_pixel: return (o + 0.5) / scale - 0.5;
    case ResizeCoordinates::pytorch_half_pixel: return out > 1 ? (o + 0.5) / scale - 0.5 : 0;
    case ResizeCoordinates::align_corners: return out > 1 ? o * (in - 1) / (out - 1) : 0;
    case ResizeCoordinates::asymmetric: return o / scale;
    case ResizeCoordinates::tf_half_pixel_for_nn: return (o + 0.5) / scale;
    default: return std::nullopt;
  }
}

std::optional<ResizeTaps> taps(const ops::Resize& op, Index in, Index out, double scale) {
  ResizeTaps t;
  t.per_output = op.mode == ops::ResizeMode::nearest ? 1 : op.mode == ops::ResizeMode::linear ? 2 : 4;
  const auto add = [&](double position, double weight) {
    t.positions.push_back(static_cast<std::int32_t>(std::clamp(position, 0.0, static_cast<double>(in - 1))));
    t.weights.push_back(static_cast<float>(weight));
  };
  for (Index o = 0; o < out; ++o) {
    const auto x = source_of(op.coordinates, static_cast<double>(o), scale, static_cast<double>(in), static_cast<double>(out));
    if (!x) return std::nullopt;
    const double floor = std::floor(*x), fraction = *x - floor;
    if (op.mode == ops::ResizeMode::nearest) {
      using ops::ResizeNearest;
      switch (op.nearest) {
        case ResizeNearest::round_prefer_floor: add(std::ceil(*x - 0.5), 1); break;
        case ResizeNearest::round_prefer_ceil: add(std::floor(*x + 0.5), 1); break;
        case ResizeNearest::floor: add(floor, 1); break;
        case ResizeNearest::ceil: add(std::ceil(*x), 1); break;
        default: return std::nullopt;
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

class ResizeStep final : public Step {
 public:
  kernels::ResizeArgs args;
  ops::ResizeMode mode = ops::ResizeMode::nearest;
  Place in, out;
  ResizeTaps lines, columns;

  void run(const Run& run) const override {
    const Index lines_out = out.dims[2];
    const auto kernel = mode == ops::ResizeMode::nearest ? run.k.resize_nearest_row : mode == ops::ResizeMode::linear ? run.k.resize_linear_row : run.k.resize_cubic_row;
    run.parallel(out.dims[0] * lines_out, 1, bytes * 0.1, [&](Index begin, Index end) {
      kernels::ResizeArgs a = args;
      for (Index i = begin; i < end; ++i) {
        const Index b = i / lines_out, oy = i % lines_out;
        for (std::size_t t = 0; t < lines.per_output; ++t) {
          const std::size_t at = static_cast<std::size_t>(oy) * lines.per_output + t;
          a.rows[t] = run.floats(in) + b * in.strides[0] + lines.positions[at] * in.strides[2];
          a.row_weights[t] = lines.weights[at];
        }
        a.out = run.floats(out) + b * out.strides[0] + oy * out.strides[2];
        kernel(a);
      }
    });
  }
};

}  // namespace

bool lower_resize(Lowering& l, const Node& node) {
  const auto& op = *node.op.as<ops::Resize>();
  const Shape dims = l.shape(node.inputs[0]), out_dims = l.shape(node.outputs[0]);
  if (dims.size() != 4 || l.element(node.inputs[0]) != ElementType::f32 || element_count(out_dims) == 0 || element_count(dims) == 0) return false;
  if (dims[0] != out_dims[0] || dims[1] != out_dims[1] || op.aspect != ops::ResizeAspect::stretch || op.exclude_outside || node.inputs.size() > 2) return false;
  if (op.antialias && (out_dims[2] < dims[2] || out_dims[3] < dims[3])) return false;
  double scale[2] = {static_cast<double>(out_dims[2]) / static_cast<double>(dims[2]), static_cast<double>(out_dims[3]) / static_cast<double>(dims[3])};
  if (op.shape_calculation == ops::ResizeShape::scales) {
    const Tensor& target = l.graph.constant(node.inputs[1]);
    if (!target.defined()) return false;
    for (std::int64_t i = 0; i < target.size(); ++i) {
      const std::size_t axis = op.axes.empty() ? static_cast<std::size_t>(i) : ops::normal_axis(op.axes[static_cast<std::size_t>(i)], 4);
      if (axis < 2 && element_as_f64(target, i) != 1) return false;
      if (axis >= 2) scale[axis - 2] = element_as_f64(target, i);
    }
  }
  auto lines = taps(op, dims[2], out_dims[2], scale[0]), columns = taps(op, dims[3], out_dims[3], scale[1]);
  if (!lines || !columns) return false;
  if (resizes_planes(l.graph, node)) return lower_planar_resize(l, node, std::move(*lines), std::move(*columns));
  auto step = std::make_unique<ResizeStep>();
  step->in = l.contiguous_along(node.inputs[0], 1);
  step->out = l.destination_along(node.outputs[0], 1);
  step->mode = op.mode;
  step->lines = std::move(*lines);
  step->columns = std::move(*columns);
  kernels::ResizeArgs& a = step->args;
  a.columns = step->columns.positions.data();
  a.column_weights = step->columns.weights.data();
  a.pitch = step->in.strides[3];
  a.channels = dims[1];
  a.out_pitch = step->out.strides[3];
  a.out_width = out_dims[3];
  a.lanes = l.owns_padding(step->out, a.out_pitch) ? kernels::Lanes::full : kernels::Lanes::masked;
  step->reads = {step->in};
  step->writes = {step->out};
  step->kernel = op.mode == ops::ResizeMode::nearest ? "resize nearest" : op.mode == ops::ResizeMode::linear ? "resize linear" : "resize cubic";
  step->flops = static_cast<double>(element_count(out_dims)) * static_cast<double>(step->lines.per_output * step->lines.per_output);
  l.emit(std::move(step));
  return true;
}

}  // namespace saccade::plan
