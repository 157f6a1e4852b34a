// SPDX-License-Identifier: Apache-2.0
// ONNX's conversions and quantisation.
#include "import/onnx/map.h"
#include "ops/convert.h"
#include "ops/elementwise.h"
#include "ops/quantize.h"
#include "ops/reduce.h"

namespace saccade::onnx {
namespace {

using Values = std::vector<ValueId>;
using ops::Binary;
using ops::BinaryKind;
using ops::Unary;
using ops::UnaryKind;

Values converted(NodeContext& c, ElementType type) {
  const bool saturate = c.flag("saturate", true);
  const std::string rounding = c.s("round_mode", "up");
  if (rounding != "up" && rounding != "down" && rounding != "nearest") c.invalid("round_mode is '{}'", shown(rounding));
  const bool float8 = is_float(type) && size_in_bytes(type) == 1;
  if (float8 && (!saturate || type == ElementType::f8e8m0)) {
    const auto mode = rounding == "up" ? ops::Float8Rounding::up : rounding == "down" ? ops::Float8Rounding::down : ops::Float8Rounding::nearest;
    return {c.op(ops::ConvertFloat8{type, saturate, mode}, {c.in(0)})};
  }
  return {c.element(0) == type ? c.in(0) : c.op(ops::Convert{type}, {c.in(0)})};
}

Values cast(NodeContext& c) { return converted(c, c.type("to")); }
Values cast_like(NodeContext& c) { return converted(c, c.element(1)); }
Values bit_cast(NodeContext& c) { return {c.op(ops::BitCast{c.type("to")}, {c.in(0)})}; }

Values quantize(NodeContext& c) {
  ops::Quantize op;
  op.axis = c.i("axis", 1);
  op.block_size = c.i("block_size", 0);
  op.saturate = c.flag("saturate", true);
  op.destination_type = ElementType::u8;
  if (c.i("output_dtype", 0) != 0) op.destination_type = c.type("output_dtype");
  if (c.has(2)) op.destination_type = c.element(2);
  op.precision = c.i("precision", 0) != 0 ? c.type("precision") : c.element(1);
  Values inputs{c.in(0), c.in(1)};
  if (c.has(2)) inputs.push_back(c.in(2));
  return {c.op(op, inputs)};
}

Values dequantize(NodeContext& c) {
  ops::Dequantize op;
  op.axis = c.i("axis", 1);
  op.block_size = c.i("block_size", 0);
  op.destination_type = c.i("output_dtype", 0) != 0 ? c.type("output_dtype") : c.element(1);
  Values inputs{c.in(0), c.in(1)};
  if (c.has(2)) inputs.push_back(c.in(2));
  return {c.op(op, inputs)};
}

// Step by step as the specification's function, because each step rounds to f32.
Values dynamic_quantize(NodeContext& c) {
  std::vector<std::int64_t> axes(c.rank(0));
  for (std::size_t d = 0; d < axes.size(); ++d) axes[d] = static_cast<std::int64_t>(d);
  const ElementType type = c.element(0);
  const auto binary = [&](BinaryKind kind, ValueId a, ValueId b) { return c.op(Binary{kind}, {a, b}); };
  const auto extreme = [&](ops::ReduceKind kind, BinaryKind with_zero) { return binary(with_zero, c.op(ops::Reduce{kind, false}, {c.in(0), c.i64(axes)}), c.scalar(type, 0)); };
  const ValueId low = extreme(ops::ReduceKind::Min, BinaryKind::Minimum), high = extreme(ops::ReduceKind::Max, BinaryKind::Maximum);
  const ValueId scale = binary(BinaryKind::Divide, binary(BinaryKind::Subtract, high, low), c.scalar(type, 255));
  const ValueId start = binary(BinaryKind::Subtract, c.scalar(type, 0), binary(BinaryKind::Divide, low, scale));
  const ValueId rounded = c.op(Unary::of(UnaryKind::Round), {c.op(Unary{UnaryKind::Clamp, 0, 255}, {start})});
  const ValueId zero_point = c.op(ops::Convert{ElementType::u8}, {rounded});
  return {c.op(ops::Quantize{.precision = type}, {c.in(0), scale, zero_point}), scale, zero_point};
}

constexpr Row kQuantizeRows[] = {
    {"", "BitCast", 26, bit_cast},
    {"", "Cast", 6, cast},
    {"", "CastLike", 15, cast_like},
    {"", "DequantizeLinear", 10, dequantize},
    {"", "DynamicQuantizeLinear", 11, dynamic_quantize},
    {"", "QuantizeLinear", 10, quantize},
};

}  // namespace

std::span<const Row> quantize_rows() { return kQuantizeRows; }

}  // namespace saccade::onnx
