// SPDX-License-Identifier: Apache-2.0
// If, Loop, Scan: bodies run through the reference executor.
#include "ops/control_flow.h"

#include <algorithm>

#include "graph/edit.h"
#include "ops/contents.h"
#include "ops/evaluate_graph.h"

namespace saccade::ops {
namespace {

using graph::Graph;

const Graph& body_of(const graph::GraphPtr& body) {
  SACCADE_CHECK(body, invalid_model, "a body is missing");
  return *body;
}

// Bodies within bodies are inferred again for every guess of the one around them; below this depth the types that the body
// was built with must do.
constexpr int kDeepestInference = 6;
thread_local int inference_depth = 0;

struct DepthScope {
  DepthScope() { ++inference_depth; }
  ~DepthScope() { --inference_depth; }
};

Fact type_only(const Fact& fact) { return Fact(fact.type); }

Fact scalar_fact(ElementType element) { return Fact(element, PartialShape(Shape{})); }

void check_condition(const Fact& fact) {
  SACCADE_CHECK(fact.type.element == ElementType::boolean, invalid_model, "a condition of type {}", to_string(fact.type.element));
}

bool truth(const Tensor& tensor) {
  SACCADE_CHECK(tensor.size() == 1 && tensor.type() == ElementType::boolean, invalid_model, "a condition must be one boolean");
  return *tensor.data<bool>();
}

// Types of values that a body hands to its own next run: widened until the body maps them into themselves. `facts` are the facts of
// all body inputs, those in [first, first + initial.size()) replaced here; returns the facts of the outputs at the fixed point.
std::vector<Fact> fixed_point(const Graph& body, std::vector<Fact>& facts, std::size_t first, std::span<const Fact> initial, std::size_t first_output) {
  for (std::size_t i = 0; i < initial.size(); ++i) facts[first + i] = type_only(initial[i]);
  std::vector<Fact> outputs;
  for (int attempt = 0; attempt < 3; ++attempt) {
    outputs = body_facts(body, facts);
    bool stable = true;
    for (std::size_t i = 0; i < initial.size(); ++i) {
      TensorType& in = facts[first + i].type;
      const TensorType& out = outputs[first_output + i].type;
      SACCADE_CHECK(in.element == out.element, invalid_model, "carried value {} turns from {} to {}", i, to_string(in.element), to_string(out.element));
      const PartialShape both = common(in.shape, out.shape);
      if (both == in.shape) continue;
      stable = false;
      // the second guess gives up the differing dimensions, the last one everything
      PartialShape wider;
      if (both.ranked() && attempt == 0) {
        wider = both;
        for (std::size_t d = 0; d < wider.rank(); ++d)
          if (!(in.shape[d] == out.shape[d])) wider[d] = Dimension::unknown();
      }
      in.shape = wider;
    }
    if (stable) return outputs;
  }
  return outputs;
}

// What a slice gains at an axis when slices are stacked.
PartialShape stacked(const PartialShape& slice, std::int64_t axis, const Dimension& count) {
  if (!slice.ranked()) return {};
  std::vector<Dimension> dims = slice.dimensions();
  dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(normal_axis(axis, dims.size() + 1)), count);
  return PartialShape(std::move(dims));
}

// Slices of one type and shape as one tensor with a new axis.
class Stack {
 public:
  void add(Tensor slice) {
    SACCADE_CHECK(slices_.empty() || (slice.shape() == slices_[0].shape() && slice.type() == slices_[0].type()), invalid_model, "scan outputs of shape {} and {}",
                  to_string(slices_.empty() ? Shape{} : slices_[0].shape()), to_string(slice.shape()));
    slices_.push_back(std::move(slice));
  }
  // `type` gives the shape of no slices at all; unknown dimensions are 0.
  Tensor take(const TensorType& type, std::int64_t axis, bool backward) {
    Shape shape;
    if (!slices_.empty())
      shape = slices_[0].shape();
    else if (type.shape.ranked())
      for (const auto& d : type.shape.dimensions()) shape.push_back(d.is_static() ? d.size() : 0);
    const std::size_t at = normal_axis(axis, shape.size() + 1);
    const Shape slice = shape;
    shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(at), static_cast<std::int64_t>(slices_.size()));
    Tensor out(slices_.empty() ? type.element : slices_[0].type(), shape);
    if (out.size() == 0) return out;
    if (backward) std::reverse(slices_.begin(), slices_.end());
    Strides strides = dense_strides(shape);
    const std::size_t step = static_cast<std::size_t>(strides[at]) * size_in_bytes(out.type());
    strides.erase(strides.begin() + static_cast<std::ptrdiff_t>(at));
    for (std::size_t i = 0; i < slices_.size(); ++i) {
      strided_copy(static_cast<char*>(out.raw()) + i * step, strides, slices_[i].raw(), dense_strides(slice), slice, size_in_bytes(out.type()));
      slices_[i] = Tensor();
    }
    return out;
  }

