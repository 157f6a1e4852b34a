// SPDX-License-Identifier: Apache-2.0
// ONNX's control flow. Sub-graphs are built with the types that their inputs have in every iteration.
#include "import/onnx/map.h"
#include "ops/control_flow.h"
#include "tensor/numeric.h"

namespace saccade::onnx {
namespace {

using Values = std::vector<ValueId>;

// Only the branch that runs becomes part of the graph.
Values taken_branch(NodeContext& c, const Tensor& condition) {
  if (condition.size() != 1) c.invalid("a condition of {} elements", condition.size());
  c.ignore({"then_branch", "else_branch"});
  return c.inlined(element_as_i64(condition, 0) != 0 ? "then_branch" : "else_branch");
}

Values if_(NodeContext& c) {
  if (const Tensor* condition = c.constant(0)) return taken_branch(c, *condition);
  Body yes, no;
  try {
    yes = c.g("then_branch");
    no = c.g("else_branch");
  } catch (const Error& e) {
    // branches for other ranks need not make sense for the one at hand
    const Tensor& known = c.fact(0).constant;
    if (e.code() != ErrorCode::invalid_model || !known.defined()) throw;
    return taken_branch(c, known);
  }
  Values inputs{c.in(0)};
  inputs.insert(inputs.end(), yes.captures.begin(), yes.captures.end());
  inputs.insert(inputs.end(), no.captures.begin(), no.captures.end());
  return c.node(ops::If{yes.graph, no.graph}, inputs);
}

// The body for values that it hands to its own next run, types[first, first + n) at first: outputs [first_output, first_output + n)
// become inputs. Built again with wider types until they stay as they are.
Body stable_body(NodeContext& c, std::vector<TensorType> types, std::size_t first, std::size_t first_output, std::size_t n) {
  for (int attempt = 0;; ++attempt) {
    Body body = c.g("body", types);
    if (body.graph->outputs().size() < first_output + n) c.invalid("the body gives {} outputs for {} carried values", body.graph->outputs().size(), n);
    bool stable = true;
    for (std::size_t i = 0; i < n; ++i) {
      PartialShape& in = types[first + i].shape;
      const TensorType& out = body.graph->type(body.graph->outputs()[first_output + i].value);
      const PartialShape both = common(in, out.shape);
      if (both == in) continue;
      stable = false;
      PartialShape wider;
      if (both.ranked() && attempt == 0) {
        wider = both;
        for (std::size_t d = 0; d < wider.rank(); ++d)
          if (!(in[d] == out.shape[d])) wider[d] = graph::Dimension::unknown();
      }
      in = wider;
    }
    if (stable || attempt == 2) return body;
  }
}

TensorType type_of(const NodeContext& c, std::size_t i) { return c.fact(i).type; }

Values loop(NodeContext& c) {
  const std::size_t formal = c.body_inputs("body");
  if (formal < 2) c.invalid("a loop body with {} inputs", formal);
  const std::size_t carried = formal - 2;
  if (c.count() > 2 + carried) c.invalid("{} inputs for {} carried values", c.count(), carried);
  std::vector<TensorType> types{{ElementType::i64, PartialShape(Shape{})}, {ElementType::boolean, PartialShape(Shape{})}};
  Values inputs{c.maybe(0), c.maybe(1)};
  for (std::size_t i = 0; i < carried; ++i) {
    types.push_back(type_of(c, 2 + i));
    inputs.push_back(c.in(2 + i));
  }
  const Body body = stable_body(c, types, 2, 1, carried);
  inputs.insert(inputs.end(), body.captures.begin(), body.captures.end());
  return c.node(ops::Loop{body.graph, static_cast<std::int64_t>(carried)}, inputs);
}

TensorType without_axis(const NodeContext& c, TensorType type, std::int64_t axis) {
  if (!type.shape.ranked()) return type;
  std::vector<graph::Dimension> dims = type.shape.dimensions();
  const auto rank = static_cast<std::int64_t>(dims.size());
  if (axis < -rank || axis >= rank) c.invalid("axis {} for rank {}", axis, rank);
  dims.erase(dims.begin() + static_cast<std::ptrdiff_t>(axis < 0 ? axis + rank : axis));
  return {type.element, PartialShape(std::move(dims))};
}

std::int64_t at_or_zero(const std::vector<std::int64_t>& values, std::size_t i) { return i < values.size() ? values[i] : 0; }

std::size_t scanned_inputs(NodeContext& c, std::size_t inputs) {
  const std::int64_t n = c.i("num_scan_inputs");
  if (n < 1 || static_cast<std::size_t>(n) > inputs) c.invalid("{} scan inputs among {}", n, inputs);
  return static_cast<std::size_t>(n);
}

Values scan(NodeContext& c) {
  const std::size_t scanned = scanned_inputs(c, c.count()), states = c.count() - scanned;
  ops::Scan op;
  op.num_states = static_cast<std::int64_t>(states);
  op.num_scan_inputs = static_cast<std::int64_t>(scanned);
  op.input_axes = c.ints("scan_input_axes", {});
  op.input_directions = c.ints("scan_input_directions", {});
  op.output_axes = c.ints("scan_output_axes", {});
  op.output_directions = c.ints("scan_output_directions", {});
  std::vector<TensorType> types;
  for (std::size_t i = 0; i < states; ++i) types.push_back(type_of(c, i));
  for (std::size_t i = 0; i < scanned; ++i) types.push_back(without_axis(c, type_of(c, states + i), at_or_zero(op.input_axes, i)));
  const Body body = stable_body(c, types, 0, 0, states);
  op.body = body.graph;
  Values inputs = c.inputs();
  inputs.insert(inputs.end(), body.captures.begin(), body.captures.end());
  return c.node(op, inputs);
}

// Version 8 has a batch: everything is scanned along it by an outer Scan, whose body is the Scan proper.
Values scan_8(NodeContext& c) {
  if (c.has(0)) c.unsupported("sequence lengths");
  const std::size_t scanned = scanned_inputs(c, c.count() - 1), states = c.count() - 1 - scanned;
  ops::Scan inner, outer;
  inner.num_states = static_cast<std::int64_t>(states);
  inner.num_scan_inputs = static_cast<std::int64_t>(scanned);
  inner.input_directions = c.ints("directions", {});
  std::vector<TensorType> types, batch;
  for (std::size_t i = 0; i < states + scanned; ++i) {
    batch.push_back(without_axis(c, type_of(c, 1 + i), 0));
    types.push_back(i < states ? batch.back() : without_axis(c, batch.back(), 0));
  }
  const Body body = stable_body(c, types, 0, 0, states);
  inner.body = body.graph;
  auto graph = std::make_shared<graph::Graph>();
  Edit edit(*graph);
  Values inner_inputs, inputs;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    inner_inputs.push_back(edit.input(fmt::format("in{}", i), batch[i]));
    inputs.push_back(c.in(1 + i));
  }
  for (ValueId capture : body.captures) {
    inner_inputs.push_back(edit.input(fmt::format("in{}", inputs.size()), c.edit.graph().type(capture)));
    inputs.push_back(capture);
  }
  for (ValueId out : edit.node(inner, inner_inputs)) edit.output(out, fmt::format("out{}", graph->outputs().size()));
  outer.body = graph;
  outer.num_scan_inputs = static_cast<std::int64_t>(batch.size());
  return c.node(outer, inputs);
}

constexpr Row kControlRows[] = {
    {"", "If", 1, if_},
    {"", "Loop", 1, loop},
    {"", "Scan", 8, scan_8},
    {"", "Scan", 9, scan},
};

}  // namespace

std::span<const Row> control_rows() { return kControlRows; }

}  // namespace saccade::onnx
