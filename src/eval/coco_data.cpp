// SPDX-License-Identifier: Apache-2.0
// Reading COCO annotation and result files: every entry is checked, errors name file and entry.
#include "eval/coco_data.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "base/error.h"
#include "base/json_file.h"

namespace saccade::eval {
namespace {

using nlohmann::json;

const json& list_of(const json& root, const char* key, const std::string& path) {
  SACCADE_CHECK(root.is_object(), invalid_argument, "'{}' is no COCO annotation file: it holds {}, not an object with images, annotations and categories",
                path, root.type_name());
  const auto found = root.find(key);
  SACCADE_CHECK(found != root.end(), invalid_argument, "'{}' is no COCO annotation file: it has no '{}'", path, key);
  SACCADE_CHECK(found->is_array(), invalid_argument, "'{}': '{}' is {}, not a list", path, key, found->type_name());
  return *found;
}

Box read_box(const json& entry, const std::string& where) {
  const json& list = json_member(entry, "bbox", where);
  SACCADE_CHECK(list.is_array() && list.size() == 4, invalid_argument, "{}: 'bbox' is not a list of 4 numbers", where);
  Box box;
  for (std::size_t i = 0; i < 4; ++i) {
    SACCADE_CHECK(list[i].is_number() && std::isfinite(list[i].get<double>()), invalid_argument, "{}: 'bbox' is not a list of 4 numbers", where);
    box[i] = list[i].get<double>();
  }
  return box;
}

bool read_flag(const json& entry, const char* key, const std::string& where) {
  const auto found = entry.find(key);
  if (found == entry.end()) return false;
  if (found->is_boolean()) return found->get<bool>();
  return json_integer(entry, key, where) != 0;
}

}  // namespace

CocoDataset read_coco_annotations(const std::string& path) {
  const json root = read_json_file(path);
  const ErrorContext scope("annotations", path);
  CocoDataset dataset;
  std::size_t index = 0;
  for (const json& image : list_of(root, "images", path)) dataset.image_ids.push_back(json_integer(image, "id", fmt::format("images[{}]", index++)));
  std::sort(dataset.image_ids.begin(), dataset.image_ids.end());
  dataset.image_ids.erase(std::unique(dataset.image_ids.begin(), dataset.image_ids.end()), dataset.image_ids.end());

  index = 0;
  for (const json& category : list_of(root, "categories", path)) {
    const std::string where = fmt::format("categories[{}]", index++);
    dataset.categories.push_back({json_integer(category, "id", where), category.contains("name") ? json_string(category, "name", where) : ""});
  }
  const auto by_id = [](const CocoCategory& a, const CocoCategory& b) { return a.id < b.id; };
  std::stable_sort(dataset.categories.begin(), dataset.categories.end(), by_id);
  const auto twice = std::adjacent_find(dataset.categories.begin(), dataset.categories.end(), [](const auto& a, const auto& b) { return a.id == b.id; });
  SACCADE_CHECK(twice == dataset.categories.end(), invalid_argument, "two categories have the id {}", twice->id);

  const std::unordered_set<std::int64_t> images(dataset.image_ids.begin(), dataset.image_ids.end());
  std::unordered_set<std::int64_t> ids;
  index = 0;
  for (const json& entry : list_of(root, "annotations", path)) {
    const std::string where = fmt::format("annotations[{}]", index++);
    CocoAnnotation annotation{.id = json_integer(entry, "id", where),
                              .image_id = json_integer(entry, "image_id", where),
                              .category_id = json_integer(entry, "category_id", where),
                              .box = read_box(entry, where),
                              .crowd = read_flag(entry, "iscrowd", where)};
    annotation.area = entry.contains("area") ? json_number(entry, "area", where) : annotation.box[2] * annotation.box[3];
    SACCADE_CHECK(ids.insert(annotation.id).second, invalid_argument, "{}: the id {} is used twice", where, annotation.id);
    if (images.contains(annotation.image_id)) dataset.annotations.push_back(annotation);
  }
  return dataset;
}

std::vector<CocoResult> read_coco_results(const std::string& path, const CocoDataset& dataset) {
  const json root = read_json_file(path);
  const ErrorContext scope("results", path);
  SACCADE_CHECK(root.is_array(), invalid_argument, "'{}' is no COCO results file: it holds {}, not a list{}", path, root.type_name(),
                root.is_object() && root.contains("annotations") ? " (are results and annotations swapped?)" : "");
  std::vector<CocoResult> results;
  results.reserve(root.size());
  std::size_t index = 0;
  for (const json& entry : root) {
    const std::string where = fmt::format("results[{}]", index++);
    const std::int64_t image_id = json_integer(entry, "image_id", where);
    SACCADE_CHECK(std::binary_search(dataset.image_ids.begin(), dataset.image_ids.end(), image_id), invalid_argument,
                  "{}: image_id {} is not in the annotations: they belong to other images", where, image_id);
    results.push_back({image_id, json_integer(entry, "category_id", where), read_box(entry, where), json_number(entry, "score", where)});
  }
  return results;
}

}  // namespace saccade::eval
