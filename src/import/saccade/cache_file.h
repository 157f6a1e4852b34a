// SPDX-License-Identifier: Apache-2.0
// Reading saccade's own file; export/saccade/cache_file.h says what it is.
#pragma once

#include <memory>
#include <span>

#include "graph/graph.h"
#include "import/source.h"

namespace saccade::import {

bool looks_like_cache_file(std::span<const char> bytes);

/// The graph; its large constants view the file's memory and keep it alive. Throws Error(invalid_model) for a damaged file or one of
/// another version.
std::shared_ptr<graph::Graph> read_cache_file(const Source& source);

}  // namespace saccade::import
