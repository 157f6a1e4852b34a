// SPDX-License-Identifier: Apache-2.0
// The truth about rendered frames as COCO annotations.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "vision/scenes.h"

namespace saccade::vision {

/// Collects frames. Category ids are class ids, from 0; image ids and annotation ids are given in order, from 1.
class SceneTruth {
 public:
  /// Adds a frame and returns its image id.
  std::int64_t add(const std::string& file_name, const SceneFrame& frame);

  std::int64_t frames() const { return frames_; }
  std::int64_t objects() const { return objects_; }

  /// {"images", "annotations", "categories", "hidden"}: an annotation carries also its `visible` share and the `object` of the
  /// scene; those of objects too hidden to count stand in the list of their own. One line.
  std::string json() const;

 private:
  nlohmann::json annotation(const SceneBox& object);

  nlohmann::json images_ = nlohmann::json::array(), annotations_ = images_, hidden_ = images_;
  std::int64_t frames_ = 0, objects_ = 0, next_id_ = 1;
};

}  // namespace saccade::vision
