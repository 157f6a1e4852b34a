// SPDX-License-Identifier: Apache-2.0
// TensorArrays and TensorLists as tensors with a first axis.
#pragma once

#include "import/tensorflow/map.h"

namespace saccade::tensorflow {

/// The items as one tensor; zeros of the known item shape if nothing has been written. Throws Error(unsupported) if that is not known.
ValueId list_data(Edit& edit, const ListState& list);

/// The number of items as an i64 scalar.
ValueId list_size(Edit& edit, const ListState& list);

}  // namespace saccade::tensorflow
