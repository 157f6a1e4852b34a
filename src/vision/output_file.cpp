// SPDX-License-Identifier: Apache-2.0
// Writing aside and renaming.
#include "vision/output_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace saccade::vision {
namespace {

[[noreturn]] void give_up(const std::filesystem::path& path, int reason) {
  fail(ErrorCode::unavailable, "'{}' cannot be written: {}", path.string(), std::strerror(reason));
}

}  // namespace

OutputFile::OutputFile(std::filesystem::path path) : path_(std::move(path)) {
  std::error_code error;
  if (const auto folder = path_.parent_path(); !folder.empty()) {
    std::filesystem::create_directories(folder, error);
    SACCADE_CHECK(!error || std::filesystem::is_directory(folder), unavailable, "the folder '{}' cannot be made: {}", folder.string(), error.message());
  }
  SACCADE_CHECK(!std::filesystem::is_directory(path_, error), unavailable, "'{}' cannot be written: a folder of that name is in the way", path_.string());
  aside_ = path_.parent_path() / fmt::format(".{}.{}.part{}", path_.stem().string(), ::getpid(), path_.extension().string());
  std::FILE* probe = std::fopen(aside_.c_str(), "wb");  // says now what would fail later, with the reason
  if (probe == nullptr) give_up(path_, errno);
  std::fclose(probe);
}

OutputFile::~OutputFile() {
  std::error_code ignored;
  if (!committed_) std::filesystem::remove(aside_, ignored);
}

void OutputFile::commit() {
  if (std::rename(aside_.c_str(), path_.c_str()) != 0) give_up(path_, errno);
  committed_ = true;
}

TextFile::TextFile(std::filesystem::path path) : file_(std::move(path)), stream_(std::fopen(file_.aside().c_str(), "wb")) {
  if (stream_ == nullptr) give_up(file_.path(), errno);
}

TextFile::~TextFile() {
  if (stream_ != nullptr) std::fclose(stream_);
}

void TextFile::write(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stream_) != text.size()) give_up(file_.path(), errno);
}

void TextFile::commit() {
  std::FILE* stream = std::exchange(stream_, nullptr);
  const bool failed = std::fflush(stream) != 0;
  const int reason = errno;
  if (std::fclose(stream) != 0 || failed) give_up(file_.path(), failed ? reason : errno);
  file_.commit();
}

void write_whole_file(const std::filesystem::path& path, std::string_view contents) {
  TextFile file(path);
  file.write(contents);
  file.commit();
}

}  // namespace saccade::vision
