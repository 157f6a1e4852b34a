// SPDX-License-Identifier: Apache-2.0
// Elementwise operators, conversions, reductions, quantisation.
#include <cmath>
#include <limits>

#include "export/decompose_tools.h"
#include "export/onnx/rules.h"
#include "ops/convert.h"
#include "ops/cumulative.h"
#include "ops/elementwise.h"
#include "ops/fake_quantize.h"
#include "ops/integer_matmul.h"
#include "ops/quantize.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/select.h"
#include "ops/softmax.h"
#include "ops/topk.h"
#include "tensor/numeric.h"

namespace saccade::exporter::onnx {
namespace {

using ops::Binary;
using ops::BinaryKind;
using ops::Unary;
using ops::UnaryKind;

ValueId unary(Rewriting& r, UnaryKind kind, ValueId x) { return r.op(Unary::of(kind), {x}); }

// Operators that differ in the name alone.
Values renamed(Rewriting& r) {
  constexpr std::pair<std::string_view, const char*> kNames[] = {
      {"Abs", "Abs"},           {"Acos", "Acos"},         {"Acosh", "Acosh"},         {"Add", "Add"},         {"Asin", "Asin"},           {"Asinh", "Asinh"},     {"Atan", "Atan"},
      {"Atanh", "Atanh"},       {"BitwiseAnd", "BitwiseAnd"}, {"BitwiseNot", "BitwiseNot"}, {"BitwiseOr", "BitwiseOr"}, {"BitwiseXor", "BitwiseXor"}, {"Ceiling", "Ceil"},    {"Cos", "Cos"},
      {"Cosh", "Cosh"},         {"Divide", "Div"},        {"Equal", "Equal"},         {"Erf", "Erf"},         {"Exp", "Exp"},             {"Floor", "Floor"},     {"Greater", "Greater"},
      {"GreaterEqual", "GreaterOrEqual"}, {"IsNaN", "IsNaN"}, {"Less", "Less"},       {"LessEqual", "LessOrEqual"}, {"Log", "Log"},       {"Maximum", "Max"},     {"Minimum", "Min"},
      {"Mish", "Mish"},         {"Multiply", "Mul"},      {"Negative", "Neg"},        {"Power", "Pow"},       {"Reciprocal", "Reciprocal"}, {"Relu", "Relu"},     {"Round", "Round"},
      {"Select", "Where"},      {"Sigmoid", "Sigmoid"},   {"Sign", "Sign"},           {"Sin", "Sin"},         {"Sinh", "Sinh"},           {"SoftPlus", "Softplus"}, {"SoftSign", "Softsign"},
      {"Sqrt", "Sqrt"},         {"Subtract", "Sub"},      {"Tan", "Tan"},             {"Tanh", "Tanh"},       {"Det", "Det"}};
  for (const auto& [ours, theirs] : kNames)
    if (ours == r.node().op.name()) return emit(r, theirs, r.inputs());
  r.inexpressible("not expressible in ONNX");
}

Values rsqrt(Rewriting& r) { return {unary(r, UnaryKind::Reciprocal, unary(r, UnaryKind::Sqrt, r.in(0)))}; }
Values square(Rewriting& r) { return {r.multiply(r.in(0), r.in(0))}; }

Values clamp(Rewriting& r) {
  const auto& op = r.as<Unary>();
  return emit(r, "Clip", {r.in(0), r.like(r.in(0), op.a), r.like(r.in(0), op.b)});
}

Values with_alpha(Rewriting& r) {
  const auto& op = r.as<Unary>();
  const std::string type(op.name());
  return emit(r, type.c_str(), {r.in(0)}, {{"alpha", op.a}});
}

Values leaky_relu(Rewriting& r) { return emit(r, "LeakyRelu", {r.in(0)}, {{"alpha", r.as<Unary>().a}}); }
Values selu(Rewriting& r) { return emit(r, "Selu", {r.in(0)}, {{"alpha", r.as<Unary>().a}, {"gamma", r.as<Unary>().b}}); }
Values shrink(Rewriting& r) { return emit(r, "Shrink", {r.in(0)}, {{"lambd", r.as<Unary>().a}, {"bias", r.as<Unary>().b}}); }
Values hard_sigmoid(Rewriting& r) { return emit(r, "HardSigmoid", {r.in(0)}, {{"alpha", r.as<Unary>().a}, {"beta", r.as<Unary>().b}}); }
Values h_sigmoid(Rewriting& r) { return emit(r, "HardSigmoid", {r.in(0)}, {{"alpha", 1.0 / 6}, {"beta", 0.5}}); }
Values h_swish(Rewriting& r) { return emit(r, "HardSwish", {r.in(0)}); }

Values swish(Rewriting& r) {
  const double beta = r.as<Unary>().a;
  const ValueId x = r.in(0), scaled = beta == 1 ? x : r.multiply(x, r.like(x, beta));
  return {r.multiply(x, unary(r, UnaryKind::Sigmoid, scaled))};
}

Values gelu(Rewriting& r) {
  const bool erf = r.as<Unary>().kind == UnaryKind::GeluErf;
  const ValueId x = r.in(0);
  if (r.level >= 20) return emit(r, "Gelu", {x}, {{"approximate", std::string(erf ? "none" : "tanh")}});
  const ValueId half = r.multiply(r.like(x, 0.5), x);
  if (erf) return {r.multiply(half, r.add(r.like(x, 1), unary(r, UnaryKind::Erf, r.multiply(x, r.like(x, M_SQRT1_2)))))};
  const ValueId cube = r.multiply(r.multiply(x, x), x);
  const ValueId inner = r.multiply(r.like(x, M_SQRT1_2 * M_2_SQRTPI), r.add(x, r.multiply(r.like(x, 0.044715), cube)));
  return {r.multiply(half, r.add(r.like(x, 1), unary(r, UnaryKind::Tanh, inner)))};
}

Values is_inf(Rewriting& r) {
  const auto& op = r.as<Unary>();
  return emit(r, "IsInf", {r.in(0)}, {{"detect_negative", std::int64_t{op.a != 0}}, {"detect_positive", std::int64_t{op.b != 0}}});
}

ValueId as_boolean(Rewriting& r, ValueId v) { return r.convert(v, ElementType::boolean); }

Values logical(Rewriting& r) {
  constexpr std::pair<std::string_view, const char*> kNames[] = {{"LogicalAnd", "And"}, {"LogicalOr", "Or"}, {"LogicalXor", "Xor"}, {"LogicalNot", "Not"}};
  for (const auto& [ours, theirs] : kNames) {
    if (ours != r.node().op.name()) continue;
    Values inputs = r.inputs();
    for (ValueId& v : inputs) v = as_boolean(r, v);
    return emit(r, theirs, inputs);
  }
  r.inexpressible("not expressible in ONNX");
}

Values not_equal(Rewriting& r) { return {unary(r, UnaryKind::LogicalNot, binary(r, BinaryKind::Equal, r.in(0), r.in(1)))}; }

Values shift(Rewriting& r) {
  if (is_signed(r.element(0))) r.inexpressible("shifts of signed integers");
  return emit(r, "BitShift", r.inputs(), {{"direction", std::string(r.as<Binary>().kind == BinaryKind::BitwiseLeftShift ? "LEFT" : "RIGHT")}});
}

Values mod(Rewriting& r) { return emit(r, "Mod", r.inputs(), {{"fmod", std::int64_t{1}}}); }

Values floor_mod(Rewriting& r) {
  if (is_integer(r.element(0))) return emit(r, "Mod", r.inputs(), {{"fmod", std::int64_t{0}}});
  const ValueId quotient = unary(r, UnaryKind::Floor, r.divide(r.in(0), r.in(1)));
  return {r.subtract(r.in(0), r.multiply(quotient, r.in(1)))};
}

Values floor_divide(Rewriting& r) {
  if (is_float(r.element(0))) return {unary(r, UnaryKind::Floor, r.divide(r.in(0), r.in(1)))};
  return {r.divide(r.subtract(r.in(0), binary(r, BinaryKind::FloorMod, r.in(0), r.in(1))), r.in(1))};
}

Values squared_difference(Rewriting& r) {
  const ValueId d = r.subtract(r.in(0), r.in(1));
  return {r.multiply(d, d)};
}

// The slope must broadcast to the data, not the other way round.
Values prelu(Rewriting& r) {
  const PartialShape x = r.type(0).shape, slope = r.type(1).shape;
  const ValueId data = r.in(0);
  if (!x.ranked() || !slope.ranked() || slope.rank() > x.rank())
    return {r.op(ops::Select{}, {binary(r, BinaryKind::Less, data, r.like(data, 0)), r.multiply(data, r.in(1)), data})};
  return emit(r, "PRelu", r.inputs());
}

Values convert(Rewriting& r);

std::int64_t expressible_type(Rewriting& r, ElementType type) {
  constexpr std::pair<ElementType, int> kTypes[] = {{ElementType::f32, 1},   {ElementType::u8, 2},    {ElementType::i8, 3},        {ElementType::u16, 4},         {ElementType::i16, 5},     {ElementType::i32, 6},         {ElementType::i64, 7},
                                                    {ElementType::boolean, 9}, {ElementType::f16, 10}, {ElementType::f64, 11},      {ElementType::u32, 12},        {ElementType::u64, 13},    {ElementType::bf16, 16},       {ElementType::f8e4m3fn, 17},
                                                    {ElementType::f8e4m3fnuz, 18}, {ElementType::f8e5m2, 19}, {ElementType::f8e5m2fnuz, 20}, {ElementType::u4, 21}, {ElementType::i4, 22}, {ElementType::f4e2m1, 23}};
  for (const auto& [ours, number] : kTypes)
    if (ours == type) return number;
  r.inexpressible("the element type {}", to_string(type));
}

Values convert(Rewriting& r) {
  const ElementType to = r.type(r.out(0)).element;
  return emit(r, "Cast", {r.in(0)}, {{"to", expressible_type(r, to)}});
}

Values convert_float8(Rewriting& r) {
  const auto& op = r.as<ops::ConvertFloat8>();
  if (op.destination_type == ElementType::f8e8m0) r.inexpressible("f8e8m0");
  return emit(r, "Cast", {r.in(0)}, {{"to", expressible_type(r, op.destination_type)}, {"saturate", std::int64_t{op.saturate}}});
}

Values convert_like(Rewriting& r) { return emit(r, "CastLike", r.inputs()); }

// Reductions take their axes as an input, and none there means all unless told otherwise.
Values reduce(Rewriting& r) {
  const auto& op = r.as<ops::Reduce>();
  if (op.kind == ops::ReduceKind::LogicalAnd || op.kind == ops::ReduceKind::LogicalOr) {
    ops::Reduce extreme = op;
    extreme.kind = op.kind == ops::ReduceKind::LogicalAnd ? ops::ReduceKind::Min : ops::ReduceKind::Max;
    const ValueId numbers = r.convert(as_boolean(r, r.in(0)), ElementType::i32);
    // of nothing at all the smallest is the largest number and the other way round
    const ValueId found = r.op(extreme, {numbers, r.in(1)});
    return {r.convert(binary(r, BinaryKind::Greater, found, r.like(found, 0)), r.type(r.out(0)).element)};
  }
  const std::string type(op.name());
  return emit(r, type.c_str(), {r.in(0), r.convert(r.in(1), ElementType::i64)}, {{"keepdims", std::int64_t{op.keep_dims}}, {"noop_with_empty_axes", std::int64_t{1}}});
}

Values arg_reduce(Rewriting& r) {
  const auto& op = r.as<ops::ArgReduce>();
  TensorType type = r.type(r.out(0));
  type.element = ElementType::i64;
  const ValueId index = emit_as(r, op.kind == ops::ArgKind::ArgMax ? "ArgMax" : "ArgMin", {r.in(0)}, type,
                                {{"axis", op.axis}, {"keepdims", std::int64_t{op.keep_dims}}, {"select_last_index", std::int64_t{op.select_last_index}}});
  return {r.convert(index, op.output_type)};
}

template <class T>
Values along_axis(Rewriting& r) {
  return emit(r, T::kName.data(), {r.in(0)}, {{"axis", r.as<T>().axis}});
}

Values cum_sum(Rewriting& r) {
  const auto& op = r.as<ops::CumSum>();
  return emit(r, "CumSum", r.inputs(), {{"exclusive", std::int64_t{op.exclusive}}, {"reverse", std::int64_t{op.reverse}}});
}

// k is a vector of one, indices are i64.
Values top_k(Rewriting& r) {
  const auto& op = r.as<ops::TopK>();
  if (op.sort == ops::TopKSort::index) r.inexpressible("results in the order of their indices");
  TensorType indices = r.type(r.out(1));
  indices.element = ElementType::i64;
  const Values out = r.node(OnnxNode{"TopK",
                                     {{"axis", op.axis}, {"largest", std::int64_t{op.mode == ops::TopKMode::max}}, {"sorted", std::int64_t{op.sort == ops::TopKSort::value}}},
                                     {r.type(r.out(0)), indices}},
                            {r.in(0), r.reshape(r.convert(r.in(1), ElementType::i64), {1})});
  return {out[0], r.convert(out[1], op.index_element_type)};
}

Values quantize(Rewriting& r) {
  const auto& op = r.as<ops::Quantize>();
  const ElementType to = op.destination_type;
  const bool wide = to != ElementType::u8 && to != ElementType::i8;
  if (wide) need(r, to == ElementType::u16 || to == ElementType::i16 || to == ElementType::u4 || to == ElementType::i4 ? 21 : 19);
  OnnxAttributes attributes{{"axis", op.axis}};
  if (op.block_size != 0) {
    need(r, 21);
    attributes.push_back({"block_size", op.block_size});
  }
  if (!op.saturate) attributes.push_back({"saturate", std::int64_t{0}});
  if (op.precision != r.element(1)) r.inexpressible("computing in {}", to_string(op.precision));
  Values inputs = r.inputs();
  // the zero point says the type, which every reader understands
  if (!r.has(2) && to != ElementType::u8) {
    if (!r.type(1).is_static()) r.inexpressible("scales of unknown shape");
    inputs.resize(3);
    inputs[2] = r.constant_of(Tensor(to, r.type(1).shape.shape()));
  }
  return emit(r, "QuantizeLinear", inputs, attributes);
}

Values dequantize(Rewriting& r) {
  const auto& op = r.as<ops::Dequantize>();
  const ElementType from = r.element(0);
  if (from != ElementType::u8 && from != ElementType::i8 && from != ElementType::i32) need(r, 19);
  OnnxAttributes attributes{{"axis", op.axis}};
  if (op.block_size != 0) {
    need(r, 21);
    attributes.push_back({"block_size", op.block_size});
  }
  if (op.destination_type != r.element(1)) {
    TensorType inner = r.type(r.out(0));
    inner.element = r.element(1);
    return {r.convert(emit_as(r, "DequantizeLinear", r.inputs(), inner, attributes), op.destination_type)};
  }
  return emit(r, "DequantizeLinear", r.inputs(), attributes);
}

// An affine grid of 256 levels is a pair of quantisations; the general form is arithmetic.
std::optional<Values> as_pair(Rewriting& r) {
  const auto& op = r.as<ops::FakeQuantize>();
  Tensor limits[4];
  for (std::size_t i = 0; i < 4; ++i) {
    limits[i] = r.constant(1 + i);
    if (!limits[i].defined() || limits[i].size() != limits[0].size()) return std::nullopt;
  }
  if (op.levels != 256 || r.element(0) != ElementType::f32 || !r.type(0).shape.ranked()) return std::nullopt;
  // one value, or for weights one per index of one axis; ONNX Runtime's fused operators take no such activations
  std::int64_t axis = 0;
  if (limits[0].size() > 1) {
    if (!r.constant(0).defined()) return std::nullopt;
    const auto& shape = limits[0].shape();
    int long_axes = 0;
    for (std::size_t d = 0; d < shape.size(); ++d)
      if (shape[d] != 1) {
        ++long_axes;
        axis = static_cast<std::int64_t>(d + r.type(0).shape.rank() - shape.size());
      }
    if (long_axes != 1 || axis < 0) return std::nullopt;
  }
  const auto il = to_f64(limits[0]), ih = to_f64(limits[1]), ol = to_f64(limits[2]), oh = to_f64(limits[3]);
  std::vector<double> scales(il.size()), zeros(il.size());
  for (std::size_t k = 0; k < il.size(); ++k) {
    if (il[k] != ol[k] || ih[k] != oh[k] || !(il[k] < ih[k])) return std::nullopt;
    scales[k] = (ih[k] - il[k]) / 255;
    const double zero = -il[k] / scales[k];
    zeros[k] = std::nearbyint(zero);
    if (std::fabs(zero - zeros[k]) > 1e-3 || zeros[k] < 0 || zeros[k] > 255) return std::nullopt;
  }
  const Shape shape = il.size() == 1 ? Shape{} : Shape{static_cast<std::int64_t>(il.size())};
  const ValueId scale = r.constant_of(from_f64(ElementType::f32, shape, scales)), zero = r.constant_of(from_f64(ElementType::u8, shape, zeros));
  const ValueId q = r.op(ops::Quantize{.axis = axis}, {r.in(0), scale, zero});
  return Values{r.op(ops::Dequantize{.axis = axis}, {q, scale, zero})};
}

Values fake_quantize(Rewriting& r) {
  if (auto pair = as_pair(r)) return *pair;
  const ValueId x = r.in(0), il = r.in(1), ih = r.in(2), ol = r.in(3), oh = r.in(4);
  const ValueId steps = r.like(x, static_cast<double>(r.as<ops::FakeQuantize>().levels - 1));
  const ValueId low = binary(r, BinaryKind::Minimum, il, ih), high = binary(r, BinaryKind::Maximum, il, ih);
  const ValueId place = r.multiply(r.divide(r.subtract(x, il), r.subtract(ih, il)), steps);
  const ValueId inner = r.add(r.multiply(r.divide(unary(r, UnaryKind::Round, place), steps), r.subtract(oh, ol)), ol);
  const ValueId upper = r.op(ops::Select{}, {binary(r, BinaryKind::Greater, x, high), oh, inner});
  return {r.op(ops::Select{}, {binary(r, BinaryKind::LessEqual, x, low), ol, upper})};
}

constexpr RuleRow kElementwiseRules[] = {
    {"Abs", renamed},        {"Acos", renamed},       {"Acosh", renamed},          {"Add", renamed},          {"ArgMax", arg_reduce},
    {"ArgMin", arg_reduce},  {"Asin", renamed},       {"Asinh", renamed},          {"Atan", renamed},         {"Atanh", renamed},
    {"BitwiseAnd", renamed}, {"BitwiseLeftShift", shift}, {"BitwiseNot", renamed}, {"BitwiseOr", renamed},    {"BitwiseRightShift", shift},
    {"BitwiseXor", renamed}, {"Ceiling", renamed},    {"Celu", with_alpha},        {"Clamp", clamp},          {"Convert", convert},
    {"ConvertFloat8", convert_float8}, {"ConvertLike", convert_like}, {"Cos", renamed}, {"Cosh", renamed},    {"CumSum", cum_sum},
    {"Dequantize", dequantize}, {"Det", renamed},     {"Divide", renamed},         {"Elu", with_alpha},       {"Equal", renamed},
    {"Erf", renamed},        {"Exp", renamed},        {"FakeQuantize", fake_quantize}, {"Floor", renamed},    {"FloorDivide", floor_divide},
    {"FloorMod", floor_mod}, {"GeluErf", gelu},       {"GeluTanh", gelu},          {"Greater", renamed},      {"GreaterEqual", renamed},
    {"HSigmoid", h_sigmoid}, {"HSwish", h_swish},     {"HardSigmoid", hard_sigmoid}, {"Hardmax", along_axis<ops::Hardmax>}, {"IsInf", is_inf},
    {"IsNaN", renamed},      {"LeakyRelu", leaky_relu}, {"Less", renamed},         {"LessEqual", renamed},    {"Log", renamed},
    {"LogSoftmax", along_axis<ops::LogSoftmax>}, {"LogicalAnd", logical}, {"LogicalNot", logical}, {"LogicalOr", logical}, {"LogicalXor", logical},
    {"Maximum", renamed},    {"Minimum", renamed},    {"Mish", renamed},           {"Mod", mod},              {"Multiply", renamed},
    {"Negative", renamed},   {"NotEqual", not_equal}, {"Power", renamed},          {"Prelu", prelu},          {"Quantize", quantize},
    {"Reciprocal", renamed}, {"ReduceL1", reduce},    {"ReduceL2", reduce},        {"ReduceLogSum", reduce},  {"ReduceLogSumExp", reduce},
    {"ReduceLogicalAnd", reduce}, {"ReduceLogicalOr", reduce}, {"ReduceMax", reduce}, {"ReduceMean", reduce}, {"ReduceMin", reduce},
    {"ReduceProd", reduce},  {"ReduceSum", reduce},   {"ReduceSumSquare", reduce}, {"Relu", renamed},         {"Round", renamed},
    {"Rsqrt", rsqrt},        {"Select", renamed},     {"Selu", selu},              {"Shrink", shrink},        {"Sigmoid", renamed},
    {"Sign", renamed},       {"Sin", renamed},        {"Sinh", renamed},           {"SoftPlus", renamed},     {"SoftSign", renamed},
    {"Softmax", along_axis<ops::Softmax>}, {"Sqrt", renamed}, {"Square", square},  {"SquaredDifference", squared_difference}, {"Subtract", renamed},
    {"Swish", swish},        {"Tan", renamed},        {"Tanh", renamed},           {"ThresholdedRelu", with_alpha}, {"TopK", top_k},
};

}  // namespace

std::span<const RuleRow> elementwise_rules() { return kElementwiseRules; }

}  // namespace saccade::exporter::onnx
