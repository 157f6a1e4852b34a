// SPDX-License-Identifier: Apache-2.0
// Rows of sums of products; compiled for speed, see src/CMakeLists.txt.
#include "ops/accumulate.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;

template <class T, bool kContiguous>
void accumulate_rows(T* __restrict acc, i64 n, const T* __restrict x, i64 pitch, i64 given_stride, const T* __restrict weights, i64 taps) {
  const i64 stride = kContiguous ? 1 : given_stride;
  i64 t = 0;
  for (; t + 4 <= taps; t += 4) {
    const T *x0 = x + t * pitch, *x1 = x0 + pitch, *x2 = x1 + pitch, *x3 = x2 + pitch;
    const T w0 = weights[t], w1 = weights[t + 1], w2 = weights[t + 2], w3 = weights[t + 3];
    for (i64 i = 0; i < n; ++i) acc[i] += (w0 * x0[i * stride] + w1 * x1[i * stride]) + (w2 * x2[i * stride] + w3 * x3[i * stride]);
  }
  for (; t < taps; ++t) {
    const T* row = x + t * pitch;
    const T w = weights[t];
    for (i64 i = 0; i < n; ++i) acc[i] += w * row[i * stride];
  }
}

template <class T>
void dispatch(T* acc, i64 n, const T* x, i64 pitch, i64 stride, const T* weights, i64 taps) {
  if (stride == 1)
    accumulate_rows<T, true>(acc, n, x, pitch, stride, weights, taps);
  else
    accumulate_rows<T, false>(acc, n, x, pitch, stride, weights, taps);
}

}  // namespace

void accumulate(double* acc, i64 n, const double* x, i64 pitch, i64 stride, const double* weights, i64 taps) {
  dispatch(acc, n, x, pitch, stride, weights, taps);
}

void accumulate(std::uint64_t* acc, i64 n, const std::uint64_t* x, i64 pitch, i64 stride, const std::uint64_t* weights, i64 taps) {
  dispatch(acc, n, x, pitch, stride, weights, taps);
}

}  // namespace saccade::ops
