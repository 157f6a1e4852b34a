// SPDX-License-Identifier: Apache-2.0
// Loops whose iterations do not depend on each other, as operators over all of them at once.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graph/edit.h"

namespace saccade::ops {

/// What a Loop gives, computed without it: values that it reads item by item take part whole, with the iterations as a further
/// first dimension. Works where the trip count is given, the condition always holds, what is carried only counts, and the body holds
/// operators that can be spread over a batch. Otherwise nothing, and `reason` says why; nodes that were added by then are dead.
/// Throws nothing but what Edit throws on out of memory.
std::optional<std::vector<graph::ValueId>> vectorise_loop(graph::Edit& edit, graph::NodeId loop, std::string& reason);

/// The same for all loops of a graph, which are replaced where that is possible.
void vectorise_loops(graph::Graph& graph);

}  // namespace saccade::ops
