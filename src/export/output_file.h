// SPDX-License-Identifier: Apache-2.0
// A file that is written aside and takes its name when it is complete.
#pragma once

#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <string_view>

namespace saccade::exporter {

/// Writes to `path` + a suffix; what is not committed is removed. Throws Error(unavailable) where writing fails.
class OutputFile {
 public:
  explicit OutputFile(std::filesystem::path path);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  void write(std::string_view bytes);
  std::size_t size() const { return size_; }
  /// Writes what is buffered; call it for every file of a set before the first commit().
  void finish();
  /// Gives the file its name; finish() is called if it was not.
  void commit();

 private:
  [[noreturn]] void failed(const char* what) const;

  std::filesystem::path path_, aside_;
  std::FILE* file_ = nullptr;
  std::size_t size_ = 0;
  bool committed_ = false;
};

}  // namespace saccade::exporter
