// SPDX-License-Identifier: Apache-2.0
// Recurrent layers over whole sequences, with ONNX semantics: RNN, GRU and LSTM.
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

enum class RnnDirection { forward, reverse, bidirectional };
enum class RnnLayout { sequence_first, batch_first };

/// What the three share. Inputs: X [seq,batch,input], W [dir,gates·hidden,input], R [dir,gates·hidden,hidden], B [dir,2·gates·hidden]?,
/// sequence_lens i32[batch]?, initial_h [dir,batch,hidden]?; outputs: Y [seq,dir,batch,hidden], Y_h [dir,batch,hidden]. batch_first: X
/// [batch,seq,input], initial_h and Y_h [batch,dir,hidden], Y [batch,seq,dir,hidden]. Beyond a sequence's length Y is zero.
struct RnnAttributes {
  std::int64_t hidden_size = 0;
  RnnDirection direction = RnnDirection::forward;
  /// Unary kinds by ONNX names ("Tanh"), for each direction in turn; empty for the defaults. alpha and beta follow in the same order; NaN
  /// is not allowed: an absent entry takes the function's default.
  std::vector<std::string> activations;
  std::vector<double> activation_alpha, activation_beta;
  /// What enters an activation is limited to [−clip, clip]; 0: not at all.
  double clip = 0;
  RnnLayout layout = RnnLayout::sequence_first;

  void fields(FieldVisitor& v);
};

/// One gate. Ours; IR: RNNSequence where activations and layout allow.
struct Rnn {
  RnnAttributes attributes;

  static constexpr std::string_view kName = "RNN";
  void fields(FieldVisitor& v) { attributes.fields(v); }
};

/// Gates z, r, h. Ours; IR: GRUSequence where activations and layout allow.
struct Gru {
  RnnAttributes attributes;
  /// r multiplies the product with R and its bias, not the state.
  bool linear_before_reset = false;

  static constexpr std::string_view kName = "GRU";
  void fields(FieldVisitor& v) {
    attributes.fields(v);
    v("linear_before_reset", linear_before_reset);
  }
};

/// Gates i, o, f, c. Further inputs: initial_c [dir,batch,hidden]?, peepholes P [dir,3·hidden]? (i, o, f); a third output Y_c. Ours; IR:
/// LSTMSequence, gates reordered, where there are no peepholes and activations and layout allow.
struct Lstm {
  RnnAttributes attributes;
  /// The forget gate is one minus the input gate.
  bool input_forget = false;

  static constexpr std::string_view kName = "LSTM";
  void fields(FieldVisitor& v) {
    attributes.fields(v);
    v("input_forget", input_forget);
  }
};

std::vector<Fact> infer(const Rnn& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Rnn& op, std::span<const Tensor> inputs);
Cost cost(const Rnn& op, std::span<const Fact> inputs, std::span<const Fact> outputs);

std::vector<Fact> infer(const Gru& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Gru& op, std::span<const Tensor> inputs);
Cost cost(const Gru& op, std::span<const Fact> inputs, std::span<const Fact> outputs);

std::vector<Fact> infer(const Lstm& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Lstm& op, std::span<const Tensor> inputs);
Cost cost(const Lstm& op, std::span<const Fact> inputs, std::span<const Fact> outputs);

}  // namespace saccade::ops
