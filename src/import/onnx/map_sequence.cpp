// SPDX-License-Identifier: Apache-2.0
// ONNX's recurrent layers, attention, signal processing and losses.
#include "import/onnx/map.h"
#include "ops/attention.h"
#include "ops/loss.h"
#include "ops/recurrent.h"
#include "ops/signal.h"
#include "ops/softmax.h"

namespace saccade::onnx {
namespace {

using Values = std::vector<ValueId>;
using i64 = std::int64_t;

// `functions`: how many activations a direction has.
ops::RnnAttributes read_rnn(NodeContext& c, std::size_t functions) {
  ops::RnnAttributes a;
  a.hidden_size = c.i("hidden_size", 0);
  const std::string direction = c.s("direction", "forward");
  if (direction == "reverse")
    a.direction = ops::RnnDirection::reverse;
  else if (direction == "bidirectional")
    a.direction = ops::RnnDirection::bidirectional;
  else if (direction != "forward")
    c.invalid("direction is '{}'", shown(direction));
  a.activations = c.strings("activations");
  // some files list those of both directions for one
  const std::size_t needed = functions * (a.direction == ops::RnnDirection::bidirectional ? 2 : 1);
  if (a.activations.size() > needed) a.activations.resize(needed);
  a.activation_alpha = c.floats("activation_alpha", {});
  a.activation_beta = c.floats("activation_beta", {});
  a.clip = c.f("clip", 0);
  a.layout = c.flag("layout", false) ? ops::RnnLayout::batch_first : ops::RnnLayout::sequence_first;
  c.ignore({"output_sequence"});  // whether the first output is wanted, which its name says too
  return a;
}

Values rnn(NodeContext& c) { return c.node(ops::Rnn{read_rnn(c, 1)}, c.inputs()); }
Values gru(NodeContext& c) { return c.node(ops::Gru{read_rnn(c, 2), c.flag("linear_before_reset", false)}, c.inputs()); }
Values lstm(NodeContext& c) { return c.node(ops::Lstm{read_rnn(c, 3), c.flag("input_forget", false)}, c.inputs()); }

Values attention(NodeContext& c) {
  ops::Attention op;
  op.q_num_heads = c.i("q_num_heads", 0);
  op.kv_num_heads = c.i("kv_num_heads", 0);
  op.scale = c.f("scale", 0);
  op.softcap = c.f("softcap", 0);
  op.is_causal = c.flag("is_causal", false);
  op.left_window = c.i("left_window_size", -1);
  op.right_window = c.i("right_window_size", -1);
  const i64 mode = c.i("qk_matmul_output_mode", 0);
  if (mode < 0 || mode > 3) c.invalid("qk_matmul_output_mode is {}", mode);
  op.qk_output = static_cast<ops::QkOutput>(mode);
  const ElementType precision = c.type("softmax_precision", c.element(0));
  op.wide_softmax = precision == ElementType::f32 || precision == ElementType::f64;
  op.outputs = c.wants(3) ? 4 : c.wants(1) || c.wants(2) ? 3 : 1;
  return c.node(op, c.inputs());
}

Values rotary_embedding(NodeContext& c) {
  const ops::RotaryEmbedding op{c.flag("interleaved", false), c.i("rotary_embedding_dim", 0), c.i("num_heads", 0)};
  return {c.op(op, c.inputs())};
}

Values dft_17(NodeContext& c) {
  const i64 axis = c.i("axis", 1);
  return {c.op(ops::Dft{c.flag("inverse", false), c.flag("onesided", false)}, {c.in(0), c.maybe(1), c.i64_scalar(axis)})};
}
Values dft(NodeContext& c) {
  return {c.op(ops::Dft{c.flag("inverse", false), c.flag("onesided", false)}, {c.in(0), c.maybe(1), c.maybe(2)})};
}
Values stft(NodeContext& c) { return {c.op(ops::Stft{c.flag("onesided", true)}, {c.in(0), c.in(1), c.maybe(2), c.maybe(3)})}; }

template <ops::WindowFunctionKind kind>
Values window(NodeContext& c) {
  return {c.op(ops::WindowFunction{kind, c.flag("periodic", true), c.type("output_datatype", ElementType::f32)}, {c.in(0)})};
}

Values mel_weight_matrix(NodeContext& c) {
  return {c.op(ops::MelWeightMatrix{c.type("output_datatype", ElementType::f32)}, {c.in(0), c.in(1), c.in(2), c.in(3), c.in(4)})};
}

ops::NegativeLogLikelihoodLoss read_loss(NodeContext& c) {
  ops::NegativeLogLikelihoodLoss op;
  const std::string reduction = c.s("reduction", "mean");
  if (reduction == "none")
    op.reduction = ops::LossReduction::none;
  else if (reduction == "sum")
    op.reduction = ops::LossReduction::sum;
  else if (reduction != "mean")
    c.invalid("reduction is '{}'", shown(reduction));
  op.has_ignore_index = c.given("ignore_index");
  op.ignore_index = c.i("ignore_index", 0);
  return op;
}

Values loss_inputs(NodeContext& c, ValueId data) {
  Values inputs{data, c.in(1)};
  if (c.has(2)) inputs.push_back(c.in(2));
  return inputs;
}

Values nll_loss(NodeContext& c) { return {c.op(read_loss(c), loss_inputs(c, c.in(0)))}; }

Values softmax_cross_entropy(NodeContext& c) {
  const ValueId log_probabilities = c.op(ops::LogSoftmax{1}, {c.in(0)});
  return {c.op(read_loss(c), loss_inputs(c, log_probabilities)), log_probabilities};
}

constexpr Row kSequenceRows[] = {
    {"", "Attention", 23, attention},
    {"", "BlackmanWindow", 17, window<ops::WindowFunctionKind::blackman>},
    {"", "DFT", 17, dft_17},
    {"", "DFT", 20, dft},
    {"", "GRU", 3, gru},
    {"", "HammingWindow", 17, window<ops::WindowFunctionKind::hamming>},
    {"", "HannWindow", 17, window<ops::WindowFunctionKind::hann>},
    {"", "LSTM", 1, lstm},
    {"", "MelWeightMatrix", 17, mel_weight_matrix},
    {"", "NegativeLogLikelihoodLoss", 12, nll_loss},
    {"", "RNN", 1, rnn},
    {"", "RotaryEmbedding", 23, rotary_embedding},
    {"", "STFT", 17, stft},
    {"", "SoftmaxCrossEntropyLoss", 12, softmax_cross_entropy},
};

}  // namespace

std::span<const Row> sequence_rows() { return kSequenceRows; }

}  // namespace saccade::onnx
