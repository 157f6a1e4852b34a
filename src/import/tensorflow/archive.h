// SPDX-License-Identifier: Apache-2.0
// Zoo archives: the files of a model from a .tar.gz or .tar, in memory.
#pragma once

#include <functional>
#include <map>
#include <span>

#include "import/tensorflow/folder.h"

namespace saccade::tensorflow {

/// Whether the bytes are gzip or tar.
bool looks_like_archive(std::span<const char> bytes);

/// The files of an archive by their paths in it.
class ArchiveFolder : public Folder {
 public:
  /// Unpacks the files whose path `wanted` accepts. Links, devices and files whose path is absolute or leads upwards are left out. Throws Error(invalid_model)
  /// for a damaged or truncated archive, and for one that unpacks into more than any model has.
  ArchiveFolder(std::span<const char> bytes, const std::function<bool(std::string_view path)>& wanted);

  std::shared_ptr<FileBytes> open(std::string_view name) const override;
  bool has(std::string_view name) const override { return files_.contains(name); }
  const std::map<std::string, std::shared_ptr<FileBytes>, std::less<>>& files() const { return files_; }

 private:
  std::map<std::string, std::shared_ptr<FileBytes>, std::less<>> files_;
};

/// A folder inside of another one.
class SubFolder : public Folder {
 public:
  SubFolder(std::shared_ptr<const Folder> around, std::string path) : around_(std::move(around)), path_(std::move(path)) {}
  std::shared_ptr<FileBytes> open(std::string_view name) const override { return around_->open(path_ + std::string(name)); }
  bool has(std::string_view name) const override { return around_->has(path_ + std::string(name)); }

 private:
  std::shared_ptr<const Folder> around_;
  std::string path_;  // empty, or ends in "/"
};

}  // namespace saccade::tensorflow
