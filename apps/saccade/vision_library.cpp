// SPDX-License-Identifier: Apache-2.0
// Opening libsaccade_vision.so beside the command or where it is installed.
#include "vision_library.h"

#include <dlfcn.h>

#include <filesystem>

#include "base/error.h"
#include "saccade/core.h"

namespace saccade::cli {

void* vision_function(const char* name) {
  constexpr const char* kLibrary = "libsaccade_vision.so";
  // beside the engine's library first: the run path of the command does not count where a sanitizer stands between
  void* library = nullptr;
  Dl_info engine;
  if (dladdr(reinterpret_cast<const void*>(&saccade::properties::names), &engine) != 0 && engine.dli_fname != nullptr)
    library = dlopen((std::filesystem::path(engine.dli_fname).parent_path() / kLibrary).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) fail(ErrorCode::unavailable, "photos and video need {}, which is built with -DSACCADE_VISION=ON: {}", kLibrary, dlerror());
  void* function = dlsym(library, name);
  if (function == nullptr) fail(ErrorCode::unavailable, "{} is of another version: it has no {}", kLibrary, name);
  return function;
}

}  // namespace saccade::cli
