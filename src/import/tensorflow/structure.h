// SPDX-License-Identifier: Apache-2.0
// TensorFlow 1's control flow, made of Enter, Merge, Switch, Exit, NextIteration and LoopCond, as While and If nodes with bodies.
#pragma once

#include "import/tensorflow/network.h"

namespace saccade::tensorflow {

/// Loops become While nodes, values that a condition chooses between become If nodes, in the network and in the bodies made.
/// Throws Error(invalid_model) for loops that are not closed or reach into each other.
void structure_control_flow(Network& network);

}  // namespace saccade::tensorflow
