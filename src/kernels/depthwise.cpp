// SPDX-License-Identifier: Apache-2.0
// One output row of a depthwise convolution:
//
//   for T output pixels: for vector of channels: for ky: load the input pixels; for kx: T multiply-adds
//
// so that neighbouring multiply-adds never wait for each other. Weights are packed [C / kLanes][ky][kx][kLanes].
#include <cstdint>

#include "kernels/epilogue.h"
#include "kernels/level.h"
#include "simd/simd.h"

namespace saccade::kernels::SACCADE_ISA {
namespace {

using namespace simd;

constexpr Index kMaxKernelRows = 64;

struct Row {
  const float* pixels;
  Index weights;  // offset of its ky in a vector's weights
};

struct Context {
  const DepthwiseArgs* args;
  Row rows[kMaxKernelRows];  // those inside of the image
  Index row_count;
  Index taps;                // kh·kw
  const float* bias;         // null where there is none, or it comes later
  float low, high;           // clip that the sums get before they are stored
};

// Lanes of a vector are a number, or Constant<kLanes> where all exist.
template <class Count>
SACCADE_INLINE F load_lanes(const float* p, Count count) {
  if constexpr (__is_same(Count, Constant<kLanes>)) {
    return load(p);
  } else {
    return load_n(p, count);
  }
}

template <class Count>
SACCADE_INLINE void store_lanes(float* p, F x, Count count) {
  if constexpr (__is_same(Count, Constant<kLanes>)) {
    store(p, x);
  } else {
    store_n(p, x, count);
  }
}

// Where T neighbouring output pixels find their input: the window of the first begins at `pixel` (which may lie before the
// row) and columns [begin, end) of all (T − 1)·stride + reach exist.
struct Columns {
  Index pixel, begin, end;
};

// What a group of pixels may lack. What is not asked for costs nothing: decoding instructions takes longer here than multiplying.
enum class Lacks {
  nothing,
  columns,  // of the half window at either side
  rows,     // and those columns
  any,      // also any column, and lanes of the last vector
};

// Output pixels that go together: enough sums to cover the latency of the multiply-adds.
constexpr int kPixels = 8;

// Addresses of neighbouring pixels, whose distance is not known here. An x86 address takes a register once, twice, four or eight
// times: with the odd multiples at hand, most pixels need no instruction of their own. The empty assembly keeps the compiler from
// holding a pointer to each pixel instead.
template <class T>
struct Spaced {
  Index one, three, five, seven;  // bytes

