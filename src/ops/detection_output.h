// SPDX-License-Identifier: Apache-2.0
// DetectionOutput: the tail of SSD detectors.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Fact;
using graph::FieldVisitor;

/// How deltas change a prior: corner by corner, or its centre and, by exp, its size.
enum class BoxCode { corner, center_size };

/// (deltas [n, p·l·4], scores [n, p·c], priors [1 or n, 2 or 1, p·4 or 5], objectness [n, p·2]?, first deltas [n, p·l·4]?) →
/// [1, 1, r, 7] rows of image, class, score, x1, y1, x2, y2; a row of image -1 ends them if there are fewer. p priors, c classes, l = 1 with
/// share_location, else c. Priors hold boxes and, unless variance_encoded_in_target, variances. Every class is decoded and suppressed
/// by itself, best first, of equal scores the first prior first; then the keep_top_k best of the image stay. Rows are in order of
/// image, class, score. With the last two inputs, priors are decoded twice, and those whose objectness is below
/// objectness_score are background (DetectionOutput-8).
struct DetectionOutput {
  std::int64_t background_label_id = 0;  // -1: none
  std::int64_t top_k = -1;               // candidates a class
  bool variance_encoded_in_target = false;
  std::vector<std::int64_t> keep_top_k{-1};
  BoxCode code_type = BoxCode::corner;
  bool share_location = true;
  double nms_threshold = 0, confidence_threshold = 0;
  bool clip_after_nms = false, clip_before_nms = false;
  /// Each prior counts only for its best class but 0, and classes are numbered from 0 without it.
  bool decrease_label_id = false;
  /// Priors are in parts of the image; otherwise in pixels of input_width, input_height, and with a batch number before each box.
  bool normalized = false;
  std::int64_t input_height = 1, input_width = 1;
  double objectness_score = 0;

  static constexpr std::string_view kName = "DetectionOutput";
  void fields(FieldVisitor& v) {
    v("background_label_id", background_label_id);
    v("top_k", top_k);
    v("variance_encoded_in_target", variance_encoded_in_target);
    v("keep_top_k", keep_top_k);
    v("code_type", code_type, {"caffe.PriorBoxParameter.CORNER", "caffe.PriorBoxParameter.CENTER_SIZE"});
    v("share_location", share_location);
    v("nms_threshold", nms_threshold);
    v("confidence_threshold", confidence_threshold);
    v("clip_after_nms", clip_after_nms);
    v("clip_before_nms", clip_before_nms);
    v("decrease_label_id", decrease_label_id);
    v("normalized", normalized);
    v("input_height", input_height);
    v("input_width", input_width);
    v("objectness_score", objectness_score);
  }
};

std::vector<Fact> infer(const DetectionOutput& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const DetectionOutput& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
