// SPDX-License-Identifier: Apache-2.0
// The processor and how much of it this process may use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace saccade {

/// "AMD EPYC 7763 64-Core Processor"; "unknown" where the system does not say.
std::string cpu_model();
/// Those features that kernels care about and this processor (with its operating system) has, oldest first: "avx2", "fma", …
std::vector<std::string> cpu_features();
/// The cores of the machine that are switched on.
int online_cores();
/// The cores that this thread's affinity allows, by number.
std::vector<int> affinity();
/// The processor time that the cgroup and those above it grant, in cores, e.g. 1.5; nothing where there is no limit.
/// Versions 1 and 2. `root`: where /proc and /sys lie, for tests.
std::optional<double> cgroup_quota(const std::string& root = {});
/// How many threads are worth having: the affinity, at most the whole cores of the quota, at least 1.
int usable_cores();
/// How many threads of one request can run at once: the affinity, at most the quota rounded up. More would wait for one another.
int most_threads();

/// Instruction set levels for which the kernels are compiled, lowest first.
enum class Isa : std::uint8_t { scalar, avx2, avx512, avx512_vnni };

std::string_view to_string(Isa isa) noexcept;
/// The inverse of to_string; throws Error(invalid_argument).
Isa parse_isa(std::string_view name);
/// The highest level that processor and operating system support. Thread-safe.
Isa highest_isa() noexcept;
/// highest_isa(), capped by the knob max_isa.
Isa allowed_isa();

/// Data caches in bytes, of the first core that this process may use; the third level, 0 where there is none, is shared.
struct CacheSizes {
  std::size_t l1 = 0, l2 = 0, l3 = 0;
};
/// Read on the first call and then kept. Thread-safe.
const CacheSizes& cache_sizes();

/// Sets flush-to-zero and denormals-are-zero on this thread while it lives; puts the thread's own state back after.
class FlushDenormals {
 public:
  FlushDenormals() noexcept;
  ~FlushDenormals();
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  std::uint32_t saved_;
};

}  // namespace saccade