  explicit Spaced(Index pitch) : one(pitch * 4), three(pitch * 12), five(pitch * 20), seven(pitch * 28) {
    asm("" : "+r"(one), "+r"(three), "+r"(five), "+r"(seven));
  }
  SACCADE_INLINE T* at(T* p, int i) const {
    std::uintptr_t address = reinterpret_cast<std::uintptr_t>(p) + i / 8 * 8 * one;
    i %= 8;
    address += i == 3 ? three : i == 6 ? 2 * three : i == 5 ? five : i == 7 ? seven : i * one;
    return reinterpret_cast<T*>(address);
  }
};

// The same for pixels of 16 channels next to each other.
struct Packed {
  SACCADE_INLINE const float* at(const float* p, int i) const { return p + i * 16; }
};

// One row of the windows: each input pixel is loaded once and multiplied by all taps that meet it.
template <int KW, int S, Lacks kLacks, int T, class Pixels, class Count>
SACCADE_INLINE void add_row(F (&sum)[T], const float* p, const float* weights, const Columns& columns, const Pixels& pixels, Count count) {
  constexpr int kColumns = (T - 1) * S + KW;
  F tap[KW];
  for (int k = 0; k < KW; ++k) tap[k] = load(weights + k * kLanes);
#pragma GCC unroll 32
  for (int i = 0; i < kColumns; ++i) {
    constexpr bool kAny = kLacks == Lacks::any, kSome = kLacks != Lacks::nothing;
    const bool left = kAny || (kSome && i < KW / 2), right = kAny || (kSome && i >= kColumns - KW / 2);  // may lack it
    if ((!left || i >= columns.begin) && (!right || i < columns.end)) {
      const F x = load_lanes(pixels.at(p, i), count);
      for (int k = 0; k < KW; ++k) {
        const int away = i - k;  // of the pixel's first tap
        if (away >= 0 && away % S == 0 && away / S < T) sum[away / S] = mul_add(x, tap[k], sum[away / S]);
      }
    }
  }
}

// T output pixels from x on, vectors of channels from `first` on, all of them or those that are whole; dilation 1. The bias comes
// last, as in dense_tile.h.
template <int KW, int S, int T, Lacks kLacks, class Pixels>
[[gnu::noinline]] void some_pixels(const Context& ctx, Index x, const Columns& columns, const Pixels& pixels, Index first) {
  constexpr bool kMasked = kLacks == Lacks::any, kAllRows = kLacks == Lacks::nothing || kLacks == Lacks::columns;
  const DepthwiseArgs& a = *ctx.args;
  // copies, for the compiler takes what is stored for anything
  const Index row_count = ctx.row_count, taps = ctx.taps, block_pitch = a.in.block_pitch;
  const Index channels = kMasked ? a.channels : a.channels / kLanes * kLanes;
  const F low = splat(ctx.low), high = splat(ctx.high);
  const float* const bias = ctx.bias;
  const Columns there = columns;
  const Spaced<float> spaced(a.out_pitch);
  const float* rows[KW];
  for (int ky = 0; kAllRows && ky < KW; ++ky) rows[ky] = ctx.rows[ky].pixels;
  const float* ahead[2];
  for (int i = 0; i < 2; ++i) ahead[i] = a.ahead[i] && first == 0 ? a.ahead[i] + x * S * a.in.pitch : nullptr;
  const float* weights = a.weights + first * taps;
  float* out = a.out + x * a.out_pitch + first;
  Index at = columns.pixel * a.in.pitch + first / 16 * block_pitch + first % 16;
  for (Index c = first; c < channels; at += block_pitch - 16) {
    for (const float*& row : ahead) {
      if (row == nullptr) break;
      for (int i = 0; i < T * S; ++i, row += 16) __builtin_prefetch(row, 0, 2);
    }
    for (const Index end = smaller(c / 16 * 16 + 16, channels); c < end; c += kLanes, at += kLanes, weights += kLanes * taps, out += kLanes) {
      const auto count = [&] {
        if constexpr (kMasked) return smaller(channels - c, kLanes);
        else return Constant<kLanes>{};
      }();
      F sum[T];
      for (int t = 0; t < T; ++t) sum[t] = zero();
      if constexpr (kAllRows) {
#pragma GCC unroll 8
        for (int ky = 0; ky < KW; ++ky) add_row<KW, S, kLacks>(sum, rows[ky] + at, weights + ky * KW * kLanes, there, pixels, count);
      } else {
        for (Index r = 0; r < row_count; ++r) add_row<KW, S, kLacks>(sum, ctx.rows[r].pixels + at, weights + ctx.rows[r].weights, there, pixels, count);
      }
      const F b = bias ? load_lanes(bias + c, count) : zero();
      asm("" : "+r"(out));
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) {
        const F y = min(high, max(low, sum[t] + b));
        if (kMasked && a.lanes == Lanes::full) store(spaced.at(out, t), y);
        else store_lanes(spaced.at(out, t), y, count);
      }
    }
  }
}

template <int KW, int S, int T>
void pixels_at(const Context& ctx, Index x) {
  const DepthwiseArgs& a = *ctx.args;
  constexpr Index kColumns = (T - 1) * S + KW, kHalf = KW / 2;
  const Index pixel = x * S - a.in.pad_left;
  const Columns columns{pixel, larger(0, -pixel), smaller(kColumns, a.in.width - pixel)};
  const bool whole = columns.begin == 0 && columns.end == kColumns;
  const Spaced<const float> spaced(a.in.pitch);
  if (columns.begin > kHalf || columns.end < kColumns - kHalf) return some_pixels<KW, S, T, Lacks::any>(ctx, x, columns, spaced, 0);
  if (ctx.row_count != KW || a.in.kh != KW) {
    some_pixels<KW, S, T, Lacks::rows>(ctx, x, columns, spaced, 0);
  } else if (a.in.pitch == 16) {
    whole ? some_pixels<KW, S, T, Lacks::nothing>(ctx, x, columns, Packed{}, 0) : some_pixels<KW, S, T, Lacks::columns>(ctx, x, columns, Packed{}, 0);
  } else {
    whole ? some_pixels<KW, S, T, Lacks::nothing>(ctx, x, columns, spaced, 0) : some_pixels<KW, S, T, Lacks::columns>(ctx, x, columns, spaced, 0);
  }
  const Index done = a.channels / kLanes * kLanes;
  if (done < a.channels) some_pixels<KW, S, T, Lacks::any>(ctx, x, columns, spaced, done);
}

// Groups of kPixels, where the last two share what is left evenly.
template <int KW, int S>
void row_of_pixels(const Context& ctx) {
  const Index width = ctx.args->out_width;
  for (Index x = 0; x < width;) {
    const Index left = width - x;
    const Index count = left >= 2 * kPixels ? kPixels : left > kPixels ? (left + 1) / 2 : left;
    rep<kPixels>([&](auto t) {
      if (count == t + 1) pixels_at<KW, S, t + 1>(ctx, x);
    });
    x += count;
  }
}

// Any kernel, stride and dilation: a pixel at a time, four vectors of channels together.
void row_of_any(const Context& ctx) {
  const DepthwiseArgs& a = *ctx.args;
  const Window& in = a.in;
  const F low = splat(ctx.low), high = splat(ctx.high);
  for (Index x = 0; x < a.out_width; ++x) {
    const Index x0 = x * in.stride - in.pad_left;
    Index kx_begin = 0, kx_end = in.kw;
    while (kx_begin < kx_end && x0 + kx_begin * in.dilation < 0) ++kx_begin;
    while (kx_end > kx_begin && x0 + (kx_end - 1) * in.dilation >= in.width) --kx_end;
    for (Index c = 0; c < a.channels; c += 4 * kLanes) {
      F sum[4];
      Index count[4], at[4];
      for (int j = 0; j < 4; ++j) {
        const Index cj = c + j * kLanes;
        count[j] = larger(0, smaller(kLanes, a.channels - cj));
        at[j] = cj / 16 * in.block_pitch + cj % 16;
        sum[j] = zero();
      }
      const bool whole = count[3] == kLanes;
      for (Index r = 0; r < ctx.row_count; ++r) {
        for (Index kx = kx_begin; kx < kx_end; ++kx) {
          const float* p = ctx.rows[r].pixels + (x0 + kx * in.dilation) * in.pitch;
          const float* w = a.weights + c * ctx.taps + ctx.rows[r].weights + kx * kLanes;
          if (whole) {
            rep<4>([&](auto j) __attribute__((always_inline)) {
              sum[j] = mul_add(load(p + at[j]), load(w + j * kLanes * ctx.taps), sum[j]);
            });
          } else {
            for (int j = 0; j < 4 && count[j] > 0; ++j) {
              sum[j] = mul_add(load_n(p + at[j], count[j]), load(w + j * kLanes * ctx.taps), sum[j]);
            }
          }
        }
      }
      for (int j = 0; j < 4 && count[j] > 0; ++j) {
        const F bias = ctx.bias ? load_n(ctx.bias + c + j * kLanes, count[j]) : zero();
        store_n(a.out + x * a.out_pitch + c + j * kLanes, min(high, max(low, sum[j] + bias)), a.lanes == Lanes::full ? kLanes : count[j]);
      }
    }
  }
}

}  // namespace

