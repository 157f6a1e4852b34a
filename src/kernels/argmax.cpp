// SPDX-License-Identifier: Apache-2.0
// The index of the largest or smallest value, along rows and across them. NaN counts as the largest, as in `evaluate`.
#include "kernels/level.h"
#include "kernels/math.h"

namespace saccade::kernels::SACCADE_ISA {
namespace {

/// Where x, which comes later, replaces the best so far.
template <bool kSmallest, bool kLast>
SACCADE_INLINE M better(F x, F best) {
  if constexpr (kSmallest) return kLast ? (x <= best) | (best != best) : (x < best) | ((best != best) & (x == x));
  return kLast ? (x >= best) | (x != x) : (x > best) | ((x != x) & (best == best));
}

template <bool kSmallest, bool kLast>
bool better(float x, float best) {
  if constexpr (kSmallest) return kLast ? x <= best || best != best : x < best || (best != best && x == x);
  return kLast ? x >= best || x != x : x > best || (x != x && best == best);
}

void put(const ArgMaxArgs& a, Index at, std::int64_t index) {
  if (a.to == Scalar::i64)
    static_cast<std::int64_t*>(a.out)[at] = index;
  else
    static_cast<std::int32_t*>(a.out)[at] = static_cast<std::int32_t>(index);
}

template <bool kSmallest, bool kLast>
void columns(const ArgMaxArgs& a) {
  for (Index c = 0; c < a.n; c += kLanes) {
    const Index count = smaller(kLanes, a.n - c);
    F best = load_n(a.in + c, count);
    I at = splat_i(0);
    for (Index r = 1; r < a.rows; ++r) {
      const F x = load_n(a.in + r * a.pitch + c, count);
      const M wins = better<kSmallest, kLast>(x, best);
      best = simd::select(wins, x, best);
      at = simd::select(wins, splat_i(static_cast<std::int32_t>(r)), at);
    }
    alignas(64) float bits[kLanes];
    store(bits, as_float(at));
    for (Index j = 0; j < count; ++j) put(a, c + j, __builtin_bit_cast(std::int32_t, bits[j]));
  }
}

template <bool kSmallest, bool kLast>
Index row(const float* p, Index n) {
  Index i = 1, at = 0;
  float best = p[0];
  if (n >= kLanes) {
    F most = load(p);
    I from = splat_i(0);  // where the vector began that a lane's best comes from
    for (i = kLanes; i < n; i += kLanes) {
      const Index begin = smaller(i, n - kLanes);
      const F x = load(p + begin);
      const M wins = better<kSmallest, kLast>(x, most);
      most = simd::select(wins, x, most);
      from = simd::select(wins, splat_i(static_cast<std::int32_t>(begin)), from);
    }
    alignas(64) float values[kLanes], bits[kLanes];
    store(values, most);
    store(bits, as_float(from));
    for (Index j = 0; j < kLanes; ++j) {
      const Index place = __builtin_bit_cast(std::int32_t, bits[j]) + j;
      const bool equal = values[j] == best || (values[j] != values[j] && best != best);
      if (j == 0 || (equal ? (kLast ? place > at : place < at) : better<kSmallest, kLast>(values[j], best))) best = values[j], at = place;
    }
    return at;
  }
  for (; i < n; ++i)
    if (better<kSmallest, kLast>(p[i], best)) best = p[i], at = i;
  return at;
}

template <bool kSmallest, bool kLast>
void rows(const ArgMaxArgs& a) {
  constexpr Index kSide = 64;  // of short rows as many as fit are turned into columns
  if (a.n > kSide || a.rows < kLanes) {
    for (Index r = 0; r < a.rows; ++r) put(a, r, row<kSmallest, kLast>(a.in + r * a.pitch, a.n));
    return;
  }
  alignas(64) float block[kSide * kSide];
  const Index bytes = a.to == Scalar::i64 ? 8 : 4;
  for (Index r = 0; r < a.rows; r += kSide) {
    const Index count = smaller(kSide, a.rows - r);
    transpose({.src = a.in + r * a.pitch, .src_pitch = a.pitch, .dst = block, .dst_pitch = kSide, .rows = count, .columns = a.n});
    ArgMaxArgs turned = a;
    turned.rows = a.n;
    turned.n = count;
    turned.in = block;
    turned.pitch = kSide;
    turned.out = static_cast<std::byte*>(a.out) + r * bytes;
    columns<kSmallest, kLast>(turned);
  }
}

}  // namespace

void argmax_rows(const ArgMaxArgs& a) {
  if (a.smallest)
    a.last ? rows<true, true>(a) : rows<true, false>(a);
  else
    a.last ? rows<false, true>(a) : rows<false, false>(a);
}

void argmax_columns(const ArgMaxArgs& a) {
  if (a.smallest)
    a.last ? columns<true, true>(a) : columns<true, false>(a);
  else
    a.last ? columns<false, true>(a) : columns<false, false>(a);
}

}  // namespace saccade::kernels::SACCADE_ISA
