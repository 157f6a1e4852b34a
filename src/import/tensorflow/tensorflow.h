// SPDX-License-Identifier: Apache-2.0
// Reading TensorFlow models.
#pragma once

#include <memory>

#include "graph/graph.h"
#include "import/source.h"

namespace saccade::tensorflow {

/// The graph of a frozen GraphDef; its constants may view the file's memory and keep it alive. Values keep TensorFlow's names, inputs and
/// outputs the layout of the file. Throws Error(invalid_model), Error(not_found) for a node of ReadOptions that is not there,
/// and Error(unsupported) with everything in the model that is not supported.
std::shared_ptr<graph::Graph> read(const import::Source& source);

}  // namespace saccade::tensorflow
