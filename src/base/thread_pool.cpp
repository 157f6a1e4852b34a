// SPDX-License-Identifier: Apache-2.0
// A run publishes, for each thread, the range of its bands together with the run's number in one atomic word. Claiming a band
// is a compare-and-swap on such a word, so a worker that wakes too late finds another number and touches nothing; the caller
// therefore never waits for workers that did not take part.
#include "base/thread_pool.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <climits>

#include "base/cpu.h"
#include "base/error.h"
#include "base/knobs.h"

namespace saccade {
namespace {

// Longer than most steps of a network that one thread runs alone, for waking a thread costs as much as a small step; well below the
// millisecond after which nothing may spin.
constexpr auto kSpinTime = std::chrono::microseconds(300);
constexpr int kMaxBands = 0xffff;

void pause() noexcept {
#ifdef __x86_64__
  __builtin_ia32_pause();
#endif
}

void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t value) noexcept {
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}

void futex_wake(std::atomic<std::uint32_t>& word, int count) noexcept {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
}

// Waits for done() for a while without sleeping.
template <class Done>
bool spin_until(Done done) noexcept {
  const auto end = std::chrono::steady_clock::now() + kSpinTime;
  do {
    for (int i = 0; i < 64; ++i) {
      if (done()) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return done();
}

std::uint64_t pack(std::uint32_t epoch, int next, int end) noexcept {
  return std::uint64_t{epoch} << 32 | static_cast<std::uint64_t>(next) << 16 | static_cast<std::uint64_t>(end);
}

// The first band of thread t.
int share_begin(int bands, int t, int threads) noexcept { return static_cast<int>(std::int64_t{bands} * t / threads); }

void pin_to(std::thread& thread, int core) noexcept {
  cpu_set_t* set = CPU_ALLOC(static_cast<std::size_t>(core) + 1);
  if (!set) return;
  const std::size_t bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(core) + 1);
  CPU_ZERO_S(bytes, set);
  CPU_SET_S(static_cast<std::size_t>(core), bytes, set);
  pthread_setaffinity_np(thread.native_handle(), bytes, set);  // a core taken away meanwhile is no reason to fail
  CPU_FREE(set);
}

}  // namespace

ThreadPool::ThreadPool(ThreadPoolOptions options)
    : shares_(static_cast<std::size_t>(std::clamp(options.threads > 0 ? options.threads : usable_cores(), 1, 1024))) {
  const std::optional<double> quota = cgroup_quota();
  const std::vector<int> cores = options.cores.empty() ? affinity() : options.cores;
  spin_ = (!quota || *quota >= threads()) && static_cast<std::size_t>(threads()) <= cores.size();
  const bool pin = options.pin && knob_on(Knob::pin) && shares_.size() <= cores.size();
  for (std::size_t i = 1; i < shares_.size(); ++i) {
    workers_.emplace_back([this, i] { worker(i); });
    if (pin) pin_to(workers_.back(), cores[i]);
  }
}

ThreadPool::~ThreadPool() {
  stop_.store(true);
  epoch_.fetch_add(1);
  futex_wake(epoch_, INT_MAX);
  for (std::thread& w : workers_) w.join();
}

bool ThreadPool::claim(Share& share, std::uint32_t epoch, int& band) noexcept {
  std::uint64_t state = share.state.load(std::memory_order_acquire);
  while (state >> 32 == epoch) {
    const int next = static_cast<int>(state >> 16 & 0xffff), end = static_cast<int>(state & 0xffff);
    if (next >= end) return false;
    if (share.state.compare_exchange_weak(state, pack(epoch, next + 1, end), std::memory_order_acq_rel, std::memory_order_acquire)) {
      band = next;
      return true;
    }
  }
  return false;
}

// Own bands first, then those of the neighbours. Returns how many bands it ran.
int ThreadPool::work(std::size_t self, std::uint32_t epoch) noexcept {
  int count = 0;
  for (std::size_t i = 0; i < shares_.size(); ++i) {
    Share& share = shares_[(self + i) % shares_.size()];
    for (int band = 0; claim(share, epoch, band); ++count) call_(context_, band, static_cast<int>(self));
  }
  return count;
}

void ThreadPool::finish(int count) noexcept {
  if (count == 0) return;
  if (remaining_.fetch_sub(static_cast<std::uint32_t>(count)) == static_cast<std::uint32_t>(count) && caller_parked_.load()) {
    futex_wake(remaining_, 1);
  }
}

void ThreadPool::worker(std::size_t self) noexcept {
  const FlushDenormals flush;
  std::uint32_t seen = 0;
  while (!stop_.load(std::memory_order_relaxed)) {
    const auto changed = [&] { return epoch_.load(std::memory_order_acquire) != seen; };
    if (!(spin_ && spin_until(changed))) {
      parked_.fetch_add(1);
      while (epoch_.load() == seen) futex_wait(epoch_, seen);
      parked_.fetch_sub(1);
    }
    seen = epoch_.load(std::memory_order_acquire);
    finish(work(self, seen));
  }
}

void ThreadPool::run_bands(int bands, Call call, void* context) noexcept {
  SACCADE_ASSERT(bands <= kMaxBands);
  const FlushDenormals flush;
  const int count = threads();
  if (bands <= 1 || count == 1 || taken_.exchange(true, std::memory_order_acquire)) {
    for (int band = 0; band < bands; ++band) call(context, band, 0);
    return;
  }
  call_ = call;
  context_ = context;
  const std::uint32_t epoch = epoch_.load(std::memory_order_relaxed) + 1;
  remaining_.store(static_cast<std::uint32_t>(bands));
  for (int t = 0; t < count; ++t) {
    shares_[static_cast<std::size_t>(t)].state.store(pack(epoch, share_begin(bands, t, count), share_begin(bands, t + 1, count)), std::memory_order_release);
  }
  epoch_.store(epoch);
  if (parked_.load() > 0) futex_wake(epoch_, bands - 1);

  finish(work(0, epoch));
  const auto done = [&] { return remaining_.load(std::memory_order_acquire) == 0; };
  if (!done() && !(spin_ && spin_until(done))) {
    caller_parked_.store(true);
    for (std::uint32_t left = remaining_.load(); left != 0; left = remaining_.load()) futex_wait(remaining_, left);
    caller_parked_.store(false);
  }
  taken_.store(false, std::memory_order_release);
}

}  // namespace saccade
