// SPDX-License-Identifier: Apache-2.0
// Matrix products, normalisations, reductions, softmax.
#include "import/tensorflow/layout.h"
#include "import/tensorflow/map.h"
#include "ops/convert.h"
#include "ops/elementwise.h"
#include "ops/matmul.h"
#include "ops/normalization.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/softmax.h"

namespace saccade::tensorflow {
namespace {

using ops::Binary;
using ops::BinaryKind;
using ops::ReduceKind;
using ops::Unary;
using ops::UnaryKind;
using Values = std::vector<ValueId>;
using i64 = std::int64_t;

Values matmul(NodeContext& c) {
  c.ignore({"a_is_sparse", "b_is_sparse", "grad_a", "grad_b"});
  return {c.op(ops::MatMul{c.flag("transpose_a", false), c.flag("transpose_b", false)}, {c.in(0), c.in(1)})};
}

Values batch_matmul(NodeContext& c) {
  c.ignore({"grad_x", "grad_y"});
  if (c.element(0) != c.element(1)) c.unsupported("a product of {} and {}", to_string(c.element(0)), to_string(c.element(1)));
  ValueId y = c.op(ops::MatMul{c.flag("adj_x", false), c.flag("adj_y", false)}, {c.in(0), c.in(1)});
  if (c.given("Tout") && c.type("Tout") != c.element(0)) y = c.op(ops::Convert{c.type("Tout")}, {y});
  return {y};
}

Values einsum(NodeContext& c) {
  std::string equation = c.s("equation");
  return {c.op(ops::Einsum{std::move(equation)}, c.inputs())};
}

// The number of spatial dimensions of data in one of the formats for images and volumes.
Format normalisation_format(NodeContext& c) {
  const std::string format = c.s("data_format", "NHWC");
  return read_format(c, format.size() == 5 ? 3 : 2);
}

// y, the mean, the variance and what only a gradient needs.
Values fused_batch_norm(NodeContext& c) {
  const Format format = normalisation_format(c);
  const double epsilon = c.f("epsilon", static_cast<double>(0.0001f));
  c.ignore({"exponential_avg_factor"});
  const ElementType type = c.element(0), parameters = c.element(1);
  ValueId x = to_channels_second(c, c.in(0), format);
  if (type != parameters) x = c.op(ops::Convert{parameters}, {x});
  ValueId mean = c.in(3), variance = c.in(4);
  if (c.flag("is_training", true)) {
    std::vector<i64> axes{0};
    for (std::size_t d = 0; d < format.spatial; ++d) axes.push_back(static_cast<i64>(d) + 2);
    const ValueId over = c.i64(axes), kept = c.op(ops::Reduce{ReduceKind::Mean, true}, {x, over});
    const ValueId squares = c.op(Binary{BinaryKind::SquaredDifference}, {x, kept});
    mean = c.op(ops::Reduce{ReduceKind::Mean, false}, {x, over});
    variance = c.op(ops::Reduce{ReduceKind::Mean, false}, {squares, over});
  }
  ValueId y = c.op(ops::BatchNormInference{epsilon}, {x, c.in(1), c.in(2), mean, variance});
  if (type != parameters) y = c.op(ops::Convert{type}, {y});
  return {from_channels_second(c, y, format), mean, variance};
}

// Inputs: data with channels last, mean, variance, beta, gamma.
Values batch_norm_with_global_normalization(NodeContext& c) {
  const Format format{true, 2};
  const double epsilon = c.f("variance_epsilon");
  const bool scaled = c.flag("scale_after_normalization", true);
  ValueId gamma = c.in(4);
  if (!scaled) {
    gamma = c.op(Binary{BinaryKind::Add}, {c.op(Binary{BinaryKind::Multiply}, {c.in(1), c.scalar(c.element(1), 0)}), c.scalar(c.element(1), 1)});
  }
  const ValueId x = to_channels_second(c, c.in(0), format);
  return {from_channels_second(c, c.op(ops::BatchNormInference{epsilon}, {x, gamma, c.in(3), c.in(1), c.in(2)}), format)};
}

Values lrn(NodeContext& c) {
  const i64 radius = c.i("depth_radius", 5);
  if (radius < 0 || radius > 1 << 20) c.invalid("depth_radius is {}", radius);
  ops::LRN op;
  op.size = 2 * radius + 1;
  op.bias = c.f("bias", 1);
  op.alpha = c.f("alpha", 1) * static_cast<double>(op.size);
  op.beta = c.f("beta", 0.5);
  const Format format{true, 2};
  return {from_channels_second(c, c.op(op, {to_channels_second(c, c.in(0), format), c.i64({1})}), format)};
}

template <class T>
Values softmax(NodeContext& c) {
  return {c.op(T{-1}, {c.in(0)})};
}

template <ReduceKind kind>
Values reduce(NodeContext& c) {
  const bool keep = c.flag("keep_dims", false);
  ValueId axes = c.in(1);
  if (c.shape(1).ranked() && c.shape(1).rank() == 0) axes = c.op(ops::Reshape{}, {axes, c.i64({1})});
  return {c.op(ops::Reduce{kind, keep}, {c.in(0), axes})};
}

Values l2_loss(NodeContext& c) {
  const std::size_t rank = c.rank(0);
  std::vector<i64> axes;
  for (std::size_t d = 0; d < rank; ++d) axes.push_back(static_cast<i64>(d));
  const ValueId sum = c.op(ops::Reduce{ReduceKind::SumSquare, false}, {c.in(0), c.i64(axes)});
  return {c.op(Binary{BinaryKind::Divide}, {sum, c.scalar(c.element(0), 2)})};
}

Values trt_engine(NodeContext& c) {
  c.unsupported("part of the model compiled by TensorFlow-TensorRT for one kind of GPU, not readable any more; give the model as it was before that conversion");
}

constexpr Row kNetworkRows[] = {
    {"All", reduce<ReduceKind::LogicalAnd>},
    {"Any", reduce<ReduceKind::LogicalOr>},
    {"BatchMatMul", batch_matmul},
    {"BatchMatMulV2", batch_matmul},
    {"BatchMatMulV3", batch_matmul},
    {"BatchNormWithGlobalNormalization", batch_norm_with_global_normalization},
    {"Einsum", einsum},
    {"EuclideanNorm", reduce<ReduceKind::L2>},
    {"FusedBatchNorm", fused_batch_norm},
    {"FusedBatchNormV2", fused_batch_norm},
    {"FusedBatchNormV3", fused_batch_norm},
    {"L2Loss", l2_loss},
    {"LRN", lrn},
    {"LogSoftmax", softmax<ops::LogSoftmax>},
    {"MatMul", matmul},
    {"Max", reduce<ReduceKind::Max>},
    {"Mean", reduce<ReduceKind::Mean>},
    {"Min", reduce<ReduceKind::Min>},
    {"Prod", reduce<ReduceKind::Prod>},
    {"Softmax", softmax<ops::Softmax>},
    {"Sum", reduce<ReduceKind::Sum>},
    {"TRTEngineOp", trt_engine},
};

}  // namespace

std::span<const Row> network_rows() { return kNetworkRows; }

}  // namespace saccade::tensorflow
