// SPDX-License-Identifier: Apache-2.0
// Eight lanes on AVX2 with FMA. See generic.h for the contract of each function.
#pragma once

#include <immintrin.h>

#include "simd/common.h"

namespace saccade::simd {
namespace {
namespace v8 {

constexpr int kLanes = 8;
constexpr int kRegisters = 16;
constexpr bool kFused = true;

struct M {
  __m256 v;
};
struct I {
  __m256i v;
};
struct F {
  __m256 v;
};

SACCADE_INLINE F splat(float x) { return {_mm256_set1_ps(x)}; }
SACCADE_INLINE F zero() { return {_mm256_setzero_ps()}; }
SACCADE_INLINE F load(const float* p) { return {_mm256_loadu_ps(p)}; }
/// All ones in the first n lanes.
SACCADE_INLINE __m256i first_lanes(Index n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
SACCADE_INLINE F load_n(const float* p, Index n) { return {_mm256_maskload_ps(p, first_lanes(n))}; }
SACCADE_INLINE void store(float* p, F x) { _mm256_storeu_ps(p, x.v); }
// Masked stores are microcoded on AMD: up to three plain ones are faster.
SACCADE_INLINE void store_n(float* p, F x, Index n) {
  if (n >= 8) {
    _mm256_storeu_ps(p, x.v);
    return;
  }
  __m128 half = _mm256_castps256_ps128(x.v);
  if (n & 4) {
    _mm_storeu_ps(p, half);
    p += 4;
    half = _mm256_extractf128_ps(x.v, 1);
  }
  if (n & 2) {
    _mm_storel_pi(reinterpret_cast<__m64*>(p), half);
    p += 2;
    half = _mm_movehl_ps(half, half);
  }
  if (n & 1) _mm_store_ss(p, half);
}

SACCADE_INLINE F operator+(F a, F b) { return {_mm256_add_ps(a.v, b.v)}; }
SACCADE_INLINE F operator-(F a, F b) { return {_mm256_sub_ps(a.v, b.v)}; }
SACCADE_INLINE F operator*(F a, F b) { return {_mm256_mul_ps(a.v, b.v)}; }
SACCADE_INLINE F operator/(F a, F b) { return {_mm256_div_ps(a.v, b.v)}; }
SACCADE_INLINE F mul_add(F a, F b, F c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
// In assembly, for g++ moves sums about, and to memory, where an unrolled loop keeps all registers busy.
SACCADE_INLINE void add_product(F& sum, F a, F b) { asm("vfmadd231ps %2, %1, %0" : "+x"(sum.v) : "x"(a.v), "x"(b.v)); }
SACCADE_INLINE F neg_mul_add(F a, F b, F c) { return {_mm256_fnmadd_ps(a.v, b.v, c.v)}; }

SACCADE_INLINE M operator<(F a, F b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ)}; }
SACCADE_INLINE M operator<=(F a, F b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LE_OQ)}; }
SACCADE_INLINE M operator>(F a, F b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_GT_OQ)}; }
SACCADE_INLINE M operator>=(F a, F b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_GE_OQ)}; }
SACCADE_INLINE M operator==(F a, F b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_EQ_OQ)}; }
SACCADE_INLINE M operator!=(F a, F b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_NEQ_UQ)}; }
SACCADE_INLINE M operator&(M a, M b) { return {_mm256_and_ps(a.v, b.v)}; }
SACCADE_INLINE M operator|(M a, M b) { return {_mm256_or_ps(a.v, b.v)}; }
SACCADE_INLINE bool any(M m) { return _mm256_movemask_ps(m.v) != 0; }
SACCADE_INLINE F select(M m, F a, F b) { return {_mm256_blendv_ps(b.v, a.v, m.v)}; }
SACCADE_INLINE I select(M m, I a, I b) { return {_mm256_blendv_epi8(b.v, a.v, _mm256_castps_si256(m.v))}; }

SACCADE_INLINE F min(F a, F b) { return {_mm256_min_ps(a.v, b.v)}; }
SACCADE_INLINE F max(F a, F b) { return {_mm256_max_ps(a.v, b.v)}; }

SACCADE_INLINE I splat_i(std::int32_t x) { return {_mm256_set1_epi32(x)}; }
SACCADE_INLINE I as_int(F a) { return {_mm256_castps_si256(a.v)}; }
SACCADE_INLINE F as_float(I a) { return {_mm256_castsi256_ps(a.v)}; }
SACCADE_INLINE I operator+(I a, I b) { return {_mm256_add_epi32(a.v, b.v)}; }
SACCADE_INLINE I operator-(I a, I b) { return {_mm256_sub_epi32(a.v, b.v)}; }
SACCADE_INLINE I operator&(I a, I b) { return {_mm256_and_si256(a.v, b.v)}; }
SACCADE_INLINE I operator|(I a, I b) { return {_mm256_or_si256(a.v, b.v)}; }
SACCADE_INLINE I operator^(I a, I b) { return {_mm256_xor_si256(a.v, b.v)}; }
SACCADE_INLINE M operator==(I a, I b) { return {_mm256_castsi256_ps(_mm256_cmpeq_epi32(a.v, b.v))}; }
template <int N>
SACCADE_INLINE I shift_left(I a) {
  return {_mm256_slli_epi32(a.v, N)};
}
template <int N>
SACCADE_INLINE I shift_right(I a) {
  return {_mm256_srai_epi32(a.v, N)};
}
SACCADE_INLINE I lookup(const std::int32_t (&table)[8], I index) {
  return {_mm256_permutevar8x32_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(table)), index.v)};
}
SACCADE_INLINE F to_float(I a) { return {_mm256_cvtepi32_ps(a.v)}; }
SACCADE_INLINE I to_int(F a) { return {_mm256_cvtps_epi32(a.v)}; }

SACCADE_INLINE F abs(F a) { return as_float(as_int(a) & splat_i(0x7fffffff)); }
SACCADE_INLINE F neg(F a) { return as_float(as_int(a) ^ splat_i(INT32_MIN)); }
SACCADE_INLINE F with_sign_of(F value, F sign) { return as_float(as_int(value) | (as_int(sign) & splat_i(INT32_MIN))); }
SACCADE_INLINE F sqrt(F a) { return {_mm256_sqrt_ps(a.v)}; }
SACCADE_INLINE F round_even(F a) { return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
SACCADE_INLINE F floor(F a) { return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC)}; }
SACCADE_INLINE F ceil(F a) { return {_mm256_round_ps(a.v, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC)}; }
SACCADE_INLINE F trunc(F a) { return {_mm256_round_ps(a.v, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC)}; }

template <class Op>
SACCADE_INLINE float fold(F a, Op op) {
  F b = op(a, F{_mm256_permute2f128_ps(a.v, a.v, 1)});
  b = op(b, F{_mm256_permute_ps(b.v, 0x4e)});
  return _mm256_cvtss_f32(op(b, F{_mm256_permute_ps(b.v, 0xb1)}).v);
}
SACCADE_INLINE float sum(F a) {
  return fold(a, [](F x, F y) __attribute__((always_inline)) { return x + y; });
}

}  // namespace v8
}  // namespace
}  // namespace saccade::simd
