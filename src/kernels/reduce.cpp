// SPDX-License-Identifier: Apache-2.0
// Reductions along rows and across them. Sums are taken in blocks and the blocks added up, which keeps the rounding error
// of long ones small.
#include "kernels/math.h"
#include "kernels/level.h"

namespace saccade::kernels::SACCADE_ISA {
namespace {

constexpr Index kBlock = 2048;      // elements of a row summed before they join the total
constexpr Index kBlockRows = 128;   // likewise rows of columns

struct SumOp {
  static constexpr float start = 0;
  SACCADE_INLINE static F combine(F a, F b) { return a + b; }
};
struct ProductOp {
  static constexpr float start = 1;
  SACCADE_INLINE static F combine(F a, F b) { return a * b; }
};
struct MaxOp {
  static constexpr float start = -__builtin_inff();
  SACCADE_INLINE static F combine(F a, F b) { return max_or_nan(a, b); }
};
struct MinOp {
  static constexpr float start = __builtin_inff();
  SACCADE_INLINE static F combine(F a, F b) { return min_or_nan(a, b); }
};

// Op over map(x) of up to a block's worth of elements.
template <class Op, class Map>
SACCADE_INLINE float reduce_block(const float* p, Index n, Map map) {
  F v[4];
  rep<4>([&](auto j) __attribute__((always_inline)) { v[j] = splat(Op::start); });
  Index i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    rep<4>([&](auto j) __attribute__((always_inline)) { v[j] = Op::combine(v[j], map(load(p + i + j * kLanes))); });
  }
  for (; i + kLanes <= n; i += kLanes) v[0] = Op::combine(v[0], map(load(p + i)));
  if (i < n) {
    alignas(64) float lanes[kLanes];
    store(lanes, map(load_n(p + i, n - i)));
    for (Index j = n - i; j < kLanes; ++j) lanes[j] = Op::start;
    v[1] = Op::combine(v[1], load(lanes));
  }
  const F all = Op::combine(Op::combine(v[0], v[1]), Op::combine(v[2], v[3]));
  return fold(all, [](F a, F b) __attribute__((always_inline)) { return Op::combine(a, b); });
}

template <class Map>
SACCADE_INLINE float sum_row(const float* p, Index n, Map map) {
  double total = 0;
  for (Index i = 0; i < n; i += kBlock) total += reduce_block<SumOp>(p + i, smaller(kBlock, n - i), map);
  return static_cast<float>(total);
}

// Op across rows for one vector of columns; get(r) loads row r.
template <class Op, class Get>
SACCADE_INLINE F across(Index rows, Get get) {
  F total = splat(Op::start);
  for (Index r = 0; r < rows;) {
    const Index end = smaller(rows, r + kBlockRows);
    F a = splat(Op::start), b = a;
    for (; r + 2 <= end; r += 2) {
      a = Op::combine(a, get(r));
      b = Op::combine(b, get(r + 1));
    }
    for (; r < end; ++r) a = Op::combine(a, get(r));
    total = Op::combine(total, Op::combine(a, b));
  }
  return total;
}

template <class Op, class Map, class Finish>
SACCADE_INLINE void columns(const ReduceArgs& a, Map map, Finish finish) {
  // Wide enough pieces that each row's cache lines are used whole; line by line where there are two levels.
  constexpr Index kPiece = 64;
  alignas(64) float total[kPiece];
  const Index width = a.width > 0 ? a.width : larger(a.rows, 1);
  for (Index c0 = 0; c0 < a.n; c0 += kPiece) {
    const Index piece = smaller(kPiece, a.n - c0);
    for (Index j = 0; j < kPiece; j += kLanes) store(total + j, splat(Op::start));
    for (Index r0 = 0; r0 < a.rows; r0 += width) {
      const float* line = a.in + r0 / width * a.line_pitch + c0;
      const Index rows = smaller(width, a.rows - r0);
      for (Index j = 0; j < piece; j += kLanes) {
        const Index count = smaller(kLanes, piece - j);
        const F v = count == kLanes
                        ? across<Op>(rows, [&](Index r) __attribute__((always_inline)) { return map(load(line + r * a.pitch + j)); })
                        : across<Op>(rows, [&](Index r) __attribute__((always_inline)) { return map(load_n(line + r * a.pitch + j, count)); });
        store(total + j, Op::combine(load(total + j), v));
      }
    }
    for (Index j = 0; j < piece; j += kLanes) store_n(a.out + c0 + j, finish(load(total + j)), smaller(kLanes, piece - j));
  }
}

}  // namespace

