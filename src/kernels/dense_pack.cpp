// SPDX-License-Identifier: Apache-2.0
// Packs the right side of the dense kernel: panels [tap][k][width], zeros beyond the last channel. Quick for row-major
// K×N and N×K matrices, which MatMul packs in each run.
#include "kernels/dense_panels.h"
#include "kernels/level.h"

namespace saccade::kernels::SACCADE_ISA {
namespace {

using Vector4 = float __attribute__((vector_size(16)));

SACCADE_INLINE Vector4 load4(const float* p) {
  Vector4 v;
  __builtin_memcpy(&v, p, 16);
  return v;
}
SACCADE_INLINE void store4(float* p, Vector4 v) { __builtin_memcpy(p, &v, 16); }

// dst[c·width + j] = src[j·stride_n + c] for c < count, j < 4.
void pack_4_columns(const float* src, Index stride_n, Index count, float* dst, Index width) {
  using Order = std::int32_t __attribute__((vector_size(16)));
  Index c = 0;
  for (; c + 4 <= count; c += 4) {
    const Vector4 a = load4(src + c), b = load4(src + stride_n + c), d = load4(src + 2 * stride_n + c), e = load4(src + 3 * stride_n + c);
    const Vector4 ab_low = __builtin_shuffle(a, b, Order{0, 4, 1, 5}), ab_high = __builtin_shuffle(a, b, Order{2, 6, 3, 7});
    const Vector4 de_low = __builtin_shuffle(d, e, Order{0, 4, 1, 5}), de_high = __builtin_shuffle(d, e, Order{2, 6, 3, 7});
    store4(dst + (c + 0) * width, __builtin_shuffle(ab_low, de_low, Order{0, 1, 4, 5}));
    store4(dst + (c + 1) * width, __builtin_shuffle(ab_low, de_low, Order{2, 3, 6, 7}));
    store4(dst + (c + 2) * width, __builtin_shuffle(ab_high, de_high, Order{0, 1, 4, 5}));
    store4(dst + (c + 3) * width, __builtin_shuffle(ab_high, de_high, Order{2, 3, 6, 7}));
  }
  for (; c < count; ++c) {
    for (int j = 0; j < 4; ++j) dst[c * width + j] = src[j * stride_n + c];
  }
}

// One tap of one panel.
void pack_tap(const DensePack& p, const float* src, Index valid, Index width, float* dst) {
  if (p.stride_n == 1) {
    for (Index c = 0; c < p.c; ++c, src += p.stride_c, dst += width) {
      Index j = 0;
      for (; j + kLanes <= valid; j += kLanes) store(dst + j, load(src + j));
      for (; j < width; j += kLanes) store(dst + j, load_n(src + j, larger(valid - j, 0)));
    }
    return;
  }
  Index j = 0;
  if (p.stride_c == 1) {
    for (; j + 4 <= valid; j += 4) pack_4_columns(src + j * p.stride_n, p.stride_n, p.c, dst + j, width);
  }
  for (; j < width; ++j) {
    for (Index c = 0; c < p.c; ++c) dst[c * width + j] = j < valid ? src[j * p.stride_n + c * p.stride_c] : 0.f;
  }
}

template <int kMain>
void pack(const DensePack& p) {
  const Index k_total = p.ky * p.kx * p.c;
  const Index n_end = p.n_end < 0 ? p.n : p.n_end;
  for (Index n0 = 0; n0 < n_end;) {
    const Index width = Panels<kMain>::width_at(p.n, n0), valid = smaller(width, p.n - n0);
    if (n0 >= p.n_begin) {
      float* panel = p.dst + k_total * n0;
      float* dst = panel;
      for (Index ky = 0; ky < p.ky; ++ky) {
        for (Index kx = 0; kx < p.kx; ++kx, dst += p.c * width) {
          pack_tap(p, p.src + n0 * p.stride_n + ky * p.stride_ky + kx * p.stride_kx, valid, width, dst);
        }
      }
      if (p.scale) {
        for (Index k = 0; k < k_total; ++k) {
          for (Index j = 0; j < valid; ++j) panel[k * width + j] *= p.scale[n0 + j];
        }
      }
    }
    n0 += width;
  }
}

}  // namespace

void dense_pack_0(const DensePack& p) { pack<kPanelVectors[0]>(p); }
void dense_pack_1(const DensePack& p) { pack<kPanelVectors[1]>(p); }

}  // namespace saccade::kernels::SACCADE_ISA
