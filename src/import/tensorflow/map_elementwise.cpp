// SPDX-License-Identifier: Apache-2.0
// Elementwise operators, comparisons, logic, selection and casts.

#include "import/tensorflow/map.h"
#include "ops/convert.h"
#include "ops/elementwise.h"
#include "ops/reshape.h"
#include "ops/select.h"
#include "tensor/numeric.h"

namespace saccade::tensorflow {
namespace {

using ops::Binary;
using ops::BinaryKind;
using ops::Unary;
using ops::UnaryKind;
using Values = std::vector<ValueId>;

template <UnaryKind kind>
Values unary(NodeContext& c) {
  return {c.op(Unary::of(kind), {c.in(0)})};
}

// Integers stay what they are.
template <UnaryKind kind>
Values rounding(NodeContext& c) {
  return is_float(c.element(0)) ? unary<kind>(c) : Values{c.in(0)};
}

Values relu6(NodeContext& c) { return {c.op(Unary{UnaryKind::Clamp, 0, 6}, {c.in(0)})}; }
Values relu_n1_to_1(NodeContext& c) { return {c.op(Unary{UnaryKind::Clamp, -1, 1}, {c.in(0)})}; }
Values leaky_relu(NodeContext& c) { return {c.op(Unary{UnaryKind::LeakyRelu, c.f("alpha", static_cast<double>(0.2f)), 0}, {c.in(0)})}; }
Values selu(NodeContext& c) { return {c.op(Unary{UnaryKind::Selu, 1.6732632423543772848170429916717, 1.0507009873554804934193349852946}, {c.in(0)})}; }

Values log1p(NodeContext& c) { return {c.op(Unary::of(UnaryKind::Log), {c.op(Binary{BinaryKind::Add}, {c.in(0), c.scalar(c.element(0), 1)})})}; }

Values is_inf(NodeContext& c) { return {c.op(Unary{UnaryKind::IsInf, 1, 1}, {c.in(0)})}; }
Values is_finite(NodeContext& c) {
  const ValueId bad = c.op(Binary{BinaryKind::LogicalOr}, {unary<UnaryKind::IsNaN>(c)[0], is_inf(c)[0]});
  return {c.op(Unary::of(UnaryKind::LogicalNot), {bad})};
}

template <BinaryKind kind>
Values binary(NodeContext& c) {
  c.ignore({"incompatible_shape_error"});
  return {c.op(Binary{kind}, {c.in(0), c.in(1)})};
}

Values div_no_nan(NodeContext& c) {
  const ValueId zero = c.scalar(c.element(0), 0);
  const ValueId quotient = c.op(Binary{BinaryKind::Divide}, {c.in(0), c.in(1)});
  return {c.op(ops::Select{}, {c.op(Binary{BinaryKind::Equal}, {c.in(1), zero}), zero, quotient})};
}

// TensorFlow divides integers by RealDiv only after a Cast; Div and TruncateDiv truncate them.
Values add_n(NodeContext& c) {
  ValueId sum = c.in(0);
  for (std::size_t i = 1; i < c.count(); ++i) sum = c.op(Binary{BinaryKind::Add}, {sum, c.in(i)});
  return {sum};
}

Values bias_add(NodeContext& c) {
  ValueId bias = c.in(1);
  if (c.s("data_format", "NHWC").starts_with("NC")) {
    std::vector<std::int64_t> dims(c.rank(0) - 1, 1);
    if (dims.empty()) c.invalid("data of rank 1 in channels-first order");
    dims[0] = -1;
    bias = c.op(ops::Reshape{}, {bias, c.i64(dims)});
  }
  return {c.op(Binary{BinaryKind::Add}, {c.in(0), bias})};
}

Values clip_by_value(NodeContext& c) {
  const Tensor *low = c.constant(1), *high = c.constant(2);
  if (is_float(c.element(0)) && low != nullptr && high != nullptr && low->size() == 1 && high->size() == 1) {
    const double a = element_as_f64(*low, 0), b = element_as_f64(*high, 0);
    if (a <= b) return {c.op(Unary{UnaryKind::Clamp, a, b}, {c.in(0)})};
  }
  return {c.op(Binary{BinaryKind::Maximum}, {c.op(Binary{BinaryKind::Minimum}, {c.in(0), c.in(2)}), c.in(1)})};
}

// A condition of rank 1 chooses rows of what has more dimensions.
Values select(NodeContext& c) {
  ValueId condition = c.in(0);
  const PartialShape &shape = c.shape(0), &chosen = c.shape(1).ranked() ? c.shape(1) : c.shape(2);
  if (!shape.ranked()) c.unsupported("a condition of unknown rank");
  if (shape.rank() == 1) {
    if (!chosen.ranked()) c.unsupported("a choice of rows from values of unknown rank");
    if (chosen.rank() > 1) {
      std::vector<std::int64_t> dims(chosen.rank(), 1);
      dims[0] = -1;
      condition = c.op(ops::Reshape{}, {condition, c.i64(dims)});
    }
  }
  return {c.op(ops::Select{}, {condition, c.in(1), c.in(2)})};
}

Values select_v2(NodeContext& c) { return {c.op(ops::Select{}, {c.in(0), c.in(1), c.in(2)})}; }

Values cast(NodeContext& c) {
  const ElementType to = c.type("DstT");
  c.ignore({"Truncate"});
  return {to == c.element(0) ? c.in(0) : c.op(ops::Convert{to}, {c.in(0)})};
}

Values bitcast(NodeContext& c) {
  const ElementType to = c.type("type");
  if (size_in_bytes(to) != size_in_bytes(c.element(0))) c.unsupported("a bit cast between types of different sizes");
  return {c.op(ops::BitCast{to}, {c.in(0)})};
}

constexpr Row kElementwiseRows[] = {
    {"Abs", unary<UnaryKind::Abs>},
    {"Acos", unary<UnaryKind::Acos>},
    {"Acosh", unary<UnaryKind::Acosh>},
    {"Add", binary<BinaryKind::Add>},
    {"AddN", add_n},
    {"AddV2", binary<BinaryKind::Add>},
    {"Asin", unary<UnaryKind::Asin>},
    {"Asinh", unary<UnaryKind::Asinh>},
    {"Atan", unary<UnaryKind::Atan>},
    {"Atan2", binary<BinaryKind::Atan2>},
    {"Atanh", unary<UnaryKind::Atanh>},
    {"BiasAdd", bias_add},
    {"BiasAddV1", bias_add},
    {"Bitcast", bitcast},
    {"BitwiseAnd", binary<BinaryKind::BitwiseAnd>},
    {"BitwiseOr", binary<BinaryKind::BitwiseOr>},
    {"BitwiseXor", binary<BinaryKind::BitwiseXor>},
    {"Cast", cast},
    {"Ceil", rounding<UnaryKind::Ceiling>},
    {"ClipByValue", clip_by_value},
    {"Cos", unary<UnaryKind::Cos>},
    {"Cosh", unary<UnaryKind::Cosh>},
    {"Div", binary<BinaryKind::Divide>},
    {"DivNoNan", div_no_nan},
    {"Elu", unary<UnaryKind::Elu>},
    {"Equal", binary<BinaryKind::Equal>},
    {"Erf", unary<UnaryKind::Erf>},
    {"Exp", unary<UnaryKind::Exp>},
    {"Floor", rounding<UnaryKind::Floor>},
    {"FloorDiv", binary<BinaryKind::FloorDivide>},
    {"FloorMod", binary<BinaryKind::FloorMod>},
    {"Greater", binary<BinaryKind::Greater>},
    {"GreaterEqual", binary<BinaryKind::GreaterEqual>},
    {"Inv", unary<UnaryKind::Reciprocal>},
    {"Invert", unary<UnaryKind::BitwiseNot>},
    {"IsFinite", is_finite},
    {"IsInf", is_inf},
    {"IsNan", unary<UnaryKind::IsNaN>},
    {"LeakyRelu", leaky_relu},
    {"LeftShift", binary<BinaryKind::BitwiseLeftShift>},
    {"Less", binary<BinaryKind::Less>},
    {"LessEqual", binary<BinaryKind::LessEqual>},
    {"Log", unary<UnaryKind::Log>},
    {"Log1p", log1p},
    {"LogicalAnd", binary<BinaryKind::LogicalAnd>},
    {"LogicalNot", unary<UnaryKind::LogicalNot>},
    {"LogicalOr", binary<BinaryKind::LogicalOr>},
    {"Maximum", binary<BinaryKind::Maximum>},
    {"Minimum", binary<BinaryKind::Minimum>},
    {"Mod", binary<BinaryKind::Mod>},
    {"Mul", binary<BinaryKind::Multiply>},
    {"Neg", unary<UnaryKind::Negative>},
    {"NotEqual", binary<BinaryKind::NotEqual>},
    {"Pow", binary<BinaryKind::Power>},
    {"RealDiv", binary<BinaryKind::Divide>},
    {"Reciprocal", unary<UnaryKind::Reciprocal>},
    {"Relu", unary<UnaryKind::Relu>},
    {"Relu6", relu6},
    {"ReluN1To1", relu_n1_to_1},
    {"RightShift", binary<BinaryKind::BitwiseRightShift>},
    {"Rint", rounding<UnaryKind::Round>},
    {"Round", rounding<UnaryKind::Round>},
    {"Rsqrt", unary<UnaryKind::Rsqrt>},
    {"Select", select},
    {"SelectV2", select_v2},
    {"Selu", selu},
    {"Sigmoid", unary<UnaryKind::Sigmoid>},
    {"Sign", unary<UnaryKind::Sign>},
    {"Sin", unary<UnaryKind::Sin>},
    {"Sinh", unary<UnaryKind::Sinh>},
    {"Softplus", unary<UnaryKind::SoftPlus>},
    {"Softsign", unary<UnaryKind::SoftSign>},
    {"Sqrt", unary<UnaryKind::Sqrt>},
    {"Square", unary<UnaryKind::Square>},
    {"SquaredDifference", binary<BinaryKind::SquaredDifference>},
    {"Sub", binary<BinaryKind::Subtract>},
    {"Tan", unary<UnaryKind::Tan>},
    {"Tanh", unary<UnaryKind::Tanh>},
    {"TruncateDiv", binary<BinaryKind::Divide>},
    {"TruncateMod", binary<BinaryKind::Mod>},
};

}  // namespace

std::span<const Row> elementwise_rows() { return kElementwiseRows; }

}  // namespace saccade::tensorflow
