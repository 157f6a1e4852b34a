// SPDX-License-Identifier: Apache-2.0
// Transpositions between channels last and channels second move apart, so that they meet and vanish: those to channels last go down to
// the users, those to channels second up to the producers. What channels-last formats put around every convolution then ends at the
// inputs and outputs, and an activation stands beside its convolution. (last: 0,2,3,1; second: 0,3,1,2)
//   Relu(Transpose(%x, last))                                →  Transpose(Relu(%x), last)
//   Add(Transpose(%x, last), f32[8])                         →  Transpose(Add(%x, f32[1,8,1,1]), last)
//   ReduceMean(Transpose(%x, last), [1,2]) {keep_dims}       →  Transpose(ReduceMean(%x, [2,3]), last)
//   Transpose(Relu(%x), second), Relu being used there alone →  Relu(Transpose(%x, second))
#include <algorithm>

#include "ops/concat.h"
#include "ops/convert.h"
#include "ops/fake_quantize.h"
#include "ops/gather.h"
#include "ops/inference.h"
#include "ops/pad.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/resize.h"
#include "ops/slice.h"
#include "ops/softmax.h"
#include "ops/space_to_depth.h"
#include "ops/split.h"
#include "ops/topk.h"
#include "ops/transpose.h"
#include "passes/all.h"
#include "passes/values.h"

namespace saccade::passes {
namespace {

using i64 = std::int64_t;
using Order = std::vector<i64>;

Order channels_last(std::size_t rank) {
  Order order{0};
  for (std::size_t d = 2; d < rank; ++d) order.push_back(static_cast<i64>(d));
  order.push_back(1);
  return order;
}

Order inverse(const Order& order) {
  Order out(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) out[static_cast<std::size_t>(order[i])] = static_cast<i64>(i);
  return out;
}

// In rank 3 both directions are the same.
bool is_last(const Order& order) { return order.size() >= 4 && order == channels_last(order.size()); }
bool is_second(const Order& order) { return order.size() >= 4 && order == inverse(channels_last(order.size())); }

// The order of a transposition between the two, also of one that moves nothing but dimensions of size 1 and is written as a Reshape.
std::optional<Order> order_of(const Graph& g, const Node* n) {
  if (n == nullptr) return std::nullopt;
  if (n->op.is<ops::Transpose>()) return integers(g, n->inputs[1]);
  if (!n->op.is<ops::Reshape>()) return std::nullopt;
  const graph::PartialShape &from = g.type(n->inputs[0]).shape, &to = g.type(n->outputs[0]).shape;
  if (!from.is_static() || !to.is_static() || from.rank() != to.rank() || from.rank() < 4) return std::nullopt;
  const auto ones = [](const graph::PartialShape& shape, std::size_t begin) {
    for (std::size_t d = begin; d < begin + shape.rank() - 2; ++d)
      if (shape[d].size() != 1) return false;
    return true;
  };
  const std::size_t last = from.rank() - 1;
  if (!(from[0] == to[0])) return std::nullopt;
  if (ones(from, 2) && ones(to, 1) && from[1] == to[last]) return channels_last(from.rank());
  if (ones(from, 1) && ones(to, 2) && from[last] == to[1]) return inverse(channels_last(from.rank()));
  return std::nullopt;
}

// An operator moved to the other side of a transposition with this order: x → op(Transpose(x, order)) as Transpose(op'(x), order).
class Mover {
 public:
  Mover(Edit& edit, Order order, std::string name) : edit_(edit), g_(edit.graph()), order_(std::move(order)), back_(inverse(order_)), name_(std::move(name)) {}

  ValueId transposed(ValueId v, const Order& order) { return edit_(ops::Transpose{}, {v, edit_.constant(i64_vector(order))}, name_); }
  ValueId after(ValueId v) { return transposed(v, order_); }

  /// An operand of an elementwise operator as it is before the transposition; invalid if that is not possible.
  ValueId before(ValueId v) {
    const graph::PartialShape shape = g_.type(v).shape;  // a copy: adding nodes moves it
    if (!shape.ranked() || shape.rank() > order_.size()) return {};
    if (shape.rank() == 0) return v;
    if (const Node* t = g_.producer(v); order_of(g_, t) == order_) return t->inputs[0];
    if (shape.rank() < order_.size()) {
      if (!shape.is_static()) return {};
      Shape wide(order_.size() - shape.rank(), 1);
      const Shape own = shape.shape();
      wide.insert(wide.end(), own.begin(), own.end());
      const Tensor constant = g_.constant(v);
      if (!constant.defined() || !g_[v].is_constant()) return {};
      if (constant.size() == 1) return v;
      return folded(constant.reshaped(wide), g_[v].name);
    }
    if (g_[v].is_constant()) return folded(g_.constant(v), g_[v].name);
    return transposed(v, back_);
  }

