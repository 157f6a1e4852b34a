// SPDX-License-Identifier: Apache-2.0
// A Loop whose iterations do not depend on each other gives way to operators over all of them.
//   Loop(n, …, %x: f32[n,3]) {body: … Relu(Gather(%x, iteration)) …}   →  Relu(%x)
#include "ops/control_flow.h"
#include "ops/vectorise_loop.h"
#include "passes/all.h"

namespace saccade::passes {
namespace {

void fold_loops_of(Graph& graph, PassContext& context) {
  for (NodeId id : graph.order()) {
    if (!graph[id].op.is<ops::Loop>()) continue;
    Edit edit(graph);
    std::string reason;
    const auto made = ops::vectorise_loop(edit, id, reason);
    if (!made) {
      context.refuse(graph[id], reason);
      continue;
    }
    if (!context.rewrite(graph::describe(graph[id]) + " → its body over all iterations")) return;
    const std::vector<ValueId> outputs = graph[id].outputs;
    for (std::size_t i = 0; i < outputs.size(); ++i)
      if (graph.use_count(outputs[i]) > 0) edit.replace(outputs[i], (*made)[i]);
  }
}

}  // namespace

Pass fold_loops() { return {"fold_loops", {}, fold_loops_of}; }

}  // namespace saccade::passes
