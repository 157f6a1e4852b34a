// SPDX-License-Identifier: Apache-2.0
// Names of classes: built-in tables and label files.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace saccade::vision {

/// A map from class ids to names. Ids without a name are allowed; name() makes one up for them.
class Labels {
 public:
  Labels() = default;
  explicit Labels(const std::vector<std::string>& names, int first_id = 0);

  /// coco80 (ids 0…79), coco81 (0 is background), coco90 (COCO's own ids from 1), voc, voc21, imagenet, imagenet1001; nothing for another name.
  static std::optional<Labels> builtin(std::string_view name);
  static std::vector<std::string_view> builtin_names();
  /// A built-in table or a file by its ending: .pbtxt label maps, .txt and .names (a name a line, or "id name"), .yaml (a list, a map,
  /// or one of them under `names`), .json (likewise). Throws Error(not_found | unavailable | invalid_argument).
  static Labels load(const std::string& name_or_path);
  /// A list of names or an object {"id": "name"}; throws Error(invalid_argument).
  static Labels from_json(const nlohmann::json& value);
  /// The text that some exporters put into a model: a JSON value, {0: 'person', 1: 'car'}, or names separated by commas or lines.
  static Labels from_metadata(const std::string& text);

  bool empty() const { return names_.empty(); }
  std::size_t size() const { return names_.size(); }
  /// "person", or "class 17" for an id without a name.
  std::string name(int class_id) const;
  std::optional<int> find(std::string_view name) const;
  const std::map<int, std::string>& all() const { return names_; }

 private:
  std::map<int, std::string> names_;
};

/// COCO's category id of a class name ("person" is 1), if it is one of the 80.
std::optional<int> coco_category_id(std::string_view name);

}  // namespace saccade::vision
