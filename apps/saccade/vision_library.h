// SPDX-License-Identifier: Apache-2.0
// libsaccade_vision.so, opened when something needs pictures.
#pragma once

#include "saccade/model.h"

namespace saccade::cli {

/// The function of that name in libsaccade_vision.so; throws Error(unavailable) with what to do if it cannot be had.
void* vision_function(const char* name);

/// What libsaccade_vision.so exports as `saccade_prepare_photo`: a photo as the tensor that `detect` would give this input of the model.
using PreparePhoto = Tensor (*)(const char* model_path, const Model& model, std::size_t input, const char* photo);

}  // namespace saccade::cli
