// SPDX-License-Identifier: Apache-2.0
// Boxes that are turned: suppression and pooling.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "graph/op.h"

namespace saccade::ops {

using graph::Fact;
using graph::FieldVisitor;

/// (boxes [n,b,5] of centre x, y, width, height, angle in radians; scores [n,c,b]; boxes a class at most; iou_threshold; score_threshold) →
/// what NonMaxSuppression gives, with the overlap of the turned boxes (NMSRotated-13).
struct NmsRotated {
  bool sort_result_descending = true;
  ElementType output_type = ElementType::i64;
  bool clockwise = true;

  static constexpr std::string_view kName = "NMSRotated";
  void fields(FieldVisitor& v) {
    v("sort_result_descending", sort_result_descending);
    v("output_type", output_type);
    v("clockwise", clockwise);
  }
};
std::vector<Fact> infer(const NmsRotated& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const NmsRotated& op, std::span<const Tensor> inputs);

/// (data [n,c,h,w], regions [r,5] of centre x, y, width, height, angle in radians, batch indices [r]) → [r,c,pooled_h,pooled_w]: the mean
/// of sampling_ratio² samples of each bin (0: as many as it has pixels, rounded up), shifted by half a pixel (ROIAlignRotated-15).
struct RoiAlignRotated {
  std::int64_t pooled_h = 1, pooled_w = 1, sampling_ratio = 0;
  double spatial_scale = 1;
  bool clockwise_mode = false;

  static constexpr std::string_view kName = "ROIAlignRotated";
  void fields(FieldVisitor& v) {
    v("pooled_h", pooled_h);
    v("pooled_w", pooled_w);
    v("sampling_ratio", sampling_ratio);
    v("spatial_scale", spatial_scale);
    v("clockwise_mode", clockwise_mode);
  }
};
std::vector<Fact> infer(const RoiAlignRotated& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const RoiAlignRotated& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
