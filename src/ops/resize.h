// SPDX-License-Identifier: Apache-2.0
// Resize: interpolation along any axes with every policy of ONNX's Resize.
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

enum class ResizeMode { nearest, linear, cubic };
enum class ResizeShape { sizes, scales };
enum class ResizeCoordinates {
  half_pixel,
  half_pixel_symmetric,
  pytorch_half_pixel,
  align_corners,
  asymmetric,
  tf_half_pixel_for_nn,
  tf_crop_and_resize
};
enum class ResizeNearest { round_prefer_floor, round_prefer_ceil, floor, ceil, simple };
enum class ResizeAspect { stretch, not_larger, not_smaller };

/// (data, target, roi?) → data resampled along `axes`, one after the other. `target` has one entry per axis: output sizes (i64), or scales
/// (floats), where the output size is ⌊size·scale⌋ and the scale is used as given. `roi`, for tf_crop_and_resize, has two entries per axis
/// (all starts, then all ends) in units of size − 1. Integer data are rounded to nearest even and saturate.
///
/// Ours. Equal to Interpolate-11 where: coordinates are half_pixel, pytorch_half_pixel, align_corners, asymmetric or
/// tf_half_pixel_for_nn, aspect is stretch, exclude_outside is false, and mode is nearest, cubic (cube_coeff = cubic_coeff_a) or linear
/// (`linear_onnx` without antialias). Otherwise not expressible.
struct Resize {
  /// Distinct; empty for all, in order.
  std::vector<std::int64_t> axes;
  ResizeMode mode = ResizeMode::nearest;
  ResizeShape shape_calculation = ResizeShape::sizes;
  ResizeCoordinates coordinates = ResizeCoordinates::half_pixel;
  ResizeNearest nearest = ResizeNearest::round_prefer_floor;
  /// When an axis shrinks, linear and cubic filters widen by the factor.
  bool antialias = false;
  double cubic_coeff_a = -0.75;
  /// Taps outside of the data have weight 0 and the others are scaled to a sum of 1; otherwise they repeat the edge.
  bool exclude_outside = false;
  /// What tf_crop_and_resize gives outside of the data.
  double extrapolation_value = 0;
  /// With `sizes`: one scale for all axes, the smallest (not_larger) or largest (not_smaller) of them, sizes rounded half up.
  ResizeAspect aspect = ResizeAspect::stretch;

  static constexpr std::string_view kName = "Resize";
  void fields(FieldVisitor& v) {
    v("axes", axes);
    v("mode", mode, {"nearest", "linear", "cubic"});
    v("shape_calculation", shape_calculation, {"sizes", "scales"});
    v("coordinates", coordinates,
      {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_half_pixel_for_nn",
       "tf_crop_and_resize"});
    v("nearest", nearest, {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil", "simple"});
    v("antialias", antialias);
    v("cubic_coeff_a", cubic_coeff_a);
    v("exclude_outside", exclude_outside);
    v("extrapolation_value", extrapolation_value);
    v("aspect", aspect, {"stretch", "not_larger", "not_smaller"});
  }
};

std::vector<Fact> infer(const Resize& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Resize& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
