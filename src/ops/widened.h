// SPDX-License-Identifier: Apache-2.0
// Whole tensors in the type that sums are made in: double for floats, wrapping u64 for integers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "base/error.h"
#include "tensor/numeric.h"

namespace saccade::ops {

template <class T>
std::vector<T> widen(const Tensor& tensor) {
  if constexpr (std::is_same_v<T, double>) {
    return to_f64(tensor);
  } else {
    const auto values = to_i64(tensor);
    return {values.begin(), values.end()};
  }
}

template <class T>
Tensor narrow(ElementType type, Shape shape, const std::vector<T>& values) {
  if constexpr (std::is_same_v<T, double>) {
    return from_f64(type, std::move(shape), values);
  } else {
    const std::vector<std::int64_t> integers(values.begin(), values.end());
    return from_i64(type, std::move(shape), integers);
  }
}

/// The number of elements of a tensor that is about to be computed in wide elements; throws Error(out_of_memory) beyond what can be held.
inline std::size_t wide_count(const Shape& shape) {
  const std::int64_t count = element_count(shape);
  SACCADE_CHECK(count <= std::int64_t{1} << 36, out_of_memory, "a result of shape {} is too large", to_string(shape));
  return static_cast<std::size_t>(count);
}

}  // namespace saccade::ops
