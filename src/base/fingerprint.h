// SPDX-License-Identifier: Apache-2.0
// What tells two files of blocks apart without reading them: an .xml keeps it to know its .bin again.
#pragma once

#include <cstdint>
#include <cstddef>
#include <string_view>

#include "base/hash.h"

namespace saccade {

/// Of one block: its place, its size and its ends. That of a file is the exclusive or of its blocks.
inline std::uint64_t fingerprint(std::string_view block, std::size_t offset) {
  constexpr std::size_t kEnd = 64;
  if (block.size() <= 2 * kEnd) return hash_bytes(block.data(), block.size(), offset).low;
  const std::uint64_t front = hash_bytes(block.data(), kEnd, offset).low;
  return hash_bytes(block.data() + block.size() - kEnd, kEnd, front ^ block.size()).low;
}

}  // namespace saccade
