// SPDX-License-Identifier: Apache-2.0
// Resize of images (the last two of four dimensions): nearest, linear and cubic rows from tabulated columns.
#include "ops/resize.h"
#include "plan/lower.h"
#include "plan/parallel.h"
#include "plan/resize.h"

namespace saccade::plan {

using graph::Node;
using kernels::Index;

namespace {

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
  auto taps = resampling(l.graph, node, 2, 3);
  if (!taps) return false;
  if (resizes_planes(l.graph, node)) return lower_planar_resize(l, node, std::move(taps->lines), std::move(taps->columns));
  auto step = std::make_unique<ResizeStep>();
  step->in = l.contiguous_along(node.inputs[0], 1);
  step->out = l.destination_along(node.outputs[0], 1);
  step->mode = op.mode;
  step->lines = std::move(taps->lines);
  step->columns = std::move(taps->columns);
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
