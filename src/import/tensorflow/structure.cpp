// SPDX-License-Identifier: Apache-2.0
// While from frames, If from Switch and Merge.
//
// A loop variable is Merge(Enter, NextIteration) → Switch(Merge, LoopCond) → output 0: Exit, output 1: the body, which ends in
// NextIteration. What the body takes from outside comes through Enter with is_constant. A choice is
// Merge(f, g) where f needs Switch(x, p):0 and g needs Switch(y, p):1; constants belong to a branch by control edges only.
#include "import/tensorflow/structure.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/error.h"
#include "import/tensorflow/tensors.h"

namespace saccade::tensorflow {
namespace {

constexpr int kMaxFrameDepth = 64;
constexpr std::size_t kMaxConditions = 64;
// Branches with several results are copied once for each.
constexpr std::size_t kMaxCopies = 500'000;

bool is_enter(std::string_view op) { return op == "Enter" || op == "RefEnter"; }
bool is_switch(std::string_view op) { return op == "Switch" || op == "RefSwitch"; }
bool is_merge(std::string_view op) { return op == "Merge" || op == "RefMerge"; }
bool is_exit(std::string_view op) { return op == "Exit" || op == "RefExit"; }
bool is_next(std::string_view op) { return op == "NextIteration" || op == "RefNextIteration"; }

std::string describe(const Node& n) { return fmt::format("{} '{}'", shown(n.op), shown(n.name)); }

// Copies part of a network into a new one. What `stop` gives a parameter for is not copied.
class Extract {
 public:
  Extract(const Network& from, std::size_t parameters, std::size_t& copies) : from_(from), to_(std::make_shared<Network>()), copies_(copies) {
    to_->owner = from.owner;
    for (std::size_t k = 0; k < parameters; ++k) add_parameter();
  }

  int add_parameter() {
    const int k = static_cast<int>(to_->parameters.size());
    to_->parameters.push_back(to_->add({.name = fmt::format("_arg{}", k), .op = "_Arg"}));
    return k;
  }

  Port parameter(int k) const { return {to_->parameters[static_cast<std::size_t>(k)], 0}; }

  // The port in the new network; `stop(Port) -> optional<Port>` answers for ports where copying ends, with what stands there in the new network.
  template <class Stop>
  Port port(Port root, Stop&& stop) {
    if (const auto known = lookup(root, stop)) return *known;
    std::vector<std::pair<int, std::size_t>> stack;
    open(root.node, stack);
    while (!stack.empty()) {
      auto& [node, next] = stack.back();
      const Node& n = from_[node];
      const std::size_t count = n.inputs.size() + n.controls.size();
      if (next == count) {
        finish(node, stop);
        stack.pop_back();
        continue;
      }
      const bool data = next < n.inputs.size();
      const Port p = data ? n.inputs[next] : Port{n.controls[next - n.inputs.size()], 0};
      ++next;
      if (!p.valid() || lookup(p, stop)) continue;
      const auto state = copied_.find(p.node);
      if (state == copied_.end())
        open(p.node, stack);
      else if (state->second < 0)
        SACCADE_CHECK(!data, invalid_model, "the graph has a cycle through {}", describe(from_[p.node]));
    }
    return *lookup(root, stop);
  }

  const NetworkPtr& result() const { return to_; }

 private:
  template <class Stop>
  std::optional<Port> lookup(Port p, Stop&& stop) {
    if (const auto it = stopped_.find(p); it != stopped_.end()) {
      if (it->second.valid()) return it->second;
    } else {
      const std::optional<Port> here = stop(p);
      stopped_.emplace(p, here.value_or(Port{}));
      if (here) return here;
    }
    const auto it = copied_.find(p.node);
    return it == copied_.end() || it->second < 0 ? std::nullopt : std::optional(Port{it->second, p.slot});
  }

  void open(int node, std::vector<std::pair<int, std::size_t>>& stack) {
    copied_[node] = -1;
    stack.emplace_back(node, 0);
  }

  template <class Stop>
  void finish(int node, Stop&& stop) {
    SACCADE_CHECK(++copies_ <= kMaxCopies, invalid_model, "the control flow unfolds into more than {} nodes", kMaxCopies);
    Node copy = from_[node];
    for (Port& p : copy.inputs)
      if (p.valid()) p = *lookup(p, stop);
    std::vector<int> controls;
    for (const int c : copy.controls)
      if (const auto p = lookup({c, 0}, stop)) controls.push_back(p->node);
    copy.controls = std::move(controls);
    copied_[node] = to_->add(std::move(copy));
  }

