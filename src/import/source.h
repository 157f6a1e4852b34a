// SPDX-License-Identifier: Apache-2.0
// What the reader of a format gets: the bytes of the file, where they came from, and what the user said.
#pragma once

#include <filesystem>
#include <memory>
#include <span>

#include "base/file.h"
#include "import/importer.h"

namespace saccade::import {

/// A model's main file.
struct Source {
  std::shared_ptr<FileBytes> file;
  std::filesystem::path path;    // empty: it came from memory
  std::filesystem::path folder;  // where further files are looked for; empty: they are refused
  ReadOptions options;

  std::span<const char> bytes() const { return file->bytes(); }
};

}  // namespace saccade::import
