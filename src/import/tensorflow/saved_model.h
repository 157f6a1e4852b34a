// SPDX-License-Identifier: Apache-2.0
// Reading SavedModels and meta graphs with their checkpoints.
#pragma once

#include <memory>

#include "graph/graph.h"
#include "import/importer.h"
#include "import/tensorflow/folder.h"

namespace saccade::tensorflow {

/// The SavedModel in a folder, whose file saved_model.pb is `file`. Inputs and outputs are those of the signature, called as it calls
/// them and sorted by name; ReadOptions.outputs replace them by values of the graph. Throws Error(invalid_model) for a damaged one or one without the
/// signature, Error(not_found) for missing weights, Error(unsupported) with everything that is not supported.
std::shared_ptr<graph::Graph> read_saved_model(std::shared_ptr<FileBytes> file, std::shared_ptr<const Folder> folder, const import::ReadOptions& options);

/// A MetaGraphDef (.meta) with the checkpoint of that prefix in the folder; empty: without one.
std::shared_ptr<graph::Graph> read_meta_graph(std::shared_ptr<FileBytes> file, std::shared_ptr<const Folder> folder, const std::string& prefix, const import::ReadOptions& options);

/// A GraphDef; the checkpoint is for one that has variables.
std::shared_ptr<graph::Graph> read_graph_def(std::shared_ptr<FileBytes> file, std::shared_ptr<const Folder> folder, const std::string& prefix, const import::ReadOptions& options);

}  // namespace saccade::tensorflow
