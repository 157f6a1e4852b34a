// SPDX-License-Identifier: Apache-2.0
// Winograd's algorithm as another way to run a 3×3 convolution.
#pragma once

#include "plan/conv.h"

namespace saccade::plan {

/// Whether the algorithm can run this convolution and is measured or estimated to be faster than the dense driver.
bool winograd_wins(Lowering& l, const graph::Node& node, const Geometry& g, Index groups);

/// Emits the step. The convolutions read the same image in the same way.
void lower_winograd(Lowering& l, const std::vector<PlacedConvolution>& convolutions);

}  // namespace saccade::plan
