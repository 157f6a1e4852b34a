// SPDX-License-Identifier: Apache-2.0
// Keras' recurrent layers. Their states begin at zero.
#include "import/keras/build.h"
#include "import/keras/layer.h"
#include "ops/recurrent.h"
#include "ops/slice.h"

namespace saccade::keras {
namespace {

using Ints = std::vector<std::int64_t>;

/// A recurrent layer's configuration, which for Bidirectional stands inside of it.
struct Settings {
  std::string class_name;
  const json* config;
  Part part;
  bool backward = false;
};

const json* found(const Settings& s, const char* key) {
  const auto it = s.config->find(key);
  return it == s.config->end() || it->is_null() ? nullptr : &*it;
}

bool flag(const Settings& s, const char* key, bool otherwise) {
  const json* v = found(s, key);
  return v ? *v == true : otherwise;
}

/// The name and numbers of an activation as the operators take them.
struct Activation {
  const char* name;
  double alpha, beta;
};

Activation activation_of(const LayerContext& c, const Settings& s, const char* key, const char* otherwise) {
  const json* v = found(s, key);
  if (v && v->is_object() && v->contains("config")) v = &(*v)["config"];
  const std::string name = v ? text_of(*v, key) : otherwise;
  if (name == "tanh") return {"Tanh", 0, 0};
  if (name == "sigmoid") return {"Sigmoid", 0, 0};
  if (name == "relu") return {"Relu", 0, 0};
  if (name == "softsign") return {"Softsign", 0, 0};
  if (name == "hard_sigmoid") return c.keras_version() >= 3 ? Activation{"HardSigmoid", 1.0 / 6, 0.5} : Activation{"HardSigmoid", 0.2, 0.5};
  c.unsupported("the activation '{}' in a recurrent layer", name.substr(0, 40));
}

struct Result {
  ValueId sequence;  // [batch, time, units] in the order of the input's time
  Values states;     // [batch, units]
};

// Columns [k·units, (k+1)·units) of [n, gates·units] in another order, as rows: [1, gates·units, n].
ValueId gates(const LayerContext& c, ValueId weights, std::int64_t units, const Ints& order) {
  Values parts;
  for (auto g : order) parts.push_back(c.slice(weights, 1, g * units, (g + 1) * units));
  return c.unsqueeze(c.transpose(c.concat(parts, 1), {1, 0}), {0});
}

ValueId bias_gates(const LayerContext& c, ValueId bias, std::int64_t units, const Ints& order) {
  Values parts;
  for (auto g : order) parts.push_back(c.slice(bias, 0, g * units, (g + 1) * units));
  return c.concat(parts, 0);
}

Result recurrent(const LayerContext& c, const Settings& s) {
  if (c.inputs().size() > 1 || c.has_keyword("initial_state")) c.unsupported("an initial state");
  if (c.has_keyword("mask")) c.unsupported("a mask");
  if (flag(s, "time_major", false)) c.unsupported("time_major");
  const json* size = found(s, "units");
  if (!size || !size->is_number_integer() || *size < 1 || *size > (1 << 20)) c.invalid("'units' is no sensible number");
  const auto units = size->get<std::int64_t>();
  const bool lstm = s.class_name.find("LSTM") != std::string::npos, gru = s.class_name.find("GRU") != std::string::npos;
  const ValueId kernel = c.weight({"kernel"}, 0, s.part), recurrent_kernel = c.weight({"recurrent_kernel"}, 1, s.part);
  const bool biased = flag(s, "use_bias", true), reset_after = gru && flag(s, "reset_after", c.keras_version() >= 3);
  if (c.rank(kernel) != 2 || c.rank(recurrent_kernel) != 2)
    c.invalid("kernels of ranks {} and {}", c.rank(kernel), c.rank(recurrent_kernel));
  // Keras: i, f, c, o; here i, o, f, c
  const Ints order = lstm ? Ints{0, 3, 1, 2} : gru ? Ints{0, 1, 2} : Ints{0};
  Values inputs{c.x(), gates(c, kernel, units, order), gates(c, recurrent_kernel, units, order)};
  if (biased) {
    const ValueId bias = c.weight({"bias"}, 2, s.part);
    ValueId both;
    if (c.rank(bias) == 2) {
      both = c.concat({bias_gates(c, c.squeeze(c.slice(bias, 0, 0, 1), {0}), units, order),
                       bias_gates(c, c.squeeze(c.slice(bias, 0, 1, 2), {0}), units, order)},
                      0);
    } else {
      const ValueId first = bias_gates(c, bias, units, order);
      both = c.concat({first, c.multiply(first, c.like(first, 0))}, 0);
    }
    inputs.push_back(c.unsqueeze(both, {0}));
  }
  ops::RnnAttributes a;
  a.hidden_size = units;
  a.layout = ops::RnnLayout::batch_first;
  a.direction = s.backward ? ops::RnnDirection::reverse : ops::RnnDirection::forward;
  const auto add = [&](const Activation& f) {
    a.activations.emplace_back(f.name);
    if (f.alpha != 0) {
      a.activation_alpha.push_back(f.alpha);
      a.activation_beta.push_back(f.beta);
    }
  };
  const Activation main = activation_of(c, s, "activation", "tanh");
  const Activation inner = lstm || gru ? activation_of(c, s, "recurrent_activation", "sigmoid") : main;
  if (main.alpha != 0) c.unsupported("hard_sigmoid as the activation");
  if (lstm || gru) add(inner);
  add(main);
  if (lstm) add(main);
  Values out;
  if (lstm)
    out = c.node(ops::Lstm{a}, inputs);
  else if (gru)
    out = c.node(ops::Gru{a, reset_after}, inputs);
  else
    out = c.node(ops::Rnn{a}, inputs);
  Result result;
  result.sequence = c.squeeze(out[0], {2});
  for (std::size_t i = 1; i < out.size(); ++i) result.states.push_back(c.squeeze(out[i], {1}));
  return result;
}

ValueId reversed(const LayerContext& c, ValueId sequence) {
  constexpr std::int64_t kFar = std::int64_t{1} << 60;
  return c.op(ops::Slice{}, {sequence, c.i64({kFar}), c.i64({-kFar}), c.i64({-1}), c.i64({1})});
}

Values layer(LayerContext& c) {
  const Settings s{c.layer().class_name, &c.config(), {{"cell"}, ""}, c.flag("go_backwards", false)};
  const Result r = recurrent(c, s);
  Values out{c.flag("return_sequences", false) ? (s.backward ? reversed(c, r.sequence) : r.sequence) : r.states[0]};
  if (c.flag("return_state", false)) out.insert(out.end(), r.states.begin(), r.states.end());
  return out;
}

Values bidirectional(LayerContext& c) {
  const json& forward = member(c.config(), "layer");
  const json& backward =
      c.config().contains("backward_layer") && c.config()["backward_layer"].is_object() ? c.config()["backward_layer"] : forward;
  const std::string kind = text_of(member(forward, "class_name"), "a layer's class");
  if (kind.find("LSTM") == std::string::npos && kind.find("GRU") == std::string::npos && kind != "SimpleRNN")
    c.unsupported("the layer '{}'", kind.substr(0, 40));
  // Keras 3 has renamed the inner layers already
  const auto called = [](const json& inner, const std::string& prefix) {
    const std::string name = text_of(member(member(inner, "config"), "name"), "a layer's name");
    return name.starts_with(prefix) ? name : prefix + name;
  };
  const std::string forward_name = called(forward, "forward_"), backward_name = called(backward, "backward_");
  const json& config = member(forward, "config");
  const Settings ahead{kind, &config, {{"forward_layer/cell", "layer/cell"}, forward_name}, false};
  const Settings back{kind, &member(backward, "config"), {{"backward_layer/cell"}, backward_name}, true};
  if (flag(ahead, "go_backwards", false)) c.unsupported("a first layer that goes backwards");
  if (flag(ahead, "return_state", false)) c.unsupported("states as results");
  const Result a = recurrent(c, ahead), b = recurrent(c, back);
  const bool sequences = flag(ahead, "return_sequences", false);
  const ValueId x = sequences ? a.sequence : a.states[0], y = sequences ? b.sequence : b.states[0];
  const std::string mode = c.s("merge_mode", "concat");
  if (c.config().contains("merge_mode") && c.config()["merge_mode"].is_null()) return {x, y};
  if (mode == "concat") return {c.concat({x, y}, -1)};
  if (mode == "sum") return {c.add(x, y)};
  if (mode == "mul") return {c.multiply(x, y)};
  if (mode == "ave") return {c.multiply(c.add(x, y), c.like(x, 0.5))};
  c.invalid("the merge mode '{}'", mode.substr(0, 40));
}

constexpr Row kRecurrentRows[] = {
    {"Bidirectional", bidirectional},
    {"GRU", layer},
    {"LSTM", layer},
    {"SimpleRNN", layer},
};

}  // namespace

std::span<const Row> recurrent_rows() { return kRecurrentRows; }

}  // namespace saccade::keras
