// SPDX-License-Identifier: Apache-2.0
// RNN, GRU and LSTM, step by step.
#include "ops/recurrent.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "ops/elementwise.h"
#include "ops/inference.h"
#include "ops/widened.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;

constexpr i64 kMaxHidden = i64{1} << 24;

using Activation = std::function<double(double)>;

// How an activation is called and which of alpha and beta it takes.
struct ActivationRow {
  std::string_view name;
  int parameters;
  double alpha, beta;
  double (*apply)(double x, double alpha, double beta);
};
constexpr ActivationRow kActivations[] = {
    {"Relu", 0, 0, 0, [](double x, double, double) { return x > 0 ? x : 0; }},
    {"Tanh", 0, 0, 0, [](double x, double, double) { return std::tanh(x); }},
    {"Sigmoid", 0, 0, 0, [](double x, double, double) { return 1 / (1 + std::exp(-x)); }},
    {"Softsign", 0, 0, 0, [](double x, double, double) { return x / (1 + std::abs(x)); }},
    {"Softplus", 0, 0, 0, [](double x, double, double) { return x > 30 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }},
    {"LeakyRelu", 1, 0.01, 0, [](double x, double a, double) { return x >= 0 ? x : a * x; }},
    {"ThresholdedRelu", 1, 1, 0, [](double x, double a, double) { return x > a ? x : 0; }},
    {"Elu", 1, 1, 0, [](double x, double a, double) { return x >= 0 ? x : a * std::expm1(x); }},
    {"Affine", 2, 1, 0, [](double x, double a, double b) { return a * x + b; }},
    {"ScaledTanh", 2, 1, 1, [](double x, double a, double b) { return a * std::tanh(b * x); }},
    {"HardSigmoid", 2, 0.2, 0.5, [](double x, double a, double b) { return std::clamp(a * x + b, 0.0, 1.0); }},
};

std::vector<Activation> activations_of(const RnnAttributes& a, std::span<const std::string_view> defaults) {
  const std::size_t directions = a.direction == RnnDirection::bidirectional ? 2 : 1;
  std::vector<std::string> names = a.activations;
  if (names.empty())
    for (std::size_t d = 0; d < directions; ++d) names.insert(names.end(), defaults.begin(), defaults.end());
  SACCADE_CHECK(names.size() == defaults.size() * directions, invalid_model, "{} activations, {} are needed", names.size(),
                defaults.size() * directions);
  std::vector<Activation> out;
  std::size_t next_alpha = 0, next_beta = 0;
  for (const std::string& name : names) {
    const auto same = [&](const ActivationRow& row) {
      return std::equal(row.name.begin(), row.name.end(), name.begin(), name.end(),
                        [](char x, char y) { return std::tolower(x) == std::tolower(static_cast<unsigned char>(y)); });
    };
    const auto* row = std::find_if(std::begin(kActivations), std::end(kActivations), same);
    SACCADE_CHECK(row != std::end(kActivations), unsupported, "activation '{}'", name.substr(0, 40));
    double alpha = row->alpha, beta = row->beta;
    if (row->parameters >= 1 && next_alpha < a.activation_alpha.size()) alpha = a.activation_alpha[next_alpha++];
    if (row->parameters >= 2 && next_beta < a.activation_beta.size()) beta = a.activation_beta[next_beta++];
    const double clip = a.clip;
    const auto apply = row->apply;
    out.push_back([=](double x) { return apply(clip > 0 ? std::clamp(x, -clip, clip) : x, alpha, beta); });
  }
  return out;
}

i64 directions_of(const RnnAttributes& a) { return a.direction == RnnDirection::bidirectional ? 2 : 1; }

