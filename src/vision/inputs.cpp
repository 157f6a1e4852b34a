// SPDX-License-Identifier: Apache-2.0
// Walking folders, expanding patterns, and names for outputs that never meet.
#include "vision/inputs.h"

#include <glob.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "vision/image.h"
#include "vision/video.h"

namespace saccade::vision {
namespace {

namespace fs = std::filesystem;

bool is_known(const fs::path& path) { return is_picture_path(path) || is_video_path(path); }

bool is_within(const fs::path& path, const fs::path& folder) {
  if (folder.empty()) return false;
  const auto relative = path.lexically_relative(folder);
  return !relative.empty() && *relative.begin() != "..";
}

fs::path canonical_or_same(const fs::path& path) {
  std::error_code error;
  const fs::path result = fs::weakly_canonical(path, error);
  return error ? path.lexically_normal() : result;
}

void list_folder(const fs::path& folder, const fs::path& without, std::vector<InputFile>& found) {
  std::error_code error;
  std::vector<InputFile> files;
  fs::recursive_directory_iterator walk(folder, fs::directory_options::skip_permission_denied, error), end;
  SACCADE_CHECK(!error, unavailable, "the folder '{}' cannot be read: {}", folder.string(), error.message());
  for (; walk != end; walk.increment(error)) {
    if (error) break;
    const fs::path& path = walk->path();
    if (path.filename().string().starts_with(".")) {  // hidden: system files, and our own outputs in progress
      walk.disable_recursion_pending();
      continue;
    }
    if (walk->is_directory(error)) {
      if (!without.empty() && canonical_or_same(path) == without) walk.disable_recursion_pending();
      continue;
    }
    if (is_known(path)) files.push_back({path, path.lexically_relative(folder), is_video_path(path)});
  }
  SACCADE_CHECK(!files.empty(), not_found, "the folder '{}' holds no pictures or videos", folder.string());
  std::sort(files.begin(), files.end(), [](const InputFile& a, const InputFile& b) { return a.name < b.name; });
  found.insert(found.end(), files.begin(), files.end());
}

std::vector<fs::path> expand(const std::string& pattern) {
  glob_t matches{};
  std::vector<fs::path> paths;
  if (::glob(pattern.c_str(), 0, nullptr, &matches) == 0) paths.assign(matches.gl_pathv, matches.gl_pathv + matches.gl_pathc);
  ::globfree(&matches);
  return paths;
}

}  // namespace

std::vector<InputFile> list_inputs(const std::vector<std::string>& arguments, const fs::path& without) {
  std::vector<InputFile> found;
  const fs::path excluded = without.empty() ? fs::path() : canonical_or_same(without);
  for (const std::string& argument : arguments) {
    std::error_code error;
    const bool exists = fs::exists(argument, error);
    std::vector<fs::path> paths = {argument};
    if (!exists && argument.find_first_of("*?[") != std::string::npos) {
      paths = expand(argument);
      std::erase_if(paths, [](const fs::path& path) {
        std::error_code ignored;
        return !fs::is_directory(path, ignored) && !is_known(path);
      });
      SACCADE_CHECK(!paths.empty(), not_found, "nothing matches '{}'", argument);
    } else {
      SACCADE_CHECK(exists, not_found, "'{}' does not exist", argument);
    }
    for (const fs::path& path : paths) {
      if (!fs::is_directory(path, error))
        found.push_back({path, path.filename(), is_video_path(path)});
      else if (!is_within(canonical_or_same(path), excluded))
        list_folder(path, excluded, found);
    }
  }
  std::set<fs::path> seen;
  std::erase_if(found, [&](const InputFile& file) { return !seen.insert(canonical_or_same(file.path)).second; });
  return found;
}

std::vector<fs::path> output_names(const std::vector<InputFile>& inputs, const std::string& ending) {
  std::vector<fs::path> names;
  std::set<fs::path> taken;
  for (const InputFile& input : inputs) {
    fs::path name = input.name;
    if (!ending.empty()) name.replace_extension(ending);
    const fs::path folder = name.parent_path();
    const std::string stem = name.stem().string(), extension = name.extension().string();
    for (int copy = 2; !taken.insert(name).second; ++copy) name = folder / fmt::format("{}_{}{}", stem, copy, extension);
    names.push_back(name);
  }
  return names;
}

}  // namespace saccade::vision
