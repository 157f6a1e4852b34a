// SPDX-License-Identifier: Apache-2.0
// The checks behind verify().
#include "graph/verify.h"

#include <algorithm>
#include <set>

#include "base/error.h"

namespace saccade::graph {
namespace {

class BodyVerifier final : public FieldVisitor {
 public:
  explicit BodyVerifier(VerifyTypes types) : types_(types) {}

 private:
  void integer(std::string_view, std::int64_t&) override {}
  void real(std::string_view, double&) override {}
  void boolean(std::string_view, bool&) override {}
  void text(std::string_view, std::string&) override {}
  void integers(std::string_view, std::vector<std::int64_t>&) override {}
  void reals(std::string_view, std::vector<double>&) override {}
  void texts(std::string_view, std::vector<std::string>&) override {}
  void element_type(std::string_view, ElementType&) override {}
  void tensor(std::string_view, Tensor&) override {}
  void enumeration(std::string_view, std::int64_t&, std::span<const std::string_view>) override {}
  void graph(std::string_view, GraphPtr& body) override {
    if (body) verify(*body, types_);
  }
  VerifyTypes types_;
};

class Verifier {
 public:
  Verifier(const Graph& graph, VerifyTypes types) : g_(graph), types_(types) {}

  void run() {
    values();
    nodes();
    boundary();
    acyclic();
    if (types_ == VerifyTypes::yes) infer();
  }

 private:
  static std::size_t at(std::int32_t index) { return static_cast<std::size_t>(index); }
  bool live(ValueId id) const { return id.valid() && at(id.index) < g_.value_limit() && g_[id].alive; }
  bool live(NodeId id) const { return id.valid() && at(id.index) < g_.node_limit() && g_[id].alive; }
  std::string label(ValueId id) const { return g_[id].name.empty() ? fmt::format("#{}", id.index) : fmt::format("'{}'", g_[id].name); }

  void values() {
    for (std::size_t i = 0; i < g_.value_limit(); ++i) {
      const ValueId id{static_cast<std::int32_t>(i)};
      const Value& v = g_[id];
      if (!v.alive) continue;
      SACCADE_CHECK(v.id == id, internal, "value #{} thinks it is #{}", i, v.id.index);
      if (v.producer.valid()) {
        SACCADE_CHECK(live(v.producer), internal, "value {} is produced by a dead node", label(id));
        const Node& n = g_[v.producer];
        SACCADE_CHECK(v.output >= 0 && at(v.output) < n.outputs.size() && n.outputs[at(v.output)] == id, internal, "value {} is not output {} of {}", label(id), v.output, describe(n));
      } else {
        const bool input = std::find(g_.inputs().begin(), g_.inputs().end(), id) != g_.inputs().end();
        SACCADE_CHECK(input || v.is_constant(), internal, "value {} is neither input nor constant nor produced", label(id));
      }
      for (const Use& use : v.uses) {
        SACCADE_CHECK(live(use.node), internal, "value {} lists a dead node as user", label(id));
        const Node& n = g_[use.node];
        SACCADE_CHECK(use.input >= 0 && at(use.input) < n.inputs.size() && n.inputs[at(use.input)] == id, internal, "value {} is not input {} of {}", label(id), use.input, describe(n));
      }
    }
  }

  void nodes() {
    for (std::size_t i = 0; i < g_.node_limit(); ++i) {
      const NodeId id{static_cast<std::int32_t>(i)};
      const Node& n = g_[id];
      if (!n.alive) continue;
      SACCADE_CHECK(n.id == id, internal, "node #{} thinks it is #{}", i, n.id.index);
      for (std::size_t in = 0; in < n.inputs.size(); ++in) {
        if (!n.inputs[in].valid()) continue;
        SACCADE_CHECK(live(n.inputs[in]), internal, "input {} of {} is dead", in, describe(n));
        const auto& uses = g_[n.inputs[in]].uses;
        const auto count = std::count(uses.begin(), uses.end(), Use{id, static_cast<int>(in)});
        SACCADE_CHECK(count == 1, internal, "input {} of {} is listed {} times by its value", in, describe(n), count);
      }
      for (ValueId out : n.outputs) SACCADE_CHECK(live(out) && g_[out].producer == id, internal, "an output of {} is dead or another node's", describe(n));
      ErrorContext scope(n.op.name(), n.name);
      BodyVerifier bodies(types_);
      n.op.visit(bodies);
    }
  }

  void boundary() {
    std::set<std::string> names;
    for (ValueId in : g_.inputs()) SACCADE_CHECK(live(in) && !g_[in].producer.valid(), internal, "a graph input is dead or produced by a node");
    for (const auto& out : g_.outputs()) {
      SACCADE_CHECK(live(out.value), internal, "graph output '{}' is dead", out.name);
      SACCADE_CHECK(out.name.empty() || names.insert(out.name).second, internal, "two graph outputs are called '{}'", out.name);
    }
  }

  void acyclic() {
    std::vector<char> state(g_.node_limit(), 0);
    std::vector<std::pair<NodeId, std::size_t>> stack;
    for (std::size_t i = 0; i < g_.node_limit(); ++i) {
      if (state[i] || !g_[NodeId{static_cast<std::int32_t>(i)}].alive) continue;
      stack.emplace_back(NodeId{static_cast<std::int32_t>(i)}, 0);
      state[i] = 1;
      while (!stack.empty()) {
        auto& [id, next] = stack.back();
        if (next == g_[id].inputs.size()) {
          state[at(id.index)] = 2;
          stack.pop_back();
        } else if (const Node* p = g_.producer(g_[id].inputs[next++])) {
          SACCADE_CHECK(state[at(p->id.index)] != 1, internal, "a cycle through {}", describe(*p));
          if (state[at(p->id.index)] == 0) {
            state[at(p->id.index)] = 1;
            stack.emplace_back(p->id, 0);
          }
        }
      }
    }
  }

  void infer() {
    for (NodeId id : g_.order()) {
      const Node& n = g_[id];
      ErrorContext scope(n.op.name(), n.name);
      const auto facts = n.op.infer(g_.input_facts(n));
      SACCADE_CHECK(facts.size() == n.outputs.size(), internal, "{} outputs inferred, {} there", facts.size(), n.outputs.size());
      for (std::size_t i = 0; i < facts.size(); ++i) {
        const TensorType& have = g_.type(n.outputs[i]);
        const TensorType& want = facts[i].type;
        SACCADE_CHECK(have.element == want.element && instance(have.shape, want.shape), internal, "output {} of {} is {}, inferred {}", i, describe(n), to_string(have), to_string(want));
      }
    }
  }

  // Whether every shape that `a` describes is described by `b`; symbols are only names.
  static bool instance(const PartialShape& a, const PartialShape& b) {
    if (!b.ranked()) return true;
    if (!a.ranked() || a.rank() != b.rank()) return false;
    for (std::size_t d = 0; d < a.rank(); ++d)
      if (a[d].min < b[d].min || a[d].max > b[d].max) return false;
    return true;
  }

  const Graph& g_;
  VerifyTypes types_;
};

}  // namespace

void verify(const Graph& graph, VerifyTypes types) { Verifier(graph, types).run(); }

}  // namespace saccade::graph
