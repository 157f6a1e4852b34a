// SPDX-License-Identifier: Apache-2.0
// Recurrent cells and sequences: the batch is first, gates have another order than ours, biases are summed.
#include <array>

#include "import/openvino/map.h"
#include "ops/concat.h"
#include "ops/recurrent.h"
#include "ops/reshape.h"
#include "ops/slice.h"

namespace saccade::openvino {
namespace {

using i64 = std::int64_t;
using ops::RnnAttributes;
using ops::RnnDirection;

std::string ours(LayerContext& c, std::string_view name) {
  std::string lower;
  for (char ch : name) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(ch)));
  constexpr std::pair<std::string_view, std::string_view> kNames[] = {{"sigmoid", "Sigmoid"}, {"tanh", "Tanh"}, {"relu", "Relu"}, {"hardsigmoid", "HardSigmoid"}, {"affine", "Affine"}, {"softsign", "Softsign"}};
  for (const auto& [theirs, name_of_ours] : kNames)
    if (lower == theirs) return std::string(name_of_ours);
  c.unsupported("activation '{}'", shown(name));
}

// Which kind of layer, and our gates by theirs.
struct Kind {
  std::span<const i64> order;
  std::vector<std::string> activations;
  bool has_cell_state = false;
};

Kind lstm_kind() {
  static constexpr std::array<i64, 4> kOrder{1, 3, 0, 2};  // theirs f i c o, ours i o f c
  return {kOrder, {"sigmoid", "tanh", "tanh"}, true};
}
Kind gru_kind() {
  static constexpr std::array<i64, 3> kOrder{0, 1, 2};
  return {kOrder, {"sigmoid", "tanh"}, false};
}
Kind rnn_kind() {
  static constexpr std::array<i64, 1> kOrder{0};
  return {kOrder, {"tanh"}, false};
}

ValueId gates(LayerContext& c, ValueId v, i64 from, i64 to, i64 hidden) { return c.op(ops::Slice{}, {v, c.i64({from * hidden}), c.i64({to * hidden}), c.i64({1}), c.i64({1})}); }

ValueId reordered(LayerContext& c, ValueId v, std::span<const i64> order, i64 hidden) {
  bool same = true;
  for (std::size_t k = 0; k < order.size(); ++k) same = same && order[k] == static_cast<i64>(k);
  if (same) return v;
  Values parts;
  for (const i64 gate : order) parts.push_back(gates(c, v, gate, gate + 1, hidden));
  return c.op(ops::Concat{1}, parts);
}

struct Pieces {
  ValueId x, h, state, lengths, w, r, b;
  i64 directions = 1;
  RnnDirection direction = RnnDirection::forward;
};

// W, R and B are [directions, …]; x is [batch, steps, input], the states [batch, directions, hidden].
Values layer(LayerContext& c, const Kind& kind, const Pieces& p) {
  const i64 hidden = c.i("hidden_size"), n = static_cast<i64>(kind.order.size());
  if (hidden < 1 || hidden > (i64{1} << 24)) c.invalid("hidden_size is {}", hidden);
  RnnAttributes a;
  a.hidden_size = hidden;
  a.direction = p.direction;
  a.layout = ops::RnnLayout::batch_first;
  a.clip = c.f("clip", 0);
  auto names = c.strings("activations", kind.activations);
  if (names.empty()) names = kind.activations;
  if (names.size() < kind.activations.size()) c.invalid("{} activations", names.size());
  names.resize(kind.activations.size());
  for (i64 d = 0; d < p.directions; ++d)
    for (const std::string& name : names) a.activations.push_back(ours(c, name));
  const auto alpha = c.floats("activations_alpha"), beta = c.floats("activations_beta");
  for (i64 d = 0; d < p.directions; ++d) {
    a.activation_alpha.insert(a.activation_alpha.end(), alpha.begin(), alpha.end());
    a.activation_beta.insert(a.activation_beta.end(), beta.begin(), beta.end());
  }
  const bool linear = c.flag("linear_before_reset", false);
  const ValueId w = reordered(c, p.w, kind.order, hidden), r = reordered(c, p.r, kind.order, hidden);
  ValueId bias;
  if (p.b.valid()) {
    const ElementType element = c.type(p.b).element;
    // the states' biases are zero, but for the last gate of a GRU that multiplies it after the product
    Tensor zeros(element, {p.directions, (linear ? n - 1 : n) * hidden});
    if (linear) bias = c.op(ops::Concat{1}, {gates(c, p.b, 0, n, hidden), c.constant_of(zeros), gates(c, p.b, n, n + 1, hidden)});
    else bias = c.op(ops::Concat{1}, {reordered(c, p.b, kind.order, hidden), c.constant_of(zeros)});
  }
  Values inputs{p.x, w, r, bias, p.lengths, p.h};
  if (kind.has_cell_state) {
    inputs.push_back(p.state);
    return c.node(ops::Lstm{a, false}, inputs);
  }
  if (n == 3) return c.node(ops::Gru{a, linear}, inputs);
  return c.node(ops::Rnn{a}, inputs);
}

