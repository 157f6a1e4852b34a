// SPDX-License-Identifier: Apache-2.0
// Keras' convolutions and dense layers.
#include <algorithm>

#include "import/keras/layer.h"
#include "ops/convolution.h"
#include "ops/matmul.h"
#include "ops/pad.h"

namespace saccade::keras {
namespace {

using Ints = std::vector<std::int64_t>;

void check_positive(const LayerContext& c, const Ints& values, const char* what) {
  for (auto v : values)
    if (v < 1) c.invalid("a {} of {}", what, v);
}

struct Geometry {
  ops::Window window;
  bool causal = false;
};

Geometry geometry_of(const LayerContext& c, std::size_t spatial) {
  Geometry g;
  g.window.strides = c.ints("strides", spatial);
  g.window.dilations = c.ints("dilation_rate", spatial);
  check_positive(c, g.window.strides, "stride");
  check_positive(c, g.window.dilations, "dilation");
  const std::string padding = c.s("padding", "valid");
  if (padding == "same")
    g.window.auto_pad = ops::AutoPad::same_upper;
  else if (padding == "valid")
    g.window.auto_pad = ops::AutoPad::valid;
  else if (padding == "causal" && spatial == 1)
    g.causal = true;
  else
    c.invalid("the padding '{}'", padding.substr(0, 40));
  return g;
}

// A kernel [k…, in, out] with in and out in front; `swap` puts the last dimension first.
ValueId kernel_first(const LayerContext& c, ValueId kernel, std::size_t spatial, bool last_first) {
  if (c.rank(kernel) != spatial + 2) c.invalid("a kernel of rank {}", c.rank(kernel));
  const auto n = static_cast<std::int64_t>(spatial);
  Ints order = last_first ? Ints{n + 1, n} : Ints{n, n + 1};
  for (std::int64_t d = 0; d < n; ++d) order.push_back(d);
  return c.transpose(kernel, order);
}

ValueId padded_in_front(const LayerContext& c, ValueId image, ValueId weights, const Geometry& g) {
  const auto& size = c.shape(weights)[2];
  if (!size.is_static()) c.unsupported("weights of unknown shape");
  const std::int64_t before = (size.size() - 1) * (g.window.dilations.empty() ? 1 : g.window.dilations[0]);
  return c.op(ops::Pad{}, {image, c.i64({0, 0, before}), c.i64({0, 0, 0}), c.like(image, 0)});
}

ValueId with_bias(const LayerContext& c, ValueId y, std::size_t spatial, int index) {
  return c.flag("use_bias", true) ? c.add(y, c.along_channels(c.weight({"bias"}, index), spatial)) : y;
}

// Softmax and its like work on the last dimension, so activations stand behind the layout.
Values finished(const LayerContext& c, ValueId y) {
  const json* activation = c.find("activation");
  if (!activation || *activation == "linear") return {c.from_first(y)};
  const bool over_channels = !activation->is_string() || activation->get<std::string>().find("softmax") != std::string::npos;
  return {over_channels ? c.activated(c.from_first(y), activation) : c.from_first(c.activated(y, activation))};
}

void check_rank(const LayerContext& c, std::size_t spatial) {
  if (c.rank(c.x()) != spatial + 2) c.invalid("an input of rank {}", c.rank(c.x()));
}

template <std::size_t spatial>
Values convolution(LayerContext& c) {
  check_rank(c, spatial);
  Geometry g = geometry_of(c, spatial);
  const ValueId weights = kernel_first(c, c.weight({"kernel"}, 0), spatial, true);
  ValueId image = c.to_first(c.x());
  if (g.causal) image = padded_in_front(c, image, weights, g);
  return finished(c, with_bias(c, c.convolve(image, weights, g.window, c.i("groups", 1)), spatial, 1));
}

// [k…, in, multiplier] → each channel by itself
ValueId depthwise(const LayerContext& c, ValueId image, ValueId kernel, const ops::Window& window, std::size_t spatial) {
  const ValueId weights = kernel_first(c, kernel, spatial, false);
  if (!c.shape(weights).is_static()) c.unsupported("weights of unknown shape");
  Shape dims = c.shape(weights).shape();
  const std::int64_t channels = dims[0];
  dims[0] *= dims[1];
  dims[1] = 1;
  return c.convolve(image, c.constant(c.edit.graph().constant(weights).reshaped(dims)), window, channels);
}

template <std::size_t spatial>
Values depthwise_convolution(LayerContext& c) {
  check_rank(c, spatial);
  const Geometry g = geometry_of(c, spatial);
  if (g.causal) c.unsupported("causal padding");
  const ValueId y = depthwise(c, c.to_first(c.x()), c.weight({"depthwise_kernel", "kernel"}, 0), g.window, spatial);
  return finished(c, with_bias(c, y, spatial, 1));
}

template <std::size_t spatial>
Values separable_convolution(LayerContext& c) {
  check_rank(c, spatial);
  const Geometry g = geometry_of(c, spatial);
  if (g.causal) c.unsupported("causal padding");
  const ValueId y = depthwise(c, c.to_first(c.x()), c.weight({"depthwise_kernel"}, 0), g.window, spatial);
  const ValueId point = kernel_first(c, c.weight({"pointwise_kernel"}, 1), spatial, true);
  return finished(c, with_bias(c, c.convolve(y, point, {}, 1), spatial, 2));
}

// Output sizes: x · stride for "same", at least the kernel beyond it for "valid". The pads are those of the convolution whose
// gradient this is.
template <std::size_t spatial>
Values transposed_convolution(LayerContext& c) {
  check_rank(c, spatial);
  Geometry g = geometry_of(c, spatial);
  if (g.causal) c.unsupported("causal padding");
  const bool same = g.window.auto_pad == ops::AutoPad::same_upper;
  const ValueId weights = kernel_first(c, c.weight({"kernel"}, 0), spatial, true);  // [k…, out, in] → [in, out, k…]
  const auto more = c.ints("output_padding", spatial);
  g.window.auto_pad = ops::AutoPad::explicit_;
  Ints rest;
  for (std::size_t d = 0; d < spatial; ++d) {
    const auto& size = c.shape(weights)[2 + d];
    if (!size.is_static()) c.unsupported("weights of unknown shape");
    const std::int64_t stride = g.window.strides.empty() ? 1 : g.window.strides[d],
                       dilation = g.window.dilations.empty() ? 1 : g.window.dilations[d];
    if (size.size() > (std::int64_t{1} << 24) || dilation > (std::int64_t{1} << 24)) c.invalid("a kernel of {}", size.size());
    const std::int64_t kernel = (size.size() - 1) * dilation + 1;
    // how much shorter the output is than all that the input reaches: stride · (x − 1) + kernel
    std::int64_t shorter;
    if (more.empty())
      shorter = same ? kernel - stride : -std::max<std::int64_t>(stride - kernel, 0);
    else
      shorter = (same ? kernel / 2 * 2 : 0) - more[d];
    const std::int64_t begin = same ? std::max<std::int64_t>(shorter, 0) / 2 : 0;
    g.window.pads_begin.push_back(begin);
    g.window.pads_end.push_back(std::max<std::int64_t>(shorter, 0) - begin);
    rest.push_back(std::max<std::int64_t>(-shorter, 0));
  }
  if (std::all_of(rest.begin(), rest.end(), [](auto r) { return r == 0; })) rest.clear();
  return finished(c, with_bias(c, c.op(ops::ConvolutionBackpropData{g.window, rest}, {c.to_first(c.x()), weights}), spatial, 1));
}

Values dense(LayerContext& c) {
  ValueId y = c.op(ops::MatMul{}, {c.x(), c.weight({"kernel"}, 0)});
  if (c.flag("use_bias", true)) y = c.add(y, c.weight({"bias"}, 1));
  return {c.activated(y)};
}

Values einsum_dense(LayerContext& c) {
  const std::string equation = c.s("equation", "");
  if (equation.empty()) c.invalid("no equation");
  ValueId y = c.op(ops::Einsum{equation}, {c.x(), c.weight({"kernel"}, 0)});
  if (c.given("bias_axes")) y = c.add(y, c.weight({"bias"}, 1));
  return {c.activated(y)};
}

constexpr Row kConvolutionRows[] = {
    {"Conv1D", convolution<1>},
    {"Conv1DTranspose", transposed_convolution<1>},
    {"Conv2D", convolution<2>},
    {"Conv2DTranspose", transposed_convolution<2>},
    {"Conv3D", convolution<3>},
    {"Conv3DTranspose", transposed_convolution<3>},
    {"Dense", dense},
    {"DepthwiseConv1D", depthwise_convolution<1>},
    {"DepthwiseConv2D", depthwise_convolution<2>},
    {"EinsumDense", einsum_dense},
    {"SeparableConv1D", separable_convolution<1>},
    {"SeparableConv2D", separable_convolution<2>},
};

}  // namespace

std::span<const Row> convolution_rows() { return kConvolutionRows; }

}  // namespace saccade::keras
