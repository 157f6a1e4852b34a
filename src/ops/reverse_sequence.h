// SPDX-License-Identifier: Apache-2.0
// ReverseSequence and Roll.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Fact;
using graph::FieldVisitor;

/// (data, lengths i64[batch]) → the first lengths[b] slices along seq_axis reversed for every b along batch_axis (ReverseSequence-0).
struct ReverseSequence {
  std::int64_t batch_axis = 0, seq_axis = 1;

  static constexpr std::string_view kName = "ReverseSequence";
  void fields(FieldVisitor& v) {
    v("batch_axis", batch_axis);
    v("seq_axis", seq_axis);
  }
};

/// (data, shift, axes) → data shifted cyclically along the axes, shifts of one axis add up (Roll-7).
struct Roll {
  static constexpr std::string_view kName = "Roll";
  void fields(FieldVisitor&) {}
};

std::vector<Fact> infer(const ReverseSequence& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const ReverseSequence& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const Roll& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Roll& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
