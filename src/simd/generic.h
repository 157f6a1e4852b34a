// SPDX-License-Identifier: Apache-2.0
// Four lanes in the compiler's own vector types, for any processor. mul_add rounds twice here.
#pragma once

#include "simd/common.h"

namespace saccade::simd {
namespace {
namespace v4 {

constexpr int kLanes = 4;
constexpr int kRegisters = 16;
constexpr bool kFused = false;  // whether mul_add rounds once

using RawF = float __attribute__((vector_size(16)));
using RawI = std::int32_t __attribute__((vector_size(16)));

struct M {
  RawI v;
};
struct I {
  RawI v;
};
struct F {
  RawF v;
};

SACCADE_INLINE F splat(float x) { return {RawF{x, x, x, x}}; }
SACCADE_INLINE F zero() { return {RawF{}}; }
SACCADE_INLINE F load(const float* p) {
  F r;
  __builtin_memcpy(&r.v, p, 16);
  return r;
}
SACCADE_INLINE F load_n(const float* p, Index n) {
  RawF r{};
  for (Index i = 0; i < n; ++i) r[i] = p[i];
  return {r};
}
SACCADE_INLINE void store(float* p, F x) { __builtin_memcpy(p, &x.v, 16); }
SACCADE_INLINE void store_n(float* p, F x, Index n) {
  for (Index i = 0; i < n; ++i) p[i] = x.v[i];
}

SACCADE_INLINE F operator+(F a, F b) { return {a.v + b.v}; }
SACCADE_INLINE F operator-(F a, F b) { return {a.v - b.v}; }
SACCADE_INLINE F operator*(F a, F b) { return {a.v * b.v}; }
SACCADE_INLINE F operator/(F a, F b) { return {a.v / b.v}; }
SACCADE_INLINE F mul_add(F a, F b, F c) { return {a.v * b.v + c.v}; }
/// sum += a·b as mul_add, for sums that are to stay in their registers.
SACCADE_INLINE void add_product(F& sum, F a, F b) { sum = mul_add(a, b, sum); }
SACCADE_INLINE F neg_mul_add(F a, F b, F c) { return {c.v - a.v * b.v}; }

SACCADE_INLINE M operator<(F a, F b) { return {a.v < b.v}; }
SACCADE_INLINE M operator<=(F a, F b) { return {a.v <= b.v}; }
SACCADE_INLINE M operator>(F a, F b) { return {a.v > b.v}; }
SACCADE_INLINE M operator>=(F a, F b) { return {a.v >= b.v}; }
SACCADE_INLINE M operator==(F a, F b) { return {a.v == b.v}; }
SACCADE_INLINE M operator!=(F a, F b) { return {a.v != b.v}; }
SACCADE_INLINE M operator&(M a, M b) { return {a.v & b.v}; }
SACCADE_INLINE M operator|(M a, M b) { return {a.v | b.v}; }
SACCADE_INLINE bool any(M m) { return (m.v[0] | m.v[1] | m.v[2] | m.v[3]) != 0; }
SACCADE_INLINE F select(M m, F a, F b) { return {m.v ? a.v : b.v}; }
SACCADE_INLINE I select(M m, I a, I b) { return {m.v ? a.v : b.v}; }

/// The second operand where either is NaN.
SACCADE_INLINE F min(F a, F b) { return {a.v < b.v ? a.v : b.v}; }
SACCADE_INLINE F max(F a, F b) { return {a.v > b.v ? a.v : b.v}; }

SACCADE_INLINE I splat_i(std::int32_t x) { return {RawI{x, x, x, x}}; }
SACCADE_INLINE I as_int(F a) { return {(RawI)a.v}; }
SACCADE_INLINE F as_float(I a) { return {(RawF)a.v}; }
SACCADE_INLINE I operator+(I a, I b) { return {(RawI)((std::uint32_t __attribute__((vector_size(16))))a.v + (std::uint32_t __attribute__((vector_size(16))))b.v)}; }
SACCADE_INLINE I operator-(I a, I b) { return {(RawI)((std::uint32_t __attribute__((vector_size(16))))a.v - (std::uint32_t __attribute__((vector_size(16))))b.v)}; }
SACCADE_INLINE I operator&(I a, I b) { return {a.v & b.v}; }
SACCADE_INLINE I operator|(I a, I b) { return {a.v | b.v}; }
SACCADE_INLINE I operator^(I a, I b) { return {a.v ^ b.v}; }
SACCADE_INLINE M operator==(I a, I b) { return {a.v == b.v}; }
template <int N>
SACCADE_INLINE I shift_left(I a) {
  return {(RawI)((std::uint32_t __attribute__((vector_size(16))))a.v << N)};
}
/// Arithmetic.
template <int N>
SACCADE_INLINE I shift_right(I a) {
  return {a.v >> N};
}
/// table[index mod 8]
SACCADE_INLINE I lookup(const std::int32_t (&table)[8], I index) {
  return {RawI{table[index.v[0] & 7], table[index.v[1] & 7], table[index.v[2] & 7], table[index.v[3] & 7]}};
}
SACCADE_INLINE F to_float(I a) { return {__builtin_convertvector(a.v, RawF)}; }

SACCADE_INLINE F abs(F a) { return as_float(as_int(a) & splat_i(0x7fffffff)); }
SACCADE_INLINE F neg(F a) { return as_float(as_int(a) ^ splat_i(INT32_MIN)); }
SACCADE_INLINE F sqrt(F a) {
  return {RawF{__builtin_sqrtf(a.v[0]), __builtin_sqrtf(a.v[1]), __builtin_sqrtf(a.v[2]), __builtin_sqrtf(a.v[3])}};
}
/// Halves to even; keeps the sign of zero. From 2^23 on every float is an integer.
SACCADE_INLINE F round_even(F a) {
  const F magnitude = abs(a);
  RawF sum = magnitude.v + 8388608.f;
  asm("" : "+x"(sum));  // the compiler must not cancel the two additions
  const F rounded{sum - 8388608.f};
  const F value = select(magnitude < splat(8388608.f), rounded, magnitude);
  return select(a == a, as_float(as_int(value) | (as_int(a) & splat_i(INT32_MIN))), a);
}
SACCADE_INLINE F with_sign_of(F value, F sign) { return as_float(as_int(value) | (as_int(sign) & splat_i(INT32_MIN))); }
SACCADE_INLINE F floor(F a) {
  const F r = round_even(a);
  return with_sign_of(r - select(r > a, splat(1.f), zero()), a);
}
SACCADE_INLINE F ceil(F a) {
  const F r = round_even(a);
  return with_sign_of(r + select(r < a, splat(1.f), zero()), a);
}
SACCADE_INLINE F trunc(F a) { return select(a < zero(), ceil(a), floor(a)); }
/// To the nearest integer; undefined outside of the range of i32.
SACCADE_INLINE I to_int(F a) { return {__builtin_convertvector(round_even(a).v, RawI)}; }

SACCADE_INLINE float sum(F a) { return (a.v[0] + a.v[2]) + (a.v[1] + a.v[3]); }
template <class Op>
SACCADE_INLINE float fold(F a, Op op) {
  const F b = op(a, F{__builtin_shuffle(a.v, RawI{2, 3, 0, 1})});
  return op(b, F{__builtin_shuffle(b.v, RawI{1, 0, 3, 2})}).v[0];
}

}  // namespace v4
}  // namespace
}  // namespace saccade::simd
