// SPDX-License-Identifier: Apache-2.0
// Softmax, along rows and across them.
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

// Rows narrower than a vector: turned, they are columns.
void softmax_narrow(const SoftmaxArgs& a) {
  constexpr Index kAtOnce = 64;
  alignas(64) float block[kLanes * kAtOnce];
  for (Index r = 0; r < a.rows; r += kAtOnce) {
    const Index rows = smaller(kAtOnce, a.rows - r);
    transpose({.src = a.in + r * a.in_pitch, .src_pitch = a.in_pitch, .dst = block, .dst_pitch = kAtOnce, .rows = rows, .columns = a.n});
    softmax_columns({.log = a.log, .rows = a.n, .n = rows, .in = block, .in_pitch = kAtOnce, .out = block, .out_pitch = kAtOnce});
    transpose({.src = block, .src_pitch = kAtOnce, .dst = a.out + r * a.out_pitch, .dst_pitch = a.out_pitch, .rows = a.n, .columns = rows});
  }
}

}  // namespace

void softmax_rows(const SoftmaxArgs& a) {
  if (a.n < kLanes && a.rows > 1) return softmax_narrow(a);
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

}  // namespace saccade::kernels::SACCADE_ISA
