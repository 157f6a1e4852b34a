// SPDX-License-Identifier: Apache-2.0
// One large block of memory for a plan's buffers.
#pragma once

#include <cstddef>

namespace saccade {

/// Pages of 2 MiB need fewer look-ups of addresses where much memory is streamed again and again. But they are dear to get: a virtual
/// machine gives free ones back to its host after some seconds, and fetches them from there at a millisecond or more each.
enum class Pages { usual, huge };

/// Zeroed memory straight from the operating system, aligned to 64 bytes at least, with 64 readable bytes after the end. Freed by the
/// destructor. Not copied, only moved.
class Arena {
 public:
  Arena() = default;
  /// Throws Error(out_of_memory). Huge pages are asked for in blocks from 2 MiB on.
  explicit Arena(std::size_t bytes, Pages pages = Pages::usual);
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
