// SPDX-License-Identifier: Apache-2.0
// Files that appear complete or not at all.
#include "export/output_file.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace saccade::exporter {

OutputFile::OutputFile(std::filesystem::path path) : path_(std::move(path)), aside_(path_) {
  static std::atomic<int> count{0};
  aside_ += fmt::format(".{}.{}.part", ::getpid(), ++count);
  file_ = std::fopen(aside_.c_str(), "wb");
  if (file_ == nullptr) failed("open");
}

OutputFile::~OutputFile() {
  if (file_ != nullptr) std::fclose(file_);
  std::error_code ignored;
  if (!committed_) std::filesystem::remove(aside_, ignored);
}

void OutputFile::failed(const char* what) const { fail(ErrorCode::unavailable, "cannot {} '{}': {}", what, path_.string(), std::strerror(errno)); }

void OutputFile::write(std::string_view bytes) {
  if (bytes.empty()) return;
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) failed("write");
  size_ += bytes.size();
}

void OutputFile::finish() {
  if (file_ == nullptr) return;
  std::FILE* file = file_;
  file_ = nullptr;
  if (std::fclose(file) != 0) failed("write");
}

void OutputFile::commit() {
  finish();
  if (std::rename(aside_.c_str(), path_.c_str()) != 0) failed("rename");
  committed_ = true;
}

}  // namespace saccade::exporter
