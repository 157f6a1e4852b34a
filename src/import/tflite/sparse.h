// SPDX-License-Identifier: Apache-2.0
// Constants that are stored sparse, as pruning leaves them.
#pragma once

#include "import/tflite/wire.h"
#include "saccade/tensor.h"

namespace saccade::tflite {

/// The whole tensor, zeros where nothing is stored. Throws Error(invalid_model) where the description does not fit the shape or the data,
/// or the tensor is out of proportion to a file of that many bytes.
Tensor densified(const TensorInfo& info, ElementType type, std::span<const char> data, std::size_t file_bytes);

}  // namespace saccade::tflite