 private:
  std::vector<Tensor> slices_;
};

// Whether the body of a loop says "go on" whatever happens: its condition output is true, or its unchanged condition input.
bool always_continues(const Graph& body, const Fact& condition_output) {
  if (condition_output.constant.defined() && condition_output.constant.size() == 1) return truth(condition_output.constant);
  return body.outputs()[0].value == body.inputs()[1];
}

struct LoopShape {
  std::size_t carried, captures, scans;
};

LoopShape loop_shape(const Loop& op, std::size_t inputs) {
  const Graph& body = body_of(op.body);
  SACCADE_CHECK(op.num_carried >= 0 && inputs >= 2 && static_cast<std::size_t>(op.num_carried) + 2 <= inputs, invalid_model, "{} carried values among {} inputs", op.num_carried, inputs);
  const auto carried = static_cast<std::size_t>(op.num_carried);
  SACCADE_CHECK(body.inputs().size() == inputs, invalid_model, "the body takes {} inputs, not {}", body.inputs().size(), inputs);
  SACCADE_CHECK(body.outputs().size() >= carried + 1, invalid_model, "the body gives {} outputs for {} carried values", body.outputs().size(), carried);
  return {carried, inputs - 2 - carried, body.outputs().size() - 1 - carried};
}

struct ScanShape {
  std::size_t states, scanned, captures, outputs;
};

ScanShape scan_shape(const Scan& op, std::size_t inputs) {
  const Graph& body = body_of(op.body);
  SACCADE_CHECK(op.num_states >= 0 && op.num_scan_inputs >= 1 && op.num_states <= static_cast<std::int64_t>(inputs) && op.num_scan_inputs <= static_cast<std::int64_t>(inputs) - op.num_states,
                invalid_model, "{} states and {} scan inputs among {} inputs", op.num_states, op.num_scan_inputs, inputs);
  const auto states = static_cast<std::size_t>(op.num_states), scanned = static_cast<std::size_t>(op.num_scan_inputs);
  SACCADE_CHECK(body.inputs().size() == inputs, invalid_model, "the body takes {} inputs, not {}", body.inputs().size(), inputs);
  SACCADE_CHECK(body.outputs().size() >= states, invalid_model, "the body gives {} outputs for {} states", body.outputs().size(), states);
  return {states, scanned, inputs - states - scanned, body.outputs().size() - states};
}

std::int64_t at_or_zero(const std::vector<std::int64_t>& values, std::size_t i) { return i < values.size() ? values[i] : 0; }

Tensor slice_at(const Tensor& data, std::size_t axis, std::int64_t index) {
  Shape shape = data.shape();
  Strides strides = dense_strides(shape);
  const std::int64_t offset = index * strides[axis];
  shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axis));
  strides.erase(strides.begin() + static_cast<std::ptrdiff_t>(axis));
  Tensor out(data.type(), shape);
  const std::size_t bytes = size_in_bytes(data.type());
  if (out.size()) strided_copy(out.raw(), dense_strides(shape), static_cast<const char*>(data.raw()) + static_cast<std::size_t>(offset) * bytes, strides, shape, bytes);
  return out;
}

