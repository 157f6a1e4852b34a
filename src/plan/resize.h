// SPDX-License-Identifier: Apache-2.0
// What the ways to resize an image share.
#pragma once

#include <optional>
#include <vector>

#include "plan/lowering.h"

namespace saccade::plan {

/// Source positions and weights of every output position along one axis.
struct ResizeTaps {
  std::size_t per_output = 1;  ///< nearest 1, linear 2, cubic 4
  std::vector<std::int32_t> positions;
  std::vector<float> weights;
};

struct Resampling {
  ResizeTaps lines, columns;
};

/// What a Resize does along two axes of its input, if it changes no other and the kernels have its kind.
std::optional<Resampling> resampling(const graph::Graph& graph, const graph::Node& resize, std::size_t lines_axis, std::size_t columns_axis);

/// Lowers a linear Resize for which `resizes_planes` holds, with the ArgMax behind it if that is its only user.
bool lower_planar_resize(Lowering& l, const graph::Node& node, ResizeTaps lines, ResizeTaps columns);

}  // namespace saccade::plan
