// SPDX-License-Identifier: Apache-2.0
// Recognising tf.map_fn.
#include "import/tensorflow/map_loop.h"

#include <algorithm>

namespace saccade::tensorflow {
namespace {

class LoopReader {
 public:
  LoopReader(const Network& network, int node, const std::vector<std::vector<std::pair<int, int>>>& users)
      : network_(network), while_(network[node]), users_(users), out_(network), condition_(*while_.bodies[0]), body_(*while_.bodies[1]), in_(body_), ask_(condition_) {
    loop_.node = node;
    loop_.body = &body_;
  }

  MapLoop read() {
    const std::size_t n = while_.inputs.size();
    expect(body_.parameters.size() == n && body_.outputs.size() == n && condition_.parameters.size() == n && condition_.outputs.size() == 1, "a loop");
    counter_.assign(n, 0);
    for (std::size_t k = 0; k < n; ++k) {
      const Port result = in_.origin(body_.outputs[k].port);
      if (parameter(body_, result) == static_cast<int>(k)) {
        loop_.invariants.emplace_back(body_.parameters[k], while_.inputs[k]);
      } else if (in_.is(result, {"Add", "AddV2"})) {
        const auto step = in_.operands(result, [&](Port p) { return parameter(body_, p) == static_cast<int>(k); });
        expect(step && in_.number(step->second) == 1.0 && out_.number(while_.inputs[k]) == 0.0, "a counter from 0 by 1");
        counter_[k] = 1;
        updates_.push_back(result.node);
      }
    }
    read_condition();
    for (std::size_t k = 0; k < n; ++k) {
      const Port result = in_.origin(body_.outputs[k].port);
      if (counter_[k] != 0 || parameter(body_, result) == static_cast<int>(k)) continue;
      read_result(k, result);
    }
    read_elements();
    expect(!loop_.elements.empty() && !loop_.results.empty(), "items");
    expect(runs_for_all_items(), "an iteration for each item");
    for (const auto& limit : limits_)
      if (!limit->tensor.valid()) loop_.trips = loop_.trips ? std::min(*loop_.trips, limit->number) : limit->number;
    return std::move(loop_);
  }

 private:
  int parameter(const Network& network, Port p) const {
    p = network.origin(p);
    const auto it = std::find(network.parameters.begin(), network.parameters.end(), p.node);
    return it == network.parameters.end() ? -1 : static_cast<int>(it - network.parameters.begin());
  }

  bool is_counter(Port p) const {
    const int k = parameter(body_, p);
    return k >= 0 && counter_[static_cast<std::size_t>(k)] != 0;
  }

  // counter < limit, or several such; the limits are kept.
  void read_condition() {
    std::vector<Port> terms{condition_.outputs[0].port};
    while (!terms.empty()) {
      const Port p = ask_.origin(terms.back());
      terms.pop_back();
      if (ask_.is(p, "LogicalAnd")) {
        terms.push_back(ask_.in(p, 0));
        terms.push_back(ask_.in(p, 1));
        expect(terms.size() < 16, "a condition");
        continue;
      }
      ask_.need(p, "Less");
      const int left = parameter(condition_, ask_.in(p, 0)), right = parameter(condition_, ask_.in(p, 1));
      expect(left >= 0 && counter_[static_cast<std::size_t>(left)] != 0, "a counter in the condition");
      if (right >= 0) {
        expect(parameter(body_, body_.outputs[static_cast<std::size_t>(right)].port) == right, "a limit that stays");
        limits_.push_back(out_.size(while_.inputs[static_cast<std::size_t>(right)]));
      } else {
        limits_.push_back(ask_.size(ask_.in(p, 1)));
      }
    }
  }

  bool runs_for_all_items() const {
    return std::all_of(limits_.begin(), limits_.end(), [&](const std::optional<SizeOf>& limit) {
      if (!limit) return false;
      if (!limit->tensor.valid()) return true;
      return limit->axis == 0 && std::any_of(loop_.elements.begin(), loop_.elements.end(), [&](const auto& e) { return out_.same(e.tensor, limit->tensor); });
    });
  }