void reduce_rows(const ReduceArgs& a) {
  for (Index r = 0; r < a.rows; ++r) {
    const float* p = a.in + r * a.pitch;
    float& out = a.out[r * a.out_pitch];
    const auto same = [](F x) __attribute__((always_inline)) { return x; };
    const auto squared = [](F x) __attribute__((always_inline)) { return x * x; };
    switch (a.op) {
      case Reduce::sum: out = sum_row(p, a.n, same); break;
      case Reduce::mean: out = sum_row(p, a.n, same) / static_cast<float>(a.n); break;
      case Reduce::max: out = reduce_block<MaxOp>(p, a.n, same); break;
      case Reduce::min: out = reduce_block<MinOp>(p, a.n, same); break;
      case Reduce::prod: out = reduce_block<ProductOp>(p, a.n, same); break;
      case Reduce::l1: out = sum_row(p, a.n, [](F x) __attribute__((always_inline)) { return abs(x); }); break;
      case Reduce::l2: out = __builtin_sqrtf(sum_row(p, a.n, squared)); break;
      case Reduce::sum_squares: out = sum_row(p, a.n, squared); break;
    }
  }
}

void reduce_columns(const ReduceArgs& a) {
  const auto same = [](F x) __attribute__((always_inline)) { return x; };
  const auto squared = [](F x) __attribute__((always_inline)) { return x * x; };
  const F count = splat(static_cast<float>(a.rows));
  switch (a.op) {
    case Reduce::sum: return columns<SumOp>(a, same, same);
    case Reduce::mean: return columns<SumOp>(a, same, [=](F x) __attribute__((always_inline)) { return x / count; });
    case Reduce::max: return columns<MaxOp>(a, same, same);
    case Reduce::min: return columns<MinOp>(a, same, same);
    case Reduce::prod: return columns<ProductOp>(a, same, same);
    case Reduce::l1: return columns<SumOp>(a, [](F x) __attribute__((always_inline)) { return abs(x); }, same);
    case Reduce::l2: return columns<SumOp>(a, squared, [](F x) __attribute__((always_inline)) { return sqrt(x); });
    case Reduce::sum_squares: return columns<SumOp>(a, squared, same);
  }
}

void moments_rows(const MomentsArgs& a) {
  for (Index r = 0; r < a.rows; ++r) {
    const float* p = a.in + r * a.pitch;
    const float mean = sum_row(p, a.n, [](F x) __attribute__((always_inline)) { return x; }) / static_cast<float>(a.n);
    a.mean[r] = mean;
    // Masked lanes of a tail are replaced after the map, so they add nothing.
    a.var[r] = sum_row(p, a.n, [m = splat(mean)](F x) __attribute__((always_inline)) { return (x - m) * (x - m); }) / static_cast<float>(a.n);
  }
}

void moments_columns(const MomentsArgs& a) {
  const F count = splat(static_cast<float>(a.rows));
  for (Index c = 0; c < a.n; c += kLanes) {
    const Index some = smaller(kLanes, a.n - c);
    const auto get = [&](Index r) __attribute__((always_inline)) { return load_n(a.in + r * a.pitch + c, some); };
    const F mean = across<SumOp>(a.rows, get) / count;
    const F var = across<SumOp>(a.rows, [&](Index r) __attribute__((always_inline)) {
                    const F d = get(r) - mean;
                    return d * d;
                  }) / count;
    store_n(a.mean + c, mean, some);
    store_n(a.var + c, var, some);
  }
}

void normalize_rows(const NormalizeArgs& a) {
  for (Index r = 0; r < a.rows; ++r) {
    const float* in = a.in + r * a.in_pitch;
    float* out = a.out + r * a.out_pitch;
    const float n = static_cast<float>(a.n);
    const float mean = a.rms ? 0.f : sum_row(in, a.n, [](F x) __attribute__((always_inline)) { return x; }) / n;
    const F m = splat(mean);
    const float var = sum_row(in, a.n, [m](F x) __attribute__((always_inline)) { return (x - m) * (x - m); }) / n;
    const F factor = splat(1.f / __builtin_sqrtf(var + a.epsilon));
    for (Index i = 0; i < a.n; i += kLanes) {
      const Index count = smaller(kLanes, a.n - i);
      F y = (load_n(in + i, count) - m) * factor;
      if (a.scale) y = y * load_n(a.scale + i, count);
      if (a.shift) y = y + load_n(a.shift + i, count);
      store_n(out + i, y, count);
    }
  }
}

}  // namespace saccade::kernels::SACCADE_ISA
