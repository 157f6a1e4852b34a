// SPDX-License-Identifier: Apache-2.0
// Sixteen lanes on AVX-512 F/BW/DQ/VL. See generic.h for the contract of each function.
#pragma once

#include <immintrin.h>

#include "simd/common.h"

namespace saccade::simd {
namespace {
namespace v16 {

constexpr int kLanes = 16;
constexpr int kRegisters = 32;
constexpr bool kFused = true;

struct M {
  __mmask16 v;
};
struct I {
  __m512i v;
};
struct F {
  __m512 v;
};

SACCADE_INLINE F splat(float x) { return {_mm512_set1_ps(x)}; }
SACCADE_INLINE F zero() { return {_mm512_setzero_ps()}; }
SACCADE_INLINE F load(const float* p) { return {_mm512_loadu_ps(p)}; }
SACCADE_INLINE __mmask16 first_lanes(Index n) { return static_cast<__mmask16>(_bzhi_u32(0xffff, static_cast<unsigned>(n))); }
SACCADE_INLINE F load_n(const float* p, Index n) { return {_mm512_maskz_loadu_ps(first_lanes(n), p)}; }
SACCADE_INLINE void store(float* p, F x) { _mm512_storeu_ps(p, x.v); }
SACCADE_INLINE void store_n(float* p, F x, Index n) { _mm512_mask_storeu_ps(p, first_lanes(n), x.v); }

SACCADE_INLINE F operator+(F a, F b) { return {_mm512_add_ps(a.v, b.v)}; }
SACCADE_INLINE F operator-(F a, F b) { return {_mm512_sub_ps(a.v, b.v)}; }
SACCADE_INLINE F operator*(F a, F b) { return {_mm512_mul_ps(a.v, b.v)}; }
SACCADE_INLINE F operator/(F a, F b) { return {_mm512_div_ps(a.v, b.v)}; }
SACCADE_INLINE F mul_add(F a, F b, F c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
SACCADE_INLINE void add_product(F& sum, F a, F b) { asm("vfmadd231ps %2, %1, %0" : "+v"(sum.v) : "v"(a.v), "v"(b.v)); }  // as on AVX2
SACCADE_INLINE F neg_mul_add(F a, F b, F c) { return {_mm512_fnmadd_ps(a.v, b.v, c.v)}; }

SACCADE_INLINE M operator<(F a, F b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
SACCADE_INLINE M operator<=(F a, F b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LE_OQ)}; }
SACCADE_INLINE M operator>(F a, F b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_GT_OQ)}; }
SACCADE_INLINE M operator>=(F a, F b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_GE_OQ)}; }
SACCADE_INLINE M operator==(F a, F b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ)}; }
SACCADE_INLINE M operator!=(F a, F b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_NEQ_UQ)}; }
SACCADE_INLINE M operator&(M a, M b) { return {static_cast<__mmask16>(a.v & b.v)}; }
SACCADE_INLINE M operator|(M a, M b) { return {static_cast<__mmask16>(a.v | b.v)}; }
SACCADE_INLINE bool any(M m) { return m.v != 0; }
SACCADE_INLINE F select(M m, F a, F b) { return {_mm512_mask_blend_ps(m.v, b.v, a.v)}; }
SACCADE_INLINE I select(M m, I a, I b) { return {_mm512_mask_blend_epi32(m.v, b.v, a.v)}; }

SACCADE_INLINE F min(F a, F b) { return {_mm512_min_ps(a.v, b.v)}; }
SACCADE_INLINE F max(F a, F b) { return {_mm512_max_ps(a.v, b.v)}; }

SACCADE_INLINE I splat_i(std::int32_t x) { return {_mm512_set1_epi32(x)}; }
SACCADE_INLINE I as_int(F a) { return {_mm512_castps_si512(a.v)}; }
SACCADE_INLINE F as_float(I a) { return {_mm512_castsi512_ps(a.v)}; }
SACCADE_INLINE I operator+(I a, I b) { return {_mm512_add_epi32(a.v, b.v)}; }
SACCADE_INLINE I operator-(I a, I b) { return {_mm512_sub_epi32(a.v, b.v)}; }
SACCADE_INLINE I operator&(I a, I b) { return {_mm512_and_si512(a.v, b.v)}; }
SACCADE_INLINE I operator|(I a, I b) { return {_mm512_or_si512(a.v, b.v)}; }
SACCADE_INLINE I operator^(I a, I b) { return {_mm512_xor_si512(a.v, b.v)}; }
SACCADE_INLINE M operator==(I a, I b) { return {_mm512_cmpeq_epi32_mask(a.v, b.v)}; }
template <int N>
SACCADE_INLINE I shift_left(I a) {
  return {_mm512_slli_epi32(a.v, N)};
}
template <int N>
SACCADE_INLINE I shift_right(I a) {
  return {_mm512_srai_epi32(a.v, N)};
}
SACCADE_INLINE I lookup(const std::int32_t (&table)[8], I index) {
  return {_mm512_permutexvar_epi32(index.v, _mm512_broadcast_i32x8(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(table))))};
}
SACCADE_INLINE F to_float(I a) { return {_mm512_cvtepi32_ps(a.v)}; }
SACCADE_INLINE I to_int(F a) { return {_mm512_cvtps_epi32(a.v)}; }

SACCADE_INLINE F abs(F a) { return as_float(as_int(a) & splat_i(0x7fffffff)); }
SACCADE_INLINE F neg(F a) { return as_float(as_int(a) ^ splat_i(INT32_MIN)); }
SACCADE_INLINE F with_sign_of(F value, F sign) { return as_float(as_int(value) | (as_int(sign) & splat_i(INT32_MIN))); }
SACCADE_INLINE F sqrt(F a) { return {_mm512_sqrt_ps(a.v)}; }
SACCADE_INLINE F round_even(F a) { return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
SACCADE_INLINE F floor(F a) { return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC)}; }
SACCADE_INLINE F ceil(F a) { return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC)}; }
SACCADE_INLINE F trunc(F a) { return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC)}; }

template <class Op>
SACCADE_INLINE float fold(F a, Op op) {
  F b = op(a, F{_mm512_shuffle_f32x4(a.v, a.v, 0x4e)});
  b = op(b, F{_mm512_shuffle_f32x4(b.v, b.v, 0xb1)});
  b = op(b, F{_mm512_permute_ps(b.v, 0x4e)});
  return _mm512_cvtss_f32(op(b, F{_mm512_permute_ps(b.v, 0xb1)}).v);
}
SACCADE_INLINE float sum(F a) {
  return fold(a, [](F x, F y) __attribute__((always_inline)) { return x + y; });
}

}  // namespace v16
}  // namespace
}  // namespace saccade::simd
