// SPDX-License-Identifier: Apache-2.0
// LinearAttention: attention as a recurrence over a state matrix per head.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Cost;
using graph::Fact;
using graph::FieldVisitor;

/// How a step changes the state S: `linear` adds k ⊗ v; `gated` first scales S by exp(decay); `delta` adds β·k ⊗ (v − Sᵀk);
/// `gated_delta` does both.
enum class UpdateRule { linear, gated, delta, gated_delta };

/// (query [b,t,query_heads·dk], key [b,t,heads·dk], value [b,t,heads·dv], state [b,heads,dk,dv]?, decay [b,t,heads·dk] or [b,t,heads]?,
/// beta [b,t,heads] or [b,t,1]?) → ([b,t,query_heads·dv], state after the last step). Each step's output is scale · qᵀS. Query heads share
/// the states in consecutive groups. scale 0 stands for 1/√dk.
struct LinearAttention {
  std::int64_t query_heads = 1, heads = 1;
  double scale = 0;
  UpdateRule update_rule = UpdateRule::gated_delta;

  static constexpr std::string_view kName = "LinearAttention";
  void fields(FieldVisitor& v) {
    v("query_heads", query_heads);
    v("heads", heads);
    v("scale", scale);
    v("update_rule", update_rule, {"linear", "gated", "delta", "gated_delta"});
  }
};

std::vector<Fact> infer(const LinearAttention& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const LinearAttention& op, std::span<const Tensor> inputs);
Cost cost(const LinearAttention& op, std::span<const Fact> inputs, std::span<const Fact> outputs);

}  // namespace saccade::ops
