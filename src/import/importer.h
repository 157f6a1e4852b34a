// SPDX-License-Identifier: Apache-2.0
// Reading a model file of any format: the format is recognised by content, never by the file's name.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "graph/graph.h"
#include "saccade/read_options.h"

namespace saccade::import {

/// What a file is. Only some of these can be read, see read_model().
enum class Format {
  saccade, onnx, openvino_ir, tflite, caffe, caffe_prototxt, tensorflow_graph, tensorflow_saved_model, tensorflow_checkpoint,
  tensorflow_meta_graph, archive, keras_h5, zip,
  pytorch, torch7, mxnet_params, mxnet_symbol, kaldi, darknet, paddle, ncnn, git_lfs_pointer, html, unknown,
};

/// "ONNX", "OpenVINO IR" …
std::string_view to_string(Format format) noexcept;

/// Judges by the contents alone.
Format sniff(std::span<const char> bytes);

using saccade::ReadOptions;

/// The model in a file or a folder (SavedModel, a TensorFlow zoo folder) as a graph. Constants may view the file's memory and keep
/// it alive. Throws Error: not_found, unavailable; unsupported for a known format that cannot be read, and with the list of
/// everything in the model that is not supported; invalid_model for a damaged or foreign file; out_of_memory.
std::shared_ptr<const graph::Graph> read_model(const std::filesystem::path& path, const ReadOptions& options = {});

/// The same for bytes in memory, which are copied. `folder` holds external data; empty: such models are refused.
std::shared_ptr<const graph::Graph> read_model_bytes(std::span<const char> bytes, const std::filesystem::path& folder = {}, const ReadOptions& options = {});

}  // namespace saccade::import
