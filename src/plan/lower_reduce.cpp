// SPDX-License-Identifier: Apache-2.0
// Reductions and softmax over f32: along contiguous rows, or down columns of contiguous rows.
#include <algorithm>

#include "base/error.h"
#include "ops/inference.h"
#include "ops/reduce.h"
#include "ops/softmax.h"
#include "plan/lower.h"
#include "plan/parallel.h"
#include "plan/steps.h"

namespace saccade::plan {

using graph::Node;
using kernels::Index;

namespace {

std::optional<kernels::Reduce> reduce_of(ops::ReduceKind kind) {
  using ops::ReduceKind;
  switch (kind) {
    case ReduceKind::Sum: return kernels::Reduce::sum;
    case ReduceKind::Mean: return kernels::Reduce::mean;
    case ReduceKind::Max: return kernels::Reduce::max;
    case ReduceKind::Min: return kernels::Reduce::min;
    case ReduceKind::Prod: return kernels::Reduce::prod;
    case ReduceKind::L1: return kernels::Reduce::l1;
    case ReduceKind::L2: return kernels::Reduce::l2;
    case ReduceKind::SumSquare: return kernels::Reduce::sum_squares;
    default: return std::nullopt;
  }
}

// out[kept] = reduction of in[kept][reduced]. Rows: one reduced loop of stride 1. Columns: the innermost kept loop has
// stride 1 on both sides, and at most two reduced loops are left.
class ReduceStep final : public Step {
 public:
  kernels::Reduce op = kernels::Reduce::sum;
  bool columns = false;
  Place in, out;
  LoopNest kept;     // output, input
  LoopNest reduced;  // input

  void run(const Run& run) const override {
    for (auto d : kept.dims)
      if (d == 0) return;
    const std::size_t rank = kept.dims.size();
    const Index n = kept.dims[rank - 1];
    OuterWalk walk(kept.dims, rank - 1);
    do {
      const float* src = run.floats(in) + walk.offset(kept.strides[1]);
      float* dst = run.floats(out) + walk.offset(kept.strides[0]);
      kernels::ReduceArgs a;
      a.op = op;
      const Index total = element_count(reduced.dims);
      if (columns) {
        a.rows = total;
        const bool two = reduced.dims.size() == 2;
        a.pitch = reduced.strides[0].back();
        a.width = two ? reduced.dims[1] : 0;
        a.line_pitch = two ? reduced.strides[0][0] : 0;
        run.parallel(n, 64, static_cast<double>(total * n) * 0.2, [&](Index begin, Index end) {
          kernels::ReduceArgs piece = a;
          piece.n = end - begin;
          piece.in = src + begin;
          piece.out = dst + begin;
          run.k.reduce_columns(piece);
        });
      } else {
        a.n = total;
        a.pitch = kept.strides[1][rank - 1];
        a.out_pitch = kept.strides[0][rank - 1];
        run.parallel(n, 1, static_cast<double>(total * n) * 0.2, [&](Index begin, Index end) {
          kernels::ReduceArgs piece = a;
          piece.rows = end - begin;
          piece.in = src + begin * a.pitch;
          piece.out = dst + begin * a.out_pitch;
          run.k.reduce_rows(piece);
        });
      }
    } while (walk.next());
  }
};

// Softmax along one axis: rows if the axis has stride 1, else columns along another dimension of stride 1.
class SoftmaxStep final : public Step {
 public:
  bool columns = false, log = false;
  Index axis_size = 0, axis_in = 0, axis_out = 0;
  Place in, out;
  LoopNest others;  // output, input

