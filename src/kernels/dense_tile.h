// SPDX-License-Identifier: Apache-2.0
// The register tile of `dense`: MR rows by NV vectors, accumulated over taps and k.
//
//   for tile: for tap: for k: NV loads of weights; for each row: one broadcast, NV multiply-adds
//
// Sums of kChunk products are added up in a second place: the rounding error grows with the chunk and the number of chunks, not with
// their product. Sums that begin at a large bias round every product to its last place: only short ones do, where an addition more a tile
// would be felt, and long ones get it last.
//
// Rows come as a table of pointers, tap-major; weights as one panel [tap][k][NV·kLanes].
#pragma once

#include "kernels/table.h"
#include "simd/simd.h"

namespace saccade::kernels::SACCADE_ISA {
namespace {

using namespace simd;

// Memory that is fetched meanwhile, some lines of 64 bytes a tile.
struct Ahead {
  const float* next = nullptr;
  Index lines = 0;  // a tile
};

struct TileArgs {
  const float* const* rows;  // row i of tap t: rows[t·row_stride + i]
  Index row_stride;
  Index taps, k;
  const float* weights;
  const float* start;        // NV vectors: what the sums begin with
  const float* bias;         // NV vectors: what is added to them at last, or null
  bool direct;               // store by the fields below; else the raw sums go to `sums`, row by row
  float* const* out;         // first channel of each output row
  const Index* vector_at;    // where in an output row each vector goes
  const float* const* other; // added to each row, or null
  Index other_at;            // first channel there
  bool before;               // add `other` before the first clip
  float low1, high1, low2, high2;
  bool leaks;                // max(x, low1·x) instead of the first clip
  float* sums;
  const char* weights_ahead; // where kFetch: fetched in the course of a tile (a burst would stall it), so many bytes further every other
  Index weights_ahead_step;  // step of k
  Ahead rows_ahead;
  float* out_ahead;          // what is written soon, a row; or null
  Index out_ahead_pitch;
};

// Sums in flight must cover the latency of the multiply-add (4 cycles, two a cycle); one row alone splits k for that, alike for all
// panels of two vectors and more, so that the sum does not depend on the panel.
template <int MR, int NV>
constexpr int kSplit = MR > 1 ? 1 : NV == 1 ? 8 : 4;

constexpr Index kChunk = 128;
constexpr Index kShort = 48;    // products whose sum begins at the bias
constexpr Index kAhead = 1024;  // floats

// One tile, whose results or sums are stored. What it begins with and what follows the sums is
// read anew for each: there are no registers to keep them in.
template <int MR, int NV, bool kFetch>
SACCADE_INLINE void tile(TileArgs& t) {
  constexpr int kStep = kSplit<MR, NV>;
  [[maybe_unused]] const char* ahead = t.weights_ahead;
  [[maybe_unused]] const Index ahead_step = t.weights_ahead_step;
  F sum[kStep][MR][NV];
  rep<NV>([&](auto j) __attribute__((always_inline)) {
    const F start = load(t.start + j * kLanes);
    rep<MR>([&](auto i) __attribute__((always_inline)) { sum[0][i][j] = start; });
  });
  rep<kStep - 1>([&](auto s) __attribute__((always_inline)) {
    rep<MR>([&](auto i) __attribute__((always_inline)) { rep<NV>([&](auto j) __attribute__((always_inline)) { sum[s + 1][i][j] = zero(); }); });
  });
  alignas(64) float total[MR * NV * kLanes];
  bool begun = false;  // total holds something
  const auto flush = [&]() __attribute__((always_inline)) {
    rep<MR>([&](auto i) __attribute__((always_inline)) {
      rep<NV>([&](auto j) __attribute__((always_inline)) {
        F all = sum[0][i][j];
        rep<kStep - 1>([&](auto s) __attribute__((always_inline)) { all = all + sum[s + 1][i][j]; });
        float* const at = total + (i * NV + j) * kLanes;
        if (begun) all = load(at) + all;
        store(at, all);
        rep<kStep>([&](auto s) __attribute__((always_inline)) { sum[s][i][j] = zero(); });
      });
    });
    begun = true;
  };

  const float* w = t.weights;
  const float* const* rows = t.rows;
  const Index k_end = t.k;
  Index pending = 0;  // products in the sums
  Index left = t.taps * k_end;
  for (Index tap = 0; tap < t.taps; ++tap, rows += t.row_stride) {
    const float* a[MR];
    rep<MR>([&](auto i) __attribute__((always_inline)) { a[i] = rows[i]; });
    const auto step = [&](Index k, auto s) __attribute__((always_inline)) {
      F b[NV];
      rep<NV>([&](auto j) __attribute__((always_inline)) { b[j] = load(w + j * kLanes); });
      if constexpr (MR == 1) __builtin_prefetch(w + kAhead, 0, 2);  // bound by loads of weights, each used once
      w += NV * kLanes;
      rep<MR>([&](auto i) __attribute__((always_inline)) {
        const F x = splat(a[i][k]);
        rep<NV>([&](auto j) __attribute__((always_inline)) {
          F& to = sum[s][i][j];
          if constexpr (kFetch) {
            add_product(to, x, b[j]);
          } else {
            to = mul_add(x, b[j], to);
          }
        });
      });
    };
    for (Index begin = 0; begin < k_end;) {
      // the pointers of a tall tile's rows leave no register to cut a tap
      const Index end = MR > 8 ? k_end : smaller(k_end, begin + kChunk - pending);
      pending += end - begin;
      left -= end - begin;
      Index k = begin;
      if constexpr (kStep > 1) {
        for (; k + kStep <= end; k += kStep) rep<kStep>([&](auto s) __attribute__((always_inline)) { step(k + s, s); });
      }
      if constexpr (kFetch) {
        // few instructions besides loads and multiply-adds: they count where two threads share a core, and with it the decoder
        for (; k + 4 <= end; k += 4, ahead += 2 * ahead_step) {
          __builtin_prefetch(ahead, 0, 2);
          __builtin_prefetch(ahead + ahead_step, 0, 2);
          rep<4>([&](auto i) __attribute__((always_inline)) { step(k + i, Constant<0>{}); });
        }
        for (; k < end; ++k) step(k, Constant<0>{});
      } else {
#pragma GCC unroll 2
        for (; k < end; ++k) step(k, Constant<0>{});
      }
      begin = end;
      if (pending >= kChunk && left > 0) {
        flush();
        pending = 0;
      }
    }
  }
  rep<MR>([&](auto i) __attribute__((always_inline)) {
    rep<NV>([&](auto j) __attribute__((always_inline)) {
      rep<kStep - 1>([&](auto s) __attribute__((always_inline)) { sum[0][i][j] = sum[0][i][j] + sum[s + 1][i][j]; });
    });
  });
  if (begun) {
    rep<MR>([&](auto i) __attribute__((always_inline)) {
      rep<NV>([&](auto j) __attribute__((always_inline)) { sum[0][i][j] = sum[0][i][j] + load(total + (i * NV + j) * kLanes); });
    });
  }

  if constexpr (kFetch) t.weights_ahead = ahead;
  auto& r = sum[0];
  if (t.bias) {
    rep<NV>([&](auto j) __attribute__((always_inline)) {
      const F bias = load(t.bias + j * kLanes);
      rep<MR>([&](auto i) __attribute__((always_inline)) { r[i][j] = r[i][j] + bias; });
    });
  }
  if (!t.direct) {
    rep<MR>([&](auto i) __attribute__((always_inline)) {
      rep<NV>([&](auto j) __attribute__((always_inline)) { store(t.sums + (i * NV + j) * kLanes, r[i][j]); });
    });
    return;
  }
  const auto add_other = [&]() __attribute__((always_inline)) {
    rep<MR>([&](auto i) __attribute__((always_inline)) {
      rep<NV>([&](auto j) __attribute__((always_inline)) { r[i][j] = r[i][j] + load(t.other[i] + t.other_at + j * kLanes); });
    });
  };
  const auto clip = [&](float low, float high) __attribute__((always_inline)) {
    const F lo = splat(low), hi = splat(high);
    rep<MR>([&](auto i) __attribute__((always_inline)) {
      rep<NV>([&](auto j) __attribute__((always_inline)) { r[i][j] = min(hi, max(lo, r[i][j])); });
    });
  };
  if (t.other && t.before) add_other();
  if (!t.leaks) [[likely]] {
    clip(t.low1, t.high1);
  } else {
    const F leak = splat(t.low1);
    rep<MR>([&](auto i) __attribute__((always_inline)) {
      rep<NV>([&](auto j) __attribute__((always_inline)) { r[i][j] = max(leak * r[i][j], r[i][j]); });
    });
  }
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

SACCADE_INLINE void fetch(Ahead& ahead) {
  for (Index i = 0; i < ahead.lines; ++i, ahead.next += 16) __builtin_prefetch(ahead.next, 0, 2);
}

// `count` tiles one below the other; t goes along.
template <int MR, int NV, bool kFetch>
[[gnu::noinline]] void tiles(TileArgs& t, Index count) {
  for (; count > 0; --count) {
    fetch(t.rows_ahead);
    if (t.out_ahead) {
      for (int i = 0; i < MR; ++i, t.out_ahead += t.out_ahead_pitch) __builtin_prefetch(t.out_ahead, 1, 3);
    }
    tile<MR, NV, kFetch>(t);
    t.rows += MR;
    t.out += MR;
    if (t.other) t.other += MR;
    if (!t.direct) t.sums += MR * NV * kLanes;
  }
}

}  // namespace
}  // namespace saccade::kernels::SACCADE_ISA
