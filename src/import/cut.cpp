// SPDX-License-Identifier: Apache-2.0
// Cutting by building the part that stays anew.
#include "import/cut.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <unordered_map>

#include "base/error.h"
#include "base/nearest.h"
#include "graph/edit.h"

namespace saccade::import {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;
using graph::ValueId;

std::optional<std::size_t> port_of(std::string_view digits) {
  std::size_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return port;
}

template <class F>
void each_value(const Graph& graph, F&& visit) {
  for (std::size_t v = 0; v < graph.value_limit(); ++v) {
    const Value& value = graph[ValueId{static_cast<std::int32_t>(v)}];
    if (value.alive) visit(value);
  }
}

std::optional<ValueId> output_of_node(const Graph& graph, std::string_view name, std::size_t port) {
  for (std::size_t n = 0; n < graph.node_limit(); ++n) {
    const Node& node = graph[graph::NodeId{static_cast<std::int32_t>(n)}];
    if (node.alive && node.name == name && port < node.outputs.size()) {
      // of several nodes made for one of the file, the last gives its outputs
      std::optional<ValueId> found = node.outputs[port];
      for (std::size_t m = n + 1; m < graph.node_limit(); ++m) {
        const Node& later = graph[graph::NodeId{static_cast<std::int32_t>(m)}];
        if (later.alive && later.name == name && port < later.outputs.size()) found = later.outputs[port];
      }
      return found;
    }
  }
  return std::nullopt;
}

// What input `port` of the first node of that name takes.
std::optional<ValueId> input_of_node(const Graph& graph, std::string_view name, std::size_t port) {
  for (std::size_t n = 0; n < graph.node_limit(); ++n) {
    const Node& node = graph[graph::NodeId{static_cast<std::int32_t>(n)}];
    if (node.alive && node.name == name && port < node.inputs.size() && node.inputs[port].valid()) return node.inputs[port];
  }
  return std::nullopt;
}

class Copier {
 public:
  explicit Copier(const Graph& from) : from_(from), to_(std::make_shared<Graph>()), edit_(*to_) {
    to_->name = from.name;
    to_->metadata = from.metadata;
  }

  void input(ValueId value, const std::string& name) { copies_[value.index] = edit_.input(name, from_.type(value)); }

  // Everything that the value needs, producers first.
  ValueId copy(ValueId value) {
    std::vector<ValueId> stack{value};
    while (!stack.empty()) {
      const ValueId at = stack.back();
      if (copies_.contains(at.index)) {
        stack.pop_back();
        continue;
      }
      const Node* producer = from_.producer(at);
      if (producer == nullptr) {
        copies_[at.index] = from_[at].is_constant() ? edit_.constant(from_.constant(at), from_[at].name) : edit_.input(from_[at].name, from_.type(at));
        stack.pop_back();
        continue;
      }
      const std::size_t before = stack.size();
      for (const ValueId in : producer->inputs)
        if (in.valid() && !copies_.contains(in.index)) stack.push_back(in);
      if (stack.size() == before) {
        node(*producer);
        stack.pop_back();
      }
    }
    return copies_[value.index];
  }

  void output(ValueId value, const std::string& name) { edit_.output(copy(value), name); }

  std::shared_ptr<Graph> take() { return std::move(to_); }

 private:
  void node(const Node& node) {
    std::vector<ValueId> inputs;
    for (const ValueId in : node.inputs) inputs.push_back(in.valid() ? copies_[in.index] : ValueId{});
    std::vector<std::string> names;
    for (const ValueId out : node.outputs) names.push_back(from_[out].name);
    const auto outputs = edit_.node(node.op, std::move(inputs), node.name, names);
    for (std::size_t i = 0; i < outputs.size() && i < node.outputs.size(); ++i) copies_.emplace(node.outputs[i].index, outputs[i]);
  }

  const Graph& from_;
  std::shared_ptr<Graph> to_;
  graph::Edit edit_;
  std::unordered_map<std::int32_t, ValueId> copies_;
};

}  // namespace

ValueId find_value(const Graph& graph, const std::string& name) {
  std::optional<ValueId> found;
  each_value(graph, [&](const Value& value) {
    if (value.name == name) found = value.id;  // the last of that name
  });
  for (const auto& output : graph.outputs())
    if (output.name == name) found = output.value;
  if (found) return *found;
  if (const auto output = output_of_node(graph, name, 0)) return *output;
  const auto last = name.rfind(':'), first = name.find(':');
  if (last != std::string::npos)
    if (const auto port = port_of(std::string_view(name).substr(last + 1)))
      if (const auto output = output_of_node(graph, std::string_view(name).substr(0, last), *port)) return *output;
  if (first != std::string::npos)
    if (const auto port = port_of(std::string_view(name).substr(0, first)))
      if (const auto input = input_of_node(graph, std::string_view(name).substr(first + 1), *port)) return *input;
  std::vector<std::string_view> known;
  each_value(graph, [&](const Value& value) {
    if (!value.name.empty()) known.push_back(value.name);
  });
  fail(ErrorCode::not_found, "the model has no value '{}'{}", name.substr(0, 200), known.empty() ? std::string() : fmt::format("; did you mean '{}'?", nearest(name, known)));
}

std::shared_ptr<Graph> cut(const Graph& graph, const std::vector<std::string>& inputs, const std::vector<std::string>& outputs) {
  Copier copier(graph);
  for (const std::string& name : inputs) {
    const ValueId value = find_value(graph, name);
    copier.input(value, name);
  }
  if (inputs.empty())
    for (const ValueId value : graph.inputs()) copier.input(value, graph[value].name);
  if (outputs.empty())
    for (const auto& output : graph.outputs()) copier.output(output.value, output.name);
  for (const std::string& name : outputs) copier.output(find_value(graph, name), name);
  return copier.take();
}

}  // namespace saccade::import
