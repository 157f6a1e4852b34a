// SPDX-License-Identifier: Apache-2.0
// Reading OpenVINO IR: an .xml with the layers and a .bin with the constants.
#pragma once

#include <memory>

#include "graph/graph.h"
#include "import/source.h"

namespace saccade::openvino {

/// The graph of an IR of version 2 to 11. The .bin is ReadOptions::weights, or lies beside the .xml under the same name; where the
/// model has no constants there need be none. Constants may view its memory and keep it alive.
///
/// Inputs and outputs are called by their tensor names, in versions up to 10, which have none, by the layers' names. Versions up to 10
/// take f16 as a way to store f32, as OpenVINO does: the graph is in f32. The metadata are "openvino.version", the nested entries of rt_info
/// under "rt_info/a/b", layouts under "layout/NAME", and what rt_info/framework holds under its own keys.
/// Throws Error: invalid_model, also for a .bin that belongs to another model; not_found if there is no .bin; unsupported with
/// everything in the model that is not supported.
std::shared_ptr<graph::Graph> read(const import::Source& source);

}  // namespace saccade::openvino
