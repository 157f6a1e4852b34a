// SPDX-License-Identifier: Apache-2.0
// The table of knobs and the one place that reads the environment.
#include "base/knobs.h"

#include <cstdlib>

namespace saccade {
namespace {

constexpr KnobRow kKnobs[] = {
#define SACCADE_KNOB(ID, NAME, DEFAULT, HELP) {NAME, DEFAULT, HELP},
#include "base/knobs.def"
#undef SACCADE_KNOB
};

}  // namespace

std::span<const KnobRow> all_knobs() { return kKnobs; }

std::string knob(Knob id) {
  const char* value = std::getenv(kKnobs[static_cast<std::size_t>(id)].name.data());
  return value != nullptr ? value : "";
}

bool knob_on(Knob id) {
  const std::string value = knob(id);
  return value != "0" && value != "no" && value != "off" && value != "false";
}

}  // namespace saccade
