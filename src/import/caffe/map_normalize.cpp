// SPDX-License-Identifier: Apache-2.0
// Caffe's normalising layers, and those that sum or compare over axes.
#include "import/caffe/map.h"
#include "ops/concat.h"
#include "ops/elementwise.h"
#include "ops/convert.h"
#include "ops/normalization.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/softmax.h"
#include "ops/topk.h"

namespace saccade::caffe {
namespace {

using ops::Binary;
using ops::BinaryKind;
using Values = std::vector<ValueId>;
using i64 = std::int64_t;

ValueId filled(LayerContext& c, i64 channels, float value) {
  Tensor tensor(ElementType::f32, {channels});
  for (float& v : tensor.values<float>()) v = value;
  return c.constant(tensor);
}

Values batch_norm(LayerContext& c) {
  Parameters& p = c.parameters("batch_norm_param");
  p.ignore({"moving_average_fraction", "frozen"});
  if (!p.flag("use_global_stats", true)) c.unsupported("use_global_stats is false: statistics of the batch");
  if (c.rank(c.in(0)) < 2) c.unsupported("a bottom of shape {}", graph::to_string(c.shape(c.in(0))));
  const i64 channels = c.size(c.in(0), 1);
  const Tensor sums = c.blob(2, {1});
  const float factor = sums.data<float>()[0], scale = factor == 0 ? 0 : 1 / factor;
  const auto statistic = [&](std::size_t i) {
    const Tensor sum = c.blob(i, {channels});
    if (scale == 1) return c.constant(sum);
    Tensor mean(ElementType::f32, {channels});
    for (i64 k = 0; k < channels; ++k) mean.data<float>()[k] = sum.data<float>()[k] * scale;
    return c.constant(mean);
  };
  return {c.op(ops::BatchNormInference{p.real("eps", 1e-5)}, {c.in(0), filled(c, channels, 1), filled(c, channels, 0), statistic(0), statistic(1)})};
}

// SegNet's BN holds a scale and a shift, PSPNet's also a mean and a variance.
Values folded_batch_norm(LayerContext& c) {
  Parameters& p = c.parameters("bn_param");
  p.ignore({"scale_filler", "shift_filler", "bn_mode", "frozen", "momentum", "slope_filler", "bias_filler"});
  const i64 channels = c.size(c.in(0), 1);
  const auto channel = [&](std::size_t i) { return c.constant(c.blob(i, {channels})); };
  if (c.blobs() == 4) return {c.op(ops::BatchNormInference{p.real("eps", p.real("var_eps", 1e-5))}, {c.in(0), channel(0), channel(1), channel(2), channel(3)})};
  p.ignore({"eps", "var_eps"});
  const ValueId y = c.op(Binary{BinaryKind::Multiply}, {c.in(0), c.spread(channel(0), 1, c.rank(c.in(0)))});
  return {c.op(Binary{BinaryKind::Add}, {y, c.spread(channel(1), 1, c.rank(c.in(0)))})};
}

Values lrn(LayerContext& c) {
  Parameters& p = c.parameters("lrn_param");
  const bool within = p.choice("norm_region", {"ACROSS_CHANNELS", "WITHIN_CHANNEL"}, 0) == 1;
  ops::LRN op{.alpha = p.real("alpha", 1), .beta = p.real("beta", 0.75), .bias = p.real("k", 1), .size = p.integer("local_size", 5)};
  if (op.size < 1 || op.size % 2 == 0) c.invalid("local_size is {}; it must be odd", op.size);
  if (within) op.bias = 1;  // Caffe's has k only across channels
  return {c.op(op, {c.in(0), within ? c.i64({2, 3}) : c.i64({1})})};
}

Values mvn(LayerContext& c) {
  Parameters& p = c.parameters("mvn_param");
  std::vector<i64> axes;
  for (std::size_t d = p.flag("across_channels", false) ? 1 : 2; d < c.rank(c.in(0)); ++d) axes.push_back(static_cast<i64>(d));
  return {c.op(ops::MVN{p.flag("normalize_variance", true), p.real("eps", 1e-9), ops::EpsMode::outside_sqrt}, {c.in(0), c.i64(axes)})};
}

Values normalize(LayerContext& c) {
  Parameters& p = c.parameters("norm_param");
  const bool across_spatial = p.flag("across_spatial", true), shared = p.flag("channel_shared", true);
  std::vector<i64> axes{1};
  for (std::size_t d = 2; across_spatial && d < c.rank(c.in(0)); ++d) axes.push_back(static_cast<i64>(d));
  const ValueId y = c.op(ops::NormalizeL2{p.real("eps", 1e-10), ops::NormalizeL2Mode::add}, {c.in(0), c.i64(axes)});
  const ValueId scale = c.constant(c.blob(0, {shared ? 1 : c.size(c.in(0), 1)}));
  return {c.op(Binary{BinaryKind::Multiply}, {y, c.spread(scale, 1, c.rank(y))})};
}

Values softmax(LayerContext& c) { return {c.op(ops::Softmax{.axis = static_cast<i64>(c.axis(c.parameters("softmax_param").integer("axis", 1)))}, {c.in(0)})}; }

Values reduction(LayerContext& c) {
  Parameters& p = c.parameters("reduction_param");
  constexpr ops::ReduceKind kinds[] = {ops::ReduceKind::Sum, ops::ReduceKind::L1, ops::ReduceKind::SumSquare, ops::ReduceKind::Mean};
  const ops::ReduceKind kind = kinds[p.choice("operation", {"SUM", "ASUM", "SUMSQ", "MEAN"}, 0, 1)];
  std::vector<i64> axes;
  for (std::size_t d = c.axis(p.integer("axis", 0)); d < c.rank(c.in(0)); ++d) axes.push_back(static_cast<i64>(d));
  const ValueId y = c.op(ops::Reduce{kind, false}, {c.in(0), c.i64(axes)});
  const double factor = p.real("coeff", 1);
  return {factor == 1 ? y : c.op(Binary{BinaryKind::Multiply}, {y, c.scalar(factor)})};
}

// Without an axis over everything but the batch, [n, 1 or 2, k]: the places, and with out_max_val also the values.
Values arg_max(LayerContext& c) {
  Parameters& p = c.parameters("argmax_param");
  const i64 k = p.integer("top_k", 1);
  if (k < 1) c.invalid("top_k is {}", k);
  const bool values = p.flag("out_max_val", false), by_axis = p.has("axis");
  ValueId x = c.in(0);
  const std::size_t axis = by_axis ? c.axis(p.integer("axis", 0)) : 1;
  if (!by_axis) x = c.op(ops::Reshape{true}, {x, c.i64({0, -1})});
  const auto top = c.node(ops::TopK{.axis = static_cast<i64>(axis)}, {x, c.i64_scalar(k)});
  const ValueId places = c.op(ops::Convert{ElementType::f32}, {top[1]});
  if (by_axis) return {values ? top[0] : places};
  const auto row = [&](ValueId v) { return c.op(ops::Unsqueeze{}, {v, c.i64({1})}); };
  if (!values) return {row(places)};
  return {c.op(ops::Concat{1}, {row(places), row(top[0])})};
}

constexpr Row kNormalizeRows[] = {
    {"ArgMax", arg_max}, {"BN", folded_batch_norm}, {"BatchNorm", batch_norm}, {"LRN", lrn}, {"MVN", mvn}, {"Normalize", normalize}, {"Reduction", reduction}, {"Softmax", softmax},
};

}  // namespace

std::span<const Row> normalize_rows() { return kNormalizeRows; }

}  // namespace saccade::caffe
