// SPDX-License-Identifier: Apache-2.0
// Conversions between f32 and the other element types. The loops are plain: the compiler vectorises them for the level.
#include "kernels/level.h"
#include "simd/simd.h"

namespace saccade::kernels::SACCADE_ISA {
namespace {

using namespace simd;

SACCADE_INLINE std::uint32_t bits_of(float x) { return __builtin_bit_cast(std::uint32_t, x); }
SACCADE_INLINE float from_bits(std::uint32_t x) { return __builtin_bit_cast(float, x); }

SACCADE_INLINE float half_to_float(std::uint16_t h) {
  const std::uint32_t sign = (h & 0x8000u) << 16, rest = h & 0x7fffu;
  const float normal = from_bits(rest << 13) * from_bits(0x77800000);  // times 2^112 moves the exponent's bias, denormals too
  const std::uint32_t special = rest << 13 | 0x7f800000u;
  return from_bits(sign | (rest >= 0x7c00u ? special : bits_of(normal)));
}

SACCADE_INLINE std::uint16_t float_to_half(float x) {
  const std::uint32_t bits = bits_of(x), sign = bits >> 16 & 0x8000u, rest = bits & 0x7fffffffu;
  if (rest > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u | (rest >> 13 & 0x3ffu));
  if (rest >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // 65520 and above
  std::uint32_t h;
  if (rest < 0x38800000u) {  // below 2^-14: adding 1/2 leaves the rounded denormal in the low bits
    h = bits_of(from_bits(rest) + 0.5f) - 0x3f000000u;
  } else {
    h = (rest + 0xfffu + (rest >> 13 & 1u) - 0x38000000u) >> 13;
  }
  return static_cast<std::uint16_t>(sign | h);
}

SACCADE_INLINE std::uint16_t float_to_bf16(float x) {
  const std::uint32_t bits = bits_of(x);
  const std::uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16, nan = bits >> 16 | 0x40u;
  return static_cast<std::uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? nan : rounded);
}

void halves_to_floats(const std::uint16_t* src, float* dst, Index n) {
  Index i = 0;
#ifdef __F16C__
  for (; i + 8 <= n; i += 8) _mm256_storeu_ps(dst + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(src + i))));
#endif
  for (; i < n; ++i) dst[i] = half_to_float(src[i]);
}

void floats_to_halves(const float* src, std::uint16_t* dst, Index n) {
  Index i = 0;
#ifdef __F16C__
  for (; i + 8 <= n; i += 8) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + i), _mm256_cvtps_ph(_mm256_loadu_ps(src + i), _MM_FROUND_TO_NEAREST_INT));
  }
#endif
  for (; i < n; ++i) dst[i] = float_to_half(src[i]);
}

template <class T>
void to_floats(const void* src, float* dst, Index n) {
  const T* s = static_cast<const T*>(src);
  for (Index i = 0; i < n; ++i) dst[i] = static_cast<float>(s[i]);
}

// `limit` is the first float beyond T.
template <class T>
void to_integers(const float* src, void* dst, Index n, float low, float limit, T lowest, T highest) {
  T* d = static_cast<T*>(dst);
  for (Index i = 0; i < n; ++i) {
    const float x = src[i];
    const bool inside = x > low && x < limit;
    const T value = static_cast<T>(inside ? x : 0.f);
    d[i] = x <= low ? lowest : x >= limit ? highest : value;
  }
}

}  // namespace

void convert(const ConvertArgs& a) {
  if (a.from == a.to) {
    constexpr Index kBytes[] = {4, 2, 2, 1, 1, 4, 8};
    __builtin_memmove(a.dst, a.src, static_cast<std::size_t>(a.n * kBytes[static_cast<int>(a.from)]));
    return;
  }
  if (a.to == Scalar::f32) {
    float* dst = static_cast<float*>(a.dst);
    switch (a.from) {
      case Scalar::f32: return;
      case Scalar::f16: return halves_to_floats(static_cast<const std::uint16_t*>(a.src), dst, a.n);
      case Scalar::bf16: {
        const std::uint16_t* src = static_cast<const std::uint16_t*>(a.src);
        for (Index i = 0; i < a.n; ++i) dst[i] = from_bits(static_cast<std::uint32_t>(src[i]) << 16);
        return;
      }
      case Scalar::u8: return to_floats<std::uint8_t>(a.src, dst, a.n);
      case Scalar::i8: return to_floats<std::int8_t>(a.src, dst, a.n);
      case Scalar::i32: return to_floats<std::int32_t>(a.src, dst, a.n);
      case Scalar::i64: return to_floats<std::int64_t>(a.src, dst, a.n);
    }
  }
  const float* src = static_cast<const float*>(a.src);
  switch (a.to) {
    case Scalar::f32: return;
    case Scalar::f16: return floats_to_halves(src, static_cast<std::uint16_t*>(a.dst), a.n);
    case Scalar::bf16: {
      std::uint16_t* dst = static_cast<std::uint16_t*>(a.dst);
      for (Index i = 0; i < a.n; ++i) dst[i] = float_to_bf16(src[i]);
      return;
    }
    case Scalar::u8: return to_integers<std::uint8_t>(src, a.dst, a.n, -1.f, 256.f, 0, 255);
    case Scalar::i8: return to_integers<std::int8_t>(src, a.dst, a.n, -129.f, 128.f, -128, 127);
    case Scalar::i32: return to_integers<std::int32_t>(src, a.dst, a.n, -2147483648.f, 2147483648.f, INT32_MIN, INT32_MAX);
    case Scalar::i64: return to_integers<std::int64_t>(src, a.dst, a.n, -9223372036854775808.f, 9223372036854775808.f, INT64_MIN, INT64_MAX);
  }
}

}  // namespace saccade::kernels::SACCADE_ISA
