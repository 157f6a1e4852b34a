// SPDX-License-Identifier: Apache-2.0
// Networks: what patterns and the builder ask of them.
#include "import/tensorflow/network.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "import/tensorflow/tensors.h"

namespace saccade::tensorflow {

bool is_identity(std::string_view op) {
  return op == "Identity" || op == "StopGradient" || op == "PreventGradient" || op == "CheckNumerics" || op == "CheckNumericsV2" || op == "Snapshot" || op == "PlaceholderWithDefault" ||
         op == "EnsureShape" || op == "DeepCopy";
}

Port Network::origin(Port p) const {
  // a chain cannot be longer than the network unless it is a ring
  for (std::size_t i = 0; i < nodes.size() && p.valid(); ++i) {
    const Node& n = at(p);
    if (n.custom) break;
    const auto slot = static_cast<std::size_t>(n.op == "IdentityN" ? p.slot : 0);
    if (!(is_identity(n.op) ? p.slot == 0 : n.op == "IdentityN") || slot >= n.inputs.size() || !n.inputs[slot].valid()) break;
    p = n.inputs[slot];
  }
  return p;
}

std::optional<Tensor> Network::constant(Port p) const {
  p = origin(p);
  if (!p.valid() || at(p).op != "Const" || at(p).def == nullptr) return std::nullopt;
  const AttrValue* value = at(p).def->find("value");
  if (value == nullptr || !value->tensor) return std::nullopt;
  try {
    return tensor_of(*value->tensor, owner);
  } catch (const Error& e) {
    if (e.code() != ErrorCode::unsupported) throw;
    return std::nullopt;
  }
}

std::vector<std::vector<std::pair<int, int>>> Network::users() const {
  std::vector<std::vector<std::pair<int, int>>> users(nodes.size());
  for (const int i : order())
    for (std::size_t k = 0; k < (*this)[i].inputs.size(); ++k)
      if (const Port p = (*this)[i].inputs[k]; p.valid()) users[static_cast<std::size_t>(p.node)].emplace_back(i, static_cast<int>(k));
  return users;
}

int Network::find(std::string_view name) const {
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (nodes[i].name == name) return static_cast<int>(i);
  return -1;
}

std::vector<int> Network::order() const {
  enum State : char { fresh, open, done };
  std::vector<char> state(nodes.size(), fresh);
  std::vector<int> order;
  std::vector<std::pair<int, std::size_t>> stack;
  for (const int i : inputs) {
    state[static_cast<std::size_t>(i)] = done;
    order.push_back(i);
  }
  for (const Output& out : outputs) {
    if (!out.port.valid() || state[static_cast<std::size_t>(out.port.node)] != fresh) continue;
    stack.emplace_back(out.port.node, 0);
    state[static_cast<std::size_t>(out.port.node)] = open;
    while (!stack.empty()) {
      auto& [node, next] = stack.back();
      const Node& n = (*this)[node];
      if (next == n.inputs.size()) {
        state[static_cast<std::size_t>(node)] = done;
        order.push_back(node);
        stack.pop_back();
        continue;
      }
      const Port p = n.inputs[next++];
      if (!p.valid()) continue;
      char& s = state[static_cast<std::size_t>(p.node)];
      SACCADE_CHECK(s != open, invalid_model, "the graph has a cycle through {} '{}'", shown(at(p).op), shown(at(p).name));
      if (s == done) continue;
      s = open;
      stack.emplace_back(p.node, 0);
    }
  }
  return order;
}

void Network::redirect(Port from, Port to) {
  for (Node& n : nodes)
    for (Port& p : n.inputs)
      if (p == from) p = to;
  for (Output& o : outputs)
    if (o.port == from) o.port = to;
}

int Network::add(Node node) {
  nodes.push_back(std::move(node));
  return static_cast<int>(nodes.size()) - 1;
}

Port port_of(const std::unordered_map<std::string_view, int>& by_name, std::string_view text) {
  int slot = 0;
  if (const auto it = by_name.find(text); it != by_name.end()) return {it->second, 0};
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return {};
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + colon + 1, end, slot);
  if (error != std::errc() || rest != end || slot < 0 || slot > 0xffff) return {};
  const auto it = by_name.find(text.substr(0, colon));
  return it == by_name.end() ? Port{} : Port{it->second, slot};
}

}  // namespace saccade::tensorflow
