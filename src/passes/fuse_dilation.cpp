// SPDX-License-Identifier: Apache-2.0
// A convolution over blocks that were moved to the batch is a dilated convolution: how TensorFlow writes atrous ones.
//   BatchToSpace(Convolution(SpaceToBatch(%x, [1,1,2,2], pads), %w), [1,1,2,2], crops)  →  Convolution(%x, %w) {dilations=[2,2] pads − crops}
// What is done to every element in between is done behind it.
#include <algorithm>

#include "ops/convolution.h"
#include "ops/pad.h"
#include "ops/space_to_depth.h"
#include "passes/all.h"
#include "passes/values.h"

namespace saccade::passes {
namespace {

using i64 = std::int64_t;

constexpr int kMostBetween = 8;

bool plain(const ops::Window& w) {
  const auto all = [](const std::vector<i64>& v, i64 value) { return std::all_of(v.begin(), v.end(), [&](i64 x) { return x == value; }); };
  return all(w.strides, 1) && all(w.dilations, 1) &&
         (w.auto_pad == ops::AutoPad::valid || (w.auto_pad == ops::AutoPad::explicit_ && all(w.pads_begin, 0) && all(w.pads_end, 0)));
}

const ops::Window* window_of(const graph::Op& o) {
  if (const auto* c = o.as<ops::Convolution>()) return &c->window;
  if (const auto* c = o.as<ops::GroupConvolution>()) return &c->window;
  return nullptr;
}

// The data input of an operator that treats all elements of a channel alike, or -1.
int data_input(const Graph& g, const Node& n) {
  if (n.op.is<ops::Unary>()) return 0;
  if (!n.op.is<ops::Binary>() || !g.type(n.outputs[0]).shape.ranked()) return -1;
  const std::size_t rank = g.type(n.outputs[0]).shape.rank();
  for (int i = 0; i < 2; ++i) {
    const Tensor& other = g.constant(n.inputs[static_cast<std::size_t>(1 - i)]);
    if (!other.defined() || static_cast<std::size_t>(other.rank()) > rank) continue;
    bool channels_only = true;
    for (std::size_t d = 0; d < other.shape().size(); ++d) channels_only &= other.shape()[d] == 1 || d + rank - other.shape().size() == 1;
    if (channels_only) return i;
  }
  return -1;
}

struct Found {
  std::vector<NodeId> between;  // from the last to the first
  NodeId convolution, to_batch;
};

std::optional<Found> find(const Graph& g, const Node& to_space) {
  Found found;
  ValueId v = to_space.inputs[0];
  for (int i = 0; i <= kMostBetween; ++i) {
    const Node* n = g.producer(v);
    if (n == nullptr || g.use_count(v) != 1) return std::nullopt;
    if (window_of(n->op) != nullptr) {
      const Node* first = g.producer(n->inputs[0]);
      if (first == nullptr || !first->op.is<ops::SpaceToBatch>() || g.use_count(n->inputs[0]) != 1) return std::nullopt;
      found.convolution = n->id;
      found.to_batch = first->id;
      return found;
    }
    const int data = data_input(g, *n);
    if (data < 0) return std::nullopt;
    found.between.push_back(n->id);
    v = n->inputs[static_cast<std::size_t>(data)];
  }
  return std::nullopt;
}

void fuse_dilated_convolutions(Graph& graph, PassContext& context) {
  for (const NodeId id : graph.order()) {
    if (!graph[id].alive || !graph[id].op.is<ops::BatchToSpace>()) continue;
    const Node to_space = graph[id];  // copies: adding nodes moves them
    const auto found = find(graph, to_space);
    if (!found) continue;
    const Node convolution = graph[found->convolution], to_batch = graph[found->to_batch];
    const auto block = integers(graph, to_batch.inputs[1]), same = integers(graph, to_space.inputs[1]);
    if (!block || block != same || block->size() < 3 || (*block)[0] != 1 || (*block)[1] != 1) {
      context.refuse(to_space, "the blocks are not the same before and after");
      continue;
    }
    if (!plain(*window_of(convolution.op))) {
      context.refuse(to_space, "the convolution has strides, dilations or padding of its own");
      continue;
    }
    Edit edit(graph);
    ops::Window window;
    window.dilations.assign(block->begin() + 2, block->end());
    const std::size_t spatial = window.dilations.size();
    ValueId x = to_batch.inputs[0];
    std::vector<std::vector<i64>> amounts;  // in front and behind, where they are known
    for (const std::size_t side : {std::size_t{2}, std::size_t{3}}) {
      const auto pads = integers(graph, to_batch.inputs[side]), crops = integers(graph, to_space.inputs[side]);
      if (!pads || !crops || pads->size() != block->size() || crops->size() != block->size()) break;
      amounts.emplace_back();
      for (std::size_t d = 0; d < pads->size(); ++d) amounts.back().push_back((*pads)[d] - (*crops)[d]);
    }
    const auto usual = [&](const std::vector<i64>& a) { return a[0] == 0 && a[1] == 0 && std::all_of(a.begin(), a.end(), [](i64 v) { return v >= 0; }); };
    if (amounts.size() == 2 && usual(amounts[0]) && usual(amounts[1])) {
      window.pads_begin.assign(amounts[0].begin() + 2, amounts[0].end());
      window.pads_end.assign(amounts[1].begin() + 2, amounts[1].end());
    } else {
      const auto difference = [&](std::size_t side) {
        return amounts.size() == 2 ? edit.constant(i64_vector(amounts[side - 2]))
                                   : edit(ops::Binary{ops::BinaryKind::Subtract}, {to_batch.inputs[side], to_space.inputs[side]}, to_batch.name);
      };
      x = edit(ops::Pad{}, {x, difference(2), difference(3)}, to_batch.name);
      window.pads_begin.assign(spatial, 0);
      window.pads_end.assign(spatial, 0);
    }
    graph::Op op = convolution.op.is<ops::Convolution>() ? graph::Op(ops::Convolution{window}) : graph::Op(ops::GroupConvolution{window});
    x = edit(std::move(op), {x, convolution.inputs[1]}, convolution.name);
    for (std::size_t i = found->between.size(); i-- > 0;) {
      const Node n = graph[found->between[i]];
      std::vector<ValueId> inputs = n.inputs;
      inputs[static_cast<std::size_t>(data_input(graph, n))] = x;
      x = edit(n.op, inputs, n.name);
    }
    if (!context.rewrite(graph::describe(convolution) + " with dilation instead of blocks")) return;
    edit.replace(to_space.outputs[0], x);
  }
}

}  // namespace

Pass fuse_dilation() { return {"fuse_dilation", {}, fuse_dilated_convolutions}; }

}  // namespace saccade::passes