  const Network& from_;
  NetworkPtr to_;
  std::size_t& copies_;
  std::map<int, int> copied_;  // -1: being copied
  std::map<Port, Port> stopped_;
};

// ---- loops

struct Variable {
  int merge, switch_, enter, next;
};

struct Frame {
  int condition = -1;  // LoopCond
  std::vector<Variable> variables;
  std::vector<std::pair<int, int>> exits;  // node, variable
  enum class State { fresh, open, done } state = State::fresh;
  int node = -1;  // the While
};

class Frames {
 public:
  explicit Frames(Network& network) : network_(network) {
    std::map<int, std::size_t> by_condition;
    for (std::size_t i = 0; i < network.nodes.size(); ++i)
      if (network.nodes[i].op == "LoopCond") {
        by_condition.emplace(static_cast<int>(i), frames_.size());
        frames_.push_back({.condition = static_cast<int>(i)});
      }
    if (frames_.empty()) return;
    for (std::size_t i = 0; i < network.nodes.size(); ++i) {
      const Node& n = network.nodes[i];
      if (!is_switch(n.op) || n.inputs.size() != 2) continue;
      const auto frame = by_condition.find(network.origin(n.inputs[1]).node);
      if (frame == by_condition.end()) continue;
      const int merge = n.inputs[0].node;
      const Node& m = network[merge];
      SACCADE_CHECK(is_merge(m.op) && m.inputs.size() == 2, invalid_model, "{} of a loop gets its value from {}", describe(n), describe(m));
      Variable v{merge, static_cast<int>(i), m.inputs[0].node, m.inputs[1].node};
      if (!is_enter(network[v.enter].op)) std::swap(v.enter, v.next);
      SACCADE_CHECK(is_enter(network[v.enter].op) && is_next(network[v.next].op) && network[v.enter].inputs.size() == 1 && network[v.next].inputs.size() == 1, invalid_model,
                    "{} is no loop variable", describe(m));
      variable_of_[merge] = variable_of_[static_cast<int>(i)] = {frame->second, frames_[frame->second].variables.size()};
      frames_[frame->second].variables.push_back(v);
    }
    for (std::size_t i = 0; i < network.nodes.size(); ++i) {
      const Node& n = network.nodes[i];
      if (!is_exit(n.op) || n.inputs.size() != 1 || !is_switch(network.at(n.inputs[0]).op)) continue;
      if (const auto v = variable_of_.find(n.inputs[0].node); v != variable_of_.end()) frames_[v->second.first].exits.emplace_back(static_cast<int>(i), static_cast<int>(v->second.second));
    }
  }

  void run() {
    for (std::size_t f = 0; f < frames_.size(); ++f) transform(f, 0);
    // what leads nowhere is left as it is: the outputs do not need it
  }

