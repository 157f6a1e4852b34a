// SPDX-License-Identifier: Apache-2.0
// The processor and how much of it this process may use.
#pragma once

#include <optional>
#include <string>
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
std::optional<double> cgroup_quota();
/// How many threads are worth having: the affinity, at most the whole cores of the quota, at least 1.
int usable_cores();

}  // namespace saccade
