// SPDX-License-Identifier: Apache-2.0
// The bundled detector (models/demo/demo.onnx), which libsaccade_vision.so carries inside.
#pragma once

#include <string_view>

namespace saccade::cli {

/// The bytes of the ONNX file.
std::string_view demo_model();

}  // namespace saccade::cli