std::vector<Fact> infer_sequence(const RnnAttributes& a, i64 gates, std::span<const Fact> inputs, std::size_t most_inputs,
                                 std::size_t outputs, std::span<const std::string_view> defaults) {
  check_arity(inputs, 3, most_inputs);
  const ElementType type = inputs[0].type.element;
  SACCADE_CHECK(is_float(type), invalid_model, "data of element type {}", to_string(type));
  for (std::size_t i = 1; i < inputs.size(); ++i)
    if (i != 4) check_same_element(inputs, 0, i);
  SACCADE_CHECK(!has(inputs, 4) || is_integer(inputs[4].type.element), invalid_model, "sequence lengths of element type {}",
                to_string(inputs[4].type.element));
  SACCADE_CHECK(a.clip >= 0, invalid_model, "clip is {}", a.clip);
  SACCADE_CHECK(a.hidden_size >= 0 && a.hidden_size < kMaxHidden, invalid_model, "hidden_size is {}", a.hidden_size);
  activations_of(a, defaults);
  const PartialShape &x = inputs[0].type.shape, &r = inputs[2].type.shape;
  SACCADE_CHECK((!x.ranked() || x.rank() == 3) && (!r.ranked() || r.rank() == 3), invalid_model, "data {} and recurrent weights {}",
                to_string(x), to_string(r));
  Dimension hidden = a.hidden_size > 0 ? Dimension::fixed(a.hidden_size) : Dimension::unknown();
  if (r.ranked()) {
    hidden = meet(hidden, r[2]);
    SACCADE_CHECK(!r[1].is_static() || !hidden.is_static() || (hidden.size() < kMaxHidden && r[1].size() == gates * hidden.size()),
                  invalid_model, "recurrent weights {}", to_string(r));
  }
  const bool batch_first = a.layout == RnnLayout::batch_first;
  const Dimension sequence = x.ranked() ? x[batch_first ? 1 : 0] : Dimension::unknown(),
                  batch = x.ranked() ? x[batch_first ? 0 : 1] : Dimension::unknown();
  const Dimension directions = Dimension::fixed(directions_of(a));
  const PartialShape all =
      batch_first ? PartialShape({batch, sequence, directions, hidden}) : PartialShape({sequence, directions, batch, hidden});
  const PartialShape last = batch_first ? PartialShape({batch, directions, hidden}) : PartialShape({directions, batch, hidden});
  std::vector<Fact> out{Fact(type, all)};
  out.insert(out.end(), outputs - 1, Fact(type, last));
  return out;
}

// Everything but the cell: what the three share when evaluated.
struct Sequence {
  i64 length = 0, batch = 0, input = 0, hidden = 0, directions = 1, gates = 1;
  bool batch_first = false;
  std::vector<double> x, w, r, bias, initial_h, initial_c, peepholes;
  std::vector<i64> lengths;

  const double* step(i64 t, i64 b) const { return x.data() + (batch_first ? b * length + t : t * batch + b) * input; }
  // Where the state of a direction and a batch entry lies in initial_h, Y_h and their kin.
  i64 state(i64 d, i64 b) const { return (batch_first ? b * directions + d : d * batch + b) * hidden; }
};

Sequence read(const RnnAttributes& a, i64 gates, std::span<const Tensor> inputs) {
  Sequence s;
  s.gates = gates;
  s.batch_first = a.layout == RnnLayout::batch_first;
  s.directions = directions_of(a);
  const Shape &x = inputs[0].shape(), &w = inputs[1].shape(), &r = inputs[2].shape();
  SACCADE_CHECK(x.size() == 3 && w.size() == 3 && r.size() == 3, invalid_model, "data {}, weights {} and recurrent weights {}",
                to_string(x), to_string(w), to_string(r));
  s.length = x[s.batch_first ? 1 : 0];
  s.batch = x[s.batch_first ? 0 : 1];
  s.input = x[2];
  s.hidden = r[2];
  SACCADE_CHECK(s.hidden < kMaxHidden && (a.hidden_size == 0 || a.hidden_size == s.hidden), invalid_model,
                "hidden_size is {} for recurrent weights {}", a.hidden_size, to_string(r));
  const auto read_optional = [&](std::size_t i, const Shape& shape) {
    if (!has(inputs, i)) return std::vector<double>();
    SACCADE_CHECK(inputs[i].shape() == shape, invalid_model, "input {} of shape {}, {} is needed", i, to_string(inputs[i].shape()),
                  to_string(shape));
    return to_f64(inputs[i]);
  };
  s.x = to_f64(inputs[0]);
  s.w = read_optional(1, {s.directions, gates * s.hidden, s.input});
  s.r = read_optional(2, {s.directions, gates * s.hidden, s.hidden});
  s.bias = read_optional(3, {s.directions, 2 * gates * s.hidden});
  const Shape state = s.batch_first ? Shape{s.batch, s.directions, s.hidden} : Shape{s.directions, s.batch, s.hidden};
  s.initial_h = read_optional(5, state);
  s.initial_c = read_optional(6, state);
  s.peepholes = read_optional(7, {s.directions, 3 * s.hidden});
  s.lengths.assign(static_cast<std::size_t>(s.batch), s.length);
  if (has(inputs, 4)) {
    s.lengths = to_i64(inputs[4]);
    SACCADE_CHECK(static_cast<i64>(s.lengths.size()) == s.batch, invalid_model, "{} sequence lengths for {} sequences", s.lengths.size(),
                  s.batch);
    for (i64 l : s.lengths) SACCADE_CHECK(l >= 0 && l <= s.length, invalid_model, "a sequence length of {} of {}", l, s.length);
  }
  return s;
}

