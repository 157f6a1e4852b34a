// SPDX-License-Identifier: Apache-2.0
// Conversions between all element types.
#include "ops/convert.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "ops/contents.h"
#include "tensor/half.h"

namespace saccade::ops {
namespace {

template <class T>
inline constexpr bool is_narrow_float = std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>;

// What an x86 conversion gives: the smallest integer for what does not fit, of which narrower types keep the low bits.
template <class To>
To truncate(double value) {
  constexpr double k31 = 0x1p31, k63 = 0x1p63;
  if constexpr (std::is_same_v<To, std::uint64_t>) {
    if (value >= k63 && value < 2 * k63) return static_cast<To>(value);
  }
  if constexpr (sizeof(To) < 4 || std::is_same_v<To, std::int32_t>) {
    return static_cast<To>(value > -k31 - 1 && value < k31 ? static_cast<std::int32_t>(value) : std::numeric_limits<std::int32_t>::min());
  } else {
    return static_cast<To>(value >= -k63 && value < k63 ? static_cast<std::int64_t>(value) : std::numeric_limits<std::int64_t>::min());
  }
}

template <class To, class From>
To convert_one(From v) {
  if constexpr (std::is_same_v<To, bool>) {
    if constexpr (is_narrow_float<From>)
      return static_cast<float>(v) != 0;
    else
      return v != From{};
  } else if constexpr (std::is_integral_v<From> && std::is_integral_v<To>) {
    return static_cast<To>(v);
  } else if constexpr (std::is_integral_v<To>) {
    return truncate<To>(static_cast<double>(v));
  } else if constexpr (is_narrow_float<To> && (std::is_same_v<From, float> || is_narrow_float<From>)) {
    To out;
    out.bits = To::from_float(static_cast<float>(v));
    return out;
  } else if constexpr (is_narrow_float<To>) {
    return To(static_cast<double>(v));
  } else if constexpr (is_narrow_float<From>) {
    return static_cast<To>(static_cast<float>(v));
  } else {
    return static_cast<To>(v);
  }
}

// Calls f with a value of the C++ type; only for types that have one.
template <class F>
bool with_type(ElementType type, F&& f) {
  switch (type) {
    case ElementType::boolean: f(bool{}); return true;
    case ElementType::u8: f(std::uint8_t{}); return true;
    case ElementType::i8: f(std::int8_t{}); return true;
    case ElementType::u16: f(std::uint16_t{}); return true;
    case ElementType::i16: f(std::int16_t{}); return true;
    case ElementType::u32: f(std::uint32_t{}); return true;
    case ElementType::i32: f(std::int32_t{}); return true;
    case ElementType::u64: f(std::uint64_t{}); return true;
    case ElementType::i64: f(std::int64_t{}); return true;
    case ElementType::f16: f(Half{}); return true;
    case ElementType::bf16: f(BFloat16{}); return true;
    case ElementType::f32: f(float{}); return true;
    case ElementType::f64: f(double{}); return true;
    default: return false;
  }
}

std::uint8_t e8m0_of(double value, Float8Rounding rounding, bool saturate) {
  if (std::isnan(value) || value < 0) return 0xff;
  if (std::isinf(value)) return saturate ? 0xfe : 0xff;
  if (value == 0) return 0;
  int exponent;
  const double mantissa = std::frexp(value, &exponent) * 2;  // in [1, 2)
  --exponent;
  const bool up = rounding == Float8Rounding::up ? mantissa > 1 : rounding == Float8Rounding::nearest && mantissa >= 1.5;
  if (up) ++exponent;
  if (exponent > 127) return saturate ? 0xfe : 0xff;
  return static_cast<std::uint8_t>(exponent < -127 ? 0 : exponent + 127);
}

Fact retyped(std::span<const Fact> inputs, ElementType type) {
  Fact out(type, inputs[0].type.shape);
  // Shape arithmetic narrowed to i32 keeps its entries; a size beyond that has no kernel anyway.
  if (is_integer(inputs[0].type.element) && size_in_bytes(type) >= 4 && is_integer(type)) out.contents = inputs[0].contents;
  return out;
}

}  // namespace

Tensor convert(const Tensor& tensor, ElementType type) {
  if (tensor.type() == type) return tensor;
  Tensor out(type, tensor.shape());
  bool done = false;
  with_type(tensor.type(), [&](auto from) {
    done = with_type(type, [&](auto to) {
      const auto* x = tensor.data<decltype(from)>();
      auto* y = out.data<decltype(to)>();
      const std::int64_t n = tensor.size();
      for (std::int64_t i = 0; i < n; ++i) y[i] = convert_one<decltype(to)>(x[i]);
    });
  });
  if (done) return out;
  // a type below a byte or an 8-bit float on one side
  if (type == ElementType::f8e8m0) {
    const auto x = to_f64(tensor);
    for (std::size_t i = 0; i < x.size(); ++i) static_cast<std::uint8_t*>(out.raw())[i] = e8m0_of(x[i], Float8Rounding::up, true);
    return out;
  }
  if (is_float(type)) return from_f64(type, tensor.shape(), to_f64(tensor));
  if (!is_float(tensor.type())) return from_i64(type, tensor.shape(), to_i64(tensor));
  auto x = to_f64(tensor);
  std::vector<std::int64_t> whole(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (type == ElementType::boolean)
      whole[i] = x[i] != 0;
    else
      whole[i] = size_in_bytes(type) < 4 || type == ElementType::i32 ? truncate<std::int32_t>(x[i]) : truncate<std::int64_t>(x[i]);
  }
  return from_i64(type, tensor.shape(), whole);
}

std::vector<Fact> infer(const Convert& op, std::span<const Fact> inputs) {
  check_arity(inputs, 1, 1);
  return with_contents(op, inputs, {}, {retyped(inputs, op.destination_type)});
}

std::vector<Tensor> evaluate(const Convert& op, std::span<const Tensor> inputs) { return {convert(inputs[0], op.destination_type)}; }

std::vector<Fact> infer(const ConvertLike&, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 2);
  const Convert op{inputs[1].type.element};
  return infer(op, inputs.first(1));
}

