// SPDX-License-Identifier: Apache-2.0
// Choosing orders (forward) and wanted places (backward).
#include "plan/layout.h"

#include <algorithm>
#include <numeric>
#include <string_view>
#include <unordered_set>

#include "base/error.h"
#include "ops/concat.h"
#include "ops/inference.h"
#include "ops/resize.h"
#include "ops/topk.h"

namespace saccade::plan {

using graph::Graph;
using graph::Node;
using graph::NodeId;
using graph::ValueId;

namespace {

std::size_t value_index(ValueId v) { return static_cast<std::size_t>(v.index); }

std::vector<int> natural(std::size_t rank) {
  std::vector<int> order(rank);
  std::iota(order.begin(), order.end(), 0);
  return order;
}

// N, spatial dimensions, channels.
std::vector<int> channels_last(std::size_t rank) {
  std::vector<int> order{0};
  for (std::size_t d = 2; d < rank; ++d) order.push_back(static_cast<int>(d));
  order.push_back(1);
  return order;
}

bool is_natural(const std::vector<int>& order) { return std::is_sorted(order.begin(), order.end()); }

bool any_of(std::string_view name, std::initializer_list<std::string_view> names) { return std::find(names.begin(), names.end(), name) != names.end(); }

bool works_on_channels(std::string_view name) {
  return any_of(name, {"Convolution", "GroupConvolution", "ConvolutionBackpropData", "GroupConvolutionBackpropData", "MaxPool", "AvgPool", "Resize", "BatchNormInference",
                       "DepthToSpace", "SpaceToDepth"});
}

bool is_view(std::string_view name) { return any_of(name, {"Reshape", "Squeeze", "Unsqueeze", "Transpose"}); }

// The dimensions of `to` that the innermost ones of `from` become, if these are neighbours and are regrouped among themselves: a few
// of `order`'s last ones, at most all but the first.
std::vector<int> follow_dimensions(const Shape& from, const std::vector<int>& order, const Shape& to) {
  std::size_t low = from.size(), high = 0;  // the dimensions taken lie in [low, high)
  for (std::size_t taken = 1; taken < order.size(); ++taken) {
    const auto d = static_cast<std::size_t>(order[order.size() - taken]);
    low = std::min(low, d);
    high = std::max(high, d + 1);
    if (high - low != taken) continue;
    const std::int64_t before = product(from, 0, low), size = product(from, low, high);
    if (size == 1) continue;
    std::size_t begin = 0, end = 0;
    for (std::int64_t skipped = 1; begin < to.size() && (skipped != before || to[begin] == 1); ++begin) skipped *= to[begin];
    std::int64_t found = 1;
    for (end = begin; end < to.size() && found < size; ++end) found *= to[end];
    if (found != size || product(to, 0, begin) != before) continue;
    std::vector<int> inner(end - begin);
    std::iota(inner.begin(), inner.end(), static_cast<int>(begin));
    return inner;
  }
  return {};
}

class Chooser {
 public:
  explicit Chooser(const Graph& g) : g_(g) {
    out_.order.resize(g.value_limit());
    out_.pitch.assign(g.value_limit(), 1);
    out_.wanted.resize(g.value_limit());
  }

  Layouts choose() {
    for (ValueId v : g_.inputs()) set(v, natural(rank(v)));
    const auto order = g_.order();
    for (NodeId id : order)
      for (ValueId v : g_[id].outputs) set(v, order_of(g_[id], v));
    want_outputs();
    for (std::size_t i = order.size(); i-- > 0;) want_inputs(g_[order[i]]);
    return std::move(out_);
  }

 private:
  std::size_t rank(ValueId v) const { return g_.type(v).shape.rank(); }
  Shape shape(ValueId v) const { return g_.type(v).shape.shape(); }
  const std::vector<int>& order(ValueId v) const { return out_.order[value_index(v)]; }