Cost body_cost(const Graph& body) {
  Cost sum;
  for (graph::NodeId id : body.order()) {
    const Cost c = body[id].op.cost(body.input_facts(body[id]), body.output_facts(body[id]));
    sum.macs += c.macs;
    sum.ops += c.ops;
  }
  return sum;
}

}  // namespace

std::vector<Fact> body_facts(const Graph& body, std::span<const Fact> inputs) {
  SACCADE_CHECK(inputs.size() == body.inputs().size(), invalid_model, "the body takes {} inputs, not {}", body.inputs().size(), inputs.size());
  std::vector<Fact> outputs;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    SACCADE_CHECK(inputs[i].type.element == body.type(body.inputs()[i]).element, invalid_model, "body input {} is {}, not {}", i, to_string(body.type(body.inputs()[i]).element),
                  to_string(inputs[i].type.element));
  }
  if (inference_depth >= kDeepestInference) {
    for (const auto& out : body.outputs()) outputs.push_back(type_only(body.fact(out.value)));
    return outputs;
  }
  DepthScope scope;
  Graph copy = body;
  graph::Edit edit(copy);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Fact fact = inputs[i];
    // a graph input is no constant, but small integers are known by their entries
    if (fact.constant.defined() && is_integer(fact.type.element) && fact.constant.rank() <= 1 && fact.constant.size() <= 64)
      if (const auto entries = known_dimensions(inputs, i)) fact.contents = *entries;
    fact.constant = {};
    if (!inputs[i].type.shape.ranked()) fact.type.shape = body.type(body.inputs()[i]).shape;
    edit.set_fact(copy.inputs()[i], std::move(fact));
  }
  edit.infer_all();
  for (const auto& out : copy.outputs()) outputs.push_back(copy.fact(out.value));
  return outputs;
}

std::vector<Fact> infer(const If& op, std::span<const Fact> inputs) {
  const Graph &yes = body_of(op.then_body), &no = body_of(op.else_body);
  const std::size_t n = yes.inputs().size(), m = no.inputs().size();
  check_arity(inputs, 1 + n + m, 1 + n + m);
  check_condition(inputs[0]);
  SACCADE_CHECK(yes.outputs().size() == no.outputs().size(), invalid_model, "the branches give {} and {} outputs", yes.outputs().size(), no.outputs().size());
  const bool known = inputs[0].constant.defined() && inputs[0].constant.size() == 1;
  if (known) return truth(inputs[0].constant) ? body_facts(yes, inputs.subspan(1, n)) : body_facts(no, inputs.subspan(1 + n, m));
  const auto a = body_facts(yes, inputs.subspan(1, n)), b = body_facts(no, inputs.subspan(1 + n, m));
  std::vector<Fact> outputs;
  for (std::size_t i = 0; i < a.size(); ++i) {
    SACCADE_CHECK(a[i].type.element == b[i].type.element, invalid_model, "output {} is {} in one branch and {} in the other", i, to_string(a[i].type.element), to_string(b[i].type.element));
    outputs.push_back(Fact(a[i].type.element, common(a[i].type.shape, b[i].type.shape)));
  }
  return outputs;
}

std::vector<Tensor> evaluate(const If& op, std::span<const Tensor> inputs) {
  const Graph &yes = body_of(op.then_body), &no = body_of(op.else_body);
  const std::size_t n = yes.inputs().size(), m = no.inputs().size();
  SACCADE_CHECK(inputs.size() == 1 + n + m, invalid_model, "{} inputs for bodies of {} and {}", inputs.size(), n, m);
  return truth(inputs[0]) ? evaluate(yes, inputs.subspan(1, n)) : evaluate(no, inputs.subspan(1 + n, m));
}

