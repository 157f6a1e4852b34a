// SPDX-License-Identifier: Apache-2.0
// ONNX's convolutions and pools, quantised ones included.
#include <algorithm>

#include "import/onnx/map.h"
#include "import/onnx/window.h"
#include "ops/convert.h"
#include "ops/convolution.h"
#include "ops/elementwise.h"
#include "ops/integer_matmul.h"
#include "ops/matmul.h"
#include "ops/pool.h"
#include "ops/quantize.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace saccade::onnx {
namespace {

using ops::Binary;
using ops::BinaryKind;
using ops::Window;
using Values = std::vector<ValueId>;
using i64 = std::int64_t;

// The bias of a convolution as an addition over [1, c, 1…].
ValueId add_bias(NodeContext& c, ValueId y, std::size_t input, std::size_t spatial) {
  if (!c.has(input)) return y;
  return c.op(Binary{BinaryKind::Add}, {y, reshape_channels(c, c.in(input), spatial)});
}

// Weights [g·o, …] as [g, o, …].
ValueId grouped_weights(NodeContext& c, ValueId weights, i64 groups) {
  const PartialShape& shape = c.edit.graph().type(weights).shape;
  std::vector<i64> dims{groups};
  for (std::size_t d = 0; d < shape.rank(); ++d) {
    const graph::Dimension& size = shape[d];
    if (!size.is_static()) c.unsupported("weights of unknown shape in a grouped convolution");
    if (d == 0 && size.size() % groups != 0) c.invalid("weights of shape {} in {} groups", graph::to_string(shape), groups);
    dims.push_back(d == 0 ? size.size() / groups : size.size());
  }
  return c.op(ops::Reshape{}, {weights, c.i64(dims)});
}

i64 read_group(NodeContext& c) {
  const i64 groups = c.i("group", 1);
  if (groups < 1) c.invalid("group is {}", groups);
  return groups;
}

Values conv(NodeContext& c) {
  const std::size_t spatial = c.rank(1) - std::min<std::size_t>(c.rank(1), 2);
  const i64 groups = read_group(c);
  const Window window = read_window(c, spatial);
  check_kernel_shape(c, 1);
  const ValueId y = groups == 1 ? c.op(ops::Convolution{window}, {c.in(0), c.in(1)})
                                : c.op(ops::GroupConvolution{window}, {c.in(0), grouped_weights(c, c.in(1), groups)});
  return {add_bias(c, y, 2, spatial)};
}

Values conv_transpose(NodeContext& c) {
  const std::size_t spatial = c.rank(1) - std::min<std::size_t>(c.rank(1), 2);
  const i64 groups = read_group(c);
  Window window = read_window(c, spatial);
  check_kernel_shape(c, 1);
  const std::vector<i64> padding = c.ints("output_padding", {});
  std::vector<i64> shape = c.ints("output_shape", {});
  std::vector<ValueId> inputs{c.in(0), groups == 1 ? c.in(1) : grouped_weights(c, c.in(1), groups)};
  if (shape.size() == spatial + 2) shape.erase(shape.begin(), shape.begin() + 2);  // some files list all dimensions
  if (!shape.empty()) {
    if (shape.size() != spatial) c.invalid("output_shape has {} entries for {} spatial dimensions", shape.size(), spatial);
    // without auto_pad the odd element of padding goes behind, as for SAME_UPPER read the other way round
    if (window.auto_pad == ops::AutoPad::explicit_ || window.auto_pad == ops::AutoPad::valid) window.auto_pad = ops::AutoPad::same_lower;
    window.pads_begin.clear();
    window.pads_end.clear();
    inputs.push_back(c.i64(shape));
  } else if (window.auto_pad == ops::AutoPad::same_upper || window.auto_pad == ops::AutoPad::same_lower) {
    // output = input · stride, so the padding does not depend on the input
    const PartialShape& w = c.shape(1);
    for (std::size_t d = 0; d < spatial; ++d) {
      if (!w[2 + d].is_static()) c.unsupported("auto_pad with weights of unknown shape");
      const auto at = [&](const std::vector<i64>& list, i64 otherwise) { return d < list.size() ? list[d] : otherwise; };
      const i64 total = (w[2 + d].size() - 1) * at(window.dilations, 1) + 1 + at(padding, 0) - at(window.strides, 1);
      const i64 half = std::max<i64>(total, 0) / 2, rest = total - half;
      window.pads_begin.push_back(window.auto_pad == ops::AutoPad::same_upper ? half : rest);
      window.pads_end.push_back(window.auto_pad == ops::AutoPad::same_upper ? rest : half);
    }
    window.auto_pad = ops::AutoPad::explicit_;
  }
  const ValueId y = groups == 1 ? c.op(ops::ConvolutionBackpropData{window, padding}, inputs)
                                : c.op(ops::GroupConvolutionBackpropData{window, padding}, inputs);
  return {add_bias(c, y, 2, spatial)};
}

Values deform_conv(NodeContext& c) {
  const Window window = read_window(c, 2);
  check_kernel_shape(c, 1);
  std::vector<ValueId> inputs{c.in(0), c.in(2), c.in(1)};
  if (c.has(4)) inputs.push_back(c.in(4));
  const ValueId y = c.op(ops::DeformableConvolution{window, read_group(c), c.i("offset_group", 1), true}, inputs);
  return {add_bias(c, y, 3, 2)};
}

ops::PoolRounding read_rounding(NodeContext& c) {
  return c.flag("ceil_mode", false) ? ops::PoolRounding::ceil_torch : ops::PoolRounding::floor;
}

Values max_pool(NodeContext& c) {
  const std::vector<i64> kernel = c.ints("kernel_shape");
  ops::MaxPool op{read_window(c, kernel.size()), kernel, read_rounding(c)};
  op.indices = c.wants(1);
  op.storage_order = c.flag("storage_order", false) ? ops::StorageOrder::column : ops::StorageOrder::row;
  return c.node(op, {c.in(0)});
}

Values average_pool(NodeContext& c) {
  const std::vector<i64> kernel = c.ints("kernel_shape");
  return {c.op(ops::AvgPool{read_window(c, kernel.size()), kernel, !c.flag("count_include_pad", false), read_rounding(c)}, {c.in(0)})};
}

Values lp_pool(NodeContext& c) {
  const std::vector<i64> kernel = c.ints("kernel_shape");
  return {c.op(ops::LpPool{read_window(c, kernel.size()), kernel, c.i("p", 2), read_rounding(c)}, {c.in(0)})};
}

Values max_unpool(NodeContext& c) {
  const std::vector<i64> kernel = c.ints("kernel_shape");
  std::vector<ValueId> inputs{c.in(0), c.in(1)};
  if (c.has(2)) inputs.push_back(c.in(2));
  return {c.op(ops::MaxUnpool{read_window(c, kernel.size()), kernel}, inputs)};
}

Values max_roi_pool(NodeContext& c) {
  return {c.op(ops::RoiPooling{c.ints("pooled_shape"), c.f("spatial_scale", 1), ops::RoiPoolingMethod::max}, {c.in(0), c.in(1)})};
}

ValueId spatial_axes(NodeContext& c) {
  const std::size_t rank = c.rank(0);
  if (rank < 2) c.invalid("data of rank {}", rank);
  std::vector<i64> axes;
  for (std::size_t d = 2; d < rank; ++d) axes.push_back(static_cast<i64>(d));
  return c.i64(axes);
}

template <ops::ReduceKind kind>
Values global_pool(NodeContext& c) {
  return {c.op(ops::Reduce{kind, true}, {c.in(0), spatial_axes(c)})};
}

Values global_lp_pool(NodeContext& c) {
  const i64 p = c.i("p", 2);
  const ValueId axes = spatial_axes(c);
  if (p == 1) return {c.op(ops::Reduce{ops::ReduceKind::L1, true}, {c.in(0), axes})};
  if (p == 2) return {c.op(ops::Reduce{ops::ReduceKind::L2, true}, {c.in(0), axes})};
  if (p < 1) c.invalid("p is {}", p);
  const ElementType type = c.element(0);
  const ValueId powers =
      c.op(Binary{BinaryKind::Power}, {c.op(ops::Unary::of(ops::UnaryKind::Abs), {c.in(0)}), c.scalar(type, static_cast<double>(p))});
  return {c.op(Binary{BinaryKind::Power},
               {c.op(ops::Reduce{ops::ReduceKind::Sum, true}, {powers, axes}), c.scalar(type, 1 / static_cast<double>(p))})};
}

Values conv_integer(NodeContext& c) {
  const std::size_t spatial = c.rank(1) - std::min<std::size_t>(c.rank(1), 2);
  check_kernel_shape(c, 1);
  return {c.op(ops::ConvolutionInteger{read_window(c, spatial), read_group(c)}, {c.in(0), c.in(1), c.maybe(2), c.maybe(3)})};
}

// x_scale · w_scale, per output channel where the weights' is.
ValueId product_scale(NodeContext& c, std::size_t a, std::size_t b) { return c.op(Binary{BinaryKind::Multiply}, {c.in(a), c.in(b)}); }

Values qlinear_conv(NodeContext& c) {
  const std::size_t spatial = c.rank(3) - std::min<std::size_t>(c.rank(3), 2);
  check_kernel_shape(c, 3);
  ValueId sums = c.op(ops::ConvolutionInteger{read_window(c, spatial), read_group(c)}, {c.in(0), c.in(3), c.in(2), c.in(5)});
  sums = add_bias(c, sums, 8, spatial);
  ValueId scale = product_scale(c, 1, 4);
  const ValueId real = c.op(ops::Dequantize{1, 0, ElementType::f32}, {sums, scale});
  return {c.op(ops::Quantize{.axis = 1, .destination_type = c.element(7)}, {real, c.in(6), c.in(7)})};
}

constexpr Row kConvolutionRows[] = {
    {"", "AveragePool", 1, average_pool},
    {"", "Conv", 1, conv},
    {"", "ConvInteger", 10, conv_integer},
    {"", "ConvTranspose", 1, conv_transpose},
    {"", "DeformConv", 19, deform_conv},
    {"", "GlobalAveragePool", 1, global_pool<ops::ReduceKind::Mean>},
    {"", "GlobalLpPool", 2, global_lp_pool},
    {"", "GlobalMaxPool", 1, global_pool<ops::ReduceKind::Max>},
    {"", "LpPool", 2, lp_pool},
    {"", "MaxPool", 1, max_pool},
    {"", "MaxRoiPool", 1, max_roi_pool},
    {"", "MaxUnpool", 9, max_unpool},
    {"", "QLinearConv", 10, qlinear_conv},
};

}  // namespace

std::span<const Row> convolution_rows() { return kConvolutionRows; }

}  // namespace saccade::onnx
