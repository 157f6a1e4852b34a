// SPDX-License-Identifier: Apache-2.0
// The list of problems (base/problems.h) under the importers' namespace.
#pragma once

#include "base/problems.h"

namespace saccade::import {

using saccade::Problem;
using saccade::Problems;

}  // namespace saccade::import