std::vector<Tensor> evaluate(const ConvertLike&, std::span<const Tensor> inputs) { return {convert(inputs[0], inputs[1].type())}; }

std::vector<Fact> infer(const ConvertFloat8& op, std::span<const Fact> inputs) {
  check_arity(inputs, 1, 1);
  SACCADE_CHECK(is_float(op.destination_type) && size_in_bytes(op.destination_type) == 1, invalid_model, "{} is not an 8-bit float type", to_string(op.destination_type));
  return {Fact(op.destination_type, inputs[0].type.shape)};
}

std::vector<Tensor> evaluate(const ConvertFloat8& op, std::span<const Tensor> inputs) {
  SACCADE_CHECK(is_float(op.destination_type) && size_in_bytes(op.destination_type) == 1, invalid_model, "{} is not an 8-bit float type", to_string(op.destination_type));
  const auto x = to_f64(inputs[0]);
  Tensor out(op.destination_type, inputs[0].shape());
  auto* y = static_cast<std::uint8_t*>(out.raw());
  const SmallFloat format = small_float_of(op.destination_type);
  for (std::size_t i = 0; i < x.size(); ++i)
    y[i] = format == SmallFloat::e8m0 ? e8m0_of(x[i], op.rounding, op.saturate) : small_float_from_double(format, x[i], op.saturate);
  return {out};
}

std::vector<Fact> infer(const BitCast& op, std::span<const Fact> inputs) {
  check_arity(inputs, 1, 1);
  SACCADE_CHECK(size_in_bytes(op.destination_type) == size_in_bytes(inputs[0].type.element), invalid_model, "{} and {} differ in size", to_string(op.destination_type),
                to_string(inputs[0].type.element));
  SACCADE_CHECK(op.destination_type != ElementType::boolean, unsupported, "BitCast to boolean");
  return {Fact(op.destination_type, inputs[0].type.shape)};
}

std::vector<Tensor> evaluate(const BitCast& op, std::span<const Tensor> inputs) {
  SACCADE_CHECK(size_in_bytes(op.destination_type) == size_in_bytes(inputs[0].type()), invalid_model, "{} and {} differ in size", to_string(op.destination_type), to_string(inputs[0].type()));
  Tensor out(op.destination_type, inputs[0].shape());
  if (out.size()) std::memcpy(out.raw(), inputs[0].raw(), out.size_bytes());
  return {out};
}

}  // namespace saccade::ops
