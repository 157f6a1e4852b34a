// SPDX-License-Identifier: Apache-2.0
// How the output channels of a dense kernel are cut into panels: of kMainVectors vectors each, where the last takes a
// single left-over vector along (a panel of one vector would be bound by loads).
#pragma once

#include "simd/simd.h"

namespace saccade::kernels::SACCADE_ISA {
namespace {

using namespace simd;

constexpr int kMainVectors = kRegisters >= 32 ? 4 : 2;

/// The regular width; every panel starts at a multiple of it.
SACCADE_INLINE Index panel_width(Index n) { return kLanes * smaller(kMainVectors, (n + kLanes - 1) / kLanes); }

/// The width of the panel that starts at n0.
SACCADE_INLINE Index panel_width_at(Index n, Index n0) {
  const Index vectors = (n - n0 + kLanes - 1) / kLanes;
  return kLanes * (vectors <= kMainVectors + 1 ? vectors : kMainVectors);
}

}  // namespace
}  // namespace saccade::kernels::SACCADE_ISA
