// SPDX-License-Identifier: Apache-2.0
// The transforms of Winograd's F(4,3) over the points 0, 1, −1, 1/2, −2 and infinity, and of F(2,3) over 0, 1, −1 and infinity
// (Winograd 1980; Lavin & Gray 2016; these points keep the rounding error low, see docs/winograd.md): a 3×3 convolution of stride 1
// becomes, for each of the 36 or 16 positions of a tile of 4×4 or 2×2 outputs, a product of matrices, tiles × C by C × N. With stride 2
// it is one with the outer taps, over the even inputs, and one with the middle tap, over the odd ones: F(2,2) over 0, 1 and infinity
// takes three products for the first, two are for the second, and so 25 positions for 2×2 outputs.
//
//   Y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A
#include "kernels/epilogue.h"
#include "kernels/level.h"
#include "simd/simd.h"

namespace saccade::kernels::SACCADE_ISA {
namespace {

using namespace simd;

// y = Bᵀ d
SACCADE_INLINE void input_transform(const F (&d)[6], F (&y)[6]) {
  const F p = d[3] - d[1], q = d[4] - d[2], k = splat(1.5f);
  y[0] = mul_add(k, p, (d[0] - d[2]) + q);
  y[1] = mul_add(k, d[2] + d[3], q + p);
  y[2] = mul_add(k, d[3] - d[2], q - p);
  y[3] = q + (p + p);
  y[4] = mul_add(splat(-0.5f), p, q);
  y[5] = mul_add(k, q, (d[5] - d[3]) - p);
}

SACCADE_INLINE void input_transform(const F (&d)[4], F (&y)[4]) {
  y[0] = d[0] - d[2];
  y[1] = d[1] + d[2];
  y[2] = d[2] - d[1];
  y[3] = d[3] - d[1];
}

SACCADE_INLINE void input_transform(const F (&d)[5], F (&y)[5]) {
  y[0] = d[0] - d[2];
  y[1] = d[2];
  y[2] = d[4] - d[2];
  y[3] = d[1];
  y[4] = d[3];
}

// y = Aᵀ m
SACCADE_INLINE void output_transform(const F (&m)[6], F (&y)[4]) {
  const F a = m[1] + m[2], b = m[1] - m[2];
  y[0] = (m[0] + a) + (m[3] + m[4]);
  y[1] = mul_add(splat(-2.f), m[4], mul_add(splat(0.5f), m[3], b));
  y[2] = mul_add(splat(4.f), m[4], mul_add(splat(0.25f), m[3], a));
  y[3] = mul_add(splat(-8.f), m[4], mul_add(splat(0.125f), m[3], b)) + m[5];
}

SACCADE_INLINE void output_transform(const F (&m)[4], F (&y)[2]) {
  y[0] = m[0] + (m[1] + m[2]);
  y[1] = (m[1] - m[2]) + m[3];
}

SACCADE_INLINE void output_transform(const F (&m)[5], F (&y)[2]) {
  y[0] = (m[0] + m[1]) + m[3];
  y[1] = (m[1] + m[2]) + m[4];
}

// One tile: columns [begin, end) of its kReach exist.
template <int kReach, bool kEdge>
SACCADE_INLINE void input_tile(const WinogradInput& a, Index pixel, Index begin, Index end, float* out) {
  for (Index c = 0; c < a.channels; c += kLanes) {
    const Index count = smaller(a.channels - c, kLanes);
    F t[kReach][kReach];
    rep<kReach>([&](auto x) __attribute__((always_inline)) {
      F d[kReach], y[kReach];
      const bool inside = !kEdge || (x >= begin && x < end);
      rep<kReach>([&](auto r) __attribute__((always_inline)) {
        d[r] = zero();
        if (inside && a.rows[r]) {
          const float* p = a.rows[r] + (pixel + x) * a.pitch + c;
          d[r] = count == kLanes ? load(p) : load_n(p, count);
        }
      });
      input_transform(d, y);
      rep<kReach>([&](auto r) __attribute__((always_inline)) { t[r][x] = y[r]; });
    });
    float* to = out + c;
    rep<kReach>([&](auto r) __attribute__((always_inline)) {
      F y[kReach];
      input_transform(t[r], y);
      rep<kReach>([&](auto x) __attribute__((always_inline)) { store(to + (r * kReach + x) * a.position_pitch, y[x]); });
    });
  }
}

constexpr int reach_of(int outputs, int stride) { return (outputs - 1) * stride + 3; }

template <int kOutputs, int kStride>
void input_tiles(const WinogradInput& a) {
  constexpr int kReach = reach_of(kOutputs, kStride);
  for (Index i = 0; i < a.tiles; ++i) {
    const Index pixel = a.x + kOutputs * kStride * i, begin = larger(0, -pixel), end = smaller(kReach, a.width - pixel);
    float* out = a.out + i * a.tile_pitch;
    if (begin == 0 && end == kReach) {
      input_tile<kReach, false>(a, pixel, 0, kReach, out);
    } else {
      input_tile<kReach, true>(a, pixel, begin, end, out);
    }
  }
}

template <int kOutputs, int kStride>
void output_tiles(const WinogradOutput& a, F lo, F hi) {
  constexpr int kReach = reach_of(kOutputs, kStride);
  const Epilogue& e = a.epilogue;
  for (Index i = 0; i < a.tiles; ++i) {
    const Index columns = smaller(kOutputs, a.width - kOutputs * i);
    float* const out = a.out + kOutputs * i * a.out_pitch;
    for (Index c = 0; c < a.channels; c += kLanes) {
      const Index count = smaller(a.channels - c, kLanes);
      const Index stored = a.lanes == Lanes::full ? kLanes : count;
      const float* in = a.in + i * a.tile_pitch + c;
      const F bias = e.bias && !e.scale ? (count == kLanes ? load(e.bias + c) : load_n(e.bias + c, count)) : zero();
      F t[kOutputs][kReach];
      rep<kReach>([&](auto x) __attribute__((always_inline)) {
        F m[kReach], y[kOutputs];
        rep<kReach>([&](auto r) __attribute__((always_inline)) { m[r] = load(in + (r * kReach + x) * a.position_pitch); });
        output_transform(m, y);
        rep<kOutputs>([&](auto r) __attribute__((always_inline)) { t[r][x] = y[r]; });
      });
      rep<kOutputs>([&](auto r) __attribute__((always_inline)) {
        if (r < a.rows) {
          F y[kOutputs];
          output_transform(t[r], y);
          float* to = out + r * a.out_line_pitch + c;
          rep<kOutputs>([&](auto x) __attribute__((always_inline)) {
            if (x < columns) {
              const F value = min(hi, max(lo, y[x] + bias));
              if (stored == kLanes) {
                store(to + x * a.out_pitch, value);
              } else {
                store_n(to + x * a.out_pitch, value, stored);
              }
            }
          });
        }
      });
    }
  }
}

}  // namespace

void winograd_input(const WinogradInput& a) { a.stride == 2 ? input_tiles<2, 2>(a) : a.outputs == 2 ? input_tiles<2, 1>(a) : input_tiles<4, 1>(a); }

void winograd_output(const WinogradOutput& a) {
  const Epilogue& e = a.epilogue;
  const bool first_here = !e.scale && !(e.before && e.combine != Combine::none) && is_clip(e.first);
  const bool all_here = first_here && e.combine == Combine::none && e.second.fn == Fn::none;
  float low, high;
  clip_bounds(first_here ? e.first : Activation{}, low, high);
  const F lo = splat(low), hi = splat(high);
  a.stride == 2 ? output_tiles<2, 2>(a, lo, hi) : a.outputs == 2 ? output_tiles<2, 1>(a, lo, hi) : output_tiles<4, 1>(a, lo, hi);
  if (all_here) return;
  for (Index r = 0; r < a.rows; ++r) {
    Epilogue line = e;
    if (line.other) line.other += r * e.other_line_pitch;
    finish_pixels(line, !first_here, a.out + r * a.out_line_pitch, a.out_pitch, smaller(a.width, a.outputs * a.tiles), a.channels);
  }
}

}  // namespace saccade::kernels::SACCADE_ISA
