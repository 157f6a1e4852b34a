// SPDX-License-Identifier: Apache-2.0
// The vector shim: F (floats), I (32-bit integers) and M (masks) of kLanes lanes at the level this file is compiled for,
// with the functions that the kernels use. generic.h states what each does. Everything has internal linkage.
#pragma once

#if defined(SACCADE_SIMD_PAIR)
#include "simd/pair.h"
#elif defined(__AVX512F__)
#include "simd/avx512.h"
#elif defined(__AVX2__)
#include "simd/avx2.h"
#else
#include "simd/generic.h"
#endif

namespace saccade::simd {
namespace {

#if defined(SACCADE_SIMD_PAIR) || defined(__AVX512F__)
using namespace v16;
#elif defined(__AVX2__)
using namespace v8;
#else
using namespace v4;
#endif

}  // namespace
}  // namespace saccade::simd
