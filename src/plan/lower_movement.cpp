// SPDX-License-Identifier: Apache-2.0
// Operators that move elements: views where the strides allow, else copies.
#include <algorithm>

#include "base/error.h"
#include "ops/concat.h"
#include "ops/convolution.h"
#include "ops/inference.h"
#include "ops/pad.h"
#include "ops/slice.h"
#include "plan/lower.h"
#include "plan/parallel.h"
#include "plan/pixels.h"
#include "plan/ring.h"
#include "plan/steps.h"

namespace saccade::plan {

using graph::Node;
using graph::ValueId;

namespace {

std::optional<std::vector<std::int64_t>> integers(const Lowering& l, const Node& node, std::size_t input) {
  if (input >= node.inputs.size() || !node.inputs[input].valid()) return std::nullopt;
  const Tensor& t = l.graph.constant(node.inputs[input]);
  if (!t.defined()) return std::nullopt;
  return to_i64(t);
}

bool same_place(const Place& a, const Place& b) {
  if (a.buffer != b.buffer || a.offset != b.offset || a.dims != b.dims) return false;
  for (std::size_t d = 0; d < a.dims.size(); ++d)
    if (a.dims[d] != 1 && a.strides[d] != b.strides[d]) return false;
  return true;
}

// The split that alone reads a value, along one of its dimensions; null if something else does, or more.
const Node* split_behind(const Lowering& l, ValueId value) {
  const auto& uses = l.graph[value].uses;
  if (uses.size() != 1 || uses[0].input != 0 || l.graph.is_output(value)) return nullptr;
  const Node& user = l.graph[uses[0].node];
  const bool splits = user.op.name() == "Split" || user.op.name() == "VariadicSplit";
  const auto axis = splits ? integers(l, user, 1) : std::nullopt;
  return axis && axis->size() == 1 ? &user : nullptr;
}

// The copy of a reshape whose parts have places of their own, as the halves of shuffled channels do: part by part, if a part is whole
// `fine` dimensions but for the first of those that make up the dimension that is split.
bool reshape_and_split(Lowering& l, const Node& node, const Place& in, const Shape& fine, const Strides& from) {
  const Node* split = split_behind(l, node.outputs[0]);
  if (split == nullptr) return false;
  const Shape dims = l.shape(node.outputs[0]);
  const std::size_t axis = ops::normal_axis((*integers(l, *split, 1))[0], dims.size());
  std::size_t first = 0;  // of the fine dimensions that make up the axis; those of size 1 are not among them
  for (std::int64_t before = 1, outer = product(dims, 0, axis); before != outer; ++first) before *= fine[first];
  if (first >= fine.size()) return false;
  const std::int64_t inner = dims[axis] / fine[first];
  for (ValueId part : split->outputs)
    if (l.shape(part)[axis] % inner != 0) return false;
  l.defer({node.id, split->id}, split->id, [&l, &node, split, in, fine, from, axis, first, inner] {
    const Place whole{in.buffer, in.type, in.offset, fine, from};
    std::int64_t at = 0;
    for (ValueId part : split->outputs) {
      const Place to = l.destination(part);
      const Place source = sliced(whole, first, at / inner, to.dims[axis] / inner);
      at += to.dims[axis];
      l.copy(source, *viewed(to, source.dims), node.name, "reshape, split");
    }
  });
  return true;
}

// One copy into an order in which the shape is a view.
void reshape_by_copy(Lowering& l, const Node& node, const Place& in) {
  const ValueId out = node.outputs[0];
  const Shape dims = l.shape(out);
  const Shape fine = common_refinement(in.dims, dims);
  const auto from = fine.empty() ? std::nullopt : view_strides(in.dims, in.strides, fine);
  if (from && reshape_and_split(l, node, in, fine, *from)) return;
  const Place to = l.destination(out);
  // the copy runs over the input's shape, if the target reads as one
  if (const auto onto = viewed(to, in.dims)) {
    l.copy(in, *onto, node.name, "reshape");
    return;
  }
  // or over the target's shape, with the input split at the common borders
  if (const auto onto = from ? viewed(to, fine) : std::nullopt) {
    l.copy({in.buffer, in.type, in.offset, fine, *from}, *onto, node.name, "reshape");
    return;
  }
  const Place dense = l.dense(node.inputs[0]);
  l.copy({dense.buffer, dense.type, dense.offset, dims, dense_strides(dims)}, to, node.name, "reshape");
}

// Whether nothing but a convolution of single pixels reads the value, which can do so wherever they lie.
bool feeds_pointwise(const Lowering& l, ValueId value) {
  const Node* user = only_user(l, value);
  const auto* op = user == nullptr ? nullptr : user->op.as<ops::Convolution>();
  if (op == nullptr || l.graph.is_output(value)) return false;
  const Shape weights = l.shape(user->inputs[1]);
  const auto one = [](std::int64_t n) { return n == 1; };
  return std::all_of(weights.begin() + 2, weights.end(), one) && std::all_of(op->window.strides.begin(), op->window.strides.end(), one);
}

// The value under another shape: a view, or a copy.
bool reshape(Lowering& l, const Node& node) {
  const ValueId out = node.outputs[0];
  const Shape dims = l.shape(out);
  const Place in = l.place(node.inputs[0]);
  if (auto view = viewed(in, dims)) {
    l.alias(out, std::move(*view));
    return true;
  }
  auto pixels = feeds_pointwise(l, out) ? pixels_of(in, dims) : std::nullopt;
  if (pixels)
    l.postpone(out, std::move(*pixels), [&l, &node, in] { reshape_by_copy(l, node, in); });
  else
    reshape_by_copy(l, node, in);
  return true;
}

bool split(Lowering& l, const Node& node) {
  const auto axis_input = integers(l, node, 1);
  if (!axis_input || axis_input->size() != 1) return false;
  const Place in = l.place(node.inputs[0]);
  const std::size_t axis = ops::normal_axis((*axis_input)[0], in.dims.size());
  std::int64_t at = 0;
  for (ValueId out : node.outputs) {
    const std::int64_t size = l.shape(out)[axis];
    l.alias(out, sliced(in, axis, at, size));
    at += size;
  }
  return true;
}

// Constant padding: fill, then copy the inside.
class FillStep final : public Step {
 public:
  FillStep(Place place, float fill) : to_(std::move(place)), value_(fill), nest_(merge_loops(to_.dims, {to_.strides})) { writes = {to_}; }

