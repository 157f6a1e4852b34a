// SPDX-License-Identifier: Apache-2.0
// Reading saccade's own file; export/saccade/cache_file.h says what it is.
#pragma once

#include <memory>
#include <span>

#include "graph/cache_format.h"
#include "graph/graph.h"
#include "import/source.h"

namespace saccade::import {

bool looks_like_cache_file(std::span<const char> bytes);

/// A network and what a cache adds. Large constants and packs view the file's memory and keep it alive.
struct CacheFile : graph::CacheContents {
  std::shared_ptr<graph::Graph> graph;
};

enum class Verify {
  all,      ///< every hash
  eagerly,  ///< the header's and those of constants that are used as they are; packs and what is packed are whoever's reads them
};

/// Throws Error(invalid_model) for a damaged file or one of another version. `owner` keeps the bytes alive.
CacheFile read_cache_file(std::span<char> bytes, std::shared_ptr<void> owner, Verify verify);

/// Whether the elements are those that were written.
bool is_intact(const Tensor& tensor, std::uint64_t hash);

/// The graph alone, all of it verified.
std::shared_ptr<graph::Graph> read_cache_file(const Source& source);

}  // namespace saccade::import