Cost cost(const If& op, std::span<const Fact>, std::span<const Fact>) {
  const Cost a = body_cost(*op.then_body), b = body_cost(*op.else_body);
  return a.macs + a.ops > b.macs + b.ops ? a : b;
}

std::vector<Fact> infer(const Loop& op, std::span<const Fact> inputs) {
  const LoopShape shape = loop_shape(op, inputs.size());
  const Graph& body = *op.body;
  for (std::size_t i = 2; i < inputs.size(); ++i) SACCADE_CHECK(inputs[i].present, invalid_model, "input {} is missing", i);
  if (has(inputs, 1)) check_condition(inputs[1]);
  std::vector<Fact> facts(inputs.begin(), inputs.end());
  facts[0] = scalar_fact(ElementType::i64);
  facts[1] = scalar_fact(ElementType::boolean);
  const auto initial = inputs.subspan(2, shape.carried);
  const auto out = fixed_point(body, facts, 2, initial, 1);
  check_condition(out[0]);
  std::vector<Fact> outputs;
  for (std::size_t i = 0; i < shape.carried; ++i) outputs.push_back(Fact(initial[i].type.element, common(initial[i].type.shape, out[1 + i].type.shape)));
  Dimension count = Dimension::unknown();
  if (const auto trips = known_scalar(inputs, 0)) {
    count.max = std::max<std::int64_t>(0, *trips);
    const bool started = !has(inputs, 1) || (inputs[1].constant.defined() && truth(inputs[1].constant));
    if (started && always_continues(body, out[0])) count.min = count.max;
  }
  for (std::size_t i = 0; i < shape.scans; ++i) {
    const TensorType& slice = out[1 + shape.carried + i].type;
    outputs.push_back(Fact(slice.element, stacked(slice.shape, 0, count)));
  }
  return outputs;
}

void check_ends(const Loop& op, std::int64_t trips) {
  const Graph& body = *op.body;
  SACCADE_CHECK(trips < (std::int64_t{1} << 40) || !always_continues(body, body.fact(body.outputs()[0].value)), invalid_model, "the loop never ends");
}

std::vector<Tensor> evaluate(const Loop& op, std::span<const Tensor> inputs) {
  const LoopShape shape = loop_shape(op, inputs.size());
  const Graph& body = *op.body;
  const std::int64_t trips = has(inputs, 0) ? scalar_i64(inputs[0]) : std::numeric_limits<std::int64_t>::max();
  bool going = !has(inputs, 1) || truth(inputs[1]);
  if (going) check_ends(op, trips);
  std::vector<Tensor> arguments(inputs.begin(), inputs.end());
  std::vector<Stack> scans(shape.scans);
  const PreparedGraph prepared(body);
  for (std::int64_t i = 0; i < trips && going; ++i) {
    arguments[0] = Tensor::scalar<std::int64_t>(i);
    arguments[1] = Tensor::scalar<bool>(going);
    auto results = prepared.evaluate(arguments);
    going = truth(results[0]);
    for (std::size_t c = 0; c < shape.carried; ++c) arguments[2 + c] = std::move(results[1 + c]);
    for (std::size_t s = 0; s < shape.scans; ++s) scans[s].add(std::move(results[1 + shape.carried + s]));
  }
  std::vector<Tensor> outputs(arguments.begin() + 2, arguments.begin() + 2 + static_cast<std::ptrdiff_t>(shape.carried));
  for (std::size_t s = 0; s < shape.scans; ++s) outputs.push_back(scans[s].take(body.type(body.outputs()[1 + shape.carried + s].value), 0, false));
  return outputs;
}

Cost cost(const Loop& op, std::span<const Fact> inputs, std::span<const Fact>) {
  Cost c = body_cost(*op.body);
  const auto trips = known_scalar(inputs, 0);
  if (!trips || *trips < 0 || *trips > (1 << 30)) return c;
  c.macs *= static_cast<double>(*trips);
  c.ops *= static_cast<double>(*trips);
  return c;
}

