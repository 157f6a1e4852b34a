// SPDX-License-Identifier: Apache-2.0
// Building graphs from networks, node by node.
#include "import/tensorflow/build.h"

#include <algorithm>

#include "base/error.h"

namespace saccade::tensorflow {
namespace {

// Bodies are built several times, so a small file can ask for much.
constexpr std::size_t kMaxNodes = 2'000'000;
constexpr int kMaxNesting = 64;

struct Level {
  int& depth;
  explicit Level(int& d) : depth(d) {
    SACCADE_CHECK(depth < kMaxNesting, invalid_model, "bodies are nested more than {} deep", kMaxNesting);
    ++depth;
  }
  ~Level() { --depth; }
};

std::string port_name(const Node& node, std::size_t slot) { return slot == 0 ? node.name : fmt::format("{}:{}", node.name, slot); }

}  // namespace

bool GraphInProgress::is_fixed(ValueId value) {
  std::vector<ValueId> stack{value};
  while (!stack.empty()) {
    const ValueId v = stack.back();
    if (fixed_.contains(v.index)) {
      stack.pop_back();
      continue;
    }
    const graph::Node* producer = graph->producer(v);
    bool fixed = producer != nullptr || (*graph)[v].is_constant(), pending = false;
    if (producer != nullptr)
      for (const ValueId in : producer->inputs) {
        if (!in.valid()) continue;
        const auto known = fixed_.find(in.index);
        if (known != fixed_.end()) {
          fixed &= known->second;
        } else {
          stack.push_back(in);
          pending = true;
        }
      }
    if (pending) continue;
    fixed_[v.index] = fixed;
    stack.pop_back();
  }
  return fixed_[value.index];
}

Builder::Builder(Variables* variables) : variables_(variables) {
  for (const Row& row : all_rows()) rows_.emplace(row.op, row.map);
}

void Builder::report(const Node& node, std::string reason) { problems_.add(shown(node.op), std::move(reason), shown(node.name)); }

void Builder::scan(const Node& node) {
  if (++nodes_built_ > kMaxNodes) return;
  if (!node.custom && !rows_.contains(node.op)) report(node, "not supported");
  for (const NetworkPtr& body : node.bodies)
    for (const int i : body->order())
      if ((*body)[i].op != "_Arg") scan((*body)[i]);
}

void Builder::node(Scope& scope, int index) {
  const Node& node = scope.network[index];
  const std::string op = shown(node.op), name = shown(node.name);
  ErrorContext frame(op, name);
  SACCADE_CHECK(++nodes_built_ <= kMaxNodes, invalid_model, "the model unfolds into more than {} nodes", kMaxNodes);

  std::vector<Binding> inputs;
  bool poisoned = false;
  for (const Port p : node.inputs) {
    const auto& from = scope.values[static_cast<std::size_t>(p.node)];
    const auto slot = static_cast<std::size_t>(p.slot);
    SACCADE_CHECK(slot < from.size() && from[slot].defined(), invalid_model, "{} '{}' has no output {}", shown(scope.network.at(p).op), shown(scope.network.at(p).name), p.slot);
    inputs.push_back(from[slot]);
    poisoned |= inputs.back().poisoned;
  }

  const auto& wanted = scope.wanted[static_cast<std::size_t>(index)];
  std::vector<Binding> results;
  try {
    const auto row = rows_.find(node.op);
    if (poisoned || (!node.custom && row == rows_.end())) {
      scan(node);
    } else {
      NodeContext context(*this, scope, node, std::move(inputs));
      const std::vector<ValueId> values = node.custom ? node.custom(context) : row->second(context);
      if (const auto unread = context.unread(); !unread.empty() && !node.custom) fail(ErrorCode::unsupported, "attribute '{}'", fmt::join(unread, "', '"));
      results = context.take_bound();
      if (results.size() < values.size()) results.resize(values.size());
      for (std::size_t k = 0; k < values.size(); ++k) {
        if (!values[k].valid()) continue;
        if (scope.target.graph->operator[](values[k]).name.empty()) scope.target.edit.rename(values[k], port_name(node, k));
        results[k] = {.value = values[k]};
      }
      for (std::size_t k = 0; k < wanted.size(); ++k)
        if (wanted[k] && (k >= results.size() || !results[k].defined())) fail(ErrorCode::unsupported, "output {}", k);
    }
  } catch (const Error& e) {
    if (e.code() != ErrorCode::unsupported) throw;
    report(node, e.message());
  } catch (const Poisoned&) {
  }
  if (results.size() < wanted.size()) results.resize(wanted.size());
  for (Binding& b : results)
    if (!b.defined()) b.poisoned = true;
  scope.values[static_cast<std::size_t>(index)] = std::move(results);
}

std::vector<Binding> Builder::nodes(GraphInProgress& target, const Network& network, const std::vector<Binding>& parameters) {
  const Level level(depth_);
  SACCADE_CHECK(parameters.size() == network.parameters.size(), invalid_model, "{} arguments for a body that takes {}", parameters.size(), network.parameters.size());
  Scope scope{target, network, std::vector<std::vector<Binding>>(network.nodes.size()), std::vector<std::vector<char>>(network.nodes.size())};
  const auto want = [&](Port p) {
    auto& slots = scope.wanted[static_cast<std::size_t>(p.node)];
    if (slots.size() <= static_cast<std::size_t>(p.slot)) slots.resize(static_cast<std::size_t>(p.slot) + 1);
    slots[static_cast<std::size_t>(p.slot)] = 1;
  };
  const std::vector<int> order = network.order();
  for (const int i : order)
    for (const Port p : network[i].inputs) want(p);
  for (const auto& out : network.outputs) want(out.port);
  for (std::size_t k = 0; k < parameters.size(); ++k) scope.values[static_cast<std::size_t>(network.parameters[k])] = {parameters[k]};
  for (const int i : order)
    if (network[i].op != "_Arg" || network[i].custom) node(scope, i);
  std::vector<Binding> outputs;
  for (const auto& out : network.outputs) {
    const auto& values = scope.values[static_cast<std::size_t>(out.port.node)];
    const auto slot = static_cast<std::size_t>(out.port.slot);
    SACCADE_CHECK(slot < values.size() && values[slot].defined(), invalid_model, "{} '{}' has no output {}", shown(network.at(out.port).op), shown(network.at(out.port).name),
                  out.port.slot);
    outputs.push_back(values[slot]);
  }
  return outputs;
}

std::shared_ptr<graph::Graph> Builder::build(const Network& network) {
  GraphInProgress target;
  const auto outputs = nodes(target, network, {});
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    const auto& out = network.outputs[k];
    if (outputs[k].value.valid())
      target.edit.output(outputs[k].value, out.name);
    else if (!outputs[k].poisoned)
      problems_.add("output", "it is no tensor", shown(out.name));
  }
  problems_.throw_if_any();
  target.edit.remove_dead();
  return target.graph;
}

std::optional<TensorType> Builder::type_of(const Network& network, Port port) {
  Network part = network;
  part.outputs = {{port, "type"}};
  try {
    GraphInProgress target;
    const auto outputs = Builder(variables_).nodes(target, part, {});
    if (outputs[0].value.valid()) return target.graph->type(outputs[0].value);
  } catch (const Error& e) {
    if (e.code() == ErrorCode::out_of_memory) throw;
  }
  return std::nullopt;
}

}  // namespace saccade::tensorflow