// Biases of one direction: of the inputs, then of the states.
struct Bias {
  const double *input = nullptr, *state = nullptr;
  double in(i64 i) const { return input ? input[i] : 0; }
  double hidden(i64 i) const { return state ? state[i] : 0; }
};

double dot(const double* a, const double* b, i64 n) {
  double sum = 0;
  for (i64 i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

// Runs `cell(direction, x, h, c)` over all sequences; it turns h and c into the next state.
template <class Cell>
std::vector<Tensor> run(const RnnAttributes& a, const Sequence& s, ElementType type, std::size_t outputs, Cell&& cell) {
  const Shape all = s.batch_first ? Shape{s.batch, s.length, s.directions, s.hidden} : Shape{s.length, s.directions, s.batch, s.hidden};
  const Shape last = s.batch_first ? Shape{s.batch, s.directions, s.hidden} : Shape{s.directions, s.batch, s.hidden};
  std::vector<double> y(wide_count(all)), y_h(wide_count(last)), y_c(y_h.size());
  std::vector<double> h(static_cast<std::size_t>(s.hidden)), c(h.size());
  for (i64 d = 0; d < s.directions; ++d) {
    const bool reversed = a.direction == RnnDirection::reverse || d == 1;
    for (i64 b = 0; b < s.batch; ++b) {
      const i64 state = s.state(d, b), count = s.lengths[static_cast<std::size_t>(b)];
      const auto start = [&](const std::vector<double>& initial, std::vector<double>& to) {
        if (initial.empty())
          std::fill(to.begin(), to.end(), 0);
        else
          std::copy_n(initial.begin() + state, s.hidden, to.begin());
      };
      start(s.initial_h, h);
      start(s.initial_c, c);
      for (i64 k = 0; k < count; ++k) {
        const i64 t = reversed ? count - 1 - k : k;
        cell(d, s.step(t, b), h, c);
        const i64 row = s.batch_first ? (b * s.length + t) * s.directions + d : (t * s.directions + d) * s.batch + b;
        std::copy(h.begin(), h.end(), y.begin() + row * s.hidden);
      }
      std::copy(h.begin(), h.end(), y_h.begin() + state);
      std::copy(c.begin(), c.end(), y_c.begin() + state);
    }
  }
  std::vector<Tensor> out{from_f64(type, all, y), from_f64(type, last, y_h)};
  if (outputs > 2) out.push_back(from_f64(type, last, y_c));
  return out;
}

// One direction's weights: row `i` of W and of R, and the biases.
struct Direction {
  const Sequence& s;
  i64 d;
  Bias bias;
  Direction(const Sequence& sequence, i64 direction) : s(sequence), d(direction) {
    if (!s.bias.empty()) {
      bias.input = s.bias.data() + d * 2 * s.gates * s.hidden;
      bias.state = bias.input + s.gates * s.hidden;
    }
  }
  double input(i64 row, const double* x) const {
    return dot(s.w.data() + (d * s.gates * s.hidden + row) * s.input, x, s.input) + bias.in(row);
  }
  double state(i64 row, const std::vector<double>& h) const {
    return dot(s.r.data() + (d * s.gates * s.hidden + row) * s.hidden, h.data(), s.hidden) + bias.hidden(row);
  }
};

constexpr std::string_view kRnnDefaults[] = {"Tanh"}, kGruDefaults[] = {"Sigmoid", "Tanh"}, kLstmDefaults[] = {"Sigmoid", "Tanh", "Tanh"};

Cost sequence_cost(std::span<const Fact> inputs) {
  Cost c;
  if (!inputs[0].type.is_static() || !inputs[1].type.is_static() || !inputs[2].type.is_static()) return c;
  const Shape x = inputs[0].type.shape.shape();
  c.macs = static_cast<double>(x[0]) * static_cast<double>(x[1]) *
           static_cast<double>(element_count(inputs[1].type.shape.shape()) + element_count(inputs[2].type.shape.shape()));
  return c;
}

}  // namespace

void RnnAttributes::fields(FieldVisitor& v) {
  v("hidden_size", hidden_size);
  v("direction", direction, {"forward", "reverse", "bidirectional"});
  v("activations", activations);
  v("activation_alpha", activation_alpha);
  v("activation_beta", activation_beta);
  v("clip", clip);
  v("layout", layout, {"sequence_first", "batch_first"});
}

std::vector<Fact> infer(const Rnn& op, std::span<const Fact> inputs) {
  return infer_sequence(op.attributes, 1, inputs, 6, 2, kRnnDefaults);
}
std::vector<Fact> infer(const Gru& op, std::span<const Fact> inputs) {
  return infer_sequence(op.attributes, 3, inputs, 6, 2, kGruDefaults);
}
std::vector<Fact> infer(const Lstm& op, std::span<const Fact> inputs) {
  return infer_sequence(op.attributes, 4, inputs, 8, 3, kLstmDefaults);
}

std::vector<Tensor> evaluate(const Rnn& op, std::span<const Tensor> inputs) {
  const Sequence s = read(op.attributes, 1, inputs);
  const auto f = activations_of(op.attributes, kRnnDefaults);
  std::vector<double> next(static_cast<std::size_t>(s.hidden));
  return run(op.attributes, s, inputs[0].type(), 2, [&](i64 d, const double* x, std::vector<double>& h, std::vector<double>&) {
    const Direction w(s, d);
    for (i64 i = 0; i < s.hidden; ++i) next[static_cast<std::size_t>(i)] = f[static_cast<std::size_t>(d)](w.input(i, x) + w.state(i, h));
    h.swap(next);
  });
}

std::vector<Tensor> evaluate(const Gru& op, std::span<const Tensor> inputs) {
  const Sequence s = read(op.attributes, 3, inputs);
  const auto activations = activations_of(op.attributes, kGruDefaults);
  const auto n = static_cast<std::size_t>(s.hidden);
  std::vector<double> z(n), r(n), reset(n), next(n);
  return run(op.attributes, s, inputs[0].type(), 2, [&](i64 d, const double* x, std::vector<double>& h, std::vector<double>&) {
    const Direction w(s, d);
    const Activation &f = activations[static_cast<std::size_t>(2 * d)], &g = activations[static_cast<std::size_t>(2 * d + 1)];
    for (std::size_t i = 0; i < n; ++i) {
      const auto row = static_cast<i64>(i);
      z[i] = f(w.input(row, x) + w.state(row, h));
      r[i] = f(w.input(s.hidden + row, x) + w.state(s.hidden + row, h));
      reset[i] = r[i] * h[i];
    }
    for (std::size_t i = 0; i < n; ++i) {
      const i64 row = 2 * s.hidden + static_cast<i64>(i);
      const double state = op.linear_before_reset ? r[i] * w.state(row, h) : w.state(row, reset);
      const double hidden = g(w.input(row, x) + state);
      next[i] = (1 - z[i]) * hidden + z[i] * h[i];
    }
    h.swap(next);
  });
}

std::vector<Tensor> evaluate(const Lstm& op, std::span<const Tensor> inputs) {
  const Sequence s = read(op.attributes, 4, inputs);
  const auto activations = activations_of(op.attributes, kLstmDefaults);
  const auto n = static_cast<std::size_t>(s.hidden);
  std::vector<double> next(n);
  return run(op.attributes, s, inputs[0].type(), 3, [&](i64 d, const double* x, std::vector<double>& h, std::vector<double>& c) {
    const Direction w(s, d);
    const Activation *f = &activations[static_cast<std::size_t>(3 * d)], *g = f + 1, *out = f + 2;
    const auto peephole = [&](i64 gate, i64 i) {
      return s.peepholes.empty() ? 0.0 : s.peepholes[static_cast<std::size_t>((d * 3 + gate) * s.hidden + i)];
    };
    for (std::size_t k = 0; k < n; ++k) {
      const auto i = static_cast<i64>(k);
      const auto gate = [&](i64 which) { return w.input(which * s.hidden + i, x) + w.state(which * s.hidden + i, h); };
      const double enter = (*f)(gate(0) + peephole(0, i) * c[k]);
      const double forget = op.input_forget ? 1 - enter : (*f)(gate(2) + peephole(2, i) * c[k]);
      const double cell = forget * c[k] + enter * (*g)(gate(3));
      const double leave = (*f)(gate(1) + peephole(1, i) * cell);
      c[k] = cell;
      next[k] = leave * (*out)(cell);
    }
    h.swap(next);
  });
}

Cost cost(const Rnn&, std::span<const Fact> inputs, std::span<const Fact>) { return sequence_cost(inputs); }
Cost cost(const Gru&, std::span<const Fact> inputs, std::span<const Fact>) { return sequence_cost(inputs); }
Cost cost(const Lstm&, std::span<const Fact> inputs, std::span<const Fact>) { return sequence_cost(inputs); }

}  // namespace saccade::ops
