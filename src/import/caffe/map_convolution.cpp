// SPDX-License-Identifier: Apache-2.0
// Caffe's layers of windows and of matrices: Convolution, Deconvolution, Pooling, InnerProduct, Upsample by a mask.
#include <algorithm>

#include "import/caffe/map.h"
#include "ops/convolution.h"
#include "ops/elementwise.h"
#include "ops/matmul.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/resize.h"

namespace saccade::caffe {
namespace {

using ops::Binary;
using ops::BinaryKind;
using Values = std::vector<ValueId>;
using i64 = std::int64_t;

constexpr i64 kMaxChannels = i64{1} << 24;

// A repeated parameter of a window, one value for all spatial axes or one each, or its two-dimensional form …_h, …_w.
std::vector<i64> spatial(LayerContext& c, Parameters& p, std::string_view repeated, std::string_view h, std::string_view w, i64 otherwise, std::size_t n) {
  std::vector<i64> values = p.integers(repeated);
  const bool has_h = p.has(h), has_w = p.has(w);
  if (has_h || has_w) {
    if (n != 2) c.invalid("{} for {} spatial axes", h, n);
    const i64 both = values.empty() ? otherwise : values[0];
    values = {p.integer(h, both), p.integer(w, both)};
  }
  if (values.empty()) values.push_back(otherwise);
  if (values.size() == 1) values.assign(n, values[0]);
  if (values.size() != n) c.invalid("{} values of {} for {} spatial axes", values.size(), repeated, n);
  for (const i64 value : values)
    if (value < 0 || value > kMaxChannels) c.invalid("{} is {}", repeated, value);
  return values;
}

struct Convolved {
  ops::Window window;
  std::vector<i64> kernel;
  i64 outputs, group;
  bool bias;
};

Convolved read_convolution(LayerContext& c) {
  Parameters& p = c.parameters("convolution_param");
  p.ignore({"force_nd_im2col"});
  const std::size_t rank = c.rank(c.in(0));
  if (rank < 3 || rank > 5) c.unsupported("a bottom of shape {}", graph::to_string(c.shape(c.in(0))));
  if (c.axis(p.integer("axis", 1)) != 1) c.unsupported("channels along axis {}", p.integer("axis", 1));
  const std::size_t n = rank - 2;
  Convolved k;
  k.kernel = spatial(c, p, "kernel_size", "kernel_h", "kernel_w", 0, n);
  k.window.strides = spatial(c, p, "stride", "stride_h", "stride_w", 1, n);
  k.window.pads_begin = k.window.pads_end = spatial(c, p, "pad", "pad_h", "pad_w", 0, n);
  k.window.dilations = spatial(c, p, "dilation", "dilation_h", "dilation_w", 1, n);
  k.outputs = p.integer("num_output", 0);
  k.group = p.integer("group", 1);
  k.bias = p.flag("bias_term", true);
  if (c.layer().type.find("epthwise") != std::string::npos && !p.has("group")) k.group = c.size(c.in(0), 1);
  if (k.outputs < 1 || k.outputs > kMaxChannels || k.group < 1 || k.outputs % k.group != 0) c.invalid("{} outputs in {} groups", k.outputs, k.group);
  if (std::any_of(k.kernel.begin(), k.kernel.end(), [](i64 size) { return size < 1; })) c.invalid("a window of size 0");
  return k;
}

ValueId add_channels(LayerContext& c, ValueId y, const Tensor& values) { return c.op(Binary{BinaryKind::Add}, {y, c.spread(c.constant(values), 1, c.rank(y))}); }

Shape joined(std::initializer_list<i64> front, const std::vector<i64>& kernel) {
  Shape shape(front);
  shape.insert(shape.end(), kernel.begin(), kernel.end());
  return shape;
}

ValueId convolve(LayerContext& c, const Convolved& k, ValueId x) {
  const i64 inputs = c.size(x, 1);
  if (inputs % k.group != 0) c.invalid("{} channels in {} groups", inputs, k.group);
  const Shape shape = k.group == 1 ? joined({k.outputs, inputs}, k.kernel) : joined({k.group, k.outputs / k.group, inputs / k.group}, k.kernel);
  const ValueId weights = c.constant(c.blob(0, shape));
  const ValueId y = k.group == 1 ? c.op(ops::Convolution{k.window}, {x, weights}) : c.op(ops::GroupConvolution{k.window}, {x, weights});
  return k.bias ? add_channels(c, y, c.blob(1, {k.outputs})) : y;
}

ValueId deconvolve(LayerContext& c, const Convolved& k, ValueId x) {
  const i64 inputs = c.size(x, 1);
  if (inputs % k.group != 0) c.invalid("{} channels in {} groups", inputs, k.group);
  const Shape shape = k.group == 1 ? joined({inputs, k.outputs}, k.kernel) : joined({k.group, inputs / k.group, k.outputs / k.group}, k.kernel);
  const ValueId weights = c.constant(c.blob(0, shape));
  const ValueId y = k.group == 1 ? c.op(ops::ConvolutionBackpropData{k.window, {}}, {x, weights}) : c.op(ops::GroupConvolutionBackpropData{k.window, {}}, {x, weights});
  return k.bias ? add_channels(c, y, c.blob(1, {k.outputs})) : y;
}

// The same filters for every pair of bottom and top.
Values each_bottom(LayerContext& c, ValueId (*one)(LayerContext&, const Convolved&, ValueId)) {
  const Convolved k = read_convolution(c);
  Values tops;
  for (const ValueId x : c.inputs()) {
    if (c.rank(x) != c.rank(c.in(0))) c.invalid("bottoms of ranks {} and {}", c.rank(c.in(0)), c.rank(x));
    tops.push_back(one(c, k, x));
  }
  return tops;
}

Values convolution(LayerContext& c) { return each_bottom(c, convolve); }
Values deconvolution(LayerContext& c) { return each_bottom(c, deconvolve); }

Values pooling(LayerContext& c) {
  Parameters& p = c.parameters("pooling_param");
  const std::size_t method = p.choice("pool", {"MAX", "AVE", "STOCHASTIC"}, 0);
  if (method == 2) c.unsupported("pool STOCHASTIC");
  const ValueId x = c.in(0);
  if (c.rank(x) != 4) c.unsupported("a bottom of shape {}", graph::to_string(c.shape(x)));
  const bool global = p.flag("global_pooling", false);
  ops::Window window;
  window.strides = spatial(c, p, "stride", "stride_h", "stride_w", 1, 2);
  window.pads_begin = window.pads_end = spatial(c, p, "pad", "pad_h", "pad_w", 0, 2);
  const std::vector<i64> kernel = spatial(c, p, "kernel_size", "kernel_h", "kernel_w", 0, 2);
  const bool ceil = p.has("ceil_mode") ? p.flag("ceil_mode", true) : p.choice("round_mode", {"CEIL", "FLOOR"}, 0) == 0;
  if (global && c.tops() < 2) return {c.op(ops::Reduce{method == 0 ? ops::ReduceKind::Max : ops::ReduceKind::Mean, true}, {x, c.i64({2, 3})})};
  if (global) c.unsupported("the mask of a global pool");
  if (std::any_of(kernel.begin(), kernel.end(), [](i64 size) { return size < 1; })) c.invalid("a window of size 0");
  // Caffe drops a last window that starts in the padding only where there is padding.
  const bool padded = window.pads_begin[0] > 0 || window.pads_begin[1] > 0;
  const ops::PoolRounding rounding = !ceil ? ops::PoolRounding::floor : padded ? ops::PoolRounding::ceil_torch : ops::PoolRounding::ceil;
  if (method == 1) return {c.op(ops::AvgPool{window, kernel, false, rounding}, {x})};
  ops::MaxPool pool{window, kernel, rounding};
  pool.indices = c.tops() > 1;
  return c.node(pool, {x});
}

Values inner_product(LayerContext& c) {
  Parameters& p = c.parameters("inner_product_param");
  const i64 outputs = p.integer("num_output", 0);
  if (outputs < 1 || outputs > kMaxChannels) c.invalid("num_output is {}", outputs);
  const std::size_t axis = c.axis(p.integer("axis", 1));
  const bool transposed = p.flag("transpose", false);
  const std::size_t rank = c.rank(c.in(0));
  if (axis == 0) c.unsupported("axis 0");
  ValueId x = c.in(0);
  i64 inputs = 1;
  for (std::size_t d = axis; d < rank; ++d)
    if (__builtin_mul_overflow(inputs, c.size(x, d), &inputs)) c.invalid("a bottom of shape {}", graph::to_string(c.shape(x)));
  if (axis + 1 != rank) {
    std::vector<i64> shape(axis, 0);
    shape.push_back(-1);
    x = c.op(ops::Reshape{true}, {x, c.i64(shape)});
  }
  const Tensor weights = c.blob(0, transposed ? Shape{inputs, outputs} : Shape{outputs, inputs});
  ValueId y = c.op(ops::MatMul{false, !transposed}, {x, c.constant(weights)});
  if (p.flag("bias_term", true)) y = c.op(Binary{BinaryKind::Add}, {y, c.spread(c.constant(c.blob(1, {outputs})), axis, axis + 1)});
  return {y};
}

// SegNet's: the maxima of a pool go back to where they came from. YOLO's and others': nearest.
Values upsample(LayerContext& c) {
  Parameters& p = c.parameters("upsample_param");
  const ValueId x = c.in(0);
  if (c.rank(x) != 4) c.unsupported("a bottom of shape {}", graph::to_string(c.shape(x)));
  const i64 scale = p.integer("scale", p.integer("stride", 2)), scale_h = p.integer("scale_h", scale), scale_w = p.integer("scale_w", scale);
  p.ignore({"pad_out_h", "pad_out_w"});
  if (scale_h < 1 || scale_w < 1 || scale_h > 1024 || scale_w > 1024) c.invalid("a scale of {} by {}", scale_h, scale_w);
  const i64 height = p.integer("upsample_h", 0), width = p.integer("upsample_w", 0);
  if (c.bottoms() == 1) {
    if (height > 0 || width > 0) c.unsupported("upsample_h and upsample_w without a mask");
    ops::Resize resize{.axes = {2, 3}, .mode = ops::ResizeMode::nearest, .shape_calculation = ops::ResizeShape::scales, .coordinates = ops::ResizeCoordinates::asymmetric, .nearest = ops::ResizeNearest::floor};
    return {c.op(resize, {x, c.constant(Tensor::from<float>({2}, {static_cast<float>(scale_h), static_cast<float>(scale_w)}))})};
  }
  const graph::Node* pool = c.edit.graph().producer(c.in(1));
  const ops::MaxPool* max_pool = pool == nullptr ? nullptr : pool->op.as<ops::MaxPool>();
  if (max_pool == nullptr) c.unsupported("a mask that is not the second top of a Pooling layer");
  const ValueId pooled = pool->inputs[0];
  const i64 h = c.size(pooled, 2), w = c.size(pooled, 3);
  if ((height > 0 ? height : c.size(x, 2) * scale_h) != h || (width > 0 ? width : c.size(x, 3) * scale_w) != w)
    c.unsupported("a result of another size than the pool's bottom, {} by {}", h, w);
  // counted in the shape of the pool's bottom, where the window's own natural size may be another
  ops::MaxUnpool unpool{.window = {}, .kernel = {h - c.size(x, 2) + 1, w - c.size(x, 3) + 1}, };
  return {c.op(unpool, {x, c.in(1)})};
}

constexpr Row kConvolutionRows[] = {
    {"Convolution", convolution}, {"ConvolutionDepthwise", convolution}, {"Deconvolution", deconvolution}, {"DeconvolutionDepthwise", deconvolution}, {"DepthwiseConvolution", convolution},
    {"InnerProduct", inner_product}, {"Pooling", pooling}, {"Upsample", upsample},
};

}  // namespace

std::span<const Row> convolution_rows() { return kConvolutionRows; }

}  // namespace saccade::caffe
