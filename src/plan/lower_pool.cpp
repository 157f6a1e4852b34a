// SPDX-License-Identifier: Apache-2.0
// Max and average pooling over channels-last rows.
#include <algorithm>
#include <vector>

#include "base/error.h"
#include "ops/inference.h"
#include "ops/pool.h"
#include "plan/lower.h"
#include "plan/parallel.h"
#include "plan/steps.h"

namespace saccade::plan {

using graph::Node;
using kernels::Index;

namespace {

// How many positions of a window lie inside of [0, size + end padding): what an average over padding divides by.
std::vector<float> counts(Index outputs, Index stride, Index dilation, Index kernel, Index begin, Index size, Index end, bool padding_counts) {
  std::vector<float> out;
  for (Index o = 0; o < outputs; ++o) {
    Index count = 0;
    for (Index k = 0; k < kernel; ++k) {
      const Index i = o * stride - begin + k * dilation;
      count += padding_counts ? i < size + end : i >= 0 && i < size;
    }
    out.push_back(static_cast<float>(count));
  }
  return out;
}

class PoolStep final : public Step {
 public:
  kernels::PoolArgs args;
  Place in, out;
  Index kh = 1, stride = 1, dilation = 1, top = 0;
  std::vector<float> columns, lines;  // average: counts by output column and line

  void run(const Run& run) const override {
    const Index lines_out = out.dims[2];
    run.parallel(out.dims[0] * lines_out, 1, flops * 0.1, [&](Index begin, Index end) {
      const float* rows[kernels::kMaxTaps];
      kernels::PoolArgs a = args;
      a.in.rows = rows;
      for (Index i = begin; i < end; ++i) {
        const Index b = i / lines_out, oy = i % lines_out;
        const float* image = run.floats(in) + b * in.strides[0];
        for (Index ky = 0; ky < kh; ++ky) {
          const Index iy = oy * stride - top + ky * dilation;
          rows[ky] = iy < 0 || iy >= in.dims[2] ? nullptr : image + iy * in.strides[2];
        }
        a.out = run.floats(out) + b * out.strides[0] + oy * out.strides[2];
        if (!lines.empty()) a.row_count = lines[static_cast<std::size_t>(oy)];
        run.k.pool_row(a);
      }
    });
  }
};

bool lower_pool(Lowering& l, const Node& node, const ops::Window& window, const std::vector<std::int64_t>& kernel, bool ceil, kernels::Pool kind, bool padding_counts) {
  const Shape dims = l.shape(node.inputs[0]), out_dims = l.shape(node.outputs[0]);
  if (dims.size() != 4 || l.element(node.inputs[0]) != ElementType::f32 || element_count(out_dims) == 0 || kernel[0] > kernels::kMaxTaps) return false;
  const std::int64_t spatial[] = {dims[2], dims[3]};
  const ops::ResolvedWindow w = ops::resolve(window, spatial, kernel, ceil);
  if (w.output[0] != out_dims[2] || w.output[1] != out_dims[3]) return false;
  const auto columns = counts(w.output[1], w.strides[1], w.dilations[1], kernel[1], w.pads_begin[1], dims[3], w.pads_end[1], padding_counts);
  const auto lines = counts(w.output[0], w.strides[0], w.dilations[0], kernel[0], w.pads_begin[0], dims[2], w.pads_end[0], padding_counts);
  // a window without any element has no defined value here
  if (std::count(columns.begin(), columns.end(), 0.0f) || std::count(lines.begin(), lines.end(), 0.0f)) return false;
  auto step = std::make_unique<PoolStep>();
  step->in = l.contiguous_along(node.inputs[0], 1);
  step->out = l.destination_along(node.outputs[0], 1);
  if (kind == kernels::Pool::average) {
    step->columns = columns;
    step->lines = lines;
    step->args.counts = step->columns.data();
  }
  kernels::PoolArgs& a = step->args;
  a.kind = kind;
  a.in.pitch = step->in.strides[3];
  a.in.width = dims[3];
  a.in.kh = kernel[0];
  a.in.kw = kernel[1];
  a.in.stride = w.strides[1];
  a.in.dilation = w.dilations[1];
  a.in.pad_left = w.pads_begin[1];
  a.channels = dims[1];
  a.out_pitch = step->out.strides[3];
  a.out_width = out_dims[3];
  a.lanes = l.owns_padding(step->out, a.out_pitch) ? kernels::Lanes::full : kernels::Lanes::masked;
  step->kh = kernel[0];
  step->stride = w.strides[0];
  step->dilation = w.dilations[0];
  step->top = w.pads_begin[0];
  step->reads = {step->in};
  step->writes = {step->out};
  step->kernel = fmt::format("pool {}x{}", kernel[0], kernel[1]);
  step->flops = static_cast<double>(element_count(out_dims) * kernel[0] * kernel[1]);
  l.emit(std::move(step));
  return true;
}

}  // namespace

bool lower_max_pool(Lowering& l, const Node& node) {
  const auto& op = *node.op.as<ops::MaxPool>();
  return !op.indices && lower_pool(l, node, op.window, op.kernel, op.rounding_type != ops::PoolRounding::floor, kernels::Pool::max, false);
}

bool lower_avg_pool(Lowering& l, const Node& node) {
  const auto& op = *node.op.as<ops::AvgPool>();
  return lower_pool(l, node, op.window, op.kernel, op.rounding_type != ops::PoolRounding::floor, kernels::Pool::average, !op.exclude_pad);
}

}  // namespace saccade::plan
