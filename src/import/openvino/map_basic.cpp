// SPDX-License-Identifier: Apache-2.0
// Operators whose layers are what they are in the graph: attributes by their names.
#include <cmath>

#include "import/openvino/constants.h"
#include "import/openvino/map.h"
#include "ops/broadcast.h"
#include "ops/col2im.h"
#include "ops/concat.h"
#include "ops/convert.h"
#include "ops/convolution.h"
#include "ops/cumulative.h"
#include "ops/elementwise.h"
#include "ops/fake_quantize.h"
#include "ops/gather.h"
#include "ops/matmul.h"
#include "ops/non_zero.h"
#include "ops/normalization.h"
#include "ops/one_hot.h"
#include "ops/pad.h"
#include "ops/range.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/reverse_sequence.h"
#include "ops/scatter.h"
#include "ops/select.h"
#include "ops/shape_of.h"
#include "ops/slice.h"
#include "ops/softmax.h"
#include "ops/space_to_depth.h"
#include "ops/split.h"
#include "ops/tile.h"
#include "ops/topk.h"
#include "ops/transpose.h"

namespace saccade::openvino {
namespace {

using ops::BinaryKind;
using ops::ReduceKind;
using ops::UnaryKind;

template <UnaryKind kind>
Values unary(LayerContext& c) {
  return {c.op(c.filled(ops::Unary::of(kind)), {c.in(0)})};
}

template <BinaryKind kind>
Values binary(LayerContext& c) {
  return {c.binary(kind, c.in(0), c.in(1))};
}

template <ReduceKind kind>
Values reduce(LayerContext& c) {
  return {c.op(c.filled(ops::Reduce{.kind = kind}), c.inputs())};
}

Values const_(LayerContext& c) {
  const ElementType type = parse_element(c.s("element_type"));
  Shape shape;
  for (const std::int64_t d : c.ints("shape")) {
    if (d < 0) c.invalid("a constant of shape {}", c.s("shape"));
    shape.push_back(d);
  }
  const std::int64_t offset = c.i("offset"), size = c.i("size");
  if (offset < 0 || size < 0) c.invalid("bytes {} + {}", offset, size);
  return {c.constant_of(c.constant_at(type, shape, static_cast<std::size_t>(offset), static_cast<std::size_t>(size)))};
}

Values identity(LayerContext& c) { return {c.in(0)}; }

// Convert to the type that a value has already, as it happens where f16 is read as f32, changes nothing.
Values convert(LayerContext& c) {
  const ElementType to = c.type_attribute("destination_type", ElementType::f32);
  return {c.converted(c.in(0), to)};
}

Values divide(LayerContext& c) {
  // m_pythondiv: integers are divided flooring
  const bool flooring = c.flag("m_pythondiv", true) && is_integer(c.element(0));
  return {c.binary(flooring ? BinaryKind::FloorDivide : BinaryKind::Divide, c.in(0), c.in(1))};
}

Values round(LayerContext& c) {
  const std::string mode = c.s("mode", "half_to_even");
  if (mode == "half_to_even" || mode == "HALF_TO_EVEN") return {c.op(ops::Unary::of(UnaryKind::Round), {c.in(0)})};
  // away from zero: sign(x) · ⌊|x| + 1/2⌋
  const ValueId x = c.in(0), size = c.op(ops::Unary::of(UnaryKind::Abs), {x});
  const ValueId up = c.op(ops::Unary::of(UnaryKind::Floor), {c.binary(BinaryKind::Add, size, c.like(x, 0.5))});
  return {c.binary(BinaryKind::Multiply, c.op(ops::Unary::of(UnaryKind::Sign), {x}), up)};
}

Values gelu(LayerContext& c) {
  const std::string mode = c.s("approximation_mode", "ERF");
  if (mode == "ERF" || mode == "erf") return {c.op(ops::Unary::of(UnaryKind::GeluErf), {c.in(0)})};
  if (mode == "TANH" || mode == "tanh") return {c.op(ops::Unary::of(UnaryKind::GeluTanh), {c.in(0)})};
  c.unsupported("approximation_mode '{}'", shown(mode));
}

// Attributes that are inputs in IR.
double scalar_input(LayerContext& c, std::size_t i) {
  const auto values = c.reals(i);
  if (!values) c.unsupported("input {}, which is not known before a run", i);
  if (values->size() != 1) c.invalid("input {} of {} elements", i, values->size());
  return (*values)[0];
}

Values selu(LayerContext& c) { return {c.op(ops::Unary{UnaryKind::Selu, scalar_input(c, 1), scalar_input(c, 2)}, {c.in(0)})}; }
Values hard_sigmoid(LayerContext& c) { return {c.op(ops::Unary{UnaryKind::HardSigmoid, scalar_input(c, 1), scalar_input(c, 2)}, {c.in(0)})}; }

Values swish(LayerContext& c) {
  if (!c.has(1)) return {c.op(ops::Unary::of(UnaryKind::Swish), {c.in(0)})};
  if (c.constant(1).defined()) return {c.op(ops::Unary{UnaryKind::Swish, scalar_input(c, 1), 0}, {c.in(0)})};
  return {c.binary(BinaryKind::Multiply, c.in(0), c.op(ops::Unary::of(UnaryKind::Sigmoid), {c.binary(BinaryKind::Multiply, c.in(0), c.in(1))}))};
}

// A slope of rank 1 is one value a channel.
Values prelu(LayerContext& c) {
  ValueId slope = c.in(1);
  if (c.rank(slope) == 1 && c.rank(0) > 2) {
    const PartialShape shape = c.shape(1);
    if (!shape[0].is_static() || shape[0].size() != 1) {
      std::vector<std::int64_t> target(c.rank(0) - 1, 1);
      target[0] = -1;
      slope = c.reshaped(slope, target);
    }
  }
  return {c.binary(BinaryKind::Prelu, c.in(0), slope)};
}

// In both operator sets 1 and 8 the axis is 1 where none is given.
Values softmax(LayerContext& c) { return {c.op(ops::Softmax{c.i("axis", 1)}, {c.in(0)})}; }
Values log_softmax(LayerContext& c) { return {c.op(ops::LogSoftmax{c.i("axis", 1)}, {c.in(0)})}; }

Values is_finite(LayerContext& c) {
  const ValueId bad = c.binary(BinaryKind::LogicalOr, c.op(ops::Unary::of(UnaryKind::IsNaN), {c.in(0)}), c.op(ops::Unary::of(UnaryKind::IsInf), {c.in(0)}));
  return {c.op(ops::Unary::of(UnaryKind::LogicalNot), {bad})};
}

Values mvn(LayerContext& c) { return {c.op(c.filled(ops::MVN{}), {c.in(0), c.in(1)})}; }

Values batch_norm_5(LayerContext& c) {
  const double epsilon = c.given("eps") ? c.f("eps") : c.f("epsilon");
  c.ignore({"epsilon"});
  return {c.op(ops::BatchNormInference{epsilon}, {c.in(0), c.in(1), c.in(2), c.in(3), c.in(4)})};
}

Values group_convolution(LayerContext& c) {
  for (const std::int64_t p : c.ints("output_padding"))
    if (p != 0) c.unsupported("output_padding of a convolution");
  return same<ops::GroupConvolution>(c);
}
Values convolution(LayerContext& c) {
  for (const std::int64_t p : c.ints("output_padding"))
    if (p != 0) c.unsupported("output_padding of a convolution");
  return same<ops::Convolution>(c);
}

// Where an output shape is given, OpenVINO crops the odd element on the other side than our operator.
template <class T>
Values transposed_convolution(LayerContext& c) {
  T op = *c.filled(T{}).template as<T>();
  if (c.has(2)) {
    if (op.window.auto_pad == ops::AutoPad::same_upper) op.window.auto_pad = ops::AutoPad::same_lower;
    else if (op.window.auto_pad == ops::AutoPad::same_lower) op.window.auto_pad = ops::AutoPad::same_upper;
  }
  return {c.op(op, c.inputs())};
}

// The window reaches as far behind as before: an even size counts as one less, but divides.
Values lrn(LayerContext& c) {
  ops::LRN op = *c.filled(ops::LRN{}).as<ops::LRN>();
  if (op.size > 1 && op.size % 2 == 0) {
    const auto axes = c.integers(1);
    if (!axes) c.unsupported("axes that are not known before a run");
    op.alpha *= std::pow(static_cast<double>(op.size - 1) / static_cast<double>(op.size), static_cast<double>(axes->size()));
    --op.size;
  }
  return {c.op(op, {c.in(0), c.in(1)})};
}

Values deformable_convolution(LayerContext& c) {
  return {c.op(c.filled(ops::DeformableConvolution{}), c.inputs())};
}

Values fake_quantize(LayerContext& c) { return {c.op(ops::FakeQuantize{c.i("levels")}, c.inputs())}; }

Values squeeze(LayerContext& c) {
  if (c.flag("allow_axis_skip", false)) c.unsupported("allow_axis_skip");
  return same<ops::Squeeze>(c);
}

constexpr Row kBasicRows[] = {
    {"Abs", 1, unary<UnaryKind::Abs>},
    {"Acos", 1, unary<UnaryKind::Acos>},
    {"Acosh", 3, unary<UnaryKind::Acosh>},
    {"Add", 1, binary<BinaryKind::Add>},
    {"Asin", 1, unary<UnaryKind::Asin>},
    {"Asinh", 3, unary<UnaryKind::Asinh>},
    {"Atan", 1, unary<UnaryKind::Atan>},
    {"Atanh", 3, unary<UnaryKind::Atanh>},
    {"BatchNormInference", 5, batch_norm_5},
    {"BatchToSpace", 2, same<ops::BatchToSpace>},
    {"BitwiseAnd", 13, binary<BinaryKind::BitwiseAnd>},
    {"BitwiseLeftShift", 15, binary<BinaryKind::BitwiseLeftShift>},
    {"BitwiseNot", 13, unary<UnaryKind::BitwiseNot>},
    {"BitwiseOr", 13, binary<BinaryKind::BitwiseOr>},
    {"BitwiseRightShift", 15, binary<BinaryKind::BitwiseRightShift>},
    {"BitwiseXor", 13, binary<BinaryKind::BitwiseXor>},
    {"Broadcast", 3, same<ops::Broadcast>},
    {"Ceiling", 1, unary<UnaryKind::Ceiling>},
    {"Clamp", 1, unary<UnaryKind::Clamp>},
    {"Col2Im", 15, same<ops::Col2Im>},
    {"Concat", 1, same<ops::Concat>},
    {"Const", 1, const_},
    {"Convert", 1, convert},
    {"ConvertLike", 1, same<ops::ConvertLike>},
    {"Convolution", 1, convolution},
    {"ConvolutionBackpropData", 1, transposed_convolution<ops::ConvolutionBackpropData>},
    {"Cos", 1, unary<UnaryKind::Cos>},
    {"Cosh", 1, unary<UnaryKind::Cosh>},
    {"CumSum", 3, same<ops::CumSum>},
    {"DeformableConvolution", 1, deformable_convolution},
    {"DepthToSpace", 1, same<ops::DepthToSpace>},
    {"Divide", 1, divide},
    {"Einsum", 7, same<ops::Einsum>},
    {"Elu", 1, unary<UnaryKind::Elu>},
    {"Equal", 1, binary<BinaryKind::Equal>},
    {"Erf", 1, unary<UnaryKind::Erf>},
    {"Exp", 1, unary<UnaryKind::Exp>},
    {"Eye", 9, same<ops::Eye>},
    {"FakeQuantize", 1, fake_quantize},
    {"Floor", 1, unary<UnaryKind::Floor>},
    {"FloorMod", 1, binary<BinaryKind::FloorMod>},
    {"Gather", 8, same<ops::Gather>},
    {"GatherElements", 6, same<ops::GatherElements>},
    {"GatherND", 8, same<ops::GatherND>},
    {"Gelu", 2, gelu},
    {"Greater", 1, binary<BinaryKind::Greater>},
    {"GreaterEqual", 1, binary<BinaryKind::GreaterEqual>},
    {"GroupConvolution", 1, group_convolution},
    {"GroupConvolutionBackpropData", 1, transposed_convolution<ops::GroupConvolutionBackpropData>},
    {"GroupNormalization", 12, same<ops::GroupNormalization>},
    {"HSigmoid", 5, unary<UnaryKind::HSigmoid>},
    {"HSwish", 4, unary<UnaryKind::HSwish>},
    {"HardSigmoid", 1, hard_sigmoid},
    {"Identity", 16, identity},
    {"IsFinite", 10, is_finite},
    {"IsInf", 10, unary<UnaryKind::IsInf>},
    {"IsNaN", 10, unary<UnaryKind::IsNaN>},
    {"LRN", 1, lrn},
    {"Less", 1, binary<BinaryKind::Less>},
    {"LessEqual", 1, binary<BinaryKind::LessEqual>},
    {"Log", 1, unary<UnaryKind::Log>},
    {"LogSoftmax", 5, log_softmax},
    {"LogicalAnd", 1, binary<BinaryKind::LogicalAnd>},
    {"LogicalNot", 1, unary<UnaryKind::LogicalNot>},
    {"LogicalOr", 1, binary<BinaryKind::LogicalOr>},
    {"LogicalXor", 1, binary<BinaryKind::LogicalXor>},
    {"MVN", 6, mvn},
    {"MatMul", 1, same<ops::MatMul>},
    {"Maximum", 1, binary<BinaryKind::Maximum>},
    {"Minimum", 1, binary<BinaryKind::Minimum>},
    {"Mish", 4, unary<UnaryKind::Mish>},
    {"Mod", 1, binary<BinaryKind::Mod>},
    {"Multiply", 1, binary<BinaryKind::Multiply>},
    {"Negative", 1, unary<UnaryKind::Negative>},
    {"NonZero", 3, same<ops::NonZero>},
    {"NormalizeL2", 1, same<ops::NormalizeL2>},
    {"NotEqual", 1, binary<BinaryKind::NotEqual>},
    {"OneHot", 1, same<ops::OneHot>},
    {"PRelu", 1, prelu},
    {"PReLU", 1, prelu},
    {"Pad", 1, same<ops::Pad>},
    {"Power", 1, binary<BinaryKind::Power>},
    {"Range", 4, same<ops::Range>},
    {"ReduceL1", 4, reduce<ReduceKind::L1>},
    {"ReduceL2", 4, reduce<ReduceKind::L2>},
    {"ReduceLogicalAnd", 1, reduce<ReduceKind::LogicalAnd>},
    {"ReduceLogicalOr", 1, reduce<ReduceKind::LogicalOr>},
    {"ReduceMax", 1, reduce<ReduceKind::Max>},
    {"ReduceMean", 1, reduce<ReduceKind::Mean>},
    {"ReduceMin", 1, reduce<ReduceKind::Min>},
    {"ReduceProd", 1, reduce<ReduceKind::Prod>},
    {"ReduceSum", 1, reduce<ReduceKind::Sum>},
    {"ReLU", 1, unary<UnaryKind::Relu>},
    {"Relu", 1, unary<UnaryKind::Relu>},
    {"Reshape", 1, same<ops::Reshape>},
    {"ReverseSequence", 1, same<ops::ReverseSequence>},
    {"Roll", 7, same<ops::Roll>},
    {"Round", 5, round},
    {"ScatterElementsUpdate", 3, same<ops::ScatterElementsUpdate>},
    {"ScatterNDUpdate", 3, same<ops::ScatterNDUpdate>},
    {"ScatterUpdate", 3, same<ops::ScatterUpdate>},
    {"Select", 1, same<ops::Select>},
    {"Selu", 1, selu},
    {"ShapeOf", 3, same<ops::ShapeOf>},
    {"Sigmoid", 1, unary<UnaryKind::Sigmoid>},
    {"Sign", 1, unary<UnaryKind::Sign>},
    {"Sin", 1, unary<UnaryKind::Sin>},
    {"Sinh", 1, unary<UnaryKind::Sinh>},
    {"Slice", 8, same<ops::Slice>},
    {"SoftMax", 1, softmax},
    {"SoftPlus", 4, unary<UnaryKind::SoftPlus>},
    {"SoftSign", 9, unary<UnaryKind::SoftSign>},
    {"Softmax", 1, softmax},
    {"Softsign", 9, unary<UnaryKind::SoftSign>},
    {"SpaceToBatch", 2, same<ops::SpaceToBatch>},
    {"SpaceToDepth", 1, same<ops::SpaceToDepth>},
    {"Split", 1, same<ops::Split>},
    {"Sqrt", 1, unary<UnaryKind::Sqrt>},
    {"SquaredDifference", 1, binary<BinaryKind::SquaredDifference>},
    {"Squeeze", 1, squeeze},
    {"Subtract", 1, binary<BinaryKind::Subtract>},
    {"Swish", 4, swish},
    {"Tan", 1, unary<UnaryKind::Tan>},
    {"Tanh", 1, unary<UnaryKind::Tanh>},
    {"Tile", 1, same<ops::Tile>},
    {"Transpose", 1, same<ops::Transpose>},
    {"Unique", 10, same<ops::Unique>},
    {"Unsqueeze", 1, same<ops::Unsqueeze>},
    {"VariadicSplit", 1, same<ops::VariadicSplit>},
    {"Xor", 1, binary<BinaryKind::LogicalXor>},
};

}  // namespace

std::span<const Row> basic_rows() { return kBasicRows; }

}  // namespace saccade::openvino
