// SPDX-License-Identifier: Apache-2.0
// What /proc, the scheduler and the cgroup files say of the processor.
#include "base/cpu.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace saccade {
namespace {

namespace fs = std::filesystem;

/// The words of a small file; none if it cannot be read.
std::vector<std::string> words_of(const fs::path& path) {
  std::ifstream file(path);
  std::vector<std::string> words;
  for (std::string word; file >> word;) words.push_back(word);
  return words;
}

std::optional<double> ratio(const std::string& quota, const std::string& period) {
  std::istringstream a(quota), b(period);
  double q = 0, p = 0;
  if (!(a >> q) || !(b >> p) || q <= 0 || p <= 0) return std::nullopt;  // "max", or -1 in version 1
  return q / p;
}

/// The limit of one group, in the files of cgroup version 2 or of version 1.
std::optional<double> quota_of(const fs::path& group) {
  if (const auto words = words_of(group / "cpu.max"); words.size() == 2) return ratio(words[0], words[1]);
  const auto quota = words_of(group / "cpu.cfs_quota_us"), period = words_of(group / "cpu.cfs_period_us");
  return quota.size() == 1 && period.size() == 1 ? ratio(quota[0], period[0]) : std::nullopt;
}

/// The least limit of a group and those above it, down to the mount point.
std::optional<double> least_quota(const fs::path& mount, const fs::path& group) {
  std::optional<double> least;
  fs::path path = mount;
  const auto look = [&] {
    if (const auto quota = quota_of(path)) least = std::min(*quota, least.value_or(*quota));
  };
  look();
  for (const auto& part : group.relative_path()) {
    path /= part;
    look();
  }
  return least;
}

}  // namespace

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

std::vector<std::string> cpu_features() {
  std::vector<std::string> features;
#if defined(__x86_64__)
  __builtin_cpu_init();
#define SACCADE_FEATURE(NAME) \
  if (__builtin_cpu_supports(NAME)) features.emplace_back(NAME);
  SACCADE_FEATURE("sse4.2")
  SACCADE_FEATURE("avx")
  SACCADE_FEATURE("avx2")
  SACCADE_FEATURE("fma")
  SACCADE_FEATURE("avx512f")
  SACCADE_FEATURE("avx512bw")
  SACCADE_FEATURE("avx512vl")
  SACCADE_FEATURE("avx512dq")
  SACCADE_FEATURE("avx512vnni")
#undef SACCADE_FEATURE
#endif
  return features;
}

int online_cores() { return static_cast<int>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN))); }

std::vector<int> affinity() {
  std::vector<int> cores;
  for (int limit = CPU_SETSIZE; limit <= 1 << 16; limit *= 2) {  // the kernel refuses sets smaller than its own
    cpu_set_t* set = CPU_ALLOC(limit);
    const std::size_t bytes = CPU_ALLOC_SIZE(limit);
    const bool known = set != nullptr && sched_getaffinity(0, bytes, set) == 0;
    for (int core = 0; known && core < limit; ++core)
      if (CPU_ISSET_S(core, bytes, set)) cores.push_back(core);
    CPU_FREE(set);
    if (known) break;
  }
  return cores;
}

std::optional<double> cgroup_quota() {
  std::ifstream file("/proc/self/cgroup");
  std::optional<double> least;
  for (std::string line; std::getline(file, line);) {  // "0::/group" or "4:cpu,cpuacct:/group"
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const bool version_2 = controllers == ",,";
    if (!version_2 && controllers.find(",cpu,") == std::string::npos) continue;
    const auto quota = least_quota(version_2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/cpu", line.substr(second + 1));
    if (quota) least = std::min(*quota, least.value_or(*quota));
  }
  return least;
}

int usable_cores() {
  int cores = std::max(1, static_cast<int>(affinity().size()));
  if (const auto quota = cgroup_quota()) cores = std::min(cores, std::max(1, static_cast<int>(*quota)));
  return cores;
}

}  // namespace saccade
