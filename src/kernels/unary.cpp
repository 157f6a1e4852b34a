// SPDX-License-Identifier: Apache-2.0
// Functions of one variable over rows, and the epilogues that a tile does not do in its registers.
#include "kernels/functions.h"
#include "kernels/level.h"

namespace saccade::kernels::SACCADE_ISA {

void apply_row(const Activation& act, const float* in, float* out, Index n) {
  if (act.fn == Fn::none && in == out) return;
  if (act.fn == Fn::prelu) {
    Index i = 0;
    for (; i < n; i += kLanes) {
      const Index count = smaller(n - i, kLanes);
      const F x = load_n(in + i, count);
      store_n(out + i, select(x < zero(), load_n(act.slope + i, count) * x, x), count);
    }
    return;
  }
  with_function(act, [&](auto f) __attribute__((always_inline)) { map(in, out, n, f); });
}

void unary(const UnaryArgs& a) {
  const bool flat = a.fn.fn != Fn::prelu && a.in_pitch == a.n && a.out_pitch == a.n;
  if (flat) return apply_row(a.fn, a.in, a.out, a.rows * a.n);
  for (Index r = 0; r < a.rows; ++r) apply_row(a.fn, a.in + r * a.in_pitch, a.out + r * a.out_pitch, a.n);
}

void scale_shift(const ScaleShiftArgs& a) {
  const F one = splat(1.f);
  for (Index r = 0; r < a.rows; ++r) {
    const float* in = a.in + r * a.in_pitch;
    float* out = a.out + r * a.out_pitch;
    for (Index i = 0; i < a.n; i += kLanes) {
      const Index count = smaller(a.n - i, kLanes);
      if (count == kLanes) {
        const F scale = a.scale ? load(a.scale + i) : one, shift = a.shift ? load(a.shift + i) : zero();
        store(out + i, mul_add(load(in + i), scale, shift));
      } else {
        const F scale = a.scale ? load_n(a.scale + i, count) : one, shift = a.shift ? load_n(a.shift + i, count) : zero();
        store_n(out + i, mul_add(load_n(in + i, count), scale, shift), count);
      }
    }
    apply_row(a.then, out, out, a.n);
  }
}

namespace {

void apply_block(const Activation& act, const FinishArgs& f) {
  if (act.fn != Fn::prelu) return apply_row(act, f.sums, f.sums, f.rows * f.width);
  Activation shifted = act;
  shifted.slope += f.n0;
  for (Index r = 0; r < f.rows; ++r) apply_row(shifted, f.sums + r * f.width, f.sums + r * f.width, f.valid);
}

void combine_block(const FinishArgs& f) {
  const bool add = f.epilogue->combine == Combine::add;
  for (Index r = 0; r < f.rows; ++r) {
    float* row = f.sums + r * f.width;
    for (Index i = 0; i < f.valid; i += kLanes) {
      const F x = load(row + i), y = load_n(f.other[r] + i, smaller(f.valid - i, kLanes));
      store(row + i, add ? x + y : x * y);
    }
  }
}

}  // namespace

void finish_rows(const FinishArgs& f) {
  const Epilogue& e = *f.epilogue;
  if (!f.bias_done && (e.scale || e.bias)) {
    for (Index r = 0; r < f.rows; ++r) {
      float* row = f.sums + r * f.width;
      for (Index i = 0; i < f.valid; i += kLanes) {
        const Index count = smaller(f.valid - i, kLanes);
        const F scale = e.scale ? load_n(e.scale + f.n0 + i, count) : splat(1.f);
        const F bias = e.bias ? load_n(e.bias + f.n0 + i, count) : zero();
        store(row + i, mul_add(load(row + i), scale, bias));
      }
    }
  }
  const bool combines = e.combine != Combine::none;
  if (combines && e.before) combine_block(f);
  apply_block(e.first, f);
  if (combines && !e.before) combine_block(f);
  apply_block(e.second, f);
  for (Index r = 0; r < f.rows; ++r) {
    const float* row = f.sums + r * f.width;
    for (Index i = 0; i < f.stored; i += kLanes) {
      const Index n = f.n0 + i;
      store_n(f.out[r] + n / 16 * f.block_pitch + n % 16, load(row + i), smaller(f.stored - i, kLanes));
    }
  }
}

void finish_pixels(const Epilogue& e, bool with_first, float* out, Index pitch, Index rows, Index n) {
  for (Index r = 0; r < rows; ++r, out += pitch) {
    const auto combine = [&] {
      const float* other = e.other + r * e.other_pitch;
      for (Index i = 0; i < n; i += kLanes) {
        const Index count = smaller(n - i, kLanes);
        const F x = load_n(out + i, count), y = load_n(other + i, count);
        store_n(out + i, e.combine == Combine::add ? x + y : x * y, count);
      }
    };
    if (e.scale) scale_shift({.n = n, .in = out, .scale = e.scale, .shift = e.bias, .out = out});
    if (e.combine != Combine::none && e.before) combine();
    if (with_first) apply_row(e.first, out, out, n);
    if (e.combine != Combine::none && !e.before) combine();
    apply_row(e.second, out, out, n);
  }
}

}  // namespace saccade::kernels::SACCADE_ISA
