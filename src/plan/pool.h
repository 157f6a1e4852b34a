// SPDX-License-Identifier: Apache-2.0
// Convolution and pooling as one step.
#pragma once

#include "plan/conv.h"

namespace saccade::plan {

/// Lowers the convolution together with the pooling behind it as one step that streams rows, if there is one and that is estimated to be
/// faster; false: nothing was done.
bool lower_pooled(Lowering& l, const Convolution& conv);
/// Whether lower_pooled would.
bool begins_pooled(Lowering& l, const Convolution& conv);

}  // namespace saccade::plan
