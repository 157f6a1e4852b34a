// SPDX-License-Identifier: Apache-2.0
// What the writer (export/saccade) and the reader (import/saccade) of saccade's own file agree on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "saccade/tensor.h"

namespace saccade::graph {

inline constexpr std::string_view kCacheMagic{"SACCADE\x02", 8};
inline constexpr int kCacheVersion = 2;
inline constexpr std::size_t kCacheAlignment = 64;
/// Seeds of the hashes in a file.
inline constexpr std::uint64_t kCacheHeaderSeed = 1, kCacheDataSeed = 2;
/// The inputs that stand for large constants: this and their number.
inline constexpr std::string_view kCacheConstantPrefix = "saccade constant ";

/// A file that a network was read from, and what was in it.
struct OriginFile {
  std::string path;  ///< absolute
  std::uint64_t bytes = 0;
  std::string hash;
  bool operator==(const OriginFile&) const = default;
};

/// A constant in the form that the kernels of a machine read.
struct PackedConstant {
  Tensor source;           ///< views a constant of the graph, or what is packed of another
  std::string key;         ///< the form, with the instruction set
  Tensor packed;           ///< f32, one dimension, aligned to 64 bytes
  std::uint64_t hash = 0;  ///< of `packed`; only after reading
};

/// What a cache adds to a network.
struct CacheContents {
  std::string key;                ///< what the network was made of and for
  std::vector<OriginFile> files;  ///< besides those that the key speaks of
  std::vector<PackedConstant> packs;
  std::size_t left_out = 0;       ///< packs that could not be written, and are packed at every load; only after reading
  /// Constants that were not looked at, with the hashes that they must have: those that are only packed. Only after reading.
  std::vector<std::pair<Tensor, std::uint64_t>> unverified;
};

}  // namespace saccade::graph
