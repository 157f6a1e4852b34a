// SPDX-License-Identifier: Apache-2.0
// NonZero and Unique: outputs whose size depends on the data.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Fact;
using graph::FieldVisitor;

/// (data) → the indices of the elements other than zero, [rank, count], in row-major order (NonZero-3).
struct NonZero {
  ElementType output_type = ElementType::i64;

  static constexpr std::string_view kName = "NonZero";
  void fields(FieldVisitor& v) { v("output_type", output_type); }
};

/// (data, axis? scalar) → unique elements (of the flattened data) or slices along the axis; indices of their first occurrences; for every
/// element the index of its unique one; their counts. Sorted, or in order of first occurrence (Unique-10).
struct Unique {
  bool sorted = true;
  ElementType index_element_type = ElementType::i64, count_element_type = ElementType::i64;

  static constexpr std::string_view kName = "Unique";
  void fields(FieldVisitor& v) {
    v("sorted", sorted);
    v("index_element_type", index_element_type);
    v("count_element_type", count_element_type);
  }
};

std::vector<Fact> infer(const NonZero& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const NonZero& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const Unique& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Unique& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
