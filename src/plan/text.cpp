// SPDX-License-Identifier: Apache-2.0
// The plan as text.
#include <fmt/format.h>

#include "plan/plan.h"

namespace saccade::plan {

std::string print(const Plan& plan) {
  std::string text;
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const Step& s = *plan.steps[i];
    text += fmt::format("{:4} {:<28} {:<40} ", i, s.kernel, s.kind);
    for (const Place& p : s.reads) text += to_string(p) + "  ";
    text += "->";
    for (const Place& p : s.writes) text += "  " + to_string(p);
    text += fmt::format("  '{}'\n", s.name);
  }
  for (const Choice& c : plan.choices) text += fmt::format("{} '{}': {} ({})\n", c.taken ? "taken:" : "not taken:", c.node, c.key, c.measured ? "as measured" : c.why);
  const double ratio = plan.arena_lower_bound ? static_cast<double>(plan.arena_bytes) / static_cast<double>(plan.arena_lower_bound) : 1;
  text += fmt::format("arena: {} bytes, {:.3f} of the lower bound {}\n", plan.arena_bytes, ratio, plan.arena_lower_bound);
  for (std::size_t i = 0; i < plan.buffers.size(); ++i) {
    const Buffer& b = plan.buffers[i];
    if (b.kind != Buffer::Kind::arena || b.first < 0) continue;
    text += fmt::format("  b{}: {} bytes at {}, steps {} to {}{}\n", i, b.bytes, b.offset, b.first, b.last,
                        b.over < 0 ? "" : fmt::format(", over b{}", b.over));
  }
  return text;
}

}  // namespace saccade::plan
