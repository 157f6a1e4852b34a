// SPDX-License-Identifier: Apache-2.0
// Greedy decoding of what text recognisers say step by step.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "graph/op.h"

namespace saccade::ops {

using graph::Fact;
using graph::FieldVisitor;

/// (scores [t,n,c], mask [t,n]) → [n,t,1,1]: the best class of every step until the mask is zero, without blanks (the last class) and,
/// where merged, without repetitions; -1 behind them (CTCGreedyDecoder-1).
struct CtcGreedyDecoder {
  bool ctc_merge_repeated = true;

  static constexpr std::string_view kName = "CTCGreedyDecoder";
  void fields(FieldVisitor& v) { v("ctc_merge_repeated", ctc_merge_repeated); }
};
std::vector<Fact> infer(const CtcGreedyDecoder& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const CtcGreedyDecoder& op, std::span<const Tensor> inputs);

/// (scores [n,t,c], lengths [n], blank class, the last one where absent) → classes [n,t], -1 behind them, and their numbers [n]
/// (CTCGreedyDecoderSeqLen-6).
struct CtcGreedyDecoderSeqLen {
  bool merge_repeated = true;
  ElementType classes_index_type = ElementType::i32, sequence_length_type = ElementType::i32;

  static constexpr std::string_view kName = "CTCGreedyDecoderSeqLen";
  void fields(FieldVisitor& v) {
    v("merge_repeated", merge_repeated);
    v("classes_index_type", classes_index_type);
    v("sequence_length_type", sequence_length_type);
  }
};
std::vector<Fact> infer(const CtcGreedyDecoderSeqLen& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const CtcGreedyDecoderSeqLen& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
