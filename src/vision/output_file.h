// SPDX-License-Identifier: Apache-2.0
// Files that are whole or absent: written aside under another name in the same folder, renamed when finished.
#pragma once

#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>

namespace saccade::vision {

/// A file being written. Unless commit() is called, the destructor removes what was written.
class OutputFile {
 public:
  /// Makes missing folders. Throws Error(unavailable) with the path and the reason if the file cannot be made.
  explicit OutputFile(std::filesystem::path path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// Where to write; it ends like path().
  const std::filesystem::path& aside() const { return aside_; }
  /// Renames to path(). Throws Error(unavailable).
  void commit();

 private:
  std::filesystem::path path_, aside_;
  bool committed_ = false;
};

/// Text that grows, in an OutputFile.
class TextFile {
 public:
  explicit TextFile(std::filesystem::path path);
  ~TextFile();
  /// Throws Error(unavailable), for example when the disk is full.
  void write(std::string_view text);
  void commit();
  const std::filesystem::path& path() const { return file_.path(); }

 private:
  OutputFile file_;
  std::FILE* stream_;
};

/// A whole file at once.
void write_whole_file(const std::filesystem::path& path, std::string_view contents);

}  // namespace saccade::vision
