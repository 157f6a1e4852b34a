// SPDX-License-Identifier: Apache-2.0
// The part of an Epilogue that kernels apply in registers: clips, which none and relu are too, and leaks.
#pragma once

#include "kernels/table.h"
#include "simd/simd.h"

namespace saccade::kernels::SACCADE_ISA {
namespace {

SACCADE_INLINE bool is_clip(const Activation& act) { return act.fn == Fn::none || act.fn == Fn::relu || act.fn == Fn::clip; }

/// Whether it is max(x, a·x), of every x: infinite ones too.
SACCADE_INLINE bool is_leak(const Activation& act) { return act.fn == Fn::leaky_relu && act.a > 0 && act.a <= 1; }

/// The bounds of a clip; infinite for everything else.
SACCADE_INLINE void clip_bounds(const Activation& act, float& low, float& high) {
  low = -__builtin_inff();
  high = __builtin_inff();
  if (act.fn == Fn::relu) low = 0;
  if (act.fn == Fn::clip) {
    low = act.a;
    high = act.b;
  }
}

}  // namespace
}  // namespace saccade::kernels::SACCADE_ISA
