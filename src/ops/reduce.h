// SPDX-License-Identifier: Apache-2.0
// The reductions: Reduce with a kind.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Cost;
using graph::Fact;
using graph::FieldVisitor;

enum class ReduceKind { Sum, Mean, Max, Min, Prod, L1, L2, LogSum, LogSumExp, SumSquare, LogicalAnd, LogicalOr };
inline constexpr int kReduceKinds = 12;

/// (data, axes i64) → data reduced over the axes (none: an empty list reduces nothing). Named ReduceSum, ReduceMean and so on.
struct Reduce {
  ReduceKind kind = ReduceKind::Sum;
  bool keep_dims = false;

  std::string_view name() const;
  void fields(FieldVisitor& v) { v("keep_dims", keep_dims); }
};

std::vector<Fact> infer(const Reduce& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Reduce& op, std::span<const Tensor> inputs);
Cost cost(const Reduce& op, std::span<const Fact> inputs, std::span<const Fact> outputs);

}  // namespace saccade::ops
