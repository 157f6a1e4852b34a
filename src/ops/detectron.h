// SPDX-License-Identifier: Apache-2.0
// The stages of Detectron's two-stage detectors: prior grid, proposals, regions from a pyramid of features, detections.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Fact;
using graph::FieldVisitor;

/// (priors [p,4] around the origin, features [1,c,h,w], image [1,c,H,W]) → [h·w·p, 4], or [h,w,p,4] where not flattened: the priors at
/// the centre of every cell. A size of 0 is that of the features, a stride of 0 what the image has for each cell
/// (ExperimentalDetectronPriorGridGenerator-6).
struct DetectronPriorGrid {
  bool flatten = true;
  std::int64_t h = 0, w = 0;
  double stride_x = 0, stride_y = 0;

  static constexpr std::string_view kName = "ExperimentalDetectronPriorGridGenerator";
  void fields(FieldVisitor& v) {
    v("flatten", flatten);
    v("h", h);
    v("w", w);
    v("stride_x", stride_x);
    v("stride_y", stride_y);
  }
};
std::vector<Fact> infer(const DetectronPriorGrid& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const DetectronPriorGrid& op, std::span<const Tensor> inputs);

/// (image info [3] of height, width, scale; anchors [h·w·a,4]; deltas [4a,h,w]; scores [a,h,w]) → regions [post_nms_count,4] and their
/// scores [post_nms_count], best first, zeros behind them. Boxes end with their last pixel (not in their overlap), those smaller than
/// min_size get the score 0 (ExperimentalDetectronGenerateProposalsSingleImage-6).
struct DetectronProposals {
  double min_size = 0, nms_threshold = 0.7;
  std::int64_t pre_nms_count = 1000, post_nms_count = 1000;

  static constexpr std::string_view kName = "ExperimentalDetectronGenerateProposalsSingleImage";
  void fields(FieldVisitor& v) {
    v("min_size", min_size);
    v("nms_threshold", nms_threshold);
    v("pre_nms_count", pre_nms_count);
    v("post_nms_count", post_nms_count);
  }
};
std::vector<Fact> infer(const DetectronProposals& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const DetectronProposals& op, std::span<const Tensor> inputs);

/// (image info [n,3] of height, width, scale or [n,4] with a scale for each; anchors [h,w,a,4]; deltas [n,4a,h,w]; scores [n,a,h,w]) →
/// regions [r,4], scores [r], regions of each image [n]. As above but that of the pre_nms_count best those smaller than min_size times
/// scale are left out; with `normalized` boxes end at their last coordinate (GenerateProposals-9).
struct GenerateProposals {
  double min_size = 0, nms_threshold = 0.7;
  std::int64_t pre_nms_count = 1000, post_nms_count = 1000;
  bool normalized = true;
  double nms_eta = 1;
  ElementType roi_num_type = ElementType::i64;

  static constexpr std::string_view kName = "GenerateProposals";
  void fields(FieldVisitor& v) {
    v("min_size", min_size);
    v("nms_threshold", nms_threshold);
    v("pre_nms_count", pre_nms_count);
    v("post_nms_count", post_nms_count);
    v("normalized", normalized);
    v("nms_eta", nms_eta);
    v("roi_num_type", roi_num_type);
  }
};
std::vector<Fact> infer(const GenerateProposals& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const GenerateProposals& op, std::span<const Tensor> inputs);

/// (regions [r,4], scores [r]) → the max_rois best regions [max_rois,4], zeros behind them; of equal scores the first wins
/// (ExperimentalDetectronTopKROIs-6).
struct DetectronTopRois {
  std::int64_t max_rois = 0;

  static constexpr std::string_view kName = "ExperimentalDetectronTopKROIs";
  void fields(FieldVisitor& v) { v("max_rois", max_rois); }
};
std::vector<Fact> infer(const DetectronTopRois& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const DetectronTopRois& op, std::span<const Tensor> inputs);

/// (regions [r,4], features [1,c,h,w] of each level…) → [r, c, output_size, output_size] and the regions: ROIAlign with the mean, out of
/// the level that suits the size of a region (224 pixels: the third), 1 / pyramid_scales of the image. `aligned` shifts by half a pixel. A
/// region without area gives zeros (ExperimentalDetectronROIFeatureExtractor-6).
struct DetectronRoiFeatures {
  std::int64_t output_size = 7, sampling_ratio = 2;
  std::vector<std::int64_t> pyramid_scales;
  bool aligned = false;

  static constexpr std::string_view kName = "ExperimentalDetectronROIFeatureExtractor";
  void fields(FieldVisitor& v) {
    v("output_size", output_size);
    v("sampling_ratio", sampling_ratio);
    v("pyramid_scales", pyramid_scales);
    v("aligned", aligned);
  }
};
std::vector<Fact> infer(const DetectronRoiFeatures& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const DetectronRoiFeatures& op, std::span<const Tensor> inputs);

/// (regions [r,4], deltas [r, 4·num_classes], scores [r,num_classes], image info [1,3]) → boxes [m,4], classes i32 [m], scores [m], with
/// m = max_detections_per_image, zeros behind them. Class 0 is the background. Boxes are clipped
/// at 0 alone, as OpenVINO does. Every class by itself is suppressed, up to post_nms_count
/// boxes; they come class by class, or best first where there are more than m (ExperimentalDetectronDetectionOutput-6).
struct DetectronDetections {
  double score_threshold = 0.05, nms_threshold = 0.5, max_delta_log_wh = std::log(1000.0 / 16);
  std::int64_t num_classes = 81, post_nms_count = 2000, max_detections_per_image = 100;
  bool class_agnostic_box_regression = false;
  std::vector<double> deltas_weights = {10, 10, 5, 5};

  static constexpr std::string_view kName = "ExperimentalDetectronDetectionOutput";
  void fields(FieldVisitor& v) {
    v("score_threshold", score_threshold);
    v("nms_threshold", nms_threshold);
    v("max_delta_log_wh", max_delta_log_wh);
    v("num_classes", num_classes);
    v("post_nms_count", post_nms_count);
    v("max_detections_per_image", max_detections_per_image);
    v("class_agnostic_box_regression", class_agnostic_box_regression);
    v("deltas_weights", deltas_weights);
  }
};
std::vector<Fact> infer(const DetectronDetections& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const DetectronDetections& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