  void run(const Run& run) const override {
    for (auto d : others.dims)
      if (d == 0) return;
    const std::size_t rank = others.dims.size();
    const Index n = others.dims[rank - 1];
    OuterWalk walk(others.dims, rank - 1);
    do {
      const float* src = run.floats(in) + walk.offset(others.strides[1]);
      float* dst = run.floats(out) + walk.offset(others.strides[0]);
      const double work = static_cast<double>(n * axis_size) * 1.0;
      const Index step_in = others.strides[1][rank - 1], step_out = others.strides[0][rank - 1];
      run.parallel(n, columns ? 64 : 1, work, [&](Index begin, Index end) {
        kernels::SoftmaxArgs a;
        a.log = log;
        a.in = src + begin * step_in;
        a.out = dst + begin * step_out;
        if (columns) {
          a.rows = axis_size;
          a.n = end - begin;
          a.in_pitch = axis_in;
          a.out_pitch = axis_out;
          run.k.softmax_columns(a);
        } else {
          a.rows = end - begin;
          a.n = axis_size;
          a.in_pitch = step_in;
          a.out_pitch = step_out;
          run.k.softmax_rows(a);
        }
      });
    } while (walk.next());
  }
};

}  // namespace

bool lower_reduce(Lowering& l, const Node& node) {
  const auto kind = reduce_of(node.op.as<ops::Reduce>()->kind);
  const Tensor& axes_tensor = l.graph.constant(node.inputs[1]);
  Place in = l.place(node.inputs[0]);
  if (!kind || !axes_tensor.defined() || in.type != ElementType::f32 || element_count(in.dims) == 0) return false;
  std::vector<char> is_reduced(in.dims.size(), 0);
  for (std::size_t a : ops::normal_axes(to_i64(axes_tensor), in.dims.size())) is_reduced[a] = 1;
  std::vector<std::size_t> kept, reduced;
  for (std::size_t d = 0; d < in.dims.size(); ++d) (is_reduced[d] ? reduced : kept).push_back(d);
  Place out = l.destination(node.outputs[0]);
  Strides out_kept;
  std::size_t position = 0;
  for (std::size_t d = 0; d < in.dims.size(); ++d) {
    if (!is_reduced[d]) out_kept.push_back(out.strides[position]);
    if (!is_reduced[d] || node.op.as<ops::Reduce>()->keep_dims) ++position;
  }
  auto step = std::make_unique<ReduceStep>();
  const auto arrange = [&] {
    step->kept = merge_loops(select_dims(in.dims, kept), {out_kept, select_dims(in.strides, kept)});
    step->reduced = merge_loops(select_dims(in.dims, reduced), {select_dims(in.strides, reduced)});
    const bool inner_kept = step->kept.strides[0].back() == 1 && step->kept.strides[1].back() == 1;
    step->columns = false;
    if (step->reduced.dims.size() == 1 && (step->reduced.strides[0][0] == 1 || step->reduced.dims[0] == 1)) return true;
    step->columns = true;
    return inner_kept && step->reduced.dims.size() <= 2;
  };
  if (!arrange()) {
    std::vector<int> order;
    for (std::size_t d : kept) order.push_back(static_cast<int>(d));
    for (std::size_t d : reduced) order.push_back(static_cast<int>(d));
    const Place copy = l.scratch(in.type, in.dims, ordered_strides(in.dims, order, in.dims[static_cast<std::size_t>(order.back())]), 16);
    l.copy(in, copy, node.name, "reduced dimensions innermost");
    in = copy;
    SACCADE_ASSERT(arrange());
  }
  step->op = *kind;
  step->in = in;
  step->out = out;
  step->reads = {in};
  step->writes = {out};
  step->kernel = step->columns ? "reduce columns" : "reduce rows";
  step->flops = static_cast<double>(element_count(in.dims));
  l.emit(std::move(step));
  return true;
}

bool lower_softmax(Lowering& l, const Node& node) {
  Place in = l.place(node.inputs[0]);
  if (in.type != ElementType::f32) return false;
  const auto* log = node.op.as<ops::LogSoftmax>();
  const std::size_t axis = ops::normal_axis(log != nullptr ? log->axis : node.op.as<ops::Softmax>()->axis, in.dims.size());
  const Place out = l.destination(node.outputs[0]);
  auto step = std::make_unique<SoftmaxStep>();
  std::vector<std::size_t> others;
  for (std::size_t d = 0; d < in.dims.size(); ++d)
    if (d != axis) others.push_back(d);
  const auto arrange = [&] {
    step->others = merge_loops(select_dims(in.dims, others), {select_dims(out.strides, others), select_dims(in.strides, others)});
    step->columns = !((in.strides[axis] == 1 && out.strides[axis] == 1) || in.dims[axis] == 1);
    return !step->columns || (step->others.strides[0].back() == 1 && step->others.strides[1].back() == 1);
  };
  if (!arrange()) {
    const Place copy = l.scratch(in.type, in.dims, out.strides, 16);
    l.copy(in, copy, node.name, "to the output's order");
    in = copy;
    if (!arrange()) return false;
  }
  step->log = log != nullptr;
  step->axis_size = in.dims[axis];
  step->axis_in = in.strides[axis];
  step->axis_out = out.strides[axis];
  step->in = in;
  step->out = out;
  step->reads = {in};
  step->writes = {out};
  step->kernel = step->columns ? "softmax columns" : "softmax rows";
  step->flops = static_cast<double>(element_count(in.dims)) * 5;
  l.emit(std::move(step));
  return true;
}

}  // namespace saccade::plan
