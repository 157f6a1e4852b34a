// SPDX-License-Identifier: Apache-2.0
// Broadcast (OpenVINO Broadcast-3).
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Fact;
using graph::FieldVisitor;

enum class BroadcastMode { numpy, explicit_, bidirectional };

/// (data, target_shape i64[n], axes? i64[rank of data]) → data broadcast to the target; bidirectional: to what the two shapes
/// broadcast to; explicit: dimension i of the data becomes dimension axes[i].
struct Broadcast {
  BroadcastMode mode = BroadcastMode::numpy;

  static constexpr std::string_view kName = "Broadcast";
  void fields(FieldVisitor& v) { v("mode", mode, {"numpy", "explicit", "bidirectional"}); }
};

std::vector<Fact> infer(const Broadcast& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Broadcast& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
