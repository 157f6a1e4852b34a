// SPDX-License-Identifier: Apache-2.0
// The registry of operators: from a name to an operator with default attributes. Thread-safe.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

/// The operator of that name with its default attributes, or nothing if there is none.
std::optional<graph::Op> find_op(std::string_view name);
/// All names, sorted.
std::vector<std::string_view> op_names();
/// How an operator of our own is written to IR, "not expressible" if it cannot be; empty for operators of OpenVINO's dialect.
std::string_view export_form(std::string_view name);

}  // namespace saccade::ops
