// SPDX-License-Identifier: Apache-2.0
// Transpose (OpenVINO Transpose-1).
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Fact;
using graph::FieldVisitor;

/// (data, order i64[rank]) → data with dimension i of the result being dimension order[i] of the data; an empty order reverses.
struct Transpose {
  static constexpr std::string_view kName = "Transpose";
  void fields(FieldVisitor&) {}
};

std::vector<Fact> infer(const Transpose& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Transpose& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
