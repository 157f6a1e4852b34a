// SPDX-License-Identifier: Apache-2.0
// A Pad of zeros becomes the padding of the window operator after it.
//   Convolution(Pad(%x, [0,0,1,1], [0,0,1,1], 0), %w)           →  Convolution(%x, %w) {pads_begin=[1,1] pads_end=[1,1]}
//   AvgPool(Pad(…, 0)) without padding of its own                →  AvgPool(%x) {exclude_pad=false …}
//   MaxPool(Pad(…, −inf)), or zeros around what is not negative  →  MaxPool(%x) {…}
#include <algorithm>
#include <cmath>

#include "ops/convolution.h"
#include "ops/pad.h"
#include "ops/pool.h"
#include "passes/all.h"
#include "passes/values.h"

namespace saccade::passes {
namespace {

struct Padding {
  ValueId data;
  std::vector<std::int64_t> begin, end;  // of the spatial dimensions
  double value = 0;
};

// What the Pad before a window adds, or why it cannot be folded.
std::optional<Padding> padding(const Graph& g, const Node& pad, std::string& reason) {
  const auto begin = integers(g, pad.inputs[1]), end = integers(g, pad.inputs[2]);
  if (!begin || !end || begin->size() < 3 || begin->size() != end->size()) return std::nullopt;
  Padding out{pad.inputs[0], {}, {}, 0};
  if (pad.inputs.size() > 3 && pad.inputs[3].valid()) {
    const auto value = single(g, pad.inputs[3]);
    if (!value) {
      reason = "the padding value is not known";
      return std::nullopt;
    }
    out.value = *value;
  }
  for (std::size_t d = 0; d < begin->size(); ++d) {
    if (d < 2 ? (*begin)[d] != 0 || (*end)[d] != 0 : (*begin)[d] < 0 || (*end)[d] < 0) {
      reason = d < 2 ? "it pads the batch or the channels" : "it crops";
      return std::nullopt;
    }
    if (d >= 2) {
      out.begin.push_back((*begin)[d]);
      out.end.push_back((*end)[d]);
    }
  }
  return out;
}

bool pads_nothing(const ops::Window& w) {
  const auto zero = [](const std::vector<std::int64_t>& v) { return std::all_of(v.begin(), v.end(), [](auto p) { return p == 0; }); };
  return w.auto_pad == ops::AutoPad::valid || (w.auto_pad == ops::AutoPad::explicit_ && zero(w.pads_begin) && zero(w.pads_end));
}

ops::Window padded(ops::Window w, const Padding& p) {
  if (w.auto_pad == ops::AutoPad::valid) w.pads_begin.clear(), w.pads_end.clear();
  w.auto_pad = ops::AutoPad::explicit_;
  w.pads_begin.resize(p.begin.size());
  w.pads_end.resize(p.end.size());
  for (std::size_t d = 0; d < p.begin.size(); ++d) {
    w.pads_begin[d] += p.begin[d];
    w.pads_end[d] += p.end[d];
  }
  return w;
}

bool is_same_padded(const ops::Window& w) { return w.auto_pad == ops::AutoPad::same_upper || w.auto_pad == ops::AutoPad::same_lower; }

bool not_negative(const Graph& g, ValueId v) {
  const Node* n = g.producer(v);
  const auto* u = n ? n->op.as<ops::Unary>() : nullptr;
  return u && (u->kind == ops::UnaryKind::Relu || u->kind == ops::UnaryKind::Sigmoid || u->kind == ops::UnaryKind::HSigmoid || (u->kind == ops::UnaryKind::Clamp && u->a >= 0));
}

// Whether every window reaches data, whatever lies around.
bool reaches_data(const ops::Window& w, const std::vector<std::int64_t>& kernel, const Padding& p) {
  for (std::size_t d = 0; d < p.begin.size(); ++d) {
    const std::int64_t extent = (kernel[d] - 1) * (d < w.dilations.size() ? w.dilations[d] : 1) + 1;
    if (d < w.dilations.size() && w.dilations[d] != 1) return false;
    if (p.begin[d] >= extent || p.end[d] >= extent) return false;
  }
  return true;
}

template <class Conv>
Rule into_convolution() {
  const Pattern pad = op<ops::Pad>(), w = any();
  const Pattern root = op<Conv>({pad, w});
  return {root, [=](const Match& m, Edit& edit) -> Outcome {
    if (m.op<ops::Pad>(pad).mode != ops::PadMode::constant) return no("only constant padding folds");
    std::string reason;
    const auto p = padding(m.graph(), m.node(pad), reason);
    if (!p) return reason.empty() ? pass_over() : no(reason);
    if (p->value != 0) return no("the padding is not zero");
    Conv conv = m.op<Conv>(root);
    if (is_same_padded(conv.window)) return no("the window pads to the same size");
    conv.window = padded(conv.window, *p);
    return edit(conv, {p->data, m[w]}, m.node(root).name);
  }};
}

Rule into_average() {
  const Pattern pad = op<ops::Pad>();
  const Pattern root = op<ops::AvgPool>({pad});
  return {root, [=](const Match& m, Edit& edit) -> Outcome {
    if (m.op<ops::Pad>(pad).mode != ops::PadMode::constant) return no("only constant padding folds");
    std::string reason;
    const auto p = padding(m.graph(), m.node(pad), reason);
    if (!p) return reason.empty() ? pass_over() : no(reason);
    ops::AvgPool pool = m.op<ops::AvgPool>(root);
    if (p->value != 0) return no("the padding is not zero");
    if (!pads_nothing(pool.window) || pool.rounding_type != ops::PoolRounding::floor) return no("the pool pads itself or rounds up");
    pool.window = padded(pool.window, *p);
    pool.exclude_pad = false;
    return edit(pool, {p->data}, m.node(root).name);
  }};
}

Rule into_maximum() {
  const Pattern pad = op<ops::Pad>();
  const Pattern root = op<ops::MaxPool>({pad}, [](const ops::MaxPool& p) { return !p.indices; });
  return {root, [=](const Match& m, Edit& edit) -> Outcome {
    if (m.op<ops::Pad>(pad).mode != ops::PadMode::constant) return no("only constant padding folds");
    std::string reason;
    const auto p = padding(m.graph(), m.node(pad), reason);
    if (!p) return reason.empty() ? pass_over() : no(reason);
    ops::MaxPool pool = m.op<ops::MaxPool>(root);
    if (!pads_nothing(pool.window) || pool.rounding_type != ops::PoolRounding::floor) return no("the pool pads itself or rounds up");
    const bool lowest = p->value == -INFINITY, zeros = p->value == 0 && not_negative(m.graph(), p->data);
    if (!lowest && !zeros) return no("the padding could be a maximum");
    if (!reaches_data(pool.window, pool.kernel, *p)) return no("a window could see padding alone");
    pool.window = padded(pool.window, *p);
    return edit(pool, {p->data}, m.node(root).name);
  }};
}

}  // namespace

Pass fold_pad() { return {"fold_pad", {into_convolution<ops::Convolution>(), into_convolution<ops::GroupConvolution>(), into_average(), into_maximum()}, {}}; }

}  // namespace saccade::passes
