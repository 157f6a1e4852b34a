// SPDX-License-Identifier: Apache-2.0
// Cutting a step's work into pieces for the pool.
#pragma once

#include <algorithm>
#include <type_traits>

#include "base/thread_pool.h"
#include "plan/plan.h"

namespace saccade::plan {

// Below this many nanoseconds of work the pool costs more than it saves.
inline constexpr double kWorthThreads = 8000;

template <class F>
void Run::parallel(std::int64_t count, std::int64_t grain, double work, F&& fn, int pieces_a_thread) const {
  if (count <= 0) return;
  const auto call = [&](std::int64_t begin, std::int64_t end, [[maybe_unused]] int thread) {
    if constexpr (std::is_invocable_v<F&, std::int64_t, std::int64_t, std::byte*>)
      fn(begin, end, scratch + static_cast<std::size_t>(thread) * scratch_pitch);
    else
      fn(begin, end);
  };
  if (pool == nullptr || work < kWorthThreads || count <= grain) {
    call(0, count, 0);
    return;
  }
  const std::int64_t blocks = (count + grain - 1) / grain;
  const std::int64_t pieces = std::min(blocks, static_cast<std::int64_t>(pool->threads()) * pieces_a_thread);
  pool->run(static_cast<int>(pieces), [&](int piece, int thread) {
    const std::int64_t begin = blocks * piece / pieces * grain, end = std::min(count, blocks * (piece + 1) / pieces * grain);
    if (begin < end) call(begin, end, thread);
  });
}

}  // namespace saccade::plan
