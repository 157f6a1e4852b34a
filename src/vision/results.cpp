// SPDX-License-Identifier: Apache-2.0
// COCO results, JSON lines and YOLO text.
#include "vision/results.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json_file.h"

namespace saccade::vision {
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string file_name(const std::string& path) {
  const auto slash = path.find_last_of('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

/// To a thousandth of a pixel, without trailing zeros.
std::string pixels(float value) {
  std::string text = fmt::format("{:.3f}", value);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

std::string quoted(const std::string& text) { return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace); }

}  // namespace

CocoIds CocoIds::read(const std::string& path) {
  const auto root = read_json_file(path);
  const ErrorContext scope("annotations", path);
  const auto list = [&](const char* key) -> const nlohmann::json& {
    SACCADE_CHECK(root.is_object() && root.contains(key) && root[key].is_array(), invalid_argument, "'{}' is no COCO annotation file: it has no list '{}'", path, key);
    return root[key];
  };
  CocoIds ids;
  std::size_t index = 0;
  for (const auto& image : list("images")) {
    const std::string where = fmt::format("images[{}]", index++), name = json_string(image, "file_name", where);
    const std::int64_t id = json_integer(image, "id", where);
    ids.by_path_.emplace(name, id);
    ids.by_file_[file_name(name)].push_back(id);
  }
  index = 0;
  for (const auto& category : list("categories")) {
    const std::string where = fmt::format("categories[{}]", index++);
    const std::int64_t id = json_integer(category, "id", where);
    ids.categories_.emplace(lower(json_string(category, "name", where)), id);
    ids.category_ids_.insert(id);
  }
  return ids;
}

std::optional<std::int64_t> CocoIds::image(const std::string& name) const {
  for (std::size_t at = 0; at != std::string::npos;) {
    if (const auto found = by_path_.find(name.substr(at)); found != by_path_.end()) return found->second;
    const auto slash = name.find('/', at);
    at = slash == std::string::npos ? slash : slash + 1;
  }
  const auto found = by_file_.find(file_name(name));
  if (found != by_file_.end() && found->second.size() == 1) return found->second[0];
  return std::nullopt;
}

std::optional<std::int64_t> CocoIds::category(const std::string& name) const {
  const auto found = categories_.find(lower(name));
  if (found == categories_.end()) return std::nullopt;
  return found->second;
}

std::vector<std::int64_t> image_ids_from_names(std::span<const std::string> names) {
  std::vector<std::int64_t> ids;
  for (const std::string& name : names) {
    const std::string stem = std::filesystem::path(name).stem().string();
    const auto last = stem.find_last_of("0123456789");
    if (last == std::string::npos) break;
    auto first = last;
    while (first > 0 && std::isdigit(static_cast<unsigned char>(stem[first - 1]))) --first;
    const std::string digits = stem.substr(first, last + 1 - first);
    if (digits.size() > 15 || std::find(ids.begin(), ids.end(), std::stoll(digits)) != ids.end()) break;
    ids.push_back(std::stoll(digits));
  }
  if (ids.size() == names.size()) return ids;
  ids.clear();
  for (std::size_t i = 0; i < names.size(); ++i) ids.push_back(static_cast<std::int64_t>(i) + 1);
  return ids;
}

CocoResultsFile::CocoResultsFile(const std::filesystem::path& path, const Labels& labels, std::optional<CocoIds> ids)
    : file_(path), labels_(labels), ids_(std::move(ids)) {
  coco_names_ = !labels.empty() && std::all_of(labels.all().begin(), labels.all().end(), [](const auto& label) { return coco_category_id(label.second).has_value(); });
  file_.write("[");
}

std::optional<std::int64_t> CocoResultsFile::category(int class_id) const {
  if (ids_) {
    if (const auto id = ids_->category(labels_.name(class_id))) return id;
    if (labels_.empty() && ids_->has_category(class_id)) return class_id;
    return std::nullopt;
  }
  if (coco_names_) {
    if (const auto id = coco_category_id(labels_.name(class_id))) return *id;
  }
  return class_id;
}

void CocoResultsFile::add(std::int64_t image_id, const Detections& detections) {
  std::string text;
  for (const Detection& d : detections) {
    const auto category_id = category(d.class_id);
    if (!category_id) {
      ++left_out_;
      continue;
    }
    text += fmt::format("{}\n{{\"image_id\":{},\"category_id\":{},\"bbox\":[{},{},{},{}],\"score\":{}}}", first_ ? "" : ",", image_id, *category_id, pixels(d.x1),
                        pixels(d.y1), pixels(d.width()), pixels(d.height()), d.score);
    first_ = false;
  }
  file_.write(text);
}

void CocoResultsFile::commit() {
  file_.write("\n]\n");
  file_.commit();
}

void JsonLinesFile::add(const FrameInfo& frame, const Detections& detections) {
  std::string text = "{\"file\":" + quoted(frame.name);
  if (frame.frame >= 0) text += fmt::format(",\"frame\":{},\"seconds\":{:.3f}", frame.frame, frame.seconds);
  text += fmt::format(",\"width\":{},\"height\":{},\"detections\":[", frame.width, frame.height);
  bool first = true;
  for (const Detection& d : detections) {
    text += fmt::format("{}{{\"class\":{},\"label\":{},\"score\":{},\"box\":[{},{},{},{}]", first ? "" : ",", d.class_id, quoted(labels_.name(d.class_id)), d.score,
                        pixels(d.x1), pixels(d.y1), pixels(d.width()), pixels(d.height()));
    if (!d.points.empty()) {
      text += ",\"points\":[";
      for (std::size_t i = 0; i < d.points.size(); ++i) text += fmt::format("{}[{},{}]", i > 0 ? "," : "", pixels(d.points[i][0]), pixels(d.points[i][1]));
      text += "]";
    }
    text += "}";
    first = false;
  }
  file_.write(text + "]}\n");
}

std::string yolo_text(const FrameInfo& frame, const Detections& detections) {
  std::string text;
  const float width = static_cast<float>(frame.width), height = static_cast<float>(frame.height);
  for (const Detection& d : detections)
    text += fmt::format("{} {:.6f} {:.6f} {:.6f} {:.6f} {:.6f}\n", d.class_id, (d.x1 + d.x2) / 2 / width, (d.y1 + d.y2) / 2 / height, d.width() / width,
                        d.height() / height, d.score);
  return text;
}

}  // namespace saccade::vision
