// SPDX-License-Identifier: Apache-2.0
// Finding variables by name or number.
#include "import/keras/weights.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"

namespace saccade::keras {
namespace {

bool upper(char c) { return std::isupper(static_cast<unsigned char>(c)) != 0; }
bool lower(char c) { return std::islower(static_cast<unsigned char>(c)) != 0; }

std::vector<std::string_view> components(std::string_view path) {
  std::vector<std::string_view> out;
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t stop = std::min(path.find('/', start), path.size());
    out.push_back(path.substr(start, stop - start));
    start = stop + 1;
  }
  return out;
}

std::string_view without_number(std::string_view name) { return name.substr(0, name.find(':')); }

// "conv_1" is "conv" in a model that was loaded once more.
bool is_component(std::string_view text, std::string_view wanted) {
  if (text == wanted) return true;
  if (!text.starts_with(wanted) || text.size() < wanted.size() + 2 || text[wanted.size()] != '_') return false;
  return std::all_of(text.begin() + static_cast<std::ptrdiff_t>(wanted.size()) + 1, text.end(),
                     [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::string snake_case(std::string_view name) {
  std::string words, out;
  for (std::size_t i = 0; i < name.size();) {
    words += name[i];
    if (i + 2 < name.size() && upper(name[i + 1]) && lower(name[i + 2])) {
      words += '_';
      words += name[i + 1];
      for (i += 2; i < name.size() && lower(name[i]); ++i) words += name[i];
    } else {
      ++i;
    }
  }
  for (std::size_t i = 0; i < words.size(); ++i) {
    out += static_cast<char>(std::tolower(static_cast<unsigned char>(words[i])));
    if (i + 1 < words.size() && lower(words[i]) && upper(words[i + 1])) out += '_';
  }
  return out;
}

std::optional<std::vector<std::string>> long_texts(const Hdf5File& file, const std::string& object, const std::string& name) {
  if (auto whole = file.texts(object, name)) return whole;
  std::vector<std::string> all;
  for (int part = 0;; ++part) {
    const auto texts = file.texts(object, name + std::to_string(part));
    if (!texts) return part == 0 ? std::nullopt : std::optional(std::move(all));
    all.insert(all.end(), texts->begin(), texts->end());
  }
}

WeightStore::WeightStore(std::unique_ptr<Hdf5File> file, bool by_name, std::string root)
    : file_(std::move(file)), by_name_(by_name), root_(std::move(root)), layers_("layers") {
  if (by_name_) return;
  const auto groups = file_->members("/");
  const auto has = [&](const char* group) { return std::find(groups.begin(), groups.end(), group) != groups.end(); };
  if (!has("layers") && has("_layer_checkpoint_dependencies")) layers_ = "_layer_checkpoint_dependencies";
}

WeightPlace WeightStore::place(const WeightPlace* outer, const std::string& key) const {
  if (!by_name_) return {(outer ? outer->group : std::string()) + "/" + layers_ + "/" + key, {}};
  return outer ? WeightPlace{outer->group, key} : WeightPlace{root_ + "/" + key, {}};
}

const std::vector<std::string>& WeightStore::names_in(const std::string& group) const {
  const auto known = names_.find(group);
  if (known != names_.end()) return known->second;
  auto names = long_texts(*file_, group, "weight_names");
  return names_.emplace(group, names ? std::move(*names) : std::vector<std::string>()).first->second;
}

std::optional<std::string> WeightStore::find(const WeightPlace& place, std::initializer_list<std::string_view> names, int index,
                                             const Part& part) const {
  if (!by_name_) {
    const std::string variable = "/vars/" + std::to_string(index);
    if (part.paths.empty()) return file_->has_dataset(place.group + variable) ? std::optional(place.group + variable) : std::nullopt;
    for (auto p : part.paths)
      if (std::string path = place.group + "/" + std::string(p) + variable; file_->has_dataset(path)) return path;
    return std::nullopt;
  }
  int unnamed = 0;
  std::optional<std::string> by_order;
  for (const std::string& full : names_in(place.group)) {
    const auto parts = components(full);
    const std::string_view last = without_number(parts.back());
    const auto has = [&](std::string_view wanted) {
      return wanted.empty() || std::any_of(parts.begin(), parts.end() - 1, [&](auto p) { return is_component(p, wanted); });
    };
    if (!has(place.component) || !has(part.component)) continue;
    if (std::find(names.begin(), names.end(), last) != names.end()) return place.group + "/" + full;
    // variables that have no name of their own are told by their order
    if ((last.starts_with("variable") || last.starts_with("Variable")) && unnamed++ == index) by_order = place.group + "/" + full;
  }
  return by_order;
}

Tensor WeightStore::load(const std::string& path) const { return file_->dataset(path); }

}  // namespace saccade::keras
