// SPDX-License-Identifier: Apache-2.0
// Reading a graph: order, uses, facts.
#include "graph/graph.h"

#include <algorithm>
#include <queue>

#include "base/error.h"

namespace saccade::graph {

bool Graph::is_output(ValueId id) const {
  return std::any_of(outputs_.begin(), outputs_.end(), [&](const GraphOutput& o) { return o.value == id; });
}

std::size_t Graph::use_count(ValueId id) const {
  return (*this)[id].uses.size() +
         static_cast<std::size_t>(std::count_if(outputs_.begin(), outputs_.end(), [&](const GraphOutput& o) { return o.value == id; }));
}

std::vector<NodeId> Graph::order() const {
  std::vector<int> missing(nodes_.size(), 0);
  std::priority_queue<std::int32_t, std::vector<std::int32_t>, std::greater<>> ready;
  for (const Node& n : nodes_) {
    if (!n.alive) continue;
    int count = 0;
    for (ValueId in : n.inputs)
      if (in.valid() && (*this)[in].producer.valid()) ++count;
    missing[static_cast<std::size_t>(n.id.index)] = count;
    if (count == 0) ready.push(n.id.index);
  }
  std::vector<NodeId> out;
  out.reserve(nodes_.size());
  while (!ready.empty()) {
    const NodeId id{ready.top()};
    ready.pop();
    out.push_back(id);
    for (ValueId produced : (*this)[id].outputs) {
      if (!produced.valid()) continue;
      for (const Use& use : (*this)[produced].uses)
        if (--missing[static_cast<std::size_t>(use.node.index)] == 0) ready.push(use.node.index);
    }
  }
  SACCADE_ASSERT(out.size() == node_count());
  return out;
}

std::size_t Graph::node_count() const {
  return static_cast<std::size_t>(std::count_if(nodes_.begin(), nodes_.end(), [](const Node& n) { return n.alive; }));
}

std::vector<Fact> Graph::input_facts(const Node& node) const {
  std::vector<Fact> facts;
  facts.reserve(node.inputs.size());
  for (ValueId in : node.inputs) facts.push_back(in.valid() ? (*this)[in].fact : Fact::absent());
  return facts;
}

std::vector<Fact> Graph::output_facts(const Node& node) const {
  std::vector<Fact> facts;
  for (ValueId out : node.outputs) facts.push_back((*this)[out].fact);
  return facts;
}

std::string describe(const Node& node) {
  return node.name.empty() ? std::string(node.op.name()) : fmt::format("{} '{}'", node.op.name(), node.name);
}

}  // namespace saccade::graph
