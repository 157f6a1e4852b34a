// SPDX-License-Identifier: Apache-2.0
// Convolutions and pools. Filters [h, w, in, out] become weights [out, in, h, w].
#include <algorithm>

#include "import/tensorflow/layout.h"
#include "import/tensorflow/map.h"
#include "ops/concat.h"
#include "ops/convolution.h"
#include "ops/convert.h"
#include "ops/elementwise.h"
#include "ops/pad.h"
#include "ops/pool.h"
#include "ops/reshape.h"
#include "ops/shape_of.h"
#include "ops/slice.h"
#include "tensor/numeric.h"

namespace saccade::tensorflow {
namespace {

using ops::Binary;
using ops::BinaryKind;
using Values = std::vector<ValueId>;
using i64 = std::int64_t;

// A filter [k…, a, b] as [b, a, k…], or with `swap` as [a, b, k…].
ValueId weights_of(NodeContext& c, ValueId filter, std::size_t spatial, bool swap = false) {
  const auto n = static_cast<i64>(spatial);
  std::vector<i64> order{swap ? n : n + 1, swap ? n + 1 : n};
  for (i64 d = 0; d < n; ++d) order.push_back(d);
  return transposed(c, filter, std::move(order));
}

void check_filter_rank(NodeContext& c, std::size_t input, const Format& format) {
  if (c.rank(input) != format.rank()) c.invalid("a filter of shape {} for {} spatial dimensions", graph::to_string(c.shape(input)), format.spatial);
}

template <std::size_t spatial>
Values conv(NodeContext& c) {
  c.ignore({"use_cudnn_on_gpu"});
  const Format format = read_format(c, spatial);
  check_filter_rank(c, 1, format);
  const ops::Window window = read_window(c, format);
  const ValueId x = to_channels_second(c, c.in(0), format);
  ValueId w = weights_of(c, c.in(1), spatial);
  const graph::Dimension &taken = c.shape(1)[spatial], &out = c.shape(1)[spatial + 1];
  const PartialShape& data = c.shape(0);
  // data with more channels than the filter takes are convolved in groups
  if (data.ranked() && data.rank() == format.rank() && data[format.channels()].is_static() && taken.is_static() && taken.size() > 0 &&
      data[format.channels()].size() != taken.size()) {
    const i64 channels = data[format.channels()].size();
    if (taken.size() == 0 || channels < taken.size() || channels % taken.size() != 0 || !out.is_static() || out.size() % (channels / taken.size()) != 0)
      c.invalid("{} channels for a filter of shape {}", channels, graph::to_string(c.shape(1)));
    std::vector<i64> dims{channels / taken.size(), out.size() / (channels / taken.size()), taken.size()};
    for (std::size_t d = 0; d < spatial; ++d) {
      if (!c.shape(1)[d].is_static()) c.unsupported("a filter of unknown shape in a grouped convolution");
      dims.push_back(c.shape(1)[d].size());
    }
    w = c.op(ops::Reshape{}, {w, c.i64(dims)});
    return {from_channels_second(c, c.op(ops::GroupConvolution{window}, {x, w}), format)};
  }
  return {from_channels_second(c, c.op(ops::Convolution{window}, {x, w}), format)};
}

// A filter [h, w, c, m] as weights [c, m, 1, h, w].
Values depthwise_conv(NodeContext& c) {
  const Format format = read_format(c, 2);
  check_filter_rank(c, 1, format);
  const ops::Window window = read_window(c, format);
  ValueId w = transposed(c, c.in(1), {2, 3, 0, 1});
  w = c.op(ops::Unsqueeze{}, {w, c.i64({2})});
  return {from_channels_second(c, c.op(ops::GroupConvolution{window}, {to_channels_second(c, c.in(0), format), w}), format)};
}

ValueId sizes_as_i64(NodeContext& c, ValueId value) {
  return c.edit.graph().type(value).element == ElementType::i64 ? value : c.op(ops::Convert{ElementType::i64}, {value});
}

// The elements of `shape` (one a dimension) that stand for space.
ValueId spatial_sizes(NodeContext& c, ValueId shape, const Format& format) {
  const auto first = static_cast<i64>(format.place(0));
  return c.op(ops::Slice{}, {sizes_as_i64(c, shape), c.i64({first}), c.i64({first + static_cast<i64>(format.spatial)}), c.i64({1})});
}

// Whether a stride is larger than the kernel, or may be.
bool exceeds_kernel(const ops::Window& window, const PartialShape& filter, std::size_t spatial) {
  for (std::size_t d = 0; d < spatial; ++d) {
    const i64 dilation = window.dilations.empty() ? 1 : window.dilations[d];
    if (!filter[d].is_static() || (filter[d].size() - 1) * dilation + 1 < (window.strides.empty() ? 1 : window.strides[d])) return true;
  }
  return false;
}

// The padding in front that SAME means where that is none or more; auto_pad would make it negative for some sizes.
std::vector<i64> same_begin(NodeContext& c, const ops::Window& window, const Format& format, const Fact& target) {
  const PartialShape& data = c.shape(2);
  std::vector<i64> begin;
  for (std::size_t d = 0; d < format.spatial; ++d) {
    if (!target.constant.defined() || !data.ranked() || data.rank() != format.rank() || !data[format.place(d)].is_static() || !c.shape(1)[d].is_static())
      c.unsupported("padding SAME with strides larger than the kernel and unknown sizes");
    const i64 dilation = window.dilations.empty() ? 1 : window.dilations[d], stride = window.strides.empty() ? 1 : window.strides[d];
    const i64 natural = (data[format.place(d)].size() - 1) * stride + (c.shape(1)[d].size() - 1) * dilation + 1;
    begin.push_back(std::max<i64>(natural - element_as_i64(target.constant, static_cast<i64>(d)), 0) / 2);
  }
  return begin;
}

// Inputs: the sizes of the result, a filter [k…, out, in], the data.
template <std::size_t spatial>
Values conv_transpose(NodeContext& c) {
  c.ignore({"use_cudnn_on_gpu"});
  const Format format = read_format(c, spatial);
  check_filter_rank(c, 1, format);
  ops::Window window = read_window(c, format);
  const ValueId x = to_channels_second(c, c.in(2), format), w = weights_of(c, c.in(1), spatial);
  const PartialShape& sizes = c.shape(0);
  if (!sizes.ranked() || sizes.rank() != 1 || !sizes[0].is_static()) c.unsupported("sizes of unknown number");
  ValueId target;
  if (sizes[0].size() == static_cast<i64>(format.rank()))
    target = spatial_sizes(c, c.in(0), format);
  else if (sizes[0].size() == static_cast<i64>(spatial))
    target = sizes_as_i64(c, c.in(0));
  else
    c.invalid("{} sizes for data of rank {}", sizes[0].size(), format.rank());
  if (window.auto_pad == ops::AutoPad::same_upper && !exceeds_kernel(window, c.shape(1), spatial))
    return {from_channels_second(c, c.op(ops::ConvolutionBackpropData{window, {}}, {x, w, target}), format)};
  if (window.auto_pad == ops::AutoPad::same_upper) window.pads_begin = same_begin(c, window, format, c.edit.graph().fact(target));
  // the stride may leave a rest behind, where the result is zero
  window.auto_pad = ops::AutoPad::explicit_;
  if (!window.pads_begin.empty() && window.pads_end.empty()) window.pads_end.assign(spatial, 0);
  const ValueId y = c.op(ops::ConvolutionBackpropData{window, {}}, {x, w});
  const ValueId natural = spatial_sizes(c, c.op(ops::ShapeOf{}, {y}), Format{false, spatial});
  const ValueId rest = c.op(Binary{BinaryKind::Subtract}, {target, natural});
  const std::vector<i64> none(format.rank(), 0);
  const ValueId ends = c.op(ops::Concat{0}, {c.i64({0, 0}), rest});
  return {from_channels_second(c, c.op(ops::Pad{}, {y, c.i64(none), ends}), format)};
}

template <std::size_t spatial>
Values max_pool(NodeContext& c) {
  const Format format = read_format(c, spatial);
  const std::vector<i64> kernel = spatial_entries(c, c.ints("ksize"), format, "ksize");
  return {from_channels_second(c, c.node(ops::MaxPool{read_window(c, format), kernel}, {to_channels_second(c, c.in(0), format)})[0], format)};
}

// The kernel and the strides are inputs.
Values max_pool_v2(NodeContext& c) {
  const Format format = read_format(c, 2);
  const auto kernel = c.integers(1), strides = c.integers(2);
  if (!kernel || !strides) c.unsupported("a window that is not constant");
  ops::MaxPool op{{}, spatial_entries(c, *kernel, format, "ksize")};
  op.window.strides = spatial_entries(c, *strides, format, "strides");
  const std::string padding = c.s("padding");
  if (padding != "SAME" && padding != "VALID") c.invalid("padding is '{}'", shown(padding));
  op.window.auto_pad = padding == "SAME" ? ops::AutoPad::same_upper : ops::AutoPad::valid;
  return {from_channels_second(c, c.node(op, {to_channels_second(c, c.in(0), format)})[0], format)};
}

template <std::size_t spatial>
Values average_pool(NodeContext& c) {
  const Format format = read_format(c, spatial);
  const std::vector<i64> kernel = spatial_entries(c, c.ints("ksize"), format, "ksize");
  return {from_channels_second(c, c.op(ops::AvgPool{read_window(c, format), kernel}, {to_channels_second(c, c.in(0), format)}), format)};
}

constexpr Row kConvolutionRows[] = {
    {"AvgPool", average_pool<2>},
    {"AvgPool3D", average_pool<3>},
    {"Conv2D", conv<2>},
    {"Conv2DBackpropInput", conv_transpose<2>},
    {"Conv3D", conv<3>},
    {"Conv3DBackpropInputV2", conv_transpose<3>},
    {"DepthwiseConv2dNative", depthwise_conv},
    {"MaxPool", max_pool<2>},
    {"MaxPool3D", max_pool<3>},
    {"MaxPoolV2", max_pool_v2},
};

}  // namespace

std::span<const Row> convolution_rows() { return kConvolutionRows; }

}  // namespace saccade::tensorflow
