// SPDX-License-Identifier: Apache-2.0
// Which form of the dense kernel suits this processor, measured by short products in turn. Compiled once, for the baseline.
#include <algorithm>
#include <array>
#include <chrono>
#include <mutex>
#include <vector>

#include "base/cpu.h"
#include "kernels/table.h"

namespace saccade::kernels {
namespace {

double now_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// A product of 48 rows, 96 values each, and 96 channels: some microseconds, all in the first two levels of caches.
class Product {
 public:
  explicit Product(const KernelTable& table) : table_(table), rows_(kRows * kDepth, 1.f), out_(kRows * kChannels) {
    packed_.resize(static_cast<std::size_t>(table.dense_shape(kDepth, kChannels).packed_floats) + 16);
    const auto address = reinterpret_cast<std::uintptr_t>(packed_.data());
    weights_ = packed_.data() + (64 - address % 64) % 64 / sizeof(float);
    const std::vector<float> plain(kDepth * kChannels, 1.f);
    table.dense_pack({.src = plain.data(), .n = kChannels, .c = kDepth, .stride_n = 1, .stride_c = kChannels, .dst = weights_});
  }
  double run_s() {
    const double start_s = now_s();
    table_.dense({.rows = {.base = rows_.data(), .pitch = kDepth}, .k = kDepth, .n = kChannels, .weights = weights_, .out = out_.data(), .out_pitch = kChannels,
                  .lanes = Lanes::full},
                 {0, kRows, 0, kChannels});
    return now_s() - start_s;
  }
  static constexpr double kFlops = 2.0 * 48 * 96 * 96;

 private:
  static constexpr Index kRows = 48, kDepth = 96, kChannels = 96;
  const KernelTable& table_;
  std::vector<float> rows_, out_, packed_;
  float* weights_;
};

DenseProbe measure(Isa cap) {
  constexpr std::size_t kRounds = 31;
  constexpr double kClearly = 1.04;  // within that, noise would choose
  DenseProbe probe;
  std::array<std::array<double, kRounds>, kDenseForms> times_s;
  std::vector<Product> products;
  for (int form = 0; form < kDenseForms; ++form) products.emplace_back(select(cap, form));
  for (std::size_t round = 0; round < kRounds; ++round)
    for (std::size_t form = 0; form < kDenseForms; ++form) times_s[form][round] = products[form].run_s();
  double best = kClearly;  // in its best round and in most rounds: what else runs on the machine disturbs single ones
  for (std::size_t form = 0; form < kDenseForms; ++form) {
    const double least_s = *std::min_element(times_s[form].begin(), times_s[form].end());
    probe.gflops[form] = Product::kFlops / least_s * 1e-9;
    std::array<double, kRounds> gains;
    for (std::size_t round = 0; round < kRounds; ++round) gains[round] = times_s[0][round] / times_s[form][round];
    std::nth_element(gains.begin(), gains.begin() + kRounds / 2, gains.end());
    const double gain = std::min(gains[kRounds / 2], *std::min_element(times_s[0].begin(), times_s[0].end()) / least_s);
    if (gain > best) {
      best = gain;
      probe.chosen = static_cast<int>(form);
    }
  }
  return probe;
}

}  // namespace

const DenseProbe& probe_dense(Isa cap) {
  static std::array<std::once_flag, 4> flags;
  static std::array<DenseProbe, 4> probes;
  const auto level = static_cast<std::size_t>(std::min(cap, highest_isa()));
  static_assert(static_cast<std::size_t>(Isa::avx512_vnni) < 4);
  std::call_once(flags[level], [&] { probes[level] = measure(cap); });
  return probes[level];
}

}  // namespace saccade::kernels
