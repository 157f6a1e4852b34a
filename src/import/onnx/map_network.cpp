// SPDX-License-Identifier: Apache-2.0
// ONNX's matrix products, normalisations and softmaxes.
#include "import/onnx/map.h"
#include "import/onnx/window.h"
#include "ops/convert.h"
#include "ops/elementwise.h"
#include "ops/integer_matmul.h"
#include "ops/matmul.h"
#include "ops/normalization.h"
#include "ops/quantize.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/shape_of.h"
#include "ops/softmax.h"
#include "ops/tile.h"

namespace saccade::onnx {
namespace {

using ops::Binary;
using ops::BinaryKind;
using Values = std::vector<ValueId>;
using i64 = std::int64_t;

ValueId add(NodeContext& c, ValueId a, ValueId b) { return c.op(Binary{BinaryKind::Add}, {a, b}); }
ValueId multiply(NodeContext& c, ValueId a, ValueId b) { return c.op(Binary{BinaryKind::Multiply}, {a, b}); }
ElementType element(NodeContext& c, ValueId value) { return c.edit.graph().type(value).element; }
ValueId convert(NodeContext& c, ValueId value, ElementType type) {
  return element(c, value) == type ? value : c.op(ops::Convert{type}, {value});
}

Values matmul(NodeContext& c) { return {c.op(ops::MatMul{}, {c.in(0), c.in(1)})}; }
Values einsum(NodeContext& c) { return {c.op(ops::Einsum{c.s("equation")}, c.inputs())}; }

Values gemm(NodeContext& c) {
  const double alpha = c.f("alpha", 1), beta = c.f("beta", 1);
  if (c.rank(0) != 2 || c.rank(1) != 2) c.invalid("Gemm of ranks {} and {}", c.rank(0), c.rank(1));
  ValueId y = c.op(ops::MatMul{c.flag("transA", false), c.flag("transB", false)}, {c.in(0), c.in(1)});
  if (alpha != 1) y = multiply(c, y, c.scalar(c.element(0), alpha));
  if (!c.has(2) || beta == 0) return {y};
  ValueId bias = c.in(2);
  if (beta != 1) bias = multiply(c, bias, c.scalar(c.element(2), beta));
  return {add(c, y, bias)};
}

// Up to version 6 C is broadcast only where the node says so, then along one axis as NumPy does.
Values gemm_1(NodeContext& c) {
  c.ignore({"broadcast"});
  return gemm(c);
}

Values matmul_integer(NodeContext& c) { return {c.op(ops::MatMulInteger{}, {c.in(0), c.in(1), c.maybe(2), c.maybe(3)})}; }

bool is_single(NodeContext& c, std::size_t input) {
  const PartialShape& shape = c.shape(input);
  if (!shape.is_static()) c.unsupported("input {} of unknown shape", input);
  return element_count(shape.shape()) == 1;
}

Values qlinear_matmul(NodeContext& c) {
  const ValueId sums = c.op(ops::MatMulInteger{}, {c.in(0), c.in(3), c.in(2), c.in(5)});
  const ElementType type = c.element(1);
  ValueId real;
  if (is_single(c, 1) && is_single(c, 4)) {
    const ValueId scale = c.op(ops::Reshape{}, {multiply(c, c.in(1), c.in(4)), c.i64({})});
    real = c.op(ops::Dequantize{1, 0, type}, {sums, scale});
  } else {
    // rows of a, columns of b
    const ValueId rows = c.shape(1).rank() == 1 && !is_single(c, 1) ? c.op(ops::Unsqueeze{}, {c.in(1), c.i64({1})}) : c.in(1);
    real = multiply(c, convert(c, sums, type), multiply(c, rows, c.in(4)));
  }
  const auto rank = static_cast<i64>(c.edit.graph().type(sums).shape.ranked() ? c.edit.graph().type(sums).shape.rank() : 2);
  if (!is_single(c, 6) && c.shape(6).rank() > 1) c.unsupported("an output scale of shape {}", graph::to_string(c.shape(6)));
  ops::Quantize quantize{.axis = std::max<i64>(rank - 2, 0), .destination_type = c.element(7)};
  return {c.op(quantize, {real, c.in(6), c.in(7)})};
}

// (x, scale, bias, mean, variance) in one type, the widest of theirs.
Values normalize_batch(NodeContext& c, ValueId mean, ValueId variance, double epsilon) {
  const ElementType type = c.element(0), wide = element(c, mean) == type && c.element(1) == type ? type
                                                : type == ElementType::f64                       ? ElementType::f64
                                                                                                 : ElementType::f32;
  const ValueId y = c.op(ops::BatchNormInference{epsilon}, {convert(c, c.in(0), wide), convert(c, c.in(1), wide), convert(c, c.in(2), wide),
                                                            convert(c, mean, wide), convert(c, variance, wide)});
  return {convert(c, y, type)};
}

Values batch_norm(NodeContext& c) {
  const std::int64_t version = c.version();
  const double epsilon = c.f("epsilon", 1e-5f), momentum = c.f("momentum", 0.9f);
  if (version < 9 && !c.flag("spatial", true)) c.unsupported("BatchNormalization with spatial=0");
  c.ignore({"consumed_inputs"});
  const bool training = version >= 14 ? c.flag("training_mode", false) : version >= 7 ? c.outputs() > 1 : !c.flag("is_test", false);
  if (version < 7 && training && c.outputs() <= 1) {
    // files of that age leave is_test at its default and mean inference
  } else if (training) {
    std::vector<i64> axes;
    for (std::size_t d = 0; d < c.rank(0); ++d)
      if (d != 1) axes.push_back(static_cast<i64>(d));
    const ValueId over = c.i64(axes);
    const ElementType type = c.element(3);
    const ValueId x = convert(c, c.in(0), type);
    const ValueId kept = c.op(ops::Reduce{ops::ReduceKind::Mean, true}, {x, over});
    const ValueId centred = c.op(Binary{BinaryKind::Subtract}, {x, kept});
    const ValueId variance = c.op(ops::Reduce{ops::ReduceKind::Mean, false}, {multiply(c, centred, centred), over});
    const ValueId mean = c.op(ops::Reduce{ops::ReduceKind::Mean, false}, {x, over});
    const auto running = [&](ValueId before, ValueId now) {
      return add(c, multiply(c, before, c.scalar(type, momentum)), multiply(c, now, c.scalar(type, 1 - momentum)));
    };
    return {normalize_batch(c, mean, variance, epsilon)[0], running(c.in(3), mean), running(c.in(4), variance), mean, variance};
  }
  return normalize_batch(c, c.in(3), c.in(4), epsilon);
}

Values layer_norm(NodeContext& c) {
  c.ignore({"stash_type"});  // sums are never narrower than f32
  const bool statistics = c.wants(1) || c.wants(2);
  Values out = c.node(ops::LayerNormalization{c.i("axis", -1), c.f("epsilon", 1e-5f), statistics}, {c.in(0), c.maybe(1), c.maybe(2)});
  for (std::size_t i = 1; i < out.size(); ++i) out[i] = convert(c, out[i], ElementType::f32);
  return out;
}

Values rms_norm(NodeContext& c) {
  c.ignore({"stash_type"});
  const ValueId y = c.op(ops::RmsNormalization{c.i("axis", -1), c.f("epsilon", 1e-5f)}, {c.in(0), convert(c, c.in(1), c.element(0))});
  return {convert(c, y, c.element(1))};
}

Values group_norm(NodeContext& c) {
  c.ignore({"stash_type"});
  return {c.op(ops::GroupNormalization{c.i("num_groups"), c.f("epsilon", 1e-5f)}, {c.in(0), c.in(1), c.in(2)})};
}

// Version 18 has one scale and bias per group.
Values group_norm_18(NodeContext& c) {
  const i64 groups = c.i("num_groups");
  const PartialShape& x = c.shape(0);
  if (!x.ranked() || x.rank() < 2 || !x[1].is_static()) c.unsupported("an unknown number of channels");
  if (groups < 1 || x[1].size() % groups != 0) c.invalid("{} channels in {} groups", x[1].size(), groups);
  const i64 per = x[1].size() / groups;
  const auto expand = [&](ValueId v) {
    const ValueId tiled = c.op(ops::Tile{}, {c.op(ops::Unsqueeze{}, {v, c.i64({1})}), c.i64({1, per})});
    return c.op(ops::Reshape{}, {tiled, c.i64({-1})});
  };
  return {c.op(ops::GroupNormalization{groups, c.f("epsilon", 1e-5f)}, {c.in(0), expand(c.in(1)), expand(c.in(2))})};
}

Values instance_norm(NodeContext& c) {
  c.ignore({"consumed_inputs"});
  return {c.op(ops::InstanceNormalization{c.f("epsilon", 1e-5f)}, {c.in(0), c.in(1), c.in(2)})};
}

Values mean_variance_norm(NodeContext& c) {
  const auto axes = c.ints("axes", {0, 2, 3});
  return {c.op(ops::MVN{true, 1e-9, ops::EpsMode::outside_sqrt}, {c.in(0), c.i64(axes)})};
}

Values lp_norm(NodeContext& c) { return {c.op(ops::LpNormalization{c.i("axis", -1), c.i("p", 2)}, {c.in(0)})}; }

Values lrn(NodeContext& c) {
  return {c.op(ops::LRN{c.f("alpha", 1e-4f), c.f("beta", 0.75f), c.f("bias", 1), c.i("size")}, {c.in(0), c.i64({1})})};
}

template <class T>
Values along_axis(NodeContext& c) {
  return {c.op(T{c.i("axis", -1)}, {c.in(0)})};
}

// Up to version 12 the dimensions from `axis` on are one.
template <class T>
Values flattened(NodeContext& c) {
  const std::size_t rank = c.rank(0);
  const i64 given = c.i("axis", 1), axis = given < 0 ? given + static_cast<i64>(rank) : given;
  if (axis < 0 || axis > static_cast<i64>(rank)) c.invalid("axis {} of rank {}", given, rank);
  if (axis + 1 == static_cast<i64>(rank)) return {c.op(T{axis}, {c.in(0)})};
  std::vector<i64> shape(static_cast<std::size_t>(axis), 0);
  shape.push_back(-1);
  const ValueId flat = c.op(ops::Reshape{true}, {c.in(0), c.i64(shape)});
  return {c.op(ops::Reshape{}, {c.op(T{axis}, {flat}), c.op(ops::ShapeOf{}, {c.in(0)})})};
}

constexpr Row kNetworkRows[] = {
    {"", "BatchNormalization", 1, batch_norm},
    {"", "Einsum", 12, einsum},
    {"", "Gemm", 1, gemm_1},
    {"", "Gemm", 7, gemm},
    {"", "GroupNormalization", 18, group_norm_18},
    {"", "GroupNormalization", 21, group_norm},
    {"", "Hardmax", 1, flattened<ops::Hardmax>},
    {"", "Hardmax", 13, along_axis<ops::Hardmax>},
    {"", "InstanceNormalization", 1, instance_norm},
    {"", "LRN", 1, lrn},
    {"", "LayerNormalization", 17, layer_norm},
    {"", "LogSoftmax", 1, flattened<ops::LogSoftmax>},
    {"", "LogSoftmax", 13, along_axis<ops::LogSoftmax>},
    {"", "LpNormalization", 1, lp_norm},
    {"", "MatMul", 1, matmul},
    {"", "MatMulInteger", 10, matmul_integer},
    {"", "MeanVarianceNormalization", 9, mean_variance_norm},
    {"", "QLinearMatMul", 10, qlinear_matmul},
    {"", "RMSNormalization", 23, rms_norm},
    {"", "Softmax", 1, flattened<ops::Softmax>},
    {"", "Softmax", 13, along_axis<ops::Softmax>},
};

}  // namespace

std::span<const Row> network_rows() { return kNetworkRows; }

}  // namespace saccade::onnx
