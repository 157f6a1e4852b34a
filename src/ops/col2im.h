// SPDX-License-Identifier: Apache-2.0
// Col2Im.
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

/// (data [n, c·Πk, l], output_size i64[spatial], kernel_size i64[spatial]) → [n, c, output_size…]: columns added back to where windows took
/// them (Col2Im-15; any number of spatial dimensions is ours).
struct Col2Im {
  std::vector<std::int64_t> strides, dilations, pads_begin, pads_end;

  static constexpr std::string_view kName = "Col2Im";
  void fields(FieldVisitor& v) {
    v("strides", strides);
    v("dilations", dilations);
    v("pads_begin", pads_begin);
    v("pads_end", pads_end);
  }
};

std::vector<Fact> infer(const Col2Im& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Col2Im& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
