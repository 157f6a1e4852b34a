// SPDX-License-Identifier: Apache-2.0
// FakeQuantize (OpenVINO FakeQuantize-0).
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

/// (x, input_low, input_high, output_low, output_high) → x put on `levels` equal steps between the limits, which broadcast to x:
/// output_low where x ≤ min(input_low, input_high), output_high where x > max(…), else rounded, ties to even.
struct FakeQuantize {
  std::int64_t levels = 256;

  static constexpr std::string_view kName = "FakeQuantize";
  void fields(FieldVisitor& v) { v("levels", levels); }
};

std::vector<Fact> infer(const FakeQuantize& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const FakeQuantize& op, std::span<const Tensor> inputs);
Cost cost(const FakeQuantize& op, std::span<const Fact> inputs, std::span<const Fact> outputs);

}  // namespace saccade::ops
