// SPDX-License-Identifier: Apache-2.0
// Reading TensorFlow models.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "graph/graph.h"
#include "import/source.h"

namespace saccade::tensorflow {

enum class Kind {
  graph,       // GraphDef, binary
  graph_text,  // GraphDef as .pbtxt
  saved_model, meta_graph,
  checkpoint,  // the index of a checkpoint
  archive,     // .tar.gz or .tar
};

/// What the bytes are, judged by their outermost fields; also for one that is damaged further on.
std::optional<Kind> looks_like(std::span<const char> bytes);

/// The file in a folder that stands for the model in it: saved_model.pb, frozen_inference_graph.pb, saved_model/saved_model.pb. Empty if
/// there is none.
std::filesystem::path model_in_folder(const std::filesystem::path& folder);

/// The graph of a model; its constants may view the file's memory and keep it alive. Values keep TensorFlow's names, inputs and
/// outputs the layout of the file. ReadOptions.weights is the prefix or the index of a checkpoint, or OpenCV's text graph of a GraphDef.
/// Throws Error(invalid_model), Error(not_found) for missing files and for names of ReadOptions that are not there, and
/// Error(unsupported) with everything in the model that is not supported.
std::shared_ptr<graph::Graph> read(const import::Source& source);

}  // namespace saccade::tensorflow
