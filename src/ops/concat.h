// SPDX-License-Identifier: Apache-2.0
// Concat (OpenVINO Concat-0).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Fact;
using graph::FieldVisitor;

/// (data…) → the inputs joined along an axis; they agree in all other dimensions.
struct Concat {
  std::int64_t axis = 0;

  static constexpr std::string_view kName = "Concat";
  void fields(FieldVisitor& v) { v("axis", axis); }
};

std::vector<Fact> infer(const Concat& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Concat& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
