// SPDX-License-Identifier: Apache-2.0
// Half precision on this machine: regions of f16 and bf16 are computed in f32.
#pragma once

#include <memory>

#include "graph/graph.h"

namespace saccade::plan {

/// The same network with f32 in the place of f16 and bf16 wherever there are kernels for it. f16 is rounded where the graph
/// converts, at nodes without kernels and at the outputs, and not in between; bf16 is rounded after every node. Inputs and
/// outputs keep their types. Returns the graph itself if nothing is that narrow. Bodies of If and Loop are left for their own
/// programs.
std::shared_ptr<const graph::Graph> widen_half(std::shared_ptr<const graph::Graph> graph);

}  // namespace saccade::plan
