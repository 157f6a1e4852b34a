// SPDX-License-Identifier: Apache-2.0
// Rows narrower than a vector, such as the two columns of a box's centre: gathered into full vectors and scattered again, since a
// masked load and store a row would cost more than the function between them.
#pragma once

#include "simd/simd.h"

namespace saccade::kernels::SACCADE_ISA {
namespace {

using namespace simd;

constexpr Index kNarrowBlock = 512;  // floats gathered at a time

SACCADE_INLINE bool is_narrow(Index rows, Index n) { return rows > 1 && n > 0 && n < kLanes; }

/// use(n) with the commonest widths as constants.
template <class Use>
SACCADE_INLINE void with_width(Index n, Use&& use) {
  switch (n) {
    case 1: return use(Constant<1>{});
    case 2: return use(Constant<2>{});
    case 4: return use(Constant<4>{});
    default: return use(n);
  }
}

/// dst[r·n + i] = src[r·pitch + i·step]; step is 0 or 1.
SACCADE_INLINE void gather(const float* src, Index pitch, Index step, Index rows, Index width, float* dst) {
  with_width(width, [&](auto n) __attribute__((always_inline)) {
    for (Index r = 0; r < rows; ++r, src += pitch, dst += n) {
      for (Index i = 0; i < n; ++i) dst[i] = src[i * step];
    }
  });
}

/// dst[r·pitch + i] = src[r·n + i]
SACCADE_INLINE void scatter(const float* src, Index rows, Index width, float* dst, Index pitch) {
  with_width(width, [&](auto n) __attribute__((always_inline)) {
    for (Index r = 0; r < rows; ++r, src += n, dst += pitch) {
      for (Index i = 0; i < n; ++i) dst[i] = src[i];
    }
  });
}

}  // namespace
}  // namespace saccade::kernels::SACCADE_ISA
