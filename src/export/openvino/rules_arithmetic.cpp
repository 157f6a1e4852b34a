// SPDX-License-Identifier: Apache-2.0
// Elementwise operators, reductions and choices of elements.
#include "export/decompose_tools.h"
#include "export/openvino/rules.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/one_hot.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/select.h"
#include "ops/slice.h"
#include "ops/softmax.h"
#include "ops/topk.h"

namespace saccade::exporter::openvino {
namespace {

using ops::Binary;
using ops::BinaryKind;
using ops::Unary;
using ops::UnaryKind;

ValueId unary(Rewriting& r, UnaryKind kind, ValueId x) { return r.op(Unary::of(kind), {x}); }

Values rsqrt(Rewriting& r) { return {r.divide(r.like(r.in(0), 1), unary(r, UnaryKind::Sqrt, r.in(0)))}; }
Values reciprocal(Rewriting& r) { return {r.divide(r.like(r.in(0), 1), r.in(0))}; }
Values square(Rewriting& r) { return {r.multiply(r.in(0), r.in(0))}; }

// a · Elu(x / a), which is x where x > 0
Values celu(Rewriting& r) {
  const ValueId a = r.like(r.in(0), r.as<Unary>().a);
  Unary elu = Unary::of(UnaryKind::Elu);
  elu.a = 1;
  return {select(r, binary(r, BinaryKind::Greater, r.in(0), r.like(r.in(0), 0)), r.in(0), r.multiply(a, r.op(elu, {r.divide(r.in(0), a)})))};
}

Values leaky_relu(Rewriting& r) {
  return {r.op(Binary{BinaryKind::Prelu}, {r.in(0), r.constant_of(r.edit.graph().constant(r.like(r.in(0), r.as<Unary>().a)).reshaped({1}))})};
}

Values thresholded_relu(Rewriting& r) {
  const ValueId x = r.in(0);
  return {select(r, binary(r, BinaryKind::Greater, x, r.like(x, r.as<Unary>().a)), x, r.like(x, 0))};
}

Values shrink(Rewriting& r) {
  const auto& op = r.as<Unary>();
  const ValueId x = r.in(0), bias = r.like(x, op.b);
  const ValueId right = select(r, binary(r, BinaryKind::Greater, x, r.like(x, op.a)), r.subtract(x, bias), r.like(x, 0));
  return {select(r, binary(r, BinaryKind::Less, x, r.like(x, -op.a)), r.add(x, bias), right)};
}

// Layers whose attributes are inputs in IR.
Values with_inputs(Rewriting& r, const char* type, int opset, std::initializer_list<double> values) {
  Values inputs{r.in(0)};
  for (double v : values) inputs.push_back(r.like(r.in(0), v));
  return r.node(IrLayer{type, opset, {}, {r.type(r.out(0))}}, inputs);
}

Values selu(Rewriting& r) { return with_inputs(r, "Selu", 1, {r.as<Unary>().a, r.as<Unary>().b}); }
Values hard_sigmoid(Rewriting& r) { return with_inputs(r, "HardSigmoid", 1, {r.as<Unary>().a, r.as<Unary>().b}); }
Values swish(Rewriting& r) { return with_inputs(r, "Swish", 4, {r.as<Unary>().a}); }

// IR takes a slope of rank 1 for one value a channel.
Values prelu(Rewriting& r) {
  const TensorType slope = r.type(1);
  if (!slope.shape.ranked()) r.inexpressible("a slope of unknown rank");
  if (slope.shape.rank() == r.rank(0)) return {};
  if (slope.shape.is_static() && slope.shape.rank() == 1 && slope.shape[0].size() == 1) return {};
  const std::size_t rank = r.rank(0);
  if (slope.shape.rank() > rank || rank < 2) {
    const ValueId x = r.in(0);
    return {select(r, binary(r, BinaryKind::Less, x, r.like(x, 0)), r.multiply(x, r.in(1)), x)};
  }
  std::vector<std::int64_t> axes;
  for (std::size_t i = slope.shape.rank(); i < rank; ++i) axes.push_back(static_cast<std::int64_t>(axes.size()));
  return {r.op(Binary{BinaryKind::Prelu}, {r.in(0), r.op(ops::Unsqueeze{}, {r.in(1), r.i64(axes)})})};
}

Values floor_divide(Rewriting& r) {
  if (is_float(r.element(0))) return {unary(r, UnaryKind::Floor, r.divide(r.in(0), r.in(1)))};
  return r.node(IrLayer{"Divide", 1, {"auto_broadcast", "numpy", "m_pythondiv", "true"}, {r.type(r.out(0))}}, r.inputs());
}

template <class Build>
Values reduction(Rewriting& r, ops::ReduceKind kind, Build around) {
  ops::Reduce reduce = r.as<ops::Reduce>();
  reduce.kind = kind;
  return around(reduce);
}

Values reduce_log_sum(Rewriting& r) {
  return reduction(r, ops::ReduceKind::Sum, [&](const ops::Reduce& sum) { return Values{unary(r, UnaryKind::Log, r.op(sum, r.inputs()))}; });
}

Values reduce_sum_square(Rewriting& r) {
  return reduction(r, ops::ReduceKind::Sum, [&](const ops::Reduce& sum) { return Values{r.op(sum, {r.multiply(r.in(0), r.in(0)), r.in(1)})}; });
}

// log Σ exp(x) = max + log Σ exp(x − max)
Values reduce_log_sum_exp(Rewriting& r) {
  return reduction(r, ops::ReduceKind::Sum, [&](const ops::Reduce& sum) {
    // infinities would be subtracted from themselves
    const double largest = r.element(0) == ElementType::f16 ? 65504 : r.element(0) == ElementType::f64 ? std::numeric_limits<double>::max() : std::numeric_limits<float>::max();
    Unary finite = Unary::of(UnaryKind::Clamp);
    finite.a = -largest;
    finite.b = largest;
    const ValueId kept = r.op(finite, {r.op(ops::Reduce{ops::ReduceKind::Max, true}, r.inputs())});
    const ValueId logs = unary(r, UnaryKind::Log, r.op(sum, {unary(r, UnaryKind::Exp, r.subtract(r.in(0), kept)), r.in(1)}));
    return Values{r.add(logs, sum.keep_dims ? kept : r.op(finite, {r.op(ops::Reduce{ops::ReduceKind::Max, false}, r.inputs())}))};
  });
}

ValueId axis_length(Rewriting& r, ValueId x, std::int64_t axis) {
  return r.op(ops::Gather{}, {r.shape_of(x), r.i64_scalar(axis), r.i64_scalar(0)});
}

Values arg_reduce(Rewriting& r) {
  const auto& op = r.as<ops::ArgReduce>();
  const auto rank = static_cast<std::int64_t>(r.rank(0));
  const std::int64_t axis = op.axis < 0 ? op.axis + rank : op.axis;
  ValueId x = r.in(0);
  if (op.select_last_index) x = r.op(ops::Slice{}, {x, r.i64({std::numeric_limits<std::int32_t>::max()}), r.i64({-std::int64_t{std::numeric_limits<std::int32_t>::max()}}), r.i64({-1}), r.i64({axis})});
  ops::TopK top{.axis = axis, .mode = op.kind == ops::ArgKind::ArgMax ? ops::TopKMode::max : ops::TopKMode::min, .sort = ops::TopKSort::value, .index_element_type = ElementType::i64};
  ValueId index = r.node(top, {x, r.i64_scalar(1)})[1];
  if (op.select_last_index) index = r.subtract(r.subtract(axis_length(r, r.in(0), axis), r.i64_scalar(1)), index);
  if (!op.keep_dims) index = r.op(ops::Squeeze{}, {index, r.i64({axis})});
  return {r.convert(index, op.output_type)};
}

Values hardmax(Rewriting& r) {
  const auto rank = static_cast<std::int64_t>(r.rank(0));
  std::int64_t axis = r.as<ops::Hardmax>().axis;
  axis = axis < 0 ? axis + rank : axis;
  const ValueId index = r.op(ops::ArgReduce{.kind = ops::ArgKind::ArgMax, .axis = axis, .keep_dims = false}, {r.in(0)});
  return {r.op(ops::OneHot{.axis = axis}, {index, axis_length(r, r.in(0), axis), r.like(r.in(0), 1), r.like(r.in(0), 0)})};
}

// Negative indices made positive before operator set 16.
Values one_hot(Rewriting& r) {
  const auto& op = r.as<ops::OneHot>();
  if (op.negative_indices == ops::NegativeIndices::ignore) return {};
  const ValueId depth = r.convert(r.in(1), r.element(0)), index = r.in(0);
  const ValueId positive = select(r, binary(r, BinaryKind::Less, index, r.like(index, 0)), r.add(index, depth), index);
  return {r.op(ops::OneHot{.axis = op.axis}, {positive, r.in(1), r.in(2), r.in(3)})};
}

constexpr RuleRow kArithmeticRules[] = {
    {"ArgMax", arg_reduce},
    {"ArgMin", arg_reduce},
    {"Celu", celu},
    {"FloorDivide", floor_divide},
    {"HardSigmoid", hard_sigmoid},
    {"Hardmax", hardmax},
    {"LeakyRelu", leaky_relu},
    {"OneHot", one_hot},
    {"Prelu", prelu},
    {"Reciprocal", reciprocal},
    {"ReduceLogSum", reduce_log_sum},
    {"ReduceLogSumExp", reduce_log_sum_exp},
    {"ReduceSumSquare", reduce_sum_square},
    {"Rsqrt", rsqrt},
    {"Selu", selu},
    {"Shrink", shrink},
    {"Square", square},
    {"Swish", swish},
    {"ThresholdedRelu", thresholded_relu},
};

}  // namespace

std::span<const RuleRow> arithmetic_rules() { return kArithmeticRules; }

}  // namespace saccade::exporter::openvino
