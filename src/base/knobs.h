// SPDX-License-Identifier: Apache-2.0
// Knobs: the environment variables of saccade, all in one table (knobs.def). Nothing else reads the environment.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace saccade {

enum class Knob {
#define SACCADE_KNOB(ID, NAME, DEFAULT, HELP) ID,
#include "base/knobs.def"
#undef SACCADE_KNOB
};

struct KnobRow {
  std::string_view name, default_text, help;
};

/// All knobs, in the order of the enum.
std::span<const KnobRow> all_knobs();
/// What the environment says now; empty if it says nothing. Thread safe as long as nobody changes the environment.
std::string knob(Knob id);
/// For knobs that are on unless they are set to "0", "no", "off" or "false".
bool knob_on(Knob id);

}  // namespace saccade