  void set(ValueId v, std::vector<int> order) {
    const Shape dims = shape(v);
    const std::int64_t inner = order.empty() ? 1 : dims[static_cast<std::size_t>(order.back())];
    // rows of channels start at vector boundaries, unless somebody would like to see them without gaps
    const bool padded = !is_natural(order) && inner > 16 && dims.size() == 4 && !seen_as_view(v);
    out_.pitch[value_index(v)] = padded ? (inner + 15) / 16 * 16 : inner;
    out_.order[value_index(v)] = std::move(order);
  }

  bool seen_as_view(ValueId v) const {
    if (g_.is_output(v)) return true;
    return std::any_of(g_[v].uses.begin(), g_[v].uses.end(), [&](const graph::Use& use) {
      const Node& n = g_[use.node];
      if (is_view(n.op.name()) && use.input == 0) return true;
      // elementwise operators and concatenations hand the gaps on
      return any_of(n.op.name(), {"Sigmoid", "Softmax", "Add", "Relu", "Clamp", "Concat"}) && n.outputs.size() == 1 && !works_on_channels(n.op.name()) &&
             leads_to_view(n.outputs[0], 3);
    });
  }

  bool leads_to_view(ValueId v, int depth) const {
    return std::any_of(g_[v].uses.begin(), g_[v].uses.end(), [&](const graph::Use& use) {
      const Node& n = g_[use.node];
      if (is_view(n.op.name()) && use.input == 0) return true;
      return depth > 0 && any_of(n.op.name(), {"Sigmoid", "Softmax", "Add", "Relu", "Clamp"}) && leads_to_view(n.outputs[0], depth - 1);
    });
  }

  std::vector<int> order_of(const Node& node, ValueId out) const {
    const std::string_view name = node.op.name();
    const std::size_t r = rank(out);
    if (resizes_planes(g_, node)) return natural(r);
    if (r >= 3 && works_on_channels(name)) return channels_last(r);
    if (name == "Transpose") {
      const auto perm = to_i64(g_.constant(node.inputs[1]));
      if (perm.size() != r) return natural(r);
      std::vector<int> order_out;
      for (int d : order(node.inputs[0])) {
        const auto it = std::find(perm.begin(), perm.end(), d);
        order_out.push_back(static_cast<int>(it - perm.begin()));
      }
      return order_out;
    }
    if (any_of(name, {"Reshape", "Squeeze", "Unsqueeze"})) {
      const auto& in = order(node.inputs[0]);
      if (in.empty() || is_natural(in)) return natural(r);
      std::vector<int> result = natural(r);
      const std::vector<int> inner = follow_dimensions(shape(node.inputs[0]), in, shape(out));
      if (!inner.empty()) std::rotate(result.begin() + inner.front(), result.begin() + inner.back() + 1, result.end());
      return result;
    }
    if (any_of(name, {"MatMul", "Gather", "If", "Loop", "Scan", "ArgMax", "ArgMin"})) return natural(r);
    // everything else keeps what its inputs have, if they are of its rank
    for (ValueId in : node.inputs)
      if (in.valid() && !g_[in].is_constant() && !order(in).empty() && order(in).size() == r && !is_natural(order(in))) return order(in);
    return natural(r);
  }

  void want_outputs() {
    for (std::size_t i = 0; i < g_.outputs().size(); ++i) {
      const ValueId v = g_.outputs()[i].value;
      if (!g_[v].producer.valid() || out_.wanted[value_index(v)]) continue;
      out_.wanted[value_index(v)] = Wanted{ValueId{}, static_cast<int>(i), 0, dense_strides(shape(v))};
    }
  }

  // The place of a node's output as far as it is decided here: a wanted one, or a buffer of its own.
  Wanted place_of(ValueId v) const {
    const auto& wanted = out_.wanted[value_index(v)];
    if (wanted && suits(wanted->strides, shape(v), order(v))) return *wanted;
    return Wanted{v, -1, 0, out_.own_strides(v, shape(v))};
  }

  bool can_move(ValueId v) const { return v.valid() && g_[v].producer.valid() && !out_.wanted[value_index(v)]; }

