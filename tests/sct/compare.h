// SPDX-License-Identifier: Apache-2.0
// Comparing tensors in text cases.
#pragma once

#include <optional>
#include <string>

#include "saccade/tensor.h"

namespace saccade::sct {

/// The tolerance of a floating type relative to the largest magnitude of the expected tensor; 0 for all others.
double default_tolerance(ElementType type);

/// What is wrong with `got`, or an empty text. NaN equals NaN; infinities must agree.
std::string difference(const Tensor& got, const Tensor& expected, double tolerance);

}  // namespace saccade::sct
