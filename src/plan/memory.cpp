// SPDX-License-Identifier: Apache-2.0
// The memory planner: lives of buffers from the steps that touch them, then greedy placement by size.
#include <algorithm>

#include "base/error.h"
#include "plan/plan.h"

namespace saccade::plan {
namespace {

constexpr std::size_t kAlign = 64;
// kernels may read or write whole vectors past the end of a row
constexpr std::size_t kSlack = 64;

std::size_t lower_bound_bytes(const Plan& plan, const std::vector<BufferId>& items) {
  std::vector<std::size_t> alive(plan.steps.size() + 1, 0);
  for (BufferId id : items) {
    const Buffer& b = plan.buffers[static_cast<std::size_t>(id)];
    for (int s = b.first; s <= b.last; ++s) alive[static_cast<std::size_t>(s)] += b.bytes;
  }
  return *std::max_element(alive.begin(), alive.end());
}

std::size_t place_greedily(Plan& plan, const std::vector<BufferId>& ordered) {
  std::vector<BufferId> placed;
  std::size_t total = 0;
  for (BufferId id : ordered) {
    Buffer& b = plan.buffers[static_cast<std::size_t>(id)];
    std::size_t offset = 0;
    // `placed` is kept sorted by offset: the first gap that is wide enough wins
    for (BufferId other_id : placed) {
      const Buffer& other = plan.buffers[static_cast<std::size_t>(other_id)];
      if (other.last < b.first || b.last < other.first) continue;
      if (offset + b.bytes <= other.offset) break;
      offset = std::max(offset, other.offset + other.bytes);
    }
    b.offset = offset;
    total = std::max(total, offset + b.bytes);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), offset,
                                   [&](std::size_t o, BufferId p) { return o < plan.buffers[static_cast<std::size_t>(p)].offset; }),
                  id);
  }
  return total;
}

}  // namespace

void plan_memory(Plan& plan) {
  for (std::size_t s = 0; s < plan.steps.size(); ++s) {
    const auto touch = [&](const Place& p) {
      Buffer& b = plan.buffers[static_cast<std::size_t>(p.buffer)];
      if (b.first < 0) b.first = static_cast<int>(s);
      b.last = static_cast<int>(s);
    };
    for (const Place& p : plan.steps[s]->reads) touch(p);
    for (const Place& p : plan.steps[s]->writes) touch(p);
  }
  // an output that aliases an arena buffer is read after the last step
  for (const Place& p : plan.outputs) plan.buffers[static_cast<std::size_t>(p.buffer)].last = static_cast<int>(plan.steps.size());
  std::vector<BufferId> items;
  for (std::size_t i = 0; i < plan.buffers.size(); ++i) {
    Buffer& b = plan.buffers[i];
    if (b.kind != Buffer::Kind::arena || b.first < 0) continue;
    b.bytes = (b.bytes + kSlack + kAlign - 1) / kAlign * kAlign;
    items.push_back(static_cast<BufferId>(i));
  }
  plan.arena_bytes = plan.arena_lower_bound = 0;
  if (items.empty()) return;
  plan.arena_lower_bound = lower_bound_bytes(plan, items);
  const auto size_of = [&](BufferId id) { return plan.buffers[static_cast<std::size_t>(id)].bytes; };
  const auto first_of = [&](BufferId id) { return plan.buffers[static_cast<std::size_t>(id)].first; };
  std::stable_sort(items.begin(), items.end(), [&](BufferId a, BufferId b) { return size_of(a) > size_of(b); });
  const std::size_t by_size = place_greedily(plan, items);
  auto by_time = items;
  std::stable_sort(by_time.begin(), by_time.end(), [&](BufferId a, BufferId b) { return first_of(a) < first_of(b); });
  plan.arena_bytes = place_greedily(plan, by_time);
  if (by_size <= plan.arena_bytes) plan.arena_bytes = place_greedily(plan, items);
}

}  // namespace saccade::plan
