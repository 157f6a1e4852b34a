// SPDX-License-Identifier: Apache-2.0
// Elements as numbers: whole tensors widened to f64 or i64 and narrowed back, which is how `evaluate` computes whatever
// the element type: floats in f64, rounded once; integers exactly, wrapping.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "saccade/tensor.h"

namespace saccade {

/// All elements as f64; integers beyond 2^53 are rounded, booleans are 0 or 1.
std::vector<double> to_f64(const Tensor& tensor);
/// All elements as i64; floats are truncated towards zero with saturation (NaN is 0), u64 is reinterpreted.
std::vector<std::int64_t> to_i64(const Tensor& tensor);

/// A tensor of any type from f64: floats are rounded once; integers are truncated towards zero and saturate (NaN is 0); boolean is value != 0.
Tensor from_f64(ElementType type, Shape shape, std::span<const double> values);
/// A tensor of any type from i64: narrower integers wrap, floats are rounded, boolean is value != 0.
Tensor from_i64(ElementType type, Shape shape, std::span<const std::int64_t> values);

/// One element, by its row-major position.
double element_as_f64(const Tensor& tensor, std::int64_t index);
std::int64_t element_as_i64(const Tensor& tensor, std::int64_t index);
/// Writes one element as from_f64 would.
void set_element_f64(Tensor& tensor, std::int64_t index, double value);

/// A one-dimensional i64 tensor, the usual form of shapes and axes.
Tensor i64_vector(std::span<const std::int64_t> values);

}  // namespace saccade
