// SPDX-License-Identifier: Apache-2.0
// Reading label files in the forms that are around.
#include "vision/labels.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/error.h"
#include "vision/label_tables.h"

namespace saccade::vision {
namespace {

constexpr std::uintmax_t kLargestLabelFile = 8 << 20;
constexpr long kLargestId = 10'000'000;

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(separator, at), text.size());
    parts.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

std::string trimmed(std::string_view text) {
  const auto space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  return std::string(text);
}

bool is_placeholder(const std::string& name) { return name.empty() || name == "???" || name == "N/A"; }

std::optional<int> parse_id(std::string_view text) {
  if (text.empty() || text.size() > 8 || !std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; })) return std::nullopt;
  const long value = std::stol(std::string(text));
  return value > kLargestId ? std::nullopt : std::optional<int>(static_cast<int>(value));
}

std::string read_text(const std::string& path) {
  std::error_code error;
  SACCADE_CHECK(!std::filesystem::is_directory(path, error), invalid_argument, "'{}' is a folder, not a label file", path);
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    const int reason = errno;
    fail(reason == ENOENT ? ErrorCode::not_found : ErrorCode::unavailable, "the label file '{}' cannot be read: {}", path, std::strerror(reason));
  }
  SACCADE_CHECK(std::filesystem::file_size(path, error) <= kLargestLabelFile && !error, invalid_argument, "'{}' is too large for a label file", path);
  std::ostringstream text;
  text << file.rdbuf();
  std::string result = text.str();
  if (result.starts_with("\xEF\xBB\xBF")) result.erase(0, 3);
  return result;
}

/// A name a line; or "12 name" / "12: name" in every line.
std::map<int, std::string> parse_lines(const std::string& text) {
  std::map<int, std::string> by_line, by_id;
  bool all_numbered = true;
  int line_number = 0;
  auto lines = split(text, '\n');
  while (!lines.empty() && trimmed(lines.back()).empty()) lines.pop_back();
  for (const std::string& raw : lines) {
    const std::string line = trimmed(raw);
    if (!is_placeholder(line)) by_line[line_number] = line;
    ++line_number;
    if (line.empty()) continue;
    const std::size_t end = line.find_first_of(": \t,");
    const auto id = end == std::string::npos ? std::nullopt : parse_id(std::string_view(line).substr(0, end));
    std::string name = id ? trimmed(std::string_view(line).substr(end)) : "";
    if (!name.empty() && (name[0] == ':' || name[0] == ',')) name = trimmed(std::string_view(name).substr(1));
    if (!id || name.empty() || by_id.contains(*id)) {
      all_numbered = false;
      continue;
    }
    if (!is_placeholder(name)) by_id[*id] = name;
  }
  return all_numbered && !by_id.empty() ? by_id : by_line;
}

/// TensorFlow's label map: item { id: 1 name: 'n' display_name: 'd' }, as a stream of words.
std::map<int, std::string> parse_label_map(const std::string& text) {
  std::map<int, std::string> names;
  std::size_t at = 0;
  const auto next = [&]() -> std::string {
    while (at < text.size()) {
      const char c = text[at];
      if (std::isspace(static_cast<unsigned char>(c)) || c == ':' || c == ',' || c == ';') {
        ++at;
      } else if (c == '#') {
        at = std::min(text.find('\n', at), text.size());
      } else if (c == '{' || c == '}') {
        return std::string(1, text[at++]);
      } else if (c == '"' || c == '\'') {
        std::string word(1, '"');  // marks a string
        for (++at; at < text.size() && text[at] != c; ++at) {
          if (text[at] == '\\' && at + 1 < text.size()) ++at;
          word += text[at];
        }
        ++at;
        return word;
      } else {
        const std::size_t end = std::min(text.find_first_of(" \t\r\n:{},;#\"'", at), text.size());
        std::string word = text.substr(at, end - at);
        at = end;
        return word;
      }
    }
    return "";
  };
  for (std::string word = next(); !word.empty(); word = next()) {
    if (word != "item") continue;
    if (next() != "{") continue;
    std::optional<int> id;
    std::string name, display;
    int depth = 1;
    while (depth > 0) {
      const std::string key = next();
      if (key.empty()) break;
      if (key == "{") ++depth;
      if (key == "}") --depth;
      if (depth != 1) continue;
      if (key == "id") id = parse_id(next());
      if (key == "name" || key == "display_name") {
        const std::string value = next();
        if (value.size() > 1 && value[0] == '"') (key == "name" ? name : display) = value.substr(1);
      }
    }
    if (id && !(name.empty() && display.empty())) names[*id] = display.empty() ? name : display;
  }
  return names;
}

std::map<int, std::string> parse_yaml(const std::string& text, const std::string& path) {
  std::map<int, std::string> names;
  try {
    YAML::Node node = YAML::Load(text);
    if (node.IsMap() && node["names"]) node.reset(node["names"]);
    if (node.IsSequence()) {
      int id = 0;
      for (const auto& entry : node) names[id++] = entry.as<std::string>();
    } else if (node.IsMap()) {
      for (const auto& entry : node) {
        const auto id = parse_id(entry.first.as<std::string>());
        SACCADE_CHECK(id, invalid_argument, "'{}': '{}' is not a class id", path, entry.first.as<std::string>());
        names[*id] = entry.second.as<std::string>();
      }
    }
  } catch (const YAML::Exception& error) {
    fail(ErrorCode::invalid_argument, "'{}' is no label file: {}", path, error.what());
  }
  return names;
}

