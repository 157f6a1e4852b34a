// SPDX-License-Identifier: Apache-2.0
// Reshape, Squeeze and Unsqueeze: the same elements under another shape; evaluate shares them.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Fact;
using graph::FieldVisitor;

/// (data, shape i64[n]) → data under that shape; one entry may be -1, and with special_zero a 0 keeps the input's dimension (Reshape-1).
struct Reshape {
  bool special_zero = false;

  static constexpr std::string_view kName = "Reshape";
  void fields(FieldVisitor& v) { v("special_zero", special_zero); }
};

/// (data, axes? i64) → data without those dimensions of size 1, all of them if there are no axes (Squeeze-0).
struct Squeeze {
  static constexpr std::string_view kName = "Squeeze";
  void fields(FieldVisitor&) {}
};

/// (data, axes i64) → data with dimensions of size 1 inserted; axes refer to the result (Unsqueeze-0).
struct Unsqueeze {
  static constexpr std::string_view kName = "Unsqueeze";
  void fields(FieldVisitor&) {}
};

std::vector<Fact> infer(const Reshape& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Reshape& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const Squeeze& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Squeeze& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const Unsqueeze& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Unsqueeze& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
