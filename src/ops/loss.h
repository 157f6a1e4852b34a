// SPDX-License-Identifier: Apache-2.0
// NegativeLogLikelihoodLoss.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Cost;
using graph::Fact;
using graph::FieldVisitor;

enum class LossReduction { none, sum, mean };

/// (log-probabilities [n,c,d…], targets i32|i64 [n,d…], weights [c]?) → −weight[target]·x[target]: per element [n,d…], or a scalar, summed
/// or averaged by weight. Targets equal to ignore_index count as weight 0. Ours; IR: GatherElements and elementwise operators.
struct NegativeLogLikelihoodLoss {
  LossReduction reduction = LossReduction::mean;
  bool has_ignore_index = false;
  std::int64_t ignore_index = 0;

  static constexpr std::string_view kName = "NegativeLogLikelihoodLoss";
  void fields(FieldVisitor& v) {
    v("reduction", reduction, {"none", "sum", "mean"});
    v("has_ignore_index", has_ignore_index);
    v("ignore_index", ignore_index);
  }
};

std::vector<Fact> infer(const NegativeLogLikelihoodLoss& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const NegativeLogLikelihoodLoss& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
