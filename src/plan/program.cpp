// SPDX-License-Identifier: Apache-2.0
// Compiling for concrete shapes: the static part becomes a plan, the rest is cut at the nodes whose shapes depend on data.
#include "plan/program.h"

#include <algorithm>
#include <unordered_map>

#include "base/error.h"
#include "graph/edit.h"
#include "ops/control_flow.h"
#include "passes/passes.h"
#include "plan/lowering.h"
#include "plan/widen.h"

namespace saccade::plan {

using graph::Edit;
using graph::Graph;
using graph::Node;
using graph::NodeId;
using graph::ValueId;

namespace {

std::size_t place_of(NodeId n) { return static_cast<std::size_t>(n.index); }

std::vector<graph::GraphPtr> bodies_of(const graph::Op& op) {
  if (const auto* branch = op.as<ops::If>()) return {branch->then_body, branch->else_body};
  if (const auto* loop = op.as<ops::Loop>()) return {loop->body};
  return {};
}

// Cuts a specialised graph into the static part, the dynamic nodes right behind it, and the rest.
class Cutter {
 public:
  Cutter(const Graph& g, const std::shared_ptr<Machine>& machine) : g_(g), machine_(machine), part_(g.node_limit(), Part::rest) {
    for (NodeId id : g.order()) part_[place_of(id)] = classify(g[id]);
  }

  std::shared_ptr<const Compilation> cut() {
    auto c = std::make_shared<Compilation>();
    build_head(*c);
    build_dynamic(*c);
    build_rest(*c);
    for (const auto& out : g_.outputs()) c->outputs.push_back(source(out.value));
    return c;
  }

 private:
  enum class Part { head, dynamic, rest };

  Part part_of(ValueId v) const {
    const Node* producer = g_.producer(v);
    return producer == nullptr || g_.constant(v).defined() ? Part::head : part_[place_of(producer->id)];
  }

  Part classify(const Node& node) const {
    for (ValueId in : node.inputs)
      if (in.valid() && part_of(in) != Part::head) return Part::rest;
    if (!bodies_of(node.op).empty()) return Part::dynamic;
    for (ValueId out : node.outputs)
      if (!g_.type(out).is_static()) return Part::dynamic;
    return Part::head;
  }

  // Values of a part that a later part or the outputs need.
  bool needed_after(ValueId v, Part part) const {
    if (g_.is_output(v)) return true;
    return std::any_of(g_[v].uses.begin(), g_[v].uses.end(), [&](const graph::Use& use) { return part_[place_of(use.node)] > part; });
  }

  void build_head(Compilation& c) {
    Graph head = g_;
    Edit edit(head);
    std::vector<graph::GraphOutput> outputs;
    const auto add = [&](ValueId v) {
      if (!needed_after(v, Part::head) || g_.constant(v).defined()) return;
      from_[v.index] = {Source::From::plan, outputs.size(), {}};
      outputs.push_back({v, g_[v].name});
    };
    bool cut_anywhere = std::any_of(part_.begin(), part_.end(), [](Part p) { return p == Part::dynamic; });
    if (cut_anywhere) {
      for (ValueId v : g_.inputs()) add(v);
      for (NodeId id : g_.order())
        if (part_[place_of(id)] == Part::head)
          for (ValueId v : g_[id].outputs) add(v);
      edit.set_outputs(std::move(outputs));
      edit.remove_dead();
    } else {
      for (std::size_t i = 0; i < g_.outputs().size(); ++i) from_[g_.outputs()[i].value.index] = {Source::From::plan, i, {}};
      whole_ = true;
    }
    c.plan = make_plan(head, *machine_);
  }

  void build_dynamic(Compilation& c) {
    for (NodeId id : g_.order()) {
      if (part_[place_of(id)] != Part::dynamic) continue;
      const Node& node = g_[id];
      DynamicNode d{node.op, node.name, {}, c.dynamic_values, node.outputs.size(), {}};
      for (ValueId in : node.inputs) d.inputs.push_back(in.valid() ? source(in) : Source{Source::From::constant, 0, {}});
      for (const auto& body : bodies_of(node.op)) d.bodies.push_back(std::make_shared<Program>(machine_, body));
      for (ValueId out : node.outputs) from_[out.index] = {Source::From::dynamic, c.dynamic_values++, {}};
      c.dynamic.push_back(std::move(d));
    }
  }

