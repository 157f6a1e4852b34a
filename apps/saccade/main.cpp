// SPDX-License-Identifier: Apache-2.0
// The command: a table of verbs. Those that need images or video live in libsaccade_vision.so, which is opened only for
// them, so that the others start without its three hundred libraries.
#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/nearest.h"
#include "command.h"
#include "saccade/version.h"
#include "verbs.h"

namespace saccade::cli {
namespace {

struct Verb {
  std::string_view name;
  int (*run)(int, char**);  // null: `saccade_verb_NAME` in `library`
  const char* library;
  std::string_view summary;
};

constexpr const char* kVision = "libsaccade_vision.so";
constexpr Verb kVerbs[] = {
    {"info", verb_info, nullptr, "say what a model is: inputs, outputs, operators, size, what is unsupported"},
    {"bench", verb_bench, nullptr, "measure how fast a model runs"},
    {"detect", nullptr, kVision, "find objects on photos and in video"},
    {"demo", nullptr, kVision, "run the bundled detector on a video that it renders"},
    {"doctor", verb_doctor, nullptr, "say what this machine offers and what saccade makes of it"},
};

void print_usage(std::FILE* out) {
  fmt::print(out, "saccade {}: trained vision models, run fast\n\nUsage: saccade VERB [OPTIONS]\n\n", SACCADE_VERSION);
  for (const Verb& verb : kVerbs) fmt::print(out, "  {:8} {}\n", verb.name, verb.summary);
  fmt::print(out, "\nsaccade VERB --help says more, with an example.\n");
}

int run_from_library(const Verb& verb, int argc, char** argv) {
  void* library = dlopen(verb.library, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* reason = dlerror();
    fmt::print(stderr, "saccade {}: {} cannot be opened: {}\n  it is built with -DSACCADE_VISION=ON and needs OpenCV 4.6\n", verb.name, verb.library, reason);
    return kFailed;
  }
  const std::string symbol = fmt::format("saccade_verb_{}", verb.name);
  const auto run = reinterpret_cast<int (*)(int, char**)>(dlsym(library, symbol.c_str()));
  if (run == nullptr) {
    fmt::print(stderr, "saccade {}: {} does not have this verb; it is of another version\n", verb.name, verb.library);
    return kFailed;
  }
  return run(argc, argv);
}

int run(int argc, char** argv) {
  const std::string_view name = argc > 1 ? argv[1] : "";
  if (name.empty()) {
    print_usage(stderr);
    return kUsage;
  }
  if (name == "--help" || name == "-h" || name == "help") {
    print_usage(stdout);
    return kDone;
  }
  if (name == "--version") {
    fmt::print("saccade {}\n", SACCADE_VERSION);
    return kDone;
  }
  std::vector<std::string_view> names;
  for (const Verb& verb : kVerbs) {
    if (verb.name == name) return verb.run != nullptr ? verb.run(argc - 1, argv + 1) : run_from_library(verb, argc - 1, argv + 1);
    names.push_back(verb.name);
  }
  fmt::print(stderr, "saccade: there is no verb '{}'; did you mean '{}'?\n  try: saccade --help\n", name, nearest(name, names));
  return kUsage;
}

}  // namespace
}  // namespace saccade::cli

int main(int argc, char** argv) {
  try {
    return saccade::cli::run(argc, argv);
  } catch (...) {
    return saccade::cli::report_current_exception(argc > 1 ? argv[1] : "");
  }
}
