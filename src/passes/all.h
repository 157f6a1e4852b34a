// SPDX-License-Identifier: Apache-2.0
// All passes; each is made in the file of its name, which shows what it does at the top. pipeline.cpp has the order.
#pragma once

#include "passes/pass.h"
#include "tensor/numeric.h"

namespace saccade::passes {

Pass drop_identities();
Pass fold_constants();
Pass fuse_common_subexpressions();

}  // namespace saccade::passes
