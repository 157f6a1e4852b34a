// SPDX-License-Identifier: Apache-2.0
// OperatorContext: operands and options of one operator for its mapping function.
#include "import/tflite/build.h"
#include "import/tflite/map.h"

namespace saccade::tflite {

OperatorContext::OperatorContext(ModelBuilder& model, Scope& scope, const OperatorInfo& info, std::string name)
    : NodeBuilder(scope.edit, std::move(name)), model_(model), scope_(scope), info_(info) {}

const TensorInfo& OperatorContext::tensor(std::size_t i) const {
  if (!has(i)) invalid("input {} is missing", i);
  return scope_.info.tensors[static_cast<std::size_t>(info_.inputs[i])];
}

ValueId OperatorContext::raw(std::size_t i) const {
  if (!has(i)) invalid("input {} is missing", i);
  return model_.raw(scope_, info_.inputs[i]);
}

ValueId OperatorContext::real(std::size_t i) {
  if (!has(i)) invalid("input {} is missing", i);
  return model_.real(scope_, info_.inputs[i], name());
}

const std::optional<Quantisation>& OperatorContext::quantisation(std::size_t i) const {
  if (!has(i)) invalid("input {} is missing", i);
  return model_.quantisation(scope_, info_.inputs[i]);
}

ValueId OperatorContext::carried(std::size_t i) { return is_quantised(i) && quantisation(i) != output_quantisation(0) ? real(i) : raw(i); }

Values OperatorContext::all_carried(std::size_t first) {
  bool same = true;
  for (std::size_t i = first; i < count(); ++i) same &= !is_quantised(i) || quantisation(i) == output_quantisation(0);
  Values values;
  for (std::size_t i = first; i < count(); ++i) values.push_back(same ? raw(i) : real(i));
  return values;
}

std::vector<std::int64_t> OperatorContext::known_integers(std::size_t i, std::string_view what) const {
  if (!has(i)) invalid("input {} is missing", i);
  const auto values = integers(i);
  if (!values) unsupported("{} that is computed at run time", what);
  return *values;
}

std::int64_t OperatorContext::known_integer(std::size_t i, std::string_view what) const {
  const auto values = known_integers(i, what);
  if (values.size() != 1) invalid("{} of {} numbers", what, values.size());
  return values[0];
}

const TensorInfo& OperatorContext::output(std::size_t i) const {
  if (i >= info_.outputs.size()) invalid("output {} is missing", i);
  return scope_.info.tensors[static_cast<std::size_t>(info_.outputs[i])];
}

const std::optional<Quantisation>& OperatorContext::output_quantisation(std::size_t i) const {
  if (i >= info_.outputs.size()) invalid("output {} is missing", i);
  return model_.quantisation(scope_, info_.outputs[i]);
}

ElementType OperatorContext::output_type(std::size_t i) const {
  const auto type = element_type(output(i).type);
  if (!type) unsupported("{} tensors", type_name(output(i).type));
  return *type;
}

ValueId OperatorContext::activated(ValueId x, int field) const {
  switch (static_cast<Activation>(options().byte(field))) {
    case Activation::none:
      return x;
    case Activation::relu:
      return unary(ops::UnaryKind::Relu, x);
    case Activation::relu_n1_to_1:
      return clamp(x, -1, 1);
    case Activation::relu6:
      return clamp(x, 0, 6);
    case Activation::tanh:
      return unary(ops::UnaryKind::Tanh, x);
    default:
      unsupported("the fused activation {}", int{options().byte(field)});
  }
}

ops::AutoPad OperatorContext::padding(int field) const {
  switch (static_cast<Padding>(options().byte(field))) {
    case Padding::same:
      return ops::AutoPad::same_upper;
    case Padding::valid:
      return ops::AutoPad::valid;
    default:
      invalid("padding {}", int{options().byte(field)});
  }
}

Values OperatorContext::inlined(std::int64_t subgraph, const Values& inputs) { return model_.run(edit, subgraph, inputs); }
Values OperatorContext::inlined_in(graph::Edit& other, std::int64_t subgraph, const Values& inputs) {
  return model_.run(other, subgraph, inputs);
}

graph::GraphPtr OperatorContext::body(std::int64_t subgraph, const Values& inputs) {
  auto graph = std::make_shared<graph::Graph>();
  graph::Edit inner(*graph);
  Values formal;
  for (ValueId v : inputs) formal.push_back(inner.input(fmt::format("input{}", formal.size()), fact(v).type));
  for (ValueId v : model_.run(inner, subgraph, formal)) inner.output(v, fmt::format("output{}", graph->outputs().size()));
  inner.remove_dead();
  return graph;
}

}  // namespace saccade::tflite
