// SPDX-License-Identifier: Apache-2.0
// Reading TensorFlow Lite models.
#pragma once

#include <memory>

#include "graph/graph.h"
#include "import/source.h"

namespace saccade::tflite {

/// The graph of a .tflite file: float, half, quantised. Inputs and outputs keep the layout and element types of the file and
/// the names of its signature, or of its tensors. Metadata: tflite.description, tflite.signature, tflite.notes, names (labels
/// that come with the file). Throws Error: unsupported with the list of all that is missing, invalid_model.
std::shared_ptr<graph::Graph> read(const import::Source& source);

}  // namespace saccade::tflite
