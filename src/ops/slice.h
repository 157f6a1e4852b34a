// SPDX-License-Identifier: Apache-2.0
// Slice (OpenVINO Slice-8).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Fact;
using graph::FieldVisitor;

/// (data, start, stop, step, axes?) → data[start:stop:step] along the axes, by default the first ones; starts and stops are clamped
/// as in Python, steps may be negative.
struct Slice {
  static constexpr std::string_view kName = "Slice";
  void fields(FieldVisitor&) {}
};

std::vector<Fact> infer(const Slice& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Slice& op, std::span<const Tensor> inputs);

/// One resolved axis of a slice: `count` elements from `begin`, `step` apart.
struct SliceRange {
  std::int64_t begin, step, count;
};
/// start, stop and step as numbers of an axis of that size; throws Error(invalid_model) for a zero step.
SliceRange resolve_slice(std::int64_t start, std::int64_t stop, std::int64_t step, std::int64_t size);

}  // namespace saccade::ops
