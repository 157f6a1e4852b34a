// SPDX-License-Identifier: Apache-2.0
// Writing ONNX.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/problems.h"
#include "graph/graph.h"

namespace saccade::exporter::onnx {

struct WriteOptions {
  /// The operator set, 18 to 23. 21 is read by ONNX Runtime from 1.18 on; newer ones express a little more (23: Attention,
  /// RMSNormalization, RotaryEmbedding as one node each), 18 is read by older tools.
  int opset = 21;
};

/// Writes the graph to `path`, aside and renamed when complete. Constants go into the file, or, where it would pass protobuf's limit of
/// 2 GB, into a second file of the same name with ".data" behind it. Inputs, outputs and metadata keep their names ("onnx." and
/// "openvino." ones are left out).
/// Throws Error: unsupported with the list of what ONNX cannot express, unavailable where a file cannot be written, invalid_argument for an
/// operator set that is not offered.
void write(const graph::Graph& graph, const std::filesystem::path& path, const WriteOptions& options = {});

/// What write() would find inexpressible; nothing is written.
std::vector<Problem> unsupported(const graph::Graph& graph, const WriteOptions& options = {});

}  // namespace saccade::exporter::onnx
