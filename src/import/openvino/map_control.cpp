// SPDX-License-Identifier: Apache-2.0
// If, Loop and TensorIterator. Bodies of IR are closed: port maps say what goes in and out.
#include <algorithm>
#include <numeric>

#include "graph/edit.h"
#include "import/openvino/map.h"
#include "ops/control_flow.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/range.h"
#include "ops/reshape.h"
#include "tensor/numeric.h"

namespace saccade::openvino {
namespace {

using i64 = std::int64_t;
using graph::Dimension;

Values if_(LayerContext& c) {
  ops::If op;
  Values inputs{c.in(0)};
  if (c.type(c.in(0)).shape.ranked() && c.rank(0) == 1) inputs[0] = c.reshaped(c.in(0), {});
  const std::size_t n = c.outputs();
  for (const bool branch : {true, false}) {
    const char *map = branch ? "then_port_map" : "else_port_map", *element = branch ? "then_body" : "else_body";
    BodySpec spec;
    for (const PortMap& line : c.port_map(map, "input")) {
      const ValueId value = c.in(c.input_at(line.external));
      spec.inputs.push_back({line.internal, fmt::format("in{}", spec.inputs.size()), c.type(value)});
      inputs.push_back(value);
    }
    spec.outputs.assign(n, -1);
    for (const PortMap& line : c.port_map(map, "output")) spec.outputs.at(c.output_at(line.external)) = line.internal;
    for (const i64 id : spec.outputs)
      if (id < 0) c.invalid("an output that a branch does not give");
    (branch ? op.then_body : op.else_body) = c.body(element, spec);
  }
  return c.node(op, inputs);
}

// A dimension of n·p as [n, p].
ValueId split_axis(LayerContext& c, ValueId x, i64 axis, i64 part) {
  if (part == 1) return c.op(ops::Unsqueeze{}, {x, c.i64({axis + 1})});
  const PartialShape shape = c.type(x).shape;
  std::vector<i64> target;
  for (std::size_t d = 0; d < shape.rank(); ++d) {
    if (static_cast<i64>(d) == axis) {
      if (!shape[d].is_static() || shape[d].size() % part != 0) c.unsupported("slices of {} from {}", part, to_string(shape[d]));
      target.push_back(shape[d].size() / part);
      target.push_back(part);
    } else {
      if (!shape[d].is_static()) c.unsupported("slices of {} with sizes that are not known before a run", part);
      target.push_back(shape[d].size());
    }
  }
  return c.reshaped(x, target);
}

// [.., n, p, ..] as [.., n·p, ..].
ValueId joined_axis(LayerContext& c, ValueId x, i64 axis) {
  const PartialShape shape = c.type(x).shape;
  const auto a = static_cast<std::size_t>(axis);
  if (shape[a + 1].is_static() && shape[a + 1].size() == 1) return c.op(ops::Squeeze{}, {x, c.i64({axis + 1})});
  std::vector<i64> target;
  bool open = false;
  for (std::size_t d = 0; d < shape.rank(); ++d) {
    if (d == a + 1) continue;
    if (d == a || !shape[d].is_static()) {
      if (open) c.unsupported("joined slices with sizes that are not known before a run");
      open = true;
      target.push_back(-1);
    } else {
      target.push_back(shape[d].size());
    }
  }
  return c.reshaped(x, target);
}

bool forward(LayerContext& c, const PortMap& line) {
  if (line.part_size < 1) c.invalid("slices of {}", line.part_size);
  if (line.start == 0 && line.end == -1 && line.stride == line.part_size) return true;
  if (line.start == -1 && line.end == 0 && line.stride == -line.part_size) return false;
  c.unsupported("slices from {} to {} in steps of {}", line.start, line.end, line.stride);
}

// Types of what the body hands to its own next run must hold for every run: dimensions that change are unknown.
template <class Build>
GraphPtr stable_body(BodySpec& spec, std::size_t first, std::size_t n, std::size_t first_output, Build&& build) {
  for (int attempt = 0;; ++attempt) {
    GraphPtr body = build();
    bool stable = true;
    for (std::size_t k = 0; k < n; ++k) {
      PartialShape& in = spec.inputs[first + k].type.shape;
      const PartialShape& out = body->type(body->outputs().at(first_output + k).value).shape;
      const PartialShape both = graph::common(in, out);
      if (both == in) continue;
      stable = false;
      PartialShape wider;
      if (both.ranked() && attempt == 0) {
        wider = both;
        for (std::size_t d = 0; d < wider.rank(); ++d)
          if (!(in[d] == out[d])) wider[d] = Dimension::unknown();
      }
      in = wider;
    }
    if (stable || attempt == 2) return body;
  }
}

struct PortMaps {
  std::vector<PortMap> inputs, outputs;
  std::vector<std::pair<i64, i64>> back;

