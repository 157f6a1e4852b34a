// SPDX-License-Identifier: Apache-2.0
// One line of a picture for a network: two source lines blended, columns chosen or interpolated, channels ordered, shifted and scaled.
#include "kernels/level.h"
#include "simd/simd.h"

namespace saccade::kernels::SACCADE_ISA {
namespace {

using namespace simd;
using Pixel = float __attribute__((vector_size(16)));  // up to four channels
using Order = std::int32_t __attribute__((vector_size(16)));

SACCADE_INLINE Pixel load_pixel(const float* p) {
  Pixel v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
SACCADE_INLINE Pixel splat_pixel(float x) { return Pixel{x, x, x, x}; }

// Plain loops, which the compiler vectorises for the level.
template <class T>
void blend(const PictureArgs& a, Index offset, float* __restrict dst, Index n) {
  const T* first = static_cast<const T*>(a.lines[0]) + offset;
  if (a.lines[1] == nullptr) {
    for (Index i = 0; i < n; ++i) dst[i] = static_cast<float>(first[i]);
    return;
  }
  const T* second = static_cast<const T*>(a.lines[1]) + offset;
  const float w0 = a.line_weights[0], w1 = a.line_weights[1];
  for (Index i = 0; i < n; ++i) dst[i] = static_cast<float>(first[i]) * w0 + static_cast<float>(second[i]) * w1;
}

// The line in f32, channels innermost.
template <class T>
const float* interleaved(const PictureArgs& a) {
  const Index n = a.width * a.source_channels;
  if (a.plane == 0) {
    blend<T>(a, 0, a.scratch, n);
    return a.scratch;
  }
  float* planes = a.scratch + n + 4;
  for (Index c = 0; c < a.source_channels; ++c) blend<T>(a, c * a.plane, planes + c * a.width, a.width);
  TransposeArgs t;
  t.src = planes;
  t.src_pitch = a.width;
  t.dst = a.scratch;
  t.dst_pitch = a.source_channels;
  t.rows = a.source_channels;
  t.columns = a.width;
  transpose(t);
  return a.scratch;
}

template <int TAPS, bool kOrdered>
SACCADE_INLINE void pixels(const PictureArgs a, const float* line) {  // a copy, which stores cannot change
  const Pixel before = load_pixel(a.before), scale = load_pixel(a.scale), after = load_pixel(a.after);
  const Order order{a.order[0], a.order[1], a.order[2], a.order[3]};
  const auto pixel = [&](Index x) __attribute__((always_inline)) {
    Pixel p;
    if constexpr (TAPS == 0) {
      p = load_pixel(line + x * a.source_channels);
    } else if constexpr (TAPS == 1) {
      p = load_pixel(line + a.columns[x] * a.source_channels);
    } else {
      p = load_pixel(line + a.columns[2 * x] * a.source_channels) * splat_pixel(a.column_weights[2 * x]) +
          load_pixel(line + a.columns[2 * x + 1] * a.source_channels) * splat_pixel(a.column_weights[2 * x + 1]);
    }
    if constexpr (kOrdered) p = __builtin_shuffle(p, order);
    return (p + before) * scale + after;
  };
  const Index channels = a.channels;
  Index x = 0;
  for (; x * channels + 4 <= a.out_width * channels; ++x) {  // the lanes beyond a pixel are the next one's to write
    const Pixel p = pixel(x);
    __builtin_memcpy(a.out + x * channels, &p, sizeof p);
  }
  for (; x < a.out_width; ++x) {
    const Pixel p = pixel(x);
    for (Index c = 0; c < channels; ++c) a.out[x * channels + c] = p[c];
  }
}

template <bool kOrdered>
SACCADE_INLINE void pixels_of(const PictureArgs& a, const float* line) {
  switch (a.taps) {
    case 0:
      return pixels<0, kOrdered>(a, line);
    case 1:
      return pixels<1, kOrdered>(a, line);
    default:
      return pixels<2, kOrdered>(a, line);
  }
}

}  // namespace

void picture_line(const PictureArgs& a) {
  const float* line = a.from == Scalar::u8 ? interleaved<std::uint8_t>(a) : interleaved<float>(a);
  bool ordered = false;
  for (Index c = 0; c < a.channels; ++c) ordered |= a.order[c] != c;
  ordered ? pixels_of<true>(a, line) : pixels_of<false>(a, line);
}

}  // namespace saccade::kernels::SACCADE_ISA
