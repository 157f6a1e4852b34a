// SPDX-License-Identifier: Apache-2.0
// One output row of a maximum or average pooling: for pixel, for vectors of channels, for ky, for kx.
#include "kernels/level.h"
#include "kernels/math.h"
#include "simd/simd.h"

namespace saccade::kernels::SACCADE_ISA {
namespace {

using namespace simd;

// NV vectors of channels from c on of one output pixel; `count` channels exist in the last of them.
template <bool kMax, int NV>
SACCADE_INLINE void pixel(const PoolArgs& a, Index x, Index kx_begin, Index kx_end, Index c, Index count, float divisor) {
  const Window& in = a.in;
  F v[NV];
  rep<NV>([&](auto j) __attribute__((always_inline)) { v[j] = kMax ? splat(-__builtin_inff()) : zero(); });
  const Index x0 = x * in.stride - in.pad_left;
  for (Index ky = 0; ky < in.kh; ++ky) {
    if (!in.rows[ky]) continue;
    for (Index kx = kx_begin; kx < kx_end; ++kx) {
      const float* pixel = in.rows[ky] + (x0 + kx * in.dilation) * in.pitch;
      rep<NV>([&](auto j) __attribute__((always_inline)) {
        const Index at = c + j * kLanes;
        const float* p = pixel + at / 16 * in.block_pitch + at % 16;
        const F y = j + 1 < NV || count == kLanes ? load(p) : load_n(p, count);
        v[j] = kMax ? max_or_nan(v[j], y) : v[j] + y;
      });
    }
  }
  rep<NV>([&](auto j) __attribute__((always_inline)) {
    if (!kMax) v[j] = v[j] / splat(divisor);
    store_n(a.out + x * a.out_pitch + c + j * kLanes, v[j], j + 1 < NV || a.lanes == Lanes::full ? kLanes : count);
  });
}

template <bool kMax>
void row(const PoolArgs& a) {
  const Window& in = a.in;
  Index rows = 0;
  for (Index ky = 0; ky < in.kh; ++ky) rows += in.rows[ky] != nullptr;
  for (Index x = 0; x < a.out_width; ++x) {
    const Index x0 = x * in.stride - in.pad_left;
    Index kx_begin = 0, kx_end = in.kw;
    while (kx_begin < kx_end && x0 + kx_begin * in.dilation < 0) ++kx_begin;
    while (kx_end > kx_begin && x0 + (kx_end - 1) * in.dilation >= in.width) --kx_end;
    const float columns = a.counts ? a.counts[x] : static_cast<float>(kx_end - kx_begin);
    const float divisor = columns * (a.row_count > 0 ? a.row_count : static_cast<float>(rows));
    Index c = 0;
    for (; c + 4 * kLanes <= a.channels; c += 4 * kLanes) pixel<kMax, 4>(a, x, kx_begin, kx_end, c, kLanes, divisor);
    for (; c < a.channels; c += kLanes) pixel<kMax, 1>(a, x, kx_begin, kx_end, c, smaller(kLanes, a.channels - c), divisor);
  }
}

}  // namespace

void pool_row(const PoolArgs& a) { a.kind == Pool::max ? row<true>(a) : row<false>(a); }

}  // namespace saccade::kernels::SACCADE_ISA
