// SPDX-License-Identifier: Apache-2.0
// Normalisations as MVN, Multiply and Add.
#include "export/openvino/rules.h"
#include "ops/elementwise.h"
#include "ops/normalization.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/select.h"

namespace saccade::exporter::openvino {
namespace {

using ops::Binary;
using ops::BinaryKind;
using ops::Reduce;
using ops::ReduceKind;
using ops::Unary;
using ops::UnaryKind;

std::vector<std::int64_t> axes_from(std::int64_t axis, std::size_t rank) {
  std::vector<std::int64_t> axes;
  for (auto a = axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis; a < static_cast<std::int64_t>(rank); ++a) axes.push_back(a);
  return axes;
}

ValueId mvn(Rewriting& r, ValueId x, std::span<const std::int64_t> axes, double eps) {
  return r.op(ops::MVN{.normalize_variance = true, .eps = eps, .eps_mode = ops::EpsMode::inside_sqrt}, {x, r.i64(axes)});
}

// One value a channel as [c,1,1…].
ValueId per_channel(Rewriting& r, ValueId v, std::size_t rank) {
  std::vector<std::int64_t> shape(rank - 1, 1);
  shape[0] = -1;
  return r.op(ops::Reshape{}, {v, r.i64(shape)});
}

Values layer_normalization(Rewriting& r) {
  const auto& op = r.as<ops::LayerNormalization>();
  const auto axes = axes_from(op.axis, r.rank(0));
  Values outputs(r.node().outputs.size());
  ValueId y = mvn(r, r.in(0), axes, op.epsilon);
  if (r.has(1)) y = r.multiply(y, r.in(1));
  if (r.has(2)) y = r.add(y, r.in(2));
  outputs[0] = y;
  if (outputs.size() == 3 && (r.wanted(1) || r.wanted(2))) {
    const ValueId x = r.convert(r.in(0), r.type(r.out(1)).element), a = r.i64(axes);
    const ValueId mean = r.op(Reduce{ReduceKind::Mean, true}, {x, a});
    const ValueId variance = r.op(Reduce{ReduceKind::Mean, true}, {r.op(Binary{BinaryKind::SquaredDifference}, {x, mean}), a});
    outputs[1] = mean;
    outputs[2] = r.divide(r.like(x, 1), r.op(Unary::of(UnaryKind::Sqrt), {r.add(variance, r.like(x, op.epsilon))}));
  }
  return outputs;
}

Values rms_normalization(Rewriting& r) {
  const auto& op = r.as<ops::RmsNormalization>();
  const ValueId x = r.in(0), mean = r.op(Reduce{ReduceKind::Mean, true}, {r.multiply(x, x), r.i64(axes_from(op.axis, r.rank(0)))});
  const ValueId y = r.divide(x, r.op(Unary::of(UnaryKind::Sqrt), {r.add(mean, r.like(x, op.epsilon))}));
  return {r.has(1) ? r.multiply(y, r.in(1)) : y};
}

Values instance_normalization(Rewriting& r) {
  const std::size_t rank = r.rank(0);
  if (rank < 3) r.inexpressible("data of rank {}", rank);
  const ValueId y = mvn(r, r.in(0), axes_from(2, rank), r.as<ops::InstanceNormalization>().epsilon);
  return {r.add(r.multiply(y, per_channel(r, r.in(1), rank)), per_channel(r, r.in(2), rank))};
}

// Before operator set 12.
Values group_normalization(Rewriting& r) {
  if (r.level >= 12) return {};
  const auto& op = r.as<ops::GroupNormalization>();
  const std::size_t rank = r.rank(0);
  if (rank < 2) r.inexpressible("data of rank {}", rank);
  const std::int64_t axis = 2;
  const ValueId grouped = r.op(ops::Reshape{.special_zero = true}, {r.in(0), r.i64({0, op.num_groups, -1})});
  const ValueId y = r.op(ops::Reshape{}, {mvn(r, grouped, {&axis, 1}, op.epsilon), r.shape_of(r.in(0))});
  return {r.add(r.multiply(y, per_channel(r, r.in(1), rank)), per_channel(r, r.in(2), rank))};
}

Values lp_normalization(Rewriting& r) {
  const auto& op = r.as<ops::LpNormalization>();
  const ValueId x = r.in(0), norm = r.op(Reduce{op.p == 1 ? ReduceKind::L1 : ReduceKind::L2, true}, {x, r.i64({op.axis})});
  const ValueId zero = r.op(Binary{BinaryKind::Equal}, {norm, r.like(x, 0)});
  return {r.divide(x, r.op(ops::Select{}, {zero, r.like(x, 1), norm}))};
}

Values lp_pool(Rewriting& r) {
  const auto& op = r.as<ops::LpPool>();
  if (op.rounding_type != ops::PoolRounding::floor) r.inexpressible("output sizes that are rounded up");
  double count = 1;
  for (const auto k : op.kernel) count *= static_cast<double>(k);
  const ValueId x = r.in(0), p = r.like(x, static_cast<double>(op.p));
  const ValueId powers = r.op(Binary{BinaryKind::Power}, {r.op(Unary::of(UnaryKind::Abs), {x}), p});
  const ValueId mean = r.op(ops::AvgPool{op.window, op.kernel, false, ops::PoolRounding::floor}, {powers});
  return {r.op(Binary{BinaryKind::Power}, {r.multiply(mean, r.like(x, count)), r.like(x, 1.0 / static_cast<double>(op.p))})};
}

// OpenVINO's window reaches as far behind as before. One of even size is a pool over the channels.
Values lrn(Rewriting& r) {
  const auto& op = r.as<ops::LRN>();
  if (op.size % 2 == 1) return {};
  const auto axes = r.integers(1);
  const PartialShape shape = r.type(0).shape;
  if (!axes || axes->size() != 1 || (*axes)[0] != 1 || r.rank(0) < 2 || !shape[1].is_static()) r.inexpressible("an even size along other axes than the channels");
  const ValueId x = r.in(0), squares = r.op(ops::Reshape{.special_zero = true}, {r.multiply(x, x), r.i64({0, 1, shape[1].size(), -1})});
  ops::AvgPool pool{{}, {op.size, 1}, false, ops::PoolRounding::floor};
  pool.window.pads_begin = {(op.size - 1) / 2, 0};
  pool.window.pads_end = {op.size / 2, 0};
  const ValueId mean = r.op(ops::Reshape{}, {r.op(pool, {squares}), r.shape_of(x)});
  const ValueId base = r.add(r.multiply(mean, r.like(x, op.alpha)), r.like(x, op.bias));
  return {r.divide(x, r.op(Binary{BinaryKind::Power}, {base, r.like(x, op.beta)}))};
}

constexpr RuleRow kNormalizationRules[] = {
    {"LRN", lrn},
    {"GroupNormalization", group_normalization},
    {"InstanceNormalization", instance_normalization},
    {"LayerNormalization", layer_normalization},
    {"LpNormalization", lp_normalization},
    {"LpPool", lp_pool},
    {"RMSNormalization", rms_normalization},
};

}  // namespace

std::span<const RuleRow> normalization_rules() { return kNormalizationRules; }

}  // namespace saccade::exporter::openvino
