// SPDX-License-Identifier: Apache-2.0
// How the output channels of a dense kernel are cut into panels: of kMain vectors each, where the last ones are as even as the
// registers allow (a panel of one vector would be bound by loads).
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

/// Panels whose regular width is kMain vectors. Sums do not depend on it, bit for bit: which tiles cut their sums does not, for none of one
/// vector, nor of two where these have tall tiles, is left over.
template <int kMain>
struct Panels {
  /// The regular width; the panels of a multiple of it start there.
  SACCADE_INLINE static Index width(Index n) { return kLanes * smaller(kMain, (n + kLanes - 1) / kLanes); }

  /// The width of the panel that starts at n0.
  SACCADE_INLINE static Index width_at(Index n, Index n0) {
    const Index vectors = (n - n0 + kLanes - 1) / kLanes, rest = vectors - kMain;
    if (vectors <= kWidest) return kLanes * vectors;
    return kLanes * (rest == 1 || (kRegisters >= 32 && rest == 2) ? kMain - 1 : kMain);
  }
};

}  // namespace
}  // namespace saccade::kernels::SACCADE_ISA
