// SPDX-License-Identifier: Apache-2.0
// What every vector back end shares: forced inlining and loops whose index is a compile-time constant.
#pragma once

#include <cstddef>
#include <cstdint>

#define SACCADE_INLINE [[gnu::always_inline]] inline

namespace saccade::simd {
namespace {

using Index = std::int64_t;

template <int I>
struct Constant {
  static constexpr int value = I;
  constexpr operator int() const { return I; }
};

template <int... I>
struct Sequence {};

/// f(Constant<0>), …, f(Constant<N−1>): registers indexed by the constants stay registers, which loops do not guarantee.
template <int N, class F>
SACCADE_INLINE constexpr void rep(F&& f) {
  [&]<int... I>(Sequence<I...>) __attribute__((always_inline)) { (f(Constant<I>{}), ...); }(Sequence<__integer_pack(N)...>{});
}

SACCADE_INLINE Index round_up(Index value, Index unit) { return (value + unit - 1) / unit * unit; }
SACCADE_INLINE Index smaller(Index a, Index b) { return a < b ? a : b; }
SACCADE_INLINE Index larger(Index a, Index b) { return a > b ? a : b; }

}  // namespace
}  // namespace saccade::simd
