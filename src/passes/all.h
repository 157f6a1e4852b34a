// SPDX-License-Identifier: Apache-2.0
// All passes; each is made in the file of its name, which shows what it does at the top. pipeline.cpp has the order.
#pragma once

#include "passes/pass.h"
#include "tensor/numeric.h"

namespace saccade::passes {

Pass drop_identities();
Pass fold_arithmetic();
Pass fold_batch_norm();
Pass fold_branches();
Pass fold_constants();
Pass fold_loops();
Pass fold_pad();
Pass fold_scale();
Pass fuse_activations();
Pass fuse_attention();
Pass fuse_common_subexpressions();
Pass fuse_dilation();
Pass fuse_movers();
Pass fuse_reshapes();
Pass fuse_normalizations();
Pass fuse_space_to_depth();
Pass normalize_arithmetic();
Pass normalize_layout();
Pass normalize_resize();

}  // namespace saccade::passes
