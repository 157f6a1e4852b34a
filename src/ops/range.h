// SPDX-License-Identifier: Apache-2.0
// Range and Eye: tensors made from numbers.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Fact;
using graph::FieldVisitor;

/// (start, stop, step scalars) → start, start + step, … before stop (Range-4).
struct Range {
  ElementType output_type = ElementType::i64;

  static constexpr std::string_view kName = "Range";
  void fields(FieldVisitor& v) { v("output_type", output_type); }
};

/// (rows, columns, diagonal scalars, batch_shape? i64[n]) → ones on a diagonal, zeros elsewhere (Eye-9).
struct Eye {
  ElementType output_type = ElementType::f32;

  static constexpr std::string_view kName = "Eye";
  void fields(FieldVisitor& v) { v("output_type", output_type); }
};

std::vector<Fact> infer(const Range& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Range& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const Eye& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Eye& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
