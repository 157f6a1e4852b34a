// SPDX-License-Identifier: Apache-2.0
// Elementary functions on vectors. Bounds in units in the last place (ulp) hold with a fused multiply-add; the scalar
// level may lose one more. NaN gives NaN, infinities the limit.
// Polynomials: least maximal error fits, weighted to the error of the final result.
#pragma once

#include "simd/simd.h"

namespace saccade::kernels::SACCADE_ISA {
namespace {

using namespace simd;

// The larger and the smaller, where NaN wins; the instructions alone forget it.
// `a` may be the largest of many: only the last two instructions wait for it.
SACCADE_INLINE F max_or_nan(F a, F b) { return select(b != b, b, max(b, a)); }
SACCADE_INLINE F min_or_nan(F a, F b) { return select(b != b, b, min(b, a)); }

template <int N>
SACCADE_INLINE F polynomial(F x, const float (&coefficients)[N]) {  // lowest degree first
  F y = splat(coefficients[N - 1]);
  rep<N - 1>([&](auto i) __attribute__((always_inline)) { y = mul_add(y, x, splat(coefficients[N - 2 - i])); });
  return y;
}

/// 2^n for −126 ≤ n ≤ 127.
SACCADE_INLINE F power_of_two(I n) { return as_float(shift_left<23>(n + splat_i(127))); }

// x = n·ln 2 + r with |r| ≤ ln 2 / 2; the high part of ln 2 has nine bits, so that n·high is exact.
struct ExpParts {
  I n;
  F r, growth;  // growth = e^r − 1 − r
};
SACCADE_INLINE ExpParts exp_parts(F x) {
  const F n = round_even(x * splat(1.44269504f));
  const F r = neg_mul_add(n, splat(-2.12194440e-4f), neg_mul_add(n, splat(0.693359375f), x));
  const F p = polynomial(r, {0.5f, 0.166666672f, 0.0416664630f, 0.00833328627f, 0.00139337324f, 0.000199077054f});
  return {to_int(n), r, p * (r * r)};
}

/// e^x, 1 ulp.
SACCADE_INLINE F exp(F x) {
  const ExpParts e = exp_parts(min(splat(89.f), max(splat(-104.f), x)));
  const I half = shift_right<1>(e.n);  // 2^n in two factors: n may lie beyond the exponents
  return (splat(1.f) + (e.r + e.growth)) * power_of_two(half) * power_of_two(e.n - half);
}

/// e^x − 1, 2 ulp, also close to 0.
SACCADE_INLINE F expm1(F x) {
  const ExpParts e = exp_parts(min(splat(89.f), max(splat(-30.f), x)));
  const I half = shift_right<1>(e.n), rest = e.n - half;
  const F scale = power_of_two(half), unit = power_of_two(splat_i(0) - rest);
  const F y = mul_add(e.r + e.growth, scale, scale - unit) * power_of_two(rest);
  return select(x == zero(), x, y);
}

/// Natural logarithm, 1 ulp; −inf at 0, NaN below.
SACCADE_INLINE F log(F x) {
  const M tiny = x < splat(1.17549435e-38f);
  const F scaled = select(tiny, x * splat(8388608.f), x);
  // x = m·2^e with m in [sqrt(1/2), sqrt(2))
  const I bits = as_int(scaled) - splat_i(0x3f3504f3);
  const F e = to_float(shift_right<23>(bits)) - select(tiny, splat(23.f), zero());
  const F f = as_float((bits & splat_i(0x007fffff)) + splat_i(0x3f3504f3)) - splat(1.f);
  const F p = polynomial(f, {0.333333105f, -0.249999851f, 0.200021908f, -0.166693196f, 0.142191023f, -0.123830527f,
                             0.118699998f, -0.117985763f, 0.0693146363f});
  const F square = f * f;
  F y = mul_add(e, splat(-2.12194440e-4f), p * (square * f));
  y = neg_mul_add(splat(0.5f), square, y);
  y = mul_add(e, splat(0.693359375f), f + y);
  y = select(x == zero(), splat(-__builtin_inff()), y);
  y = select(x < splat(__builtin_inff()), y, x + x);  // inf and NaN
  return select(x < zero(), splat(__builtin_nanf("")), y);
}

/// log(1 + x), 2 ulp.
SACCADE_INLINE F log1p(F x) {
  const F u = splat(1.f) + x;
  const F lost = x - (u - splat(1.f));  // what the addition rounded away
  const F y = log(u) + lost / u;
  return select((u == splat(1.f)) | (x == splat(__builtin_inff())) | (u == zero()), select(u == splat(1.f), x, log(u)), y);
}

// Beyond this a sigmoid is 0 or 1, but for a subnormal number.
SACCADE_INLINE F within_88(F x) { return min(splat(88.f), max(splat(-88.f), x)); }

// 2^(i/8) as bits, less i/8 of an exponent.
constexpr std::int32_t kEighths[8] = {0x3f800000, 0x3f8b95c2 - (1 << 20), 0x3f9837f0 - (2 << 20), 0x3fa5fed7 - (3 << 20),
                                      0x3fb504f3 - (4 << 20), 0x3fc5672a - (5 << 20), 0x3fd744fd - (6 << 20), 0x3feac0c7 - (7 << 20)};

// 1 + e^−x for |x| ≤ 88, from −x = n·ln 2 / 8 − r with |r| ≤ ln 2 / 16. Rounding n is done by adding a number whose last place is 1; the low
// bits of that sum then are n, whose shift adds its eighths of an exponent to 2^(n mod 8 / 8). The polynomial is short and its sum
// is put off: the chain of dependent operations is what this takes.
SACCADE_INLINE F one_plus_exp_neg(F x) {
  const F t = mul_add(x, splat(-11.5415603f), splat(12582912.f));
  const F n = t - splat(12582912.f);
  F r = mul_add(n, splat(kFused ? 0.0866433978f : 0.0866699219f), x);
  if constexpr (!kFused) r = mul_add(n, splat(-2.65243050e-5f), r);  // the product before is exact
  const F scale = as_float(lookup(kEighths, as_int(t)) + shift_left<20>(as_int(t)));
  const F p = mul_add(mul_add(splat(-0.1666797f), r, splat(0.50006476f)), r, splat(-1.f));  // e^−r = 1 + r·p
  return mul_add(p, scale * r, scale + splat(1.f));
}

/// 3 ulp from x = −20 up and 6 below, and 10⁻³⁸.
SACCADE_INLINE F sigmoid(F x) { return splat(1.f) / one_plus_exp_neg(within_88(x)); }
/// 3 ulp from x = −20 up and 6 below, and 10⁻³⁶.
SACCADE_INLINE F silu(F x) {
  x = max(splat(-88.f), x);
  return x / one_plus_exp_neg(min(splat(88.f), x));
}

/// 3 ulp.
SACCADE_INLINE F tanh(F x) {
  const F e = expm1(splat(-2.f) * abs(x));
  return with_sign_of(neg(e) / (e + splat(2.f)), x);
}

/// log(1 + e^x), 3 ulp.
SACCADE_INLINE F softplus(F x) { return max(zero(), x) + log1p(exp(neg(abs(x)))); }

/// x·tanh(softplus(x)), as x·w / (w + 2) with w = e^x·(e^x + 2); 4 ulp.
SACCADE_INLINE F mish(F x) {
  const F e = exp(min(splat(20.f), x));
  const F w = e * (e + splat(2.f));
  return x * (w / (w + splat(2.f)));
}

// log(erfc(t)) for t ≥ 0.95, good to 4; falls off as −t² beyond.
SACCADE_INLINE F log_erfc(F t) {
  const F u = min(splat(4.f), t);
  const F p = polynomial(u, {0.000281606452f, -1.13006485f, -0.63213855f, -0.109760202f, 0.0262235142f, -0.00468418188f,
                             0.000579439744f, -4.38494499e-05f, 1.5181821e-06f});
  return neg_mul_add(t, t, mul_add(u, u, p));
}
// erf(x) / x for |x| ≤ 1 from x².
SACCADE_INLINE F erf_ratio(F square) {
  return polynomial(square, {1.12837911f, -0.37612626f, 0.112836003f, -0.0268544443f, 0.00518953521f, -0.000802084222f,
                             7.88912221e-05f});
}

/// 3 ulp.
SACCADE_INLINE F erf(F x) {
  const F t = abs(x);
  const F inner = x * erf_ratio(x * x);
  const F outer = with_sign_of(splat(1.f) - exp(log_erfc(t)), x);
  return select(t < splat(1.f), inner, select(x == x, outer, x));
}

/// x·Φ(x): 2e-6 relative down to x = −5, 1e-7 absolute below.
SACCADE_INLINE F gelu_erf(F x) {
  const F z = x * splat(0.707106781f), t = abs(z);
  const F inner = mul_add(z, erf_ratio(z * z), splat(1.f));
  const F tail = exp(log_erfc(t));
  const F outer = select(x < zero(), tail, splat(2.f) - tail);
  const F y = splat(0.5f) * x * select(t < splat(1.f), inner, outer);
  return select(x == splat(-__builtin_inff()), zero(), select(x == x, y, x));
}

/// x·(1 + tanh(√(2/π)·(x + 0.044715·x³))) / 2
SACCADE_INLINE F gelu_tanh(F x) {
  const F u = x * mul_add(splat(0.0713548163f), x * x, splat(1.59576912f));
  return select(u < splat(-87.f), zero(), x / one_plus_exp_neg(within_88(u)));
}

// Lane by lane through the C library: what is rare, or has no short exact form.
template <class Scalar>
SACCADE_INLINE F each_lane(F x, Scalar f) {
  alignas(64) float lanes[kLanes];
  store(lanes, x);
  for (int i = 0; i < kLanes; ++i) lanes[i] = f(lanes[i]);
  return load(lanes);
}
template <class Scalar>
SACCADE_INLINE F each_lane(F x, F y, Scalar f) {
  alignas(64) float a[kLanes], b[kLanes];
  store(a, x);
  store(b, y);
  for (int i = 0; i < kLanes; ++i) a[i] = f(a[i], b[i]);
  return load(a);
}
SACCADE_INLINE F pow(F x, F y) {
  return each_lane(x, y, [](float a, float b) __attribute__((always_inline)) { return __builtin_powf(a, b); });
}

/// sin (quadrant 0) and cos (quadrant 1), 2 ulp of max(|result|, 2^-20); large angles take the C library's way.
template <int kQuadrant>
SACCADE_INLINE F sine(F x) {
  if (any(splat(2000.f) < abs(x))) {
    return each_lane(x, [](float a) __attribute__((always_inline)) { return kQuadrant ? __builtin_cosf(a) : __builtin_sinf(a); });
  }
  const F n = round_even(x * splat(0.636619772f));  // π/2 in three parts, the first two short enough for exact products
  F r = neg_mul_add(n, splat(1.5703125f), x);
  r = neg_mul_add(n, splat(4.83751297e-4f), r);
  r = neg_mul_add(n, splat(7.54978942e-8f), r);
  const I quadrant = to_int(n) + splat_i(kQuadrant);
  const F z = r * r;
  const F s = mul_add(polynomial(z, {-0.166666672f, 0.00833333191f, -0.000198400405f, 2.72438797e-06f}), z * r, r);
  const F c = mul_add(polynomial(z, {0.0416666679f, -0.00138888787f, 2.47960779e-05f, -2.6779685e-07f}), z * z,
                      neg_mul_add(splat(0.5f), z, splat(1.f)));
  const F y = select((quadrant & splat_i(1)) == splat_i(0), s, c);
  const F signed_y = as_float(as_int(y) ^ shift_left<30>(quadrant & splat_i(2)));
  return select(x == x, signed_y, x);
}

}  // namespace
}  // namespace saccade::kernels::SACCADE_ISA
