// SPDX-License-Identifier: Apache-2.0
// What the kernel tests share: the tables that this processor can run, random numbers, and buffers with poison around them.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "kernels/table.h"

namespace saccade::kernels {

#ifdef SACCADE_X86
namespace avx512_emulated {
extern const KernelTable tables[kDenseForms];
}
#endif

/// Every table that can run here; avx512_emulated stands for the real level's shapes where the processor lacks it.
inline std::vector<const KernelTable*> runnable_tables() {
  std::vector<const KernelTable*> tables;
  for (int form = 0; form < kDenseForms; ++form) {
    for (Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512}) {
      if (highest_isa() >= isa) tables.push_back(&select(isa, form));
    }
#ifdef SACCADE_X86
    if (highest_isa() >= Isa::avx2) tables.push_back(&avx512_emulated::tables[form]);
#endif
  }
  return tables;
}

class KernelTest : public testing::TestWithParam<const KernelTable*> {
 protected:
  const KernelTable& table() const { return *GetParam(); }
};

#define SACCADE_KERNEL_SUITE(Suite)                                                          \
  INSTANTIATE_TEST_SUITE_P(Levels, Suite, testing::ValuesIn(::saccade::kernels::runnable_tables()), \
                           [](const auto& info) { return info.param->isa + std::string("_panels_of_") + std::to_string(info.param->panel_vectors); })

inline constexpr float kPoison = std::numeric_limits<float>::quiet_NaN();

/// Floats aligned to 64 bytes that start as NaN, with NaN before and after.
class Floats {
 public:
  explicit Floats(Index size) : storage_(static_cast<std::size_t>(size + 2 * kGuard + 16), kPoison), size_(size) {
    const auto address = reinterpret_cast<std::uintptr_t>(storage_.data() + kGuard);
    offset_ = kGuard + static_cast<Index>((64 - address % 64) % 64 / 4);
  }
  float* data() { return storage_.data() + offset_; }
  const float* data() const { return storage_.data() + offset_; }
  Index size() const { return size_; }
  float& operator[](Index i) { return data()[i]; }
  float operator[](Index i) const { return data()[i]; }

  Floats& fill(std::mt19937& random, float low = -1, float high = 1) {
    std::uniform_real_distribution<float> number(low, high);
    for (Index i = 0; i < size_; ++i) (*this)[i] = number(random);
    return *this;
  }
  /// Fills rows of n floats at the given pitch, leaving the rest poisoned.
  Floats& fill_rows(std::mt19937& random, Index rows, Index pitch, Index n, float low = -1, float high = 1) {
    std::uniform_real_distribution<float> number(low, high);
    for (Index r = 0; r < rows; ++r) {
      for (Index i = 0; i < n; ++i) (*this)[r * pitch + i] = number(random);
    }
    return *this;
  }
  /// Whether nothing was written before or after the buffer.
  bool guards_intact() const {
    for (Index i = 1; i <= kGuard; ++i) {
      if (!std::isnan(data()[-i]) || !std::isnan(data()[size_ + i - 1])) return false;
    }
    return true;
  }

 private:
  static constexpr Index kGuard = 64;
  std::vector<float> storage_;
  Index size_, offset_;
};

inline Index rounded_up(Index value, Index unit) { return (value + unit - 1) / unit * unit; }

/// Fn in double precision.
inline double reference(const Activation& act, double x, Index channel = 0) {
  const double a = act.a, b = act.b;
  const auto clip = [](double v, double low, double high) { return v < low ? low : v > high ? high : v; };
  switch (act.fn) {
    case Fn::none: return x;
    case Fn::relu: return x < 0 ? 0 : x;
    case Fn::clip: return clip(x, a, b);
    case Fn::leaky_relu: return x < 0 ? a * x : x;
    case Fn::prelu: return x < 0 ? static_cast<double>(act.slope[channel]) * x : x;
    case Fn::hard_swish: return x * clip(x / 6 + 0.5, 0, 1);
    case Fn::hard_sigmoid: return clip(a * x + b, 0, 1);
    case Fn::silu: return x / (1 + std::exp(-x));
    case Fn::sigmoid: return 1 / (1 + std::exp(-x));
    case Fn::tanh: return std::tanh(x);
    case Fn::gelu_erf: return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
    case Fn::gelu_tanh: return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case Fn::mish: return x * std::tanh(std::log1p(std::exp(x)));
    case Fn::elu: return x < 0 ? a * std::expm1(x) : x;
    case Fn::softplus: return std::fmax(x, 0.0) + std::log1p(std::exp(-std::fabs(x)));
    case Fn::selu: return b * (x < 0 ? a * std::expm1(x) : x);
    case Fn::exp: return std::exp(x);
    case Fn::expm1: return std::expm1(x);
    case Fn::log: return std::log(x);
    case Fn::log1p: return std::log1p(x);
    case Fn::sqrt: return std::sqrt(x);
    case Fn::rsqrt: return 1 / std::sqrt(x);
    case Fn::reciprocal: return 1 / x;
    case Fn::square: return x * x;
    case Fn::abs: return std::fabs(x);
    case Fn::neg: return -x;
    case Fn::sign: return x > 0 ? 1 : x < 0 ? -1 : x;
    case Fn::floor: return std::floor(x);
    case Fn::ceil: return std::ceil(x);
    case Fn::round_even: return std::nearbyint(x);
    case Fn::trunc: return std::trunc(x);
    case Fn::erf: return std::erf(x);
    case Fn::sin: return std::sin(x);
    case Fn::cos: return std::cos(x);
    case Fn::pow: return std::pow(x, a);
    case Fn::affine: return a * x + b;
  }
  return 0;
}

/// Epilogue in double precision; `other` is what is combined with.
inline double reference(const Epilogue& e, double v, Index n, double other) {
  v = v * (e.scale ? static_cast<double>(e.scale[n]) : 1) + (e.bias ? static_cast<double>(e.bias[n]) : 0);
  const auto combine = [&](double x) { return e.combine == Combine::add ? x + other : e.combine == Combine::mul ? x * other : x; };
  if (e.before) v = combine(v);
  v = reference(e.first, v, n);
  if (!e.before) v = combine(v);
  return reference(e.second, v, n);
}

}  // namespace saccade::kernels
