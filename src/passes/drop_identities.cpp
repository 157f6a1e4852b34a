// SPDX-License-Identifier: Apache-2.0
// Nodes that give back their first input are dropped.
//   %y = Reshape(%x: f32[2,3], i64[2]{2,3})     →  %x
//   %y = Multiply(%x, f32{1})                   →  %x
//   %y = Select(boolean{1}, %x, %z)             →  %x
#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/broadcast.h"
#include "ops/concat.h"
#include "ops/convert.h"
#include "ops/pad.h"
#include "ops/pool.h"
#include "ops/reshape.h"
#include "ops/resize.h"
#include "ops/select.h"
#include "ops/slice.h"
#include "ops/split.h"
#include "ops/tile.h"
#include "ops/transpose.h"
#include "passes/all.h"
#include "passes/values.h"

namespace saccade::passes {
namespace {

bool all_equal(const std::optional<std::vector<std::int64_t>>& list, std::int64_t value) {
  return list && std::all_of(list->begin(), list->end(), [value](std::int64_t v) { return v == value; });
}

bool keeps_shape(const Graph& g, const Node& n) { return same_shape(g.type(n.inputs[0]).shape, g.type(n.outputs[0]).shape); }

bool is_identity_order(const Graph& g, const Node& n) {
  const auto order = integers(g, n.inputs[1]);
  if (!order || order->empty()) return false;
  for (std::size_t i = 0; i < order->size(); ++i)
    if ((*order)[i] != static_cast<std::int64_t>(i)) return false;
  return true;
}

// From the first to the last element, whatever the size.
bool takes_everything(const Graph& g, const Node& n) {
  const auto start = integers(g, n.inputs[1]), stop = integers(g, n.inputs[2]), step = integers(g, n.inputs[3]);
  if (!all_equal(step, 1)) return false;
  if (keeps_shape(g, n) && g.type(n.inputs[0]).is_static()) return true;
  return all_equal(start, 0) && stop && std::all_of(stop->begin(), stop->end(), [](std::int64_t s) { return s >= std::numeric_limits<std::int32_t>::max(); });
}

bool is_trivial_resize(const Graph& g, const Node& n) {
  const auto& r = *n.op.as<ops::Resize>();
  if (r.coordinates == ops::ResizeCoordinates::tf_crop_and_resize || !keeps_shape(g, n)) return false;
  if (r.shape_calculation == ops::ResizeShape::sizes) return true;
  const Tensor& scales = g.constant(n.inputs[1]);
  if (!scales.defined()) return false;
  for (std::int64_t i = 0; i < scales.size(); ++i)
    if (element_as_f64(scales, i) != 1) return false;
  return true;
}

bool is_trivial_window(const ops::Window& w, const std::vector<std::int64_t>& kernel) {
  const auto all = [](const std::vector<std::int64_t>& v, std::int64_t value) { return std::all_of(v.begin(), v.end(), [=](auto x) { return x == value; }); };
  return all(kernel, 1) && all(w.strides, 1) && all(w.pads_begin, 0) && all(w.pads_end, 0);
}

// The operand that a binary operator gives back because the other one is neutral.
std::optional<std::size_t> neutral_operand(const Graph& g, const Node& n) {
  const auto kind = n.op.as<ops::Binary>()->kind;
  const auto is = [&](std::size_t i, double value) {
    const Tensor& t = g.constant(n.inputs[i]);
    return t.defined() && t.size() > 0 && element_as_f64(t, 0) == value && is_uniform(t);
  };
  const auto keeps = [&](std::size_t i) {
    const auto &in = g.type(n.inputs[i]).shape, &out = g.type(n.outputs[0]).shape, &other = g.type(n.inputs[1 - i]).shape;
    if (same_shape(in, out)) return true;
    // a single element never enlarges anything of at least its rank
    return in.ranked() && g.constant(n.inputs[1 - i]).size() == 1 && other.rank() <= in.rank();
  };
  using enum ops::BinaryKind;
  switch (kind) {
    case Add:
      if (is(0, 0) && keeps(1)) return 1;
      [[fallthrough]];
    case Subtract:
      if (is(1, 0) && keeps(0)) return 0;
      break;
    case Multiply:
      if (is(0, 1) && keeps(1)) return 1;
      [[fallthrough]];
    case Divide:
    case Power:
      if (is(1, 1) && keeps(0)) return 0;
      break;
    default: break;
  }
  return std::nullopt;
}

bool reduces_nothing(const Graph& g, const Node& n) {
  const auto& reduce = *n.op.as<ops::Reduce>();
  using enum ops::ReduceKind;
  if (reduce.kind != Sum && reduce.kind != Mean && reduce.kind != Max && reduce.kind != Min && reduce.kind != Prod) return false;
  const auto axes = integers(g, n.inputs[1]);
  const auto& type = g.type(n.inputs[0]);
  if (!axes || !type.shape.ranked()) return false;
  if (axes->empty()) return true;
  if (!reduce.keep_dims) return false;
  const auto rank = static_cast<std::int64_t>(type.shape.rank());
  return std::all_of(axes->begin(), axes->end(), [&](std::int64_t a) { return a >= -rank && a < rank && known_size(type, static_cast<std::size_t>(a < 0 ? a + rank : a)) == 1; });
}

bool is_identity(const Graph& g, const Node& n) {
  const auto& o = n.op;
  if (o.is<ops::Reshape>() || o.is<ops::Squeeze>() || o.is<ops::Unsqueeze>()) return keeps_shape(g, n);
  if (o.is<ops::Broadcast>() || o.is<ops::Tile>()) return keeps_shape(g, n);
  if (o.is<ops::Transpose>()) return is_identity_order(g, n);
  if (const auto* c = o.as<ops::Convert>()) return g.type(n.inputs[0]).element == c->destination_type;
  if (o.is<ops::ConvertLike>()) return g.type(n.inputs[0]).element == g.type(n.inputs[1]).element;
  if (o.is<ops::Slice>()) return takes_everything(g, n);
  if (o.is<ops::Pad>()) return all_equal(integers(g, n.inputs[1]), 0) && all_equal(integers(g, n.inputs[2]), 0);
  if (o.is<ops::Concat>()) return n.inputs.size() == 1;
  if (const auto* s = o.as<ops::Split>()) return s->num_splits == 1;
  if (o.is<ops::VariadicSplit>()) return n.outputs.size() == 1;
  if (o.is<ops::Resize>()) return is_trivial_resize(g, n);
  if (const auto* p = o.as<ops::MaxPool>()) return !p->indices && is_trivial_window(p->window, p->kernel);
  if (const auto* p = o.as<ops::AvgPool>()) return is_trivial_window(p->window, p->kernel);
  if (o.is<ops::Reduce>()) return reduces_nothing(g, n);
  if (const auto* u = o.as<ops::Unary>()) return u->kind == ops::UnaryKind::Clamp && u->a == -INFINITY && u->b == INFINITY;
  return false;
}

// The value that a node only hands on.
ValueId handed_on(const Graph& g, const Node& n) {
  if (n.op.is<ops::Binary>()) {
    const auto operand = neutral_operand(g, n);
    return operand ? n.inputs[*operand] : ValueId{};
  }
  if (n.op.is<ops::Select>()) {
    const Tensor& condition = g.constant(n.inputs[0]);
    if (!condition.defined() || !is_uniform(condition)) return {};
    const ValueId chosen = n.inputs[element_as_i64(condition, 0) ? 1 : 2];
    return same_shape(g.type(chosen).shape, g.type(n.outputs[0]).shape) ? chosen : ValueId{};
  }
  return !n.inputs.empty() && n.inputs[0].valid() && is_identity(g, n) ? n.inputs[0] : ValueId{};
}

}  // namespace

Pass drop_identities() {
  const Pattern root = node([](const graph::Op&) { return true; });
  return {"drop_identities", {{root, [root](const Match& m, Edit&) -> Outcome {
                                 const ValueId value = handed_on(m.graph(), m.node(root));
                                 return value.valid() ? Outcome(value) : pass_over();
                               }}}};
}

}  // namespace saccade::passes
