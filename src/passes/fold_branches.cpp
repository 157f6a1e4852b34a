// SPDX-License-Identifier: Apache-2.0
// An If whose condition is known gives way to the body it would run.
//   If(boolean{1}, %x) {then_body=graph(%a) { return Relu(%a) } …}   →  Relu(%x)
#include "ops/control_flow.h"
#include "passes/all.h"
#include "passes/values.h"

namespace saccade::passes {
namespace {

// Copies a body's nodes into the graph, its inputs being these values; gives the values of its outputs.
std::vector<ValueId> inlined(Edit& edit, const Graph& body, std::span<const ValueId> inputs) {
  std::vector<ValueId> here(body.value_limit());
  for (std::size_t i = 0; i < inputs.size(); ++i) here[static_cast<std::size_t>(body.inputs()[i].index)] = inputs[i];
  const auto local = [&](ValueId v) {
    if (!v.valid()) return v;
    ValueId& known = here[static_cast<std::size_t>(v.index)];
    if (!known.valid()) known = edit.constant(body.constant(v), body[v].name);
    return known;
  };
  for (NodeId id : body.order()) {
    const Node& node = body[id];
    std::vector<ValueId> arguments;
    for (ValueId in : node.inputs) arguments.push_back(local(in));
    const auto made = edit.node(node.op, std::move(arguments), node.name);
    for (std::size_t i = 0; i < made.size(); ++i) here[static_cast<std::size_t>(node.outputs[i].index)] = made[i];
  }
  std::vector<ValueId> outputs;
  for (const auto& out : body.outputs()) outputs.push_back(local(out.value));
  return outputs;
}

void fold_branches_of(Graph& graph, PassContext& context) {
  for (NodeId id : graph.order()) {
    const auto* op = graph[id].op.as<ops::If>();
    if (!op) continue;
    const auto condition = single(graph, graph[id].inputs[0]);
    if (!condition) {
      context.refuse(graph[id], "the condition is not known");
      continue;
    }
    const graph::GraphPtr body = *condition != 0 ? op->then_body : op->else_body;
    const std::size_t first = *condition != 0 ? 1 : 1 + op->then_body->inputs().size();
    const std::vector<ValueId> arguments = graph[id].inputs, outputs = graph[id].outputs;
    if (!context.rewrite(graph::describe(graph[id]) + " → its branch")) return;
    Edit edit(graph);
    const auto made = inlined(edit, *body, std::span(arguments).subspan(first, body->inputs().size()));
    for (std::size_t i = 0; i < outputs.size(); ++i)
      if (graph.use_count(outputs[i]) > 0) edit.replace(outputs[i], made[i]);
  }
}

}  // namespace

Pass fold_branches() { return {"fold_branches", {}, fold_branches_of}; }

}  // namespace saccade::passes
