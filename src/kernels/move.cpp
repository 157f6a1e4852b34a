// SPDX-License-Identifier: Apache-2.0
// Data movement: transposition, row copies.
#include "kernels/level.h"
#include "simd/simd.h"

namespace saccade::kernels::SACCADE_ISA {
namespace {

using namespace simd;
using Vector4 = float __attribute__((vector_size(16)));
using Order = std::int32_t __attribute__((vector_size(16)));
using Vector8 = float __attribute__((vector_size(32)));
using Order8 = std::int32_t __attribute__((vector_size(32)));

struct Edges {  // what dst[j][i] = src[i][j]·scale + shift is indexed by
  const float* scale;
  const float* shift;
  bool by_row;
};

SACCADE_INLINE Vector4 load4(const float* p) {
  Vector4 v;
  __builtin_memcpy(&v, p, 16);
  return v;
}
SACCADE_INLINE void store4(float* p, Vector4 v) { __builtin_memcpy(p, &v, 16); }
SACCADE_INLINE Vector4 splat4(float x) { return Vector4{x, x, x, x}; }

// Four rows by four columns.
template <bool kAffine>
SACCADE_INLINE void block4(const float* src, Index src_pitch, float* dst, Index dst_pitch, const Edges& e, Index i, Index j) {
  const Vector4 a = load4(src), b = load4(src + src_pitch), c = load4(src + 2 * src_pitch), d = load4(src + 3 * src_pitch);
  const Vector4 ab_low = __builtin_shuffle(a, b, Order{0, 4, 1, 5}), ab_high = __builtin_shuffle(a, b, Order{2, 6, 3, 7});
  const Vector4 cd_low = __builtin_shuffle(c, d, Order{0, 4, 1, 5}), cd_high = __builtin_shuffle(c, d, Order{2, 6, 3, 7});
  Vector4 column[4] = {__builtin_shuffle(ab_low, cd_low, Order{0, 1, 4, 5}), __builtin_shuffle(ab_low, cd_low, Order{2, 3, 6, 7}),
                       __builtin_shuffle(ab_high, cd_high, Order{0, 1, 4, 5}), __builtin_shuffle(ab_high, cd_high, Order{2, 3, 6, 7})};
  rep<4>([&](auto q) __attribute__((always_inline)) {
    if constexpr (kAffine) {
      const Vector4 scale = !e.scale ? splat4(1.f) : e.by_row ? load4(e.scale + i) : splat4(e.scale[j + q]);
      const Vector4 shift = !e.shift ? splat4(0.f) : e.by_row ? load4(e.shift + i) : splat4(e.shift[j + q]);
      column[q] = column[q] * scale + shift;
    }
    store4(dst + q * dst_pitch, column[q]);
  });
}

template <bool kAffine>
SACCADE_INLINE void one(const float* src, float* dst, const Edges& e, Index i, Index j) {
  if constexpr (kAffine) {
    const Index at = e.by_row ? i : j;
    *dst = *src * (e.scale ? e.scale[at] : 1.f) + (e.shift ? e.shift[at] : 0.f);
  } else {
    __builtin_memcpy(dst, src, 4);  // the bits may be of any type
  }
}

// Two rows to pairs: the channels of two groups shuffled.
SACCADE_INLINE void interleave2(const TransposeArgs& a) {
  const float* src = static_cast<const float*>(a.src);
  float* dst = static_cast<float*>(a.dst);
  Index j = 0;
  for (; j + 4 <= a.columns; j += 4) {
    const Vector4 x = load4(src + j), y = load4(src + a.src_pitch + j);
    store4(dst + 2 * j, __builtin_shuffle(x, y, Order{0, 4, 1, 5}));
    store4(dst + 2 * j + 4, __builtin_shuffle(x, y, Order{2, 6, 3, 7}));
  }
  for (; j < a.columns; ++j) {
    __builtin_memcpy(dst + 2 * j, src + j, 4);
    __builtin_memcpy(dst + 2 * j + 1, src + a.src_pitch + j, 4);
  }
}

// Three planes to pixels of three channels, eight at a time. Each plane's numbers go to different lanes of the three vectors that come out,
// so that one order of lanes a plane does for all of them.
void interleave3(const TransposeArgs& a) {
  const float* src = static_cast<const float*>(a.src);
  float* dst = static_cast<float*>(a.dst);
  Index j = 0;
  for (; j + 8 <= a.columns; j += 8) {
    Vector8 r, g, b;
    __builtin_memcpy(&r, src + j, sizeof r);
    __builtin_memcpy(&g, src + a.src_pitch + j, sizeof g);
    __builtin_memcpy(&b, src + 2 * a.src_pitch + j, sizeof b);
    r = __builtin_shuffle(r, Order8{0, 3, 6, 1, 4, 7, 2, 5});
    g = __builtin_shuffle(g, Order8{5, 0, 3, 6, 1, 4, 7, 2});
    b = __builtin_shuffle(b, Order8{2, 5, 0, 3, 6, 1, 4, 7});
    const Vector8 first = __builtin_shuffle(__builtin_shuffle(r, g, Order8{0, 9, 2, 3, 12, 5, 6, 15}), b, Order8{0, 1, 10, 3, 4, 13, 6, 7});
    const Vector8 second =
        __builtin_shuffle(__builtin_shuffle(b, r, Order8{0, 9, 2, 3, 12, 5, 6, 15}), g, Order8{0, 1, 10, 3, 4, 13, 6, 7});
    const Vector8 third = __builtin_shuffle(__builtin_shuffle(g, b, Order8{0, 9, 2, 3, 12, 5, 6, 15}), r, Order8{0, 1, 10, 3, 4, 13, 6, 7});
    __builtin_memcpy(dst + 3 * j, &first, sizeof first);
    __builtin_memcpy(dst + 3 * j + 8, &second, sizeof second);
    __builtin_memcpy(dst + 3 * j + 16, &third, sizeof third);
  }
  for (; j < a.columns; ++j) {
    for (Index i = 0; i < 3; ++i) __builtin_memcpy(dst + 3 * j + i, src + i * a.src_pitch + j, 4);
  }
}

template <bool kAffine>
void transpose_as(const TransposeArgs& a) {
  constexpr Index kTile = 16;  // a cache line of floats either way
  const float* src = static_cast<const float*>(a.src);
  float* dst = static_cast<float*>(a.dst);
  const Edges e{a.scale, a.shift, a.scale_rows};
  for (Index i0 = 0; i0 < a.rows; i0 += kTile) {
    const Index i_end = smaller(a.rows, i0 + kTile);
    for (Index j0 = 0; j0 < a.columns; j0 += kTile) {
      const Index j_end = smaller(a.columns, j0 + kTile);
      Index j = j0;
      for (; j + 4 <= j_end; j += 4) {
        Index i = i0;
        for (; i + 4 <= i_end; i += 4) {
          block4<kAffine>(src + i * a.src_pitch + j, a.src_pitch, dst + j * a.dst_pitch + i, a.dst_pitch, e, i, j);
        }
        for (; i < i_end; ++i) {
          for (Index q = j; q < j + 4; ++q) one<kAffine>(src + i * a.src_pitch + q, dst + q * a.dst_pitch + i, e, i, q);
        }
      }
      for (; j < j_end; ++j) {
        for (Index i = i0; i < i_end; ++i) one<kAffine>(src + i * a.src_pitch + j, dst + j * a.dst_pitch + i, e, i, j);
      }
    }
  }
}

}  // namespace

void transpose(const TransposeArgs& args) {
  TransposeArgs a = args;
  for (Index i = 0; i < args.count; ++i) {
    a.src = static_cast<const float*>(args.src) + i * args.src_step;
    a.dst = static_cast<float*>(args.dst) + i * args.dst_step;
    if (a.scale || a.shift) {
      transpose_as<true>(a);
    } else if (a.rows == 2 && a.dst_pitch == 2) {
      interleave2(a);
    } else if (a.rows == 3 && a.dst_pitch == 3) {
      interleave3(a);
    } else {
      transpose_as<false>(a);
    }
  }
}

void copy_rows(const CopyArgs& a) {
  const char* src = static_cast<const char*>(a.src);
  char* dst = static_cast<char*>(a.dst);
  if (a.src_pitch == a.bytes && a.dst_pitch == a.bytes) {
    __builtin_memcpy(dst, src, static_cast<std::size_t>(a.rows * a.bytes));
    return;
  }
  for (Index r = 0; r < a.rows; ++r) __builtin_memcpy(dst + r * a.dst_pitch, src + r * a.src_pitch, static_cast<std::size_t>(a.bytes));
}

}  // namespace saccade::kernels::SACCADE_ISA
