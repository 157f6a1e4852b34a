// SPDX-License-Identifier: Apache-2.0
// Multiplications and additions along channels go into constant weights.
//   Multiply(Convolution(%x, %w), %c)             →  Convolution(%x, %w·c)
//   Multiply(Add(Convolution(%x, %w), %b), %c)    →  Add(Convolution(%x, %w·c), b·c)
//   Convolution(Multiply(%x, %c), %w)             →  Convolution(%x, %w·c)
//   Convolution(Add(%x, %b), %w), nothing padded  →  Add(Convolution(%x, %w), Σ w·b)
// The same for GroupConvolution, the transposed convolutions and MatMul with a constant matrix, and with Divide. A product moves
// into the weights even over padding, as zeros stay zeros; a sum does not.
#include "passes/all.h"
#include "passes/linear.h"
#include "passes/values.h"

namespace saccade::passes {
namespace {

// x·c or x/c as factors for x.
std::optional<std::vector<double>> factors(const Graph& g, const Node& n, ValueId constant, std::size_t rank, std::size_t axis, std::int64_t size) {
  auto values = along_axis(g.constant(constant), rank, axis, size);
  if (values && n.op.as<ops::Binary>()->kind == ops::BinaryKind::Divide)
    for (double& v : *values) {
      if (v == 0) return std::nullopt;
      v = 1 / v;
    }
  return values;
}

Pattern product_or_quotient(const Pattern& x, const Pattern& c) { return one_of({x * c, x / c}); }

Rule after_linear() {
  const Pattern y = any().once(), c = constant();
  const Pattern root = product_or_quotient(y, c);
  return {root, [=](const Match& m, Edit& edit) -> Outcome {
    const Graph& g = m.graph();
    const auto linear = as_linear(g, g.producer(m[y]));
    if (!linear) return pass_over();
    const auto f = factors(g, m.node(root), m[c], linear->output_rank, linear->output_axis, linear->outputs);
    if (!f) return no("the constant is not one number or one per output channel");
    const auto folded = with_weights(edit, *linear, scaled_outputs(g, *linear, *f));
    return folded ? Outcome(*folded) : no("a weight would overflow");
  }};
}

Rule after_bias() {
  const Pattern y = any().once(), b = constant(), c = constant();
  const Pattern sum = (y + b).once();
  const Pattern root = product_or_quotient(sum, c);
  return {root, [=](const Match& m, Edit& edit) -> Outcome {
    const Graph& g = m.graph();
    const auto linear = as_linear(g, g.producer(m[y]));
    if (!linear) return pass_over();
    const auto f = factors(g, m.node(root), m[c], linear->output_rank, linear->output_axis, linear->outputs);
    auto bias = along_axis(m.constant(b), linear->output_rank, linear->output_axis, linear->outputs);
    if (!f || !bias) return no("the constants are not one number or one per output channel");
    const auto folded = with_weights(edit, *linear, scaled_outputs(g, *linear, *f));
    if (!folded) return no("a weight would overflow");
    bias->resize(static_cast<std::size_t>(linear->outputs), bias->front());
    for (std::size_t i = 0; i < bias->size(); ++i) (*bias)[i] *= f->size() == 1 ? f->front() : (*f)[i];
    const Tensor moved = tensor_along_axis(m.type(root).element, *bias, linear->output_rank, linear->output_axis);
    return edit(ops::Binary{ops::BinaryKind::Add}, {*folded, edit.constant(moved)}, m.node(sum).name);
  }};
}

bool is_linear(const Graph& g, ValueId v) { return as_linear(g, g.producer(v)).has_value(); }

// The linear operator reads `from` instead of its first input.
std::optional<ValueId> rewired(Edit& edit, const Linear& linear, ValueId from, std::span<const double> weights) {
  const auto made = with_weights(edit, linear, weights);
  if (made) edit.replace_input({edit.graph()[*made].producer, 0}, from);
  return made;
}

Rule before_linear() {
  const Pattern x = any(), c = constant();
  const Pattern scaled = product_or_quotient(x, c).once();
  const Pattern root = any().where(is_linear);
  return {root, [=](const Match& m, Edit& edit) -> Outcome {
    const Graph& g = m.graph();
    const Linear linear = *as_linear(g, &m.node(root));
    Match inner;
    if (!matches(g, scaled, linear.node->inputs[0], inner) || !same_shape(inner.type(x).shape, inner.type(scaled).shape)) return pass_over();
    const auto f = factors(g, inner.node(scaled), inner[c], linear.input_rank, linear.input_axis, linear.inputs);
    if (!f) return no("the constant before it is not one number or one per input channel");
    const auto folded = rewired(edit, linear, inner[x], scaled_inputs(g, linear, *f));
    return folded ? Outcome(*folded) : no("a weight would overflow");
  }};
}

Rule shift_before_linear() {
  const Pattern x = any(), b = constant();
  const Pattern sum = (x + b).once();
  const Pattern root = any().where(is_linear);
  return {root, [=](const Match& m, Edit& edit) -> Outcome {
    const Graph& g = m.graph();
    const Linear linear = *as_linear(g, &m.node(root));
    Match inner;
    if (!matches(g, sum, linear.node->inputs[0], inner) || !same_shape(inner.type(x).shape, inner.type(sum).shape)) return pass_over();
    const auto shift = along_axis(inner.constant(b), linear.input_rank, linear.input_axis, linear.inputs);
    if (!shift) return no("the constant before it is not one number or one per input channel");
    if (as_linear(g, g.producer(inner[x]))) return pass_over();  // a bias, which costs nothing where it is
    if (linear.pads) return no("a sum does not move over padding");
    const auto moved = response(g, linear, *shift);
    const std::size_t rank = linear.output_rank, axis = linear.output_axis;
    const auto plain = rewired(edit, linear, inner[x], to_f64(linear.weights(g)));
    if (!plain) return pass_over();
    return edit(ops::Binary{ops::BinaryKind::Add}, {*plain, edit.constant(tensor_along_axis(g.type(*plain).element, moved, rank, axis))});
  }};
}

}  // namespace

Pass fold_scale() { return {"fold_scale", {after_linear(), after_bias(), before_linear(), shift_before_linear()}, {}}; }

}  // namespace saccade::passes
