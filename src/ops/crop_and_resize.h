// SPDX-License-Identifier: Apache-2.0
// CropAndResize: TensorFlow's regions of interest.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Cost;
using graph::Fact;
using graph::FieldVisitor;

enum class CropMethod { bilinear, nearest };

/// (data [n,c,h,w], boxes f32 [r,4] of y1, x1, y2, x2 in units of size − 1, box_indices [r] into the batch) → [r,c,oh,ow]: a grid of
/// oh × ow samples over each box, its corners included; a single row or column lies in the middle. Samples beside the data are
/// extrapolation_value. Places are computed in f32, as TensorFlow does: whether one lies beside the data hangs on it. Ours; not expressible
/// in IR.
struct CropAndResize {
  /// oh, ow; at least 1.
  std::vector<std::int64_t> crop_size;
  CropMethod method = CropMethod::bilinear;
  double extrapolation_value = 0;

  static constexpr std::string_view kName = "CropAndResize";
  void fields(FieldVisitor& v) {
    v("crop_size", crop_size);
    v("method", method, {"bilinear", "nearest"});
    v("extrapolation_value", extrapolation_value);
  }
};

std::vector<Fact> infer(const CropAndResize& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const CropAndResize& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
