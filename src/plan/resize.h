// SPDX-License-Identifier: Apache-2.0
// What the ways to resize an image share.
#pragma once

#include <vector>

#include "plan/lowering.h"

namespace saccade::plan {

/// Source positions and weights of every output position along one axis.
struct ResizeTaps {
  std::size_t per_output = 1;
  std::vector<std::int32_t> positions;
  std::vector<float> weights;
};

/// Lowers a linear Resize for which `resizes_planes` holds, with the ArgMax behind it if that is its only user.
bool lower_planar_resize(Lowering& l, const graph::Node& node, ResizeTaps lines, ResizeTaps columns);

}  // namespace saccade::plan