std::vector<Fact> infer(const Scan& op, std::span<const Fact> inputs) {
  const ScanShape shape = scan_shape(op, inputs.size());
  check_arity(inputs, inputs.size(), inputs.size());
  std::vector<Fact> facts(inputs.begin(), inputs.end());
  Dimension count = Dimension::unknown();
  for (std::size_t i = 0; i < shape.scanned; ++i) {
    Fact& fact = facts[shape.states + i];
    fact = type_only(fact);
    if (!fact.type.shape.ranked()) continue;
    std::vector<Dimension> dims = fact.type.shape.dimensions();
    const std::size_t axis = normal_axis(at_or_zero(op.input_axes, i), dims.size());
    count = meet(count, dims[axis]);
    dims.erase(dims.begin() + static_cast<std::ptrdiff_t>(axis));
    fact.type.shape = PartialShape(std::move(dims));
  }
  const auto initial = inputs.first(shape.states);
  const auto out = fixed_point(*op.body, facts, 0, initial, 0);
  std::vector<Fact> outputs;
  for (std::size_t i = 0; i < shape.states; ++i) outputs.push_back(Fact(initial[i].type.element, common(initial[i].type.shape, out[i].type.shape)));
  for (std::size_t i = 0; i < shape.outputs; ++i) {
    const TensorType& slice = out[shape.states + i].type;
    outputs.push_back(Fact(slice.element, stacked(slice.shape, at_or_zero(op.output_axes, i), count)));
  }
  return outputs;
}

std::vector<Tensor> evaluate(const Scan& op, std::span<const Tensor> inputs) {
  const ScanShape shape = scan_shape(op, inputs.size());
  std::vector<Tensor> arguments(inputs.begin(), inputs.end());
  std::vector<std::size_t> axes;
  std::int64_t count = 0;
  for (std::size_t i = 0; i < shape.scanned; ++i) {
    const Tensor& data = inputs[shape.states + i];
    axes.push_back(normal_axis(at_or_zero(op.input_axes, i), data.shape().size()));
    SACCADE_CHECK(i == 0 || data.shape()[axes[i]] == count, invalid_model, "scan inputs of {} and {} steps", count, data.shape()[axes[i]]);
    count = data.shape()[axes[i]];
  }
  std::vector<Stack> scans(shape.outputs);
  const PreparedGraph prepared(*op.body);
  for (std::int64_t step = 0; step < count; ++step) {
    for (std::size_t i = 0; i < shape.scanned; ++i)
      arguments[shape.states + i] = slice_at(inputs[shape.states + i], axes[i], at_or_zero(op.input_directions, i) ? count - 1 - step : step);
    auto results = prepared.evaluate(arguments);
    for (std::size_t s = 0; s < shape.states; ++s) arguments[s] = std::move(results[s]);
    for (std::size_t s = 0; s < shape.outputs; ++s) scans[s].add(std::move(results[shape.states + s]));
  }
  std::vector<Tensor> outputs(arguments.begin(), arguments.begin() + static_cast<std::ptrdiff_t>(shape.states));
  for (std::size_t s = 0; s < shape.outputs; ++s)
    outputs.push_back(scans[s].take(op.body->type(op.body->outputs()[shape.states + s].value), at_or_zero(op.output_axes, s), at_or_zero(op.output_directions, s) != 0));
  return outputs;
}

Cost cost(const Scan& op, std::span<const Fact> inputs, std::span<const Fact>) {
  Cost c = body_cost(*op.body);
  const auto first = static_cast<std::size_t>(op.num_states);
  if (first >= inputs.size() || !inputs[first].type.is_static() || inputs[first].type.shape.rank() == 0) return c;
  const auto steps = static_cast<double>(inputs[first].type.shape[normal_axis(at_or_zero(op.input_axes, 0), inputs[first].type.shape.rank())].size());
  c.macs *= steps;
  c.ops *= steps;
  return c;
}

}  // namespace saccade::ops
