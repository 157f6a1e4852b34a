// SPDX-License-Identifier: Apache-2.0
// The convolutions, over one to three spatial dimensions. None has a bias: that is an Add of a [1,c,1,1] constant.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"
#include "ops/inference.h"

namespace saccade::ops {

using graph::Cost;
using graph::Fact;
using graph::FieldVisitor;

/// (data [n,c,x…], weights [o,c,k…]) → [n,o,y…] (Convolution-1).
struct Convolution {
  Window window;

  static constexpr std::string_view kName = "Convolution";
  void fields(FieldVisitor& v) { window.fields(v); }
};

/// (data [n,g·c,x…], weights [g,o,c,k…]) → [n,g·o,y…]: each group of channels by itself (GroupConvolution-1).
struct GroupConvolution {
  Window window;

  static constexpr std::string_view kName = "GroupConvolution";
  void fields(FieldVisitor& v) { window.fields(v); }
};

/// (data [n,c,x…], weights [c,o,k…], output_shape i64[spatial]?) → [n,o,y…]: the transpose of Convolution. Without output_shape,
/// y = stride·(x − 1) + (k − 1)·dilation + 1 − pads + output_padding; with it, and an auto_pad, the pads follow from it: half of them
/// rounded down in front for same_upper, behind for same_lower (ConvolutionBackpropData-1).
struct ConvolutionBackpropData {
  Window window;
  /// Added to the end of each output axis; empty for zeros.
  std::vector<std::int64_t> output_padding;

  static constexpr std::string_view kName = "ConvolutionBackpropData";
  void fields(FieldVisitor& v) {
    window.fields(v);
    v("output_padding", output_padding);
  }
};

/// (data [n,g·c,x…], weights [g,c,o,k…], output_shape i64[spatial]?) → [n,g·o,y…], otherwise as ConvolutionBackpropData
/// (GroupConvolutionBackpropData-1).
struct GroupConvolutionBackpropData {
  Window window;
  std::vector<std::int64_t> output_padding;

  static constexpr std::string_view kName = "GroupConvolutionBackpropData";
  void fields(FieldVisitor& v) {
    window.fields(v);
    v("output_padding", output_padding);
  }
};

/// (data [n,c,h,w], offsets [n, d·kh·kw·2, oh, ow] as (y, x) pairs, weights [o, c/group, kh, kw], mask [n, d·kh·kw, oh, ow]?) →
/// [n,o,oh,ow]: each tap reads the data, bilinearly, at its place plus its offset, times its mask (DeformableConvolution-8).
struct DeformableConvolution {
  Window window;
  std::int64_t group = 1;
  std::int64_t deformable_group = 1;
  /// true: neighbours outside of the data count as zero. false: a place outside of [0, size) gives zero, neighbours beyond the last
  /// element repeat it.
  bool bilinear_interpolation_pad = false;

  static constexpr std::string_view kName = "DeformableConvolution";
  void fields(FieldVisitor& v) {
    window.fields(v);
    v("group", group);
    v("deformable_group", deformable_group);
    v("bilinear_interpolation_pad", bilinear_interpolation_pad);
  }
};

std::vector<Fact> infer(const Convolution& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Convolution& op, std::span<const Tensor> inputs);
Cost cost(const Convolution& op, std::span<const Fact> inputs, std::span<const Fact> outputs);

std::vector<Fact> infer(const GroupConvolution& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const GroupConvolution& op, std::span<const Tensor> inputs);
Cost cost(const GroupConvolution& op, std::span<const Fact> inputs, std::span<const Fact> outputs);

std::vector<Fact> infer(const ConvolutionBackpropData& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const ConvolutionBackpropData& op, std::span<const Tensor> inputs);
Cost cost(const ConvolutionBackpropData& op, std::span<const Fact> inputs, std::span<const Fact> outputs);

std::vector<Fact> infer(const GroupConvolutionBackpropData& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const GroupConvolutionBackpropData& op, std::span<const Tensor> inputs);
Cost cost(const GroupConvolutionBackpropData& op, std::span<const Fact> inputs, std::span<const Fact> outputs);

std::vector<Fact> infer(const DeformableConvolution& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const DeformableConvolution& op, std::span<const Tensor> inputs);
Cost cost(const DeformableConvolution& op, std::span<const Fact> inputs, std::span<const Fact> outputs);

}  // namespace saccade::ops
