// SPDX-License-Identifier: Apache-2.0
// ArgMax and ArgMin over f32: along contiguous rows, or down columns of contiguous rows.
#include "ops/inference.h"
#include "ops/topk.h"
#include "plan/argmax.h"
#include "plan/lower.h"
#include "plan/parallel.h"

namespace saccade::plan {

using graph::Node;
using kernels::Index;

namespace {

class ArgMaxStep final : public Step {
 public:
  kernels::ArgMaxArgs args;
  bool columns = false;
  Place in, out;
  LoopNest kept;  // output, input

  void run(const Run& run) const override {
    const std::size_t size = size_in_bytes(out.type), inner = kept.dims.size() - 1;
    const Index n = kept.dims[inner], step_in = kept.strides[1][inner], step_out = kept.strides[0][inner];
    const bool together = step_out == 1 || n == 1;  // the results of the innermost loop lie side by side
    auto* const result = run.at<std::byte>({out.buffer, out.type, 0, {}, {}}) + static_cast<std::size_t>(out.offset) * size;
    OuterWalk walk(kept.dims, inner);
    do {
      const float* const src = run.floats(in) + walk.offset(kept.strides[1]);
      std::byte* const dst = result + static_cast<std::size_t>(walk.offset(kept.strides[0])) * size;
      run.parallel(n, 64, flops / static_cast<double>(element_count(kept.dims) / n) * 0.15, [&](Index begin, Index end) {
        kernels::ArgMaxArgs a = args;
        const Index at_once = together ? end - begin : 1;
        for (Index i = begin; i < end; i += at_once) {
          a.in = src + i * step_in;
          a.out = dst + static_cast<std::size_t>(i * step_out) * size;
          (columns ? a.n : a.rows) = at_once;
          (columns ? run.k.argmax_columns : run.k.argmax_rows)(a);
        }
      });
    } while (walk.next());
  }
};

}  // namespace

std::optional<kernels::ArgMaxArgs> argmax_of(const Lowering& l, const Node& node) {
  const auto* op = node.op.as<ops::ArgReduce>();
  if (op == nullptr || l.element(node.inputs[0]) != ElementType::f32) return std::nullopt;
  if (op->output_type != ElementType::i64 && op->output_type != ElementType::i32) return std::nullopt;
  const Shape dims = l.shape(node.inputs[0]);
  if (dims.empty() || element_count(dims) == 0 || dims[ops::normal_axis(op->axis, dims.size())] > INT32_MAX) return std::nullopt;
  kernels::ArgMaxArgs a;
  a.smallest = op->kind == ops::ArgKind::ArgMin;
  a.last = op->select_last_index;
  a.to = op->output_type == ElementType::i64 ? kernels::Scalar::i64 : kernels::Scalar::i32;
  return a;
}

bool lower_argmax(Lowering& l, const Node& node) {
  const auto args = argmax_of(l, node);
  if (!args) return false;
  const auto& op = *node.op.as<ops::ArgReduce>();
  Place in = l.place(node.inputs[0]);
  const std::size_t rank = in.dims.size(), axis = ops::normal_axis(op.axis, rank);
  std::vector<std::size_t> kept;
  for (std::size_t d = 0; d < rank; ++d)
    if (d != axis) kept.push_back(d);
  const Place out = l.destination(node.outputs[0]);
  Strides out_kept;
  for (std::size_t d : kept) out_kept.push_back(out.strides[op.keep_dims || d < axis ? d : d - 1]);
  auto step = std::make_unique<ArgMaxStep>();
  const auto arrange = [&] {
    step->kept = merge_loops(select_dims(in.dims, kept), {out_kept, select_dims(in.strides, kept)});
    step->columns = in.strides[axis] != 1 && in.dims[axis] != 1;
    return !step->columns || step->kept.strides[1].back() == 1 || step->kept.dims.back() == 1;
  };
  if (!arrange()) {
    std::vector<int> order;
    for (std::size_t d : kept) order.push_back(static_cast<int>(d));
    order.push_back(static_cast<int>(axis));
    const Place copy = l.scratch(in.type, in.dims, ordered_strides(in.dims, order, in.dims[axis]), 16);
    l.copy(in, copy, node.name, "the axis innermost");
    in = copy;
    SACCADE_ASSERT(arrange());
  }
  step->args = *args;
  (step->columns ? step->args.rows : step->args.n) = in.dims[axis];
  step->args.pitch = step->columns ? in.strides[axis] : step->kept.strides[1].back();
  step->in = in;
  step->out = out;
  step->reads = {in};
  step->writes = {out};
  step->kernel = step->columns ? "argmax columns" : "argmax rows";
  step->flops = static_cast<double>(element_count(in.dims));
  l.emit(std::move(step));
  return true;
}

}  // namespace saccade::plan
