// SPDX-License-Identifier: Apache-2.0
// ShapeOf (OpenVINO ShapeOf-3).
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Fact;
using graph::FieldVisitor;

/// (data) → its shape, one-dimensional.
struct ShapeOf {
  ElementType output_type = ElementType::i64;

  static constexpr std::string_view kName = "ShapeOf";
  void fields(FieldVisitor& v) { v("output_type", output_type); }
};

std::vector<Fact> infer(const ShapeOf& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const ShapeOf& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
