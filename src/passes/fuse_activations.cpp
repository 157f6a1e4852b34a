// SPDX-License-Identifier: Apache-2.0
// Activations that exporters wrote out in parts get their names back.
//   Minimum(Maximum(%x, a), b), Minimum(Relu(%x), b), Clamp of Clamp      →  Clamp(%x)
//   HardSigmoid(%x) {alpha=1/6 beta=0.5}, Clamp(%x + 3, 0, 6) / 6          →  HSigmoid(%x)
//   %x · HSigmoid(%x), (%x · Clamp(%x + 3, 0, 6)) / 6 …                    →  HSwish(%x)
//   1 / (1 + exp(−%x))                                                     →  Sigmoid(%x)
//   %x · Sigmoid(beta · %x), %x / (1 + exp(−%x))                           →  Swish(%x)
//   log(1 + exp(%x))                                                       →  SoftPlus(%x)
//   %x · Tanh(SoftPlus(%x))                                                →  Mish(%x)
//   %x · ½ · (1 + Erf(%x / √2)), in any order                              →  GeluErf(%x)
//   %x · ½ · (1 + Tanh(√(2/π) · (%x + 0.044715 · %x³))), in any order      →  GeluTanh(%x)
#include <algorithm>
#include <cmath>
#include <numbers>

#include "passes/all.h"
#include "passes/values.h"

