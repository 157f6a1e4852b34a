// SPDX-License-Identifier: Apache-2.0
// The assembler includes the file, so that no generated array of a million numbers has to be compiled.
#include "demo_model.h"

// SACCADE_DEMO_MODEL is the path, given by CMake.
__asm__(
    ".pushsection .rodata\n"
    ".hidden saccade_demo_model_begin\n"
    ".hidden saccade_demo_model_end\n"
    ".global saccade_demo_model_begin\n"
    ".global saccade_demo_model_end\n"
    ".balign 16\n"
    "saccade_demo_model_begin:\n"
    ".incbin \"" SACCADE_DEMO_MODEL
    "\"\n"
    "saccade_demo_model_end:\n"
    ".popsection\n");

extern "C" {
extern const char saccade_demo_model_begin[] __attribute__((visibility("hidden")));
extern const char saccade_demo_model_end[] __attribute__((visibility("hidden")));
}

namespace saccade::cli {

std::string_view demo_model() {
  return {saccade_demo_model_begin, static_cast<std::size_t>(saccade_demo_model_end - saccade_demo_model_begin)};
}

}  // namespace saccade::cli
