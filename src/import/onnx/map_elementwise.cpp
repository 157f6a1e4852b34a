// SPDX-License-Identifier: Apache-2.0
// ONNX's elementwise operators that are one of ours, Constant and Identity.
#include <limits>

#include "import/onnx/map.h"
#include "ops/elementwise.h"
#include "tensor/numeric.h"

namespace saccade::onnx {
namespace {

using ops::Binary;
using ops::BinaryKind;
using ops::Unary;
using ops::UnaryKind;
using Values = std::vector<ValueId>;

template <UnaryKind kind>
Values unary(NodeContext& c) {
  c.ignore({"consumed_inputs"});
  return {c.op(Unary::of(kind), {c.in(0)})};
}

// A kind whose only attribute is alpha.
template <UnaryKind kind>
Values with_alpha(NodeContext& c, float otherwise) {
  c.ignore({"consumed_inputs"});
  return {c.op(Unary{kind, c.f("alpha", otherwise), 0}, {c.in(0)})};
}
Values elu(NodeContext& c) { return with_alpha<UnaryKind::Elu>(c, 1); }
Values celu(NodeContext& c) { return with_alpha<UnaryKind::Celu>(c, 1); }
Values leaky_relu(NodeContext& c) { return with_alpha<UnaryKind::LeakyRelu>(c, 0.01f); }
Values thresholded_relu(NodeContext& c) { return with_alpha<UnaryKind::ThresholdedRelu>(c, 1); }
Values swish(NodeContext& c) { return with_alpha<UnaryKind::Swish>(c, 1); }
Values swiglu(NodeContext& c) { return {c.op(Binary{BinaryKind::Multiply}, {swish(c)[0], c.in(1)})}; }

Values selu_1(NodeContext& c) {
  c.ignore({"consumed_inputs"});
  return {c.op(Unary{UnaryKind::Selu, c.f("alpha", 1.6732f), c.f("gamma", 1.0507f)}, {c.in(0)})};
}
Values selu(NodeContext& c) { return {c.op(Unary{UnaryKind::Selu, c.f("alpha", 1.67326319217681884765625f), c.f("gamma", 1.05070102214813232421875f)}, {c.in(0)})}; }
Values shrink(NodeContext& c) { return {c.op(Unary{UnaryKind::Shrink, c.f("lambd", 0.5f), c.f("bias", 0)}, {c.in(0)})}; }
Values hard_sigmoid(NodeContext& c) {
  c.ignore({"consumed_inputs"});
  return {c.op(Unary{UnaryKind::HardSigmoid, c.f("alpha", 0.2f), c.f("beta", 0.5f)}, {c.in(0)})};
}
Values is_inf(NodeContext& c) {
  return {c.op(Unary{UnaryKind::IsInf, c.flag("detect_negative", true) ? 1.0 : 0.0, c.flag("detect_positive", true) ? 1.0 : 0.0}, {c.in(0)})};
}
Values gelu(NodeContext& c) {
  const std::string approximate = c.s("approximate", "none");
  if (approximate != "none" && approximate != "tanh") c.invalid("approximate is '{}'", shown(approximate));
  return {c.op(Unary::of(approximate == "tanh" ? UnaryKind::GeluTanh : UnaryKind::GeluErf), {c.in(0)})};
}

template <BinaryKind kind>
Values binary(NodeContext& c) {
  return {c.op(Binary{kind}, {c.in(0), c.in(1)})};
}

Values mod(NodeContext& c) { return {c.op(Binary{c.flag("fmod", false) ? BinaryKind::Mod : BinaryKind::FloorMod}, {c.in(0), c.in(1)})}; }

Values bit_shift(NodeContext& c) {
  const std::string direction = c.s("direction");
  if (direction != "LEFT" && direction != "RIGHT") c.invalid("direction is '{}'", shown(direction));
  return {c.op(Binary{direction == "LEFT" ? BinaryKind::BitwiseLeftShift : BinaryKind::BitwiseRightShift}, {c.in(0), c.in(1)})};
}

Values prelu(NodeContext& c) { return binary<BinaryKind::Prelu>(c); }

template <BinaryKind kind>
Values variadic(NodeContext& c) {
  c.ignore({"consumed_inputs"});
  ValueId result = c.in(0);
  for (std::size_t i = 1; i < c.count(); ++i) result = c.op(Binary{kind}, {result, c.in(i)});
  return {result};
}

Values mean(NodeContext& c) {
  const ValueId sum = variadic<BinaryKind::Add>(c)[0];
  return c.count() == 1 ? Values{sum} : Values{c.op(Binary{BinaryKind::Divide}, {sum, c.scalar(c.element(0), static_cast<double>(c.count()))})};
}

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Values clip_1(NodeContext& c) {
  c.ignore({"consumed_inputs"});
  return {c.op(Unary{UnaryKind::Clamp, c.f("min", -kInfinity), c.f("max", kInfinity)}, {c.in(0)})};
}

Values clip(NodeContext& c) {
  const bool wide = c.element(0) == ElementType::i64 || c.element(0) == ElementType::u64;
  double low = -kInfinity, high = kInfinity;
  bool known = true;
  for (std::size_t i : {1, 2}) {
    if (!c.has(i)) continue;
    const Tensor* bound = c.constant(i);
    if (bound == nullptr || bound->size() != 1 || bound->rank() > 1 || bound->type() != c.element(0)) {
      known = false;
      continue;
    }
    const double value = element_as_f64(*bound, 0);
    // bounds beyond 2^53 would be rounded
    known &= !wide || std::abs(value) < 0x1p53;
    known &= value == value;
    (i == 1 ? low : high) = value;
  }
  if (known && low <= high) return {c.op(Unary{UnaryKind::Clamp, low, high}, {c.in(0)})};
  ValueId result = c.in(0);
  if (c.has(1)) result = c.op(Binary{BinaryKind::Maximum}, {result, c.in(1)});
  if (c.has(2)) result = c.op(Binary{BinaryKind::Minimum}, {result, c.in(2)});
  return {result};
}

Values identity(NodeContext& c) { return {c.in(0)}; }

Values constant(NodeContext& c) {
  if (c.given("value")) return {c.constant_of(c.t("value"))};
  if (c.given("sparse_value")) return {c.constant_of(c.t("sparse_value"))};
  if (c.given("value_float")) return {c.constant_of(Tensor::scalar(static_cast<float>(c.f("value_float"))))};
  if (c.given("value_int")) return {c.i64_scalar(c.i("value_int"))};
  if (c.given("value_ints")) return {c.i64(c.ints("value_ints"))};
  if (c.given("value_floats")) {
    const auto values = c.floats("value_floats");
    return {c.constant_of(from_f64(ElementType::f32, {static_cast<std::int64_t>(values.size())}, values))};
  }
  if (c.given("value_string") || c.given("value_strings")) c.unsupported("a constant of strings");
  c.invalid("a constant without a value");
}

constexpr Row kElementwiseRows[] = {
    {"", "Abs", 1, unary<UnaryKind::Abs>},
    {"", "Acos", 7, unary<UnaryKind::Acos>},
    {"", "Acosh", 9, unary<UnaryKind::Acosh>},
    {"", "Add", 7, binary<BinaryKind::Add>},
    {"", "And", 7, binary<BinaryKind::LogicalAnd>},
    {"", "Asin", 7, unary<UnaryKind::Asin>},
    {"", "Asinh", 9, unary<UnaryKind::Asinh>},
    {"", "Atan", 7, unary<UnaryKind::Atan>},
    {"", "Atanh", 9, unary<UnaryKind::Atanh>},
    {"", "BitShift", 11, bit_shift},
    {"", "BitwiseAnd", 18, binary<BinaryKind::BitwiseAnd>},
    {"", "BitwiseNot", 18, unary<UnaryKind::BitwiseNot>},
    {"", "BitwiseOr", 18, binary<BinaryKind::BitwiseOr>},
    {"", "BitwiseXor", 18, binary<BinaryKind::BitwiseXor>},
    {"", "Ceil", 1, unary<UnaryKind::Ceiling>},
    {"", "Celu", 12, celu},
    {"", "Clip", 1, clip_1},
    {"", "Clip", 11, clip},
    {"", "Constant", 1, constant},
    {"", "Cos", 7, unary<UnaryKind::Cos>},
    {"", "Cosh", 9, unary<UnaryKind::Cosh>},
    {"", "Div", 7, binary<BinaryKind::Divide>},
    {"", "Elu", 1, elu},
    {"", "Equal", 7, binary<BinaryKind::Equal>},
    {"", "Erf", 9, unary<UnaryKind::Erf>},
    {"", "Exp", 1, unary<UnaryKind::Exp>},
    {"", "Floor", 1, unary<UnaryKind::Floor>},
    {"", "Gelu", 20, gelu},
    {"", "Greater", 7, binary<BinaryKind::Greater>},
    {"", "GreaterOrEqual", 12, binary<BinaryKind::GreaterEqual>},
    {"", "HardSigmoid", 1, hard_sigmoid},
    {"", "HardSwish", 14, unary<UnaryKind::HSwish>},
    {"", "Identity", 1, identity},
    {"", "IsInf", 10, is_inf},
    {"", "IsNaN", 9, unary<UnaryKind::IsNaN>},
    {"", "LeakyRelu", 1, leaky_relu},
    {"", "Less", 7, binary<BinaryKind::Less>},
    {"", "LessOrEqual", 12, binary<BinaryKind::LessEqual>},
    {"", "Log", 1, unary<UnaryKind::Log>},
    {"", "Max", 1, variadic<BinaryKind::Maximum>},
    {"", "Mean", 1, mean},
    {"", "Min", 1, variadic<BinaryKind::Minimum>},
    {"", "Mish", 18, unary<UnaryKind::Mish>},
    {"", "Mod", 10, mod},
    {"", "Mul", 7, binary<BinaryKind::Multiply>},
    {"", "Neg", 1, unary<UnaryKind::Negative>},
    {"", "Not", 1, unary<UnaryKind::LogicalNot>},
    {"", "Or", 7, binary<BinaryKind::LogicalOr>},
    {"", "PRelu", 7, prelu},
    {"", "Reciprocal", 1, unary<UnaryKind::Reciprocal>},
    {"", "Relu", 1, unary<UnaryKind::Relu>},
    {"", "Round", 11, unary<UnaryKind::Round>},
    {"", "Selu", 1, selu_1},
    {"", "Selu", 6, selu},
    {"", "Shrink", 9, shrink},
    {"", "Sigmoid", 1, unary<UnaryKind::Sigmoid>},
    {"", "Sign", 9, unary<UnaryKind::Sign>},
    {"", "Sin", 7, unary<UnaryKind::Sin>},
    {"", "Sinh", 9, unary<UnaryKind::Sinh>},
    {"", "Softplus", 1, unary<UnaryKind::SoftPlus>},
    {"", "Softsign", 1, unary<UnaryKind::SoftSign>},
    {"", "Sqrt", 1, unary<UnaryKind::Sqrt>},
    {"", "Sub", 7, binary<BinaryKind::Subtract>},
    {"", "Sum", 1, variadic<BinaryKind::Add>},
    {"", "SwiGLU", 28, swiglu},
    {"", "Swish", 24, swish},
    {"", "Tan", 7, unary<UnaryKind::Tan>},
    {"", "Tanh", 1, unary<UnaryKind::Tanh>},
    {"", "ThresholdedRelu", 10, thresholded_relu},
    {"", "Xor", 7, binary<BinaryKind::LogicalXor>},
};

}  // namespace

std::span<const Row> elementwise_rows() { return kElementwiseRows; }

}  // namespace saccade::onnx
