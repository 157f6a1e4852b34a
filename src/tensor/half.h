// SPDX-License-Identifier: Apache-2.0
// The narrow element types: f16, bf16, the 8- and 4-bit floats and the integers below a byte, as C++ types that convert
// to and from wider ones. Rounding is to nearest even.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "saccade/tensor.h"

namespace saccade {

/// IEEE binary16.
struct Half {
  std::uint16_t bits = 0;
  Half() = default;
  explicit Half(double value) : bits(from_double(value)) {}
  explicit operator double() const { return static_cast<double>(to_float(bits)); }
  explicit operator float() const { return to_float(bits); }
  static std::uint16_t from_double(double value);
  static std::uint16_t from_float(float value);
  static float to_float(std::uint16_t bits);
};

/// The upper half of an IEEE binary32.
struct BFloat16 {
  std::uint16_t bits = 0;
  BFloat16() = default;
  explicit BFloat16(double value) : bits(from_double(value)) {}
  explicit operator double() const { return static_cast<double>(operator float()); }
  explicit operator float() const { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }
  static std::uint16_t from_double(double value);
  static std::uint16_t from_float(float value);
};

// The conversions from and to float are inline and without branches, so that loops over them vectorise.

inline std::uint16_t Half::from_float(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u, x = bits & 0x7fffffffu;
  // below 2^-14 the addition of 0.5 lets the FPU round to the quantum 2^-24
  const std::uint32_t tiny = std::bit_cast<std::uint32_t>(std::bit_cast<float>(x) + 0.5f) - 0x3f000000u;
  const std::uint32_t normal = (x + 0xc8000fffu + ((x >> 13) & 1u)) >> 13;
  const std::uint32_t special = x > 0x7f800000u ? 0x7e00u : 0x7c00u;
  const std::uint32_t magnitude = x < 0x38800000u ? tiny : x >= 0x47800000u ? special : normal;
  return static_cast<std::uint16_t>(sign | magnitude);
}

inline float Half::to_float(std::uint16_t bits) {
  const std::uint32_t sign = (bits & 0x8000u) << 16, x = (bits & 0x7fffu) << 13;
  const std::uint32_t exponent = x & 0x0f800000u;
  const float tiny = std::bit_cast<float>(x + 0x38800000u) - std::bit_cast<float>(0x38800000u);
  const std::uint32_t normal = x + (exponent == 0x0f800000u ? 0x70000000u : 0x38000000u);
  return std::bit_cast<float>(sign | (exponent == 0 ? std::bit_cast<std::uint32_t>(tiny) : normal));
}

inline std::uint16_t BFloat16::from_float(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return static_cast<std::uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? ((bits >> 16) & 0x8000u) | 0x7fc0u : rounded);
}

/// A small float with E exponent bits, M mantissa bits and a bias, held in one byte (f4e2m1 in the low four bits).
/// How specials are coded differs by format, see `small_float_to_double`.
enum class SmallFloat : std::uint8_t { e4m3fn, e4m3fnuz, e5m2, e5m2fnuz, e8m0, e2m1 };
/// The byte of `value` in the format. `saturate`: out-of-range values and infinities become the largest finite one,
/// otherwise infinity or NaN, as ONNX's Cast specifies.
std::uint8_t small_float_from_double(SmallFloat format, double value, bool saturate = true);
double small_float_to_double(SmallFloat format, std::uint8_t byte);
/// The format of an f8 or f4 element type.
SmallFloat small_float_of(ElementType type);

}  // namespace saccade
