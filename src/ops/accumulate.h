// SPDX-License-Identifier: Apache-2.0
// The inner loop of the oracle's convolutions and matrix products: a row of sums, several products at a time.
#pragma once

#include <cstdint>

namespace saccade::ops {

/// acc[i] += Σ_t weights[t] · x[t · pitch + i · stride] for i < n, t < taps; all in the element type given (double, or u64, which wraps).
void accumulate(double* acc, std::int64_t n, const double* x, std::int64_t pitch, std::int64_t stride, const double* weights,
                std::int64_t taps);
void accumulate(std::uint64_t* acc, std::int64_t n, const std::uint64_t* x, std::int64_t pitch, std::int64_t stride,
                const std::uint64_t* weights, std::int64_t taps);

/// How many sums a caller had better keep at a time, so that they and their operands stay in the first caches.
inline constexpr std::int64_t kAccumulateBlock = 256;

}  // namespace saccade::ops
