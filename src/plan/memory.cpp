// SPDX-License-Identifier: Apache-2.0
// The memory planner: lives of buffers from the steps that touch them, which of them are written over others, then greedy placement.
#include <algorithm>

#include "base/error.h"
#include "plan/plan.h"

namespace saccade::plan {
namespace {

constexpr std::size_t kAlign = 64;
// kernels may read or write whole vectors past the end of a row
constexpr std::size_t kSlack = 64;

// Buffers that share memory, one written over the other, and when any of them is alive.
struct Piece {
  std::size_t bytes = 0, offset = 0;
  int first = -1, last = -1;
};

std::size_t lower_bound_bytes(const std::vector<Piece>& pieces, std::size_t steps) {
  std::vector<std::size_t> alive(steps + 1, 0);
  for (const Piece& p : pieces)
    for (int s = p.first; s <= p.last; ++s) alive[static_cast<std::size_t>(s)] += p.bytes;
  return *std::max_element(alive.begin(), alive.end());
}

std::size_t place_greedily(const std::vector<Piece*>& ordered) {
  std::vector<const Piece*> placed;
  std::size_t total = 0;
  for (Piece* p : ordered) {
    p->offset = 0;
    // `placed` is kept sorted by offset: the first gap that is wide enough wins
    for (const Piece* other : placed) {
      if (other->last < p->first || p->last < other->first) continue;
      if (p->offset + p->bytes <= other->offset) break;
      p->offset = std::max(p->offset, other->offset + other->bytes);
    }
    total = std::max(total, p->offset + p->bytes);
    placed.insert(
        std::upper_bound(placed.begin(), placed.end(), p->offset, [](std::size_t offset, const Piece* q) { return offset < q->offset; }),
        p);
  }
  return total;
}

Buffer& buffer_of(Plan& plan, const Place& p) { return plan.buffers[static_cast<std::size_t>(p.buffer)]; }

void find_lives(Plan& plan) {
  for (std::size_t s = 0; s < plan.steps.size(); ++s) {
    const auto touch = [&](const Place& p) {
      Buffer& b = buffer_of(plan, p);
      if (b.first < 0) b.first = static_cast<int>(s);
      b.last = static_cast<int>(s);
    };
    for (const Place& p : plan.steps[s]->reads) touch(p);
    for (const Place& p : plan.steps[s]->writes) touch(p);
  }
  // an output that aliases an arena buffer is read after the last step
  for (const Place& p : plan.outputs) buffer_of(plan, p).last = static_cast<int>(plan.steps.size());
}

// Whether the step's first output takes the place of the input that it may be written over: nothing else is in the memory of either.
bool works_in_place(Plan& plan, int index, const Step& step) {
  const Place& from = step.overwritable;
  if (!from.valid() || step.writes.size() != 1) return false;
  const Place& to = step.writes.front();
  const Buffer &old = buffer_of(plan, from), &fresh = buffer_of(plan, to);
  return old.kind == Buffer::Kind::arena && fresh.kind == Buffer::Kind::arena && old.last == index && fresh.first == index &&
         lie_alike(from, to) &&
         std::count_if(step.reads.begin(), step.reads.end(), [&](const Place& p) { return p.buffer == from.buffer; }) == 1 &&
         std::none_of(step.reads.begin(), step.reads.end(), [&](const Place& p) { return p.buffer == to.buffer; });
}

}  // namespace

void plan_memory(Plan& plan) {
  find_lives(plan);
  for (std::size_t s = 0; s < plan.steps.size(); ++s)
    if (const Step& step = *plan.steps[s]; works_in_place(plan, static_cast<int>(s), step))
      buffer_of(plan, step.writes.front()).over = step.overwritable.buffer;

  std::vector<std::size_t> piece_of(plan.buffers.size());
  std::vector<Piece> pieces;
  std::vector<std::size_t> by_birth;
  for (std::size_t i = 0; i < plan.buffers.size(); ++i)
    if (plan.buffers[i].kind == Buffer::Kind::arena && plan.buffers[i].first >= 0) by_birth.push_back(i);
  // what is written over is born before
  std::stable_sort(by_birth.begin(), by_birth.end(),
                   [&](std::size_t a, std::size_t b) { return plan.buffers[a].first < plan.buffers[b].first; });
  for (std::size_t i : by_birth) {
    Buffer& b = plan.buffers[i];
    b.bytes = (b.bytes + kSlack + kAlign - 1) / kAlign * kAlign;
    if (b.over < 0) pieces.push_back({0, 0, b.first, b.last});
    piece_of[i] = b.over < 0 ? pieces.size() - 1 : piece_of[static_cast<std::size_t>(b.over)];
    Piece& piece = pieces[piece_of[i]];
    piece.bytes = std::max(piece.bytes, b.bytes);
    piece.last = std::max(piece.last, b.last);
  }
  plan.arena_bytes = plan.arena_lower_bound = 0;
  if (pieces.empty()) return;
  plan.arena_lower_bound = lower_bound_bytes(pieces, plan.steps.size());
  std::vector<Piece*> ordered;
  for (Piece& p : pieces) ordered.push_back(&p);
  plan.arena_bytes = place_greedily(ordered);  // as they are born
  auto by_size = ordered;
  std::stable_sort(by_size.begin(), by_size.end(), [](const Piece* a, const Piece* b) { return a->bytes > b->bytes; });
  const std::size_t otherwise = place_greedily(by_size);
  if (otherwise < plan.arena_bytes) {
    plan.arena_bytes = otherwise;
  } else {
    place_greedily(ordered);
  }
  for (std::size_t i : by_birth) plan.buffers[i].offset = pieces[piece_of[i]].offset;
}

}  // namespace saccade::plan
