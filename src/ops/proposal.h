// SPDX-License-Identifier: Apache-2.0
// Proposal: the regions that the first stage of a two-stage detector proposes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Fact;
using graph::FieldVisitor;

/// (class scores [n, 2a, h, w], the second a of them for objects, deltas [n, 4a, h, w], image info [3 or 4] of height, width, scale or its
/// height and width) → regions [n·post_nms_topn, 5] of image, x1, y1, x2, y2, and their scores [n·post_nms_topn]. a = ratios · scales
/// anchors, ratio by ratio. Fewer regions than that are ended by one of image -1 and zeros. Of equal scores the first in order of
/// row, column, anchor wins (Proposal-4).
struct Proposal {
  std::int64_t base_size = 16, pre_nms_topn = 6000, post_nms_topn = 300;
  double nms_thresh = 0.7;
  std::int64_t feat_stride = 16, min_size = 16;
  std::vector<double> ratio, scale;
  bool clip_before_nms = true, clip_after_nms = false;
  /// Regions in parts of the image.
  bool normalize = false;
  /// Deltas are divided by these.
  double box_size_scale = 1, box_coordinate_scale = 1;
  /// "tensorflow": boxes end where their last pixel does, anchors are not rounded, are clipped first and have x and y exchanged.
  std::string framework;

  static constexpr std::string_view kName = "Proposal";
  void fields(FieldVisitor& v) {
    v("base_size", base_size);
    v("pre_nms_topn", pre_nms_topn);
    v("post_nms_topn", post_nms_topn);
    v("nms_thresh", nms_thresh);
    v("feat_stride", feat_stride);
    v("min_size", min_size);
    v("ratio", ratio);
    v("scale", scale);
    v("clip_before_nms", clip_before_nms);
    v("clip_after_nms", clip_after_nms);
    v("normalize", normalize);
    v("box_size_scale", box_size_scale);
    v("box_coordinate_scale", box_coordinate_scale);
    v("framework", framework);
  }
};

std::vector<Fact> infer(const Proposal& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Proposal& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
