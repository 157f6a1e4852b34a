// SPDX-License-Identifier: Apache-2.0
// Gather, GatherElements and GatherND. Negative indices count from the end; others outside throw Error(invalid_argument).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Fact;
using graph::FieldVisitor;

/// (data, indices, axis scalar) → slices of data along the axis; the first batch_dims dimensions of data and indices agree (Gather-8).
struct Gather {
  std::int64_t batch_dims = 0;

  static constexpr std::string_view kName = "Gather";
  void fields(FieldVisitor& v) { v("batch_dims", batch_dims); }
};

/// (data, indices) → elements of data, with the index along the axis replaced; result shaped as the indices (GatherElements-6).
struct GatherElements {
  std::int64_t axis = 0;

  static constexpr std::string_view kName = "GatherElements";
  void fields(FieldVisitor& v) { v("axis", axis); }
};

/// (data, indices[…, k]) → slices of data at k-tuples of indices, after batch_dims common dimensions (GatherND-8).
struct GatherND {
  std::int64_t batch_dims = 0;

  static constexpr std::string_view kName = "GatherND";
  void fields(FieldVisitor& v) { v("batch_dims", batch_dims); }
};

std::vector<Fact> infer(const Gather& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Gather& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const GatherElements& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const GatherElements& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const GatherND& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const GatherND& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
