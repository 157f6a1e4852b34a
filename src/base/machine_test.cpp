// SPDX-License-Identifier: Apache-2.0
// Instruction set levels, caches and the arena.
#include <gtest/gtest.h>

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
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

// A tree of files below a folder that goes away with it.
class FakeRoot {
 public:
  FakeRoot() {
    std::string name = (std::filesystem::temp_directory_path() / "saccade_root_XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~FakeRoot() { std::filesystem::remove_all(path_); }
  FakeRoot& file(const std::string& name, const std::string& text) {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << text;
    return *this;
  }
  std::optional<double> quota() const { return cgroup_quota(path_.string()); }

 private:
  std::filesystem::path path_;
};

TEST(Quota, OfVersion2IsTheLeastUpwards) {
  EXPECT_EQ(std::nullopt, FakeRoot().quota());
  EXPECT_EQ(std::nullopt, FakeRoot().file("proc/self/cgroup", "0::/\n").file("sys/fs/cgroup/cpu.max", "max 100000\n").quota());
  FakeRoot root;
  root.file("proc/self/cgroup", "0::/a/b\n").file("sys/fs/cgroup/a/b/cpu.max", "150000 100000\n");
  EXPECT_EQ(1.5, root.quota());
  EXPECT_EQ(1.25, root.file("sys/fs/cgroup/a/cpu.max", "125000 100000\n").quota());
  EXPECT_EQ(0.5, root.file("sys/fs/cgroup/cpu.max", "25000 50000\n").quota());
  EXPECT_EQ(std::nullopt, FakeRoot().file("proc/self/cgroup", "0::/a\n").file("sys/fs/cgroup/a/cpu.max", "nonsense\n").quota());
}

TEST(Quota, OfVersion1) {
  FakeRoot root;
  root.file("proc/self/cgroup", "5:memory:/m\n4:cpu,cpuacct:/box\n0::/\n").file("sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "150000\n");
  EXPECT_EQ(std::nullopt, root.quota());
  EXPECT_EQ(1.5, root.file("sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us", "100000\n").quota());
  EXPECT_EQ(std::nullopt, root.file("sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "-1\n").quota());
  // a container sees its own group as the root, whatever the path says
  FakeRoot inside;
  inside.file("proc/self/cgroup", "1:cpu:/docker/0123\n").file("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n").file("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(2.0, inside.quota());
}

TEST(Cores, FollowTheAffinity) {
  cpu_set_t before, one;
  ASSERT_EQ(0, sched_getaffinity(0, sizeof before, &before));
  CPU_ZERO(&one);
  CPU_SET(static_cast<std::size_t>(affinity().back()), &one);
  const int core = affinity().back();
  ASSERT_EQ(0, sched_setaffinity(0, sizeof one, &one));
  EXPECT_EQ(std::vector<int>{core}, affinity());
  EXPECT_EQ(1, usable_cores());
  EXPECT_EQ(1, most_threads());
  ASSERT_EQ(0, sched_setaffinity(0, sizeof before, &before));
  EXPECT_GE(most_threads(), usable_cores());
}

// In a control group of its own, where the machine lets us make one.
TEST(Quota, OfThisMachine) {
  namespace fs = std::filesystem;
  const std::string name = "saccade_quota_" + std::to_string(::getpid());
  fs::path group;
  for (const fs::path& mount : {fs::path("/sys/fs/cgroup/cpu"), fs::path("/sys/fs/cgroup")}) {
    const bool version_2 = fs::exists(mount / "cgroup.controllers");
    std::error_code error;
    if (!version_2 && !fs::exists(mount / "cpu.cfs_quota_us")) continue;
    if (!fs::create_directory(mount / name, error)) continue;
    group = mount / name;
    if (version_2)
      std::ofstream(group / "cpu.max") << "150000 100000";
    else
      std::ofstream(group / "cpu.cfs_quota_us") << "150000";
    break;
  }
  if (group.empty()) GTEST_SKIP() << "no control group can be made here";
  const pid_t child = ::fork();
  if (child == 0) {
    std::ofstream(group / "cgroup.procs") << ::getpid() << std::flush;
    const auto quota = cgroup_quota();
    const bool right = quota && *quota <= 1.5 && usable_cores() == 1 && most_threads() <= 2;
    ::_exit(!quota ? 2 : right ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  fs::remove(group);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 2) GTEST_SKIP() << "the group has no control over the processor";
  EXPECT_EQ(0, status);
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
