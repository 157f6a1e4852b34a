// SPDX-License-Identifier: Apache-2.0
// Nodes that compute the same are one; equal small constants count as the same input.
//   %a = Relu(%x)  %b = Relu(%x)  %c = Add(%a, %b)    →  %a = Relu(%x)  %c = Add(%a, %a)
#include <map>

#include "graph/text.h"
#include "passes/all.h"

namespace saccade::passes {
namespace {

constexpr std::int64_t kMaxCompared = 64;

void fuse_equal_nodes(Graph& graph, PassContext& context) {
  std::map<std::string, ValueId> constants;
  const auto identity = [&](ValueId v) {
    if (!v.valid()) return v;
    const Tensor& t = graph.constant(v);
    if (!graph[v].is_constant() || t.size() > kMaxCompared) return v;
    std::string key(to_string(t.type()));
    key += saccade::to_string(t.shape());
    key.append(static_cast<const char*>(t.raw()), t.size_bytes());
    return constants.emplace(std::move(key), v).first->second;
  };
  std::map<std::pair<std::string_view, std::vector<ValueId>>, std::vector<NodeId>> seen;
  for (NodeId id : graph.order()) {
    std::vector<ValueId> inputs;
    for (ValueId in : graph[id].inputs) inputs.push_back(identity(in));
    auto& candidates = seen[{graph[id].op.name(), std::move(inputs)}];
    bool fused = false;
    for (NodeId other : candidates) {
      const Node &node = graph[id], &twin = graph[other];
      if (node.outputs.size() != twin.outputs.size() || !(node.op == twin.op)) continue;
      if (!context.rewrite(graph::describe(node) + " is " + graph::describe(twin))) return;
      const std::vector<ValueId> from = node.outputs, to = twin.outputs;
      for (std::size_t i = 0; i < from.size(); ++i)
        if (graph.use_count(from[i]) > 0) Edit(graph).replace(from[i], to[i]);
      fused = true;
      break;
    }
    if (!fused) candidates.push_back(id);
  }
}

}  // namespace

Pass fuse_common_subexpressions() { return {"fuse_common_subexpressions", {}, fuse_equal_nodes}; }

}  // namespace saccade::passes
