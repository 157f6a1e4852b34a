// SPDX-License-Identifier: Apache-2.0
// What the writer (export/saccade) and the reader (import/saccade) of saccade's own file agree on.
#pragma once

#include <cstddef>
#include <string_view>

namespace saccade::graph {

inline constexpr std::string_view kCacheMagic{"SACCADE\x01", 8};
inline constexpr int kCacheVersion = 1;
inline constexpr std::size_t kCacheAlignment = 64;
/// The inputs that stand for large constants: this and their number.
inline constexpr std::string_view kCacheConstantPrefix = "saccade constant ";

}  // namespace saccade::graph
