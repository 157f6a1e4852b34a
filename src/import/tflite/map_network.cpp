// SPDX-License-Identifier: Apache-2.0
// TFLite's convolutions, pools, matrix products, normalisations and resizes, with channels last around operators that want
// them first.
#include <algorithm>

#include "import/tflite/map.h"
#include "ops/convolution.h"
#include "ops/matmul.h"
#include "ops/normalization.h"
#include "ops/pool.h"
#include "ops/resize.h"
#include "ops/softmax.h"

namespace saccade::tflite {
namespace {

using ops::UnaryKind;
using Ints = std::vector<std::int64_t>;

void check_positive(OperatorContext& c, const Ints& values, const char* what) {
  for (auto v : values)
    if (v < 1) c.invalid("{} of {}", what, v);
}

ops::Window window_of(OperatorContext& c, int padding, Ints strides, Ints dilations) {
  check_positive(c, strides, "a stride");
  check_positive(c, dilations, "a dilation");
  return {.strides = std::move(strides), .dilations = std::move(dilations), .auto_pad = c.padding(padding)};
}

void check_rank(OperatorContext& c, ValueId value, std::size_t rank, const char* what) {
  if (c.rank(value) != rank) c.invalid("{} of rank {}", what, c.rank(value));
}

std::int64_t known_size(OperatorContext& c, ValueId value, std::size_t axis, const char* what) {
  const auto& d = c.shape(value)[axis];
  if (!d.is_static() || d.size() < 1) c.unsupported("{} of unknown size", what);
  return d.size();
}

// The result of a convolution with its bias, channels last again, and its activation.
Values finished(OperatorContext& c, ValueId y, std::size_t bias, std::size_t spatial, int activation) {
  if (c.has(bias)) y = c.add(y, c.along_channels(c.real(bias), spatial));
  return {c.channels_last(c.activated(y, activation))};
}

Values convolution(OperatorContext& c) {
  const auto& o = c.options();
  const auto window = window_of(c, conv_2d::padding, {o.integer(conv_2d::stride_h), o.integer(conv_2d::stride_w)},
                                {o.integer(conv_2d::dilation_h, 1), o.integer(conv_2d::dilation_w, 1)});
  const ValueId x = c.real(0), w = c.real(1);
  check_rank(c, x, 4, "an image");
  check_rank(c, w, 4, "weights");
  const std::int64_t depth = known_size(c, w, 3, "weights");
  const auto& channels = c.shape(x)[3];
  if (!channels.is_static() && channels.max != depth) c.unsupported("an image with an unknown number of channels");
  if (channels.size() % depth != 0) c.invalid("{} channels and weights of depth {}", channels.size(), depth);
  return finished(c, c.convolve(c.channels_first(x), c.transpose(w, {0, 3, 1, 2}), window, channels.size() / depth), 2, 2,
                  conv_2d::activation);
}

Values depthwise_convolution(OperatorContext& c) {
  const auto& o = c.options();
  const auto window = window_of(c, depthwise::padding, {o.integer(depthwise::stride_h), o.integer(depthwise::stride_w)},
                                {o.integer(depthwise::dilation_h, 1), o.integer(depthwise::dilation_w, 1)});
  const ValueId x = c.real(0), w = c.real(1);
  check_rank(c, x, 4, "an image");
  check_rank(c, w, 4, "weights");
  if (known_size(c, w, 0, "weights") != 1) c.invalid("weights of shape {}", graph::to_string(c.shape(w)));
  const std::int64_t channels = known_size(c, x, 3, "an image's channels");
  return finished(c, c.convolve(c.channels_first(x), c.transpose(w, {3, 0, 1, 2}), window, channels), 2, 2, depthwise::activation);
}

Values convolution_3d(OperatorContext& c) {
  const auto& o = c.options();
  const auto window =
      window_of(c, conv_3d::padding, {o.integer(conv_3d::stride_d), o.integer(conv_3d::stride_h), o.integer(conv_3d::stride_w)},
                {o.integer(conv_3d::dilation_d, 1), o.integer(conv_3d::dilation_h, 1), o.integer(conv_3d::dilation_w, 1)});
  const ValueId x = c.real(0), w = c.real(1);
  check_rank(c, x, 5, "a volume");
  check_rank(c, w, 5, "weights");
  return finished(c, c.convolve(c.channels_first(x), c.transpose(w, {4, 3, 0, 1, 2}), window, 1), 2, 3, conv_3d::activation);
}

// The pads follow from the output size, as for the gradient of a convolution.
ValueId transposed(OperatorContext& c, ValueId x, ValueId w, ops::Window window, std::size_t spatial) {
  x = c.channels_first(x);
  const auto wanted = c.integers(0);
  if (wanted && wanted->size() != spatial + 2) c.invalid("an output shape of {} numbers", wanted->size());
  bool known = wanted.has_value();
  for (std::size_t d = 0; d < spatial; ++d) known &= c.shape(x)[2 + d].is_static() && c.shape(w)[2 + d].is_static();
  const bool same = window.auto_pad == ops::AutoPad::same_upper;
  if (!known) {
    window.auto_pad = ops::AutoPad::same_upper;
    const ValueId size = c.slice(c.index(0), 0, 1, static_cast<std::int64_t>(spatial) + 1);
    return c.op(ops::ConvolutionBackpropData{window, {}}, {x, w, size});
  }
  window.auto_pad = ops::AutoPad::explicit_;
  Ints more;
  for (std::size_t d = 0; d < spatial; ++d) {
    const std::int64_t in = c.shape(x)[2 + d].size(), kernel = c.shape(w)[2 + d].size(), out = (*wanted)[1 + d];
    constexpr std::int64_t kMost = std::int64_t{1} << 31;
    if (in > kMost || kernel > kMost || out < 1 || out > kMost) c.invalid("an output size of {}", out);
    const std::int64_t dilation = window.dilations.empty() ? 1 : window.dilations[d];
    if (dilation > kMost) c.invalid("a dilation of {}", dilation);
    const std::int64_t total = window.strides[d] * (in - 1) + (kernel - 1) * dilation + 1 - out;
    const std::int64_t begin = total > 0 && same ? total / 2 : 0;
    window.pads_begin.push_back(begin);
    window.pads_end.push_back(std::max<std::int64_t>(total, 0) - begin);
    more.push_back(std::max<std::int64_t>(-total, 0));
  }
  if (std::all_of(more.begin(), more.end(), [](auto m) { return m == 0; })) more.clear();
  return c.op(ops::ConvolutionBackpropData{window, more}, {x, w});
}

Values transpose_convolution(OperatorContext& c) {
  const auto& o = c.options();
  const auto window = window_of(c, transpose_conv::padding, {o.integer(transpose_conv::stride_h), o.integer(transpose_conv::stride_w)}, {});
  const ValueId x = c.real(2), w = c.real(1);
  check_rank(c, x, 4, "an image");
  check_rank(c, w, 4, "weights");
  return finished(c, transposed(c, x, c.transpose(w, {3, 0, 1, 2}), window, 2), 3, 2, transpose_conv::activation);
}

Values transpose_convolution_3d(OperatorContext& c) {
  const auto& o = c.options();
  const auto window =
      window_of(c, conv_3d::padding, {o.integer(conv_3d::stride_d), o.integer(conv_3d::stride_h), o.integer(conv_3d::stride_w)},
                {o.integer(conv_3d::dilation_d, 1), o.integer(conv_3d::dilation_h, 1), o.integer(conv_3d::dilation_w, 1)});
  const ValueId x = c.real(2), w = c.real(1);
  check_rank(c, x, 5, "a volume");
  check_rank(c, w, 5, "weights");
  return finished(c, transposed(c, x, c.transpose(w, {4, 3, 0, 1, 2}), window, 3), 3, 3, conv_3d::activation);
}

struct Pool {
  ops::Window window;
  Ints kernel;
};

Pool pool_of(OperatorContext& c) {
  const auto& o = c.options();
  Pool pool{window_of(c, pool_2d::padding, {o.integer(pool_2d::stride_h), o.integer(pool_2d::stride_w)}, {}),
            {o.integer(pool_2d::filter_h), o.integer(pool_2d::filter_w)}};
  check_positive(c, pool.kernel, "a window");
  check_rank(c, c.raw(0), 4, "an image");
  return pool;
}

Values average_pool(OperatorContext& c) {
  const Pool pool = pool_of(c);
  const ValueId y = c.op(ops::AvgPool{pool.window, pool.kernel, true}, {c.channels_first(c.real(0))});
  return {c.channels_last(c.activated(y, pool_2d::activation))};
}

Values max_pool(OperatorContext& c) {
  const Pool pool = pool_of(c);
  if (c.options().byte(pool_2d::activation) == 0) c.keeps_grid();
  const ValueId y = c.op(ops::MaxPool{pool.window, pool.kernel}, {c.channels_first(c.real(0))});
  return {c.channels_last(c.activated(y, pool_2d::activation))};
}

Values l2_pool(OperatorContext& c) {
  const Pool pool = pool_of(c);
  const ValueId squares = c.unary(UnaryKind::Square, c.channels_first(c.real(0)));
  const ValueId y = c.unary(UnaryKind::Sqrt, c.op(ops::AvgPool{pool.window, pool.kernel, true}, {squares}));
  return {c.channels_last(c.activated(y, pool_2d::activation))};
}

Values fully_connected(OperatorContext& c) {
  if (c.options().byte(fully_connected::weights_format) != 0) c.unsupported("shuffled weights");
  ValueId x = c.real(0);
  const ValueId w = c.real(1);
  check_rank(c, w, 2, "weights");
  if (!c.options().flag(fully_connected::keep_dims) && (c.rank(x) != 2 || c.shape(x)[1] != c.shape(w)[1]))
    x = c.reshape(x, {-1, known_size(c, w, 1, "weights")});
  ValueId y = c.op(ops::MatMul{false, true}, {x, w});
  if (c.has(2)) y = c.add(y, c.real(2));
  return {c.activated(y, fully_connected::activation)};
}

Values matrix_product(OperatorContext& c) {
  return {c.op(ops::MatMul{c.options().flag(batch_matmul::adj_x), c.options().flag(batch_matmul::adj_y)}, {c.real(0), c.real(1)})};
}

Values softmax(OperatorContext& c) {
  const float beta = c.options().real(0);
  ValueId x = c.real(0);
  if (beta != 1) x = c.multiply(x, c.like(x, beta));
  return {c.op(ops::Softmax{-1}, {x})};
}

Values log_softmax(OperatorContext& c) { return {c.op(ops::LogSoftmax{-1}, {c.real(0)})}; }

// The norm, not its square, is kept above 1e-6.
Values l2_normalization(OperatorContext& c) {
  return {c.activated(c.op(ops::NormalizeL2{1e-12, ops::NormalizeL2Mode::max}, {c.real(0), c.i64({-1})}), 0)};
}

Values local_response(OperatorContext& c) {
  const auto& o = c.options();
  const std::int64_t radius = o.integer(lrn::radius);
  if (radius < 0 || radius > 1'000'000) c.invalid("a radius of {}", radius);
  const std::int64_t size = 2 * radius + 1;
  const ValueId x = c.channels_first(c.real(0));
  return {c.channels_last(
      c.op(ops::LRN{double{o.real(lrn::alpha)} * static_cast<double>(size), o.real(lrn::beta), o.real(lrn::bias), size}, {x, c.i64({1})}))};
}

ops::ResizeCoordinates coordinates(OperatorContext& c, bool align_corners, bool half_pixel, ops::ResizeCoordinates centred) {
  if (align_corners && half_pixel) c.unsupported("align_corners together with half_pixel_centers");
  return align_corners ? ops::ResizeCoordinates::align_corners : half_pixel ? centred : ops::ResizeCoordinates::asymmetric;
}

Values resize_linear(OperatorContext& c) {
  const auto& o = c.options();
  const auto where = coordinates(c, o.flag(resize_bilinear::align_corners), o.flag(resize_bilinear::half_pixel_centers),
                                 ops::ResizeCoordinates::half_pixel);
  const ValueId x = c.real(0);
  check_rank(c, x, 4, "an image");
  return {c.channels_last(
      c.op(ops::Resize{.axes = {2, 3}, .mode = ops::ResizeMode::linear, .coordinates = where}, {c.channels_first(x), c.index(1)}))};
}

Values resize_nearest(OperatorContext& c) {
  const auto& o = c.options();
  const bool align = o.flag(resize_nearest::align_corners);
  const auto where = coordinates(c, align, o.flag(resize_nearest::half_pixel_centers), ops::ResizeCoordinates::tf_half_pixel_for_nn);
  const auto rounding = align ? ops::ResizeNearest::round_prefer_ceil : ops::ResizeNearest::floor;
  c.keeps_grid();
  const ValueId x = c.real(0);
  check_rank(c, x, 4, "an image");
  return {c.channels_last(c.op(ops::Resize{.axes = {2, 3}, .coordinates = where, .nearest = rounding}, {c.channels_first(x), c.index(1)}))};
}

constexpr Row kNetworkRows[] = {
    {1, "AVERAGE_POOL_2D", average_pool},
    {3, "CONV_2D", convolution},
    {4, "DEPTHWISE_CONV_2D", depthwise_convolution},
    {9, "FULLY_CONNECTED", fully_connected},
    {11, "L2_NORMALIZATION", l2_normalization},
    {12, "L2_POOL_2D", l2_pool},
    {13, "LOCAL_RESPONSE_NORMALIZATION", local_response},
    {17, "MAX_POOL_2D", max_pool},
    {23, "RESIZE_BILINEAR", resize_linear},
    {25, "SOFTMAX", softmax},
    {50, "LOG_SOFTMAX", log_softmax},
    {67, "TRANSPOSE_CONV", transpose_convolution},
    {97, "RESIZE_NEAREST_NEIGHBOR", resize_nearest},
    {126, "BATCH_MATMUL", matrix_product},
    {132, "CONV_3D", convolution_3d},
    {141, "CONV_3D_TRANSPOSE", transpose_convolution_3d},
};

}  // namespace

std::span<const Row> network_rows() { return kNetworkRows; }

}  // namespace saccade::tflite
