// SPDX-License-Identifier: Apache-2.0
// Pad and PadWrap: rows added around a tensor, or taken away by negative amounts.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Fact;
using graph::FieldVisitor;

enum class PadMode { constant, edge, reflect, symmetric };

/// (data, pads_begin i64[rank], pads_end i64[rank], value? scalar) → padded data; negative amounts crop (Pad-12).
struct Pad {
  PadMode mode = PadMode::constant;

  static constexpr std::string_view kName = "Pad";
  void fields(FieldVisitor& v) { v("pad_mode", mode, {"constant", "edge", "reflect", "symmetric"}); }
};

/// (data, pads_begin, pads_end) → the data repeated periodically into the padding.
struct PadWrap {
  static constexpr std::string_view kName = "PadWrap";
  void fields(FieldVisitor&) {}
};

std::vector<Fact> infer(const Pad& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Pad& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const PadWrap& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const PadWrap& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