 private:
  void transform(std::size_t index, int depth) {
    {
      Frame& frame = frames_[index];
      if (frame.state == Frame::State::done) return;
      const Node& condition = network_[frame.condition];
      SACCADE_CHECK(frame.state == Frame::State::fresh, invalid_model, "the loop of {} contains itself", describe(condition));
      SACCADE_CHECK(depth < kMaxFrameDepth, invalid_model, "loops are nested more than {} deep", kMaxFrameDepth);
      SACCADE_CHECK(condition.inputs.size() == 1, invalid_model, "{} has {} inputs", describe(condition), condition.inputs.size());
      frame.state = Frame::State::open;
    }
    inner_loops(index, depth);
    Frame& frame = frames_[index];
    const std::vector<Variable>& variables = frame.variables;
    std::vector<Port> inputs;
    for (const Variable& v : variables) inputs.push_back(network_[v.enter].inputs[0]);

    Extract condition(network_, variables.size(), copies_), body(network_, variables.size(), copies_);
    std::map<Port, int> captures;  // from outside the loop → parameter
    const auto capture = [&](Port outside) {
      const auto [it, fresh] = captures.emplace(outside, 0);
      if (fresh) {
        it->second = condition.add_parameter();
        body.add_parameter();
        inputs.push_back(outside);
      }
      return it->second;
    };
    const auto stop = [&](Extract& into) {
      return [&, index](Port p) -> std::optional<Port> {
        const Node& n = network_.at(p);
        if (const auto v = variable_of_.find(p.node); v != variable_of_.end()) {
          SACCADE_CHECK(v->second.first == index, invalid_model, "a loop reaches into another one at {}", describe(n));
          return into.parameter(static_cast<int>(v->second.second));
        }
        if (is_enter(n.op)) {
          SACCADE_CHECK(n.inputs.size() == 1, invalid_model, "{} has {} inputs", describe(n), n.inputs.size());
          return into.parameter(capture(n.inputs[0]));
        }
        if (n.op == "LoopCond") return into.parameter(0);  // only control edges come here
        if (n.op == "Placeholder" || n.op == "_Arg") return into.parameter(capture(p));
        return std::nullopt;
      };
    };
    SACCADE_CHECK(!variables.empty(), invalid_model, "the loop of {} has no variables", describe(network_[frame.condition]));
    condition.result()->outputs.push_back({condition.port(network_[frame.condition].inputs[0], stop(condition)), "condition"});
    std::vector<Port> results;
    for (const Variable& v : variables) results.push_back(body.port(network_[v.next].inputs[0], stop(body)));
    for (const Port p : results) body.result()->outputs.push_back({p, fmt::format("variable{}", body.result()->outputs.size())});
    for (std::size_t k = variables.size(); k < inputs.size(); ++k) body.result()->outputs.push_back({body.parameter(static_cast<int>(k)), fmt::format("variable{}", k)});

    std::string name = network_[frame.condition].name;
    if (const auto slash = name.rfind('/'); slash != std::string::npos) name.resize(slash);
    structure_control_flow(*condition.result());
    structure_control_flow(*body.result());
    frame.node = network_.add({.name = name, .op = "While", .inputs = inputs, .bodies = {condition.result(), body.result()}});
    frame.state = Frame::State::done;
    for (const auto& [exit, variable] : frame.exits) {
      network_[exit].op = "Identity";
      network_[exit].inputs[0] = {frame.node, variable};
    }
  }

  // Loops whose results this one needs inside of itself.
  void inner_loops(std::size_t index, int depth) {
    std::vector<int> stack{network_[frames_[index].condition].inputs[0].node};
    for (const Variable& v : frames_[index].variables) stack.push_back(network_[v.next].inputs[0].node);
    std::set<int> seen;
    while (!stack.empty()) {
      const int i = stack.back();
      stack.pop_back();
      if (!seen.insert(i).second) continue;
      if (is_exit(network_[i].op) && network_[i].inputs.size() == 1) {  // of a loop that is done it would be an Identity
        const auto v = variable_of_.find(network_[i].inputs[0].node);
        SACCADE_CHECK(v != variable_of_.end(), invalid_model, "{} belongs to no loop", describe(network_[i]));
        if (v->second.first != index) transform(v->second.first, depth + 1);
      }
      const Node& n = network_[i];
      if (is_enter(n.op) || n.op == "LoopCond" || variable_of_.contains(i)) continue;
      for (const Port p : n.inputs)
        if (p.valid()) stack.push_back(p.node);
    }
  }

  Network& network_;
  std::size_t copies_ = 0;
  std::vector<Frame> frames_;
  std::map<int, std::pair<std::size_t, std::size_t>> variable_of_;  // Merge or Switch → frame, variable
};

// ---- choices

using Choice = std::pair<Port, int>;  // the condition, and the side of it
using Context = std::set<Choice>;

class Choices {
 public:
  explicit Choices(Network& network) : network_(network), contexts_(network.nodes.size()) {}

  void run() {
    std::vector<char> needed(network_.nodes.size(), 0);
    for (const int i : network_.order()) needed[static_cast<std::size_t>(i)] = 1;
    for (const int i : forward()) {
      Node& n = network_[i];
      Context& context = contexts_[static_cast<std::size_t>(i)];
      if (is_merge(n.op) && needed[static_cast<std::size_t>(i)]) {
        merge(i);
        continue;
      }
      for (const Port p : n.inputs) add(context, of(p));
      for (const int c : n.controls) add(context, contexts_[static_cast<std::size_t>(c)]);
      SACCADE_CHECK(context.size() <= kMaxConditions, unsupported, "{} depends on more than {} conditions", describe(n), kMaxConditions);
    }
  }

 private:
  static void add(Context& to, const Context& from) { to.insert(from.begin(), from.end()); }

  // What must hold for the value to exist.
  Context of(Port p) const {
    if (!p.valid()) return {};
    Context context = contexts_[static_cast<std::size_t>(p.node)];
    const Node& n = network_.at(p);
    if (is_switch(n.op) && n.inputs.size() == 2) context.emplace(network_.origin(n.inputs[1]), p.slot);
    return context;
  }

