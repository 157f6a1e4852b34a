// SPDX-License-Identifier: Apache-2.0
// Writing a reshaping between two partly known shapes as a Reshape with a constant target.
#pragma once

#include <optional>
#include <string>

#include "graph/edit.h"

namespace saccade::passes {

/// Reshape(value, target) to a shape like `to`, where that can be said with numbers, one -1 and zeros for dimensions that stay.
std::optional<graph::ValueId> reshape_to(graph::Edit& edit, graph::ValueId value, const graph::PartialShape& to, std::string name);
/// Whether reshape_to would give something.
bool can_reshape_to(const graph::PartialShape& from, const graph::PartialShape& to);

}  // namespace saccade::passes
