// SPDX-License-Identifier: Apache-2.0
// Choosing inputs and outputs.
#include "import/tensorflow/cut.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/error.h"
#include "import/tensorflow/build.h"
#include "import/tensorflow/tensors.h"

namespace saccade::tensorflow {
namespace {

// Nodes whose results are no result of a model when nobody reads them.
bool is_no_output(std::string_view op) {
  for (const std::string_view other : {"NoOp", "Const", "Placeholder", "Assert", "Print", "PrintV2", "Enter", "Exit", "Merge", "Switch", "NextIteration", "LoopCond", "_Arg",
                                       "VarHandleOp", "VariableV2", "Variable", "Assign", "AssignVariableOp", "SaveV2", "RestoreV2", "MergeV2Checkpoints", "HashTableV2",
                                       "LookupTableImportV2", "VarIsInitializedOp", "RefEnter", "RefExit", "RefMerge", "RefSwitch"})
    if (op == other) return true;
  return false;
}

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

[[noreturn]] void unknown(const Network& network, std::string_view name) {
  std::string_view best;
  std::size_t least = std::numeric_limits<std::size_t>::max();
  if (name.size() < 200)
    for (const Node& n : network.nodes) {
      if (n.name.size() > 200 || network.nodes.size() > 50'000) continue;
      const std::size_t d = distance(name, n.name);
      if (d < least) {
        least = d;
        best = n.name;
      }
    }
  fail(ErrorCode::not_found, "the graph has no node '{}'{}", shown(name), best.empty() ? "" : fmt::format("; the nearest is '{}'", shown(best)));
}

std::unordered_map<std::string_view, int> nodes_by_name(const Network& network) {
  std::unordered_map<std::string_view, int> names;
  for (std::size_t i = 0; i < network.nodes.size(); ++i) names.emplace(network.nodes[i].name, static_cast<int>(i));
  return names;
}

}  // namespace

void choose_outputs(Network& network, std::span<const std::string> names) {
  network.outputs.clear();
  const auto by_name = nodes_by_name(network);
  for (const std::string& name : names) {
    const Port p = port_of(by_name, name);
    if (!p.valid()) unknown(network, name);
    network.outputs.push_back({p, name.ends_with(":0") ? name.substr(0, name.size() - 2) : name});
  }
  if (!names.empty()) return;
  std::vector<char> read(network.nodes.size(), 0);
  for (const Node& n : network.nodes) {
    for (const Port p : n.inputs) read[static_cast<std::size_t>(p.node)] = 1;
    // what only orders others, such as the pivots of conditions
    for (const int c : n.controls) read[static_cast<std::size_t>(c)] = 1;
  }
  for (std::size_t i = 0; i < network.nodes.size(); ++i)
    if (!read[i] && !is_no_output(network.nodes[i].op)) network.outputs.push_back({{static_cast<int>(i), 0}, network.nodes[i].name});
  // the end of a loop or a choice is an output only where there is no better one: of most loops somebody wants one variable
  const bool none = network.outputs.empty();
  for (std::size_t i = 0; none && i < network.nodes.size(); ++i)
    if (!read[i] && (network.nodes[i].op == "Merge" || network.nodes[i].op == "Exit")) network.outputs.push_back({{static_cast<int>(i), 0}, network.nodes[i].name});
  SACCADE_CHECK(!network.outputs.empty(), invalid_model, "the graph computes nothing: {}", network.nodes.empty() ? "it has no nodes" : "name its outputs");
}

void cut_inputs(Network& network, std::span<const std::string> names, Variables* variables) {
  const auto by_name = nodes_by_name(network);
  struct Cut {
    Port port;      // the value that is replaced
    int node = -1;  // or only where this node reads it
    int input = 0;
    std::string name;
  };
  std::vector<Cut> cuts;
  for (const std::string& name : names) {
    if (const Port p = port_of(by_name, name); p.valid()) {
      cuts.push_back({p, -1, 0, name.ends_with(":0") ? name.substr(0, name.size() - 2) : name});
      continue;
    }
    const auto colon = name.find(':');
    int input = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + std::min(colon, name.size()), input);
    const auto it = colon == std::string::npos ? by_name.end() : by_name.find(std::string_view(name).substr(colon + 1));
    if (error != std::errc() || it == by_name.end() || end != name.data() + colon || input < 0) unknown(network, name);
    const Node& node = network[it->second];
    SACCADE_CHECK(static_cast<std::size_t>(input) < node.inputs.size(), not_found, "'{}' has no input {}", shown(node.name), input);
    cuts.push_back({node.inputs[static_cast<std::size_t>(input)], it->second, input, name});
  }
  std::vector<std::pair<Cut, TensorType>> found;
  for (const Cut& cut : cuts) {
    if (cut.node < 0 && network.at(cut.port).op == "Placeholder") continue;
    const auto type = Builder(variables).type_of(network, cut.port);
    TensorType known;
    if (type) {
      known = *type;
    } else if (const NodeDef* def = network.at(cut.port).def; def != nullptr) {
      for (const std::string_view attribute : {"DstT", "out_type", "output_type", "dtype", "T"})
        if (const AttrValue* a = def->find(attribute); a != nullptr && a->kind == AttrValue::Kind::type) {
          known.element = element_type(a->i);
          break;
        }
    }
    found.emplace_back(cut, std::move(known));
  }
  for (auto& [cut, type] : found) {
    Node input{.name = cut.name, .op = "Placeholder"};
    input.custom = [type = type, name = cut.name](NodeContext& c) { return std::vector<ValueId>{c.edit.input(name, type)}; };
    const Port made{network.add(std::move(input)), 0};
    network.inputs.push_back(made.node);
    if (cut.node >= 0)
      network[cut.node].inputs[static_cast<std::size_t>(cut.input)] = made;
    else
      network.redirect(cut.port, made);
  }
}

}  // namespace saccade::tensorflow
