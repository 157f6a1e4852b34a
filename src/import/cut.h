// SPDX-License-Identifier: Apache-2.0
// Cutting a graph: from a value on, or up to a value.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace saccade::import {

/// The part of the graph that computes the named outputs from the named inputs: these values become the inputs, in that order and of the
/// types that they have, before those of the old inputs that are still needed. No names: the old inputs, or outputs. A name is that of a value, or
/// "name", "name:1" of a node's output, "1:name" of what a node's input takes. Constants share their elements with the old graph.
/// Throws Error(not_found) with the nearest name.
std::shared_ptr<graph::Graph> cut(const graph::Graph& graph, const std::vector<std::string>& inputs, const std::vector<std::string>& outputs);

/// The value that a name as above stands for; throws Error(not_found) with the nearest name.
graph::ValueId find_value(const graph::Graph& graph, const std::string& name);

}  // namespace saccade::import
