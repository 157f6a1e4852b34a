// SPDX-License-Identifier: Apache-2.0
// Profiles as text and JSON.
#include "bench_profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>

namespace saccade::cli {
namespace {

constexpr KernelKind kKinds[] = {
    {"row-streamed regions", "#1386b4"}, {"Winograd", "#7c5fd3"},          {"convolutions", "#d9891a"},     {"pointwise, matrices", "#1f9d6b"},
    {"depthwise", "#c94a86"},            {"attention", "#4f7fe6"},         {"normalise, reduce", "#8a9a1e"}, {"pool, resize", "#96704a"},
    {"elementwise", "#a78bbd"},          {"copies, conversions", "#7b8896"}, {"evaluated", "#d4382c"},        {"other", "#4c5a67"},
};

// By how the kernel's name begins; the first that fits.
struct Beginning {
  std::string_view text;
  std::size_t kind;
};
constexpr Beginning kBeginnings[] = {
    {"rows", 0},   {"winograd", 1}, {"dense 1x1", 3}, {"dense, ", 3}, {"dense ", 2}, {"dense", 3}, {"depthwise", 4}, {"attention", 5}, {"normalise", 6},
    {"softmax", 6}, {"reduce", 6},   {"argmax", 6},    {"pool", 7},    {"resize", 7}, {"map", 8},   {"convert", 9},   {"copy", 9},      {"halo", 9},
    {"fill", 9},    {"image", 9},    {"evaluate", 10},
};

double sum(const std::vector<LayerProfile>& steps, double LayerProfile::*member) {
  return std::accumulate(steps.begin(), steps.end(), 0.0, [&](double total, const LayerProfile& step) { return total + step.*member; });
}

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }  // a letter of UTF-8

// Keeps the end of names, which is what tells them apart, and the beginning of all else.
std::string shortened(const std::string& text, std::size_t width, bool keep_end) {
  if (text.size() <= width) return text;
  std::size_t cut = keep_end ? text.size() - width + 1 : width - 1;
  while (cut > 0 && cut < text.size() && continues(text[cut])) cut += keep_end ? 1 : std::size_t(-1);
  return keep_end ? "…" + text.substr(cut) : text.substr(0, cut) + "…";
}

std::size_t width_of(const std::vector<LayerProfile>& steps, std::string LayerProfile::*member, std::size_t least, std::size_t most) {
  std::size_t width = least;
  for (const LayerProfile& step : steps) width = std::max(width, (step.*member).size());
  return std::min(width, most);
}

}  // namespace

std::span<const KernelKind> kernel_kinds() { return kKinds; }

std::size_t kernel_kind(std::string_view kernel) {
  for (const Beginning& beginning : kBeginnings)
    if (kernel.starts_with(beginning.text)) return beginning.kind;
  return std::size(kKinds) - 1;
}

double rate(double count, double ms) { return ms > 0 ? count / ms * 1e-6 : 0; }

double ProfileReport::ms() const { return sum(steps, &LayerProfile::ms); }
double ProfileReport::flops() const { return sum(steps, &LayerProfile::flops); }
double ProfileReport::bytes() const { return sum(steps, &LayerProfile::bytes); }
double ProfileReport::peak_share(double flops, double ms) const { return peak_gflops > 0 ? rate(flops, ms) / peak_gflops : 0; }

std::string profile_text(const ProfileReport& report) {
  const std::size_t name = width_of(report.steps, &LayerProfile::name, 12, 36), kind = width_of(report.steps, &LayerProfile::kind, 9, 30),
                    kernel = width_of(report.steps, &LayerProfile::kernel, 6, 56);
  std::string text = fmt::format("{:{}} {:{}} {:{}} {:>9} {:>6} {:>8} {:>6} {:>8} {:>7}\n", "node", name, "operators", kind, "kernel", kernel, "ms", "share", "GFLOP/s",
                                 "peak", "MB", "GB/s");
  const double total_ms = report.ms();
  const auto line = [&](const LayerProfile& step) {
    const bool computes = step.flops > 0, moves = step.bytes > 0;
    text += fmt::format("{:{}} {:{}} {:{}} {:9.4f} {:5.1f}% {:>8} {:>6} {:>8} {:>7}\n", shortened(step.name, name, true), name, shortened(step.kind, kind, false), kind,
                        shortened(step.kernel, kernel, false), kernel, step.ms, 100 * step.ms / std::max(total_ms, 1e-9),
                        computes ? fmt::format("{:.1f}", rate(step.flops, step.ms)) : "", computes ? fmt::format("{:.1f}%", 100 * report.peak_share(step.flops, step.ms)) : "",
                        moves ? fmt::format("{:.3f}", step.bytes * 1e-6) : "", moves ? fmt::format("{:.1f}", rate(step.bytes, step.ms)) : "");
  };
  for (const LayerProfile& step : report.steps) line(step);
  line({"all", "", "", total_ms, report.flops(), report.bytes()});
  text += fmt::format("peak: {:.1f} GFLOP/s measured with {} multiply-adds on one thread, times {}; memory: {:.1f} GB/s read by as many threads\n",
                      report.peak_gflops / std::max(1, report.threads / report.streams), report.isa, std::max(1, report.threads / report.streams), report.memory_gb_per_s);
  text += fmt::format("at the median latency: {:.1f} GFLOP/s, {:.1f}% of the peak\n", rate(report.flops(), report.median_ms), 100 * report.peak_share(report.flops(), report.median_ms));
  return text;
}

void add_profile(const ProfileReport& report, nlohmann::ordered_json& json) {
  const double total_ms = std::max(report.ms(), 1e-9);
  json["peak_gflops"] = report.peak_gflops;
  json["memory_gb_per_s"] = report.memory_gb_per_s;
  json["gflops"] = rate(report.flops(), report.median_ms);
  json["peak_share"] = report.peak_share(report.flops(), report.median_ms);
  json["layers"] = nlohmann::ordered_json::array();
  for (const LayerProfile& step : report.steps)
    json["layers"].push_back({{"node", step.name}, {"kind", step.kind}, {"kernel", step.kernel}, {"kernel_kind", kKinds[kernel_kind(step.kernel)].name}, {"ms", step.ms},
                              {"share", step.ms / total_ms}, {"gflops", rate(step.flops, step.ms)}, {"peak_share", report.peak_share(step.flops, step.ms)},
                              {"bytes", step.bytes}, {"gb_per_s", rate(step.bytes, step.ms)}});
}

}  // namespace saccade::cli
