// SPDX-License-Identifier: Apache-2.0
// The driver: runs a list of passes until none finds anything, keeps types precise, and does for every pass what no pass does
// itself: naming, timing, logging, verifying, stopping.
#pragma once

#include <span>

#include "passes/pass.h"
#include "passes/passes.h"

namespace saccade::passes {

void run(std::span<const Pass> passes, Graph& graph, const PipelineOptions& options, PassLog& log);

}  // namespace saccade::passes
