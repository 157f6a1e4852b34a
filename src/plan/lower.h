// SPDX-License-Identifier: Apache-2.0
// The functions that lower one operator each: rows of lower.def.
#pragma once

#include "plan/lowering.h"

namespace saccade::plan {

#define SACCADE_LOWER(name, function) bool function(Lowering& l, const graph::Node& node);
#include "plan/lower.def"
#undef SACCADE_LOWER

bool lower_unary(Lowering& l, const graph::Node& node);
bool lower_binary(Lowering& l, const graph::Node& node);
bool lower_reduce(Lowering& l, const graph::Node& node);
/// The node and those behind it up to a stem convolution, if they prepare a picture; tried before the functions of single operators.
bool lower_picture(Lowering& l, const graph::Node& node);

}  // namespace saccade::plan
