// SPDX-License-Identifier: Apache-2.0
// ScatterUpdate, ScatterElementsUpdate and ScatterNDUpdate. Negative indices count from the end; others outside throw
// Error(invalid_argument).
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Fact;
using graph::FieldVisitor;

/// (data, indices, updates, axis scalar) → data with slices along the axis replaced (ScatterUpdate-3).
struct ScatterUpdate {
  static constexpr std::string_view kName = "ScatterUpdate";
  void fields(FieldVisitor&) {}
};

enum class ScatterElementsReduction { none, sum, prod, min, max, mean };

/// (data, indices, updates, axis scalar) → data with elements replaced or combined; indices and updates have one shape
/// (ScatterElementsUpdate-12). use_init_val: whether the data take part in the reduction.
struct ScatterElementsUpdate {
  ScatterElementsReduction reduction = ScatterElementsReduction::none;
  bool use_init_val = true;

  static constexpr std::string_view kName = "ScatterElementsUpdate";
  void fields(FieldVisitor& v) {
    v("reduction", reduction, {"none", "sum", "prod", "min", "max", "mean"});
    v("use_init_val", use_init_val);
  }
};

enum class ScatterNDReduction { none, sum, sub, prod, min, max };

/// (data, indices[…, k], updates) → data with slices at k-tuples of indices replaced or combined (ScatterNDUpdate-15).
struct ScatterNDUpdate {
  ScatterNDReduction reduction = ScatterNDReduction::none;

  static constexpr std::string_view kName = "ScatterNDUpdate";
  void fields(FieldVisitor& v) { v("reduction", reduction, {"none", "sum", "sub", "prod", "min", "max"}); }
};

std::vector<Fact> infer(const ScatterUpdate& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const ScatterUpdate& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const ScatterElementsUpdate& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const ScatterElementsUpdate& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const ScatterNDUpdate& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const ScatterNDUpdate& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