/// {0: 'person', 1: "traffic light"}, as Python prints it.
std::map<int, std::string> parse_python_map(const std::string& text) {
  std::map<int, std::string> names;
  std::size_t at = 0;
  while ((at = text.find_first_of("0123456789", at)) != std::string::npos) {
    const std::size_t end = std::min(text.find_first_not_of("0123456789", at), text.size());
    const auto id = parse_id(std::string_view(text).substr(at, end - at));
    const std::size_t quote = text.find_first_of("'\"", end);
    if (!id || quote == std::string::npos) break;
    std::string name;
    std::size_t i = quote + 1;
    for (; i < text.size() && text[i] != text[quote]; ++i) {
      if (text[i] == '\\' && i + 1 < text.size()) ++i;
      name += text[i];
    }
    names[*id] = name;
    at = i + 1;
  }
  return names;
}

}  // namespace

Labels::Labels(const std::vector<std::string>& names, int first_id) {
  for (const std::string& name : names) {
    if (!is_placeholder(name)) names_[first_id] = name;
    ++first_id;
  }
}

std::vector<std::string_view> Labels::builtin_names() { return {"coco80", "coco81", "coco90", "voc", "voc21", "imagenet", "imagenet1001"}; }

std::optional<Labels> Labels::builtin(std::string_view name) {
  if (name == "coco90") return Labels(split(coco_names(), '|'), 1);
  if (name == "coco80" || name == "coco81") {
    auto names = split(coco_names(), '|');
    std::erase(names, "");
    return Labels(names, name == "coco80" ? 0 : 1);
  }
  if (name == "voc" || name == "voc21") return Labels(split(voc_names(), '|'), name == "voc" ? 0 : 1);
  if (name == "imagenet" || name == "imagenet1001") return Labels(split(imagenet_names(), '|'), name == "imagenet" ? 0 : 1);
  return std::nullopt;
}

Labels Labels::load(const std::string& name_or_path) {
  if (auto table = builtin(name_or_path)) return *table;
  std::string ending = std::filesystem::path(name_or_path).extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::error_code error;
  if (ending.empty() && !std::filesystem::exists(name_or_path, error))
    fail(ErrorCode::not_found, "there is neither a label file nor a built-in table '{}' (coco80, coco90, voc, imagenet)", name_or_path);
  const std::string text = read_text(name_or_path);
  Labels labels;
  if (ending == ".json") {
    try {
      labels = from_json(nlohmann::json::parse(text));
    } catch (const nlohmann::json::exception&) {
      fail(ErrorCode::invalid_argument, "'{}' is not valid JSON", name_or_path);
    }
  } else if (ending == ".yaml" || ending == ".yml") {
    labels.names_ = parse_yaml(text, name_or_path);
  } else if (ending == ".pbtxt" || ending == ".prototxt") {
    labels.names_ = parse_label_map(text);
  } else {
    SACCADE_CHECK(text.find('\0') == std::string::npos, invalid_argument, "'{}' is not a text file", name_or_path);
    labels.names_ = parse_lines(text);
  }
  SACCADE_CHECK(!labels.empty(), invalid_argument, "the label file '{}' holds no names", name_or_path);
  return labels;
}

Labels Labels::from_json(const nlohmann::json& value) {
  Labels labels;
  const nlohmann::json* names = &value;
  if (value.is_object() && value.contains("names")) names = &value["names"];
  if (names->is_array()) {
    int id = 0;
    for (const auto& entry : *names) {
      SACCADE_CHECK(entry.is_string(), invalid_argument, "label {} is {}, not a string", id, entry.type_name());
      if (!is_placeholder(entry.get<std::string>())) labels.names_[id] = entry.get<std::string>();
      ++id;
    }
  } else if (names->is_object()) {
    for (const auto& [key, entry] : names->items()) {
      const auto id = parse_id(key);
      SACCADE_CHECK(id && entry.is_string(), invalid_argument, "labels must be like {{\"0\": \"person\"}}; '{}' is not", key);
      labels.names_[*id] = entry.get<std::string>();
    }
  } else {
    fail(ErrorCode::invalid_argument, "labels must be a list of names or an object, not {}", names->type_name());
  }
  return labels;
}

Labels Labels::from_metadata(const std::string& text) {
  if (auto table = builtin(trimmed(text))) return *table;
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (json.is_array() || json.is_object()) return from_json(json);
  const std::string start = trimmed(text);
  Labels labels;
  if (start.starts_with("{")) {
    labels.names_ = parse_python_map(start);
    return labels;
  }
  std::vector<std::string> names;
  for (const std::string& name : split(text, text.find('\n') == std::string::npos ? ',' : '\n')) names.push_back(trimmed(name));
  return Labels(names);
}

std::string Labels::name(int class_id) const {
  const auto found = names_.find(class_id);
  return found == names_.end() ? fmt::format("class {}", class_id) : found->second;
}

std::optional<int> Labels::find(std::string_view name) const {
  for (const auto& [id, known] : names_)
    if (known.size() == name.size() && std::equal(known.begin(), known.end(), name.begin(), [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); }))
      return id;
  return std::nullopt;
}

std::optional<int> coco_category_id(std::string_view name) {
  static const Labels coco = *Labels::builtin("coco90");
  return coco.find(name);
}

}  // namespace saccade::vision
