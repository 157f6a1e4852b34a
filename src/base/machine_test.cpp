// SPDX-License-Identifier: Apache-2.0
// Instruction set levels, caches and the arena.
#include <gtest/gtest.h>

#include <cstdint>
#include <utility>

#include "base/arena.h"
#include "base/cpu.h"
#include "base/probe.h"
#include "saccade/error.h"

namespace saccade {
namespace {

TEST(Isa, NamesGoBothWays) {
  for (Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512, Isa::avx512_vnni}) EXPECT_EQ(isa, parse_isa(to_string(isa)));
  EXPECT_THROW(parse_isa("avx3"), Error);
}

#ifdef __x86_64__
TEST(Isa, AgreesWithTheCompilersDetection) {
  __builtin_cpu_init();
  EXPECT_EQ(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"), highest_isa() >= Isa::avx2);
  EXPECT_EQ(__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"),
            highest_isa() >= Isa::avx512);
}
#endif

TEST(Isa, TheKnobCaps) {
  setenv("SACCADE_MAX_ISA", "scalar", 1);
  EXPECT_EQ(Isa::scalar, allowed_isa());
  setenv("SACCADE_MAX_ISA", "nonsense", 1);
  EXPECT_THROW(allowed_isa(), Error);
  unsetenv("SACCADE_MAX_ISA");
  EXPECT_EQ(highest_isa(), allowed_isa());
}

TEST(Probe, PeaksGrowWithTheLevel) {
  const double scalar = measure_peak_gflops(Isa::scalar), best = measure_peak_gflops(highest_isa());
  EXPECT_GT(scalar, 0.1);
  EXPECT_GE(best, scalar * 0.5);
  EXPECT_GT(measure_memory_gb_per_s(2), 0.01);
}

TEST(Caches, AreKnown) {
  EXPECT_GE(cache_sizes().l1, 8u << 10);
  EXPECT_GE(cache_sizes().l2, cache_sizes().l1);
}

TEST(Arena, IsAlignedZeroedAndReadableBeyondItsEnd) {
  for (std::size_t bytes : {std::size_t{1}, std::size_t{4096}, std::size_t{5000}, std::size_t{2} << 20, (std::size_t{6} << 20) + 4096}) {
    Arena arena(bytes);
    EXPECT_EQ(bytes, arena.size());
    EXPECT_EQ(0u, reinterpret_cast<std::uintptr_t>(arena.data()) % 64);
    arena.prefault();
    for (std::size_t i : {std::size_t{0}, bytes / 2, bytes - 1, bytes + 63}) EXPECT_EQ(std::byte{0}, arena.data()[i]);
    arena.data()[bytes - 1] = std::byte{7};
    arena.prefault();
    Arena moved = std::move(arena);
    EXPECT_EQ(std::byte{7}, moved.data()[bytes - 1]);
    EXPECT_EQ(nullptr, arena.data());
  }
  EXPECT_EQ(nullptr, Arena(0).data());
  EXPECT_THROW(Arena(SIZE_MAX / 2 - 8), Error);
}

}  // namespace
}  // namespace saccade
