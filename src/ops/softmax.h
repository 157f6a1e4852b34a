// SPDX-License-Identifier: Apache-2.0
// Softmax and its kin along one axis.
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

/// (data) → exp(x − max)/Σ exp(x − max) along the axis (Softmax-8).
struct Softmax {
  std::int64_t axis = -1;

  static constexpr std::string_view kName = "Softmax";
  void fields(FieldVisitor& v) { v("axis", axis); }
};

/// (data) → x − max − log Σ exp(x − max) along the axis (LogSoftmax-5).
struct LogSoftmax {
  std::int64_t axis = -1;

  static constexpr std::string_view kName = "LogSoftmax";
  void fields(FieldVisitor& v) { v("axis", axis); }
};

/// (data) → 1 at the first maximum along the axis, 0 elsewhere. Ours; IR: TopK, OneHot.
struct Hardmax {
  std::int64_t axis = -1;

  static constexpr std::string_view kName = "Hardmax";
  void fields(FieldVisitor& v) { v("axis", axis); }
};

std::vector<Fact> infer(const Softmax& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Softmax& op, std::span<const Tensor> inputs);
Cost cost(const Softmax& op, std::span<const Fact> inputs, std::span<const Fact> outputs);

std::vector<Fact> infer(const LogSoftmax& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const LogSoftmax& op, std::span<const Tensor> inputs);
Cost cost(const LogSoftmax& op, std::span<const Fact> inputs, std::span<const Fact> outputs);

std::vector<Fact> infer(const Hardmax& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Hardmax& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
