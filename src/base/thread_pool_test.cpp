// SPDX-License-Identifier: Apache-2.0
// The pool: every band once, from several callers at once, and idle workers asleep.
#include "base/thread_pool.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>

#include "base/cpu.h"

namespace saccade {
namespace {

TEST(ThreadPool, RunsEachBandOnce) {
  for (int threads : {1, 2, 3, 8}) {
    ThreadPool pool({.threads = threads});
    EXPECT_EQ(threads, pool.threads());
    for (int bands : {0, 1, 2, 3, 7, 100, 1000}) {
      std::vector<std::atomic<int>> count(static_cast<std::size_t>(bands));
      for (int repeat = 0; repeat < 5; ++repeat) pool.run(bands, [&](int band) { ++count[static_cast<std::size_t>(band)]; });
      for (auto& c : count) ASSERT_EQ(5, c.load());
    }
  }
}

TEST(ThreadPool, ResultsAreVisibleToTheCaller) {
  ThreadPool pool({.threads = 4});
  std::vector<int> values(64);
  for (int round = 1; round <= 2000; ++round) {
    pool.run(64, [&](int band) { values[static_cast<std::size_t>(band)] += band; });
    for (int band = 0; band < 64; ++band) ASSERT_EQ(band * round, values[static_cast<std::size_t>(band)]);
  }
}

TEST(ThreadPool, SeveralCallersAndNestedRuns) {
  ThreadPool pool({.threads = 3});
  std::atomic<int> total{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        pool.run(5, [&](int) { pool.run(3, [&](int) { total.fetch_add(1); }); });
      }
    });
  }
  for (auto& t : callers) t.join();
  EXPECT_EQ(4 * 200 * 15, total.load());
}

TEST(ThreadPool, WakesParkedWorkers) {
  ThreadPool pool({.threads = 2});
  for (int i = 0; i < 5; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // beyond the spinning
    std::atomic<int> count{0};
    pool.run(2, [&](int) { ++count; });
    EXPECT_EQ(2, count.load());
  }
}

// A long first band must not hold up the others of its thread: they are stolen.
TEST(ThreadPool, StealsTheTail) {
  ThreadPool pool({.threads = 2});
  std::atomic<int> others{0};
  std::atomic<bool> all_seen{false};
  pool.run(16, [&](int band) {
    if (band != 0) {
      others.fetch_add(1);
      return;
    }
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (others.load() < 15 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    all_seen = others.load() == 15;
  });
  EXPECT_TRUE(all_seen.load());
}

TEST(ThreadPool, LeavesTheCallerAsItWas) {
  cpu_set_t before, after;
  ASSERT_EQ(0, sched_getaffinity(0, sizeof before, &before));
  {
    ThreadPool pool({.threads = 2});
    pool.run(8, [](int) {});
  }
  ASSERT_EQ(0, sched_getaffinity(0, sizeof after, &after));
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
  volatile float tiny = std::numeric_limits<float>::denorm_min();
  EXPECT_GT(tiny * 2, 0.f);
}

double used_ms(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) * 1e-6;
}

// Processor time, so that what else runs on the machine does not matter; a virtual machine that its host stops counts that time
// too, so the least of some rounds is judged.
TEST(ThreadPool, SleepsWhenIdle) {
  ThreadPool pool({.threads = 2});
  std::atomic<int> sum{0};
  double least_ms = 1e9;
  for (int round = 0; round < 6; ++round) {
    pool.run(64, [&](int band) { sum += band; });
    const double before = used_ms(CLOCK_PROCESS_CPUTIME_ID);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    least_ms = std::min(least_ms, used_ms(CLOCK_PROCESS_CPUTIME_ID) - before);
  }
  EXPECT_LT(least_ms, 1.0);
}

TEST(FlushDenormals, OnlyWhileItLives) {
  volatile float tiny = std::numeric_limits<float>::denorm_min();
#ifdef __x86_64__
  {
    const FlushDenormals flush;
    volatile float product = tiny * 2;
    EXPECT_EQ(0.f, product);
  }
#endif
  volatile float product = tiny * 2;
  EXPECT_GT(product, 0.f);
}

}  // namespace
}  // namespace saccade
