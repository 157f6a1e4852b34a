// SPDX-License-Identifier: Apache-2.0
// How the output channels of a dense kernel are cut into panels: of kMain vectors each, where the last takes a single left-over vector
// along if the registers allow it (a panel of one vector would be bound by loads).
#pragma once

#include "kernels/table.h"
#include "simd/simd.h"

namespace saccade::kernels::SACCADE_ISA {
namespace {

using namespace simd;

/// The widest panel that a tile has registers for.
constexpr int kWidest = kRegisters >= 32 ? 5 : 3;

/// The regular widths, in vectors, that the dense kernel is compiled for. The first one loads least for a multiplication.
constexpr int kPanelVectors[kDenseForms] = {kRegisters >= 32 ? 4 : 3, kRegisters >= 32 ? 3 : 2};

/// Panels whose regular width is kMain vectors. Sums do not depend on it, bit for bit.
template <int kMain>
struct Panels {
  static constexpr int kLast = kMain < kWidest ? kMain + 1 : kMain;

  /// The regular width; the panels of a multiple of it start there.
  SACCADE_INLINE static Index width(Index n) { return kLanes * smaller(kMain, (n + kLanes - 1) / kLanes); }

  /// The width of the panel that starts at n0.
  SACCADE_INLINE static Index width_at(Index n, Index n0) {
    const Index vectors = (n - n0 + kLanes - 1) / kLanes;
    if (vectors <= kLast) return kLanes * vectors;
    return kLanes * (vectors == kMain + 1 ? kMain - 1 : kMain);
  }
};

}  // namespace
}  // namespace saccade::kernels::SACCADE_ISA
