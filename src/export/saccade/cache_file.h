// SPDX-License-Identifier: Apache-2.0
// saccade's own file of a network: the optimised graph as text, its constants as they lie in memory. It is read by mapping:
// nothing is parsed but the graph, and nothing is optimised twice.
//
//   "SACCADE\x01" · u64 bytes of the header · header · padding to 64 bytes · constants, each at a multiple of 64 bytes
//
// The header is JSON: {"version", "name", "metadata", "graph": text in which the large constants are further inputs, behind
// the network's own, "constants": [{"name", "type", "shape", "offset"}] for these in order, "hash" of the constants}.
#pragma once

#include <filesystem>

#include "graph/graph.h"

namespace saccade::exporter {

/// Writes the graph aside and renames it when complete. Every operator can be written. Throws Error(unavailable) where the file
/// cannot be written.
void write_cache_file(const graph::Graph& graph, const std::filesystem::path& path);

}  // namespace saccade::exporter
