// SPDX-License-Identifier: Apache-2.0
// Reading Caffe models: a prototxt with its caffemodel, or a caffemodel that holds its own definition.
#pragma once

#include <memory>

#include "graph/graph.h"
#include "import/source.h"

namespace saccade::caffe {

/// The graph of a network; its constants may view the memory of the weights' file. Either file of the pair may be the source; the other
/// is options.weights, or the one beside it under the same name, or the only one of its kind in the folder. Inputs and outputs are named
/// like Caffe's blobs, nodes and other values like the layers. The metadata are "caffe.weights".
/// Throws Error(invalid_model), Error(unsupported) with all layers that are, Error(not_found) without the weights that are needed.
std::shared_ptr<graph::Graph> read(const import::Source& source);

}  // namespace saccade::caffe
