// SPDX-License-Identifier: Apache-2.0
// Annotations and results in the JSON form of the COCO data set, as far as boxes need them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace saccade::eval {

/// Left, top, width, height in pixels.
using Box = std::array<double, 4>;

struct CocoCategory {
  std::int64_t id = 0;
  std::string name;
};

/// One annotated object.
struct CocoAnnotation {
  std::int64_t id = 0, image_id = 0, category_id = 0;
  Box box{};
  double area = 0;     ///< pixels; of the object's outline where it has one, otherwise of the box
  bool crowd = false;  ///< a group: never missed, and what lies in it is no false alarm
};

struct CocoDataset {
  std::vector<std::int64_t> image_ids;    ///< ascending, each once
  std::vector<CocoCategory> categories;   ///< by ascending id, each once
  std::vector<CocoAnnotation> annotations;  ///< in the order of the file
};

/// One detection.
struct CocoResult {
  std::int64_t image_id = 0, category_id = 0;
  Box box{};
  double score = 0;
};

/// Reads an annotation file ({"images", "annotations", "categories"}). Throws Error(not_found | unavailable | invalid_argument).
CocoDataset read_coco_annotations(const std::string& path);

/// Reads a results file (a list of {"image_id", "category_id", "bbox", "score"}), in its order. Throws like
/// read_coco_annotations(), also for an image that the data set does not have.
std::vector<CocoResult> read_coco_results(const std::string& path, const CocoDataset& dataset);

}  // namespace saccade::eval
