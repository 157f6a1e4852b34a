// SPDX-License-Identifier: Apache-2.0
// Writes small ONNX models, so that tests need no files of others. Every function returns the bytes of one message; any
// broken model can be put together as well as a sound one.
#pragma once

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <protozero/pbf_writer.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace saccade::testing {

using Names = std::vector<std::string>;
/// A size, or a symbol; an empty symbol is a dimension of which nothing is said.
using Dim = std::variant<std::int64_t, std::string>;

enum OnnxType : std::int32_t { kFloat = 1, kUint8 = 2, kInt8 = 3, kInt32 = 6, kInt64 = 7, kString = 8, kBool = 9, kHalf = 10, kDouble = 11, kInt4 = 22 };

class Message {
 public:
  Message& integer(std::uint32_t tag, std::int64_t value) {
    protozero::pbf_writer(bytes_).add_int64(tag, value);
    return *this;
  }
  Message& real(std::uint32_t tag, float value) {
    protozero::pbf_writer(bytes_).add_float(tag, value);
    return *this;
  }
  Message& bytes(std::uint32_t tag, std::string_view value) {
    protozero::pbf_writer(bytes_).add_bytes(tag, value.data(), value.size());
    return *this;
  }
  Message& each(std::uint32_t tag, const std::vector<std::string>& values) {
    for (const auto& v : values) bytes(tag, v);
    return *this;
  }
  Message& integers(std::uint32_t tag, const std::vector<std::int64_t>& values) {
    protozero::pbf_writer(bytes_).add_packed_int64(tag, values.begin(), values.end());
    return *this;
  }
  Message& reals(std::uint32_t tag, const std::vector<float>& values) {
    protozero::pbf_writer(bytes_).add_packed_float(tag, values.begin(), values.end());
    return *this;
  }
  operator std::string() const { return bytes_; }
  const std::string& str() const { return bytes_; }

 private:
  std::string bytes_;
};

template <class T>
std::string raw_bytes(const std::vector<T>& values) {
  std::string out(values.size() * sizeof(T), '\0');
  if (!out.empty()) std::memcpy(out.data(), values.data(), out.size());
  return out;
}

// TensorProto
inline Message tensor_header(std::string_view name, std::int32_t type, const std::vector<std::int64_t>& dims) {
  Message m;
  for (auto d : dims) m.integer(1, d);
  return m.integer(2, type).bytes(8, name);
}
inline std::string tensor_raw(std::string_view name, std::int32_t type, const std::vector<std::int64_t>& dims, std::string_view raw) {
  return tensor_header(name, type, dims).bytes(9, raw);
}
inline std::string tensor_f32(std::string_view name, const std::vector<std::int64_t>& dims, const std::vector<float>& values) {
  return tensor_raw(name, kFloat, dims, raw_bytes(values));
}
inline std::string tensor_i64(std::string_view name, const std::vector<std::int64_t>& dims, const std::vector<std::int64_t>& values) {
  return tensor_raw(name, kInt64, dims, raw_bytes(values));
}
inline std::string tensor_external(std::string_view name, std::int32_t type, const std::vector<std::int64_t>& dims,
                                   const std::vector<std::pair<std::string, std::string>>& entries) {
  Message m = tensor_header(name, type, dims);
  for (const auto& [key, value] : entries) m.bytes(13, Message().bytes(1, key).bytes(2, value).str());
  return m.integer(14, 1);
}

// AttributeProto
inline std::string attribute(std::string_view name, std::int64_t value) { return Message().bytes(1, name).integer(3, value).integer(20, 2); }
inline std::string attribute(std::string_view name, float value) { return Message().bytes(1, name).real(2, value).integer(20, 1); }
inline std::string attribute(std::string_view name, const char* value) { return Message().bytes(1, name).bytes(4, value).integer(20, 3); }
inline std::string attribute(std::string_view name, const std::vector<std::int64_t>& values) { return Message().bytes(1, name).integers(8, values).integer(20, 7); }
inline std::string attribute(std::string_view name, const std::vector<float>& values) { return Message().bytes(1, name).reals(7, values).integer(20, 6); }
inline std::string tensor_attribute(std::string_view name, const std::string& tensor) { return Message().bytes(1, name).bytes(5, tensor).integer(20, 4); }
inline std::string graph_attribute(std::string_view name, const std::string& graph) { return Message().bytes(1, name).bytes(6, graph).integer(20, 5); }
/// An attribute of a node in a function that takes the value of the function's attribute `reference`.
inline std::string attribute_reference(std::string_view name, std::string_view reference, std::int32_t type) {
  return Message().bytes(1, name).bytes(21, reference).integer(20, type);
}

struct NodeSpec {
  std::string op;
  Names inputs, outputs;
  std::vector<std::string> attributes = {};
  std::string name = {}, domain = {};
};

// NodeProto
inline std::string node(const NodeSpec& n) {
  Message m;
  m.each(1, n.inputs).each(2, n.outputs);
  if (!n.name.empty()) m.bytes(3, n.name);
  m.bytes(4, n.op).each(5, n.attributes);
  if (!n.domain.empty()) m.bytes(7, n.domain);
  return m;
}

// ValueInfoProto
inline std::string value_info(std::string_view name, std::int32_t type, const std::vector<Dim>& dims) {
  Message shape;
  for (const auto& d : dims) {
    Message dimension;
    if (const auto* size = std::get_if<std::int64_t>(&d))
      dimension.integer(1, *size);
    else if (!std::get<std::string>(d).empty())
      dimension.bytes(2, std::get<std::string>(d));
    shape.bytes(1, dimension.str());
  }
  const Message tensor_type = Message().integer(1, type).bytes(2, shape.str());
  return Message().bytes(1, name).bytes(2, Message().bytes(1, tensor_type.str()).str());
}
inline std::string value_info_without_shape(std::string_view name, std::int32_t type) {
  return Message().bytes(1, name).bytes(2, Message().bytes(1, Message().integer(1, type).str()).str());
}
inline std::string value_info_sequence(std::string_view name) { return Message().bytes(1, name).bytes(2, Message().bytes(4, "").str()); }

struct GraphSpec {
  std::vector<NodeSpec> nodes;
  std::vector<std::string> inputs, outputs, initializers = {};  // ValueInfoProto, ValueInfoProto, TensorProto
  std::string name = "test";
  std::vector<std::string> sparse_initializers = {};
};

// GraphProto
inline std::string graph_proto(const GraphSpec& g) {
  Message m;
  for (const auto& n : g.nodes) m.bytes(1, node(n));
  return m.bytes(2, g.name).each(5, g.initializers).each(11, g.inputs).each(12, g.outputs).each(15, g.sparse_initializers);
}

struct FunctionSpec {
  std::string name;
  Names inputs, outputs, attributes;
  std::vector<NodeSpec> nodes;
  std::string domain = "local";
  std::vector<std::pair<std::string, std::int64_t>> opsets = {{"", 18}, {"local", 1}};
  std::vector<std::string> defaults = {};  // AttributeProto
};

inline std::string opset(std::string_view domain, std::int64_t version) { return Message().bytes(1, domain).integer(2, version); }

// FunctionProto
inline std::string function(const FunctionSpec& f) {
  Message m;
  m.bytes(1, f.name).each(4, f.inputs).each(5, f.outputs).each(6, f.attributes);
  for (const auto& n : f.nodes) m.bytes(7, node(n));
  for (const auto& [domain, version] : f.opsets) m.bytes(9, opset(domain, version));
  return m.bytes(10, f.domain).each(11, f.defaults);
}

struct ModelSpec {
  GraphSpec graph;
  std::int64_t opset = 18;
  std::vector<FunctionSpec> functions = {};
  std::vector<std::pair<std::string, std::int64_t>> more_opsets = {};
  std::vector<std::pair<std::string, std::string>> metadata = {};
};

// ModelProto
inline std::string model(const ModelSpec& s) {
  Message m;
  m.integer(1, 8).bytes(2, "test");
  m.bytes(7, graph_proto(s.graph)).bytes(8, opset("", s.opset));
  for (const auto& [domain, version] : s.more_opsets) m.bytes(8, opset(domain, version));
  for (const auto& [key, value] : s.metadata) m.bytes(14, Message().bytes(1, key).bytes(2, value).str());
  for (const auto& f : s.functions) m.bytes(25, function(f));
  return m;
}

}  // namespace saccade::testing
