// SPDX-License-Identifier: Apache-2.0
// Conversions of the narrow float types.
#include "tensor/half.h"

#include "base/error.h"

namespace saccade {
namespace {

// Rounds |value| to `mantissa` bits with the smallest normal exponent `min_exponent`, ties to even; the result is exact in double.
double round_to(double value, int mantissa, int min_exponent) {
  if (value == 0) return value;
  int exponent = std::ilogb(value);
  if (exponent < min_exponent) exponent = min_exponent;
  const double quantum = std::ldexp(1.0, exponent - mantissa);
  return std::nearbyint(value / quantum) * quantum;
}

struct Format {
  int exponent_bits, mantissa_bits, bias;
  bool infinity;         // the top exponent codes infinity and NaN
  bool unsigned_zero;    // "uz": 0x80 is NaN, no negative zero
  double largest;
};

Format format_of(SmallFloat format) {
  switch (format) {
    case SmallFloat::e4m3fn: return {4, 3, 7, false, false, 448};
    case SmallFloat::e4m3fnuz: return {4, 3, 8, false, true, 240};
    case SmallFloat::e5m2: return {5, 2, 15, true, false, 57344};
    case SmallFloat::e5m2fnuz: return {5, 2, 16, false, true, 57344};
    case SmallFloat::e2m1: return {2, 1, 1, false, false, 6};
    case SmallFloat::e8m0: return {8, 0, 127, false, false, 0x1p127};
  }
  SACCADE_ASSERT(false);
}

}  // namespace

std::uint16_t Half::from_double(double value) {
  const std::uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  if (std::isnan(value)) return static_cast<std::uint16_t>(sign | 0x7e00);
  const double magnitude = std::isinf(value) ? std::fabs(value) : round_to(std::fabs(value), 10, -14);
  if (magnitude > 65504) return static_cast<std::uint16_t>(sign | 0x7c00);
  if (magnitude < 0x1p-14) return static_cast<std::uint16_t>(sign | static_cast<std::uint16_t>(magnitude * 0x1p24));
  const int exponent = std::ilogb(magnitude);
  const auto mantissa = static_cast<std::uint16_t>((magnitude * std::ldexp(1.0, -exponent) - 1) * 1024);
  return static_cast<std::uint16_t>(sign | ((exponent + 15) << 10) | mantissa);
}

std::uint16_t BFloat16::from_double(double value) {
  if (std::isnan(value)) return std::signbit(value) ? 0xffc0 : 0x7fc0;
  const double magnitude = std::isinf(value) ? std::fabs(value) : round_to(std::fabs(value), 7, -126);
  const float single = magnitude > static_cast<double>(std::numeric_limits<float>::max()) ? std::numeric_limits<float>::infinity() : static_cast<float>(magnitude);
  return static_cast<std::uint16_t>((std::bit_cast<std::uint32_t>(single) >> 16) | (std::signbit(value) ? 0x8000u : 0u));
}

SmallFloat small_float_of(ElementType type) {
  switch (type) {
    case ElementType::f8e4m3fn: return SmallFloat::e4m3fn;
    case ElementType::f8e4m3fnuz: return SmallFloat::e4m3fnuz;
    case ElementType::f8e5m2: return SmallFloat::e5m2;
    case ElementType::f8e5m2fnuz: return SmallFloat::e5m2fnuz;
    case ElementType::f8e8m0: return SmallFloat::e8m0;
    case ElementType::f4e2m1: return SmallFloat::e2m1;
    default: SACCADE_ASSERT(false);
  }
}

std::uint8_t small_float_from_double(SmallFloat kind, double value, bool saturate) {
  const Format f = format_of(kind);
  if (kind == SmallFloat::e8m0) {
    if (std::isnan(value) || value < 0) return 0xff;
    if (value == 0) return 0;
    const double exponent = std::nearbyint(std::log2(value)) + 127;
    if (exponent > 254) return saturate ? 0xfe : 0xff;
    return static_cast<std::uint8_t>(exponent < 0 ? 0 : exponent);
  }
  const int sign_shift = f.exponent_bits + f.mantissa_bits;
  const auto sign = static_cast<std::uint8_t>(std::signbit(value) ? 1 << sign_shift : 0);
  const auto nan_code = [&]() -> std::uint8_t {
    if (kind == SmallFloat::e2m1) return 0x8;  // there is no NaN: ONNX takes negative zero
    if (f.unsigned_zero) return 0x80;
    return static_cast<std::uint8_t>(sign | (f.infinity ? 0x7e : 0x7f));
  };
  if (std::isnan(value)) return nan_code();
  double magnitude = std::isinf(value) ? std::fabs(value) : round_to(std::fabs(value), f.mantissa_bits, 1 - f.bias);
  if (magnitude > f.largest) {
    if (saturate || kind == SmallFloat::e2m1)
      magnitude = f.largest;
    else if (f.infinity)
      return static_cast<std::uint8_t>(sign | 0x7c);
    else
      return nan_code();
  }
  if (magnitude == 0) return f.unsigned_zero ? 0 : sign;
  if (magnitude < std::ldexp(1.0, 1 - f.bias))
    return static_cast<std::uint8_t>(sign | static_cast<std::uint8_t>(std::ldexp(magnitude, f.bias - 1 + f.mantissa_bits)));
  const int exponent = std::ilogb(magnitude);
  const auto mantissa = static_cast<int>((std::ldexp(magnitude, -exponent) - 1) * (1 << f.mantissa_bits));
  return static_cast<std::uint8_t>(sign | ((exponent + f.bias) << f.mantissa_bits) | mantissa);
}

double small_float_to_double(SmallFloat kind, std::uint8_t byte) {
  const Format f = format_of(kind);
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  if (kind == SmallFloat::e8m0) return byte == 0xff ? nan : std::ldexp(1.0, byte - 127);
  const int sign_shift = f.exponent_bits + f.mantissa_bits;
  const double sign = (byte >> sign_shift) & 1 ? -1 : 1;
  const int exponent = (byte >> f.mantissa_bits) & ((1 << f.exponent_bits) - 1);
  const int mantissa = byte & ((1 << f.mantissa_bits) - 1);
  if (f.unsigned_zero && byte == 0x80) return nan;
  if (kind == SmallFloat::e4m3fn && (byte & 0x7f) == 0x7f) return nan;
  if (f.infinity && exponent == 31) return mantissa ? nan : sign * std::numeric_limits<double>::infinity();
  if (exponent == 0) return sign * std::ldexp(mantissa, 1 - f.bias - f.mantissa_bits);
  return sign * std::ldexp(1.0 + std::ldexp(mantissa, -f.mantissa_bits), exponent - f.bias);
}

}  // namespace saccade
