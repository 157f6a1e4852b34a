// SPDX-License-Identifier: Apache-2.0
// TFLite's recurrent layers. Their states begin at zero in every run.
#include "import/tflite/map.h"
#include "ops/matmul.h"
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

// From input `first` on: weights of the gates i, f, c, o, recurrent ones of them, peepholes i, f, o, biases i, f, c, o, a projection.
ValueId lstm_layer(OperatorContext& c, ValueId x, std::size_t first, bool time_major, double cell_clip, ops::RnnDirection direction = ops::RnnDirection::forward) {
  if (!c.has(first)) c.unsupported("coupled input and forget gates");
  if (c.has(first + 15)) c.unsupported("a projection");
  if (cell_clip != 0) c.unsupported("clipping of the cell");
  const auto gates = [&](std::size_t i) { return c.unsqueeze(c.concat({c.real(i), c.real(i + 3), c.real(i + 1), c.real(i + 2)}, 0), {0}); };
  ops::RnnAttributes a = attributes(c, c.real(first + 5), time_major);
  a.direction = direction;
  const ValueId bias = gates(first + 11);
  const ValueId both = c.concat({bias, c.multiply(bias, c.like(bias, 0))}, 1);
  Values inputs{x, gates(first), gates(first + 4), both, {}, {}, {}};
  if (c.has(first + 8)) inputs.push_back(c.unsqueeze(c.concat({c.real(first + 8), c.real(first + 10), c.real(first + 9)}, 0), {0}));
  if (static_cast<Activation>(c.options().byte(lstm::activation)) != Activation::tanh) c.unsupported("an activation other than tanh");
  return without_direction(c, c.node(ops::Lstm{a}, inputs)[0], time_major);
}

void check_norms(OperatorContext& c) {
  for (std::size_t i = 20; i < 24; ++i)
    if (c.has(i)) c.unsupported("layer normalisation inside of the cell");
}

Values sequence_lstm_(OperatorContext& c) {
  if (c.options().real(sequence_lstm::projection_clip) != 0) c.unsupported("clipping of the projection");
  check_norms(c);
  return {lstm_layer(c, c.real(0), 1, c.options().flag(sequence_lstm::time_major), c.options().real(sequence_lstm::cell_clip))};
}

void check_auxiliary(OperatorContext& c, std::size_t first) {
  for (std::size_t i = first; i < c.count(); ++i)
    if (c.has(i)) c.unsupported("an auxiliary input");
}

// Both directions, as two outputs or joined. (TensorFlow Lite 2.15 itself mixes up joined ones of an LSTM behind the first of a batch.)
Values both_ways(OperatorContext& c, ValueId forward, ValueId backward, bool merged) {
  if (!merged) return {forward, backward};
  return {c.concat({forward, backward}, -1)};
}

// Inputs 1 to 17 and 18 to 34 are the two directions, 35 to 38 states.
Values bidirectional_lstm_(OperatorContext& c) {
  check_auxiliary(c, 39);
  if (c.options().real(bidirectional_lstm::projection_clip) != 0) c.unsupported("clipping of the projection");
  const bool time_major = c.options().flag(bidirectional_lstm::time_major, true);
  const double clip = c.options().real(bidirectional_lstm::cell_clip);
  const ValueId x = c.real(0), forward = lstm_layer(c, x, 1, time_major, clip), backward = lstm_layer(c, x, 18, time_major, clip, ops::RnnDirection::reverse);
  return both_ways(c, forward, backward, c.options().flag(bidirectional_lstm::merge_outputs));
}

// One step.
Values lstm_(OperatorContext& c) {
  if (c.options().byte(lstm::kernel_type) != 0) c.unsupported("the basic kernel");
  check_norms(c);
  return {c.squeeze(lstm_layer(c, c.unsqueeze(c.real(0), {0}), 1, true, c.options().real(lstm::cell_clip)), {0})};
}

// From input `first` on: weights, recurrent weights, bias, state.
ValueId rnn_layer(OperatorContext& c, ValueId x, std::size_t first, bool time_major, int activation, ops::RnnDirection direction = ops::RnnDirection::forward) {
  ops::RnnAttributes a = attributes(c, c.real(first + 1), time_major);
  a.direction = direction;
  switch (static_cast<Activation>(c.options().byte(activation))) {
    case Activation::tanh:
      break;
    case Activation::relu:
      a.activations = {"Relu"};
      break;
    default:
      c.unsupported("an activation other than tanh and relu");
  }
  const ValueId bias = c.unsqueeze(c.real(first + 2), {0});
  const ValueId both = c.concat({bias, c.multiply(bias, c.like(bias, 0))}, 1);
  return without_direction(c, c.node(ops::Rnn{a}, {x, c.unsqueeze(c.real(first), {0}), c.unsqueeze(c.real(first + 1), {0}), both})[0], time_major);
}

Values sequence_rnn_(OperatorContext& c) {
  return {rnn_layer(c, c.real(0), 1, c.options().flag(sequence_rnn::time_major), sequence_rnn::activation)};
}
Values rnn_(OperatorContext& c) { return {c.squeeze(rnn_layer(c, c.unsqueeze(c.real(0), {0}), 1, true, 0), {0})}; }

// Inputs 1 to 4 and 5 to 8 are the two directions.
Values bidirectional_rnn_(OperatorContext& c) {
  check_auxiliary(c, 9);
  const bool time_major = c.options().flag(bidirectional_rnn::time_major);
  const ValueId x = c.real(0), forward = rnn_layer(c, x, 1, time_major, bidirectional_rnn::activation);
  const ValueId backward = rnn_layer(c, x, 5, time_major, bidirectional_rnn::activation, ops::RnnDirection::reverse);
  return both_ways(c, forward, backward, c.options().flag(bidirectional_rnn::merge_outputs));
}

// (x [n,k], features [f,k], times [f,m], bias?, state): a product of features, and of what they were in m steps. As the state begins
// at zero, the last column of `times` is what counts. `rank` filters make an output.
Values svdf_(OperatorContext& c) {
  const std::int64_t rank = c.options().integer(svdf::rank);
  const PartialShape times = c.shape(c.real(2));
  if (!times.ranked() || times.rank() != 2 || !times.is_static()) c.unsupported("weights of unknown shape");
  const std::int64_t filters = times[0].size(), steps = times[1].size();
  if (rank < 1 || filters % rank != 0 || steps < 1) c.invalid("rank {} of {} filters over {} steps", rank, filters, steps);
  const ValueId features = c.op(ops::MatMul{false, true}, {c.real(0), c.real(1)});
  const ValueId newest = c.reshape(c.slice(c.real(2), 1, steps - 1, steps), {filters});
  ValueId y = c.reshape(c.multiply(features, newest), {-1, filters / rank, rank});
  y = c.reduce(ops::ReduceKind::Sum, y, {2}, false);
  if (c.has(3)) y = c.add(y, c.real(3));
  return {c.activated(y, svdf::activation)};
}

constexpr Row kRecurrentRows[] = {
    {16, "LSTM", lstm_},
    {24, "RNN", rnn_},
    {27, "SVDF", svdf_},
    {35, "UNIDIRECTIONAL_SEQUENCE_RNN", sequence_rnn_},
    {44, "UNIDIRECTIONAL_SEQUENCE_LSTM", sequence_lstm_},
    {46, "BIDIRECTIONAL_SEQUENCE_RNN", bidirectional_rnn_},
    {52, "BIDIRECTIONAL_SEQUENCE_LSTM", bidirectional_lstm_},
};

}  // namespace

std::span<const Row> recurrent_rows() { return kRecurrentRows; }

}  // namespace saccade::tflite
