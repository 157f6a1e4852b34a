// SPDX-License-Identifier: Apache-2.0
// The reference executor.
#include "ops/evaluate_graph.h"

#include "base/error.h"

namespace saccade::ops {

PreparedGraph::PreparedGraph(const graph::Graph& graph) : graph_(graph), order_(graph.order()), uses_(graph.value_limit()) {
  for (std::size_t v = 0; v < uses_.size(); ++v) uses_[v] = graph.use_count(graph::ValueId{static_cast<std::int32_t>(v)});
}

std::vector<Tensor> evaluate(const graph::Graph& graph, std::span<const Tensor> inputs, const NodeObserver& observer) { return PreparedGraph(graph).evaluate(inputs, observer); }

std::vector<Tensor> PreparedGraph::evaluate(std::span<const Tensor> inputs, const NodeObserver& observer) const {
  const graph::Graph& graph = graph_;
  SACCADE_CHECK(inputs.size() == graph.inputs().size(), invalid_argument, "the graph has {} inputs, not {}", graph.inputs().size(), inputs.size());
  std::vector<Tensor> values(graph.value_limit());
  std::vector<std::size_t> left = uses_;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto& type = graph.type(graph.inputs()[i]);
    SACCADE_CHECK(inputs[i].defined() && inputs[i].type() == type.element, invalid_argument, "input '{}' must be {}", graph[graph.inputs()[i]].name, to_string(type));
    values[static_cast<std::size_t>(graph.inputs()[i].index)] = inputs[i];
  }
  const auto value_of = [&](graph::ValueId id) -> Tensor {
    if (!id.valid()) return {};
    const Tensor& computed = values[static_cast<std::size_t>(id.index)];
    return computed.defined() ? computed : graph.constant(id);
  };
  for (graph::NodeId id : order_) {
    const graph::Node& node = graph[id];
    ErrorContext scope(node.op.name(), node.name);
    std::vector<Tensor> args;
    for (graph::ValueId in : node.inputs) args.push_back(value_of(in));
    std::vector<Tensor> results = node.op.evaluate(args);
    SACCADE_CHECK(results.size() == node.outputs.size(), internal, "evaluate gave {} outputs instead of {}", results.size(), node.outputs.size());
    if (observer) observer(node, results);
    for (std::size_t i = 0; i < results.size(); ++i) values[static_cast<std::size_t>(node.outputs[i].index)] = std::move(results[i]);
    for (graph::ValueId in : node.inputs)
      if (in.valid() && --left[static_cast<std::size_t>(in.index)] == 0) values[static_cast<std::size_t>(in.index)] = Tensor();
  }
  std::vector<Tensor> outputs;
  for (const auto& out : graph.outputs()) outputs.push_back(value_of(out.value));
  return outputs;
}

}  // namespace saccade::ops
