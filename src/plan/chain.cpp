// SPDX-License-Identifier: Apache-2.0
// Chains: which elementwise nodes behind an accumulating operator become its epilogue.
#include <algorithm>

#include "base/error.h"
#include "ops/elementwise.h"
#include "ops/inference.h"
#include "plan/lowering.h"

namespace saccade::plan {

using graph::Node;
using graph::ValueId;
using ops::BinaryKind;
using ops::UnaryKind;

std::optional<kernels::Activation> activation_of(const ops::Unary& op) {
  using kernels::Fn;
  const auto with = [&](Fn fn) { return kernels::Activation{fn, static_cast<float>(op.a), static_cast<float>(op.b), nullptr}; };
  switch (op.kind) {
    case UnaryKind::Relu: return with(Fn::relu);
    case UnaryKind::Clamp: return with(Fn::clip);
    case UnaryKind::LeakyRelu: return with(Fn::leaky_relu);
    case UnaryKind::HSwish: return with(Fn::hard_swish);
    case UnaryKind::HSigmoid: return kernels::Activation{Fn::hard_sigmoid, 1.0f / 6, 0.5f, nullptr};
    case UnaryKind::HardSigmoid: return with(Fn::hard_sigmoid);
    case UnaryKind::Swish: return op.a == 1 ? std::optional(with(Fn::silu)) : std::nullopt;
    case UnaryKind::Sigmoid: return with(Fn::sigmoid);
    case UnaryKind::Tanh: return with(Fn::tanh);
    case UnaryKind::GeluErf: return with(Fn::gelu_erf);
    case UnaryKind::GeluTanh: return with(Fn::gelu_tanh);
    case UnaryKind::Mish: return with(Fn::mish);
    case UnaryKind::Elu: return with(Fn::elu);
    case UnaryKind::Selu: return with(Fn::selu);
    case UnaryKind::SoftPlus: return with(Fn::softplus);
    case UnaryKind::Exp: return with(Fn::exp);
    case UnaryKind::Log: return with(Fn::log);
    case UnaryKind::Sqrt: return with(Fn::sqrt);
    case UnaryKind::Rsqrt: return with(Fn::rsqrt);
    case UnaryKind::Reciprocal: return with(Fn::reciprocal);
    case UnaryKind::Square: return with(Fn::square);
    case UnaryKind::Abs: return with(Fn::abs);
    case UnaryKind::Negative: return with(Fn::neg);
    case UnaryKind::Sign: return with(Fn::sign);
    case UnaryKind::Floor: return with(Fn::floor);
    case UnaryKind::Ceiling: return with(Fn::ceil);
    case UnaryKind::Round: return with(Fn::round_even);
    case UnaryKind::Erf: return with(Fn::erf);
    case UnaryKind::Sin: return with(Fn::sin);
    case UnaryKind::Cos: return with(Fn::cos);
    default: return std::nullopt;
  }
}

namespace {

// A constant operand as one f32 value per channel, if it varies along `axis` (of a value of shape `dims`) at most.
Tensor per_channel(const Tensor& constant, const Shape& dims, std::size_t axis) {
  if (!constant.defined() || constant.type() != ElementType::f32 || axis >= dims.size() || constant.shape().size() > dims.size()) return {};
  const std::int64_t channels = dims[axis];
  const std::size_t shift = dims.size() - constant.shape().size();
  for (std::size_t d = 0; d < constant.shape().size(); ++d)
    if (constant.shape()[d] != 1 && d + shift != axis) return {};
  if (constant.size() == channels) return constant.reshaped({channels});
  if (constant.size() != 1) return {};
  Tensor spread(ElementType::f32, {channels});
  std::fill_n(spread.data<float>(), channels, constant.data<float>()[0]);
  return spread;
}

Tensor combined(const Tensor& a, const Tensor& b, bool multiply) {
  if (!a.defined()) return b;
  Tensor out = a.clone();
  for (std::int64_t i = 0; i < out.size(); ++i) {
    float& v = out.data<float>()[i];
    v = multiply ? v * b.data<float>()[i] : v + b.data<float>()[i];
  }
  return out;
}

}  // namespace

Chain Lowering::chain_behind(const Node& node, std::size_t axis, bool allow_other) {
  Chain chain;
  chain.nodes = {node.id};
  chain.result = node.outputs[0];
  const Shape dims = shape(chain.result);
  bool activated = false;  // `first` is taken, or `other` came before it
  for (;;) {
    if (graph.use_count(chain.result) != 1 || graph[chain.result].uses.empty()) return chain;
    const graph::Use use = graph[chain.result].uses[0];
    const Node& next = graph[use.node];
    if (absorbed_[static_cast<std::size_t>(next.id.index)]) return chain;
    if (const auto* unary = next.op.as<ops::Unary>()) {
      const auto activation = activation_of(*unary);
      if (!activation || element(chain.result) != ElementType::f32 || chain.second.fn != kernels::Fn::none) return chain;
      if (!activated && chain.combine == kernels::Combine::none) {
        chain.first = *activation;
        activated = true;
      } else if (chain.combine != kernels::Combine::none) {
        chain.second = *activation;
      } else {
        return chain;
      }
    } else if (const auto* binary = next.op.as<ops::Binary>()) {
      const ValueId operand = next.inputs[use.input == 0 ? 1 : 0];
      if (shape(next.outputs[0]) != dims) return chain;
      const Tensor channelwise = per_channel(graph.constant(operand), dims, axis);
      const bool fresh = !activated && chain.combine == kernels::Combine::none;
      if (channelwise.defined() && binary->kind == BinaryKind::Add && fresh) {
        chain.bias = combined(chain.bias, channelwise, false);
      } else if (channelwise.defined() && binary->kind == BinaryKind::Subtract && use.input == 0 && fresh) {
        Tensor negated = channelwise.clone();
        for (float& v : negated.values<float>()) v = -v;
        chain.bias = combined(chain.bias, negated, false);
      } else if (channelwise.defined() && binary->kind == BinaryKind::Multiply && fresh && !chain.bias.defined()) {
        chain.scale = combined(chain.scale, channelwise, true);
      } else if (channelwise.defined() && binary->kind == BinaryKind::Prelu && use.input == 0 && fresh) {
        chain.slope = channelwise;
        chain.first.fn = kernels::Fn::prelu;
        activated = true;
      } else if (allow_other && (binary->kind == BinaryKind::Add || binary->kind == BinaryKind::Multiply) && chain.combine == kernels::Combine::none &&
                 element(operand) == ElementType::f32 && shape(operand) == dims && operand != chain.result) {
        chain.combine = binary->kind == BinaryKind::Add ? kernels::Combine::add : kernels::Combine::mul;
        chain.other = operand;
      } else {
        return chain;
      }
    } else {
      return chain;
    }
    chain.nodes.push_back(next.id);
    chain.result = next.outputs[0];
  }
}

kernels::Epilogue Lowering::epilogue(const Chain& chain) {
  // pointers into the constants: the plan's buffers keep them alive
  kernels::Epilogue e;
  const auto keep = [&](const Tensor& t) -> const float* { return t.defined() ? constant(t), t.data<float>() : nullptr; };
  e.scale = keep(chain.scale);
  e.bias = keep(chain.bias);
  e.first = chain.first;
  if (e.first.fn == kernels::Fn::prelu) e.first.slope = keep(chain.slope);
  e.combine = chain.combine;
  e.before = chain.before;
  e.second = chain.second;
  return e;
}

std::string Lowering::kind(const Chain& chain) const {
  std::string text;
  for (graph::NodeId n : chain.nodes) text += (text.empty() ? "" : "+") + std::string(graph[n].op.name());
  return text;
}

}  // namespace saccade::plan
