// SPDX-License-Identifier: Apache-2.0
// Convert from small types to f32, and from f32 to f16 and bf16. From floats to integers `evaluate` says what happens to
// values out of range.
#include <algorithm>

#include "base/error.h"
#include "ops/convert.h"
#include "plan/lower.h"
#include "plan/parallel.h"
#include "plan/steps.h"

namespace saccade::plan {

using graph::Node;
using kernels::Index;
using kernels::Scalar;

namespace {

std::optional<Scalar> scalar_of(ElementType type) {
  switch (type) {
    case ElementType::boolean:
    case ElementType::u8: return Scalar::u8;
    case ElementType::i8: return Scalar::i8;
    case ElementType::i32: return Scalar::i32;
    case ElementType::i64: return Scalar::i64;
    case ElementType::f16: return Scalar::f16;
    case ElementType::bf16: return Scalar::bf16;
    case ElementType::f32: return Scalar::f32;
    default: return std::nullopt;
  }
}

// Rows of stride 1 on both sides.
class ConvertStep final : public Step {
 public:
  Scalar from = Scalar::f32, to = Scalar::f32;
  Place in, out;
  LoopNest nest;  // output, input

  void run(const Run& run) const override {
    for (auto d : nest.dims)
      if (d == 0) return;
    const Index n = nest.dims.back();
    const std::size_t outer = nest.dims.size() - 1;
    Index rows = 1;
    for (std::size_t d = 0; d < outer; ++d) rows *= nest.dims[d];
    const auto in_bytes = static_cast<Index>(size_in_bytes(in.type)), out_bytes = static_cast<Index>(size_in_bytes(out.type));
    const std::byte* src = reinterpret_cast<const std::byte*>(run.bases[in.buffer]) + in.offset * in_bytes;
    std::byte* dst = reinterpret_cast<std::byte*>(run.bases[out.buffer]) + out.offset * out_bytes;
    const auto piece = [&](Index from_offset, Index to_offset, Index count) {
      kernels::ConvertArgs a;
      a.from = from;
      a.to = to;
      a.src = src + from_offset * in_bytes;
      a.dst = dst + to_offset * out_bytes;
      a.n = count;
      run.k.convert(a);
    };
    if (rows == 1) {
      run.parallel(n, 1024, static_cast<double>(n) * 0.2, [&](Index begin, Index end) { piece(begin, begin, end - begin); });
      return;
    }
    OuterWalk walk(nest.dims, outer);
    do piece(walk.offset(nest.strides[1]), walk.offset(nest.strides[0]), n);
    while (walk.next());
  }
};

}  // namespace

bool lower_convert(Lowering& l, const Node& node) {
  const ElementType from = l.element(node.inputs[0]), to = l.element(node.outputs[0]);
  if (from == to) {
    l.alias(node.outputs[0], l.place(node.inputs[0]));
    return true;
  }
  const auto source = scalar_of(from), target = scalar_of(to);
  const bool widens = target == Scalar::f32, narrows = from == ElementType::f32 && (to == ElementType::f16 || to == ElementType::bf16);
  if (!source || !target || to == ElementType::boolean || (!widens && !narrows)) return false;
  auto step = std::make_unique<ConvertStep>();
  step->from = *source;
  step->to = *target;
  Place in = l.place(node.inputs[0]);
  const Place out = l.destination(node.outputs[0]);
  const auto arrange = [&] {
    step->nest = merge_loops(out.dims, {out.strides, in.strides});
    const Index n = step->nest.dims.back();
    return n <= 1 || (step->nest.strides[0].back() == 1 && step->nest.strides[1].back() == 1);
  };
  if (!arrange()) {
    const Place copy = l.scratch(in.type, in.dims, out.strides, 16);
    l.copy(in, copy, node.name, "to the output's order");
    in = copy;
    if (!arrange()) return false;
  }
  step->in = in;
  step->out = out;
  step->reads = {in};
  step->writes = {out};
  step->exact_denormals = true;
  step->kernel = "convert";
  l.emit(std::move(step));
  return true;
}

}  // namespace saccade::plan
