// SPDX-License-Identifier: Apache-2.0
// What `bench --profile` found: the steps of the plan against what this machine can do at best; as text, JSON and a page.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "saccade/infer_request.h"

namespace saccade::cli {

/// A kind of kernels, for tables by kind and for colours.
struct KernelKind {
  std::string_view name, colour;
};
/// In the order of tables.
std::span<const KernelKind> kernel_kinds();
/// Which of kernel_kinds() a kernel belongs to, by the name that the plan gives it.
std::size_t kernel_kind(std::string_view kernel);

struct ProfileReport {
  std::string model, device, cpu, isa;
  int threads = 1, streams = 1;  ///< threads in all, requests at once
  double median_ms = 0, p90_ms = 0, runs_per_s = 0, load_ms = 0, memory_mb = 0;
  double peak_gflops = 0;      ///< of the threads of one request together, by the probe
  double memory_gb_per_s = 0;  ///< of the same, by the probe; 0: not measured
  std::vector<LayerProfile> steps;  ///< in order; median times

  double ms() const;
  double flops() const;
  double bytes() const;
  /// Of the peak, between 0 and about 1; 0 without arithmetic. Winograd's algorithm counts as what it replaces and may exceed 1.
  double peak_share(double flops, double ms) const;
};

/// 1e9 a second.
double rate(double count, double ms);

/// A table with a line a step and one of sums.
std::string profile_text(const ProfileReport& report);
/// Adds "layers" and what belongs to all of them.
void add_profile(const ProfileReport& report, nlohmann::ordered_json& json);
/// One HTML page that needs no other file and no scripts.
std::string profile_page(const ProfileReport& report);

}  // namespace saccade::cli
