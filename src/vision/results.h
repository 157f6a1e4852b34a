// SPDX-License-Identifier: Apache-2.0
// Writing detections: COCO results, JSON lines, YOLO text; and the ids that COCO needs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "vision/detection.h"
#include "vision/labels.h"
#include "vision/output_file.h"

namespace saccade::vision {

/// Where detections were found. Boxes are in its pixels.
struct FrameInfo {
  std::string name;              ///< of the file, with the folders below the input, separated by '/'
  std::int64_t frame = -1;       ///< in a video, from 0; -1: a picture
  double seconds = 0;            ///< in a video
  int width = 0, height = 0;
};

/// The ids of a COCO annotation file.
class CocoIds {
 public:
  /// Throws Error(not_found | unavailable | invalid_argument).
  static CocoIds read(const std::string& path);

  /// The id of the image with that path, or, if only one fits, of the one whose path ends in it or in its file name.
  std::optional<std::int64_t> image(const std::string& name) const;
  /// The id of the category with that name, whatever the case.
  std::optional<std::int64_t> category(const std::string& name) const;
  bool has_category(std::int64_t id) const { return category_ids_.contains(id); }

 private:
  std::map<std::string, std::int64_t> by_path_;
  std::map<std::string, std::vector<std::int64_t>> by_file_;
  std::map<std::string, std::int64_t> categories_;
  std::set<std::int64_t> category_ids_;
};

/// Ids for pictures without annotations: the numbers in the file names (000000000139.jpg is 139) if all have one and no two the same, otherwise 1, 2, 3 …
std::vector<std::int64_t> image_ids_from_names(std::span<const std::string> names);

/// A list of {"image_id", "category_id", "bbox": [left, top, width, height], "score"}.
class CocoResultsFile {
 public:
  /// Without `ids`, categories are COCO's own where all labels are names of COCO's classes, otherwise the network's class ids.
  CocoResultsFile(const std::filesystem::path& path, const Labels& labels, std::optional<CocoIds> ids);
  void add(std::int64_t image_id, const Detections& detections);
  void commit();
  /// Detections whose class the annotations do not have; they are left out.
  std::int64_t left_out() const { return left_out_; }

 private:
  std::optional<std::int64_t> category(int class_id) const;

  TextFile file_;
  Labels labels_;
  std::optional<CocoIds> ids_;
  bool coco_names_ = false, first_ = true;
  std::int64_t left_out_ = 0;
};

/// One JSON object a line and picture.
class JsonLinesFile {
 public:
  JsonLinesFile(const std::filesystem::path& path, const Labels& labels) : file_(path), labels_(labels) {}
  void add(const FrameInfo& frame, const Detections& detections);
  void commit() { file_.commit(); }

 private:
  TextFile file_;
  Labels labels_;
};

/// Lines of "class centre-x centre-y width height score", as shares of the picture.
std::string yolo_text(const FrameInfo& frame, const Detections& detections);

}  // namespace saccade::vision
