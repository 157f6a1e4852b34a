// SPDX-License-Identifier: Apache-2.0
// Winograd's algorithm as another way to run a 3×3 convolution.
#pragma once

#include "plan/dense_step.h"

namespace saccade::plan {

/// Whether the algorithm can run this convolution and is measured or estimated to be faster than the dense driver.
bool winograd_wins(Lowering& l, const graph::Node& node, const Geometry& g, Index groups);

/// Emits the step. weights: [O, C, 3, 3]; places as images with contiguous channels.
void lower_winograd(Lowering& l, const Chain& chain, const Tensor& weights, const Place& in, const Place& out, const Place& other, const Geometry& g,
                    const kernels::Epilogue& epilogue);

}  // namespace saccade::plan
