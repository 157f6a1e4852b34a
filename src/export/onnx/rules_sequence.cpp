// SPDX-License-Identifier: Apache-2.0
// Recurrent layers, bodies, signals, losses.
#include <array>

#include "export/onnx/rules.h"
#include "ops/control_flow.h"
#include "ops/loss.h"
#include "ops/ngrams.h"
#include "ops/recurrent.h"
#include "ops/signal.h"

namespace saccade::exporter::onnx {
namespace {

using i64 = std::int64_t;

// ONNX Runtime knows sequences that come first alone.
Values recurrent(Rewriting& r, const char* type, const ops::RnnAttributes& a, OnnxAttributes attributes) {
  if (a.hidden_size > 0) attributes.push_back({"hidden_size", a.hidden_size});
  else if (r.rank(2) == 3 && r.type(2).shape[2].is_static()) attributes.push_back({"hidden_size", r.type(2).shape[2].size()});
  else r.inexpressible("a hidden size that is not known before a run");
  constexpr const char* kDirections[] = {"forward", "reverse", "bidirectional"};
  attributes.push_back({"direction", std::string(kDirections[static_cast<std::size_t>(a.direction)])});
  if (!a.activations.empty()) attributes.push_back({"activations", a.activations});
  if (!a.activation_alpha.empty()) attributes.push_back({"activation_alpha", a.activation_alpha});
  if (!a.activation_beta.empty()) attributes.push_back({"activation_beta", a.activation_beta});
  if (a.clip > 0) attributes.push_back({"clip", a.clip});
  Values inputs = r.inputs();
  if (inputs.size() > 4 && inputs[4].valid()) inputs[4] = r.convert(inputs[4], ElementType::i32);
  if (a.layout == ops::RnnLayout::sequence_first) return emit(r, type, inputs, attributes);
  constexpr std::array<i64, 3> kSwap{1, 0, 2};
  constexpr std::array<i64, 4> kBatchFirst{2, 0, 1, 3};
  for (const std::size_t i : {std::size_t{0}, std::size_t{5}, std::size_t{6}})
    if (i < inputs.size() && inputs[i].valid()) inputs[i] = r.transpose(inputs[i], kSwap);
  std::vector<TensorType> types;
  for (const ValueId out : r.node().outputs) {
    TensorType t = r.type(out);
    if (t.shape.ranked()) {
      const auto d = t.shape.dimensions();
      t.shape = d.size() == 4 ? PartialShape({d[1], d[2], d[0], d[3]}) : PartialShape({d[1], d[0], d[2]});
    }
    types.push_back(t);
  }
  Values out = r.node(OnnxNode{type, attributes, types}, inputs);
  out[0] = r.transpose(out[0], kBatchFirst);
  for (std::size_t k = 1; k < out.size(); ++k) out[k] = r.transpose(out[k], kSwap);
  return out;
}

Values lstm(Rewriting& r) {
  const auto& op = r.as<ops::Lstm>();
  return recurrent(r, "LSTM", op.attributes, op.input_forget ? OnnxAttributes{{"input_forget", i64{1}}} : OnnxAttributes{});
}
Values gru(Rewriting& r) {
  const auto& op = r.as<ops::Gru>();
  return recurrent(r, "GRU", op.attributes, {{"linear_before_reset", i64{op.linear_before_reset}}});
}
Values rnn(Rewriting& r) { return recurrent(r, "RNN", r.as<ops::Rnn>().attributes, {}); }

std::vector<TensorType> types_of(Rewriting& r) {
  std::vector<TensorType> types;
  for (const ValueId out : r.node().outputs) types.push_back(r.type(out));
  return types;
}

Values if_(Rewriting& r) {
  const auto& op = r.as<ops::If>();
  return r.node(OnnxNode{"If", {{"then_branch", op.then_body}, {"else_branch", op.else_body}}, types_of(r), 1}, r.inputs());
}
Values loop(Rewriting& r) {
  const auto& op = r.as<ops::Loop>();
  return r.node(OnnxNode{"Loop", {{"body", op.body}}, types_of(r), 2 + static_cast<std::size_t>(op.num_carried)}, r.inputs());
}
Values scan(Rewriting& r) {
  const auto& op = r.as<ops::Scan>();
  OnnxAttributes attributes{{"body", op.body}, {"num_scan_inputs", op.num_scan_inputs}};
  if (!op.input_axes.empty()) attributes.push_back({"scan_input_axes", op.input_axes});
  if (!op.input_directions.empty()) attributes.push_back({"scan_input_directions", op.input_directions});
  if (!op.output_axes.empty()) attributes.push_back({"scan_output_axes", op.output_axes});
  if (!op.output_directions.empty()) attributes.push_back({"scan_output_directions", op.output_directions});
  return r.node(OnnxNode{"Scan", attributes, types_of(r), static_cast<std::size_t>(op.num_states + op.num_scan_inputs)}, r.inputs());
}

Values dft(Rewriting& r) {
  const auto& op = r.as<ops::Dft>();
  OnnxAttributes attributes{{"inverse", i64{op.inverse}}, {"onesided", i64{op.onesided}}};
  const auto scalar = [&](std::size_t i) { return !r.has(i) ? ValueId{} : r.rank(i) == 0 ? r.in(i) : r.reshape(r.in(i), {}); };
  // the operator cannot be told that
  if (op.inverse && op.onesided) r.inexpressible("reals from half of the bins");
  if (r.level >= 20) return emit(r, "DFT", {r.in(0), scalar(1), scalar(2)}, attributes);
  const i64 rank = static_cast<i64>(r.rank(0));
  i64 axis = r.has(2) ? known_scalar(r, 2) : -2;
  attributes.push_back({"axis", axis < 0 ? axis + rank : axis});
  return emit(r, "DFT", {r.in(0), scalar(1)}, attributes);
}

Values stft(Rewriting& r) { return emit(r, "STFT", r.inputs(), {{"onesided", i64{r.as<ops::Stft>().onesided}}}); }

Values computed_sequence(Rewriting& r) {
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < r.count(); ++i) {
    if (r.has(i) && !r.constant(i).defined()) r.inexpressible("inputs that are not known before a run");
    inputs.push_back(r.has(i) ? r.constant(i) : Tensor());
  }
  Values outputs;
  for (Tensor& t : r.node().op.evaluate(inputs)) outputs.push_back(r.constant_of(std::move(t)));
  return outputs;
}

Values loss(Rewriting& r) {
  const auto& op = r.as<ops::NegativeLogLikelihoodLoss>();
  constexpr const char* kReductions[] = {"none", "sum", "mean"};
  OnnxAttributes attributes{{"reduction", std::string(kReductions[static_cast<std::size_t>(op.reduction)])}};
  if (op.has_ignore_index) attributes.push_back({"ignore_index", op.ignore_index});
  return emit(r, "NegativeLogLikelihoodLoss", r.inputs(), attributes);
}

Values ngrams(Rewriting& r) {
  const auto& op = r.as<ops::NGrams>();
  constexpr const char* kModes[] = {"TF", "IDF", "TFIDF"};
  OnnxAttributes attributes{{"mode", std::string(kModes[static_cast<std::size_t>(op.weighting)])},
                            {"min_gram_length", op.min_length},
                            {"max_gram_length", op.max_length},
                            {"max_skip_count", op.max_skip},
                            {"ngram_counts", op.counts},
                            {"ngram_indexes", op.indexes},
                            {"pool_int64s", op.pool}};
  if (!op.weights.empty()) attributes.push_back({"weights", op.weights});
  return emit(r, "TfIdfVectorizer", r.inputs(), attributes);
}

constexpr RuleRow kSequenceRules[] = {
    {"DiscreteFourierTransform", dft}, {"GRU", gru},   {"If", if_},   {"LSTM", lstm},  {"Loop", loop}, {"MelWeightMatrix", computed_sequence},
    {"NGrams", ngrams},                {"NegativeLogLikelihoodLoss", loss}, {"RNN", rnn}, {"Scan", scan}, {"ShortTimeFourierTransform", stft}, {"WindowFunction", computed_sequence},
};

}  // namespace

std::span<const RuleRow> sequence_rules() { return kSequenceRules; }

}  // namespace saccade::exporter::onnx
