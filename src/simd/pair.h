// SPDX-License-Identifier: Apache-2.0
// Sixteen lanes as two AVX2 vectors: lets the code shaped for AVX-512 (tiles, tails, panel widths) run in tests on
// processors without it.
#pragma once

#include "simd/avx2.h"

namespace saccade::simd {
namespace {
namespace v16 {

constexpr int kLanes = 16;
constexpr int kRegisters = 32;
constexpr bool kFused = true;

struct M {
  v8::M lo, hi;
};
struct I {
  v8::I lo, hi;
};
struct F {
  v8::F lo, hi;
};

SACCADE_INLINE Index low_count(Index n) { return n < 8 ? n : 8; }
SACCADE_INLINE Index high_count(Index n) { return n < 8 ? 0 : n - 8; }

SACCADE_INLINE F splat(float x) { return {v8::splat(x), v8::splat(x)}; }
SACCADE_INLINE F zero() { return {v8::zero(), v8::zero()}; }
SACCADE_INLINE F load(const float* p) { return {v8::load(p), v8::load(p + 8)}; }
SACCADE_INLINE F load_n(const float* p, Index n) { return {v8::load_n(p, low_count(n)), v8::load_n(p + 8, high_count(n))}; }
SACCADE_INLINE void store(float* p, F x) {
  v8::store(p, x.lo);
  v8::store(p + 8, x.hi);
}
SACCADE_INLINE void store_n(float* p, F x, Index n) {
  v8::store_n(p, x.lo, low_count(n));
  v8::store_n(p + 8, x.hi, high_count(n));
}

SACCADE_INLINE F operator+(F a, F b) { return {a.lo + b.lo, a.hi + b.hi}; }
SACCADE_INLINE F operator-(F a, F b) { return {a.lo - b.lo, a.hi - b.hi}; }
SACCADE_INLINE F operator*(F a, F b) { return {a.lo * b.lo, a.hi * b.hi}; }
SACCADE_INLINE F operator/(F a, F b) { return {a.lo / b.lo, a.hi / b.hi}; }
SACCADE_INLINE F mul_add(F a, F b, F c) { return {v8::mul_add(a.lo, b.lo, c.lo), v8::mul_add(a.hi, b.hi, c.hi)}; }
SACCADE_INLINE void add_product(F& sum, F a, F b) {
  v8::add_product(sum.lo, a.lo, b.lo);
  v8::add_product(sum.hi, a.hi, b.hi);
}
SACCADE_INLINE F neg_mul_add(F a, F b, F c) { return {v8::neg_mul_add(a.lo, b.lo, c.lo), v8::neg_mul_add(a.hi, b.hi, c.hi)}; }

SACCADE_INLINE M operator<(F a, F b) { return {a.lo < b.lo, a.hi < b.hi}; }
SACCADE_INLINE M operator<=(F a, F b) { return {a.lo <= b.lo, a.hi <= b.hi}; }
SACCADE_INLINE M operator>(F a, F b) { return {a.lo > b.lo, a.hi > b.hi}; }
SACCADE_INLINE M operator>=(F a, F b) { return {a.lo >= b.lo, a.hi >= b.hi}; }
SACCADE_INLINE M operator==(F a, F b) { return {a.lo == b.lo, a.hi == b.hi}; }
SACCADE_INLINE M operator!=(F a, F b) { return {a.lo != b.lo, a.hi != b.hi}; }
SACCADE_INLINE M operator&(M a, M b) { return {a.lo & b.lo, a.hi & b.hi}; }
SACCADE_INLINE M operator|(M a, M b) { return {a.lo | b.lo, a.hi | b.hi}; }
SACCADE_INLINE bool any(M m) { return v8::any(m.lo) || v8::any(m.hi); }
SACCADE_INLINE F select(M m, F a, F b) { return {v8::select(m.lo, a.lo, b.lo), v8::select(m.hi, a.hi, b.hi)}; }
SACCADE_INLINE I select(M m, I a, I b) { return {v8::select(m.lo, a.lo, b.lo), v8::select(m.hi, a.hi, b.hi)}; }

SACCADE_INLINE F min(F a, F b) { return {v8::min(a.lo, b.lo), v8::min(a.hi, b.hi)}; }
SACCADE_INLINE F max(F a, F b) { return {v8::max(a.lo, b.lo), v8::max(a.hi, b.hi)}; }

SACCADE_INLINE I splat_i(std::int32_t x) { return {v8::splat_i(x), v8::splat_i(x)}; }
SACCADE_INLINE I as_int(F a) { return {v8::as_int(a.lo), v8::as_int(a.hi)}; }
SACCADE_INLINE F as_float(I a) { return {v8::as_float(a.lo), v8::as_float(a.hi)}; }
SACCADE_INLINE I operator+(I a, I b) { return {a.lo + b.lo, a.hi + b.hi}; }
SACCADE_INLINE I operator-(I a, I b) { return {a.lo - b.lo, a.hi - b.hi}; }
SACCADE_INLINE I operator&(I a, I b) { return {a.lo & b.lo, a.hi & b.hi}; }
SACCADE_INLINE I operator|(I a, I b) { return {a.lo | b.lo, a.hi | b.hi}; }
SACCADE_INLINE I operator^(I a, I b) { return {a.lo ^ b.lo, a.hi ^ b.hi}; }
SACCADE_INLINE M operator==(I a, I b) { return {a.lo == b.lo, a.hi == b.hi}; }
template <int N>
SACCADE_INLINE I shift_left(I a) {
  return {v8::shift_left<N>(a.lo), v8::shift_left<N>(a.hi)};
}
template <int N>
SACCADE_INLINE I shift_right(I a) {
  return {v8::shift_right<N>(a.lo), v8::shift_right<N>(a.hi)};
}
SACCADE_INLINE I lookup(const std::int32_t (&table)[8], I index) { return {v8::lookup(table, index.lo), v8::lookup(table, index.hi)}; }
SACCADE_INLINE F to_float(I a) { return {v8::to_float(a.lo), v8::to_float(a.hi)}; }
SACCADE_INLINE I to_int(F a) { return {v8::to_int(a.lo), v8::to_int(a.hi)}; }

SACCADE_INLINE F abs(F a) { return {v8::abs(a.lo), v8::abs(a.hi)}; }
SACCADE_INLINE F neg(F a) { return {v8::neg(a.lo), v8::neg(a.hi)}; }
SACCADE_INLINE F with_sign_of(F value, F sign) { return {v8::with_sign_of(value.lo, sign.lo), v8::with_sign_of(value.hi, sign.hi)}; }
SACCADE_INLINE F sqrt(F a) { return {v8::sqrt(a.lo), v8::sqrt(a.hi)}; }
SACCADE_INLINE F round_even(F a) { return {v8::round_even(a.lo), v8::round_even(a.hi)}; }
SACCADE_INLINE F floor(F a) { return {v8::floor(a.lo), v8::floor(a.hi)}; }
SACCADE_INLINE F ceil(F a) { return {v8::ceil(a.lo), v8::ceil(a.hi)}; }
SACCADE_INLINE F trunc(F a) { return {v8::trunc(a.lo), v8::trunc(a.hi)}; }

template <class Op>
SACCADE_INLINE float fold(F a, Op op) {
  const F both = op(a, F{a.hi, a.lo});
  return v8::fold(both.lo, [&](v8::F x, v8::F y) __attribute__((always_inline)) { return op(F{x, x}, F{y, y}).lo; });
}
SACCADE_INLINE float sum(F a) {
  return fold(a, [](F x, F y) __attribute__((always_inline)) { return x + y; });
}

}  // namespace v16
}  // namespace
}  // namespace saccade::simd
