// SPDX-License-Identifier: Apache-2.0
// Opening libsaccade_vision.so beside the command or where it is installed.
#include "vision_library.h"

#include <dlfcn.h>

#include "base/error.h"

namespace saccade::cli {

void* vision_function(const char* name) {
  constexpr const char* kLibrary = "libsaccade_vision.so";
  void* library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) fail(ErrorCode::unavailable, "photos and video need {}, which is built with -DSACCADE_VISION=ON: {}", kLibrary, dlerror());
  void* function = dlsym(library, name);
  if (function == nullptr) fail(ErrorCode::unavailable, "{} is of another version: it has no {}", kLibrary, name);
  return function;
}

}  // namespace saccade::cli
