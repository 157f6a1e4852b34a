// SPDX-License-Identifier: Apache-2.0
// One output row of a depthwise convolution:
//
//   for T output pixels: for vector of channels: for ky: for kx: T multiply-adds
//
// Input pixels stay in a register for every output pixel that they touch. Weights are packed [C / kLanes][ky][kx][kLanes].
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
  Row rows[kMaxKernelRows];
  Index row_count;
  Index taps;           // kh·kw
  bool direct;
  float low, high;
};

SACCADE_INLINE Index block_offset(Index c, Index block_pitch) { return c / 16 * block_pitch + c % 16; }

// Adds everything after the sums of T pixels from x on, channels c …; count of them exist in this vector.
template <int T, class Count>
SACCADE_INLINE void finish(const Context& ctx, F (&sum)[T], Index x, Index c, Count count) {
  const DepthwiseArgs& a = *ctx.args;
  const bool store_all = a.lanes == Lanes::full;
  if (ctx.direct) {
    const F low = splat(ctx.low), high = splat(ctx.high);
    rep<T>([&](auto t) __attribute__((always_inline)) {
      const F y = min(high, max(low, sum[t]));
      float* out = a.out + (x + t) * a.out_pitch + c;
      if (store_all) {
        store(out, y);
      } else {
        store_n(out, y, count);
      }
    });
    return;
  }
  alignas(64) float sums[T * kLanes];
  float* out[T];
  const float* other[T];
  rep<T>([&](auto t) __attribute__((always_inline)) {
    store(sums + t * kLanes, sum[t]);
    out[t] = a.out + (x + t) * a.out_pitch;
    other[t] = a.epilogue.other + (a.epilogue.combine != Combine::none ? (x + t) * a.epilogue.other_pitch + c : 0);
  });
  finish_rows({.epilogue = &a.epilogue, .sums = sums, .rows = T, .width = kLanes, .n0 = c, .valid = count,
               .stored = store_all ? kLanes : Index{count}, .out = out, .other = other, .block_pitch = 16,
               .bias_done = !a.epilogue.scale});
}

template <int T, class Count>
SACCADE_INLINE void start(const Context& ctx, F (&sum)[T], Index c, Count count) {
  const Epilogue& e = ctx.args->epilogue;
  const F bias = e.bias && !e.scale ? load_n(e.bias + c, count) : zero();
  rep<T>([&](auto t) __attribute__((always_inline)) { sum[t] = bias; });
}

// Calls body(c, count) for each vector of channels, count a constant but for the last.
template <class Body>
SACCADE_INLINE void for_channels(Index channels, Body body) {
  Index c = 0;
  for (; c + kLanes <= channels; c += kLanes) body(c, Constant<kLanes>{});
  if (c < channels) body(c, channels - c);
}

template <class Count>
SACCADE_INLINE F load_count(const float* p, Count count) {
  if constexpr (__is_same(Count, Constant<kLanes>)) {
    return load(p);
  } else {
    return load_n(p, count);
  }
}

// T pixels from x on whose windows lie inside of the rows; dilation 1.
template <int KW, int S, int T>
[[gnu::noinline]] void pixels_inside(const Context& ctx, Index x) {
  const DepthwiseArgs& a = *ctx.args;
  const Window& in = a.in;
  const Index first = (x * S - in.pad_left) * in.pitch;
  for_channels(a.channels, [&](Index c, auto count) __attribute__((always_inline)) {
    F sum[T];
    start(ctx, sum, c, count);
    const float* weights = a.weights + c * ctx.taps;
    const Index at = first + block_offset(c, in.block_pitch);
    for (Index r = 0; r < ctx.row_count; ++r) {
      const float* p = ctx.rows[r].pixels + at;
      const float* w = weights + ctx.rows[r].weights;
      F tap[KW];
      rep<KW>([&](auto k) __attribute__((always_inline)) { tap[k] = load(w + k * kLanes); });
      rep<(T - 1) * S + KW>([&](auto i) __attribute__((always_inline)) {
        const F v = load_count(p, count);
        p += in.pitch;
        rep<T>([&](auto t) __attribute__((always_inline)) {
          if constexpr (i - t * S >= 0 && i - t * S < KW) sum[t] = mul_add(v, tap[i - t * S], sum[t]);
        });
      });
    }
    finish(ctx, sum, x, c, count);
  });
}

