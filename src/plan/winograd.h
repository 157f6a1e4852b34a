// SPDX-License-Identifier: Apache-2.0
// Winograd's algorithm as another way to run a 3×3 convolution.
#pragma once

#include "plan/conv.h"

namespace saccade::plan {

/// With which tiles of outputs, 4×4 or 2×2, the algorithm runs this convolution: their side, or 0 where it can not or where the
/// dense driver is measured or estimated to be faster. Small images waste less in small tiles, and large filters take less memory.
Index winograd_tile(Lowering& l, const graph::Node& node, const Geometry& g, Index groups);

/// Emits the step, for tiles of that side. The convolutions read the same image in the same way.
void lower_winograd(Lowering& l, const std::vector<PlacedConvolution>& convolutions, Index tile);

}  // namespace saccade::plan