  std::optional<i64> carried_from(i64 parameter) const {
    for (const auto& [from, to] : back)
      if (to == parameter) return from;
    return std::nullopt;
  }
};

TensorType slice_type(LayerContext& c, ValueId x, const PortMap& line) {
  TensorType type = c.type(x);
  if (!type.shape.ranked()) c.unsupported("slices of data of unknown rank");
  const auto rank = static_cast<i64>(type.shape.rank());
  const i64 axis = *line.axis < 0 ? *line.axis + rank : *line.axis;
  if (axis < 0 || axis >= rank) c.invalid("axis {} for rank {}", *line.axis, rank);
  type.shape[static_cast<std::size_t>(axis)] = Dimension::fixed(line.part_size);
  return type;
}

i64 axis_of(LayerContext& c, const PortMap& line, std::size_t rank) {
  const i64 axis = *line.axis < 0 ? *line.axis + static_cast<i64>(rank) : *line.axis;
  if (axis < 0 || axis >= static_cast<i64>(rank)) c.invalid("axis {} for rank {}", *line.axis, rank);
  return axis;
}

std::size_t ranked(LayerContext& c, const TensorType& type) {
  if (!type.shape.ranked()) c.unsupported("joined slices of unknown rank");
  return type.shape.rank();
}

PortMaps maps_of(LayerContext& c) { return {c.port_map("port_map", "input"), c.port_map("port_map", "output"), c.back_edges()}; }

// Zeros to begin with for what is given out as the last run left it, and does not come back.
ValueId placeholder(LayerContext& c, const TensorType& type) {
  if (!type.is_static()) c.unsupported("the last value of something whose shape is not known before a run");
  return c.constant_of(Tensor(type.element, type.shape.shape()));
}

Values tensor_iterator(LayerContext& c) {
  const PortMaps maps = maps_of(c);
  BodySpec spec;
  ops::Scan op;
  Values states, scanned, captures;
  std::vector<BodySpec::Input> state_inputs, slice_inputs, capture_inputs;
  std::vector<i64> state_results;
  for (const PortMap& line : maps.inputs) {
    const ValueId value = c.in(c.input_at(line.external));
    if (const auto from = maps.carried_from(line.internal)) {
      states.push_back(value);
      state_inputs.push_back({line.internal, fmt::format("state{}", states.size() - 1), c.type(value)});
      state_results.push_back(*from);
    } else if (line.axis) {
      const i64 axis = axis_of(c, line, c.rank(value));
      op.input_directions.push_back(forward(c, line) ? 0 : 1);
      op.input_axes.push_back(axis);
      slice_inputs.push_back({line.internal, fmt::format("slice{}", scanned.size()), slice_type(c, value, line)});
      scanned.push_back(split_axis(c, value, axis, line.part_size));
    } else {
      captures.push_back(value);
      capture_inputs.push_back({line.internal, fmt::format("capture{}", captures.size() - 1), c.type(value)});
    }
  }
  if (scanned.empty()) c.unsupported("a TensorIterator without slices");
  // what is given out as the last run left it is a state as well
  std::vector<i64> last_results;
  for (const PortMap& line : maps.outputs)
    if (!line.axis && std::find(state_results.begin(), state_results.end(), line.internal) == state_results.end()) last_results.push_back(line.internal);
  spec.inputs = state_inputs;
  for (const auto* more : {&slice_inputs, &capture_inputs}) spec.inputs.insert(spec.inputs.end(), more->begin(), more->end());
  std::vector<i64> slices;
  for (const PortMap& line : maps.outputs)
    if (line.axis) slices.push_back(line.internal);
  spec.outputs = state_results;
  spec.outputs.insert(spec.outputs.end(), last_results.begin(), last_results.end());
  spec.outputs.insert(spec.outputs.end(), slices.begin(), slices.end());
  const std::size_t carried = states.size();
  GraphPtr body = stable_body(spec, 0, carried, 0, [&] { return c.body("body", spec); });
  if (!last_results.empty()) {
    // the body is built again, with inputs that it does not read
    std::vector<BodySpec::Input> extra;
    for (std::size_t k = 0; k < last_results.size(); ++k) {
      const TensorType& type = body->type(body->outputs().at(carried + k).value);
      extra.push_back({-1, fmt::format("last{}", k), type});
      states.push_back(placeholder(c, type));
    }
    spec.inputs.insert(spec.inputs.begin() + static_cast<std::ptrdiff_t>(carried), extra.begin(), extra.end());
    body = c.body("body", spec);
  }
  op.body = body;
  op.num_states = static_cast<i64>(states.size());
  op.num_scan_inputs = static_cast<i64>(scanned.size());
  for (const PortMap& line : maps.outputs)
    if (line.axis) {
      const std::size_t k = op.output_axes.size();
      op.output_axes.push_back(axis_of(c, line, ranked(c, body->type(body->outputs().at(states.size() + k).value))));
      op.output_directions.push_back(forward(c, line) ? 0 : 1);
    }
  Values inputs = states;
  inputs.insert(inputs.end(), scanned.begin(), scanned.end());
  inputs.insert(inputs.end(), captures.begin(), captures.end());
  const Values out = c.node(op, inputs);
  Values result(c.outputs());
  std::size_t slice = 0;
  std::vector<i64> all_states = state_results;
  all_states.insert(all_states.end(), last_results.begin(), last_results.end());
  for (const PortMap& line : maps.outputs) {
    ValueId& slot = result.at(c.output_at(line.external));
    if (line.axis) {
      slot = joined_axis(c, out.at(states.size() + slice), op.output_axes[slice]);
      ++slice;
    } else {
      slot = out.at(static_cast<std::size_t>(std::find(all_states.begin(), all_states.end(), line.internal) - all_states.begin()));
    }
  }
  for (const ValueId v : result)
    if (!v.valid()) c.invalid("an output that no port map names");
  return result;
}

// Loop's slices are taken by the number of the run: the body gets the whole tensor and gathers.
GraphPtr with_gathered_slices(const GraphPtr& source, std::size_t first, std::span<const PortMap> lines, std::span<const TensorType> whole) {
  if (lines.empty()) return source;
  auto graph = std::make_shared<graph::Graph>(*source);
  Edit edit(*graph);
  const ValueId iteration = graph->inputs().at(0);
  std::vector<ValueId> slices;
  for (std::size_t k = 0; k < lines.size(); ++k) slices.push_back(graph->inputs().at(first + k));
  for (std::size_t k = 0; k < lines.size(); ++k) {
    const PortMap& line = lines[k];
    const ValueId all = edit.input(fmt::format("sliced{}", k), whole[k]);
    const auto constant = [&](i64 v) { return edit.constant(Tensor::scalar(v)); };
    ValueId index = iteration;
    if (line.stride < 0) index = edit(ops::Binary{ops::BinaryKind::Subtract}, {constant(-1), iteration});
    const auto rank = static_cast<i64>(whole[k].shape.rank());
    const i64 axis = *line.axis < 0 ? *line.axis + rank : *line.axis;
    const ValueId taken = edit(ops::Gather{}, {all, index, constant(axis)});
    edit.replace(slices[k], edit(ops::Unsqueeze{}, {taken, edit.constant(Tensor::from<i64>({1}, {axis}))}));
  }
  for (const ValueId v : slices) edit.bind_input(v, Tensor(ElementType::u8, {0}));
  edit.remove_dead();
  return graph;
}

Values loop(LayerContext& c) {
  const PortMaps maps = maps_of(c);
  i64 iteration = -1, condition = -1, condition_input = -1;
  for (const PortMap& line : maps.inputs)
    if (line.purpose == "current_iteration") iteration = line.internal;
  for (const PortMap& line : maps.outputs)
    if (line.purpose == "execution_condition") condition = line.internal;
  if (condition < 0) c.invalid("a Loop without a condition");
  BodySpec spec;
  Values carried, captures, sliced;
  std::vector<BodySpec::Input> carried_inputs, capture_inputs, slice_inputs;
  std::vector<PortMap> slice_lines;
  std::vector<TensorType> whole;
  std::vector<i64> results;
  for (const PortMap& line : maps.inputs) {
    if (line.purpose == "current_iteration") continue;
    const ValueId value = c.in(c.input_at(line.external));
    const auto from = maps.carried_from(line.internal);
    if (from && *from == condition && condition_input < 0) {
      condition_input = line.internal;
    } else if (from) {
      carried.push_back(value);
      carried_inputs.push_back({line.internal, fmt::format("carried{}", carried.size() - 1), c.type(value)});
      results.push_back(*from);
    } else if (line.axis) {
      forward(c, line);
      if (line.part_size != 1) c.unsupported("slices of {} in a Loop", line.part_size);
      slice_lines.push_back(line);
      slice_inputs.push_back({line.internal, fmt::format("slice{}", sliced.size()), slice_type(c, value, line)});
      whole.push_back(c.type(value));
      sliced.push_back(value);
    } else {
      captures.push_back(value);
      capture_inputs.push_back({line.internal, fmt::format("capture{}", captures.size() - 1), c.type(value)});
    }
  }
  std::vector<i64> last;
  std::vector<PortMap> stacked;
  for (const PortMap& line : maps.outputs) {
    if (line.purpose == "execution_condition" && line.external < 0) continue;
    if (line.axis) stacked.push_back(line);
    else if (std::find(results.begin(), results.end(), line.internal) == results.end() && std::find(last.begin(), last.end(), line.internal) == last.end()) last.push_back(line.internal);
  }
  // The condition may have one element; the graph's is a scalar.
  const TensorType i64_scalar{ElementType::i64, PartialShape(Shape{})}, flag{ElementType::boolean, PartialShape(Shape{})};
  const auto like_parameter = [&](TensorType type, i64 parameter) {
    if (parameter >= 0 && c.parameter_type("body", parameter).shape.ranked() && c.parameter_type("body", parameter).shape.rank() == 1) type.shape = PartialShape(Shape{1});
    return type;
  };
  const bool long_iteration = iteration >= 0 && !(like_parameter(i64_scalar, iteration) == i64_scalar), long_condition = condition_input >= 0 && !(like_parameter(flag, condition_input) == flag);
  if (long_iteration || long_condition) c.unsupported("a counter or a condition of rank 1 in the body");
  if (iteration >= 0 && c.parameter_type("body", iteration).element != ElementType::i64) c.unsupported("a counter of type {}", to_string(c.parameter_type("body", iteration).element));
  const auto all_inputs = [&](std::span<const BodySpec::Input> extra) {
    spec.inputs = {{iteration, "iteration", i64_scalar}, {condition_input, "condition", flag}};
    spec.inputs.insert(spec.inputs.end(), carried_inputs.begin(), carried_inputs.end());
    spec.inputs.insert(spec.inputs.end(), extra.begin(), extra.end());
    for (const auto* more : {&capture_inputs, &slice_inputs}) spec.inputs.insert(spec.inputs.end(), more->begin(), more->end());
  };
  all_inputs({});
  spec.outputs = {condition};
  spec.outputs.insert(spec.outputs.end(), results.begin(), results.end());
  spec.outputs.insert(spec.outputs.end(), last.begin(), last.end());
  for (const PortMap& line : stacked) spec.outputs.push_back(line.internal);
  GraphPtr body = stable_body(spec, 2, carried.size(), 1, [&] { return c.body("body", spec); });
  if (!last.empty()) {
    std::vector<BodySpec::Input> extra;
    for (std::size_t k = 0; k < carried_inputs.size(); ++k) carried_inputs[k].type = spec.inputs[2 + k].type;
    const std::size_t before = carried.size();
    for (std::size_t k = 0; k < last.size(); ++k) {
      const TensorType& type = body->type(body->outputs().at(1 + before + k).value);
      extra.push_back({-1, fmt::format("last{}", k), type});
      carried.push_back(placeholder(c, type));
    }
    all_inputs(extra);
    body = c.body("body", spec);
  }
  // a condition of one element
  if (const TensorType& type = body->type(body->outputs().at(0).value); type.shape.ranked() && type.shape.rank() == 1) {
    auto changed = std::make_shared<graph::Graph>(*body);
    Edit edit(*changed);
    auto outputs = changed->outputs();
    outputs[0].value = edit(ops::Reshape{}, {outputs[0].value, edit.constant(Tensor(ElementType::i64, {0}))});
    edit.set_outputs(outputs);
    body = changed;
  }
  body = with_gathered_slices(body, 2 + carried.size() + captures.size(), slice_lines, whole);
  ops::Loop op{body, static_cast<i64>(carried.size())};
  Values inputs(2);
  // a negative count is none
  const auto trips = c.integers(0);
  if (!(trips && trips->size() == 1 && (*trips)[0] < 0)) {
    inputs[0] = c.converted(c.in(0), ElementType::i64);
    if (c.type(inputs[0]).shape.ranked() && c.type(inputs[0]).shape.rank() == 1) inputs[0] = c.reshaped(inputs[0], {});
  }
  inputs[1] = c.in(1);
  if (c.type(inputs[1]).shape.ranked() && c.type(inputs[1]).shape.rank() == 1) inputs[1] = c.reshaped(inputs[1], {});
  inputs.insert(inputs.end(), carried.begin(), carried.end());
  inputs.insert(inputs.end(), captures.begin(), captures.end());
  inputs.insert(inputs.end(), sliced.begin(), sliced.end());
  const Values out = c.node(op, inputs);
  std::vector<i64> all = results;
  all.insert(all.end(), last.begin(), last.end());
  Values result(c.outputs());
  std::size_t slice = 0;
  for (const PortMap& line : maps.outputs) {
    if (line.external < 0) continue;
    ValueId& slot = result.at(c.output_at(line.external));
    if (!line.axis) {
      slot = out.at(static_cast<std::size_t>(std::find(all.begin(), all.end(), line.internal) - all.begin()));
      continue;
    }
    ValueId stack = out.at(all.size() + slice++);  // [n, slice…]
    const std::size_t rank = c.rank(stack) - 1;
    const i64 axis = axis_of(c, line, rank);
    if (!forward(c, line)) c.unsupported("joined slices in reverse order in a Loop");
    if (axis > 0) {
      std::vector<i64> order;
      for (i64 d = 1; d <= axis; ++d) order.push_back(d);
      order.push_back(0);
      for (i64 d = axis + 1; d <= static_cast<i64>(rank); ++d) order.push_back(d);
      stack = c.transposed(stack, order);
    }
    slot = joined_axis(c, stack, axis);
  }
  for (const ValueId v : result)
    if (!v.valid()) c.invalid("an output that no port map names");
  return result;
}

constexpr Row kControlRows[] = {
    {"If", 8, if_},
    {"Loop", 5, loop},
    {"TensorIterator", 1, tensor_iterator},
};

}  // namespace

std::span<const Row> control_rows() { return kControlRows; }

}  // namespace saccade::openvino