// T pixels from x on, taps kx_begin … kx_end of any kernel, stride and dilation.
template <int T>
[[gnu::noinline]] void pixels_any(const Context& ctx, Index x, Index kx_begin, Index kx_end) {
  const DepthwiseArgs& a = *ctx.args;
  const Window& in = a.in;
  for_channels(a.channels, [&](Index c, auto count) __attribute__((always_inline)) {
    F sum[T];
    start(ctx, sum, c, count);
    const float* weights = a.weights + c * ctx.taps;
    const Index at = (x * in.stride - in.pad_left) * in.pitch + block_offset(c, in.block_pitch);
    for (Index r = 0; r < ctx.row_count; ++r) {
      for (Index kx = kx_begin; kx < kx_end; ++kx) {
        const float* p = ctx.rows[r].pixels + (at + kx * in.dilation * in.pitch);
        const F w = load(weights + ctx.rows[r].weights + kx * kLanes);
        rep<T>([&](auto t) __attribute__((always_inline)) {
          sum[t] = mul_add(load_count(p + t * in.stride * in.pitch, count), w, sum[t]);
        });
      }
    }
    finish(ctx, sum, x, c, count);
  });
}

// Output pixels [begin, end), all inside.
template <int KW, int S, int T>
void run_inside(const Context& ctx, Index begin, Index end) {
  Index x = begin;
  for (; x + T <= end; x += T) pixels_inside<KW, S, T>(ctx, x);
  if constexpr (T > 4) {
    if (x + 4 <= end) {
      pixels_inside<KW, S, 4>(ctx, x);
      x += 4;
    }
  }
  for (; x + 2 <= end; x += 2) pixels_inside<KW, S, 2>(ctx, x);
  for (; x < end; ++x) pixels_inside<KW, S, 1>(ctx, x);
}

void run_any(const Context& ctx, Index begin, Index end) {
  Index x = begin;
  for (; x + 4 <= end; x += 4) pixels_any<4>(ctx, x, 0, ctx.args->in.kw);
  for (; x < end; ++x) pixels_any<1>(ctx, x, 0, ctx.args->in.kw);
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

void depthwise_row(const DepthwiseArgs& a) {
  const Window& in = a.in;
  Context ctx;
  ctx.args = &a;
  ctx.taps = in.kh * in.kw;
  ctx.row_count = 0;
  for (Index ky = 0; ky < in.kh && ky < kMaxKernelRows; ++ky) {
    if (in.rows[ky]) ctx.rows[ctx.row_count++] = {in.rows[ky], ky * in.kw * kLanes};
  }
  const Epilogue& e = a.epilogue;
  ctx.low = -__builtin_inff();
  ctx.high = __builtin_inff();
  if (e.first.fn == Fn::relu) ctx.low = 0;
  if (e.first.fn == Fn::clip) {
    ctx.low = e.first.a;
    ctx.high = e.first.b;
  }
  ctx.direct = !e.scale && e.combine == Combine::none && e.second.fn == Fn::none &&
               (e.first.fn == Fn::none || e.first.fn == Fn::relu || e.first.fn == Fn::clip);

  // Output pixels [begin, end) see only pixels of the row.
  const Index reach = (in.kw - 1) * in.dilation;
  const Index begin = smaller(a.out_width, (in.pad_left + in.stride - 1) / in.stride);
  const Index last = in.width - 1 - reach + in.pad_left;  // x·stride must not exceed it
  const Index end = last < 0 ? begin : larger(begin, smaller(a.out_width, last / in.stride + 1));

  const auto at_edge = [&](Index from, Index to) {
    for (Index x = from; x < to; ++x) {
      const Index x0 = x * in.stride - in.pad_left;
      Index kx_begin = 0, kx_end = in.kw;
      while (kx_begin < kx_end && x0 + kx_begin * in.dilation < 0) ++kx_begin;
      while (kx_end > kx_begin && x0 + (kx_end - 1) * in.dilation >= in.width) --kx_end;
      pixels_any<1>(ctx, x, kx_begin, kx_end);
    }
  };
  at_edge(0, begin);
  if (in.dilation == 1 && in.kw == 3 && in.stride == 1) {
    run_inside<3, 1, 6>(ctx, begin, end);
  } else if (in.dilation == 1 && in.kw == 3 && in.stride == 2) {
    run_inside<3, 2, 4>(ctx, begin, end);
  } else if (in.dilation == 1 && in.kw == 5 && in.stride == 1) {
    run_inside<5, 1, 6>(ctx, begin, end);
  } else if (in.dilation == 1 && in.kw == 5 && in.stride == 2) {
    run_inside<5, 2, 4>(ctx, begin, end);
  } else {
    run_any(ctx, begin, end);
  }
  at_edge(end, a.out_width);
}

}  // namespace saccade::kernels::SACCADE_ISA
