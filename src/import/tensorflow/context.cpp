// SPDX-License-Identifier: Apache-2.0
// NodeContext: inputs and attributes of one node for its mapping function.
#include "import/tensorflow/build.h"
#include "import/tensorflow/map.h"
#include "tensor/numeric.h"

namespace saccade::tensorflow {
namespace {

using AttrKind = AttrValue::Kind;

std::string_view word(AttrKind kind) {
  switch (kind) {
    case AttrKind::string: return "a string";
    case AttrKind::integer: return "an integer";
    case AttrKind::real: return "a float";
    case AttrKind::boolean: return "a boolean";
    case AttrKind::type: return "a type";
    case AttrKind::shape: return "a shape";
    case AttrKind::tensor: return "a tensor";
    case AttrKind::list: return "a list";
    case AttrKind::function: return "a function";
    default: return "something else";
  }
}

// What only repeats the types and the number of the inputs.
bool says_nothing(const Attr& a) {
  if (a.name.starts_with('_') || a.name == "N") return true;
  const bool types = a.value.kind == AttrKind::type || a.value.kind == AttrKind::list;
  return types && (a.name.starts_with('T') || a.name == "SrcT" || a.name == "Index" || a.name == "U");
}

}  // namespace

NodeContext::NodeContext(Builder& builder, Scope& scope, const Node& node, std::vector<Binding> inputs)
    : edit(scope.target.edit), builder_(builder), scope_(scope), node_(node), values_(std::move(inputs)) {}

NodeContext::~NodeContext() = default;

const Binding& NodeContext::binding(std::size_t i) const {
  if (!has(i)) invalid("input {} is missing", i);
  return values_[i];
}

void NodeContext::bind(std::size_t k, Binding binding) {
  if (bound_.size() <= k) bound_.resize(k + 1);
  bound_[k] = std::move(binding);
}

std::vector<Binding> NodeContext::take_bound() { return std::move(bound_); }

ValueId NodeContext::in(std::size_t i) const {
  const Binding& b = binding(i);
  if (b.list) unsupported("input {} is a TensorArray or a TensorList", i);
  if (b.resource) unsupported("input {} is a resource", i);
  return b.value;
}

std::vector<ValueId> NodeContext::inputs() const {
  std::vector<ValueId> all;
  for (std::size_t i = 0; i < count(); ++i) all.push_back(in(i));
  return all;
}

std::size_t NodeContext::rank(std::size_t i) const {
  if (!shape(i).ranked()) unsupported("input {} of unknown rank", i);
  return shape(i).rank();
}

const Tensor* NodeContext::constant(std::size_t i) const {
  if (!has(i)) return nullptr;
  const ValueId value = in(i);
  const Tensor& tensor = edit.graph().constant(value);
  return tensor.defined() && scope_.target.is_fixed(value) ? &tensor : nullptr;
}

std::optional<std::vector<std::int64_t>> NodeContext::integers(std::size_t i) const {
  const Tensor* tensor = constant(i);
  return tensor ? std::optional(to_i64(*tensor)) : std::nullopt;
}

const Network& NodeContext::network() const { return scope_.network; }

bool NodeContext::wants(std::size_t k) const {
  const auto& wanted = scope_.wanted[static_cast<std::size_t>(&node_ - scope_.network.nodes.data())];
  return k < wanted.size() && wanted[k] != 0;
}

bool NodeContext::given(std::string_view name) {
  if (node_.def == nullptr || node_.def->find(name) == nullptr) return false;
  read_.emplace(name);
  return true;
}

const AttrValue* NodeContext::find(std::string_view name, AttrKind kind) {
  const AttrValue* a = node_.def == nullptr ? nullptr : node_.def->find(name);
  if (a == nullptr) return nullptr;
  read_.emplace(name);
  if (a->kind != kind) invalid("attribute '{}' is {} where {} is needed", name, word(a->kind), word(kind));
  return a;
}

const AttrValue& NodeContext::need(std::string_view name, AttrKind kind) {
  const AttrValue* a = find(name, kind);
  if (a == nullptr) invalid("attribute '{}' is missing", name);
  return *a;
}

std::int64_t NodeContext::i(std::string_view name) { return need(name, AttrKind::integer).i; }
std::int64_t NodeContext::i(std::string_view name, std::int64_t otherwise) {
  const auto* a = find(name, AttrKind::integer);
  return a ? a->i : otherwise;
}
bool NodeContext::flag(std::string_view name, bool otherwise) {
  const auto* a = find(name, AttrKind::boolean);
  return a ? a->i != 0 : otherwise;
}
double NodeContext::f(std::string_view name) { return static_cast<double>(need(name, AttrKind::real).f); }
double NodeContext::f(std::string_view name, double otherwise) {
  const auto* a = find(name, AttrKind::real);
  return a ? static_cast<double>(a->f) : otherwise;
}
std::string NodeContext::s(std::string_view name) { return std::string(need(name, AttrKind::string).s); }
std::string NodeContext::s(std::string_view name, std::string_view otherwise) {
  const auto* a = find(name, AttrKind::string);
  return std::string(a ? a->s : otherwise);
}
ElementType NodeContext::type(std::string_view name) { return element_type(need(name, AttrKind::type).i); }
ElementType NodeContext::type(std::string_view name, ElementType otherwise) {
  const auto* a = find(name, AttrKind::type);
  return a ? element_type(a->i) : otherwise;
}
PartialShape NodeContext::shape_attribute(std::string_view name) {
  const auto* a = find(name, AttrKind::shape);
  return a && a->shape ? partial_shape(*a->shape) : PartialShape();
}
std::vector<std::int64_t> NodeContext::ints(std::string_view name) {
  const auto& a = need(name, AttrKind::list);
  return a.list ? a.list->ints : std::vector<std::int64_t>();
}
std::vector<std::int64_t> NodeContext::ints(std::string_view name, std::vector<std::int64_t> otherwise) {
  const auto* a = find(name, AttrKind::list);
  return a && a->list ? a->list->ints : std::move(otherwise);
}
std::vector<double> NodeContext::floats(std::string_view name, std::vector<double> otherwise) {
  const auto* a = find(name, AttrKind::list);
  return a && a->list ? std::vector<double>(a->list->floats.begin(), a->list->floats.end()) : std::move(otherwise);
}
std::vector<std::string> NodeContext::strings(std::string_view name, std::vector<std::string> otherwise) {
  const auto* a = find(name, AttrKind::list);
  return a && a->list ? std::vector<std::string>(a->list->strings.begin(), a->list->strings.end()) : std::move(otherwise);
}
Tensor NodeContext::t(std::string_view name) {
  const auto& a = need(name, AttrKind::tensor);
  return tensor_of(*a.tensor, scope_.network.owner);
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
  if (node_.def == nullptr) return out;
  for (const auto& a : node_.def->attributes)
    if (!says_nothing(a) && !read_.contains(a.name)) out.emplace_back(shown(a.name));
  return out;
}

}  // namespace saccade::tensorflow
