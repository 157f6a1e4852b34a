// SPDX-License-Identifier: Apache-2.0
// The twelve COCO figures for boxes, equal to those of pycocotools.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eval/coco_data.h"

namespace saccade::eval {

/// One of the twelve figures, and what it is taken over.
struct CocoFigure {
  std::string_view key;   ///< "AP", "AP50" … as in JSON output
  bool precision = true;  ///< average precision or average recall
  double threshold = 0;   ///< IoU; 0: the mean over 0.50:0.95
  int area = 0;           ///< index into kAreaRanges
  int limit = 2;          ///< index into kDetectionLimits
};
std::span<const CocoFigure> coco_figures();

struct CocoClassReport {
  std::int64_t category_id = 0;
  std::string name;
  std::int64_t truths = 0, detections = 0;  ///< truths without crowds
  std::array<double, 12> figures{};         ///< as coco_figures(); -1: no such truths
};

struct CocoReport {
  std::array<double, 12> figures{};  ///< as coco_figures(); -1: no such truths
  std::vector<CocoClassReport> classes;
  std::int64_t images = 0, truths = 0, detections = 0;
  std::vector<std::string> notes;  ///< what a reader should know: detections of classes that do not exist, and the like
};

/// Intersection over union as COCO computes it; with a crowd, over the area of the detection.
double box_similarity(const Box& found, const Box& truth, bool crowd);

CocoReport evaluate_coco_boxes(const CocoDataset& dataset, const std::vector<CocoResult>& results);

/// The twelve lines of pycocotools.
std::string summary_text(const CocoReport& report);
/// A table with a line a class.
std::string class_table_text(const CocoReport& report);
/// Everything, with full precision.
std::string report_json(const CocoReport& report);

}  // namespace saccade::eval