  i64 axis(i64 a) const { return order_[static_cast<std::size_t>(a < 0 ? a + static_cast<i64>(order_.size()) : a)]; }
  bool in_range(i64 a) const { return a >= -static_cast<i64>(order_.size()) && a < static_cast<i64>(order_.size()); }
  bool in_range(const std::vector<i64>& axes) const {
    return std::all_of(axes.begin(), axes.end(), [&](i64 a) { return in_range(a); });
  }

  /// A vector with one entry a dimension.
  ValueId entries(ValueId v) {
    if (const auto known = integers(g_, v); known && known->size() == order_.size() && g_[v].is_constant()) {
      std::vector<i64> out;
      for (const i64 i : back_) out.push_back((*known)[static_cast<std::size_t>(i)]);
      return edit_.constant(from_i64(g_.type(v).element, {static_cast<i64>(out.size())}, out));
    }
    return edit_(ops::Gather{}, {v, edit_.constant(i64_vector(back_)), edit_.constant(Tensor::scalar<i64>(0))}, name_);
  }

  /// The node with its first input (all inputs of what has several) before the transposition: its outputs there, or nothing.
  std::vector<ValueId> moved(const Node& n, const std::vector<ValueId>& data) {
    const auto with = [&](graph::Op op, std::vector<ValueId> rest = {}) {
      std::vector<ValueId> inputs = data;
      inputs.insert(inputs.end(), rest.begin(), rest.end());
      return edit_.node(std::move(op), std::move(inputs), name_);
    };
    const auto tail = [&](std::size_t from) { return std::vector<ValueId>(n.inputs.begin() + static_cast<std::ptrdiff_t>(from), n.inputs.end()); };
    if (n.op.is<ops::Unary>() || n.op.is<ops::Convert>() || n.op.is<ops::Binary>() || n.op.is<ops::FakeQuantize>()) return with(n.op);
    if (const auto* concat = n.op.as<ops::Concat>()) return in_range(concat->axis) ? with(ops::Concat{axis(concat->axis)}) : std::vector<ValueId>{};
    if (const auto* softmax = n.op.as<ops::Softmax>()) return in_range(softmax->axis) ? with(ops::Softmax{axis(softmax->axis)}) : std::vector<ValueId>{};
    if (n.op.is<ops::Pad>()) {
      std::vector<ValueId> rest = tail(3);
      rest.insert(rest.begin(), {entries(n.inputs[1]), entries(n.inputs[2])});
      return with(n.op, rest);
    }
    if (n.op.is<ops::SpaceToBatch>() || n.op.is<ops::BatchToSpace>()) return with(n.op, {entries(n.inputs[1]), entries(n.inputs[2]), entries(n.inputs[3])});
    if (const auto* resize = n.op.as<ops::Resize>()) {
      ops::Resize op = *resize;
      if (op.axes.empty() || !in_range(op.axes)) return {};
      for (i64& a : op.axes) a = axis(a);
      return with(op, tail(1));
    }
    if (n.op.is<ops::Slice>()) {
      std::vector<i64> axes;
      if (n.inputs.size() > 4 && n.inputs[4].valid()) {
        const auto known = integers(g_, n.inputs[4]);
        if (!known || !in_range(*known)) return {};
        axes = *known;
      } else {
        const auto count = known_size(g_.type(n.inputs[1]), 0);
        if (!count || *count > static_cast<i64>(order_.size())) return {};
        for (i64 d = 0; d < *count; ++d) axes.push_back(d);
      }
      for (i64& a : axes) a = axis(a);
      return with(n.op, {n.inputs[1], n.inputs[2], n.inputs[3], edit_.constant(i64_vector(axes))});
    }
    if (n.op.is<ops::Split>() || n.op.is<ops::VariadicSplit>()) {
      const auto along = integers(g_, n.inputs[1]);
      if (!along || along->size() != 1 || !in_range(*along)) return {};
      std::vector<ValueId> rest = tail(2);
      rest.insert(rest.begin(), edit_.constant(Tensor::scalar<i64>(axis((*along)[0]))));
      return with(n.op, rest);
    }
    return {};
  }

  /// Operators that drop dimensions: what they give, with the remaining dimensions in the order that they had.
  ValueId reduced(const Node& n, ValueId data) {
    std::vector<i64> axes;
    bool keeps = false;
    graph::Op op = n.op;
    std::vector<ValueId> inputs{data};
    if (const auto* reduce = n.op.as<ops::Reduce>()) {
      const auto known = integers(g_, n.inputs[1]);
      if (!known || known->empty() || !in_range(*known)) return {};
      for (const i64 a : *known) axes.push_back(axis(a));
      keeps = reduce->keep_dims;
      std::vector<i64> sorted = axes;
      std::sort(sorted.begin(), sorted.end());
      inputs.push_back(edit_.constant(i64_vector(sorted)));
    } else if (const auto* arg = n.op.as<ops::ArgReduce>()) {
      if (!in_range(arg->axis)) return {};
      axes = {axis(arg->axis)};
      keeps = arg->keep_dims;
      ops::ArgReduce moved = *arg;
      moved.axis = axes[0];
      op = moved;
    } else {
      return {};
    }
    const ValueId y = edit_(op, inputs, name_);
    if (keeps) return after(y);
    Order left;  // the dimensions that remain, as the result wants them
    for (const i64 d : order_)
      if (std::find(axes.begin(), axes.end(), d) == axes.end()) left.push_back(d);
    Order places = left;
    std::sort(places.begin(), places.end());
    if (places == left) return y;
    Order order;
    for (const i64 d : left) order.push_back(std::lower_bound(places.begin(), places.end(), d) - places.begin());
    return transposed(y, order);
  }

