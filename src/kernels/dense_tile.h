// SPDX-License-Identifier: Apache-2.0
// The register tile of `dense`: MR rows by NV vectors, accumulated over taps and k.
//
//   for tap: for k: NV loads of weights; for each row: one broadcast, NV multiply-adds
//
// Rows come as a table of pointers, tap-major; weights as one panel [tap][k][NV·kLanes].
#pragma once

#include "kernels/table.h"
#include "simd/simd.h"

namespace saccade::kernels::SACCADE_ISA {
namespace {

using namespace simd;

struct TileArgs {
  const float* const* rows;  // row i of tap t: rows[t·row_stride + i]
  Index row_stride;
  Index taps, k;
  const float* weights;
  const float* bias;         // NV vectors: what the sums start with
  bool direct;               // store by the fields below; else the raw sums go to `sums`, row by row
  float* const* out;         // first channel of each output row
  const Index* vector_at;    // where in an output row each vector goes
  const float* const* other; // added to each row, or null
  bool before;               // add `other` before the first clip
  float low1, high1, low2, high2;
  float* sums;
};

// Sums in flight must cover the latency of the multiply-add (4 cycles, two a cycle); one row alone splits k for that.
template <int MR, int NV>
constexpr int kSplit = MR > 1 ? 1 : 8 / NV;

template <int MR, int NV>
[[gnu::noinline]] void tile(const TileArgs& t) {
  constexpr int kStep = kSplit<MR, NV>;
  F sum[kStep][MR][NV];
  rep<NV>([&](auto j) __attribute__((always_inline)) {
    const F bias = load(t.bias + j * kLanes);
    rep<MR>([&](auto i) __attribute__((always_inline)) {
      sum[0][i][j] = bias;
      rep<kStep - 1>([&](auto s) __attribute__((always_inline)) { sum[s + 1][i][j] = zero(); });
    });
  });

  const float* w = t.weights;
  const float* const* rows = t.rows;
  const Index k_end = t.k;
  for (Index tap = 0; tap < t.taps; ++tap, rows += t.row_stride) {
    const float* a[MR];
    rep<MR>([&](auto i) __attribute__((always_inline)) { a[i] = rows[i]; });
    const auto step = [&](Index k, auto s) __attribute__((always_inline)) {
      F b[NV];
      rep<NV>([&](auto j) __attribute__((always_inline)) { b[j] = load(w + j * kLanes); });
      w += NV * kLanes;
      rep<MR>([&](auto i) __attribute__((always_inline)) {
        const F x = splat(a[i][k]);
        rep<NV>([&](auto j) __attribute__((always_inline)) { sum[s][i][j] = mul_add(x, b[j], sum[s][i][j]); });
      });
    };
    Index k = 0;
    if constexpr (kStep > 1) {
      for (; k + kStep <= k_end; k += kStep) rep<kStep>([&](auto s) __attribute__((always_inline)) { step(k + s, s); });
    }
#pragma GCC unroll 2
    for (; k < k_end; ++k) step(k, Constant<0>{});
  }
  rep<kStep - 1>([&](auto s) __attribute__((always_inline)) {
    rep<MR>([&](auto i) __attribute__((always_inline)) {
      rep<NV>([&](auto j) __attribute__((always_inline)) { sum[0][i][j] = sum[0][i][j] + sum[s + 1][i][j]; });
    });
  });

  auto& r = sum[0];
  if (!t.direct) {
    rep<MR>([&](auto i) __attribute__((always_inline)) {
      rep<NV>([&](auto j) __attribute__((always_inline)) { store(t.sums + (i * NV + j) * kLanes, r[i][j]); });
    });
    return;
  }
  const auto add_other = [&]() __attribute__((always_inline)) {
    rep<MR>([&](auto i) __attribute__((always_inline)) {
      rep<NV>([&](auto j) __attribute__((always_inline)) { r[i][j] = r[i][j] + load(t.other[i] + j * kLanes); });
    });
  };
  const auto clip = [&](float low, float high) __attribute__((always_inline)) {
    const F lo = splat(low), hi = splat(high);
    rep<MR>([&](auto i) __attribute__((always_inline)) {
      rep<NV>([&](auto j) __attribute__((always_inline)) { r[i][j] = min(hi, max(lo, r[i][j])); });
    });
  };
  if (t.other && t.before) add_other();
  clip(t.low1, t.high1);
  if (t.other && !t.before) {
    add_other();
    clip(t.low2, t.high2);
  }
  float* out[MR];  // read before the first store, which may change anything as far as the compiler knows
  Index at[NV];
  rep<MR>([&](auto i) __attribute__((always_inline)) { out[i] = t.out[i]; });
  rep<NV>([&](auto j) __attribute__((always_inline)) { at[j] = t.vector_at[j]; });
  rep<MR>([&](auto i) __attribute__((always_inline)) {
    rep<NV>([&](auto j) __attribute__((always_inline)) { store(out[i] + at[j], r[i][j]); });
  });
}

}  // namespace
}  // namespace saccade::kernels::SACCADE_ISA