  void build_rest(Compilation& c) {
    if (std::none_of(g_.outputs().begin(), g_.outputs().end(), [&](const auto& o) { return part_of(o.value) == Part::rest; })) return;
    auto rest = std::make_shared<Graph>();
    Edit edit(*rest);
    std::unordered_map<std::int32_t, ValueId> mapped;
    const auto map_value = [&](ValueId v) -> ValueId {
      if (!v.valid()) return v;
      if (const auto it = mapped.find(v.index); it != mapped.end()) return it->second;
      if (g_.constant(v).defined()) return mapped[v.index] = edit.constant(g_.constant(v), g_[v].name);
      c.rest_inputs.push_back(source(v));
      return mapped[v.index] = edit.input(g_[v].name, g_.type(v));
    };
    for (NodeId id : g_.order()) {
      if (part_[place_of(id)] != Part::rest) continue;
      const Node& node = g_[id];
      std::vector<ValueId> inputs;
      for (ValueId in : node.inputs) inputs.push_back(map_value(in));
      const auto outputs = edit.node(node.op, std::move(inputs), node.name);
      for (std::size_t i = 0; i < outputs.size(); ++i) mapped[node.outputs[i].index] = outputs[i];
    }
    for (const auto& out : g_.outputs())
      if (part_of(out.value) == Part::rest && !from_.contains(out.value.index)) {
        from_[out.value.index] = {Source::From::rest, rest->outputs().size(), {}};
        edit.output(mapped.at(out.value.index), out.name);
      }
    edit.remove_dead();
    c.rest = std::make_shared<Program>(machine_, std::move(rest));
  }

  Source source(ValueId v) const {
    if (const auto it = from_.find(v.index); it != from_.end()) return it->second;
    SACCADE_ASSERT(g_.constant(v).defined());
    return {Source::From::constant, 0, g_.constant(v)};
  }

  const Graph& g_;
  std::shared_ptr<Machine> machine_;
  std::vector<Part> part_;
  std::unordered_map<std::int32_t, Source> from_;
  bool whole_ = false;
};

}  // namespace

Graph specialise(const Graph& graph, std::span<const Shape> shapes) {
  SACCADE_CHECK(shapes.size() == graph.inputs().size(), invalid_argument, "the graph has {} inputs, not {}", graph.inputs().size(), shapes.size());
  Graph copy = graph;
  Edit edit(copy);
  bool changed = false;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const ValueId v = graph.inputs()[i];
    const graph::TensorType& type = graph.type(v);
    ErrorContext scope("input", graph[v].name);
    try {
      graph::meet(type.shape, graph::PartialShape(shapes[i]));
    } catch (const Error&) {
      fail(ErrorCode::invalid_argument, "shape {} does not suit {}", to_string(shapes[i]), to_string(type));
    }
    if (type.is_static()) continue;
    changed = true;
    edit.set_fact(v, graph::Fact(type.element, graph::PartialShape(shapes[i])));
  }
  if (changed) {
    edit.infer_all();
    passes::optimise(copy);
  }
  return copy;
}

Program::Program(std::shared_ptr<Machine> machine, std::shared_ptr<const Graph> graph, State state)
    : machine_(std::move(machine)), graph_(state == State::prepared ? std::move(graph) : widen_half(std::move(graph))) {}

std::shared_ptr<const Compilation> Program::compile_for(std::span<const Tensor> inputs) {
  {
    std::scoped_lock lock(mutex_);
    const auto fits = [&](const Entry& e) {
      return std::equal(e.shapes.begin(), e.shapes.end(), inputs.begin(), inputs.end(), [](const Shape& s, const Tensor& t) { return s == t.shape(); });
    };
    const auto it = std::find_if(recent_.begin(), recent_.end(), fits);
    if (it != recent_.end()) {
      recent_.splice(recent_.begin(), recent_, it);
      return it->compilation;
    }
  }
  std::vector<Shape> shapes;
  for (const Tensor& t : inputs) shapes.push_back(t.shape());
  return compile(shapes);
}

std::shared_ptr<const Compilation> Program::compile(std::span<const Shape> shapes) {
  const Graph special = specialise(*graph_, shapes);
  auto compilation = Cutter(special, machine_).cut();
  std::scoped_lock lock(mutex_);
  recent_.push_front({std::vector<Shape>(shapes.begin(), shapes.end()), compilation});
  if (recent_.size() > kMaxCompilations) recent_.pop_back();
  return compilation;
}

}  // namespace saccade::plan
