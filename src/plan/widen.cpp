// SPDX-License-Identifier: Apache-2.0
// Rewriting a graph of half precision into one of single precision.
#include "plan/widen.h"

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "graph/edit.h"
#include "ops/attention.h"
#include "ops/convert.h"
#include "ops/softmax.h"
#include "plan/lowering.h"
#include "tensor/numeric.h"

namespace saccade::plan {

using graph::Edit;
using graph::Graph;
using graph::Node;
using graph::NodeId;
using graph::ValueId;

namespace {

bool is_half(ElementType type) { return type == ElementType::f16 || type == ElementType::bf16; }

class Widening {
 public:
  explicit Widening(const Graph& graph) : from_(graph) {
    to_->name = graph.name;
    to_->metadata = graph.metadata;
    for (ValueId v : graph.inputs()) exact_[v.index] = edit_.input(graph[v].name, graph.type(v));
  }

  std::shared_ptr<const Graph> run() {
    for (NodeId id : from_.order()) node(from_[id]);
    for (const auto& out : from_.outputs()) edit_.output(exact(out.value), out.name);
    edit_.remove_dead();
    return to_;
  }

 private:
  // The value in its own type.
  ValueId exact(ValueId v) {
    if (!v.valid()) return v;
    if (const auto it = exact_.find(v.index); it != exact_.end()) return it->second;
    const ValueId made = from_.constant(v).defined() ? edit_.constant(from_.constant(v), from_[v].name)
                                                     : edit_(ops::Convert{from_.type(v).element}, {wide_.at(v.index)}, from_[v].name);
    return exact_[v.index] = made;
  }
  // The value in f32 if it is narrower, else as it is.
  ValueId wide(ValueId v) {
    if (!v.valid() || !is_half(from_.type(v).element)) return exact(v);
    if (const auto it = wide_.find(v.index); it != wide_.end()) return it->second;
    const Tensor& constant = from_.constant(v);
    const ValueId made = constant.defined() ? edit_.constant(from_f64(ElementType::f32, constant.shape(), to_f64(constant)), from_[v].name)
                                            : edit_(ops::Convert{ElementType::f32}, {exact(v)}, from_[v].name);
    return wide_[v.index] = made;
  }

  void node(const Node& node) {
    const auto half = [&](ValueId v) { return v.valid() && is_half(from_.type(v).element); };
    const bool touches = std::any_of(node.inputs.begin(), node.inputs.end(), half) || std::any_of(node.outputs.begin(), node.outputs.end(), half);
    // bf16 is so coarse that the rounding between stages is part of what a network computes: these have such stages within
    const bool coarse = std::any_of(node.outputs.begin(), node.outputs.end(), [&](ValueId v) { return from_.type(v).element == ElementType::bf16; });
    const bool widened = touches && find_lowering(node) != nullptr && !node.op.is<ops::Convert>() && !(coarse && (node.op.is<ops::Attention>() || node.op.is<ops::Softmax>() || node.op.is<ops::LogSoftmax>()));
    std::vector<ValueId> inputs;
    for (ValueId in : node.inputs) inputs.push_back(widened ? wide(in) : exact(in));
    const auto outputs = edit_.node(node.op, std::move(inputs), node.name);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const ValueId old = node.outputs[i];
      if (to_->type(outputs[i]).element == from_.type(old).element)
        exact_[old.index] = outputs[i];
      else if (coarse)
        exact_[old.index] = edit_(ops::Convert{ElementType::bf16}, {outputs[i]}, node.name);
      else
        wide_[old.index] = outputs[i];
      if (!from_[old].name.empty()) edit_.rename(coarse && exact_.contains(old.index) ? exact_[old.index] : outputs[i], from_[old].name);
    }
  }

  const Graph& from_;
  std::shared_ptr<Graph> to_ = std::make_shared<Graph>();
  Edit edit_{*to_};
  std::unordered_map<std::int32_t, ValueId> exact_, wide_;
};

}  // namespace

std::shared_ptr<const Graph> widen_half(std::shared_ptr<const Graph> graph) {
  for (NodeId id : graph->order())
    for (const auto* values : {&(*graph)[id].inputs, &(*graph)[id].outputs})
      for (ValueId v : *values)
        if (v.valid() && is_half(graph->type(v).element)) return Widening(*graph).run();
  return graph;
}

}  // namespace saccade::plan
