// SPDX-License-Identifier: Apache-2.0
// Suppression in every class by itself whose results are rows, as Paddle's detectors end.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "graph/op.h"

namespace saccade::ops {

using graph::Fact;
using graph::FieldVisitor;

enum class RowOrder { classid, score, none };

/// What both operators have. (boxes [n,b,4], scores [n,c,b]) → rows [r,6] of class, score, x1, y1, x2, y2; places of the boxes among all
/// n·b [r,1]; rows of each image [n]. Of a class without the background the nms_top_k best above score_threshold are taken, of an image
/// the keep_top_k best remain (negative: all). Rows of an image are ordered by class then score with `classid`, else by score; with
/// sort_result_across_batch those of all images, by class then image then score, or by score. Not normalised boxes end with their last
/// pixel.
struct RowSettings {
  RowOrder sort_result_type = RowOrder::none;
  bool sort_result_across_batch = false;
  ElementType output_type = ElementType::i64;
  double score_threshold = 0;
  std::int64_t nms_top_k = -1, keep_top_k = -1, background_class = -1;
  bool normalized = true;
  void fields(FieldVisitor& v);
};

enum class Decay { linear, gaussian };

/// Scores sink by the overlap with better boxes; those above post_threshold then remain. Rows of an image
/// are best first in any case, as OpenVINO has them (MatrixNms-8).
struct MatrixNms {
  RowSettings rows;
  Decay decay_function = Decay::linear;
  double gaussian_sigma = 2, post_threshold = 0;

  static constexpr std::string_view kName = "MatrixNms";
  void fields(FieldVisitor& v) {
    rows.fields(v);
    v("decay_function", decay_function, {"linear", "gaussian"});
    v("gaussian_sigma", gaussian_sigma);
    v("post_threshold", post_threshold);
  }
};
std::vector<Fact> infer(const MatrixNms& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const MatrixNms& op, std::span<const Tensor> inputs);

/// Greedy suppression above iou_threshold, which shrinks by nms_eta with every box that stays while it is above one half. With a third
/// input, the number of boxes of each image [n], boxes are [c,b,4] and scores [c,b] for each class, image after image (MulticlassNms-9).
struct MulticlassNmsRows {
  RowSettings rows;
  double iou_threshold = 0, nms_eta = 1;

  static constexpr std::string_view kName = "MulticlassNmsRows";
  void fields(FieldVisitor& v) {
    rows.fields(v);
    v("iou_threshold", iou_threshold);
    v("nms_eta", nms_eta);
  }
};
std::vector<Fact> infer(const MulticlassNmsRows& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const MulticlassNmsRows& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