  // 0, 1, 2 … for every item of the tensor; or of the list, when it is stacked.
  bool counts_items(Port indices, Port tensor) const {
    const auto limit = out_.count_to(indices);
    if (!limit) return false;
    if (!tensor.valid()) return true;
    const auto size = out_.size(*limit);
    return size && (!size->tensor.valid() || (size->axis == 0 && out_.same(size->tensor, tensor)));
  }

  void read_result(std::size_t k, Port write) {
    in_.need(write, {"TensorArrayWriteV3", "TensorListSetItem"});
    const bool array = in_.is(write, "TensorArrayWriteV3");
    expect(parameter(body_, in_.in(write, array ? 3 : 0)) == static_cast<int>(k) && is_counter(in_.in(write, 1)), "an item written at the counter");
    MapLoop::Result result{in_.in(write, 2), {}};
    stacked({loop_.node, static_cast<int>(k)}, result.stacked);
    if (!result.stacked.empty()) loop_.results.push_back(std::move(result));
  }

  // The readers of a list behind Identities, which must all make a tensor of it.
  void stacked(Port list, std::vector<Port>& found) const {
    std::vector<Port> open{list};
    while (!open.empty()) {
      const Port p = open.back();
      open.pop_back();
      for (const auto& [user, input] : users_[static_cast<std::size_t>(p.node)]) {
        const Node& node = network_[user];
        if (node.inputs[static_cast<std::size_t>(input)] != p) continue;
        if (is_identity(node.op)) {
          open.push_back({user, 0});
          continue;
        }
        const bool array = node.op == "TensorArrayGatherV3" && input == 2;
        expect(!node.custom && (array || (node.op == "TensorListStack" && input == 0)), "a list that is stacked");
        expect(!array || counts_items(node.inputs[1], {}), "a list that is stacked whole");
        found.push_back({user, 0});
      }
    }
  }

  void read_elements() {
    for (const int i : body_.order()) {
      const Node& node = body_[i];
      for (std::size_t k = 0; k < node.inputs.size(); ++k) expect(!is_counter(node.inputs[k]) || uses_counter(i), "no other use of the counter");
      if (node.op != "TensorArrayReadV3" && node.op != "TensorListGetItem") continue;
      const bool array = node.op == "TensorArrayReadV3";
      expect(node.inputs.size() == 3 && is_counter(node.inputs[1]), "an item read at the counter");
      const int k = parameter(body_, node.inputs[array ? 2 : 0]);
      expect(k >= 0 && parameter(body_, body_.outputs[static_cast<std::size_t>(k)].port) == k, "a list that stays");
      const Port list = out_.need(while_.inputs[static_cast<std::size_t>(k)], {"TensorArrayScatterV3", "TensorListFromTensor"});
      Port tensor = out_.in(list, 0);
      if (out_.is(list, "TensorArrayScatterV3")) {
        tensor = out_.in(list, 2);
        expect(counts_items(out_.in(list, 1), tensor), "a list of all items");
      }
      loop_.elements.push_back({{i, 0}, tensor});
    }
  }

  bool uses_counter(int i) const {
    const std::string_view op = body_[i].op;
    return op == "TensorArrayReadV3" || op == "TensorListGetItem" || op == "TensorArrayWriteV3" || op == "TensorListSetItem" || is_identity(op) ||
           std::find(updates_.begin(), updates_.end(), i) != updates_.end();
  }

  const Network& network_;
  const Node& while_;
  const std::vector<std::vector<std::pair<int, int>>>& users_;
  Look out_;
  const Network &condition_, &body_;
  Look in_, ask_;
  MapLoop loop_;
  std::vector<char> counter_;
  std::vector<int> updates_;  // nodes that count
  std::vector<std::optional<SizeOf>> limits_;
};

}  // namespace

Port MapLoop::outside(Port inside) const {
  inside = body->origin(inside);
  for (const auto& [parameter, port] : invariants)
    if (parameter == inside.node) return port;
  return {};
}

std::optional<MapLoop> map_loop(const Network& network, int node, const std::vector<std::vector<std::pair<int, int>>>& users) {
  const Node& n = network[node];
  if ((n.op != "While" && n.op != "StatelessWhile") || n.custom || n.bodies.size() != 2) return std::nullopt;
  try {
    return LoopReader(network, node, users).read();
  } catch (const Mismatch&) {
    return std::nullopt;
  }
}

}  // namespace saccade::tensorflow
