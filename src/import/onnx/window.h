// SPDX-License-Identifier: Apache-2.0
// Reading the attributes that ONNX's window operators share.
#pragma once

#include "import/onnx/map.h"
#include "ops/inference.h"

namespace saccade::onnx {

/// strides, dilations, pads and auto_pad; throws Error(invalid_model) if their lengths do not suit the number of spatial dimensions.
ops::Window read_window(NodeContext& context, std::size_t spatial);
/// Reads kernel_shape and throws Error(invalid_model) if it contradicts the shape of the weights, input `weights`.
void check_kernel_shape(NodeContext& context, std::size_t weights);
/// [c] as [1, c, 1…], with `spatial` ones behind.
ValueId reshape_channels(NodeContext& context, ValueId value, std::size_t spatial);

}  // namespace saccade::onnx
