// SPDX-License-Identifier: Apache-2.0
// Another batch for a graph that was exported with a fixed one.
#pragma once

#include <cstdint>

#include "graph/edit.h"

namespace saccade::api {

/// Infers all nodes again after inputs have changed their outermost dimension from `from` to `to`. Reshapes with a constant target
/// that begins with `from` follow where their data have. `edit` must be of a copy of `before`. Throws as Edit::infer_all does.
void infer_with_batch(graph::Edit& edit, const graph::Graph& before, std::int64_t from, std::int64_t to);

}  // namespace saccade::api
