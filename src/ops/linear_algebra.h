// SPDX-License-Identifier: Apache-2.0
// Det: determinants.
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

/// (data […,m,m]) → […], determinants. Ours; not expressible in IR.
struct Det {
  static constexpr std::string_view kName = "Det";
  void fields(FieldVisitor&) {}
};

std::vector<Fact> infer(const Det& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Det& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
