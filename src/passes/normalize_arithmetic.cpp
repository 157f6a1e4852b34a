// SPDX-License-Identifier: Apache-2.0
// Arithmetic with constants gets one form, so that later passes and the planner need to know only that.
//   Add(%c, %x)                                    →  Add(%x, %c), also Multiply, Maximum, Minimum
//   Subtract(%x, %c)                               →  Add(%x, −c)
//   Divide(%x, %c), all c powers of two            →  Multiply(%x, 1/c)
//   Power(%x, 2), Multiply(%x, %x)                 →  Square(%x)
//   Power(%x, 0.5)                                 →  Sqrt(%x)
//   Multiply(%x: f32[1,8,4,4], f32[1,8,4,4]{all 3}) →  Multiply(%x, f32{3})
//   Add(Convolution(…): f32[n,8,h,w], f32[8,1,1])   →  Add(Convolution(…), f32[1,8,1,1])
#include <algorithm>
#include <cmath>

#include "ops/convolution.h"
#include "passes/all.h"
#include "passes/values.h"

namespace saccade::passes {
namespace {

using ops::Binary;
using ops::BinaryKind;
using ops::Unary;
using ops::UnaryKind;

bool is_power_of_two(double v) {
  int exponent;
  return std::isfinite(v) && std::fabs(std::frexp(v, &exponent)) == 0.5 && exponent > -100 && exponent < 100;
}

Rule constant_second() {
  const Pattern root = op<Binary>();
  return {root, [=](const Match& m, Edit& edit) -> Outcome {
    const Node& n = m.node(root);
    const auto kind = m.op<Binary>(root).kind;
    using enum BinaryKind;
    if (kind != Add && kind != Multiply && kind != Maximum && kind != Minimum) return pass_over();
    if (!m.graph().constant(n.inputs[0]).defined() || m.graph().constant(n.inputs[1]).defined()) return pass_over();
    const graph::Op same = n.op;
    const std::string name = n.name;
    return edit(same, {n.inputs[1], n.inputs[0]}, name);
  }};
}

Rule subtract_to_add() {
  const Pattern x = any(), c = constant();
  const Pattern root = x - c;
  return {root, [=](const Match& m, Edit& edit) -> Outcome {
    if (!is_float(m.type(root).element)) return pass_over();
    auto values = to_f64(m.constant(c));
    for (double& v : values) v = -v;
    return edit(Binary{BinaryKind::Add}, {m[x], edit.constant(from_f64(m.type(c).element, m.constant(c).shape(), values))}, m.node(root).name);
  }};
}

Rule divide_to_multiply() {
  const Pattern x = any(), c = constant();
  const Pattern root = x / c;
  return {root, [=](const Match& m, Edit& edit) -> Outcome {
    if (!is_float(m.type(root).element)) return pass_over();
    auto values = to_f64(m.constant(c));
    for (double& v : values) {
      if (!is_power_of_two(v)) return no("1/c is not exact");
      v = 1 / v;
    }
    return edit(Binary{BinaryKind::Multiply}, {m[x], edit.constant(from_f64(m.type(c).element, m.constant(c).shape(), values))}, m.node(root).name);
  }};
}

Rule power_to_unary(double exponent, UnaryKind kind) {
  const Pattern x = any(), e = number(exponent);
  const Pattern root = binary(BinaryKind::Power, x, e);
  return {root, [=](const Match& m, Edit& edit) -> Outcome {
    const auto &from = m.type(x).shape, &to = m.type(root).shape;
    if (!is_float(m.type(root).element) || *single(m.graph(), m[e]) != exponent || !from.ranked() || !to.ranked() || from.rank() != to.rank()) return pass_over();
    return edit(Unary::of(kind), {m[x]}, m.node(root).name);
  }};
}

Rule square() {
  const Pattern x = any();
  const Pattern root = x * x;
  return {root, [=](const Match& m, Edit& edit) -> Outcome { return edit(Unary::of(UnaryKind::Square), {m[x]}, m.node(root).name); }};
}

bool is_convolution(const Node* n) {
  return n && (n->op.is<ops::Convolution>() || n->op.is<ops::GroupConvolution>() || n->op.is<ops::ConvolutionBackpropData>() || n->op.is<ops::GroupConvolutionBackpropData>() ||
               n->op.is<ops::DeformableConvolution>());
}

// A uniform constant that does not enlarge the result is one number.
Rule uniform_constant() {
  const Pattern root = op<Binary>();
  return {root, [=](const Match& m, Edit& edit) -> Outcome {
    const Node& n = m.node(root);
    const Graph& g = m.graph();
    const bool sum = m.op<Binary>(root).kind == BinaryKind::Add;
    for (std::size_t i : {0u, 1u}) {
      if (sum && is_convolution(g.producer(n.inputs[1 - i]))) continue;  // a bias
      const Tensor& c = g.constant(n.inputs[i]);
      if (!c.defined() || c.size() < 2 || !same_shape(g.type(n.inputs[1 - i]).shape, g.type(n.outputs[0]).shape) || !is_uniform(c)) continue;
      Tensor one(c.type(), {});
      std::copy_n(static_cast<const char*>(c.raw()), size_in_bytes(c.type()), static_cast<char*>(one.raw()));
      std::vector<ValueId> inputs = n.inputs;
      const graph::Op same = n.op;
      const std::string name = n.name;
      inputs[i] = edit.constant(std::move(one), g[inputs[i]].name);
      return edit(same, std::move(inputs), name);
    }
    return pass_over();
  }};
}

// The planner reads a convolution's bias from one shape.
Rule bias_shape() {
  const Pattern y = any(), c = constant();
  const Pattern root = y + c;
  return {root, [=](const Match& m, Edit& edit) -> Outcome {
    if (!is_convolution(m.graph().producer(m[y]))) return pass_over();
    const graph::TensorType type = m.type(y);
    const auto channels = known_size(type, 1);
    if (!channels) return no("the number of channels is unknown");
    const std::size_t rank = type.shape.rank();
    auto values = along_axis(m.constant(c), rank, 1, *channels);
    if (!values) return no("the sum is not per channel");
    values->resize(static_cast<std::size_t>(*channels), values->front());
    Tensor bias = tensor_along_axis(type.element, *values, rank, 1);
    if (bias.shape() == m.constant(c).shape()) return pass_over();
    return edit(Binary{BinaryKind::Add}, {m[y], edit.constant(std::move(bias), m.graph()[m[c]].name)}, m.node(root).name);
  }};
}

}  // namespace

Pass normalize_arithmetic() {
  return {"normalize_arithmetic",
          {constant_second(), subtract_to_add(), divide_to_multiply(), power_to_unary(2, UnaryKind::Square), power_to_unary(0.5, UnaryKind::Sqrt), square(), uniform_constant(),
           bias_shape()},
          {}};
}

}  // namespace saccade::passes
