// SPDX-License-Identifier: Apache-2.0
// Everything that only renames dimensions is one Reshape with a constant target, so shape arithmetic dies out.
//   Unsqueeze(%x: f32[n,3], 0), Squeeze(…)                        →  Reshape(%x, [1,-1,3])
//   Reshape(%x: f32[n,4,5], Concat(Gather(ShapeOf(%x), 0), -1))   →  Reshape(%x, [0,20]) {special_zero}
//   Reshape(Reshape(%x, …), [2,3])                                →  Reshape(%x, [2,3])
//   Transpose(%x: f32[1,8,1,1], [0,2,3,1])                        →  Reshape(%x, [1,1,1,8])
#include <algorithm>

#include "ops/reshape.h"
#include "ops/transpose.h"
#include "passes/all.h"
#include "passes/reshaping.h"
#include "passes/values.h"

namespace saccade::passes {
namespace {

bool renames(const graph::Op& o) { return o.is<ops::Reshape>() || o.is<ops::Squeeze>() || o.is<ops::Unsqueeze>(); }

// Squeeze says that dimensions are 1; only where that is known is it the same as any Reshape.
bool is_certain(const Graph& g, const Node& n) {
  if (!n.op.is<ops::Squeeze>()) return true;
  const auto &from = g.type(n.inputs[0]).shape, &to = g.type(n.outputs[0]).shape;
  if (!from.ranked() || !to.ranked()) return false;
  const auto ones = [](const graph::PartialShape& s) { return std::count_if(s.dimensions().begin(), s.dimensions().end(), [](const auto& d) { return d.is_static() && d.size() == 1; }); };
  return ones(from) - ones(to) == static_cast<std::ptrdiff_t>(from.rank() - to.rank());
}

// Squeeze and Unsqueeze, and Reshape with a target that is computed.
Rule to_constant_target() {
  const Pattern root = node(renames);
  return {root, [=](const Match& m, Edit& edit) -> Outcome {
    const Node& n = m.node(root);
    const ValueId x = n.inputs[0];
    if ((n.op.is<ops::Reshape>() && m.graph().constant(n.inputs[1]).defined()) || !is_certain(m.graph(), n)) return pass_over();
    const std::string name = n.name;
    const auto made = reshape_to(edit, x, graph::PartialShape(m.type(root).shape), name);
    if (!made) return n.op.is<ops::Reshape>() ? no("more than one dimension of the result is unknown") : pass_over();
    return *made;
  }};
}

Rule in_a_row() {
  const Pattern inner = node(renames), root = node(renames);
  return {root, [=](const Match& m, Edit& edit) -> Outcome {
    const Node& n = m.node(root);
    Match before;
    if (!matches(m.graph(), inner, n.inputs[0], before) || !is_certain(m.graph(), n) || !is_certain(m.graph(), before.node(inner))) return pass_over();
    const ValueId x = before.node(inner).inputs[0];
    const std::string name = n.name;
    const auto made = reshape_to(edit, x, graph::PartialShape(m.type(root).shape), name);
    return made ? Outcome(*made) : no("more than one dimension of the result is unknown");
  }};
}

// A transposition that moves only dimensions of size 1.
Rule transposed_ones() {
  const Pattern x = any(), order = constant();
  const Pattern root = op<ops::Transpose>({x, order});
  return {root, [=](const Match& m, Edit& edit) -> Outcome {
    const auto& shape = m.type(x).shape;
    const auto axes = integers(m.graph(), m[order]);
    if (!shape.is_static() || !axes || axes->size() != shape.rank()) return pass_over();
    std::int64_t last = -1;
    bool moves = false;
    for (std::size_t i = 0; i < axes->size(); ++i) {
      const std::int64_t a = (*axes)[i];
      moves |= a != static_cast<std::int64_t>(i);
      if (shape[static_cast<std::size_t>(a)].size() == 1) continue;
      if (a < last) return pass_over();
      last = a;
    }
    if (!moves) return pass_over();
    const auto made = reshape_to(edit, m[x], graph::PartialShape(m.type(root).shape), m.node(root).name);
    return made ? Outcome(*made) : pass_over();
  }};
}

}  // namespace

Pass fuse_reshapes() { return {"fuse_reshapes", {in_a_row(), to_constant_target(), transposed_ones()}, {}}; }

}  // namespace saccade::passes
