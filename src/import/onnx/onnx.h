// SPDX-License-Identifier: Apache-2.0
// Reading ONNX models.
#pragma once

#include <filesystem>
#include <memory>

#include "base/file.h"
#include "graph/graph.h"

namespace saccade::onnx {

/// Whether the bytes are a ModelProto, judged by their outermost fields; also true for one that is damaged further on.
bool looks_like_model(std::span<const char> bytes);

/// The graph of a model; its constants may view the file's memory and keep it alive. `folder` holds external data;
/// empty: external data is refused. The metadata are the file's metadata_props and "onnx.opset", "onnx.producer".
/// Throws Error(invalid_model) and Error(unsupported), the latter with everything in the model that is not supported.
std::shared_ptr<graph::Graph> read(std::shared_ptr<FileBytes> file, const std::filesystem::path& folder);

}  // namespace saccade::onnx
