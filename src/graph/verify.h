// SPDX-License-Identifier: Apache-2.0
// Checking a graph's invariants: after an import, after every pass in tests.
#pragma once

#include "graph/graph.h"

namespace saccade::graph {

enum class VerifyTypes { no, yes };

/// Checks that uses and producers agree, that nothing dead is used, that there is no cycle, that output names differ, and that
/// types are instances of what infer says of the inputs' types; bodies included. Throws Error(internal) that says what is wrong.
void verify(const Graph& graph, VerifyTypes types = VerifyTypes::yes);

}  // namespace saccade::graph
