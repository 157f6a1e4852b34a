// SPDX-License-Identifier: Apache-2.0
// Names and messages.
#include "export/onnx/proto.h"

#include <protozero/pbf_writer.hpp>

#include <fmt/format.h>

#include "base/error.h"

namespace saccade::exporter::onnx {
namespace {

using graph::Graph;
using graph::Node;
using graph::ValueId;
using protozero::pbf_writer;

int packed_bits(ElementType type) {
  switch (type) {
    case ElementType::u4:
    case ElementType::i4:
    case ElementType::f4e2m1: return 4;
    case ElementType::u2:
    case ElementType::i2: return 2;
    default: return 8;
  }
}

// Names are unique over the model and its bodies, which see the values around them.
class Names {
 public:
  std::string unique(const std::string& wanted) {
    std::string name = wanted.empty() ? fmt::format("value_{}", taken_.size()) : wanted;
    for (int i = 1; !taken_.insert(name).second; ++i) name = fmt::format("{}_{}", wanted.empty() ? "value" : wanted, i);
    return name;
  }

 private:
  std::unordered_set<std::string> taken_;
};

class GraphWriter {
 public:
  GraphWriter(const Graph& graph, Names& names, Names& nodes) : graph_(graph), names_(names), nodes_(nodes) {}

  // The outermost graph, or a body: its first `formal` inputs are its own, the others stand for `captured` names around it.
  std::string fields(std::size_t formal, const std::vector<std::string>& captured, std::vector<Initializer>* initializers);

 private:
  std::string& name_of(ValueId value);
  void tensor(pbf_writer& to, const std::string& name, const Tensor& tensor);
  void value_info(pbf_writer& graph, protozero::pbf_tag_type field, const std::string& name, const TensorType& type);
  void node(pbf_writer& graph, const Node& node);
  void attribute(pbf_writer& node, const OnnxAttribute& attribute, const Node& owner, std::size_t own_inputs);
  std::string body(const OnnxAttribute& attribute, const Node& owner, std::size_t own_inputs);

