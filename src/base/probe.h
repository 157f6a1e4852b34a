// SPDX-License-Identifier: Apache-2.0
// What this machine can do at best, measured in a moment: what profiles are compared with.
#pragma once

#include "base/cpu.h"

namespace saccade {

/// Multiplications and additions of floats in 1e9 a second that one thread reaches with registers alone, in the instructions of
/// a level. Takes some milliseconds. Levels above highest_isa() are measured as that one.
double measure_peak_gflops(Isa isa);

/// 1e9 bytes a second that so many threads together read from memory, beyond all caches. Takes about a tenth of a second and
/// up to 256 MB for that long; 0 where that much memory cannot be had.
double measure_memory_gb_per_s(int threads);

}  // namespace saccade
