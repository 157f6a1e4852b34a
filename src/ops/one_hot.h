// SPDX-License-Identifier: Apache-2.0
// OneHot (OpenVINO OneHot-16).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Fact;
using graph::FieldVisitor;

enum class NegativeIndices { ignore, normalize };

/// (indices, depth scalar, on scalar, off scalar) → a new axis of size depth, `on` at the index, `off` elsewhere and for indices
/// outside. normalize: negative indices count from the end.
struct OneHot {
  std::int64_t axis = -1;
  NegativeIndices negative_indices = NegativeIndices::ignore;

  static constexpr std::string_view kName = "OneHot";
  void fields(FieldVisitor& v) {
    v("axis", axis);
    v("negative_indices_mode", negative_indices, {"ignore_negative", "normalize"});
  }
};

std::vector<Fact> infer(const OneHot& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const OneHot& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
