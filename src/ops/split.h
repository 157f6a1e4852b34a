// SPDX-License-Identifier: Apache-2.0
// Split and VariadicSplit: a tensor cut along an axis.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Fact;
using graph::FieldVisitor;

/// (data, axis scalar) → num_splits equal parts (Split-1).
struct Split {
  std::int64_t num_splits = 1;

  static constexpr std::string_view kName = "Split";
  void fields(FieldVisitor& v) { v("num_splits", num_splits); }
};

/// (data, axis scalar, lengths i64[n]) → n parts; one length may be -1 and takes the rest (VariadicSplit-1). The number of
/// parts must be known when the graph is built.
struct VariadicSplit {
  static constexpr std::string_view kName = "VariadicSplit";
  void fields(FieldVisitor&) {}
};

std::vector<Fact> infer(const Split& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Split& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const VariadicSplit& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const VariadicSplit& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
