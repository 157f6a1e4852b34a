// SPDX-License-Identifier: Apache-2.0
// What /proc, the scheduler and the cgroup files say of the processor.
#include "base/cpu.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/error.h"
#include "base/knobs.h"

#ifdef __x86_64__
#include <cpuid.h>
#include <xmmintrin.h>
#endif

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

constexpr std::string_view kIsaNames[] = {"scalar", "avx2", "avx512", "avx512_vnni"};

#ifdef __x86_64__
struct CpuidRegisters {
  unsigned a = 0, b = 0, c = 0, d = 0;
};

CpuidRegisters cpuid(unsigned leaf, unsigned subleaf = 0) {
  CpuidRegisters r;
  __get_cpuid_count(leaf, subleaf, &r.a, &r.b, &r.c, &r.d);
  return r;
}

// XCR0: which register states the operating system saves.
std::uint64_t enabled_states() {
  std::uint32_t low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return std::uint64_t{high} << 32 | low;
}

bool has(unsigned value, int bit) { return (value >> bit & 1u) != 0; }

Isa detect_isa() {
  const CpuidRegisters one = cpuid(1), seven = cpuid(7), extended = cpuid(0x80000001);
  constexpr int kOsxsave = 27, kAvx = 28, kFma = 12, kF16c = 29;
  if (!has(one.c, kOsxsave) || !has(one.c, kAvx)) return Isa::scalar;
  const std::uint64_t states = enabled_states();
  constexpr std::uint64_t kYmm = 0x06, kZmm = 0xe6;
  constexpr int kBmi1 = 3, kAvx2 = 5, kBmi2 = 8, kLzcnt = 5;
  const bool avx2 = (states & kYmm) == kYmm && has(one.c, kFma) && has(one.c, kF16c) && has(seven.b, kBmi1) && has(seven.b, kAvx2) &&
                    has(seven.b, kBmi2) && has(extended.c, kLzcnt);
  if (!avx2) return Isa::scalar;
  constexpr int kF = 16, kDq = 17, kBw = 30, kVl = 31, kVnni = 11;
  const bool avx512 = (states & kZmm) == kZmm && has(seven.b, kF) && has(seven.b, kDq) && has(seven.b, kBw) && has(seven.b, kVl);
  if (!avx512) return Isa::avx2;
  return has(seven.c, kVnni) ? Isa::avx512_vnni : Isa::avx512;
}

#else
Isa detect_isa() { return Isa::scalar; }
#endif

std::string read_file(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  return text.str();
}

// "48K", "1024K", "32M"
std::size_t parse_size(const std::string& text) {
  std::istringstream in(text);
  std::size_t value = 0;
  char unit = 0;
  in >> value >> unit;
  return unit == 'K' ? value << 10 : unit == 'M' ? value << 20 : value;
}

CacheSizes read_caches(int core) {
  CacheSizes sizes;
  const std::string base = fmt::format("/sys/devices/system/cpu/cpu{}/cache/index", core);
  for (int i = 0; i < 8; ++i) {
    const std::string dir = base + std::to_string(i) + "/";
    const std::string type = read_file(dir + "type");
    if (type.empty()) break;
    if (type.starts_with("Instruction")) continue;
    const std::size_t size = parse_size(read_file(dir + "size"));
    const std::string level = read_file(dir + "level");
    if (level.starts_with("1")) sizes.l1 = size;
    if (level.starts_with("2")) sizes.l2 = size;
    if (level.starts_with("3")) sizes.l3 = size;
  }
  const auto or_system = [](std::size_t& bytes, int name, std::size_t fallback) {
    if (bytes > 0) return;
    const long value = sysconf(name);
    bytes = value > 0 ? static_cast<std::size_t>(value) : fallback;
  };
  or_system(sizes.l1, _SC_LEVEL1_DCACHE_SIZE, 32u << 10);
  or_system(sizes.l2, _SC_LEVEL2_CACHE_SIZE, 256u << 10);
  or_system(sizes.l3, _SC_LEVEL3_CACHE_SIZE, 0);
  return sizes;
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

std::optional<double> cgroup_quota(const std::string& root) {
  std::ifstream file(root + "/proc/self/cgroup");
  std::optional<double> least;
  for (std::string line; std::getline(file, line);) {  // "0::/group" or "4:cpu,cpuacct:/group"
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const bool version_2 = controllers == ",,";
    if (!version_2 && controllers.find(",cpu,") == std::string::npos) continue;
    // where both versions are in use, the second lies in a folder of its own
    constexpr const char* kMounts[2][2] = {{"cpu", "cpu,cpuacct"}, {"", "unified"}};
    for (const char* mount : kMounts[version_2 ? 1 : 0])
      if (const auto quota = least_quota(fs::path(root + "/sys/fs/cgroup") / mount, line.substr(second + 1))) least = std::min(*quota, least.value_or(*quota));
  }
  return least;
}

int usable_cores() {
  int cores = std::max(1, static_cast<int>(affinity().size()));
  if (const auto quota = cgroup_quota()) cores = std::min(cores, std::max(1, static_cast<int>(*quota)));
  return cores;
}

int most_threads() {
  int threads = std::max(1, static_cast<int>(affinity().size()));
  if (const auto quota = cgroup_quota()) threads = std::min(threads, std::max(1, static_cast<int>(std::ceil(*quota))));
  return threads;
}

std::string_view to_string(Isa isa) noexcept { return kIsaNames[static_cast<std::size_t>(isa)]; }

Isa parse_isa(std::string_view name) {
  const auto found = std::find(std::begin(kIsaNames), std::end(kIsaNames), name);
  SACCADE_CHECK(found != std::end(kIsaNames), invalid_argument, "unknown instruction set level '{}'; known: {}", name,
                fmt::join(kIsaNames, ", "));
  return static_cast<Isa>(found - std::begin(kIsaNames));
}

Isa highest_isa() noexcept {
  static const Isa isa = detect_isa();
  return isa;
}

Isa allowed_isa() {
  const std::string cap = knob(Knob::max_isa);
  return cap.empty() ? highest_isa() : std::min(highest_isa(), parse_isa(cap));
}

const CacheSizes& cache_sizes() {
  static const CacheSizes sizes = [] {
    const std::vector<int> cores = affinity();
    return read_caches(cores.empty() ? 0 : cores.front());
  }();
  return sizes;
}

#ifdef __x86_64__
FlushDenormals::FlushDenormals() noexcept : saved_(_mm_getcsr()) {
  constexpr unsigned kFlushToZero = 1u << 15, kDenormalsAreZero = 1u << 6;
  _mm_setcsr(saved_ | kFlushToZero | kDenormalsAreZero);
}
FlushDenormals::~FlushDenormals() { _mm_setcsr(saved_); }
#else
FlushDenormals::FlushDenormals() noexcept : saved_(0) {}
FlushDenormals::~FlushDenormals() = default;
#endif

}  // namespace saccade