Values sequence(LayerContext& c, const Kind& kind) {
  Pieces p;
  std::size_t i = 0;
  p.x = c.in(i++);
  p.h = c.in(i++);
  if (kind.has_cell_state) p.state = c.in(i++);
  p.lengths = c.converted(c.in(i++), ElementType::i32);
  p.w = c.in(i++);
  p.r = c.in(i++);
  p.b = c.in(i++);
  const std::string direction = c.s("direction", "forward");
  if (direction == "bidirectional" || direction == "BIDIRECTIONAL") p.direction = RnnDirection::bidirectional;
  else if (direction == "reverse" || direction == "REVERSE") p.direction = RnnDirection::reverse;
  else if (direction != "forward" && direction != "FORWARD") c.unsupported("direction '{}'", shown(direction));
  p.directions = p.direction == RnnDirection::bidirectional ? 2 : 1;
  c.ignore({"input_forget", "weights_format"});
  Values out = layer(c, kind, p);
  out[0] = c.transposed(out[0], {0, 2, 1, 3});  // [batch, directions, steps, hidden]
  return out;
}

// One step; the bias may be absent, and old LSTM cells say in which order their gates are.
Values cell(LayerContext& c, Kind kind, bool has_format) {
  std::array<i64, 4> order{};
  if (has_format) {
    const std::string format = c.s("weights_format", "fico");
    // ours: i o f c
    if (format.size() != 4) c.unsupported("weights_format '{}'", shown(format));
    const std::string_view gates_of_ours = "iofc";
    for (std::size_t k = 0; k < 4; ++k) {
      const auto at = format.find(gates_of_ours[k]);
      if (at == std::string::npos) c.unsupported("weights_format '{}'", shown(format));
      order[k] = static_cast<i64>(at);
    }
    kind.order = order;
  }
  if (c.flag("input_forget", false)) c.unsupported("input_forget");
  Pieces p;
  const auto unsqueezed = [&](ValueId v, i64 axis) { return c.op(ops::Unsqueeze{}, {v, c.i64({axis})}); };
  std::size_t i = 0;
  p.x = unsqueezed(c.in(i++), 1);
  p.h = unsqueezed(c.in(i++), 1);
  if (kind.has_cell_state) p.state = unsqueezed(c.in(i++), 1);
  p.w = unsqueezed(c.in(i++), 0);
  p.r = unsqueezed(c.in(i++), 0);
  if (c.has(i)) p.b = unsqueezed(c.in(i), 0);
  if (c.has(i + 1)) c.unsupported("peepholes");
  Values out = layer(c, kind, p), states;
  for (std::size_t k = 1; k < out.size(); ++k) states.push_back(c.op(ops::Squeeze{}, {out[k], c.i64({1})}));
  return states;
}

Values lstm_sequence(LayerContext& c) { return sequence(c, lstm_kind()); }
Values gru_sequence(LayerContext& c) { return sequence(c, gru_kind()); }
Values rnn_sequence(LayerContext& c) { return sequence(c, rnn_kind()); }
Values lstm_cell_1(LayerContext& c) { return cell(c, lstm_kind(), true); }
Values lstm_cell(LayerContext& c) { return cell(c, lstm_kind(), false); }
Values gru_cell(LayerContext& c) { return cell(c, gru_kind(), false); }
Values rnn_cell(LayerContext& c) { return cell(c, rnn_kind(), false); }

constexpr Row kRecurrentRows[] = {
    {"GRUCell", 3, gru_cell},
    {"GRUSequence", 5, gru_sequence},
    {"LSTMCell", 1, lstm_cell_1},
    {"LSTMCell", 4, lstm_cell},
    {"LSTMSequence", 5, lstm_sequence},
    {"RNNCell", 1, rnn_cell},
    {"RNNSequence", 5, rnn_sequence},
};

}  // namespace

std::span<const Row> recurrent_rows() { return kRecurrentRows; }

}  // namespace saccade::openvino
