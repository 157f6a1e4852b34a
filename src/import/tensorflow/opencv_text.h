// SPDX-License-Identifier: Apache-2.0
// OpenCV's text graphs: a .pbtxt that says which nodes of a frozen graph are run, with detection layers added.
#pragma once

#include <memory>
#include <string_view>

#include "base/file.h"
#include "graph/graph.h"
#include "import/importer.h"

namespace saccade::tensorflow {

/// Whether a graph in text form leaves its weights to a .pb, that is, reads nodes that it does not define.
bool is_opencv_text(std::string_view text);

/// The graph of the text with the nodes of the .pb that it reads, by name. Inputs keep TensorFlow's layout.
std::shared_ptr<graph::Graph> read_opencv(std::shared_ptr<FileBytes> text, std::shared_ptr<FileBytes> weights, const import::ReadOptions& options);

}  // namespace saccade::tensorflow
