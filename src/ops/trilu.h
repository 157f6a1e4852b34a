// SPDX-License-Identifier: Apache-2.0
// Trilu: the triangles of matrices.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Fact;
using graph::FieldVisitor;

/// (data […, h, w], k? scalar) → data with the elements below (upper) or above (lower) the k-th diagonal set to zero.
struct Trilu {
  bool upper = true;

  static constexpr std::string_view kName = "Trilu";
  void fields(FieldVisitor& v) { v("upper", upper); }
};

std::vector<Fact> infer(const Trilu& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Trilu& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
