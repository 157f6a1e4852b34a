// SPDX-License-Identifier: Apache-2.0
// The command: a table of verbs. Those that need images or video live in libsaccade_vision.so, which is opened only for
// them, so that the others start without its three hundred libraries.
#include <fmt/format.h>

#include <cstdio>
#include <string_view>
#include <vector>

#include "base/nearest.h"
#include "command.h"
#include "saccade/version.h"
#include "verbs.h"
#include "vision_library.h"

namespace saccade::cli {
namespace {

struct Verb {
  std::string_view name;
  int (*run)(int, char**);  // null: `saccade_verb_NAME` in libsaccade_vision.so
  std::string_view summary;
};

constexpr Verb kVerbs[] = {
    {"info", verb_info, "say what a model is: inputs, outputs, operators, size, what is unsupported"},
    {"infer", verb_infer, "run a model on .npy files or photos and write its outputs"},
    {"bench", verb_bench, "measure how fast a model runs"},
    {"tune", verb_tune, "measure the choices in a plan that the rules are not sure of"},
    {"convert", verb_convert, "write a model of any format as OpenVINO IR or ONNX"},
    {"diff", verb_diff, "compare two models, layer by layer"},
    {"detect", nullptr, "find objects on photos and in video"},
    {"eval", verb_eval, "compare detections with annotations: the COCO figures"},
    {"demo", nullptr, "run the bundled detector on a video that it renders"},
    {"compat", verb_compat, "take the command line of an old tool: mo, ovc"},
    {"cache", verb_cache, "look after a folder of prepared models"},
    {"doctor", verb_doctor, "say what this machine offers and what saccade makes of it"},
};

void print_usage(std::FILE* out) {
  fmt::print(out, "saccade {}: trained vision models, run fast\n\nUsage: saccade VERB [OPTIONS]\n\n", SACCADE_VERSION);
  for (const Verb& verb : kVerbs) fmt::print(out, "  {:8} {}\n", verb.name, verb.summary);
  fmt::print(out, "\nsaccade VERB --help says more, with an example.\n");
}

int run(int argc, char** argv) {
  if (argc > 0 && is_old_tool(argv[0])) return run_old_tool(argc, argv);
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
    names.push_back(verb.name);
    if (verb.name != name) continue;
    if (verb.run != nullptr) return verb.run(argc - 1, argv + 1);
    return reinterpret_cast<int (*)(int, char**)>(vision_function(fmt::format("saccade_verb_{}", name).c_str()))(argc - 1, argv + 1);
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
