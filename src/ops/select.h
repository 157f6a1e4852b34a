// SPDX-License-Identifier: Apache-2.0
// Select (OpenVINO Select-1).
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Fact;
using graph::FieldVisitor;

/// (condition boolean, a, b) → a where the condition holds, else b; NumPy broadcasting.
struct Select {
  static constexpr std::string_view kName = "Select";
  void fields(FieldVisitor&) {}
};

std::vector<Fact> infer(const Select& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Select& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
