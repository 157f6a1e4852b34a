// SPDX-License-Identifier: Apache-2.0
// Reading Keras models: .h5 of Keras 2 and 3, and .keras.
#pragma once

#include <memory>

#include "graph/graph.h"
#include "import/source.h"

namespace saccade::keras {

/// Whether a zip archive is a .keras file.
bool is_archive(std::span<const char> bytes);

/// The graph of a whole model: Sequential or Functional, with its weights. Inputs and outputs keep Keras' layout and are named
/// like the input and output layers. Metadata: keras.version, keras.notes. Throws Error: unsupported with the list of all that
/// is missing, and for files that hold weights without a model; invalid_model.
std::shared_ptr<graph::Graph> read_h5(const import::Source& source);
std::shared_ptr<graph::Graph> read_archive(const import::Source& source);

}  // namespace saccade::keras
