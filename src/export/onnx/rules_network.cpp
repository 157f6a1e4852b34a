// SPDX-License-Identifier: Apache-2.0
// Convolutions, pools, products, normalisations.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "export/onnx/rules.h"
#include "ops/convolution.h"
#include "ops/elementwise.h"
#include "ops/inference.h"
#include "ops/integer_matmul.h"
#include "ops/matmul.h"
#include "ops/normalization.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/transpose.h"

namespace saccade::exporter::onnx {
namespace {

using i64 = std::int64_t;
using ops::Binary;
using ops::BinaryKind;
using ops::Reduce;
using ops::ReduceKind;
using ops::Unary;
using ops::UnaryKind;

std::vector<i64> filled(std::vector<i64> values, std::size_t n, i64 otherwise) {
  values.resize(n, otherwise);
  return values;
}

// The padding that a rule gives, where sizes are known: ONNX Runtime knows no rules for dilated windows.
ops::Window explicit_padding(Rewriting& r, const ops::Window& w, std::span<const i64> kernel) {
  const PartialShape x = r.type(0).shape;
  if (w.auto_pad == ops::AutoPad::explicit_ || !x.ranked() || x.rank() != kernel.size() + 2) return w;
  std::vector<i64> sizes;
  for (std::size_t d = 0; d < kernel.size(); ++d) {
    if (!x[2 + d].is_static()) return w;
    sizes.push_back(x[2 + d].size());
  }
  const auto resolved = ops::resolve(w, sizes, kernel);
  ops::Window out = w;
  out.pads_begin = resolved.pads_begin;
  out.pads_end = resolved.pads_end;
  out.auto_pad = ops::AutoPad::explicit_;
  return out;
}

// The trailing dimensions of the weights.
std::vector<i64> kernel_of(Rewriting& r, std::size_t leading) {
  const PartialShape shape = r.type(1).shape;
  std::vector<i64> kernel;
  if (!shape.is_static()) r.inexpressible("weights of unknown shape");
  for (std::size_t d = leading; d < shape.rank(); ++d) kernel.push_back(shape[d].size());
  return kernel;
}

OnnxAttributes window(Rewriting& r, const ops::Window& w, std::size_t spatial, bool dilations = true) {
  OnnxAttributes out{{"strides", filled(w.strides, spatial, 1)}};
  if (dilations) out.push_back({"dilations", filled(w.dilations, spatial, 1)});
  std::vector<i64> pads = filled(w.pads_begin, spatial, 0);
  const auto end = filled(w.pads_end, spatial, 0);
  pads.insert(pads.end(), end.begin(), end.end());
  if (w.auto_pad == ops::AutoPad::explicit_) {
    if (std::any_of(pads.begin(), pads.end(), [](i64 p) { return p < 0; })) r.inexpressible("negative padding");
    out.push_back({"pads", pads});
  } else {
    out.push_back({"auto_pad", std::string(w.auto_pad == ops::AutoPad::same_upper ? "SAME_UPPER" : w.auto_pad == ops::AutoPad::same_lower ? "SAME_LOWER" : "VALID")});
  }
  return out;
}

std::size_t spatial_of(Rewriting& r) {
  const std::size_t rank = r.rank(0);
  if (rank < 3) r.inexpressible("data of rank {}", rank);
  return rank - 2;
}

Values convolution(Rewriting& r) {
  const auto& op = r.as<ops::Convolution>();
  const auto kernel = kernel_of(r, 2);
  return emit(r, "Conv", r.inputs(), window(r, explicit_padding(r, op.window, kernel), spatial_of(r)));
}

// Weights [groups, outputs, …] as [groups · outputs, …].
ValueId joined_groups(Rewriting& r, i64& groups) {
  const PartialShape shape = r.type(1).shape;
  if (!shape.is_static()) r.inexpressible("weights of unknown shape");
  std::vector<i64> target{shape[0].size() * shape[1].size()};
  for (std::size_t d = 2; d < shape.rank(); ++d) target.push_back(shape[d].size());
  groups = shape[0].size();
  if (const Tensor weights = r.constant(1); weights.defined()) return r.constant_of(weights.reshaped(target));
  return r.op(ops::Reshape{}, {r.in(1), r.i64(target)});
}

Values group_convolution(Rewriting& r) {
  const auto& op = r.as<ops::GroupConvolution>();
  i64 groups = 1;
  const ValueId weights = joined_groups(r, groups);
  const auto kernel = kernel_of(r, 3);
  OnnxAttributes attributes = window(r, explicit_padding(r, op.window, kernel), spatial_of(r));
  attributes.push_back({"group", groups});
  return emit(r, "Conv", {r.in(0), weights}, attributes);
}

Values transposed(Rewriting& r, const ops::Window& w, const std::vector<i64>& output_padding, ValueId weights, i64 groups) {
  const std::size_t spatial = spatial_of(r);
  OnnxAttributes attributes = window(r, w, spatial);
  attributes.push_back({"group", groups});
  if (r.has(2)) attributes.push_back({"output_shape", known(r, 2)});
  else if (w.auto_pad != ops::AutoPad::explicit_) std::erase_if(attributes, [](const OnnxAttribute& a) { return a.name == "auto_pad"; });
  if (!output_padding.empty()) attributes.push_back({"output_padding", filled(output_padding, spatial, 0)});
  return emit(r, "ConvTranspose", {r.in(0), weights}, attributes);
}

Values convolution_backprop(Rewriting& r) {
  const auto& op = r.as<ops::ConvolutionBackpropData>();
  return transposed(r, op.window, op.output_padding, r.in(1), 1);
}

Values group_convolution_backprop(Rewriting& r) {
  const auto& op = r.as<ops::GroupConvolutionBackpropData>();
  i64 groups = 1;
  const ValueId weights = joined_groups(r, groups);
  return transposed(r, op.window, op.output_padding, weights, groups);
}

Values deformable_convolution(Rewriting& r) {
  need(r, 19);
  const auto& op = r.as<ops::DeformableConvolution>();
  if (!op.bilinear_interpolation_pad) r.inexpressible("bilinear_interpolation_pad 'false'");
  OnnxAttributes attributes = window(r, op.window, 2);
  if (op.window.auto_pad != ops::AutoPad::explicit_) r.inexpressible("auto_pad");
  attributes.push_back({"group", op.group});
  attributes.push_back({"offset_group", op.deformable_group});
  const Values inputs{r.in(0), r.in(2), r.in(1), ValueId{}, r.maybe(3)};
  return emit(r, "DeformConv", inputs, attributes);
}

// ONNX's ceil_mode drops a window that begins in the end padding; the other rule gives the same where no window does.
void round_up(Rewriting& r, const ops::Window& w, const std::vector<i64>& kernel, ops::PoolRounding rounding, OnnxAttributes& attributes) {
  if (rounding == ops::PoolRounding::floor || w.auto_pad != ops::AutoPad::explicit_) return;
  attributes.push_back({"ceil_mode", i64{1}});
  if (rounding == ops::PoolRounding::ceil_torch) return;
  const PartialShape x = r.type(0).shape;
  for (std::size_t d = 0; d < kernel.size(); ++d) {
    const auto at = [&](const std::vector<i64>& v, i64 otherwise) { return d < v.size() ? v[d] : otherwise; };
    const i64 stride = at(w.strides, 1), begin = at(w.pads_begin, 0), end = at(w.pads_end, 0);
    if (!x[2 + d].is_static()) r.inexpressible("rounding_type 'ceil' for sizes that are not known before a run");
    const i64 room = x[2 + d].size() + begin + end - ((kernel[d] - 1) * at(w.dilations, 1) + 1);
    const i64 output = (room + stride - 1) / stride + 1;
    if ((output - 1) * stride >= x[2 + d].size() + begin) r.inexpressible("a window that begins in the padding");
  }
}

Values max_pool(Rewriting& r) {
  const auto& op = r.as<ops::MaxPool>();
  const ops::Window w = explicit_padding(r, op.window, op.kernel);
  OnnxAttributes attributes = window(r, w, op.kernel.size());
  attributes.push_back({"kernel_shape", op.kernel});
  if (op.window.auto_pad == ops::AutoPad::explicit_) round_up(r, w, op.kernel, op.rounding_type, attributes);
  if (!op.indices) return emit(r, "MaxPool", {r.in(0)}, attributes);
  if (op.axis != 0) r.inexpressible("indices from axis {} on", op.axis);
  if (op.storage_order == ops::StorageOrder::column) attributes.push_back({"storage_order", i64{1}});
  TensorType indices = r.type(r.out(1));
  indices.element = ElementType::i64;
  const Values out = r.node(OnnxNode{"MaxPool", attributes, {r.type(r.out(0)), indices}}, {r.in(0)});
  return {out[0], r.convert(out[1], op.index_element_type)};
}

Values avg_pool(Rewriting& r) {
  const auto& op = r.as<ops::AvgPool>();
  const bool dilated = std::any_of(op.window.dilations.begin(), op.window.dilations.end(), [](i64 d) { return d != 1; });
  if (dilated) need(r, 19);
  const ops::Window w = explicit_padding(r, op.window, op.kernel);
  OnnxAttributes attributes = window(r, w, op.kernel.size(), dilated);
  attributes.push_back({"kernel_shape", op.kernel});
  attributes.push_back({"count_include_pad", i64{!op.exclude_pad}});
  if (op.window.auto_pad == ops::AutoPad::explicit_) round_up(r, w, op.kernel, op.rounding_type, attributes);
  return emit(r, "AveragePool", {r.in(0)}, attributes);
}

Values lp_pool(Rewriting& r) {
  const auto& op = r.as<ops::LpPool>();
  OnnxAttributes attributes = window(r, op.window, op.kernel.size());
  attributes.push_back({"kernel_shape", op.kernel});
  attributes.push_back({"p", op.p});
  round_up(r, op.window, op.kernel, op.rounding_type, attributes);
  return emit(r, "LpPool", {r.in(0)}, attributes);
}

Values max_unpool(Rewriting& r) {
  const auto& op = r.as<ops::MaxUnpool>();
  OnnxAttributes attributes = window(r, op.window, op.kernel.size(), false);
  attributes.push_back({"kernel_shape", op.kernel});
  return emit(r, "MaxUnpool", r.inputs(), attributes);
}

Values roi_pooling(Rewriting& r) {
  const auto& op = r.as<ops::RoiPooling>();
  if (op.method != ops::RoiPoolingMethod::max) r.inexpressible("the method bilinear");
  return emit(r, "MaxRoiPool", r.inputs(), {{"pooled_shape", op.output_roi}, {"spatial_scale", op.spatial_scale}});
}

ValueId flipped(Rewriting& r, ValueId v) {
  const std::size_t rank = r.rank(v);
  if (rank < 2) return v;
  std::vector<i64> order(rank);
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[rank - 1], order[rank - 2]);
  return r.transpose(v, order);
}

Values matmul(Rewriting& r) {
  const auto& op = r.as<ops::MatMul>();
  return emit(r, "MatMul", {op.transpose_a ? flipped(r, r.in(0)) : r.in(0), op.transpose_b ? flipped(r, r.in(1)) : r.in(1)});
}

Values einsum(Rewriting& r) { return emit(r, "Einsum", r.inputs(), {{"equation", r.as<ops::Einsum>().equation}}); }

Values convolution_integer(Rewriting& r) {
  const auto& op = r.as<ops::ConvolutionInteger>();
  OnnxAttributes attributes = window(r, op.window, spatial_of(r));
  attributes.push_back({"group", op.group});
  return emit(r, "ConvInteger", r.inputs(), attributes);
}

Values matmul_integer(Rewriting& r) { return emit(r, "MatMulInteger", r.inputs()); }

Values batch_norm(Rewriting& r) { return emit(r, "BatchNormalization", r.inputs(), {{"epsilon", r.as<ops::BatchNormInference>().epsilon}}); }

Values layer_norm(Rewriting& r) {
  const auto& op = r.as<ops::LayerNormalization>();
  Values inputs = r.inputs();
  if (!r.has(1)) {
    // the scale is required: one, which broadcasts to what is normalised
    inputs.resize(std::max<std::size_t>(2, inputs.size()));
    inputs[1] = r.reshape(r.like(r.in(0), 1), {1});
    if (!r.type(0).shape.ranked()) r.inexpressible("data of unknown rank");
  }
  return emit(r, "LayerNormalization", inputs, {{"axis", op.axis}, {"epsilon", op.epsilon}});
}

Values rms_norm(Rewriting& r) {
  const auto& op = r.as<ops::RmsNormalization>();
  if (r.level >= 23 && r.has(1)) return emit(r, "RMSNormalization", r.inputs(), {{"axis", op.axis}, {"epsilon", op.epsilon}});
  const auto rank = static_cast<i64>(r.rank(0));
  std::vector<i64> axes;
  for (i64 a = op.axis < 0 ? op.axis + rank : op.axis; a < rank; ++a) axes.push_back(a);
  const ValueId x = r.in(0), mean = r.op(Reduce{ReduceKind::Mean, true}, {r.multiply(x, x), r.i64(axes)});
  const ValueId y = r.divide(x, r.op(Unary::of(UnaryKind::Sqrt), {r.add(mean, r.like(x, op.epsilon))}));
  return {r.has(1) ? r.multiply(y, r.in(1)) : y};
}

Values instance_norm(Rewriting& r) { return emit(r, "InstanceNormalization", r.inputs(), {{"epsilon", r.as<ops::InstanceNormalization>().epsilon}}); }

ValueId normalized(Rewriting& r, ValueId x, ValueId axes, double eps, ops::EpsMode mode, bool variance) {
  const ValueId centred = r.subtract(x, r.op(Reduce{ReduceKind::Mean, true}, {x, axes}));
  if (!variance) return centred;
  const ValueId mean = r.op(Reduce{ReduceKind::Mean, true}, {r.multiply(centred, centred), axes});
  if (mode == ops::EpsMode::inside_sqrt) return r.divide(centred, r.op(Unary::of(UnaryKind::Sqrt), {r.add(mean, r.like(x, eps))}));
  return r.divide(centred, r.add(r.op(Unary::of(UnaryKind::Sqrt), {mean}), r.like(x, eps)));
}

Values group_norm(Rewriting& r) {
  const auto& op = r.as<ops::GroupNormalization>();
  if (r.level >= 21) return emit(r, "GroupNormalization", r.inputs(), {{"num_groups", op.num_groups}, {"epsilon", op.epsilon}});
  std::vector<i64> shape(r.rank(0) - 1, 1);
  shape[0] = -1;
  const ValueId grouped = r.op(ops::Reshape{.special_zero = true}, {r.in(0), r.i64({0, op.num_groups, -1})});
  const ValueId y = r.op(ops::Reshape{}, {normalized(r, grouped, r.i64({2}), op.epsilon, ops::EpsMode::inside_sqrt, true), r.shape_of(r.in(0))});
  const auto per_channel = [&](std::size_t i) { return r.op(ops::Reshape{}, {r.in(i), r.i64(shape)}); };
  return {r.add(r.multiply(y, per_channel(1)), per_channel(2))};
}

Values mvn(Rewriting& r) {
  const auto& op = r.as<ops::MVN>();
  return {normalized(r, r.in(0), r.convert(r.in(1), ElementType::i64), op.eps, op.eps_mode, op.normalize_variance)};
}

Values normalize_l2(Rewriting& r) {
  const auto& op = r.as<ops::NormalizeL2>();
  const ValueId x = r.in(0), eps = r.like(x, op.eps), sum = r.op(Reduce{ReduceKind::Sum, true}, {r.multiply(x, x), r.convert(r.in(1), ElementType::i64)});
  const ValueId base = op.eps_mode == ops::NormalizeL2Mode::add ? r.add(sum, eps) : r.op(Binary{BinaryKind::Maximum}, {sum, eps});
  return {r.divide(x, r.op(Unary::of(UnaryKind::Sqrt), {base}))};
}

Values lp_norm(Rewriting& r) { return emit(r, "LpNormalization", r.inputs(), {{"axis", r.as<ops::LpNormalization>().axis}, {"p", r.as<ops::LpNormalization>().p}}); }

Values lrn(Rewriting& r) {
  const auto& op = r.as<ops::LRN>();
  if (known(r, 1) != std::vector<i64>{1}) r.inexpressible("other axes than the channels");
  return emit(r, "LRN", {r.in(0)}, {{"alpha", op.alpha}, {"beta", op.beta}, {"bias", op.bias}, {"size", op.size}});
}

constexpr RuleRow kNetworkRules[] = {
    {"AvgPool", avg_pool},
    {"BatchNormInference", batch_norm},
    {"Convolution", convolution},
    {"ConvolutionBackpropData", convolution_backprop},
    {"ConvolutionInteger", convolution_integer},
    {"DeformableConvolution", deformable_convolution},
    {"Einsum", einsum},
    {"GroupConvolution", group_convolution},
    {"GroupConvolutionBackpropData", group_convolution_backprop},
    {"GroupNormalization", group_norm},
    {"InstanceNormalization", instance_norm},
    {"LRN", lrn},
    {"LayerNormalization", layer_norm},
    {"LpNormalization", lp_norm},
    {"LpPool", lp_pool},
    {"MVN", mvn},
    {"MatMul", matmul},
    {"MatMulInteger", matmul_integer},
    {"MaxPool", max_pool},
    {"MaxUnpool", max_unpool},
    {"NormalizeL2", normalize_l2},
    {"RMSNormalization", rms_norm},
    {"ROIPooling", roi_pooling},
};

}  // namespace

std::span<const RuleRow> network_rules() { return kNetworkRules; }

}  // namespace saccade::exporter::onnx
