// SPDX-License-Identifier: Apache-2.0
// Cutting a step's work into pieces for the pool.
#pragma once

#include <algorithm>

#include "base/thread_pool.h"
#include "plan/plan.h"

namespace saccade::plan {

// Below this many nanoseconds of work the pool costs more than it saves.
inline constexpr double kWorthThreads = 20000;

template <class F>
void Run::parallel(std::int64_t count, std::int64_t grain, double work, F&& fn) const {
  if (count <= 0) return;
  if (pool == nullptr || work < kWorthThreads || count <= grain) {
    fn(std::int64_t{0}, count);
    return;
  }
  // a few pieces a thread, so that a slow one can be helped
  const std::int64_t blocks = (count + grain - 1) / grain;
  const std::int64_t pieces = std::min(blocks, static_cast<std::int64_t>(pool->threads()) * 4);
  pool->run(static_cast<int>(pieces), [&](int piece) {
    const std::int64_t begin = blocks * piece / pieces * grain, end = std::min(count, blocks * (piece + 1) / pieces * grain);
    if (begin < end) fn(begin, end);
  });
}

}  // namespace saccade::plan