  // The nodes that the outputs need, by data or control, each after its producers; control edges that lead back do not count.
  std::vector<int> forward() const {
    std::vector<char> state(network_.nodes.size(), 0);
    std::vector<int> order;
    std::vector<std::pair<int, std::size_t>> stack;
    for (const auto& out : network_.outputs) {
      if (state[static_cast<std::size_t>(out.port.node)] != 0) continue;
      stack.emplace_back(out.port.node, 0);
      state[static_cast<std::size_t>(out.port.node)] = 1;
      while (!stack.empty()) {
        auto& [node, next] = stack.back();
        const Node& n = network_[node];
        if (next == n.inputs.size() + n.controls.size()) {
          order.push_back(node);
          stack.pop_back();
          continue;
        }
        const int p = next < n.inputs.size() ? n.inputs[next].node : n.controls[next - n.inputs.size()];
        ++next;
        if (p < 0 || state[static_cast<std::size_t>(p)] != 0) continue;
        state[static_cast<std::size_t>(p)] = 1;
        stack.emplace_back(p, 0);
      }
    }
    return order;
  }

  void merge(int index) {
    const std::vector<Port> inputs = network_[index].inputs;
    const std::string what = describe(network_[index]);
    SACCADE_CHECK(inputs.size() == 2 && inputs[0].valid() && inputs[1].valid(), unsupported, "{} of {} values", what, inputs.size());
    const std::array<Context, 2> contexts{of(inputs[0]), of(inputs[1])};
    std::optional<Choice> first;  // what holds where input 0 exists
    for (const auto& [condition, side] : contexts[0])
      if (contexts[1].contains({condition, 1 - side})) first = {condition, side};
    // a constant without control edges exists in every branch
    for (int k = 0; k < 2 && !first; ++k) {
      std::vector<Choice> only;
      std::set_difference(contexts[k].begin(), contexts[k].end(), contexts[1 - k].begin(), contexts[1 - k].end(), std::back_inserter(only));
      if (only.size() == 1) first = {only[0].first, k == 0 ? only[0].second : 1 - only[0].second};
    }
    SACCADE_CHECK(first, unsupported, "{} chooses by no condition", what);
    const Port condition = first->first;
    const Port yes = first->second == 1 ? inputs[0] : inputs[1], no = first->second == 1 ? inputs[1] : inputs[0];

    Extract then(network_, 0, copies_), otherwise(network_, 0, copies_);
    std::vector<Port> captured{condition};
    std::map<Port, int> captures;
    const auto capture = [&](Port p) {
      const auto [it, fresh] = captures.emplace(p, 0);
      if (fresh) {
        it->second = then.add_parameter();
        otherwise.add_parameter();
        captured.push_back(p);
      }
      return it->second;
    };
    const auto stop = [&](Extract& into, int side) {
      return [&, side](Port p) -> std::optional<Port> {
        const Node& n = network_.at(p);
        if (is_switch(n.op) && n.inputs.size() == 2 && network_.origin(n.inputs[1]) == condition) return into.parameter(capture(n.inputs[0]));
        if (n.op == "Const" || of(p).contains({condition, side})) return std::nullopt;
        return into.parameter(capture(p));
      };
    };
    const Port a = then.port(yes, stop(then, 1)), b = otherwise.port(no, stop(otherwise, 0));
    then.result()->outputs.push_back({a, "result"});
    otherwise.result()->outputs.push_back({b, "result"});
    Context around;
    for (const Context& c : contexts) add(around, c);
    std::erase_if(around, [&](const Choice& c) { return c.first == condition; });
    contexts_[static_cast<std::size_t>(index)] = std::move(around);
    Node& n = network_[index];
    n.op = "If";
    n.def = nullptr;
    n.inputs = std::move(captured);
    n.controls.clear();
    n.bodies = {then.result(), otherwise.result()};
  }

  Network& network_;
  std::size_t copies_ = 0;
  std::vector<Context> contexts_;
};

}  // namespace

void structure_control_flow(Network& network) {
  bool loops = false, choices = false;
  for (const Node& n : network.nodes) {
    loops |= n.op == "LoopCond";
    choices |= is_merge(n.op);
  }
  if (loops) Frames(network).run();
  if (choices) Choices(network).run();
}

}  // namespace saccade::tensorflow
