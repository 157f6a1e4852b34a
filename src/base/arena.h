// SPDX-License-Identifier: Apache-2.0
// One large block of memory for a plan's buffers.
#pragma once

#include <cstddef>

namespace saccade {

/// Zeroed memory straight from the operating system, aligned to 64 bytes at least (2 MiB for large blocks, which also ask for
/// huge pages), with 64 readable bytes after the end. Freed by the destructor. Not copied, only moved.
class Arena {
 public:
  Arena() = default;
  /// Throws Error(out_of_memory).
  explicit Arena(std::size_t bytes);
  ~Arena();
  Arena(Arena&& other) noexcept;
  Arena& operator=(Arena&& other) noexcept;

  std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }

  /// Touches every page, so that the first run does not fault. Keeps the contents; not for use beside writers.
  void prefault() noexcept;

 private:
  void release() noexcept;

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  void* mapping_ = nullptr;
  std::size_t mapped_ = 0;
};

}  // namespace saccade
