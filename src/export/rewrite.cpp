// SPDX-License-Identifier: Apache-2.0
// Applying rules to a copy of a graph until none applies.
#include "export/rewrite.h"

#include <unordered_map>

#include "ops/convert.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/reshape.h"
#include "ops/shape_of.h"
#include "ops/transpose.h"
#include "tensor/numeric.h"

namespace saccade::exporter {
namespace {

// Shows only the bodies of an operator.
class BodyVisitor final : public graph::FieldVisitor {
 public:
  std::function<void(graph::GraphPtr&)> visit;

 protected:
  void integer(std::string_view, std::int64_t&) override {}
  void real(std::string_view, double&) override {}
  void boolean(std::string_view, bool&) override {}
  void text(std::string_view, std::string&) override {}
  void integers(std::string_view, std::vector<std::int64_t>&) override {}
  void reals(std::string_view, std::vector<double>&) override {}
  void texts(std::string_view, std::vector<std::string>&) override {}
  void element_type(std::string_view, ElementType&) override {}
  void tensor(std::string_view, Tensor&) override {}
  void graph(std::string_view, graph::GraphPtr& value) override { visit(value); }
  void enumeration(std::string_view, std::int64_t&, std::span<const std::string_view>) override {}
};

constexpr std::size_t kMostNodes = 50'000'000;

}  // namespace

std::size_t Rewriting::rank(ValueId v) const {
  if (!type(v).shape.ranked()) inexpressible("an input of unknown rank");
  return type(v).shape.rank();
}

Tensor Rewriting::constant(std::size_t i) const { return has(i) ? edit.graph().constant(in(i)) : Tensor(); }

std::optional<std::vector<std::int64_t>> Rewriting::integers(std::size_t i) const {
  const Tensor t = constant(i);
  if (!t.defined()) return std::nullopt;
  return to_i64(t);
}

ValueId Rewriting::scalar(ElementType element, double value) {
  return edit.constant(ops::convert(Tensor::scalar<double>(value), element));
}
ValueId Rewriting::i64(std::span<const std::int64_t> values) {
  return edit.constant(Tensor::from<std::int64_t>({static_cast<std::int64_t>(values.size())}, values));
}
ValueId Rewriting::i64_scalar(std::int64_t value) { return edit.constant(Tensor::scalar<std::int64_t>(value)); }

ValueId Rewriting::add(ValueId a, ValueId b) { return op(ops::Binary{ops::BinaryKind::Add}, {a, b}); }
ValueId Rewriting::subtract(ValueId a, ValueId b) { return op(ops::Binary{ops::BinaryKind::Subtract}, {a, b}); }
ValueId Rewriting::multiply(ValueId a, ValueId b) { return op(ops::Binary{ops::BinaryKind::Multiply}, {a, b}); }
ValueId Rewriting::divide(ValueId a, ValueId b) { return op(ops::Binary{ops::BinaryKind::Divide}, {a, b}); }
ValueId Rewriting::convert(ValueId v, ElementType element) { return type(v).element == element ? v : op(ops::Convert{element}, {v}); }
ValueId Rewriting::reshape(ValueId v, std::initializer_list<std::int64_t> shape) { return op(ops::Reshape{}, {v, i64(shape)}); }
ValueId Rewriting::transpose(ValueId v, std::span<const std::int64_t> order) { return op(ops::Transpose{}, {v, i64(order)}); }
ValueId Rewriting::shape_of(ValueId v) { return op(ops::ShapeOf{}, {v}); }
ValueId Rewriting::dimension_of(ValueId v, std::int64_t axis) { return op(ops::Gather{}, {shape_of(v), i64({axis}), i64_scalar(0)}); }

Op with_bodies(const Op& op, const std::function<graph::GraphPtr(const graph::Graph&)>& change) {
  BodyVisitor visitor;
  visitor.visit = [&](graph::GraphPtr& body) {
    if (body) body = change(*body);
  };
  return op.edited(visitor);
}

bool has_bodies(const Op& op) {
  BodyVisitor visitor;
  bool found = false;
  visitor.visit = [&](graph::GraphPtr& body) { found = found || body != nullptr; };
  op.visit(visitor);
  return found;
}

graph::Graph rewrite(const graph::Graph& source, std::span<const RuleRow> rows, int level, Problems& problems) {
  std::unordered_map<std::string_view, Rule> rules;
  for (const RuleRow& row : rows) rules.emplace(row.op, row.rule);
  graph::Graph graph = source;
  Edit edit(graph);
  edit.remove_dead();
  for (std::size_t i = 0; i < graph.node_limit(); ++i) {
    SACCADE_CHECK(i < kMostNodes, unsupported, "the graph is too large to be rewritten");
    const graph::NodeId id{static_cast<std::int32_t>(i)};
    if (!graph[id].alive) continue;
    const std::string node_name = graph[id].name, op_name(graph[id].op.name());
    try {
      ErrorContext scope(op_name, node_name);
      if (has_bodies(graph[id].op)) {
        Op replaced = with_bodies(graph[id].op, [&](const graph::Graph& body) { return std::make_shared<const graph::Graph>(rewrite(body, rows, level, problems)); });
        edit.set_op(id, std::move(replaced));
      }
      const auto rule = rules.find(graph[id].op.name());
      if (rule == rules.end()) continue;
      Rewriting rewriting(edit, id, level);
      const Values outputs = rule->second(rewriting);
      if (outputs.empty()) continue;
      const Values before = graph[id].outputs;
      for (std::size_t k = 0; k < outputs.size() && k < before.size(); ++k)
        if (outputs[k].valid()) {
          // what is known of the old value holds for the new one, which may be less talkative
          graph::Fact fact = graph.fact(before[k]);
          const bool keep = graph[outputs[k]].producer.valid() && graph.type(outputs[k]).element == fact.type.element;
          edit.replace(before[k], outputs[k]);
          if (keep) edit.set_fact(outputs[k], std::move(fact));
        }
    } catch (const Error& e) {
      if (e.code() != ErrorCode::unsupported) throw;
      problems.add(op_name, std::string(e.message()), node_name.empty() ? graph[graph[id].outputs.at(0)].name : node_name);
    }
  }
  edit.remove_dead();
  return graph;
}

}  // namespace saccade::exporter
