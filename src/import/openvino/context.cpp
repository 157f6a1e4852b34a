// SPDX-License-Identifier: Apache-2.0
// What mapping functions see of a layer.
#include <algorithm>

#include "import/openvino/build.h"
#include "import/openvino/map.h"
#include "ops/convert.h"
#include "ops/elementwise.h"
#include "ops/reshape.h"
#include "ops/transpose.h"
#include "tensor/numeric.h"

namespace saccade::openvino {
namespace {

bool parse_flag(std::string_view text, std::string_view what) {
  if (text == "true" || text == "True" || text == "1" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "0" || text == "FALSE") return false;
  fail(ErrorCode::invalid_model, "{} is '{}', true or false is needed", what, shown(text));
}

std::string lower(std::string_view text) {
  std::string out;
  for (char c : text) out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// Whether a value is computed from constants alone, so that it stays what it is when inputs get other shapes.
bool is_fixed(const graph::Graph& graph, ValueId root) {
  std::vector<ValueId> stack{root};
  std::set<std::int32_t> seen;
  while (!stack.empty()) {
    const ValueId v = stack.back();
    stack.pop_back();
    if (!v.valid() || !seen.insert(v.index).second) continue;
    if (graph[v].is_constant()) continue;
    const graph::Node* producer = graph.producer(v);
    if (producer == nullptr || seen.size() > 10'000) return false;
    stack.insert(stack.end(), producer->inputs.begin(), producer->inputs.end());
  }
  return true;
}

// Fields from the attributes of the same names.
class AttributeReader final : public graph::FieldVisitor {
 public:
  explicit AttributeReader(LayerContext& c) : c_(c) {}

 protected:
  void integer(std::string_view name, std::int64_t& value) override { value = c_.i(name, value); }
  void real(std::string_view name, double& value) override { value = c_.f(name, value); }
  void boolean(std::string_view name, bool& value) override { value = c_.flag(name, value); }
  void text(std::string_view name, std::string& value) override { value = c_.s(name, value); }
  void integers(std::string_view name, std::vector<std::int64_t>& value) override { value = c_.ints(name, value); }
  void reals(std::string_view name, std::vector<double>& value) override { value = c_.floats(name, value); }
  void texts(std::string_view name, std::vector<std::string>& value) override { value = c_.strings(name, value); }
  void element_type(std::string_view name, ElementType& value) override { value = c_.type_attribute(name, value); }
  void tensor(std::string_view, Tensor&) override {}
  void graph(std::string_view, graph::GraphPtr&) override {}
  void enumeration(std::string_view name, std::int64_t& value, std::span<const std::string_view> names) override {
    if (!c_.given(name)) return;
    const std::string text = c_.s(name);
    for (std::size_t k = 0; k < names.size(); ++k)
      if (lower(names[k]) == lower(text)) {
        value = static_cast<std::int64_t>(k);
        return;
      }
    c_.unsupported("{} '{}'", name, shown(text));
  }

 private:
  LayerContext& c_;
};

}  // namespace

namespace {
// Operands broadcast as in NumPy, or are of one shape: what every operator here does.
bool is_numpy_broadcast(pugi::xml_attribute a) {
  const std::string value = lower(a.value());
  return std::string_view(a.name()) == "auto_broadcast" && (value == "numpy" || value == "none" || value.empty());
}
}  // namespace

LayerContext::LayerContext(NetBuilder& model, Edit& e, const LayerSpec& l, Values inputs) : edit(e), layer(l), model_(model), inputs_(std::move(inputs)) {
  while (!inputs_.empty() && !inputs_.back().valid()) inputs_.pop_back();
}

ValueId LayerContext::in(std::size_t i) const {
  SACCADE_CHECK(has(i), invalid_model, "input {} is missing", i);
  return inputs_[i];
}

void LayerContext::set(std::size_t i, ValueId v) {
  if (inputs_.size() <= i) inputs_.resize(i + 1);
  inputs_[i] = v;
}

std::size_t LayerContext::rank(ValueId v) const {
  if (!type(v).shape.ranked()) unsupported("an input of unknown rank");
  return type(v).shape.rank();
}

Tensor LayerContext::constant(std::size_t i) const {
  if (!has(i)) return {};
  const Tensor tensor = edit.graph().constant(inputs_[i]);
  return tensor.defined() && is_fixed(edit.graph(), inputs_[i]) ? tensor : Tensor();
}

std::optional<std::vector<std::int64_t>> LayerContext::integers(std::size_t i) const {
  const Tensor t = constant(i);
  if (!t.defined() || !is_integer(t.type())) return std::nullopt;
  return to_i64(t);
}

std::optional<std::vector<double>> LayerContext::reals(std::size_t i) const {
  const Tensor t = constant(i);
  if (!t.defined()) return std::nullopt;
  return to_f64(t);
}

std::optional<std::string_view> LayerContext::find(std::string_view name) {
  read_.emplace(name);
  for (const auto a : layer.data.attributes())
    if (name == a.name()) return std::string_view(a.value());
  return std::nullopt;
}

bool LayerContext::given(std::string_view name) { return find(name).has_value(); }

namespace {
std::string_view needed(std::optional<std::string_view> text, std::string_view name) {
  SACCADE_CHECK(text, invalid_model, "the attribute '{}' is missing", name);
  return *text;
}
}  // namespace

std::int64_t LayerContext::i(std::string_view name) { return parse_integer(needed(find(name), name), name); }
std::int64_t LayerContext::i(std::string_view name, std::int64_t otherwise) {
  const auto text = find(name);
  return text ? parse_integer(*text, name) : otherwise;
}
bool LayerContext::flag(std::string_view name, bool otherwise) {
  const auto text = find(name);
  return text ? parse_flag(*text, name) : otherwise;
}
double LayerContext::f(std::string_view name) { return parse_real(needed(find(name), name), name); }
double LayerContext::f(std::string_view name, double otherwise) {
  const auto text = find(name);
  return text ? parse_real(*text, name) : otherwise;
}
std::string LayerContext::s(std::string_view name) { return std::string(needed(find(name), name)); }
std::string LayerContext::s(std::string_view name, std::string_view otherwise) { return std::string(find(name).value_or(otherwise)); }

std::vector<std::int64_t> LayerContext::ints(std::string_view name, std::vector<std::int64_t> otherwise) {
  const auto text = find(name);
  if (!text) return otherwise;
  std::vector<std::int64_t> values;
  for (const std::string_view part : split_list(*text)) values.push_back(parse_integer(part, name));
  return values;
}

std::vector<double> LayerContext::floats(std::string_view name, std::vector<double> otherwise) {
  const auto text = find(name);
  if (!text) return otherwise;
  std::vector<double> values;
  for (const std::string_view part : split_list(*text)) values.push_back(parse_real(part, name));
  return values;
}

std::vector<std::string> LayerContext::strings(std::string_view name, std::vector<std::string> otherwise) {
  const auto text = find(name);
  if (!text) return otherwise;
  std::vector<std::string> values;
  for (const std::string_view part : split_list(*text)) values.emplace_back(part);
  return values;
}

ElementType LayerContext::type_attribute(std::string_view name, ElementType otherwise) {
  const auto text = find(name);
  return text ? effective(parse_element(*text)) : otherwise;
}

Op LayerContext::filled(const Op& op) {
  AttributeReader reader(*this);
  return op.edited(reader);
}

ElementType LayerContext::effective(ElementType type) const {
  return version() <= 10 && (type == ElementType::f16 || type == ElementType::bf16) ? ElementType::f32 : type;
}

int LayerContext::version() const { return model_.version(); }

Tensor LayerContext::constant_at(ElementType type, const Shape& shape, std::size_t offset, std::size_t size) const {
  const Tensor tensor = model_.constants().tensor(type, shape, offset, size);
  return effective(type) == type ? tensor : ops::convert(tensor, effective(type));
}

std::vector<PortMap> LayerContext::port_map(const char* element, const char* kind) {
  std::vector<PortMap> map;
  for (const auto child : layer.node.child(element).children(kind)) {
    PortMap line;
    const auto number = [&](const char* name, std::int64_t otherwise) {
      const auto a = child.attribute(name);
      return a ? parse_integer(a.value(), name) : otherwise;
    };
    line.external = number("external_port_id", -1);
    line.internal = number("internal_layer_id", -1);
    line.purpose = child.attribute("purpose").value();
    if (child.attribute("axis")) line.axis = number("axis", 0);
    line.start = number("start", 0);
    line.end = number("end", -1);
    line.stride = number("stride", 1);
    line.part_size = number("part_size", 1);
    map.push_back(std::move(line));
  }
  return map;
}

std::vector<std::pair<std::int64_t, std::int64_t>> LayerContext::back_edges() {
  std::vector<std::pair<std::int64_t, std::int64_t>> edges;
  for (const auto child : layer.node.child("back_edges").children("edge"))
    edges.emplace_back(parse_integer(child.attribute("from-layer").value(), "from-layer"), parse_integer(child.attribute("to-layer").value(), "to-layer"));
  return edges;
}

GraphPtr LayerContext::body(const char* element, const BodySpec& spec) {
  const auto node = layer.node.child(element);
  if (!node) invalid("there is no {}", element);
  return model_.body(node, spec);
}

TensorType LayerContext::parameter_type(const char* element, std::int64_t id) { return model_.parameter_type(layer.node.child(element), id); }

std::size_t LayerContext::input_at(std::int64_t port) const {
  for (std::size_t k = 0; k < layer.inputs.size(); ++k)
    if (layer.inputs[k].id == port) return k;
  invalid("there is no input port {}", port);
}

std::size_t LayerContext::output_at(std::int64_t port) const {
  for (std::size_t k = 0; k < layer.outputs.size(); ++k)
    if (layer.outputs[k].id == port) return k;
  invalid("there is no output port {}", port);
}

const BlobSpec* LayerContext::blob(std::string_view name) const {
  for (const BlobSpec& b : layer.blobs)
    if (b.name == name) return &b;
  return nullptr;
}

Tensor LayerContext::blob_values(const BlobSpec& blob) const {
  const std::string_view precision = !blob.precision.empty() ? blob.precision : !layer.precision.empty() ? layer.precision : layer.outputs.empty() ? "" : layer.outputs[0].precision;
  const ElementType type = parse_element(precision.empty() ? "FP32" : precision);
  const auto count = static_cast<std::int64_t>(blob.size / size_in_bytes(type));
  return constant_at(type, {count}, blob.offset, blob.size);
}

ValueId LayerContext::scalar(ElementType element, double value) { return edit.constant(ops::convert(Tensor::scalar<double>(value), element)); }
ValueId LayerContext::i64(std::span<const std::int64_t> values) { return edit.constant(i64_vector(values)); }
ValueId LayerContext::i64_scalar(std::int64_t value) { return edit.constant(Tensor::scalar(value)); }
ValueId LayerContext::binary(ops::BinaryKind kind, ValueId a, ValueId b) { return op(ops::Binary{kind}, {a, b}); }
ValueId LayerContext::transposed(ValueId v, std::span<const std::int64_t> order) { return op(ops::Transpose{}, {v, i64(order)}); }
ValueId LayerContext::reshaped(ValueId v, std::span<const std::int64_t> shape, bool special_zero) { return op(ops::Reshape{special_zero}, {v, i64(shape)}); }
ValueId LayerContext::converted(ValueId v, ElementType element) { return type(v).element == element ? v : op(ops::Convert{element}, {v}); }

std::vector<std::string> LayerContext::unread() const {
  // what writers add for themselves, or what only says what is so anyway
  static const std::set<std::string_view> kIgnored{"originalLayersNames", "execOrder", "execTimeMcs", "outputLayouts", "outputPrecisions", "primitiveType", "runtimePrecision", "PrecisionsRestricted",
                                                   "PrimitivesPriority"};
  std::vector<std::string> out;
  for (const auto a : layer.data.attributes())
    if (!read_.contains(std::string_view(a.name())) && !kIgnored.contains(a.name()) && !is_numpy_broadcast(a)) out.push_back(shown(a.name()));
  return out;
}

}  // namespace saccade::openvino
