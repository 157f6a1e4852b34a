// SPDX-License-Identifier: Apache-2.0
// ROIAlign: regions of interest sampled bilinearly.
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

enum class RoiAlignMode { avg, max, max_sample };
enum class RoiAlignAligned { asymmetric, half_pixel_for_nn, half_pixel };

/// (data [n,c,h,w], rois [r,4] of x1, y1, x2, y2, batch indices [r]) → [r,c,pooled_h,pooled_w]: the mean, the maximum over the weighted
/// corners (ONNX's max) or the largest above 0 (max_sample: OpenVINO's max) of sampling_ratio² samples a bin (0: as many as the bin has pixels, rounded up). Both half_pixel modes shift the regions by
/// half a pixel; asymmetric does not and makes regions at least one pixel large (ROIAlign-9).
struct RoiAlign {
  std::int64_t pooled_h = 1, pooled_w = 1;
  std::int64_t sampling_ratio = 0;
  double spatial_scale = 1;
  RoiAlignMode mode = RoiAlignMode::avg;
  RoiAlignAligned aligned_mode = RoiAlignAligned::asymmetric;

  static constexpr std::string_view kName = "ROIAlign";
  void fields(FieldVisitor& v) {
    v("pooled_h", pooled_h);
    v("pooled_w", pooled_w);
    v("sampling_ratio", sampling_ratio);
    v("spatial_scale", spatial_scale);
    v("mode", mode, {"avg", "max", "max_sample"});
    v("aligned_mode", aligned_mode, {"asymmetric", "half_pixel_for_nn", "half_pixel"});
  }
};

std::vector<Fact> infer(const RoiAlign& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const RoiAlign& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
