// SPDX-License-Identifier: Apache-2.0
// Chains of multiply-adds, and a walk through more memory than the caches hold. The best of short bursts counts, so that what
// else runs on the machine hardly shows.
#include "base/probe.h"

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include "base/arena.h"
#include "base/error.h"

namespace saccade {
namespace {

double now_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

constexpr std::int64_t kTurns = 20000;  // about 50 µs

// The rate of the fastest of many bursts.
template <class Burst>
double fastest(double flops_per_turn, Burst burst) {
  double best_s = 1e30;
  for (int i = 0; i < 60; ++i) {
    const double start_s = now_s();
    burst();
    best_s = std::min(best_s, now_s() - start_s);
  }
  return flops_per_turn * static_cast<double>(kTurns) / best_s * 1e-9;
}

#ifdef __x86_64__
// Twelve independent chains hide the latency of two units of up to six cycles. All registers start as zeros: what they hold
// otherwise may be slow.
#define SACCADE_TWELVE(OP) OP("0") OP("1") OP("2") OP("3") OP("4") OP("5") OP("6") OP("7") OP("8") OP("9") OP("10") OP("11")
#define SACCADE_BURST(CLEAR, STEP)                                                                                     \
  [] {                                                                                                                 \
    std::int64_t turns = kTurns;                                                                                       \
    asm volatile(SACCADE_TWELVE(CLEAR) CLEAR("12") CLEAR("13") "1:\n" SACCADE_TWELVE(STEP) "dec %0\n jnz 1b\n"        \
                 : "+r"(turns)::"cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",     \
                   "xmm10", "xmm11", "xmm12", "xmm13");                                                                 \
  }
#define SACCADE_CLEAR(I) "vxorps %%xmm" I ", %%xmm" I ", %%xmm" I "\n"
#define SACCADE_CLEAR_SSE(I) "xorps %%xmm" I ", %%xmm" I "\n"
#define SACCADE_FMA_YMM(I) "vfmadd231ps %%ymm12, %%ymm13, %%ymm" I "\n"
#define SACCADE_FMA_ZMM(I) "vfmadd231ps %%zmm12, %%zmm13, %%zmm" I "\n"
#define SACCADE_MUL_ADD(I) "mulps %%xmm12, %%xmm" I "\n addps %%xmm13, %%xmm" I "\n"

double peak_of(Isa isa) {
  if (isa >= Isa::avx512) return fastest(12 * 16 * 2, SACCADE_BURST(SACCADE_CLEAR, SACCADE_FMA_ZMM));
  if (isa == Isa::avx2) return fastest(12 * 8 * 2, SACCADE_BURST(SACCADE_CLEAR, SACCADE_FMA_YMM));
  return fastest(12 * 4 * 2, SACCADE_BURST(SACCADE_CLEAR_SSE, SACCADE_MUL_ADD));
}
#else
double peak_of(Isa) {
  static volatile float seed = 0;
  float sums[32];
  std::fill(std::begin(sums), std::end(sums), seed);
  const float factor = seed;
  const double rate = fastest(32 * 2, [&] {
    for (std::int64_t turn = 0; turn < kTurns; ++turn)
      for (float& sum : sums) sum = sum * factor + factor;
  });
  seed = sums[0];
  return rate;
}
#endif

// Four registers at a time, or the additions would be the limit.
std::uint64_t read_all(const std::byte* begin, std::size_t bytes) {
  using Words [[gnu::vector_size(16), gnu::may_alias]] = std::uint64_t;
  Words sums[4] = {};
  const auto* at = reinterpret_cast<const Words*>(begin);
  for (std::size_t left = bytes / sizeof sums; left > 0; --left, at += 4)
    for (int i = 0; i < 4; ++i) sums[i] += at[i];
  const Words sum = sums[0] + sums[1] + sums[2] + sums[3];
  return sum[0] + sum[1];
}

}  // namespace

double measure_peak_gflops(Isa isa) { return peak_of(std::min(isa, highest_isa())); }

double measure_memory_gb_per_s(int threads) {
  const auto count = static_cast<std::size_t>(std::clamp(threads, 1, online_cores()));
  const std::size_t total = std::clamp(4 * cache_sizes().l3, std::size_t{64} << 20, std::size_t{256} << 20), part = total / count / 64 * 64;
  try {
    Arena memory(part * count);
    constexpr int kPasses = 4;
    std::vector<double> start_s(count), end_s(count);
    double best_s = 1e30;
    std::barrier together(static_cast<std::ptrdiff_t>(count), [&]() noexcept {
      // runs before each pass and once after the last
      const double pass_s = *std::max_element(end_s.begin(), end_s.end()) - *std::min_element(start_s.begin(), start_s.end());
      if (pass_s > 0) best_s = std::min(best_s, pass_s);
    });
    const auto body = [&](std::size_t self) {
      std::byte* const mine = memory.data() + self * part;
      std::fill_n(mine, part, std::byte{1});  // untouched pages are one page of zeros
      volatile std::uint64_t sum = 0;
      for (int pass = 0; pass < kPasses; ++pass) {
        together.arrive_and_wait();
        start_s[self] = now_s();
        sum = sum + read_all(mine, part);
        end_s[self] = now_s();
      }
      together.arrive_and_wait();
    };
    std::vector<std::thread> others;
    for (std::size_t i = 1; i < count; ++i) others.emplace_back(body, i);
    body(0);
    for (std::thread& thread : others) thread.join();
    return static_cast<double>(part * count) / best_s * 1e-9;
  } catch (const Error&) {
    return 0;
  }
}

}  // namespace saccade
