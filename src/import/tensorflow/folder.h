// SPDX-License-Identifier: Apache-2.0
// The files of a model of several files: in a folder, or unpacked from an archive into memory.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/file.h"

namespace saccade::tensorflow {

class Folder {
 public:
  virtual ~Folder() = default;
  /// `name` is a path inside the folder, with "/". Throws Error(not_found) and what FileBytes::open throws.
  virtual std::shared_ptr<FileBytes> open(std::string_view name) const = 0;
  virtual bool has(std::string_view name) const = 0;
};

class DiskFolder : public Folder {
 public:
  explicit DiskFolder(std::filesystem::path root) : root_(std::move(root)) {}
  std::shared_ptr<FileBytes> open(std::string_view name) const override { return FileBytes::open(root_ / std::filesystem::path(name)); }
  bool has(std::string_view name) const override {
    std::error_code error;
    return std::filesystem::is_regular_file(root_ / std::filesystem::path(name), error);
  }

 private:
  std::filesystem::path root_;
};

}  // namespace saccade::tensorflow
