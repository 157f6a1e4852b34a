// SPDX-License-Identifier: Apache-2.0
// Functions of one variable over rows, and the epilogues that a tile does not do in its registers.
#include "kernels/epilogue.h"
#include "kernels/functions.h"
#include "kernels/level.h"
#include "kernels/narrow.h"

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
  if (is_narrow(a.rows, a.n) && a.fn.fn != Fn::prelu) {
    alignas(64) float block[kNarrowBlock];
    const Index at_once = kNarrowBlock / a.n;
    for (Index r = 0; r < a.rows; r += at_once) {
      const Index rows = smaller(at_once, a.rows - r);
      gather(a.in + r * a.in_pitch, a.in_pitch, 1, rows, a.n, block);
      apply_row(a.fn, block, block, rows * a.n);
      scatter(block, rows, a.n, a.out + r * a.out_pitch, a.out_pitch);
    }
    return;
  }
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

// Everything in one pass, a vector of channels down the rows; `first` takes a vector.
template <class Function>
SACCADE_INLINE void finish_block(const FinishArgs& f, Function first) {
  const Epilogue& e = *f.epilogue;
  const bool combines = e.combine != Combine::none, add = e.combine == Combine::add, plain = f.bias_done && !combines && e.second.fn == Fn::none;
  float low, high;
  clip_bounds(e.second, low, high);
  const F lo = splat(low), hi = splat(high);
  for (Index i = 0; i < f.stored; i += kLanes) {
    const Index valid = smaller(f.valid - i, kLanes), stored = smaller(f.stored - i, kLanes), n = f.n0 + i;
    const Index at = n / 16 * f.block_pitch + n % 16;
    const float* sums = f.sums + i;
    if (plain && stored == kLanes) {
      Index r = 0;
      for (; r + 2 <= f.rows; r += 2, sums += 2 * f.width) {  // two at a time: the chains of two functions fill each other's gaps
        const F x = first(load(sums)), y = first(load(sums + f.width));
        store(f.out[r] + at, x);
        store(f.out[r + 1] + at, y);
      }
      if (r < f.rows) store(f.out[r] + at, first(load(sums)));
      continue;
    }
    const F scale = e.scale && !f.bias_done ? load_n(e.scale + n, valid) : splat(1.f);
    const F bias = e.bias && !f.bias_done ? load_n(e.bias + n, valid) : zero();
    for (Index r = 0; r < f.rows; ++r, sums += f.width) {
      F x = load(sums);
      if (!f.bias_done) x = mul_add(x, scale, bias);
      F other = zero();
      if (combines) other = valid == kLanes ? load(f.other[r] + n) : load_n(f.other[r] + n, valid);
      if (combines && e.before) x = add ? x + other : x * other;
      x = first(x);
      if (combines && !e.before) x = add ? x + other : x * other;
      x = min(hi, max(lo, x));
      if (stored == kLanes) {
        store(f.out[r] + at, x);
      } else {
        store_n(f.out[r] + at, x, stored);
      }
    }
  }
}

// The same in place, on rows of channels that hold their sums and bias already.
template <class Function>
SACCADE_INLINE void finish_in_place(const Epilogue& e, float* out, Index pitch, Index rows, Index n, Function first) {
  const bool combines = e.combine != Combine::none, add = e.combine == Combine::add;
  float low, high;
  clip_bounds(e.second, low, high);
  const F lo = splat(low), hi = splat(high);
  const auto finish = [&](F x, F other) __attribute__((always_inline)) {
    if (combines && e.before) x = add ? x + other : x * other;
    x = first(x);
    if (combines && !e.before) x = add ? x + other : x * other;
    return min(hi, max(lo, x));
  };
  const float* other = combines ? e.other : out;  // read in any case
  for (Index r = 0; r < rows; ++r, out += pitch, other += combines ? e.other_pitch : pitch) {
    Index i = 0;
    for (; i + kLanes <= n; i += kLanes) store(out + i, finish(load(out + i), load(other + i)));
    if (i < n) store_n(out + i, finish(load_n(out + i, n - i), load_n(other + i, n - i)), n - i);
  }
}

// Activations that finish_block does not have: with a slope a channel first, or any but a clip second.
void finish_channels(const FinishArgs& f) {
  const Epilogue& e = *f.epilogue;
  for (Index r = 0; r < f.rows; ++r) {
    float* row = f.sums + r * f.width;
    for (Index i = 0; i < f.valid; i += 16) {
      const Index n = smaller(f.valid - i, 16);
      Epilogue part = e;
      if (part.scale) part.scale += f.n0 + i;
      if (part.bias) part.bias += f.n0 + i;
      if (!part.scale && part.bias && !f.bias_done) {
        for (Index c = 0; c < n; ++c) row[i + c] += part.bias[c];
      }
      if (part.first.slope) part.first.slope += f.n0 + i;
      if (part.second.slope) part.second.slope += f.n0 + i;
      if (e.combine != Combine::none) part.other = f.other[r] + f.n0 + i;
      finish_pixels(part, true, row + i, 16, 1, n);
    }
    for (Index i = 0; i < f.stored; i += kLanes) {
      const Index n = f.n0 + i;
      store_n(f.out[r] + n / 16 * f.block_pitch + n % 16, load(row + i), smaller(f.stored - i, kLanes));
    }
  }
}

}  // namespace

void finish_rows(const FinishArgs& f) {
  const Epilogue& e = *f.epilogue;
  if (e.first.fn == Fn::prelu || !is_clip(e.second)) return finish_channels(f);
  with_function(e.first, [&](auto first) __attribute__((always_inline)) { finish_block(f, first); });
}

void finish_pixels(const Epilogue& e, bool with_first, float* out, Index pitch, Index rows, Index n) {
  if (pitch == n && !e.scale && e.combine == Combine::none && e.first.fn != Fn::prelu && e.second.fn != Fn::prelu) {
    if (with_first) apply_row(e.first, out, out, rows * n);
    return apply_row(e.second, out, out, rows * n);
  }
  if (!e.scale && (!with_first || e.first.fn != Fn::prelu) && is_clip(e.second)) {
    return with_function(with_first ? e.first : Activation{}, [&](auto first) __attribute__((always_inline)) { finish_in_place(e, out, pitch, rows, n, first); });
  }
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
