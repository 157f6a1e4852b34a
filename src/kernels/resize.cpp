// SPDX-License-Identifier: Apache-2.0
// One output row of a resize: a weighted sum of 1, 2×2 or 4×4 pixels, channels in the lanes; or of two whole lines.
#include "kernels/level.h"
#include "simd/simd.h"

namespace saccade::kernels::SACCADE_ISA {
namespace {

using namespace simd;

template <int TAPS, class Count>
SACCADE_INLINE void vector(const ResizeArgs& a, Index x, Index c, Count count) {
  const auto get = [&](int row, int tap) __attribute__((always_inline)) {
    const float* p = a.rows[row] + a.columns[x * TAPS + tap] * a.pitch + c;
    if constexpr (__is_same(Count, Constant<kLanes>)) {
      return load(p);
    } else {
      return load_n(p, count);
    }
  };
  F y;
  if constexpr (TAPS == 1) {
    y = get(0, 0);
  } else {
    y = zero();
    rep<TAPS>([&](auto row) __attribute__((always_inline)) {
      F line = get(row, 0) * splat(a.column_weights[x * TAPS]);
      rep<TAPS - 1>([&](auto tap) __attribute__((always_inline)) {
        line = mul_add(get(row, tap + 1), splat(a.column_weights[x * TAPS + tap + 1]), line);
      });
      y = row == 0 ? line * splat(a.row_weights[0]) : mul_add(line, splat(a.row_weights[row]), y);
    });
  }
  store_n(a.out + x * a.out_pitch + c, y, a.lanes == Lanes::full ? kLanes : Index{count});
}

template <int TAPS>
SACCADE_INLINE void row(const ResizeArgs& a) {
  for (Index x = 0; x < a.out_width; ++x) {
    Index c = 0;
    for (; c + kLanes <= a.channels; c += kLanes) vector<TAPS>(a, x, c, Constant<kLanes>{});
    if (c < a.channels) vector<TAPS>(a, x, c, a.channels - c);
  }
}

}  // namespace

void resize_nearest_row(const ResizeArgs& a) { row<1>(a); }
void resize_linear_row(const ResizeArgs& a) { row<2>(a); }
void resize_cubic_row(const ResizeArgs& a) { row<4>(a); }

void mix_rows(const MixArgs& a) {
  const F w0 = splat(a.weights[0]), w1 = splat(a.weights[1]);
  Index i = 0;
  for (; i + kLanes <= a.n; i += kLanes) store(a.out + i, mul_add(load(a.rows[1] + i), w1, load(a.rows[0] + i) * w0));
  if (i < a.n) store_n(a.out + i, mul_add(load_n(a.rows[1] + i, a.n - i), w1, load_n(a.rows[0] + i, a.n - i) * w0), a.n - i);
}

}  // namespace saccade::kernels::SACCADE_ISA