  const Graph& graph_;
  Names &names_, &nodes_;
  std::unordered_map<std::int32_t, std::string> by_value_;
  std::string data_;
  std::vector<Initializer>* initializers_ = nullptr;
};

std::string& GraphWriter::name_of(ValueId value) {
  const auto [it, fresh] = by_value_.try_emplace(value.index);
  if (fresh) it->second = names_.unique(graph_[value].name);
  return it->second;
}

void GraphWriter::tensor(pbf_writer& to, const std::string& name, const Tensor& tensor) {
  for (const std::int64_t d : tensor.shape()) to.add_int64(1, d);
  to.add_int32(2, data_type(tensor.type()));
  to.add_string(8, name);
  std::string scratch;
  const std::string_view raw = raw_data(tensor, scratch);
  to.add_bytes(9, raw.data(), raw.size());
}

void GraphWriter::value_info(pbf_writer& graph, protozero::pbf_tag_type field, const std::string& name, const TensorType& type) {
  pbf_writer info(graph, field);
  info.add_string(1, name);
  pbf_writer holder(info, 2);
  pbf_writer tensor_type(holder, 1);
  tensor_type.add_int32(1, data_type(type.element));
  if (!type.shape.ranked()) return;
  // messages without fields mean something here: a scalar, an unknown size
  std::string shape;
  for (const auto& d : type.shape.dimensions()) {
    std::string dim;
    pbf_writer to(dim);
    if (d.is_static()) to.add_int64(1, d.size());
    else if (!d.symbol.empty()) to.add_string(2, d.symbol);
    pbf_writer(shape).add_message(1, dim);
  }
  tensor_type.add_message(2, shape);
}

// What a body takes from around it are names there; the graph has them as inputs.
std::string GraphWriter::body(const OnnxAttribute& attribute, const Node& owner, std::size_t own_inputs) {
  const Graph& inner = *std::get<graph::GraphPtr>(attribute.value);
  std::size_t first = own_inputs, formal = own_inputs;
  if (attribute.name == "then_branch") formal = 0;
  if (attribute.name == "else_branch") {
    formal = 0;
    first = owner.inputs.size() - inner.inputs().size();
  }
  std::vector<std::string> captured;
  for (std::size_t i = formal; i < inner.inputs().size(); ++i) captured.push_back(name_of(owner.inputs.at(first + i - formal)));
  return GraphWriter(inner, names_, nodes_).fields(formal, captured, nullptr);
}

void GraphWriter::attribute(pbf_writer& node, const OnnxAttribute& attribute, const Node& owner, std::size_t own_inputs) {
  enum Type { real = 1, integer = 2, text = 3, graph = 5, reals = 6, integers = 7, texts = 8 };
  // bodies are built before their message is opened
  std::string inner;
  if (std::holds_alternative<graph::GraphPtr>(attribute.value)) inner = body(attribute, owner, own_inputs);
  pbf_writer to(node, 5);
  to.add_string(1, attribute.name);
  Type type = integer;
  if (const auto* i = std::get_if<std::int64_t>(&attribute.value)) {
    to.add_int64(3, *i);
  } else if (const auto* f = std::get_if<double>(&attribute.value)) {
    type = real;
    to.add_float(2, static_cast<float>(*f));
  } else if (const auto* s = std::get_if<std::string>(&attribute.value)) {
    type = text;
    to.add_bytes(4, *s);
  } else if (const auto* ints = std::get_if<std::vector<std::int64_t>>(&attribute.value)) {
    type = integers;
    for (const std::int64_t v : *ints) to.add_int64(8, v);
  } else if (const auto* floats = std::get_if<std::vector<double>>(&attribute.value)) {
    type = reals;
    for (const double v : *floats) to.add_float(7, static_cast<float>(v));
  } else if (const auto* strings = std::get_if<std::vector<std::string>>(&attribute.value)) {
    type = texts;
    for (const std::string& v : *strings) to.add_bytes(9, v);
  } else {
    type = graph;
    to.add_message(6, inner);
  }
  to.add_enum(20, type);
}

void GraphWriter::node(pbf_writer& graph, const Node& node) {
  const auto& op = *node.op.as<OnnxNode>();
  const std::size_t own = std::min(op.own_inputs, node.inputs.size());
  // names first: the body of a node may name values of this graph
  std::vector<std::string> inputs;
  for (std::size_t i = 0; i < own; ++i) inputs.push_back(node.inputs[i].valid() ? name_of(node.inputs[i]) : std::string());
  while (!inputs.empty() && inputs.back().empty()) inputs.pop_back();
  pbf_writer to(graph, 1);
  for (const std::string& name : inputs) to.add_string(1, name);
  for (const ValueId out : node.outputs) to.add_string(2, name_of(out));
  if (!node.name.empty()) to.add_string(3, nodes_.unique(node.name));
  to.add_string(4, op.type);
  for (const OnnxAttribute& a : op.attributes) attribute(to, a, node, own);
}

std::string GraphWriter::fields(std::size_t formal, const std::vector<std::string>& captured, std::vector<Initializer>* initializers) {
  initializers_ = initializers;
  const bool outermost = initializers != nullptr;
  if (outermost) formal = graph_.inputs().size();
  // the outermost inputs and outputs keep their names, whatever else is called so
  std::unordered_map<std::int32_t, std::string> identities;
  std::vector<std::pair<std::string, ValueId>> copied;
  std::vector<std::string> output_names;
  for (std::size_t i = 0; i < graph_.inputs().size(); ++i) {
    const ValueId in = graph_.inputs()[i];
    if (i < formal) name_of(in);
    else by_value_[in.index] = captured.at(i - formal);
  }
  for (const auto& out : graph_.outputs()) {
    const bool produced = graph_[out.value].producer.valid() && !by_value_.contains(out.value.index);
    std::string name = names_.unique(out.name);
    if (produced) by_value_[out.value.index] = name;
    else copied.emplace_back(name, out.value);
    output_names.push_back(std::move(name));
  }
  pbf_writer graph(data_);
  for (const graph::NodeId id : graph_.order()) {
    ErrorContext scope(graph_[id].op.name(), graph_[id].name);
    node(graph, graph_[id]);
  }
  for (const auto& [name, value] : copied) {
    const std::string from = name_of(value);
    pbf_writer to(graph, 1);
    to.add_string(1, from);
    to.add_string(2, name);
    to.add_string(4, "Identity");
  }
  graph.add_string(2, graph_.name.empty() ? "graph" : graph_.name);
  for (std::size_t i = 0; i < formal; ++i) value_info(graph, 11, name_of(graph_.inputs()[i]), graph_.type(graph_.inputs()[i]));
  for (std::size_t i = 0; i < output_names.size(); ++i) value_info(graph, 12, output_names[i], graph_.type(graph_.outputs()[i].value));
  // constants that something names
  for (std::size_t i = 0; i < graph_.value_limit(); ++i) {
    const ValueId value{static_cast<std::int32_t>(i)};
    if (!graph_[value].alive || !graph_[value].is_constant() || !by_value_.contains(value.index)) continue;
    if (outermost) {
      data_type(graph_.constant(value).type());
      initializers->push_back({name_of(value), graph_.constant(value)});
    } else {
      pbf_writer to(graph, 5);
      tensor(to, name_of(value), graph_.constant(value));
    }
  }
  return std::move(data_);
}

}  // namespace

std::int32_t data_type(ElementType type) {
  switch (type) {
    case ElementType::f32: return 1;
    case ElementType::u8: return 2;
    case ElementType::i8: return 3;
    case ElementType::u16: return 4;
    case ElementType::i16: return 5;
    case ElementType::i32: return 6;
    case ElementType::i64: return 7;
    case ElementType::boolean: return 9;
    case ElementType::f16: return 10;
    case ElementType::f64: return 11;
    case ElementType::u32: return 12;
    case ElementType::u64: return 13;
    case ElementType::bf16: return 16;
    case ElementType::f8e4m3fn: return 17;
    case ElementType::f8e4m3fnuz: return 18;
    case ElementType::f8e5m2: return 19;
    case ElementType::f8e5m2fnuz: return 20;
    case ElementType::u4: return 21;
    case ElementType::i4: return 22;
    case ElementType::f4e2m1: return 23;
    default: fail(ErrorCode::unsupported, "the element type {}", to_string(type));
  }
}

std::string_view raw_data(const Tensor& tensor, std::string& scratch) {
  const int bits = packed_bits(tensor.type());
  if (bits == 8) return {static_cast<const char*>(tensor.raw()), tensor.size_bytes()};
  const auto* elements = static_cast<const unsigned char*>(tensor.raw());
  const std::size_t per_byte = static_cast<std::size_t>(8 / bits), n = static_cast<std::size_t>(tensor.size());
  scratch.assign((n + per_byte - 1) / per_byte, '\0');
  for (std::size_t i = 0; i < n; ++i)
    scratch[i / per_byte] = static_cast<char>(static_cast<unsigned char>(scratch[i / per_byte]) | ((elements[i] & ((1u << bits) - 1)) << (static_cast<int>(i % per_byte) * bits)));
  return scratch;
}

GraphMessage graph_message(const graph::Graph& graph) {
  Names names, nodes;
  GraphMessage message;
  message.fields = GraphWriter(graph, names, nodes).fields(0, {}, &message.initializers);
  return message;
}

}  // namespace saccade::exporter::onnx
