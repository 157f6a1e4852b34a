// SPDX-License-Identifier: Apache-2.0
// What was rendered, in the form that evaluation reads.
#include "vision/scene_truth.h"

namespace saccade::vision {

nlohmann::json SceneTruth::annotation(const SceneBox& object) {
  const cv::Rect2f& box = object.box;
  return {{"id", next_id_++},
          {"image_id", frames_},
          {"category_id", int(object.kind)},
          {"iscrowd", 0},
          {"area", box.area()},
          {"bbox", {box.x, box.y, box.width, box.height}},
          {"object", object.object},
          {"visible", object.visible}};
}

std::int64_t SceneTruth::add(const std::string& file_name, const SceneFrame& frame) {
  images_.push_back({{"id", ++frames_}, {"file_name", file_name}, {"width", frame.image.cols}, {"height", frame.image.rows}});
  for (const SceneBox& object : frame.truth) annotations_.push_back(annotation(object));
  for (const SceneBox& object : frame.hidden) hidden_.push_back(annotation(object));
  objects_ += std::int64_t(frame.truth.size());
  return frames_;
}

std::string SceneTruth::json() const {
  nlohmann::json categories = nlohmann::json::array();
  for (std::string_view name : scene_class_names()) categories.push_back({{"id", categories.size()}, {"name", name}});
  return nlohmann::json{{"images", images_}, {"annotations", annotations_}, {"categories", categories}, {"hidden", hidden_}}.dump();
}

}  // namespace saccade::vision
