// SPDX-License-Identifier: Apache-2.0
// Recurrent layers as *Sequence-5, whose batch comes first, whose gates have another order and whose biases are summed.
#include <array>

#include "export/openvino/rules.h"
#include "ops/broadcast.h"
#include "ops/concat.h"
#include "ops/control_flow.h"
#include "ops/elementwise.h"
#include "ops/recurrent.h"
#include "ops/slice.h"

namespace saccade::exporter::openvino {
namespace {

using ops::RnnAttributes;
using ops::RnnDirection;

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// A part of the second dimension: gates [from, to) of `hidden` rows each.
ValueId gates(Rewriting& r, ValueId v, std::int64_t from, std::int64_t to, std::int64_t hidden) {
  return r.op(ops::Slice{}, {v, r.i64({from * hidden}), r.i64({to * hidden}), r.i64({1}), r.i64({1})});
}

ValueId joined(Rewriting& r, Values parts) { return parts.size() == 1 ? parts[0] : r.op(ops::Concat{1}, std::move(parts)); }

ValueId reordered(Rewriting& r, ValueId v, std::span<const std::int64_t> order, std::int64_t hidden) {
  Values parts;
  for (const std::int64_t gate : order) parts.push_back(gates(r, v, gate, gate + 1, hidden));
  return joined(r, std::move(parts));
}

struct Sequence {
  const char* type;
  const RnnAttributes& attributes;
  std::span<const std::int64_t> order;          // IR's gates by ours
  std::vector<std::string> default_activations;
  bool separate_hidden_bias = false;            // GRU with linear_before_reset: the last gate's biases stay apart
  std::vector<std::string> more;
};

Values sequence(Rewriting& r, const Sequence& s) {
  const RnnAttributes& a = s.attributes;
  const std::int64_t directions = a.direction == RnnDirection::bidirectional ? 2 : 1, n = static_cast<std::int64_t>(s.order.size());
  if (r.rank(2) != 3 || !r.type(2).shape[2].is_static()) r.inexpressible("a hidden size that is not known before a run");
  const std::int64_t hidden = r.type(2).shape[2].size();
  std::vector<std::string> activations = a.activations.empty() ? s.default_activations : a.activations;
  if (a.activations.size() > s.default_activations.size() && !std::equal(a.activations.begin(), a.activations.begin() + static_cast<std::ptrdiff_t>(s.default_activations.size()), a.activations.begin() + static_cast<std::ptrdiff_t>(s.default_activations.size())))
    r.inexpressible("different activations for the two directions");
  activations.resize(s.default_activations.size());
  std::string names;
  for (const std::string& name : activations) {
    const std::string in_ir = lower(name);
    if (in_ir != "sigmoid" && in_ir != "tanh" && in_ir != "relu") r.inexpressible("activation '{}'", name);
    names += (names.empty() ? "" : ",") + in_ir;
  }
  const bool batch_first = a.layout == ops::RnnLayout::batch_first;
  constexpr std::array<std::int64_t, 3> kSwap{1, 0, 2};
  const auto front = [&](ValueId v) { return batch_first ? v : r.transpose(v, kSwap); };
  const ValueId x = front(r.in(0)), batch = r.dimension_of(x, 0), length = r.dimension_of(x, 1);
  const ElementType element = r.element(0);
  const auto state = [&](std::size_t i) {
    if (r.has(i)) return front(r.in(i));
    return r.op(ops::Broadcast{}, {r.scalar(element, 0), r.op(ops::Concat{0}, {batch, r.i64({directions, hidden})})});
  };
  Values inputs{x, state(5)};
  const bool lstm = s.order.size() == 4;
  if (lstm) inputs.push_back(state(6));
  inputs.push_back(r.has(4) ? r.convert(r.in(4), ElementType::i64) : r.op(ops::Broadcast{}, {length, batch}));
  inputs.push_back(reordered(r, r.in(1), s.order, hidden));
  inputs.push_back(reordered(r, r.in(2), s.order, hidden));
  if (r.has(3)) {
    const ValueId w = reordered(r, gates(r, r.in(3), 0, n, hidden), s.order, hidden), b = reordered(r, gates(r, r.in(3), n, 2 * n, hidden), s.order, hidden);
    if (s.separate_hidden_bias)
      inputs.push_back(joined(r, {r.add(gates(r, w, 0, n - 1, hidden), gates(r, b, 0, n - 1, hidden)), gates(r, w, n - 1, n, hidden), gates(r, b, n - 1, n, hidden)}));
    else inputs.push_back(r.add(w, b));
  } else {
    const std::int64_t rows = (n + (s.separate_hidden_bias ? 1 : 0)) * hidden;
    inputs.push_back(r.op(ops::Broadcast{}, {r.scalar(element, 0), r.i64({directions, rows})}));
  }
  IrLayer layer{s.type, 5, {"hidden_size", std::to_string(hidden), "direction", a.direction == RnnDirection::forward ? "forward" : directions == 2 ? "bidirectional" : "reverse",
                            "activations", names, "activations_alpha", "", "activations_beta", "", "clip", fmt::format("{}", a.clip)}, {}};
  layer.attributes.insert(layer.attributes.end(), s.more.begin(), s.more.end());
  const PartialShape in = r.type(x).shape;
  const graph::Dimension d = graph::Dimension::fixed(directions), h = graph::Dimension::fixed(hidden);
  const graph::Dimension rows = in.ranked() ? in[0] : graph::Dimension::unknown(), steps = in.ranked() ? in[1] : graph::Dimension::unknown();
  layer.outputs = {{element, PartialShape({rows, d, steps, h})}, {element, PartialShape({rows, d, h})}};
  if (lstm) layer.outputs.push_back(layer.outputs[1]);
  Values outputs = r.node(layer, inputs);
  // [batch, direction, step, hidden] to [step, direction, batch, hidden] or [batch, step, direction, hidden]
  constexpr std::array<std::int64_t, 4> kStepFirst{2, 1, 0, 3}, kBatchFirst{0, 2, 1, 3};
  outputs[0] = r.transpose(outputs[0], batch_first ? kBatchFirst : kStepFirst);
  for (std::size_t i = 1; i < outputs.size(); ++i) outputs[i] = front(outputs[i]);
  return outputs;
}

Values lstm(Rewriting& r) {
  const auto& op = r.as<ops::Lstm>();
  if (r.has(7)) r.inexpressible("peepholes");
  if (op.input_forget) r.inexpressible("input_forget");
  constexpr std::array<std::int64_t, 4> kOrder{2, 0, 3, 1};  // f i c o
  return sequence(r, {"LSTMSequence", op.attributes, kOrder, {"sigmoid", "tanh", "tanh"}, false, {}});
}

Values gru(Rewriting& r) {
  const auto& op = r.as<ops::Gru>();
  constexpr std::array<std::int64_t, 3> kOrder{0, 1, 2};
  return sequence(r, {"GRUSequence", op.attributes, kOrder, {"sigmoid", "tanh"}, op.linear_before_reset, {"linear_before_reset", op.linear_before_reset ? "true" : "false"}});
}

Values rnn(Rewriting& r) {
  constexpr std::array<std::int64_t, 1> kOrder{0};
  return sequence(r, {"RNNSequence", r.as<ops::Rnn>().attributes, kOrder, {"tanh"}, false, {}});
}

// IR's Loop has both of its first inputs; a count of -1 is none.
Values loop(Rewriting& r) {
  if (r.has(0) && r.has(1)) return {};
  Values inputs = r.inputs();
  if (!r.has(0)) inputs[0] = r.i64_scalar(-1);
  if (!r.has(1)) inputs[1] = r.constant_of(Tensor::scalar<bool>(true));
  return r.node(r.node().op, inputs);
}

constexpr RuleRow kRecurrentRules[] = {
    {"GRU", gru},
    {"LSTM", lstm},
    {"Loop", loop},
    {"RNN", rnn},
};

}  // namespace

std::span<const RuleRow> recurrent_rules() { return kRecurrentRules; }

}  // namespace saccade::exporter::openvino
