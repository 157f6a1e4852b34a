// SPDX-License-Identifier: Apache-2.0
// Chains of operators that only move data become one, or none.
//   Transpose(Transpose(%x, p), q)                                  →  Transpose(%x, q∘p)
//   Slice(Slice(%x, …, axes 2), …, axes 3)                          →  Slice(%x, …, axes [2,3])
//   Concat(Concat(%a, %b), %c), one axis                            →  Concat(%a, %b, %c)
//   Concat(all parts of Split(%x)), one axis                        →  %x
//   Gather(%x, one index or consecutive ones)                       →  Slice, Reshape
//   Add(%x: f32[2,8], Broadcast(%y: f32[8], …))                     →  Add(%x, %y)
#include <algorithm>
#include <limits>

#include "ops/broadcast.h"
#include "ops/concat.h"
#include "ops/gather.h"
#include "ops/slice.h"
#include "ops/split.h"
#include "ops/tile.h"
#include "ops/transpose.h"
#include "passes/all.h"
#include "passes/reshaping.h"
#include "passes/values.h"

namespace saccade::passes {
namespace {

std::optional<std::size_t> axis_of(std::int64_t axis, const graph::TensorType& type) {
  if (!type.shape.ranked()) return std::nullopt;
  const auto rank = static_cast<std::int64_t>(type.shape.rank());
  if (axis < -rank || axis >= rank) return std::nullopt;
  return static_cast<std::size_t>(axis < 0 ? axis + rank : axis);
}

Rule transposes() {
  const Pattern x = any(), p = constant(), q = constant();
  const Pattern root = op<ops::Transpose>({op<ops::Transpose>({x, p}), q});
  return {root, [=](const Match& m, Edit& edit) -> Outcome {
    const auto first = *integers(m.graph(), m[p]), second = *integers(m.graph(), m[q]);
    if (first.size() != second.size() || first.empty()) return pass_over();
    std::vector<std::int64_t> both;
    for (std::int64_t i : second) both.push_back(first[static_cast<std::size_t>(i)]);
    return edit(ops::Transpose{}, {m[x], edit.constant(i64_vector(both))}, m.node(root).name);
  }};
}

struct SliceParts {
  std::vector<std::int64_t> start, stop, step, axes;
};

std::optional<SliceParts> slice_parts(const Graph& g, const Node& n) {
  const auto start = integers(g, n.inputs[1]), stop = integers(g, n.inputs[2]), step = integers(g, n.inputs[3]);
  if (!start || !stop || !step) return std::nullopt;
  SliceParts out{*start, *stop, *step, {}};
  if (n.inputs.size() > 4 && n.inputs[4].valid()) {
    const auto axes = integers(g, n.inputs[4]);
    if (!axes) return std::nullopt;
    for (std::int64_t a : *axes) {
      const auto axis = axis_of(a, g.type(n.inputs[0]));
      if (!axis) return std::nullopt;
      out.axes.push_back(static_cast<std::int64_t>(*axis));
    }
  } else {
    for (std::size_t i = 0; i < start->size(); ++i) out.axes.push_back(static_cast<std::int64_t>(i));
  }
  return out;
}

// Whether the value is cut further wherever it is used.
bool only_sliced(const Graph& g, ValueId v) {
  return !g.is_output(v) && std::all_of(g[v].uses.begin(), g[v].uses.end(), [&](const graph::Use& u) { return u.input == 0 && g[u.node].op.is<ops::Slice>(); });
}

Rule slices() {
  const Pattern inner = op<ops::Slice>().where(only_sliced), root = op<ops::Slice>();
  return {root, [=](const Match& m, Edit& edit) -> Outcome {
    Match before;
    const Graph& g = m.graph();
    if (!matches(g, inner, m.node(root).inputs[0], before)) return pass_over();
    const auto a = slice_parts(g, before.node(inner)), b = slice_parts(g, m.node(root));
    if (!a || !b) return pass_over();
    for (std::int64_t axis : b->axes)
      if (std::find(a->axes.begin(), a->axes.end(), axis) != a->axes.end()) return no("both slices cut the same axis");
    const auto joined = [&](const std::vector<std::int64_t>& x, const std::vector<std::int64_t>& y) {
      std::vector<std::int64_t> all = x;
      all.insert(all.end(), y.begin(), y.end());
      return edit.constant(i64_vector(all));
    };
    const ValueId x = before.node(inner).inputs[0];
    return edit(ops::Slice{}, {x, joined(a->start, b->start), joined(a->stop, b->stop), joined(a->step, b->step), joined(a->axes, b->axes)}, m.node(root).name);
  }};
}

Rule concats() {
  const Pattern root = op<ops::Concat>();
  return {root, [=](const Match& m, Edit& edit) -> Outcome {
    const Graph& g = m.graph();
    const auto axis = axis_of(m.op<ops::Concat>(root).axis, m.type(root));
    if (!axis) return pass_over();
    std::vector<ValueId> inputs;
    bool flat = true;
    for (ValueId in : m.node(root).inputs) {
      const Node* n = g.producer(in);
      const auto* inner = n ? n->op.as<ops::Concat>() : nullptr;
      if (inner && g.use_count(in) == 1 && axis_of(inner->axis, g.type(in)) == axis) {
        inputs.insert(inputs.end(), n->inputs.begin(), n->inputs.end());
        flat = false;
      } else {
        inputs.push_back(in);
      }
    }
    if (flat) return pass_over();
    return edit(ops::Concat{static_cast<std::int64_t>(*axis)}, std::move(inputs), m.node(root).name);
  }};
}

Rule split_and_concat() {
  const Pattern root = op<ops::Concat>();
  return {root, [=](const Match& m, Edit&) -> Outcome {
    const Graph& g = m.graph();
    const Node& n = m.node(root);
    const Node* split = g.producer(n.inputs[0]);
    if (!split || !(split->op.is<ops::Split>() || split->op.is<ops::VariadicSplit>()) || split->outputs != n.inputs) return pass_over();
    const auto along = single(g, split->inputs[1]);
    if (!along) return pass_over();
    const auto& type = g.type(split->inputs[0]);
    if (!type.shape.ranked() || axis_of(static_cast<std::int64_t>(*along), type) != axis_of(m.op<ops::Concat>(root).axis, m.type(root))) return pass_over();
    return split->inputs[0];
  }};
}

// Indices that are consecutive: a piece of the data.
Rule gathers() {
  const Pattern x = any(), indices = constant(), axis = constant();
  const Pattern root = op<ops::Gather>({x, indices, axis}, [](const ops::Gather& g) { return g.batch_dims == 0; });
  return {root, [=](const Match& m, Edit& edit) -> Outcome {
    const Graph& g = m.graph();
    const auto where = integers(g, m[indices]);
    const auto along = integers(g, m[axis]);
    const graph::TensorType type = m.type(x), out = m.type(root);
    if (!is_float(type.element)) return pass_over();  // shape arithmetic stays as it is read best
    if (!where || where->empty() || !along || along->size() != 1 || m.constant(indices).rank() > 1) return pass_over();
    const auto a = axis_of(along->front(), type);
    if (!a) return pass_over();
    for (std::size_t i = 1; i < where->size(); ++i)
      if ((*where)[i] != (*where)[i - 1] + 1) return pass_over();
    const std::int64_t first = where->front(), last = where->back();
    if (first < 0 && last >= 0) return pass_over();
    // out of range is the run's error, while a slice would only be shorter
    const auto size = known_size(type, *a);
    if (!size || first < -*size || last >= *size) return pass_over();
    const bool scalar = m.constant(indices).rank() == 0;
    const std::string name = m.node(root).name;
    graph::PartialShape kept = type.shape;
    kept[*a] = graph::Dimension::fixed(1);
    if (scalar && !can_reshape_to(kept, out.shape)) return pass_over();
    const std::int64_t from = first < 0 ? first + *size : first;
    const auto one = [&](std::int64_t v) { return edit.constant(i64_vector({&v, 1})); };
    const ValueId piece = edit(ops::Slice{}, {m[x], one(from), one(from + static_cast<std::int64_t>(where->size())), one(1), one(static_cast<std::int64_t>(*a))}, name);
    return scalar ? *reshape_to(edit, piece, out.shape, name) : piece;
  }};
}

// Whether repeating `narrow` up to `wide` is what broadcasting does.
bool is_broadcast(const graph::PartialShape& narrow, const graph::PartialShape& wide) {
  if (!narrow.ranked() || !wide.ranked() || narrow.rank() > wide.rank()) return false;
  for (std::size_t d = 0; d < narrow.rank(); ++d) {
    const auto &a = narrow[d], &b = wide[d + wide.rank() - narrow.rank()];
    if (!a.is_static() || (a.size() != 1 && !(b.is_static() && a.size() == b.size()))) return false;
  }
  return true;
}

// An operand that is repeated although the operator would repeat it itself.
Rule broadcasts() {
  const Pattern root = op<ops::Binary>();
  return {root, [=](const Match& m, Edit& edit) -> Outcome {
    const Graph& g = m.graph();
    std::vector<ValueId> inputs = m.node(root).inputs;
    bool changed = false;
    for (ValueId& in : inputs) {
      const Node* n = g.producer(in);
      const auto* b = n ? n->op.as<ops::Broadcast>() : nullptr;
      if (!n || !((b && b->mode != ops::BroadcastMode::explicit_) || n->op.is<ops::Tile>())) continue;
      const ValueId narrow = n->inputs[0];
      if (n->op.is<ops::Tile>() && !is_broadcast(g.type(narrow).shape, g.type(in).shape)) continue;
      const ValueId other = inputs[&in == &inputs[0] ? 1 : 0];
      if (!g.type(narrow).shape.ranked() || !same_shape(broadcast(g.type(narrow).shape, g.type(other).shape), m.type(root).shape)) continue;
      in = narrow;
      changed = true;
    }
    if (!changed) return pass_over();
    const graph::Op same = m.node(root).op;
    return edit(same, std::move(inputs), m.node(root).name);
  }};
}

}  // namespace

Pass fuse_movers() { return {"fuse_movers", {transposes(), slices(), concats(), split_and_concat(), gathers(), broadcasts()}, {}}; }

}  // namespace saccade::passes
