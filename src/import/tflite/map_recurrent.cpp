// SPDX-License-Identifier: Apache-2.0
// TFLite's recurrent layers. Their states begin at zero in every run.
#include "import/tflite/map.h"
#include "ops/recurrent.h"

namespace saccade::tflite {
namespace {

ops::RnnAttributes attributes(OperatorContext& c, ValueId recurrent, bool time_major) {
  const auto& size = c.shape(recurrent);
  if (!size.ranked() || size.rank() != 2 || !size[1].is_static()) c.unsupported("recurrent weights of unknown shape");
  ops::RnnAttributes a;
  a.hidden_size = size[1].size();
  a.layout = time_major ? ops::RnnLayout::sequence_first : ops::RnnLayout::batch_first;
  return a;
}

// Y is [batch, seq, 1, hidden] or [seq, 1, batch, hidden].
ValueId without_direction(OperatorContext& c, ValueId y, bool time_major) { return time_major ? c.squeeze(y, {1}) : c.squeeze(y, {2}); }

// Inputs 1..4 and 5..8 are weights of the gates i, f, c, o, 9..11 peepholes i, f, o, 12..15 biases i, f, c, o.
ValueId lstm_layer(OperatorContext& c, ValueId x, bool time_major, double cell_clip) {
  if (!c.has(1)) c.unsupported("coupled input and forget gates");
  if (c.has(16)) c.unsupported("a projection");
  for (std::size_t i = 20; i < 24; ++i)
    if (c.has(i)) c.unsupported("layer normalisation inside of the cell");
  if (cell_clip != 0) c.unsupported("clipping of the cell");
  const auto gates = [&](std::size_t first) {
    return c.unsqueeze(c.concat({c.real(first), c.real(first + 3), c.real(first + 1), c.real(first + 2)}, 0), {0});
  };
  const ops::RnnAttributes a = attributes(c, c.real(6), time_major);
  const ValueId bias = gates(12);
  const ValueId both = c.concat({bias, c.multiply(bias, c.like(bias, 0))}, 1);
  Values inputs{x, gates(1), gates(5), both, {}, {}, {}};
  if (c.has(9)) inputs.push_back(c.unsqueeze(c.concat({c.real(9), c.real(11), c.real(10)}, 0), {0}));
  if (static_cast<Activation>(c.options().byte(lstm::activation)) != Activation::tanh) c.unsupported("an activation other than tanh");
  return without_direction(c, c.node(ops::Lstm{a}, inputs)[0], time_major);
}

Values sequence_lstm_(OperatorContext& c) {
  if (c.options().real(sequence_lstm::projection_clip) != 0) c.unsupported("clipping of the projection");
  return {lstm_layer(c, c.real(0), c.options().flag(sequence_lstm::time_major), c.options().real(sequence_lstm::cell_clip))};
}

// One step.
Values lstm_(OperatorContext& c) {
  if (c.options().byte(lstm::kernel_type) != 0) c.unsupported("the basic kernel");
  return {c.squeeze(lstm_layer(c, c.unsqueeze(c.real(0), {0}), true, c.options().real(lstm::cell_clip)), {0})};
}

// (x, weights, recurrent weights, bias, state)
ValueId rnn_layer(OperatorContext& c, ValueId x, bool time_major, int activation) {
  ops::RnnAttributes a = attributes(c, c.real(2), time_major);
  switch (static_cast<Activation>(c.options().byte(activation))) {
    case Activation::tanh:
      break;
    case Activation::relu:
      a.activations = {"Relu"};
      break;
    default:
      c.unsupported("an activation other than tanh and relu");
  }
  const ValueId bias = c.unsqueeze(c.real(3), {0});
  return without_direction(c,
                           c.node(ops::Rnn{a}, {x, c.unsqueeze(c.real(1), {0}), c.unsqueeze(c.real(2), {0}),
                                                c.concat({bias, c.multiply(bias, c.like(bias, 0))}, 1)})[0],
                           time_major);
}

Values sequence_rnn_(OperatorContext& c) {
  return {rnn_layer(c, c.real(0), c.options().flag(sequence_rnn::time_major), sequence_rnn::activation)};
}
Values rnn_(OperatorContext& c) { return {c.squeeze(rnn_layer(c, c.unsqueeze(c.real(0), {0}), true, 0), {0})}; }

constexpr Row kRows[] = {
    {16, "LSTM", lstm_},
    {24, "RNN", rnn_},
    {35, "UNIDIRECTIONAL_SEQUENCE_RNN", sequence_rnn_},
    {44, "UNIDIRECTIONAL_SEQUENCE_LSTM", sequence_lstm_},
};

}  // namespace

std::span<const Row> recurrent_rows() { return kRows; }

}  // namespace saccade::tflite