void depthwise_pack(const DepthwisePack& p) {
  const Index taps = p.kh * p.kw;
  for (Index c = 0; c < round_up(p.channels, 16); ++c) {
    float* dst = p.dst + c / kLanes * kLanes * taps + c % kLanes;
    for (Index ky = 0; ky < p.kh; ++ky) {
      for (Index kx = 0; kx < p.kw; ++kx, dst += kLanes) {
        const float w = c < p.channels ? p.src[c * p.stride_c + ky * p.stride_ky + kx * p.stride_kx] : 0.f;
        *dst = p.scale && c < p.channels ? w * p.scale[c] : w;
      }
    }
  }
}

// Output pixels that are a dilation apart share their input columns: they are a row of a convolution without dilation over
// pixels that lie that far apart.
SACCADE_INLINE void dilated_row(const DepthwiseArgs& a) {
  const Index d = a.in.dilation;
  const float* rows[kMaxKernelRows];
  for (Index first = 0; first < d && first < a.out_width; ++first) {
    const Index column = first - a.in.pad_left;                             // of the first tap
    const Index base = column >= 0 ? column % d : (d - -column % d) % d;    // the first of those columns
    DepthwiseArgs part = a;
    part.in.rows = rows;
    for (Index ky = 0; ky < a.in.kh; ++ky) rows[ky] = a.in.rows[ky] ? a.in.rows[ky] + base * a.in.pitch : nullptr;
    part.in.pitch = a.in.pitch * d;
    part.in.width = larger(0, (a.in.width - base + d - 1) / d);
    part.in.dilation = 1;
    part.in.pad_left = (base - column) / d;
    part.out = a.out + first * a.out_pitch;
    part.out_pitch = a.out_pitch * d;
    part.out_width = (a.out_width - first + d - 1) / d;
    if (a.epilogue.other) part.epilogue.other = a.epilogue.other + first * a.epilogue.other_pitch;
    part.epilogue.other_pitch = a.epilogue.other_pitch * d;
    depthwise_row(part);
  }
}

