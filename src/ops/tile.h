// SPDX-License-Identifier: Apache-2.0
// Tile (OpenVINO Tile-0).
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Fact;
using graph::FieldVisitor;

/// (data, repeats i64[n]) → data repeated along each axis; the shorter of shape and repeats is filled up with leading ones.
struct Tile {
  static constexpr std::string_view kName = "Tile";
  void fields(FieldVisitor&) {}
};

std::vector<Fact> infer(const Tile& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Tile& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
