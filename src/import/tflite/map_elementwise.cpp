// SPDX-License-Identifier: Apache-2.0
// TFLite's elementwise operators, conversions and reductions.
#include <algorithm>
#include <cmath>

#include "import/tflite/map.h"
#include "ops/convert.h"
#include "ops/fake_quantize.h"
#include "ops/gather.h"
#include "ops/select.h"
#include "ops/topk.h"

namespace saccade::tflite {
namespace {

using ops::BinaryKind;
using ops::ReduceKind;
using ops::Unary;
using ops::UnaryKind;

template <UnaryKind kind>
Values unary(OperatorContext& c) {
  return {c.unary(kind, c.real(0))};
}

// The activation stands first in the options of all of these.
template <BinaryKind kind>
Values arithmetic(OperatorContext& c) {
  return {c.activated(c.binary(kind, c.real(0), c.real(1)), 0)};
}

template <BinaryKind kind>
Values binary(OperatorContext& c) {
  return {c.binary(kind, c.real(0), c.real(1))};
}

// Quantised operands of one quantisation compare as their integers do.
template <BinaryKind kind>
Values comparison(OperatorContext& c) {
  const bool same = c.has(0) && c.has(1) && c.quantisation(0) == c.quantisation(1);
  return {same ? c.binary(kind, c.raw(0), c.raw(1)) : c.binary(kind, c.real(0), c.real(1))};
}

template <BinaryKind kind>
Values raw_binary(OperatorContext& c) {
  return {c.binary(kind, c.raw(0), c.raw(1))};
}

Values add_n(OperatorContext& c) {
  if (c.count() == 0) c.invalid("no inputs");
  ValueId sum = c.real(0);
  for (std::size_t i = 1; i < c.count(); ++i) sum = c.add(sum, c.real(i));
  return {sum};
}

template <int low, int high>
Values clamp(OperatorContext& c) {
  return {c.clamp(c.real(0), low, high)};
}

Values leaky_relu(OperatorContext& c) { return {c.op(Unary{UnaryKind::LeakyRelu, c.options().real(0)}, {c.real(0)})}; }
Values gelu(OperatorContext& c) { return {c.unary(c.options().flag(0) ? UnaryKind::GeluTanh : UnaryKind::GeluErf, c.real(0))}; }
Values prelu(OperatorContext& c) { return {c.binary(BinaryKind::Prelu, c.real(0), c.real(1))}; }
Values logical_not(OperatorContext& c) { return {c.unary(UnaryKind::LogicalNot, c.raw(0))}; }

Values cast(OperatorContext& c) {
  const ElementType to = c.output_type(0);
  const ValueId x = c.raw(0);
  if (to == ElementType::boolean && c.element(x) != ElementType::boolean) return {c.binary(BinaryKind::NotEqual, x, c.like(x, 0))};
  return {c.convert(x, to)};
}

Values quantize(OperatorContext& c) {
  return {c.is_quantised(0) && c.quantisation(0) == c.output_quantisation(0) && c.tensor(0).type == c.output(0).type ? c.raw(0)
                                                                                                                     : c.real(0)};
}
Values dequantize(OperatorContext& c) { return {c.convert(c.real(0), c.output_type(0))}; }

// Nudges the range so that zero is on the grid.
Values fake_quant(OperatorContext& c) {
  const int bits = c.options().integer(fake_quant::bits, 8);
  const double low = c.options().real(fake_quant::min), high = c.options().real(fake_quant::max);
  if (bits < 2 || bits > 16 || !(low < high) || !std::isfinite(low) || !std::isfinite(high))
    c.invalid("{} bits from {} to {}", bits, low, high);
  const float first = c.options().flag(fake_quant::narrow) ? 1.f : 0.f, last = static_cast<float>((1 << bits) - 1);
  const float scale = (static_cast<float>(high) - static_cast<float>(low)) / (last - first);
  const float zero = std::round(std::clamp(first - static_cast<float>(low) / scale, first, last));
  const ValueId start = c.scalar(ElementType::f32, (first - zero) * scale), stop = c.scalar(ElementType::f32, (last - zero) * scale);
  return {c.op(ops::FakeQuantize{static_cast<std::int64_t>(last - first) + 1}, {c.real(0), start, stop, start, stop})};
}

// SELECT takes a vector of conditions for the rows of its operands; SELECT_V2 broadcasts.
Values select(OperatorContext& c) {
  const Values operands = c.all_carried(1);
  if (operands.size() != 2) c.invalid("{} inputs", c.count());
  return {c.op(ops::Select{}, {c.raw(0), operands[0], operands[1]})};
}

Values select_rows(OperatorContext& c) {
  const Values operands = c.all_carried(1);
  if (operands.size() != 2) c.invalid("{} inputs", c.count());
  ValueId condition = c.raw(0);
  if (const std::size_t rank = c.rank(operands[0]); c.rank(condition) == 1 && rank > 1) {
    std::vector<std::int64_t> dims(rank, 1);
    dims[0] = -1;
    condition = c.reshape(condition, dims);
  }
  return {c.op(ops::Select{}, {condition, operands[0], operands[1]})};
}

bool keep_dims(OperatorContext& c) { return c.options().flag(0); }

template <ReduceKind kind>
Values reduce(OperatorContext& c) {
  return {c.op(ops::Reduce{kind, keep_dims(c)}, {c.real(0), c.index(1)})};
}

template <ReduceKind kind>
Values raw_reduce(OperatorContext& c) {
  return {c.op(ops::Reduce{kind, keep_dims(c)}, {c.carried(0), c.index(1)})};
}

template <ops::ArgKind kind>
Values arg(OperatorContext& c) {
  return {c.op(ops::ArgReduce{kind, c.known_integer(1, "an axis"), false, false, c.output_type(0)}, {c.raw(0)})};
}

Values top_k(OperatorContext& c) {
  const ValueId k = c.index(1);
  return c.node(ops::TopK{.axis = -1, .index_element_type = c.output_type(1)}, {c.carried(0), c.rank(k) == 0 ? k : c.reshape(k, {})});
}

// Counts the boundaries that do not lie above.
Values bucketize(OperatorContext& c) {
  const auto boundaries = c.options().reals(0);
  const ValueId x = c.unsqueeze(c.convert(c.real(0), ElementType::f32), {-1});
  const ValueId above =
      c.binary(BinaryKind::GreaterEqual, x, c.constant(Tensor::from<float>({static_cast<std::int64_t>(boundaries.size())}, boundaries)));
  return {c.reduce(ReduceKind::Sum, c.convert(above, ElementType::i32), {-1}, false)};
}

constexpr Row kElementwiseRows[] = {
    {0, "ADD", arithmetic<BinaryKind::Add>},
    {8, "FLOOR", unary<UnaryKind::Floor>},
    {14, "LOGISTIC", unary<UnaryKind::Sigmoid>},
    {18, "MUL", arithmetic<BinaryKind::Multiply>},
    {19, "RELU", unary<UnaryKind::Relu>},
    {20, "RELU_N1_TO_1", clamp<-1, 1>},
    {21, "RELU6", clamp<0, 6>},
    {28, "TANH", unary<UnaryKind::Tanh>},
    {40, "MEAN", reduce<ReduceKind::Mean>},
    {41, "SUB", arithmetic<BinaryKind::Subtract>},
    {42, "DIV", arithmetic<BinaryKind::Divide>},
    {47, "EXP", unary<UnaryKind::Exp>},
    {48, "TOPK_V2", top_k},
    {53, "CAST", cast},
    {6, "DEQUANTIZE", dequantize},
    {54, "PRELU", prelu},
    {55, "MAXIMUM", binary<BinaryKind::Maximum>},
    {56, "ARG_MAX", arg<ops::ArgKind::ArgMax>},
    {57, "MINIMUM", binary<BinaryKind::Minimum>},
    {58, "LESS", comparison<BinaryKind::Less>},
    {59, "NEG", unary<UnaryKind::Negative>},
    {61, "GREATER", comparison<BinaryKind::Greater>},
    {62, "GREATER_EQUAL", comparison<BinaryKind::GreaterEqual>},
    {63, "LESS_EQUAL", comparison<BinaryKind::LessEqual>},
    {64, "SELECT", select_rows},
    {66, "SIN", unary<UnaryKind::Sin>},
    {71, "EQUAL", comparison<BinaryKind::Equal>},
    {72, "NOT_EQUAL", comparison<BinaryKind::NotEqual>},
    {73, "LOG", unary<UnaryKind::Log>},
    {74, "SUM", reduce<ReduceKind::Sum>},
    {75, "SQRT", unary<UnaryKind::Sqrt>},
    {76, "RSQRT", unary<UnaryKind::Rsqrt>},
    {78, "POW", binary<BinaryKind::Power>},
    {79, "ARG_MIN", arg<ops::ArgKind::ArgMin>},
    {80, "FAKE_QUANT", fake_quant},
    {81, "REDUCE_PROD", reduce<ReduceKind::Prod>},
    {82, "REDUCE_MAX", raw_reduce<ReduceKind::Max>},
    {84, "LOGICAL_OR", raw_binary<BinaryKind::LogicalOr>},
    {86, "LOGICAL_AND", raw_binary<BinaryKind::LogicalAnd>},
    {87, "LOGICAL_NOT", logical_not},
    {89, "REDUCE_MIN", raw_reduce<ReduceKind::Min>},
    {90, "FLOOR_DIV", binary<BinaryKind::FloorDivide>},
    {91, "REDUCE_ANY", raw_reduce<ReduceKind::LogicalOr>},
    {92, "SQUARE", unary<UnaryKind::Square>},
    {95, "FLOOR_MOD", binary<BinaryKind::FloorMod>},
    {98, "LEAKY_RELU", leaky_relu},
    {99, "SQUARED_DIFFERENCE", binary<BinaryKind::SquaredDifference>},
    {101, "ABS", unary<UnaryKind::Abs>},
    {104, "CEIL", unary<UnaryKind::Ceiling>},
    {106, "ADD_N", add_n},
    {108, "COS", unary<UnaryKind::Cos>},
    {111, "ELU", unary<UnaryKind::Elu>},
    {114, "QUANTIZE", quantize},
    {116, "ROUND", unary<UnaryKind::Round>},
    {117, "HARD_SWISH", unary<UnaryKind::HSwish>},
    {123, "SELECT_V2", select},
    {140, "REDUCE_ALL", raw_reduce<ReduceKind::LogicalAnd>},
    {147, "BUCKETIZE", bucketize},
    {150, "GELU", gelu},
    {152, "RELU_0_TO_1", clamp<0, 1>},
    {156, "ATAN2", binary<BinaryKind::Atan2>},
    {158, "SIGN", unary<UnaryKind::Sign>},
    {160, "BITWISE_XOR", raw_binary<BinaryKind::BitwiseXor>},
    {161, "RIGHT_SHIFT", raw_binary<BinaryKind::BitwiseRightShift>},
};

}  // namespace

std::span<const Row> elementwise_rows() { return kElementwiseRows; }

}  // namespace saccade::tflite
