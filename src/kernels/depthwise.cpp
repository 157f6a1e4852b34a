// SPDX-License-Identifier: Apache-2.0
// One output row of a depthwise convolution:
//
//   for T output pixels: for vector of channels: for ky: load the input pixels; for kx: T multiply-adds
//
// so that neighbouring multiply-adds never wait for each other. Weights are packed [C / kLanes][ky][kx][kLanes].
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

template <class Count>
SACCADE_INLINE F load_count(const float* p, Count count) {
  if constexpr (__is_same(Count, Constant<kLanes>)) {
    return load(p);
  } else {
    return load_n(p, count);
  }
}

// Where T neighbouring output pixels find their input: the window of the first begins at `pixel` (which may lie before the
// row) and columns [begin, end) of all (T − 1)·stride + reach exist.
struct Columns {
  Index pixel, begin, end;
};

// Output pixels that go together: enough sums to cover the latency of the multiply-adds.
constexpr int kPixels = 8;

// One vector of channels, from channel c on, of T pixels. `at` is the offset of channel c from the row's first pixel. Each input
// pixel is loaded once a row and multiplied by all taps that meet it. The bias comes last, as in dense_tile.h.
template <int KW, int S, int T, bool kEdge, class Count>
SACCADE_INLINE void vector_of_pixels(const Context& ctx, const Columns& columns, Index at, Index c, float* out, Index out_pitch, Index pitch, Count count,
                                     Index stored) {
  constexpr int kColumns = (T - 1) * S + KW;
  F sum[T];
  rep<T>([&](auto t) __attribute__((always_inline)) { sum[t] = zero(); });
  const float* weights = ctx.args->weights + c * ctx.taps;
  const Row* row = ctx.rows;
  const Row* const end = row + ctx.row_count;
  for (; row != end; ++row) {
    const float* p = row->pixels + at;
    F tap[KW];
    rep<KW>([&](auto k) __attribute__((always_inline)) { tap[k] = load(weights + row->weights + k * kLanes); });
    rep<kColumns>([&](auto i) __attribute__((always_inline)) {
      if (!kEdge || (i >= columns.begin && i < columns.end)) {
        const F x = load_count(p + i * pitch, count);
        rep<KW>([&](auto k) __attribute__((always_inline)) {
          constexpr int kAway = i - k;  // of the pixel's first tap
          if constexpr (kAway >= 0 && kAway % S == 0 && kAway / S < T) sum[kAway / S] = mul_add(x, tap[k], sum[kAway / S]);
        });
      }
    });
  }
  const F bias = ctx.bias ? load_count(ctx.bias + c, count) : zero(), low = splat(ctx.low), high = splat(ctx.high);
  rep<T>([&](auto t) __attribute__((always_inline)) {
    const F y = min(high, max(low, sum[t] + bias));
    if constexpr (__is_same(Count, Constant<kLanes>)) {
      store(out + t * out_pitch, y);
    } else {
      store_n(out + t * out_pitch, y, stored);
    }
  });
}

// T output pixels from x on; dilation 1.
template <int KW, int S, int T, bool kEdge>
[[gnu::noinline]] void pixels(const Context& ctx, Index x, const Columns& columns) {
  const DepthwiseArgs& a = *ctx.args;
  const Index pitch = a.in.pitch, out_pitch = a.out_pitch, channels = a.channels, block_pitch = a.in.block_pitch;
  float* const out = a.out + x * out_pitch;
  const float* ahead[2];
  for (int i = 0; i < 2; ++i) ahead[i] = a.ahead[i] ? a.ahead[i] + x * S * pitch : nullptr;
  Index c = 0, at = columns.pixel * pitch;
  for (; c + 16 <= channels; c += 16, at += block_pitch) {
    for (const float*& row : ahead) {
      if (row == nullptr) break;
      for (int i = 0; i < T * S; ++i, row += 16) __builtin_prefetch(row, 0, 2);
    }
    rep<16 / kLanes>([&](auto part) __attribute__((always_inline)) {
      constexpr Index kOffset = part * kLanes;
      vector_of_pixels<KW, S, T, kEdge>(ctx, columns, at + kOffset, c + kOffset, out + c + kOffset, out_pitch, pitch, Constant<kLanes>{}, kLanes);
    });
  }
  for (; c < channels; c += kLanes, at += kLanes) {
    const Index count = smaller(channels - c, kLanes);
    vector_of_pixels<KW, S, T, kEdge>(ctx, columns, at, c, out + c, out_pitch, pitch, count, a.lanes == Lanes::full ? kLanes : count);
  }
}

template <int KW, int S, int T>
void pixels_at(const Context& ctx, Index x) {
  const Window& in = ctx.args->in;
  constexpr Index kColumns = (T - 1) * S + KW;
  const Index pixel = x * S - in.pad_left;
  const Columns columns{pixel, larger(0, -pixel), smaller(kColumns, in.width - pixel)};
  if (columns.begin == 0 && columns.end == kColumns) {
    pixels<KW, S, T, false>(ctx, x, columns);
  } else {
    pixels<KW, S, T, true>(ctx, x, columns);
  }
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
