// SPDX-License-Identifier: Apache-2.0
// TFLite's sub-graphs: calls, branches, loops.
#include "import/tflite/map.h"
#include "ops/control_flow.h"
#include "ops/select.h"

namespace saccade::tflite {
namespace {

Values inputs_from(OperatorContext& c, std::size_t first) {
  Values values;
  for (std::size_t i = first; i < c.count(); ++i) values.push_back(c.raw(i));
  return values;
}

ValueId condition_of(const import::NodeBuilder& c, ValueId value) {
  if (c.element(value) != ElementType::boolean) c.invalid("a condition of type {}", to_string(c.element(value)));
  return c.rank(value) == 0 ? value : c.reshape(value, {});
}

Values branch(OperatorContext& c) {
  const Values inputs = inputs_from(c, 1);
  const auto then_index = c.options().integer(if_::then_subgraph), else_index = c.options().integer(if_::else_subgraph);
  const ops::If definition{c.body(then_index, inputs), c.body(else_index, inputs)};
  Values operands{condition_of(c, c.raw(0))};
  operands.insert(operands.end(), inputs.begin(), inputs.end());
  operands.insert(operands.end(), inputs.begin(), inputs.end());
  return c.node(definition, operands);
}

// The condition is asked once before the loop and at the end of every round.
Values loop(OperatorContext& c) {
  const auto cond = c.options().integer(while_::cond_subgraph), round = c.options().integer(while_::body_subgraph);
  const Values start = inputs_from(c, 0);
  const auto asked = [&](graph::Edit& edit, const Values& values) {
    const Values answer = c.inlined_in(edit, cond, values);
    if (answer.size() != 1) c.invalid("a condition of {} values", answer.size());
    return condition_of(import::NodeBuilder(edit, c.name()), answer[0]);
  };
  const auto body_with = [&](const std::vector<PartialShape>& shapes) {
    auto graph = std::make_shared<graph::Graph>();
    graph::Edit inner(*graph);
    inner.input("iteration", {ElementType::i64, PartialShape(Shape{})});
    inner.input("condition", {ElementType::boolean, PartialShape(Shape{})});
    Values carried;
    for (std::size_t i = 0; i < start.size(); ++i)
      carried.push_back(inner.input(fmt::format("carried{}", i), {c.element(start[i]), shapes[i]}));
    const Values next = c.inlined_in(inner, round, carried);
    if (next.size() != start.size()) c.invalid("a body of {} inputs and {} outputs", start.size(), next.size());
    inner.output(asked(inner, next), "condition");
    for (std::size_t i = 0; i < next.size(); ++i) inner.output(next[i], fmt::format("carried{}", i));
    inner.remove_dead();
    return graph;
  };
  // Shapes that a round changes are not known in the rounds behind it.
  std::vector<PartialShape> shapes;
  for (ValueId v : start) shapes.push_back(c.shape(v));
  for (int pass = 0; pass < 8; ++pass) {
    const auto body = body_with(shapes);
    bool stable = true;
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      const auto merged = graph::common(shapes[i], body->type(body->outputs()[i + 1].value).shape);
      if (merged == shapes[i]) continue;
      stable = false;
      // a dimension that grows would grow in every pass
      for (std::size_t d = 0; merged.ranked() && d < merged.rank(); ++d)
        if (merged[d] != shapes[i][d]) shapes[i][d] = graph::Dimension::unknown();
      if (!merged.ranked()) shapes[i] = PartialShape();
    }
    if (!stable) continue;
    Values operands{ValueId{}, asked(c.edit, start)};
    operands.insert(operands.end(), start.begin(), start.end());
    return c.node(ops::Loop{body, static_cast<std::int64_t>(start.size())}, operands);
  }
  c.unsupported("a loop whose shapes do not settle");
}

// The options of a call hold nothing but the sub-graph.
Values call(OperatorContext& c) { return c.inlined(c.options().integer(0), inputs_from(c, 0)); }

Values variables(OperatorContext& c) { c.unsupported("variables: convert the model with its variables frozen to constants"); }
Values tables(OperatorContext& c) { c.unsupported("hash tables"); }
Values random(OperatorContext& c) { c.unsupported("random numbers: convert the model for inference"); }

// A function with a name that a runtime may know; it says itself what it is made of.
Values composite_(OperatorContext& c) { return c.inlined(c.options().integer(composite::decomposition), inputs_from(c, 0)); }

constexpr Row kControlRows[] = {
    {31, "CALL", call},
    {118, "IF", branch},
    {119, "WHILE", loop},
    {129, "CALL_ONCE", variables},
    {136, "HASHTABLE", tables},
    {137, "HASHTABLE_FIND", tables},
    {138, "HASHTABLE_IMPORT", tables},
    {139, "HASHTABLE_SIZE", tables},
    {142, "VAR_HANDLE", variables},
    {143, "READ_VARIABLE", variables},
    {144, "ASSIGN_VARIABLE", variables},
    {146, "RANDOM_STANDARD_NORMAL", random},
    {148, "RANDOM_UNIFORM", random},
    {149, "MULTINOMIAL", random},
    {206, "STABLEHLO_COMPOSITE", composite_},
};

}  // namespace

std::span<const Row> control_rows() { return kControlRows; }

}  // namespace saccade::tflite