 private:
  ValueId folded(const Tensor& constant, const std::string& name) {
    const Tensor order = i64_vector(back_);
    const Tensor inputs[] = {constant, order};
    return edit_.constant(evaluate(ops::Transpose{}, inputs)[0], name);
  }

  Edit& edit_;
  const Graph& g_;
  Order order_, back_;
  std::string name_;
};

// Whether all inputs of the node are data, or only the first.
bool takes_all(const Node& n) { return n.op.is<ops::Binary>() || n.op.is<ops::Concat>() || n.op.is<ops::FakeQuantize>(); }

// The data inputs before the transposition; empty if one cannot be had.
std::vector<ValueId> data_before(Mover& mover, const Node& n) {
  std::vector<ValueId> data;
  for (std::size_t i = 0; i < (takes_all(n) ? n.inputs.size() : 1); ++i) {
    if (!n.inputs[i].valid()) return {};
    data.push_back(mover.before(n.inputs[i]));
    if (!data.back().valid()) return {};
  }
  return data;
}

bool rank_stays(const Graph& g, const Node& n, std::size_t rank) {
  return std::all_of(n.outputs.begin(), n.outputs.end(), [&](ValueId v) { return g.type(v).shape.ranked() && g.type(v).shape.rank() == rank; });
}

bool sink(Graph& graph, NodeId id, PassContext& context) {
  const Node n = graph[id];  // a copy: adding nodes moves them
  if (n.inputs.empty() || order_of(graph, &n)) return true;
  std::optional<Order> order;
  for (std::size_t i = 0; i < (takes_all(n) ? n.inputs.size() : 1) && !order; ++i)
    if (n.inputs[i].valid())
      if (auto found = order_of(graph, graph.producer(n.inputs[i])); found && is_last(*found)) order = std::move(found);
  if (!order) return true;
  Edit edit(graph);
  Mover mover(edit, *order, n.name);
  std::vector<ValueId> made;
  if (n.op.is<ops::Reduce>() || n.op.is<ops::ArgReduce>()) {
    if (const ValueId y = mover.reduced(n, mover.before(n.inputs[0])); y.valid()) made = {y};
  } else {
    if (!rank_stays(graph, n, order->size())) return true;
    const std::vector<ValueId> data = data_before(mover, n);
    if (data.empty()) return true;
    made = mover.moved(n, data);
    for (ValueId& v : made) v = mover.after(v);
  }
  if (made.empty()) return true;
  if (!context.rewrite(graph::describe(n) + " before the transposition to channels last")) return false;
  for (std::size_t i = 0; i < made.size(); ++i)
    if (graph.use_count(n.outputs[i]) > 0) edit.replace(n.outputs[i], made[i]);
  return true;
}

bool lift(Graph& graph, NodeId first, PassContext& context) {
  std::vector<NodeId> stack{first};
  while (!stack.empty()) {
    const NodeId id = stack.back();
    stack.pop_back();
    if (!graph[id].alive || graph.use_count(graph[id].outputs[0]) == 0) continue;
    const Node t = graph[id];
    const auto order = order_of(graph, &t);
    const Node* above = graph.producer(t.inputs[0]);
    if (!order || !is_second(*order) || above == nullptr || above->outputs.size() != 1 || graph.use_count(t.inputs[0]) != 1) continue;
    const Node n = *above;
    if (n.inputs.empty() || !rank_stays(graph, n, order->size())) continue;
    Edit edit(graph);
    // op(x) = Transpose(op'(Transpose(x, second)), last)
    Mover mover(edit, inverse(*order), n.name);
    const std::vector<ValueId> data = data_before(mover, n);
    if (data.empty()) continue;
    const std::vector<ValueId> made = mover.moved(n, data);
    if (made.size() != 1) continue;
    if (!context.rewrite(graph::describe(n) + " behind the transposition to channels second")) return false;
    edit.replace(t.outputs[0], made[0]);
    for (const ValueId v : data)
      if (const Node* next = graph.producer(v)) stack.push_back(next->id);
  }
  return true;
}

void move(Graph& graph, PassContext& context) {
  for (NodeId id : graph.order())
    if (!sink(graph, id, context)) return;
  for (NodeId id : graph.order())
    if (!lift(graph, id, context)) return;
}

}  // namespace

Pass normalize_layout() { return {"normalize_layout", {}, move}; }

}  // namespace saccade::passes