  void run(const Run& run) const override {
    OuterWalk walk(nest_.dims, nest_.dims.size() - 1);
    const std::int64_t n = nest_.dims.back(), step = nest_.strides[0].back();
    for (auto d : nest_.dims)
      if (d == 0) return;
    do {
      float* p = run.floats(to_) + walk.offset(nest_.strides[0]);
      for (std::int64_t i = 0; i < n; ++i) p[i * step] = value_;
    } while (walk.next());
  }

 private:
  Place to_;
  float value_;
  LoopNest nest_;
};

}  // namespace

bool lower_reshape(Lowering& l, const Node& node) { return reshape(l, node); }
bool lower_squeeze(Lowering& l, const Node& node) { return reshape(l, node); }
bool lower_unsqueeze(Lowering& l, const Node& node) { return reshape(l, node); }
bool lower_split(Lowering& l, const Node& node) { return split(l, node); }
bool lower_variadic_split(Lowering& l, const Node& node) { return split(l, node); }

bool lower_transpose(Lowering& l, const Node& node) {
  auto order = integers(l, node, 1);
  const Place in = l.place(node.inputs[0]);
  if (!order) return false;
  if (order->empty())
    for (std::size_t d = in.dims.size(); d-- > 0;) order->push_back(static_cast<std::int64_t>(d));
  l.alias(node.outputs[0], transposed(in, *order));
  return true;
}

bool lower_slice(Lowering& l, const Node& node) {
  const auto start = integers(l, node, 1), stop = integers(l, node, 2), step = integers(l, node, 3);
  if (!start || !stop || !step) return false;
  Place p = l.place(node.inputs[0]);
  std::vector<std::int64_t> axes;
  if (node.inputs.size() > 4 && node.inputs[4].valid()) {
    const auto given = integers(l, node, 4);
    if (!given) return false;
    axes = *given;
  } else {
    for (std::size_t i = 0; i < start->size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  }
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::size_t axis = ops::normal_axis(axes[i], p.dims.size());
    const ops::SliceRange r = ops::resolve_slice((*start)[i], (*stop)[i], (*step)[i], p.dims[axis]);
    p = sliced(p, axis, r.begin, r.count, r.step);
  }
  SACCADE_CHECK(p.dims == l.shape(node.outputs[0]), internal, "slice gives {} instead of {}", to_string(p.dims), to_string(l.shape(node.outputs[0])));
  l.alias(node.outputs[0], std::move(p));
  return true;
}

bool lower_concat(Lowering& l, const Node& node) {
  const ValueId out = node.outputs[0];
  const Place whole = l.destination(out);
  const std::size_t axis = ops::normal_axis(node.op.as<ops::Concat>()->axis, whole.dims.size());
  std::int64_t at = 0;
  for (ValueId in : node.inputs) {
    const Place& from = l.place(in);
    const std::int64_t size = from.dims[axis];
    const Place to = sliced(whole, axis, at, size);
    at += size;
    if (size != 0 && !same_place(from, to)) l.copy(from, to, node.name, "concat");
  }
  return true;
}

bool lower_broadcast(Lowering& l, const Node& node) {
  if (node.inputs.size() > 2 && node.inputs[2].valid()) return false;
  const Place in = l.place(node.inputs[0]);
  const Shape dims = l.shape(node.outputs[0]);
  if (in.dims.size() > dims.size()) return false;
  Place spread{in.buffer, in.type, in.offset, dims, Strides(dims.size(), 0)};
  const std::size_t shift = dims.size() - in.dims.size();
  for (std::size_t d = 0; d < in.dims.size(); ++d)
    if (in.dims[d] != 1) spread.strides[d + shift] = in.strides[d];
  l.alias(node.outputs[0], std::move(spread));
  return true;
}

bool lower_pad(Lowering& l, const Node& node) {
  const auto begin = integers(l, node, 1), end = integers(l, node, 2);
  if (node.op.as<ops::Pad>()->mode != ops::PadMode::constant || !begin || !end || l.element(node.inputs[0]) != ElementType::f32) return false;
  float value = 0;
  if (node.inputs.size() > 3 && node.inputs[3].valid()) {
    const Tensor& t = l.graph.constant(node.inputs[3]);
    if (!t.defined()) return false;
    value = static_cast<float>(element_as_f64(t, 0));
  }
  Place from = l.place(node.inputs[0]);
  const Place to = l.destination(node.outputs[0]);
  Place inside = to;
  for (std::size_t d = 0; d < from.dims.size(); ++d) {
    const std::int64_t b = (*begin)[d], e = (*end)[d];
    const std::int64_t skip = std::max<std::int64_t>(0, -b), kept = from.dims[d] - skip - std::max<std::int64_t>(0, -e);
    if (kept <= 0) return false;
    from = sliced(from, d, skip, kept);
    inside = sliced(inside, d, std::max<std::int64_t>(0, b), kept);
  }
  auto fill = std::make_unique<FillStep>(to, value);
  fill->kernel = "fill";
  l.emit(std::move(fill));
  l.copy(from, inside, node.name, "pad");
  return true;
}

}  // namespace saccade::plan
