// SPDX-License-Identifier: Apache-2.0
// Softmax and the index of the largest value, along rows and across them.
#include "kernels/math.h"
#include "kernels/level.h"

namespace saccade::kernels::SACCADE_ISA {
namespace {

SACCADE_INLINE F minus_infinity() { return splat(-__builtin_inff()); }

float largest(const float* p, Index n) {
  F a = minus_infinity(), b = a;
  Index i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    a = max(load(p + i), a);  // a NaN in the row is passed over
    b = max(load(p + i + kLanes), b);
  }
  float result = fold(max(a, b), [](F x, F y) __attribute__((always_inline)) { return max(x, y); });
  for (; i < n; ++i) result = p[i] > result ? p[i] : result;
  return result;
}

void softmax_row(const float* in, float* out, Index n, bool log_of_it) {
  const F top = splat(largest(in, n));
  F total = zero();
  Index i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const F e = exp(load(in + i) - top);
    if (!log_of_it) store(out + i, e);
    total = total + e;
  }
  float tail = 0;
  if (i < n) {
    const F e = exp(load_n(in + i, n - i) - top);
    alignas(64) float lanes[kLanes];
    store(lanes, e);
    for (Index j = 0; j < n - i; ++j) tail += lanes[j];
    if (!log_of_it) store_n(out + i, e, n - i);
  }
  const F all = splat(sum(total) + tail);
  const F by = log_of_it ? top + log(all) : splat(1.f) / all;
  for (i = 0; i < n; i += kLanes) {
    const Index count = smaller(kLanes, n - i);
    store_n(out + i, log_of_it ? load_n(in + i, count) - by : load_n(out + i, count) * by, count);
  }
}

}  // namespace

void softmax_rows(const SoftmaxArgs& a) {
  for (Index r = 0; r < a.rows; ++r) softmax_row(a.in + r * a.in_pitch, a.out + r * a.out_pitch, a.n, a.log);
}

void softmax_columns(const SoftmaxArgs& a) {
  for (Index c = 0; c < a.n; c += kLanes) {
    const Index count = smaller(kLanes, a.n - c);
    const float* in = a.in + c;
    float* out = a.out + c;
    F top = minus_infinity();
    for (Index r = 0; r < a.rows; ++r) top = max(load_n(in + r * a.in_pitch, count), top);
    F total = zero();
    for (Index r = 0; r < a.rows; ++r) {
      const F e = exp(load_n(in + r * a.in_pitch, count) - top);
      total = total + e;
      if (!a.log) store_n(out + r * a.out_pitch, e, count);
    }
    const F by = a.log ? top + log(total) : splat(1.f) / total;
    for (Index r = 0; r < a.rows; ++r) {
      const F y = a.log ? load_n(in + r * a.in_pitch, count) - by : load_n(out + r * a.out_pitch, count) * by;
      store_n(out + r * a.out_pitch, y, count);
    }
  }
}

void argmax_rows(const ArgMaxArgs& a) {
  for (Index r = 0; r < a.rows; ++r) {
    const float* p = a.in + r * a.pitch;
    Index best = 0;
    for (Index i = 1; i < a.n; ++i) {
      const bool better = a.smallest ? p[i] < p[best] : p[i] > p[best];
      if (better || (a.last && p[i] == p[best])) best = i;
    }
    a.out[r] = best;
  }
}

void argmax_columns(const ArgMaxArgs& a) {
  const F sign = splat(a.smallest ? -1.f : 1.f);
  for (Index c = 0; c < a.n; c += kLanes) {
    const Index count = smaller(kLanes, a.n - c);
    F best = load_n(a.in + c, count) * sign;
    I at = splat_i(0);
    for (Index r = 1; r < a.rows; ++r) {
      const F x = load_n(a.in + r * a.pitch + c, count) * sign;
      const M better = a.last ? x >= best : x > best;
      best = simd::select(better, x, best);
      at = simd::select(better, splat_i(static_cast<std::int32_t>(r)), at);
    }
    alignas(64) float bits[kLanes];
    store(bits, as_float(at));
    for (Index j = 0; j < count; ++j) a.out[c + j] = __builtin_bit_cast(std::int32_t, bits[j]);
  }
}

}  // namespace saccade::kernels::SACCADE_ISA
