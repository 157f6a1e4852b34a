// SPDX-License-Identifier: Apache-2.0
// The bytes of a file: read if it is small, mapped if it is large.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

namespace saccade {

/// A file's contents, writable without changing the file. Move and copy by shared_ptr; freed with the last owner.
class FileBytes {
 public:
  /// Files up to this size are read; larger ones are mapped privately and must not be truncated while in use.
  static constexpr std::size_t kReadLimit = std::size_t{64} << 20;

  /// Throws Error: not_found, unavailable (no permission, a read error), invalid_argument (a folder or a device).
  static std::shared_ptr<FileBytes> open(const std::filesystem::path& path);
  /// Any file mapped for reading alone, shared with whoever else maps it. Writing to bytes() ends the process, and so does
  /// reading them after the file has been cut off; it may be replaced and removed. Throws as open(), and for an empty file.
  static std::shared_ptr<FileBytes> map(const std::filesystem::path& path);
  /// A copy of bytes in memory.
  static std::shared_ptr<FileBytes> copy_of(std::span<const char> bytes);
  /// Memory of that size with unspecified contents, to be filled.
  static std::shared_ptr<FileBytes> of_size(std::size_t size);

  FileBytes(const FileBytes&) = delete;
  FileBytes& operator=(const FileBytes&) = delete;
  ~FileBytes();

  /// Aligned to 64 bytes.
  std::span<char> bytes() const noexcept { return {data_, size_}; }

  /// Takes bytes out of memory that lie in a file mapped by open() and were never written to: when they are read again, they come from the
  /// file again. Elsewhere, and where the system does not tell what was written to, nothing happens. Thread safe but for bytes being
  /// written meanwhile.
  static void unload(const void* data, std::size_t size) noexcept;

 private:
  FileBytes(std::size_t size, int mapped_descriptor, bool shared = false);

  char* data_ = nullptr;
  std::size_t size_ = 0;
  bool mapped_ = false;
};

/// The files that this thread opens with FileBytes while it lives, each once, in order.
class OpenedFiles {
 public:
  OpenedFiles() noexcept;
  ~OpenedFiles();
  OpenedFiles(const OpenedFiles&) = delete;
  OpenedFiles& operator=(const OpenedFiles&) = delete;

  const std::vector<std::filesystem::path>& paths() const noexcept { return paths_; }

 private:
  friend class FileBytes;
  std::vector<std::filesystem::path> paths_;
  OpenedFiles* outer_;
};

}  // namespace saccade
