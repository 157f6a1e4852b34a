// SPDX-License-Identifier: Apache-2.0
// Keras' activations, as layers and by name.
#include <cmath>
#include <limits>

#include "import/keras/build.h"
#include "import/keras/layer.h"
#include "ops/softmax.h"

namespace saccade::keras {
namespace {

using ops::BinaryKind;
using ops::Unary;
using ops::UnaryKind;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// max_value (infinity: none), slope below the threshold.
ValueId relu(const LayerContext& c, ValueId x, double most, double slope, double threshold) {
  if (threshold == 0) {
    if (slope == 0) return most < kInfinity ? c.clamp(x, 0, most) : c.unary(UnaryKind::Relu, x);
    const ValueId y = c.op(Unary{UnaryKind::LeakyRelu, slope}, {x});
    return most < kInfinity ? c.binary(BinaryKind::Minimum, y, c.like(y, most)) : y;
  }
  // slope · (x − threshold) below it, x from it on
  const ValueId above = c.convert(c.binary(BinaryKind::GreaterEqual, x, c.like(x, threshold)), c.element(x));
  ValueId y = c.multiply(x, above);
  if (slope != 0)
    y = c.add(y, c.multiply(c.multiply(c.subtract(x, c.like(x, threshold)), c.like(x, slope)), c.subtract(c.like(x, 1), above)));
  return most < kInfinity ? c.binary(BinaryKind::Minimum, y, c.like(y, most)) : y;
}

ValueId named(const LayerContext& c, ValueId x, std::string_view name, const json& config) {
  const bool newer = c.keras_version() >= 3;
  const auto number = [&](const char* key, double otherwise) {
    if (!config.is_object() || !config.contains(key) || config[key].is_null()) return otherwise;
    if (!config[key].is_number()) c.invalid("'{}' is no number", key);
    return config[key].get<double>();
  };
  struct Simple {
    std::string_view name;
    UnaryKind kind;
  };
  static constexpr Simple kSimple[] = {
      {"relu", UnaryKind::Relu},         {"sigmoid", UnaryKind::Sigmoid},   {"tanh", UnaryKind::Tanh},
      {"softplus", UnaryKind::SoftPlus}, {"softsign", UnaryKind::SoftSign}, {"swish", UnaryKind::Swish},
      {"silu", UnaryKind::Swish},        {"elu", UnaryKind::Elu},           {"selu", UnaryKind::Selu},
      {"exponential", UnaryKind::Exp},   {"hard_swish", UnaryKind::HSwish}, {"hard_silu", UnaryKind::HSwish},
      {"mish", UnaryKind::Mish},         {"celu", UnaryKind::Celu},         {"exp", UnaryKind::Exp},
  };
  if (name == "linear") return x;
  for (const auto& s : kSimple)
    if (s.name == name) return c.unary(s.kind, x);
  if (name == "relu6") return c.clamp(x, 0, 6);
  if (name == "softmax") return c.op(ops::Softmax{-1}, {x});
  if (name == "log_softmax") return c.op(ops::LogSoftmax{-1}, {x});
  if (name == "gelu")
    return c.unary(
        config.is_object() && config.contains("approximate") && config["approximate"] == true ? UnaryKind::GeluTanh : UnaryKind::GeluErf,
        x);
  // Keras 2: 0.2 x + 0.5; Keras 3: (x + 3) / 6
  if (name == "hard_sigmoid") return newer ? c.unary(UnaryKind::HSigmoid, x) : c.op(Unary{UnaryKind::HardSigmoid, 0.2, 0.5}, {x});
  if (name == "leaky_relu") return c.op(Unary{UnaryKind::LeakyRelu, number("negative_slope", number("alpha", 0.2))}, {x});
  if (name == "log_sigmoid") return c.unary(UnaryKind::Negative, c.unary(UnaryKind::SoftPlus, c.unary(UnaryKind::Negative, x)));
  if (name == "hard_tanh") return c.clamp(x, -1, 1);
  if (name == "tanh_shrink") return c.subtract(x, c.unary(UnaryKind::Tanh, x));
  if (name == "soft_shrink") return c.op(Unary{UnaryKind::Shrink, number("threshold", 0.5), number("threshold", 0.5)}, {x});
  if (name == "hard_shrink") return c.op(Unary{UnaryKind::Shrink, number("threshold", 0.5), 0}, {x});
  c.unsupported("the activation '{}'", name.substr(0, 60));
}

Values activation(LayerContext& c) { return {c.activated(c.x())}; }

Values relu_layer(LayerContext& c) {
  return {relu(c, c.x(), c.f("max_value", kInfinity), c.f("negative_slope", c.f("alpha", 0)), c.f("threshold", 0))};
}

// negative_slope in Keras 3, alpha before
Values leaky_relu(LayerContext& c) { return {c.op(Unary{UnaryKind::LeakyRelu, c.f("negative_slope", c.f("alpha", 0.3))}, {c.x()})}; }
Values elu(LayerContext& c) { return {c.op(Unary{UnaryKind::Elu, c.f("alpha", 1)}, {c.x()})}; }
Values prelu(LayerContext& c) { return {c.binary(BinaryKind::Prelu, c.x(), c.weight({"alpha"}, 0))}; }
Values thresholded(LayerContext& c) { return {c.op(Unary{UnaryKind::ThresholdedRelu, c.f("theta", 1)}, {c.x()})}; }

Values softmax(LayerContext& c) {
  if (c.inputs().size() > 1 || c.has_keyword("mask")) c.unsupported("a mask");
  const auto axes = c.list("axis");
  if (axes.size() > 1) c.unsupported("several axes");
  return {c.op(ops::Softmax{axes.empty() ? -1 : axes[0]}, {c.x()})};
}

// An operation of Keras 3 called by its class name.
template <UnaryKind kind>
Values unary(LayerContext& c) {
  return {c.unary(kind, c.x())};
}

// The arguments of these stand in the configuration of the operation.
Values hard_sigmoid(LayerContext& c) { return {c.unary(UnaryKind::HSigmoid, c.x())}; }
Values relu6(LayerContext& c) { return {c.clamp(c.x(), 0, 6)}; }
Values gelu(LayerContext& c) {
  const Arg* approximate = c.arg(1, "approximate");
  const bool by_tanh = approximate ? approximate->constant == true : c.flag("approximate", true);
  return {c.unary(by_tanh ? UnaryKind::GeluTanh : UnaryKind::GeluErf, c.x())};
}

constexpr Row kActivationRows[] = {
    {"Activation", activation},
    {"ELU", elu},
    {"LeakyReLU", leaky_relu},
    {"PReLU", prelu},
    {"ReLU", relu_layer},
    {"Softmax", softmax},
    {"ThresholdedReLU", thresholded},
    {"Relu", unary<UnaryKind::Relu>},
    {"Relu6", relu6},
    {"Sigmoid", unary<UnaryKind::Sigmoid>},
    {"Tanh", unary<UnaryKind::Tanh>},
    {"Silu", unary<UnaryKind::Swish>},
    {"HardSigmoid", hard_sigmoid},
    {"HardSilu", unary<UnaryKind::HSwish>},
    {"HardSwish", unary<UnaryKind::HSwish>},
    {"Gelu", gelu},
    {"Softplus", unary<UnaryKind::SoftPlus>},
    {"Absolute", unary<UnaryKind::Abs>},
    {"Abs", unary<UnaryKind::Abs>},
    {"Exp", unary<UnaryKind::Exp>},
    {"Log", unary<UnaryKind::Log>},
    {"Sqrt", unary<UnaryKind::Sqrt>},
    {"Rsqrt", unary<UnaryKind::Rsqrt>},
    {"Square", unary<UnaryKind::Square>},
    {"Negative", unary<UnaryKind::Negative>},
};

}  // namespace

ValueId LayerContext::activated(ValueId x, const json* activation) const {
  if (activation == nullptr || activation->is_null()) return x;
  if (activation->is_string()) return named(*this, x, activation->get<std::string>(), json());
  if (!activation->is_object() || !activation->contains("class_name")) invalid("an activation that is no name");
  const std::string kind = text_of((*activation)["class_name"], "an activation's class");
  const json& inner_config = member(*activation, "config");
  if (kind == "function")
    return named(*this, x,
                 inner_config.is_string() ? inner_config.get<std::string>() : text_of(member(inner_config, "name"), "an activation"),
                 inner_config);
  if (row_of(kind) == nullptr) unsupported("the activation '{}'", kind.substr(0, 60));
  return inner(*activation, "activation", {x}).at(0);
}

std::span<const Row> activation_rows() { return kActivationRows; }

}  // namespace saccade::keras