namespace saccade::passes {
namespace {

using ops::BinaryKind;
using ops::Unary;
using ops::UnaryKind;

// a·b·c in every association.
Pattern product(const Pattern& a, const Pattern& b, const Pattern& c) { return one_of({(a * b) * c, (a * c) * b, (b * c) * a}); }

Pattern divided(const Pattern& x, double by) { return one_of({x / number(by), x * number(1 / by)}); }

// The rule "this pattern is that function of x".
Rule named(const Pattern& root, const Pattern& x, Unary unary) {
  return {root, [=](const Match& m, Edit& edit) -> Outcome {
    const auto element = m.type(root).element;
    if (!is_float(element)) return pass_over();
    return edit(unary, {m[x]}, m.node(root).name);
  }};
}
Rule named(const Pattern& root, const Pattern& x, UnaryKind kind) { return named(root, x, Unary::of(kind)); }

// The limits of a unary operator that is a clamp of some kind.
struct Limits {
  double min = -INFINITY, max = INFINITY;
};

std::optional<Limits> limits(const Graph& g, const Node* n, ValueId& x) {
  if (!n) return std::nullopt;
  if (const auto* u = n->op.as<Unary>()) {
    x = n->inputs[0];
    if (u->kind == UnaryKind::Relu) return Limits{0, INFINITY};
    if (u->kind == UnaryKind::Clamp) return Limits{u->a, u->b};
  } else if (const auto* b = n->op.as<ops::Binary>()) {
    for (std::size_t i : {0u, 1u}) {
      const auto limit = single(g, n->inputs[i]);
      if (!limit || std::isnan(*limit)) continue;
      x = n->inputs[1 - i];
      const auto &in = g.type(x).shape, &out = g.type(n->outputs[0]).shape;
      if (!in.ranked() || !out.ranked() || in.rank() != out.rank()) continue;
      if (b->kind == BinaryKind::Maximum) return Limits{*limit, INFINITY};
      if (b->kind == BinaryKind::Minimum) return Limits{-INFINITY, *limit};
    }
  }
  return std::nullopt;
}

Outcome clamped(Edit& edit, ValueId x, Limits limit, std::string name) {
  if (limit.min == 0 && limit.max == INFINITY) return edit(Unary::of(UnaryKind::Relu), {x}, name);
  Unary clamp = Unary::of(UnaryKind::Clamp);
  clamp.a = limit.min;
  clamp.b = limit.max;
  return edit(clamp, {x}, name);
}

// One clamp, or two in a row, as Relu or Clamp.
Rule clamps() {
  const Pattern root = node([](const graph::Op& o) { return o.is<Unary>() || o.is<ops::Binary>(); });
  return {root, [=](const Match& m, Edit& edit) -> Outcome {
    const Graph& g = m.graph();
    const Node& n = m.node(root);
    if (!is_float(m.type(root).element)) return pass_over();
    ValueId y, x;
    const auto outer = limits(g, &n, y);
    if (!outer || outer->min > outer->max) return pass_over();
    const auto inner = limits(g, g.producer(y), x);
    if (!inner || inner->min > inner->max) {
      const auto* u = n.op.as<Unary>();
      const bool named_already = u && (u->kind == UnaryKind::Relu || outer->min != 0 || outer->max != INFINITY);
      return named_already ? pass_over() : clamped(edit, y, *outer, n.name);
    }
    // what the inner one has limited is limited again
    const Limits both{std::clamp(inner->min, outer->min, outer->max), std::clamp(inner->max, outer->min, outer->max)};
    return clamped(edit, x, both, n.name);
  }};
}

std::vector<Rule> hard_rules() {
  const Pattern x = any();
  const auto is_hsigmoid = [](const Unary& u) { return u.kind == UnaryKind::HardSigmoid && nearly(u.a, 1.0 / 6, ElementType::f32) && u.b == 0.5; };
  const Pattern hard = op<Unary>({x}, is_hsigmoid);
  const Pattern gate = clamp(x + number(3), 0, 6);
  const Pattern sixth = divided(gate, 6);
  const Pattern hsigmoid = unary(UnaryKind::HSigmoid, x);
  const Pattern swish = one_of({x * hsigmoid, divided(x * gate, 6), divided(x, 6) * gate});
  return {named(hard, x, UnaryKind::HSigmoid), named(sixth, x, UnaryKind::HSigmoid), named(swish, x, UnaryKind::HSwish)};
}

std::vector<Rule> sigmoid_rules() {
  const Pattern x = any(), beta = constant();
  const Pattern one_plus_exp = unary(UnaryKind::Exp, one_of({unary(UnaryKind::Negative, x), x * number(-1)})) + number(1);
  const Pattern sigmoid = one_of({number(1) / one_plus_exp, unary(UnaryKind::Reciprocal, one_plus_exp)});
  const Pattern swish = one_of({x * unary(UnaryKind::Sigmoid, x), x / one_plus_exp});
  const Pattern scaled = x * unary(UnaryKind::Sigmoid, x * beta);
  const Rule with_beta = {scaled, [=](const Match& m, Edit& edit) -> Outcome {
    const auto factor = single(m.graph(), m[beta]);
    if (!factor) return no("beta is not one number");
    Unary swish_beta = Unary::of(UnaryKind::Swish);
    swish_beta.a = *factor;
    return edit(swish_beta, {m[x]}, m.node(scaled).name);
  }};
  return {named(sigmoid, x, UnaryKind::Sigmoid), named(swish, x, UnaryKind::Swish), with_beta};
}

std::vector<Rule> softplus_rules() {
  const Pattern x = any();
  const Pattern softplus = unary(UnaryKind::Log, unary(UnaryKind::Exp, x) + number(1));
  const Pattern mish = x * unary(UnaryKind::Tanh, unary(UnaryKind::SoftPlus, x));
  return {named(softplus, x, UnaryKind::SoftPlus), named(mish, x, UnaryKind::Mish)};
}

std::vector<Rule> gelu_rules() {
  const Pattern x = any();
  const auto gelu = [&](const Pattern& inner) { return one_of({product(x, number(0.5), inner), (x * inner) / number(2), (x / number(2)) * inner, x * (inner / number(2))}); };
  const Pattern erf = unary(UnaryKind::Erf, divided(x, std::numbers::sqrt2)) + number(1);

  const double k = std::sqrt(2 / std::numbers::pi);
  const Pattern squared = one_of({unary(UnaryKind::Square, x), x * x, binary(BinaryKind::Power, x, number(2))});
  const Pattern cubed = one_of({binary(BinaryKind::Power, x, number(3)), x * squared});
  const Pattern poly = x + one_of({number(0.044715) * cubed, (number(0.044715) * squared) * x, (number(0.044715) * x) * squared});
  const Pattern factored = number(0.044715) * squared + number(1);
  const Pattern argument = one_of({poly * number(k), product(x, number(k), factored)});
  const Pattern tanh = unary(UnaryKind::Tanh, argument) + number(1);
  return {named(gelu(erf), x, UnaryKind::GeluErf), named(gelu(tanh), x, UnaryKind::GeluTanh)};
}

}  // namespace

Pass fuse_activations() {
  Pass pass{"fuse_activations", {clamps()}, {}};
  for (auto&& rules : {hard_rules(), sigmoid_rules(), softplus_rules(), gelu_rules()}) pass.rules.insert(pass.rules.end(), rules.begin(), rules.end());
  return pass;
}

}  // namespace saccade::passes
