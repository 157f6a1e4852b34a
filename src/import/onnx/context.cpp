// SPDX-License-Identifier: Apache-2.0
// NodeContext: inputs and attributes of one node for its mapping function.
#include "import/onnx/build.h"
#include "import/onnx/map.h"
#include "tensor/numeric.h"

namespace saccade::onnx {
namespace {

std::size_t without_trailing_empty(const std::vector<std::string_view>& names) {
  std::size_t n = names.size();
  while (n > 0 && names[n - 1].empty()) --n;
  return n;
}

std::string_view kind(AttributeType type) {
  switch (type) {
    case AttributeType::real: return "a float";
    case AttributeType::integer: return "an integer";
    case AttributeType::string: return "a string";
    case AttributeType::tensor: return "a tensor";
    case AttributeType::graph: return "a graph";
    case AttributeType::reals: return "floats";
    case AttributeType::integers: return "integers";
    case AttributeType::strings: return "strings";
    case AttributeType::sparse_tensor: return "a sparse tensor";
    default: return "something else";
  }
}

}  // namespace

NodeContext::NodeContext(ModelBuilder& model, Scope& scope, const NodeProto& node, std::vector<ValueId> inputs, std::int64_t version)
    : edit(scope.target.edit),
      model_(model),
      scope_(scope),
      node_(node),
      inputs_(std::move(inputs)),
      outputs_(without_trailing_empty(node.outputs)),
      version_(version),
      name_(name_of(node)) {
  while (!inputs_.empty() && !inputs_.back().valid()) inputs_.pop_back();
}

ValueId NodeContext::in(std::size_t i) const {
  if (!has(i)) invalid("input {} is missing", i);
  return inputs_[i];
}

std::size_t NodeContext::rank(std::size_t i) const {
  if (!shape(i).ranked()) unsupported("input {} of unknown rank", i);
  return shape(i).rank();
}

const Tensor* NodeContext::constant(std::size_t i) const {
  if (!has(i)) return nullptr;
  const Tensor& tensor = edit.graph().constant(inputs_[i]);
  return tensor.defined() && scope_.target.is_fixed(inputs_[i]) ? &tensor : nullptr;
}

std::optional<std::vector<std::int64_t>> NodeContext::integers(std::size_t i) const {
  const Tensor* tensor = constant(i);
  return tensor ? std::optional(to_i64(*tensor)) : std::nullopt;
}

bool NodeContext::wants(std::size_t i) const { return i < outputs_ && !node_.outputs[i].empty(); }

bool NodeContext::given(std::string_view name) {
  for (const auto& a : node_.attributes)
    if (a.name == name) {
      read_.emplace(name);
      return true;
    }
  return false;
}

const AttributeProto* NodeContext::find(std::string_view name, AttributeType type) {
  for (const auto& a : node_.attributes) {
    if (a.name != name) continue;
    read_.emplace(name);
    // an empty list may have been written without saying of what
    if (a.type == 0 && (type == AttributeType::integers || type == AttributeType::reals || type == AttributeType::strings)) return &a;
    if (a.type != static_cast<std::int32_t>(type)) invalid("attribute '{}' is {} where {} is needed", name, kind(static_cast<AttributeType>(a.type)), kind(type));
    return &a;
  }
  return nullptr;
}

const AttributeProto& NodeContext::need(std::string_view name, AttributeType type) {
  const AttributeProto* a = find(name, type);
  if (a == nullptr) invalid("attribute '{}' is missing", name);
  return *a;
}

std::int64_t NodeContext::i(std::string_view name) { return need(name, AttributeType::integer).i; }
std::int64_t NodeContext::i(std::string_view name, std::int64_t otherwise) {
  const auto* a = find(name, AttributeType::integer);
  return a ? a->i : otherwise;
}
double NodeContext::f(std::string_view name) { return need(name, AttributeType::real).f; }
double NodeContext::f(std::string_view name, double otherwise) {
  const auto* a = find(name, AttributeType::real);
  return a ? static_cast<double>(a->f) : otherwise;
}
std::string NodeContext::s(std::string_view name) { return std::string(need(name, AttributeType::string).s); }
std::string NodeContext::s(std::string_view name, std::string_view otherwise) {
  const auto* a = find(name, AttributeType::string);
  return std::string(a ? a->s : otherwise);
}
std::vector<std::int64_t> NodeContext::ints(std::string_view name) { return need(name, AttributeType::integers).ints; }
std::vector<std::int64_t> NodeContext::ints(std::string_view name, std::vector<std::int64_t> otherwise) {
  const auto* a = find(name, AttributeType::integers);
  return a ? a->ints : std::move(otherwise);
}
std::vector<double> NodeContext::floats(std::string_view name) {
  const auto& list = need(name, AttributeType::reals).floats;
  return {list.begin(), list.end()};
}
std::vector<double> NodeContext::floats(std::string_view name, std::vector<double> otherwise) {
  const auto* a = find(name, AttributeType::reals);
  return a ? std::vector<double>(a->floats.begin(), a->floats.end()) : std::move(otherwise);
}
std::vector<std::string> NodeContext::strings(std::string_view name, std::vector<std::string> otherwise) {
  const auto* a = find(name, AttributeType::strings);
  return a ? std::vector<std::string>(a->strings.begin(), a->strings.end()) : std::move(otherwise);
}

Tensor NodeContext::t(std::string_view name) {
  for (const auto& a : node_.attributes)
    if (a.name == name && a.sparse && a.type == static_cast<std::int32_t>(AttributeType::sparse_tensor)) {
      read_.emplace(name);
      return model_.source().tensor(*a.sparse);
    }
  const auto& a = need(name, AttributeType::tensor);
  if (!a.t) invalid("attribute '{}' holds no tensor", name);
  return model_.source().tensor(*a.t);
}

ElementType NodeContext::type(std::string_view name) { return element_type(i(name)); }
ElementType NodeContext::type(std::string_view name, ElementType otherwise) {
  const auto* a = find(name, AttributeType::integer);
  return a ? element_type(a->i) : otherwise;
}

Body NodeContext::g(std::string_view name, std::span<const TensorType> inputs) {
  const auto& a = need(name, AttributeType::graph);
  if (!a.g) invalid("attribute '{}' holds no graph", name);
  return model_.body(scope_, *a.g, inputs);
}

std::vector<ValueId> NodeContext::inlined(std::string_view name, const std::vector<ValueId>& inputs) {
  const auto& a = need(name, AttributeType::graph);
  if (!a.g) invalid("attribute '{}' holds no graph", name);
  return model_.inlined(scope_, *a.g, inputs);
}

std::size_t NodeContext::body_inputs(std::string_view name) {
  const auto& a = need(name, AttributeType::graph);
  return a.g ? a.g->inputs.size() : 0;
}

std::size_t NodeContext::body_outputs(std::string_view name) {
  const auto& a = need(name, AttributeType::graph);
  return a.g ? a.g->outputs.size() : 0;
}

ValueId NodeContext::scalar(ElementType element, double value) {
  Tensor tensor(element, {});
  set_element_f64(tensor, 0, value);
  return edit.constant(std::move(tensor));
}

ValueId NodeContext::i64(std::span<const std::int64_t> values) { return edit.constant(i64_vector(values)); }

ValueId NodeContext::i64_scalar(std::int64_t value) { return edit.constant(Tensor::scalar(value)); }

std::vector<std::string> NodeContext::unread() const {
  std::vector<std::string> out;
  for (const auto& a : node_.attributes)
    if (!a.name.empty() && !read_.contains(a.name)) out.emplace_back(shown(a.name));
  return out;
}

}  // namespace saccade::onnx
