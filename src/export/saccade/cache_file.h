// SPDX-License-Identifier: Apache-2.0
// saccade's own file of a network: the optimised graph as text, its constants as they lie in memory. It is read by mapping:
// nothing is parsed but the graph, and nothing is optimised twice. In a cache it also holds the constants as they were packed
// for the kernels of a machine.
//
//   "SACCADE\x02" · u64 bytes of the header · u64 hash of the header · header · padding to 64 bytes
//   · constants and packed constants, each at a multiple of 64 bytes · 64 bytes, so that vectors may be read beyond the last
//
// The header is JSON: {"version", "name", "metadata", "graph": text in which the large constants are further inputs, behind
// the network's own, "constants": [{"name", "type", "shape", "offset", "hash", "packed": only used in packed form}] for these in
// order, "key", "files": [{"path", "bytes", "hash"}], "packs": [{"source": index of a constant, or -1 - index of a pack before
// it, "key", "floats", "offset", "hash"}], "left_out": packs whose source has no name}.
#pragma once

#include <filesystem>

#include "graph/cache_format.h"
#include "graph/graph.h"

namespace saccade::exporter {

/// Writes the graph aside and renames it when complete. Every operator can be written. Packs whose source is not a constant of
/// the graph are left out. Throws Error(unavailable) where the file cannot be written.
void write_cache_file(const graph::Graph& graph, const std::filesystem::path& path, const graph::CacheContents& contents = {});

}  // namespace saccade::exporter
