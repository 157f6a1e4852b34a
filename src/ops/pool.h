// SPDX-License-Identifier: Apache-2.0
// Pooling over windows and regions. Pools over all of the space are reductions (ops/reduce.h).
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

/// How an output size that is not whole is rounded. ceil_torch drops a last window that would start in the end padding, as ONNX's
/// ceil_mode and PyTorch do.
enum class PoolRounding { floor, ceil, ceil_torch };
enum class StorageOrder { row, column };

/// (data [n,c,x…]) → [n,c,y…], and with `indices` the place of each maximum, in index_element_type: its position in the tensor flattened
/// from `axis` on, for axis 0 counted over the whole of it. NaN wins. The padding never does (MaxPool-14, where the second output always
/// exists; storage_order `column`, ONNX's indices with the spatial dimensions reversed, is ours).
struct MaxPool {
  Window window;
  std::vector<std::int64_t> kernel;
  PoolRounding rounding_type = PoolRounding::floor;
  bool indices = false;
  StorageOrder storage_order = StorageOrder::row;
  ElementType index_element_type = ElementType::i64;
  std::int64_t axis = 0;

  static constexpr std::string_view kName = "MaxPool";
  void fields(FieldVisitor& v) {
    window.fields(v);
    v("kernel", kernel);
    v("rounding_type", rounding_type, {"floor", "ceil", "ceil_torch"});
    v("indices", indices);
    v("storage_order", storage_order, {"row", "column"});
    v("index_element_type", index_element_type);
    v("axis", axis);
  }
};

/// (data [n,c,x…]) → [n,c,y…], the mean of each window. exclude_pad: over the elements of the data alone; otherwise over the padding
/// too, but not over what a rounded-up window covers beyond it (AvgPool-16).
struct AvgPool {
  Window window;
  std::vector<std::int64_t> kernel;
  bool exclude_pad = true;
  PoolRounding rounding_type = PoolRounding::floor;

  static constexpr std::string_view kName = "AvgPool";
  void fields(FieldVisitor& v) {
    window.fields(v);
    v("kernel", kernel);
    v("exclude_pad", exclude_pad);
    v("rounding_type", rounding_type, {"floor", "ceil", "ceil_torch"});
  }
};

/// (data [n,c,x…]) → [n,c,y…], (Σ |x|^p)^(1/p) of each window. Ours; IR: Power, AvgPool, Multiply, Power.
struct LpPool {
  Window window;
  std::vector<std::int64_t> kernel;
  std::int64_t p = 2;
  PoolRounding rounding_type = PoolRounding::floor;

  static constexpr std::string_view kName = "LpPool";
  void fields(FieldVisitor& v) {
    window.fields(v);
    v("kernel", kernel);
    v("p", p);
    v("rounding_type", rounding_type, {"floor", "ceil", "ceil_torch"});
  }
};

/// (data [n,c,y…], indices i64 as MaxPool gives them over a whole tensor of the natural output shape, output_shape i64[rank]?) → zeros of
/// that shape with the data at the indices. The natural size is stride·(y − 1) + kernel − pads. Ours; IR: ScatterElementsUpdate.
struct MaxUnpool {
  Window window;
  std::vector<std::int64_t> kernel;

  static constexpr std::string_view kName = "MaxUnpool";
  void fields(FieldVisitor& v) {
    window.fields(v);
    v("kernel", kernel);
  }
};

enum class RoiPoolingMethod { max, bilinear };

/// (data [n,c,h,w], rois [r,5] of batch index, x1, y1, x2, y2) → [r,c,ph,pw]. max: the maximum of each bin of the region, whose corners are
/// rounded to pixels and inclusive; bilinear: one sample a bin, corners in [0, 1] (ROIPooling-2).
struct RoiPooling {
  std::vector<std::int64_t> output_roi;
  double spatial_scale = 1;
  RoiPoolingMethod method = RoiPoolingMethod::max;

  static constexpr std::string_view kName = "ROIPooling";
  void fields(FieldVisitor& v) {
    v("output_roi", output_roi);
    v("spatial_scale", spatial_scale);
    v("method", method, {"max", "bilinear"});
  }
};

std::vector<Fact> infer(const MaxPool& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const MaxPool& op, std::span<const Tensor> inputs);
Cost cost(const MaxPool& op, std::span<const Fact> inputs, std::span<const Fact> outputs);

std::vector<Fact> infer(const AvgPool& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const AvgPool& op, std::span<const Tensor> inputs);
Cost cost(const AvgPool& op, std::span<const Fact> inputs, std::span<const Fact> outputs);

std::vector<Fact> infer(const LpPool& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const LpPool& op, std::span<const Tensor> inputs);
Cost cost(const LpPool& op, std::span<const Fact> inputs, std::span<const Fact> outputs);

std::vector<Fact> infer(const MaxUnpool& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const MaxUnpool& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const RoiPooling& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const RoiPooling& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