  void want_inputs(const Node& node) {
    const std::string_view name = node.op.name();
    if (const auto* concat = node.op.as<ops::Concat>()) {
      const Wanted whole = place_of(node.outputs[0]);
      const std::size_t axis = ops::normal_axis(concat->axis, rank(node.outputs[0]));
      std::int64_t at = 0;
      std::unordered_set<std::int32_t> seen;
      for (ValueId in : node.inputs) {
        if (can_move(in) && seen.insert(in.index).second)
          out_.wanted[value_index(in)] = Wanted{whole.root, whole.output, whole.offset + at * whole.strides[axis], whole.strides};
        at += shape(in)[axis];
      }
    } else if (any_of(name, {"Reshape", "Squeeze", "Unsqueeze"})) {
      const auto& wanted = out_.wanted[value_index(node.outputs[0])];
      if (!wanted || !can_move(node.inputs[0])) return;
      if (auto strides = view_strides(shape(node.outputs[0]), wanted->strides, shape(node.inputs[0])))
        out_.wanted[value_index(node.inputs[0])] = Wanted{wanted->root, wanted->output, wanted->offset, std::move(*strides)};
    } else if (name == "Transpose") {
      const auto& wanted = out_.wanted[value_index(node.outputs[0])];
      if (!wanted || !can_move(node.inputs[0])) return;
      const auto perm = to_i64(g_.constant(node.inputs[1]));
      Wanted in = *wanted;
      for (std::size_t d = 0; d < perm.size(); ++d) in.strides[static_cast<std::size_t>(perm[d])] = wanted->strides[d];
      out_.wanted[value_index(node.inputs[0])] = std::move(in);
    } else if (any_of(name, {"Split", "VariadicSplit"})) {
      want_split(node);
    }
  }

  // The parts of a split lie side by side in one root: the whole goes there at once.
  void want_split(const Node& node) {
    if (!can_move(node.inputs[0]) || !g_.constant(node.inputs[1]).defined()) return;
    const auto axis = ops::normal_axis(element_as_i64(g_.constant(node.inputs[1]), 0), rank(node.inputs[0]));
    const auto& first = out_.wanted[value_index(node.outputs[0])];
    if (!first) return;
    std::int64_t at = 0;
    for (ValueId out : node.outputs) {
      const auto& w = out_.wanted[value_index(out)];
      if (!w || w->root != first->root || w->output != first->output || w->strides != first->strides || w->offset != first->offset + at * first->strides[axis]) return;
      at += shape(out)[axis];
    }
    out_.wanted[value_index(node.inputs[0])] = *first;
  }

  const Graph& g_;
  Layouts out_;
};

}  // namespace

bool suits(const Strides& strides, const Shape& dims, const std::vector<int>& order) {
  if (order.empty()) return true;
  const auto inner = static_cast<std::size_t>(order.back());
  return dims[inner] == 1 || strides[inner] == 1;
}

bool resizes_planes(const Graph& graph, const Node& node) {
  const auto* resize = node.op.as<ops::Resize>();
  if (resize == nullptr || resize->mode != ops::ResizeMode::linear || graph.type(node.inputs[0]).element != ElementType::f32) return false;
  const Shape from = graph.type(node.inputs[0]).shape.shape(), to = graph.type(node.outputs[0]).shape.shape();
  if (from.size() != 4 || to[2] < from[2] || to[3] < from[3]) return false;
  const auto& uses = graph[node.outputs[0]].uses;
  if (graph.is_output(node.outputs[0])) return uses.empty();
  const auto* arg = uses.size() == 1 ? graph[uses[0].node].op.as<ops::ArgReduce>() : nullptr;
  return arg != nullptr && ops::normal_axis(arg->axis, 4) == 1 && (arg->output_type == ElementType::i64 || arg->output_type == ElementType::i32);
}

Layouts choose_layouts(const Graph& graph) { return Chooser(graph).choose(); }

}  // namespace saccade::plan
