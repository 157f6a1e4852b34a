// SPDX-License-Identifier: Apache-2.0
// ArgMax and ArgMin as a kernel sees them, for steps that end with one.
#pragma once

#include <optional>

#include "plan/lowering.h"

namespace saccade::plan {

/// The kernel's arguments but for sizes and places, if the node is an ArgMax or ArgMin that the kernel can run.
std::optional<kernels::ArgMaxArgs> argmax_of(const Lowering& l, const graph::Node& node);

}  // namespace saccade::plan
