// SPDX-License-Identifier: Apache-2.0
// CumSum and CumProd.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Fact;
using graph::FieldVisitor;

/// (data, axis scalar) → running sums along the axis; exclusive: without the element itself; reverse: from the end (CumSum-3).
struct CumSum {
  bool exclusive = false, reverse = false;

  static constexpr std::string_view kName = "CumSum";
  void fields(FieldVisitor& v) {
    v("exclusive", exclusive);
    v("reverse", reverse);
  }
};

/// (data, axis scalar) → running products, attributes as for CumSum.
struct CumProd {
  bool exclusive = false, reverse = false;

  static constexpr std::string_view kName = "CumProd";
  void fields(FieldVisitor& v) {
    v("exclusive", exclusive);
    v("reverse", reverse);
  }
};

std::vector<Fact> infer(const CumSum& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const CumSum& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const CumProd& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const CumProd& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
