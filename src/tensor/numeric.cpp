// SPDX-License-Identifier: Apache-2.0
// Widening to and narrowing from f64 and i64, for every element type.
#include "tensor/numeric.h"

#include <cmath>
#include <limits>

#include "base/error.h"
#include "tensor/half.h"

namespace saccade {
namespace {

struct SmallFloatBytes {
  std::uint8_t* bytes;
  SmallFloat format;
};

// Calls f(pointer to the elements as their C++ type); the f8 and f4 types are passed as SmallFloatBytes.
template <class F>
void with_elements(const Tensor& tensor, F&& f) {
  void* p = const_cast<void*>(tensor.raw());
  switch (tensor.type()) {
    case ElementType::boolean: return f(static_cast<bool*>(p));
    case ElementType::u8: case ElementType::u4: case ElementType::u2: return f(static_cast<std::uint8_t*>(p));
    case ElementType::i8: case ElementType::i4: case ElementType::i2: return f(static_cast<std::int8_t*>(p));
    case ElementType::u16: return f(static_cast<std::uint16_t*>(p));
    case ElementType::i16: return f(static_cast<std::int16_t*>(p));
    case ElementType::u32: return f(static_cast<std::uint32_t*>(p));
    case ElementType::i32: return f(static_cast<std::int32_t*>(p));
    case ElementType::u64: return f(static_cast<std::uint64_t*>(p));
    case ElementType::i64: return f(static_cast<std::int64_t*>(p));
    case ElementType::f16: return f(static_cast<Half*>(p));
    case ElementType::bf16: return f(static_cast<BFloat16*>(p));
    case ElementType::f32: return f(static_cast<float*>(p));
    case ElementType::f64: return f(static_cast<double*>(p));
    default: return f(SmallFloatBytes{static_cast<std::uint8_t*>(p), small_float_of(tensor.type())});
  }
}

template <class T>
inline constexpr bool is_small_float = std::is_same_v<T, SmallFloatBytes>;
template <class P>
using Pointee = std::remove_pointer_t<P>;

template <class T>
T saturate(double value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value != 0;
  } else if constexpr (std::is_integral_v<T>) {
    if (std::isnan(value)) return 0;
    const double truncated = std::trunc(value);
    if (truncated <= static_cast<double>(std::numeric_limits<T>::min())) return std::numeric_limits<T>::min();
    if (truncated >= static_cast<double>(std::numeric_limits<T>::max())) return std::numeric_limits<T>::max();
    return static_cast<T>(truncated);
  } else {
    return static_cast<T>(value);
  }
}

// The range of an integer type below a byte.
struct Narrow {
  int low, high;
};
bool narrow_range(ElementType type, Narrow& range) {
  switch (type) {
    case ElementType::u4: range = {0, 15}; return true;
    case ElementType::i4: range = {-8, 7}; return true;
    case ElementType::u2: range = {0, 3}; return true;
    case ElementType::i2: range = {-2, 1}; return true;
    default: return false;
  }
}

}  // namespace

std::vector<double> to_f64(const Tensor& tensor) {
  std::vector<double> out(static_cast<std::size_t>(tensor.size()));
  with_elements(tensor, [&](auto p) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      if constexpr (is_small_float<decltype(p)>)
        out[i] = small_float_to_double(p.format, p.bytes[i]);
      else
        out[i] = static_cast<double>(p[i]);
    }
  });
  return out;
}

std::vector<std::int64_t> to_i64(const Tensor& tensor) {
  std::vector<std::int64_t> out(static_cast<std::size_t>(tensor.size()));
  with_elements(tensor, [&](auto p) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      if constexpr (is_small_float<decltype(p)>)
        out[i] = saturate<std::int64_t>(small_float_to_double(p.format, p.bytes[i]));
      else if constexpr (std::is_integral_v<Pointee<decltype(p)>>)
        out[i] = static_cast<std::int64_t>(p[i]);
      else
        out[i] = saturate<std::int64_t>(static_cast<double>(p[i]));
    }
  });
  return out;
}

Tensor from_f64(ElementType type, Shape shape, std::span<const double> values) {
  Tensor out(type, std::move(shape));
  SACCADE_ASSERT(static_cast<std::size_t>(out.size()) == values.size());
  Narrow range{};
  const bool narrow = narrow_range(type, range);
  with_elements(out, [&](auto p) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      if constexpr (is_small_float<decltype(p)>) {
        p.bytes[i] = small_float_from_double(p.format, values[i]);
      } else {
        double v = values[i];
        if (narrow) v = v < range.low ? range.low : v > range.high ? range.high : v;
        p[i] = saturate<Pointee<decltype(p)>>(v);
      }
    }
  });
  return out;
}

Tensor from_i64(ElementType type, Shape shape, std::span<const std::int64_t> values) {
  Tensor out(type, std::move(shape));
  SACCADE_ASSERT(static_cast<std::size_t>(out.size()) == values.size());
  with_elements(out, [&](auto p) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::int64_t v = values[i];
      if constexpr (is_small_float<decltype(p)>) {
        p.bytes[i] = small_float_from_double(p.format, static_cast<double>(v));
      } else if constexpr (std::is_same_v<Pointee<decltype(p)>, bool>) {
        p[i] = v != 0;
      } else if constexpr (std::is_integral_v<Pointee<decltype(p)>>) {
        switch (type) {
          case ElementType::u4: p[i] = static_cast<Pointee<decltype(p)>>(v & 15); break;
          case ElementType::i4: p[i] = static_cast<Pointee<decltype(p)>>(((v & 15) ^ 8) - 8); break;
          case ElementType::u2: p[i] = static_cast<Pointee<decltype(p)>>(v & 3); break;
          case ElementType::i2: p[i] = static_cast<Pointee<decltype(p)>>(((v & 3) ^ 2) - 2); break;
          default: p[i] = static_cast<Pointee<decltype(p)>>(v);
        }
      } else if constexpr (std::is_same_v<Pointee<decltype(p)>, float>) {
        p[i] = static_cast<float>(v);
      } else {
        p[i] = static_cast<Pointee<decltype(p)>>(static_cast<double>(v));
      }
    }
  });
  return out;
}

double element_as_f64(const Tensor& tensor, std::int64_t index) {
  double value = 0;
  with_elements(tensor, [&](auto p) {
    if constexpr (is_small_float<decltype(p)>)
      value = small_float_to_double(p.format, p.bytes[index]);
    else
      value = static_cast<double>(p[index]);
  });
  return value;
}

std::int64_t element_as_i64(const Tensor& tensor, std::int64_t index) {
  std::int64_t value = 0;
  with_elements(tensor, [&](auto p) {
    if constexpr (is_small_float<decltype(p)>)
      value = saturate<std::int64_t>(small_float_to_double(p.format, p.bytes[index]));
    else if constexpr (std::is_integral_v<Pointee<decltype(p)>>)
      value = static_cast<std::int64_t>(p[index]);
    else
      value = saturate<std::int64_t>(static_cast<double>(p[index]));
  });
  return value;
}

void set_element_f64(Tensor& tensor, std::int64_t index, double value) {
  with_elements(tensor, [&](auto p) {
    if constexpr (is_small_float<decltype(p)>)
      p.bytes[index] = small_float_from_double(p.format, value);
    else
      p[index] = saturate<Pointee<decltype(p)>>(value);
  });
}

Tensor i64_vector(std::span<const std::int64_t> values) { return Tensor::from<std::int64_t>({static_cast<std::int64_t>(values.size())}, values); }

}  // namespace saccade
