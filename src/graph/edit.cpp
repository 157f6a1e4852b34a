// SPDX-License-Identifier: Apache-2.0
// Building and changing a graph, with the uses of every value kept in step.
#include "graph/edit.h"

#include <algorithm>

#include "base/error.h"

namespace saccade::graph {

ValueId Edit::new_value(std::string name, Fact fact) {
  const ValueId id{static_cast<std::int32_t>(graph_.values_.size())};
  Value v;
  v.id = id;
  v.name = std::move(name);
  v.fact = std::move(fact);
  graph_.values_.push_back(std::move(v));
  return id;
}

void Edit::add_use(ValueId id, Use use) {
  if (id.valid()) value(id).uses.push_back(use);
}

void Edit::drop_use(ValueId id, Use use) {
  if (!id.valid()) return;
  auto& uses = value(id).uses;
  const auto it = std::find(uses.begin(), uses.end(), use);
  SACCADE_ASSERT(it != uses.end());
  uses.erase(it);
}

ValueId Edit::input(std::string name, TensorType type) {
  const ValueId id = new_value(std::move(name), Fact(std::move(type)));
  graph_.inputs_.push_back(id);
  return id;
}

ValueId Edit::constant(Tensor tensor, std::string name) {
  SACCADE_ASSERT(tensor.defined());
  Fact fact(type_of(tensor));
  fact.constant = std::move(tensor);
  return new_value(std::move(name), std::move(fact));
}

std::vector<Fact> Edit::infer(const Node& node) {
  ErrorContext scope(node.op.name(), node.name);
  for (ValueId in : node.inputs) SACCADE_CHECK(!in.valid() || graph_[in].alive, internal, "input value was removed");
  return node.op.infer(graph_.input_facts(node));
}

std::vector<ValueId> Edit::node(Op op, std::vector<ValueId> inputs, std::string name, std::span<const std::string> output_names) {
  const NodeId id{static_cast<std::int32_t>(graph_.nodes_.size())};
  Node n{id, std::move(op), std::move(name), std::move(inputs), {}};
  std::vector<Fact> facts = infer(n);
  for (std::size_t i = 0; i < facts.size(); ++i) {
    const ValueId v = new_value(i < output_names.size() ? output_names[i] : std::string(), std::move(facts[i]));
    value(v).producer = id;
    value(v).output = static_cast<int>(i);
    n.outputs.push_back(v);
  }
  for (std::size_t i = 0; i < n.inputs.size(); ++i) add_use(n.inputs[i], {id, static_cast<int>(i)});
  std::vector<ValueId> outputs = n.outputs;
  graph_.nodes_.push_back(std::move(n));
  return outputs;
}

ValueId Edit::operator()(Op op, std::vector<ValueId> inputs, std::string name) {
  const auto outputs = node(std::move(op), std::move(inputs), std::move(name));
  SACCADE_ASSERT(outputs.size() == 1);
  return outputs[0];
}

void Edit::output(ValueId v, std::string name) { graph_.outputs_.push_back({v, std::move(name)}); }

void Edit::replace(ValueId from, ValueId to) {
  if (from == to) return;
  bool was_output = false;
  for (auto& out : graph_.outputs_)
    if (out.value == from) {
      out.value = to;
      was_output = true;
    }
  if ((was_output && value(to).producer.valid()) || value(to).name.empty()) value(to).name = value(from).name;
  auto uses = std::move(value(from).uses);
  value(from).uses.clear();
  for (const Use& use : uses) {
    node_ref(use.node).inputs[static_cast<std::size_t>(use.input)] = to;
    add_use(to, use);
  }
}

void Edit::replace_input(Use use, ValueId v) {
  auto& slot = node_ref(use.node).inputs[static_cast<std::size_t>(use.input)];
  drop_use(slot, use);
  slot = v;
  add_use(v, use);
}

void Edit::set_op(NodeId id, Op op) {
  node_ref(id).op = std::move(op);
  auto facts = infer(graph_[id]);
  SACCADE_ASSERT(facts.size() == graph_[id].outputs.size());
  for (std::size_t i = 0; i < facts.size(); ++i) value(graph_[id].outputs[i]).fact = std::move(facts[i]);
}

void Edit::rename(ValueId id, std::string name) { value(id).name = std::move(name); }

void Edit::set_fact(ValueId id, Fact fact) { value(id).fact = std::move(fact); }

void Edit::bind_input(ValueId id, Tensor tensor) {
  const auto it = std::find(graph_.inputs_.begin(), graph_.inputs_.end(), id);
  SACCADE_ASSERT(it != graph_.inputs_.end());
  graph_.inputs_.erase(it);
  Fact fact(type_of(tensor));
  fact.constant = std::move(tensor);
  value(id).fact = std::move(fact);
}

void Edit::set_outputs(std::vector<GraphOutput> outputs) { graph_.outputs_ = std::move(outputs); }

std::size_t Edit::remove_dead() {
  std::vector<char> needed(graph_.values_.size(), 0);
  std::vector<ValueId> stack;
  const auto need = [&](ValueId v) {
    if (v.valid() && !needed[static_cast<std::size_t>(v.index)]) {
      needed[static_cast<std::size_t>(v.index)] = 1;
      stack.push_back(v);
    }
  };
  for (const auto& out : graph_.outputs_) need(out.value);
  for (ValueId in : graph_.inputs_) needed[static_cast<std::size_t>(in.index)] = 1;
  while (!stack.empty()) {
    const ValueId v = stack.back();
    stack.pop_back();
    if (const Node* n = graph_.producer(v)) {
      for (ValueId in : n->inputs) need(in);
      for (ValueId out : n->outputs) needed[static_cast<std::size_t>(out.index)] = 1;
    }
  }
  std::size_t removed = 0;
  for (auto& n : graph_.nodes_) {
    if (!n.alive) continue;
    const bool keep = std::any_of(n.outputs.begin(), n.outputs.end(), [&](ValueId o) { return needed[static_cast<std::size_t>(o.index)]; });
    if (keep) continue;
    for (std::size_t i = 0; i < n.inputs.size(); ++i) drop_use(n.inputs[i], {n.id, static_cast<int>(i)});
    n.alive = false;
    ++removed;
  }
  for (auto& v : graph_.values_)
    if (v.alive && !needed[static_cast<std::size_t>(v.id.index)]) {
      v.alive = false;
      v.fact = {};  // lets the memory of constants go
    }
  return removed;
}

void Edit::infer_all() {
  for (NodeId id : graph_.order()) {
    auto facts = infer(graph_[id]);
    SACCADE_CHECK(facts.size() == graph_[id].outputs.size(), internal, "the number of outputs changed");
    for (std::size_t i = 0; i < facts.size(); ++i) value(graph_[id].outputs[i]).fact = std::move(facts[i]);
  }
}

}  // namespace saccade::graph
