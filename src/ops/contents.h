// SPDX-License-Identifier: Apache-2.0
// Known contents through `infer`: constants of a few elements are computed at once, and the partly known integers of shape
// arithmetic travel through operators that only move elements.
#pragma once

#include <functional>
#include <initializer_list>

#include "ops/inference.h"

namespace saccade::ops {

using Evaluation = std::function<std::vector<Tensor>(std::span<const Tensor>)>;

/// Fills in what is known of the outputs. If all inputs are constants and the outputs small, they are computed. Otherwise, if the
/// operator only moves elements of the inputs `data` (the others being constants), their entries are moved. An evaluation that
/// throws leaves the outputs unknown: the error belongs to the run.
void fold_contents(const Evaluation& evaluation, std::span<const Fact> inputs, std::initializer_list<std::size_t> data, std::vector<Fact>& outputs);

/// infer's outputs with their contents filled in.
template <class T>
std::vector<Fact> with_contents(const T& op, std::span<const Fact> inputs, std::initializer_list<std::size_t> data, std::vector<Fact> outputs) {
  fold_contents([&op](std::span<const Tensor> tensors) { return evaluate(op, tensors); }, inputs, data, outputs);
  return outputs;
}

/// An entry of which nothing is known, not even that it is a size.
inline Dimension unknown_entry() { return {-Dimension::kUnbounded, Dimension::kUnbounded, {}}; }
/// An entry as a size: not negative.
Dimension as_size(const Dimension& entry);

/// The only element of an integer input, where known; throws Error(invalid_model) if it has more.
std::optional<std::int64_t> known_scalar(std::span<const Fact> inputs, std::size_t i);
/// The only element of a tensor of one element; throws Error(invalid_model) otherwise.
std::int64_t scalar_i64(const Tensor& tensor);
/// The number of entries of a rank-1 input (1 for a scalar), where known.
std::optional<std::size_t> known_length(std::span<const Fact> inputs, std::size_t i);

}  // namespace saccade::ops
