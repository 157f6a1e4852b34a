// SPDX-License-Identifier: Apache-2.0
// Caffe's layers that work element by element.
#include <cmath>

#include "import/caffe/map.h"
#include "ops/convert.h"
#include "ops/elementwise.h"

namespace saccade::caffe {
namespace {

using ops::Binary;
using ops::BinaryKind;
using ops::Unary;
using ops::UnaryKind;
using Values = std::vector<ValueId>;

template <UnaryKind kind>
Values unary(LayerContext& c) {
  return {c.op(Unary::of(kind), {c.in(0)})};
}

Values relu(LayerContext& c) {
  const double slope = c.parameters("relu_param").real("negative_slope", 0);
  if (slope == 0) return {c.op(Unary::of(UnaryKind::Relu), {c.in(0)})};
  return {c.op(Unary{UnaryKind::LeakyRelu, slope}, {c.in(0)})};
}

Values relu6(LayerContext& c) {
  c.parameters("relu_param").ignore({"negative_slope"});
  return {c.op(Unary{UnaryKind::Clamp, 0, 6}, {c.in(0)})};
}

Values prelu(LayerContext& c) {
  const bool shared = c.parameters("prelu_param").flag("channel_shared", false);
  if (c.rank(c.in(0)) < 2) c.unsupported("a bottom of shape {}", graph::to_string(c.shape(c.in(0))));
  const ValueId slope = c.constant(c.blob(0, {shared ? 1 : c.size(c.in(0), 1)}));
  return {c.op(Binary{BinaryKind::Prelu}, {c.in(0), c.spread(slope, 1, c.rank(c.in(0)))})};
}

Values elu(LayerContext& c) { return {c.op(Unary{UnaryKind::Elu, c.parameters("elu_param").real("alpha", 1)}, {c.in(0)})}; }

Values swish(LayerContext& c) { return {c.op(Unary{UnaryKind::Swish, c.parameters("swish_param").real("beta", 1)}, {c.in(0)})}; }

Values clip(LayerContext& c) {
  Parameters& p = c.parameters("clip_param");
  return {c.op(Unary{UnaryKind::Clamp, p.real("min", -INFINITY), p.real("max", INFINITY)}, {c.in(0)})};
}

Values threshold(LayerContext& c) {
  const ValueId above = c.op(Binary{BinaryKind::Greater}, {c.in(0), c.scalar(c.parameters("threshold_param").real("threshold", 0))});
  return {c.op(ops::Convert{ElementType::f32}, {above})};
}

// scale · x + shift, as far as it changes anything.
ValueId linear(LayerContext& c, double scale, double shift) {
  ValueId x = c.in(0);
  if (scale != 1) x = c.op(Binary{BinaryKind::Multiply}, {x, c.scalar(scale)});
  if (shift != 0) x = c.op(Binary{BinaryKind::Add}, {x, c.scalar(shift)});
  return x;
}

Values power(LayerContext& c) {
  Parameters& p = c.parameters("power_param");
  const double exponent = p.real("power", 1);
  const ValueId x = linear(c, p.real("scale", 1), p.real("shift", 0));
  return {exponent == 1 ? x : c.op(Binary{BinaryKind::Power}, {x, c.scalar(exponent)})};
}

double read_base(LayerContext& c, Parameters& p) {
  const double base = p.real("base", -1);
  if (base != -1 && !(base > 0)) c.invalid("base is {}", base);
  return base == -1 ? 1 : std::log(base);  // as its natural logarithm
}

Values exp(LayerContext& c) {
  Parameters& p = c.parameters("exp_param");
  const double base = read_base(c, p);
  return {c.op(Unary::of(UnaryKind::Exp), {linear(c, p.real("scale", 1) * base, p.real("shift", 0) * base)})};
}

Values log(LayerContext& c) {
  Parameters& p = c.parameters("log_param");
  const double base = read_base(c, p);
  const ValueId y = c.op(Unary::of(UnaryKind::Log), {linear(c, p.real("scale", 1), p.real("shift", 0))});
  return {base == 1 ? y : c.op(Binary{BinaryKind::Multiply}, {y, c.scalar(1 / base)})};
}

Values eltwise(LayerContext& c) {
  Parameters& p = c.parameters("eltwise_param");
  p.ignore({"stable_prod_grad"});
  const std::size_t operation = p.choice("operation", {"PROD", "SUM", "MAX"}, 1);
  const std::vector<double> factors = p.reals("coeff");
  if (!factors.empty() && (operation != 1 || factors.size() != c.bottoms())) c.invalid("{} coefficients for {} bottoms", factors.size(), c.bottoms());
  constexpr BinaryKind kinds[] = {BinaryKind::Multiply, BinaryKind::Add, BinaryKind::Maximum};
  const auto term = [&](std::size_t i) {
    const double factor = factors.empty() ? 1 : factors[i];
    return factor == 1 ? c.in(i) : c.op(Binary{BinaryKind::Multiply}, {c.in(i), c.scalar(factor)});
  };
  ValueId y = term(0);
  for (std::size_t i = 1; i < c.bottoms(); ++i) y = c.op(Binary{kinds[operation]}, {y, term(i)});
  return {y};
}

// y = a · x + y, a for each channel.
Values axpy(LayerContext& c) {
  ValueId a = c.in(0);
  if (c.rank(a) < c.rank(c.in(1))) a = c.spread(a, 0, c.rank(c.in(1)));
  return {c.op(Binary{BinaryKind::Add}, {c.op(Binary{BinaryKind::Multiply}, {a, c.in(1)}), c.in(2)})};
}

// The second factor or term of Scale and Bias: a bottom, or a blob over some axes.
ValueId second(LayerContext& c, Parameters& p) {
  const std::size_t rank = c.rank(c.in(0)), axis = c.axis(p.integer("axis", 1));
  std::int64_t count = p.integer("num_axes", 1);
  if (c.bottoms() > 1) return c.spread(c.in(1), axis, rank);
  if (count == -1) count = static_cast<std::int64_t>(rank - axis);
  if (count < 0 || count > static_cast<std::int64_t>(rank - axis)) c.invalid("num_axes is {}", count);
  Shape shape;
  for (std::size_t d = axis; d < axis + static_cast<std::size_t>(count); ++d) shape.push_back(c.size(c.in(0), d));
  return c.spread(c.constant(c.blob(0, shape)), axis, rank);
}

Values scale(LayerContext& c) {
  Parameters& p = c.parameters("scale_param");
  const ValueId factor = second(c, p);
  const ValueId y = c.op(Binary{BinaryKind::Multiply}, {c.in(0), factor});
  if (!p.flag("bias_term", false)) return {y};
  const std::size_t axis = c.axis(p.integer("axis", 1));
  const std::size_t blob = c.bottoms() > 1 ? 0 : 1;
  Shape shape;  // that of the factor
  const PartialShape& whole = c.shape(factor);
  for (std::size_t d = axis; d < whole.rank(); ++d) shape.push_back(c.size(factor, d));
  while (shape.size() > 1 && shape.back() == 1) shape.pop_back();
  return {c.op(Binary{BinaryKind::Add}, {y, c.spread(c.constant(c.blob(blob, shape)), axis, c.rank(c.in(0)))})};
}

Values bias(LayerContext& c) { return {c.op(Binary{BinaryKind::Add}, {c.in(0), second(c, c.parameters("bias_param"))})}; }

Values identity(LayerContext& c) { return {c.in(0)}; }

Values dropout(LayerContext& c) {
  c.parameters("dropout_param").ignore({"dropout_ratio", "scale_train"});
  return {c.in(0)};
}

Values split(LayerContext& c) { return Values(c.tops(), c.in(0)); }

constexpr Row kElementwiseRows[] = {
    {"AbsVal", unary<UnaryKind::Abs>}, {"Axpy", axpy}, {"BNLL", unary<UnaryKind::SoftPlus>}, {"Bias", bias}, {"Clip", clip}, {"Dropout", dropout}, {"ELU", elu}, {"Eltwise", eltwise}, {"Exp", exp},
    {"HSwish", unary<UnaryKind::HSwish>}, {"Identity", identity}, {"Log", log}, {"Mish", unary<UnaryKind::Mish>}, {"PReLU", prelu}, {"Power", power}, {"ReLU", relu}, {"ReLU6", relu6},
    {"Scale", scale}, {"Sigmoid", unary<UnaryKind::Sigmoid>}, {"Split", split}, {"Swish", swish}, {"TanH", unary<UnaryKind::Tanh>}, {"Threshold", threshold},
};

}  // namespace

std::span<const Row> elementwise_rows() { return kElementwiseRows; }

}  // namespace saccade::caffe