void depthwise_row(const DepthwiseArgs& a) {
  const Window& in = a.in;
  if (in.dilation > 1 && in.stride == 1 && in.kh <= kMaxKernelRows && (in.kw == 3 || in.kw == 5)) return dilated_row(a);
  const Epilogue& e = a.epilogue;
  Context ctx;
  ctx.args = &a;
  ctx.taps = in.kh * in.kw;
  ctx.row_count = 0;
  for (Index ky = 0; ky < in.kh && ky < kMaxKernelRows; ++ky) {
    if (in.rows[ky]) ctx.rows[ctx.row_count++] = {in.rows[ky], ky * in.kw * kLanes};
  }
  ctx.bias = e.scale ? nullptr : e.bias;
  const bool first_here = !e.scale && !(e.before && e.combine != Combine::none) && is_clip(e.first);
  const bool all_here = first_here && e.combine == Combine::none && e.second.fn == Fn::none;
  clip_bounds(first_here ? e.first : Activation{}, ctx.low, ctx.high);

  const Index key = in.dilation == 1 && in.stride <= 2 ? in.kw * 10 + in.stride : 0;
  switch (key) {
    case 31: row_of_pixels<3, 1>(ctx); break;
    case 32: row_of_pixels<3, 2>(ctx); break;
    case 51: row_of_pixels<5, 1>(ctx); break;
    case 52: row_of_pixels<5, 2>(ctx); break;
    default: row_of_any(ctx);
  }
  if (!all_here) finish_pixels(e, !first_here, a.out, a.out_pitch, a.out_width, a.channels);
}

}  // namespace saccade::kernels::SACCADE_ISA
