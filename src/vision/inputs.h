// SPDX-License-Identifier: Apache-2.0
// What to look at, and where its results go.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace saccade::vision {

struct InputFile {
  std::filesystem::path path;
  std::filesystem::path name;  ///< below the folder that was named; the file name alone for a file
  bool video = false;
};

/// Files, folders (with all below them, except `without`) and patterns (*, ?, [ab]), in the order given and sorted within each.
/// A file comes once. Throws Error(not_found) for what does not exist and for a folder or pattern without pictures or videos.
std::vector<InputFile> list_inputs(const std::vector<std::string>& arguments, const std::filesystem::path& without = {});

/// A name for each file in a folder of outputs: its own, with `ending` if that is not empty, and with "_2", "_3" … where
/// an earlier file has taken it.
std::vector<std::filesystem::path> output_names(const std::vector<InputFile>& inputs, const std::string& ending = {});

}  // namespace saccade::vision
