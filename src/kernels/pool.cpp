// SPDX-License-Identifier: Apache-2.0
// One output row of a maximum or average pooling: for pixel, for vectors of channels, for ky, for kx. Large windows that overlap take the
// maximum of each column first.
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
    for (; c + 2 * kLanes <= a.channels; c += 2 * kLanes) pixel<kMax, 2>(a, x, kx_begin, kx_end, c, kLanes, divisor);
    for (; c < a.channels; c += kLanes) pixel<kMax, 1>(a, x, kx_begin, kx_end, c, smaller(kLanes, a.channels - c), divisor);
  }
}

constexpr Index kSpan = 256;  // columns at a time

bool by_columns(const PoolArgs& a) {
  const Window& in = a.in;
  return a.kind == Pool::max && in.stride == 1 && in.dilation == 1 && in.kw * in.kh >= 2 * (in.kw + in.kh) && in.kw <= kSpan / 2;
}

void row_by_columns(const PoolArgs& a) {
  const Window& in = a.in;
  alignas(64) float columns[kSpan * kLanes];
  const Index at_once = kSpan - in.kw + 1;
  for (Index c = 0; c < a.channels; c += kLanes) {
    const Index count = smaller(a.channels - c, kLanes), at = c / 16 * in.block_pitch + c % 16;
    for (Index x = 0; x < a.out_width; x += at_once) {
      const Index until = smaller(x + at_once, a.out_width);
      const Index begin = larger(0, x - in.pad_left), end = smaller(in.width, until - 1 - in.pad_left + in.kw);
      for (Index i = begin; i < end; ++i) {
        F top = splat(-__builtin_inff());
        for (Index ky = 0; ky < in.kh; ++ky) {
          if (!in.rows[ky]) continue;
          const float* p = in.rows[ky] + i * in.pitch + at;
          top = max_or_nan(top, count == kLanes ? load(p) : load_n(p, count));
        }
        store(columns + (i - begin) * kLanes, top);
      }
      for (Index o = x; o < until; ++o) {
        F top = splat(-__builtin_inff());
        const Index last = smaller(end, o - in.pad_left + in.kw);
        for (Index i = larger(begin, o - in.pad_left); i < last; ++i) top = max_or_nan(top, load(columns + (i - begin) * kLanes));
        store_n(a.out + o * a.out_pitch + c, top, a.lanes == Lanes::full ? kLanes : count);
      }
    }
  }
}

}  // namespace

void pool_row(const PoolArgs& a) {
  if (by_columns(a)) return row_by_columns(a);
  a.kind == Pool::max ? row<true>(a) : row<false>(a);
}

}  // namespace saccade::kernels::SACCADE_ISA
