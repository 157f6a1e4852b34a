// SPDX-License-Identifier: Apache-2.0
// Where each operator keeps the channels of its weights.
#include "passes/linear.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "ops/convolution.h"
#include "ops/matmul.h"
#include "passes/values.h"
#include "tensor/numeric.h"

namespace saccade::passes {
namespace {

using graph::Graph;
using graph::Node;

bool may_pad(const ops::Window& w) {
  if (w.auto_pad == ops::AutoPad::valid) return false;
  if (w.auto_pad != ops::AutoPad::explicit_) return true;
  const auto some = [](const std::vector<std::int64_t>& v) { return std::any_of(v.begin(), v.end(), [](auto p) { return p != 0; }); };
  return some(w.pads_begin) || some(w.pads_end);
}

// Weight dimensions as {group, output, input, rest}: the position of an element tells its channels.
struct Places {
  std::int64_t groups = 1, outputs = 1, inputs = 1, rest = 1;  // outputs and inputs of one group
  bool input_first = false;

  template <class F>
  void each(F visit) const {
    const std::int64_t first = input_first ? inputs : outputs, second = input_first ? outputs : inputs;
    std::int64_t at = 0;
    for (std::int64_t g = 0; g < groups; ++g)
      for (std::int64_t a = 0; a < first; ++a)
        for (std::int64_t b = 0; b < second; ++b)
          for (std::int64_t r = 0; r < rest; ++r, ++at) {
            const std::int64_t o = input_first ? b : a, i = input_first ? a : b;
            visit(static_cast<std::size_t>(at), static_cast<std::size_t>(g * outputs + o), static_cast<std::size_t>(g * inputs + i));
          }
  }
};

std::int64_t product(const Shape& shape, std::size_t from) {
  std::int64_t p = 1;
  for (std::size_t d = from; d < shape.size(); ++d) p *= shape[d];
  return p;
}

Places places(const Graph& graph, const Linear& linear) {
  const Shape& s = linear.weights(graph).shape();
  const auto& op = linear.node->op;
  if (op.is<ops::Convolution>()) return {1, s[0], s[1], product(s, 2), false};
  if (op.is<ops::GroupConvolution>()) return {s[0], s[1], s[2], product(s, 3), false};
  if (op.is<ops::ConvolutionBackpropData>()) return {1, s[1], s[0], product(s, 2), true};
  if (op.is<ops::GroupConvolutionBackpropData>()) return {s[0], s[2], s[1], product(s, 3), true};
  return op.as<ops::MatMul>()->transpose_b ? Places{1, s[0], s[1], 1, false} : Places{1, s[1], s[0], 1, true};
}

double at(std::span<const double> values, std::size_t i) { return values.size() == 1 ? values[0] : values[i]; }

}  // namespace

std::optional<Linear> as_linear(const Graph& graph, const Node* node) {
  if (!node || node->inputs.size() < 2 || !node->inputs[1].valid()) return std::nullopt;
  const Tensor& w = graph.constant(node->inputs[1]);
  if (!w.defined() || !is_float(w.type()) || w.size() == 0) return std::nullopt;
  const auto &in = graph.type(node->inputs[0]).shape, &out = graph.type(node->outputs[0]).shape;
  if (!in.ranked() || !out.ranked()) return std::nullopt;
  Linear linear{node, out.rank(), in.rank()};
  const auto& op = node->op;
  if (const auto* c = op.as<ops::Convolution>()) {
    linear.pads = may_pad(c->window);
  } else if (const auto* g = op.as<ops::GroupConvolution>()) {
    linear.pads = may_pad(g->window);
  } else if (op.is<ops::ConvolutionBackpropData>() || op.is<ops::GroupConvolutionBackpropData>()) {
    linear.pads = true;  // edges get fewer taps than the middle
  } else if (const auto* m = op.as<ops::MatMul>()) {
    if (w.rank() != 2 || in.rank() < 2 || m->transpose_a) return std::nullopt;
    linear.output_axis = out.rank() - 1;
    linear.input_axis = in.rank() - 1;
  } else {
    return std::nullopt;
  }
  const Places p = places(graph, linear);
  linear.outputs = p.groups * p.outputs;
  linear.inputs = p.groups * p.inputs;
  return linear;
}

std::vector<double> scaled_outputs(const Graph& graph, const Linear& linear, std::span<const double> factors) {
  std::vector<double> weights = to_f64(linear.weights(graph));
  places(graph, linear).each([&](std::size_t i, std::size_t output, std::size_t) { weights[i] *= at(factors, output); });
  return weights;
}

std::vector<double> scaled_inputs(const Graph& graph, const Linear& linear, std::span<const double> factors) {
  std::vector<double> weights = to_f64(linear.weights(graph));
  places(graph, linear).each([&](std::size_t i, std::size_t, std::size_t input) { weights[i] *= at(factors, input); });
  return weights;
}

std::vector<double> response(const Graph& graph, const Linear& linear, std::span<const double> input) {
  const std::vector<double> weights = to_f64(linear.weights(graph));
  std::vector<double> sums(static_cast<std::size_t>(linear.outputs), 0);
  places(graph, linear).each([&](std::size_t i, std::size_t o, std::size_t c) { sums[o] += weights[i] * at(input, c); });
  return sums;
}

std::optional<graph::ValueId> with_weights(graph::Edit& edit, const Linear& linear, std::span<const double> weights) {
  const Graph& graph = edit.graph();
  const graph::ValueId old = linear.node->inputs[1];
  Tensor rounded = from_f64(graph.type(old).element, graph.constant(old).shape(), weights);
  if (rounded.type() == ElementType::f32) {
    const auto values = std::as_const(rounded).values<float>();
    if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) return std::nullopt;
  } else {
    for (std::int64_t i = 0; i < rounded.size(); ++i)
      if (!std::isfinite(element_as_f64(rounded, i))) return std::nullopt;
  }
  const graph::Op op = linear.node->op;
  std::vector<graph::ValueId> inputs = linear.node->inputs;
  const std::string name = linear.node->name;
  inputs[1] = edit.constant(std::move(rounded), graph[old].name);
  return edit(op, std::move(inputs), name);
}

}  // namespace saccade::passes
