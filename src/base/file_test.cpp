// SPDX-License-Identifier: Apache-2.0
// Files in memory: what is unloaded comes back, what was written stays.
#include "base/file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace saccade {
namespace {

// Bytes of memory that this process holds, of files and its own.
std::size_t resident() {
  std::ifstream status("/proc/self/statm");
  std::size_t all = 0, pages = 0;
  status >> all >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

// A file just large enough to be mapped, of zeros that take no room.
class MappedFile : public ::testing::Test {
 protected:
  MappedFile() : path_(std::filesystem::temp_directory_path() / ("saccade_file_" + std::to_string(::getpid()))) {
    std::ofstream(path_).put('a');
    std::filesystem::resize_file(path_, FileBytes::kReadLimit + 4096);
    file_ = FileBytes::open(path_);
  }
  ~MappedFile() override { std::filesystem::remove(path_); }

  std::filesystem::path path_;
  std::shared_ptr<FileBytes> file_;
};

TEST_F(MappedFile, UnloadedBytesLeaveMemoryAndComeBack) {
  if (::access("/proc/self/pagemap", R_OK) != 0) GTEST_SKIP() << "this system does not tell which pages were written to";
  const auto bytes = file_->bytes();
  const std::size_t half = bytes.size() / 2;
  EXPECT_EQ(bytes.size() - 1, std::count(bytes.begin(), bytes.end(), '\0'));
  const std::size_t before = resident();
  FileBytes::unload(bytes.data(), half);
  EXPECT_LT(resident() + half * 9 / 10, before);
  EXPECT_EQ('a', bytes[0]);
  EXPECT_EQ(bytes.size() - 1, std::count(bytes.begin(), bytes.end(), '\0'));
}

TEST_F(MappedFile, WhatWasWrittenStays) {
  const auto bytes = file_->bytes();
  EXPECT_EQ(bytes.size() - 1, std::count(bytes.begin(), bytes.end(), '\0'));
  for (std::size_t at = 5; at < bytes.size(); at += 1 << 20) bytes[at] = 'b';
  FileBytes::unload(bytes.data(), bytes.size());
  for (std::size_t at = 5; at < bytes.size(); at += 1 << 20) EXPECT_EQ('b', bytes[at]) << at;
  EXPECT_EQ('a', bytes[0]);
}

TEST_F(MappedFile, OtherMemoryIsLeftAlone) {
  const std::string own(1 << 20, 'x');
  FileBytes::unload(own.data(), own.size());
  EXPECT_EQ(static_cast<std::ptrdiff_t>(own.size()), std::count(own.begin(), own.end(), 'x'));
  // beyond the mapping's end, and the empty range
  FileBytes::unload(file_->bytes().data(), file_->bytes().size() + 1);
  FileBytes::unload(file_->bytes().data(), 0);
  const char* const gone = file_->bytes().data();
  file_.reset();
  FileBytes::unload(gone, FileBytes::kReadLimit);
}

}  // namespace
}  // namespace saccade
