// SPDX-License-Identifier: Apache-2.0
// Parsing the protobuf messages of ONNX into the structs of wire.h.
#include "import/onnx/wire.h"

#include <cstring>
#include <protozero/exception.hpp>
#include <protozero/pbf_reader.hpp>

#include "base/error.h"

namespace saccade::onnx {
namespace {

using Reader = protozero::pbf_reader;
using Wire = protozero::pbf_wire_type;

// A sub-graph in a sub-graph in …: real models have two or three.
constexpr int kMaxWireDepth = 24;
// A two-byte message becomes a struct of some hundred bytes, so their number must be bounded by more than the file's size.
constexpr std::size_t kMaxMessages = 1'000'000;

constexpr std::uint32_t varint(std::uint32_t tag) { return protozero::tag_and_type(tag, Wire::varint); }
constexpr std::uint32_t bytes(std::uint32_t tag) { return protozero::tag_and_type(tag, Wire::length_delimited); }
constexpr std::uint32_t fixed32(std::uint32_t tag) { return protozero::tag_and_type(tag, Wire::fixed32); }
constexpr std::uint32_t fixed64(std::uint32_t tag) { return protozero::tag_and_type(tag, Wire::fixed64); }

std::string_view view(Reader& r) {
  const auto v = r.get_view();
  return {v.data(), v.size()};
}

template <class T, class Range>
void append(std::vector<T>& out, const Range& range) {
  for (auto v : range) out.push_back(static_cast<T>(v));
}

std::size_t element_bytes(std::int32_t data_type) {
  switch (static_cast<DataType>(data_type)) {
    case DataType::i16: case DataType::u16: case DataType::f16: case DataType::bf16: return 2;
    case DataType::f32: case DataType::i32: case DataType::u32: return 4;
    case DataType::f64: case DataType::i64: case DataType::u64: return 8;
    default: return 1;
  }
}

class Parser {
 public:
  ModelProto model(Reader r) {
    ModelProto m;
    while (r.next()) switch (r.tag_and_type()) {
        case varint(1): m.ir_version = r.get_int64(); break;
        case bytes(2): m.producer_name = view(r); break;
        case bytes(3): m.producer_version = view(r); break;
        case bytes(4): m.domain = view(r); break;
        case varint(5): m.model_version = r.get_int64(); break;
        case bytes(7):
          SACCADE_CHECK(!m.has_graph, invalid_model, "the file holds two graphs");
          m.has_graph = true;
          m.graph = graph(r.get_message());
          break;
        case bytes(8): m.opsets.push_back(opset(r.get_message())); break;
        case bytes(14): m.metadata.push_back(entry(r.get_message())); break;
        case bytes(25): m.functions.push_back(function(r.get_message())); break;
        default: r.skip();
      }
    return m;
  }

 private:
  void count() { SACCADE_CHECK(++messages_ <= kMaxMessages, invalid_model, "the file holds more than {} messages", kMaxMessages); }

  OpsetId opset(Reader r) {
    count();
    OpsetId o;
    while (r.next()) switch (r.tag_and_type()) {
        case bytes(1): o.domain = view(r); break;
        case varint(2): o.version = r.get_int64(); break;
        default: r.skip();
      }
    return o;
  }

  std::pair<std::string_view, std::string_view> entry(Reader r) {
    count();
    std::pair<std::string_view, std::string_view> e;
    while (r.next()) switch (r.tag_and_type()) {
        case bytes(1): e.first = view(r); break;
        case bytes(2): e.second = view(r); break;
        default: r.skip();
      }
    return e;
  }

  GraphProto graph(Reader r) {
    count();
    SACCADE_CHECK(++depth_ <= kMaxWireDepth, invalid_model, "sub-graphs are nested more than {} deep", kMaxWireDepth);
    GraphProto g;
    while (r.next()) switch (r.tag_and_type()) {
        case bytes(1): g.nodes.push_back(node(r.get_message())); break;
        case bytes(2): g.name = view(r); break;
        case bytes(5): g.initializers.push_back(tensor(r.get_message())); break;
        case bytes(11): g.inputs.push_back(value_info(r.get_message())); break;
        case bytes(12): g.outputs.push_back(value_info(r.get_message())); break;
        case bytes(13): g.value_infos.push_back(value_info(r.get_message())); break;
        case bytes(15): g.sparse_initializers.push_back(sparse(r.get_message())); break;
        default: r.skip();
      }
    --depth_;
    return g;
  }

  NodeProto node(Reader r) {
    count();
    NodeProto n;
    while (r.next()) switch (r.tag_and_type()) {
        case bytes(1): count(); n.inputs.push_back(view(r)); break;
        case bytes(2): count(); n.outputs.push_back(view(r)); break;
        case bytes(3): n.name = view(r); break;
        case bytes(4): n.op_type = view(r); break;
        case bytes(5): n.attributes.push_back(attribute(r.get_message())); break;
        case bytes(7): n.domain = view(r); break;
        case bytes(8): n.overload = view(r); break;
        default: r.skip();
      }
    return n;
  }

  AttributeProto attribute(Reader r) {
    count();
    AttributeProto a;
    AttributeType seen = AttributeType::undefined;  // files of IR version 1 and 2 do not state the type
    while (r.next()) switch (r.tag_and_type()) {
        case bytes(1): a.name = view(r); break;
        case fixed32(2): a.f = r.get_float(); seen = AttributeType::real; break;
        case varint(3): a.i = r.get_int64(); seen = AttributeType::integer; break;
        case bytes(4): a.s = view(r); seen = AttributeType::string; break;
        case bytes(5): a.t = std::make_shared<TensorProto>(tensor(r.get_message())); seen = AttributeType::tensor; break;
        case bytes(6): a.g = std::make_shared<GraphProto>(graph(r.get_message())); seen = AttributeType::graph; break;
        case bytes(7): append(a.floats, r.get_packed_float()); seen = AttributeType::reals; break;
        case fixed32(7): a.floats.push_back(r.get_float()); seen = AttributeType::reals; break;
        case bytes(8): append(a.ints, r.get_packed_int64()); seen = AttributeType::integers; break;
        case varint(8): a.ints.push_back(r.get_int64()); seen = AttributeType::integers; break;
        case bytes(9): count(); a.strings.push_back(view(r)); seen = AttributeType::strings; break;
        case varint(20): a.type = r.get_int32(); break;
        case bytes(21): a.reference = view(r); break;
        case bytes(22): a.sparse = std::make_shared<SparseTensorProto>(sparse(r.get_message())); seen = AttributeType::sparse_tensor; break;
        default: r.skip();
      }
    if (a.type == 0) a.type = static_cast<std::int32_t>(seen);
    return a;
  }

  TensorProto tensor(Reader r) {
    count();
    TensorProto t;
    while (r.next()) switch (r.tag_and_type()) {
        case bytes(1): append(t.dims, r.get_packed_int64()); break;
        case varint(1): t.dims.push_back(r.get_int64()); break;
        case varint(2): t.data_type = r.get_int32(); break;
        case bytes(4): append(t.floats, r.get_packed_float()); break;
        case fixed32(4): t.floats.push_back(r.get_float()); break;
        case bytes(5): append(t.int32s, r.get_packed_int32()); break;
        case varint(5): t.int32s.push_back(r.get_int32()); break;
        case bytes(6): r.skip(); ++t.strings; break;
        case bytes(7): append(t.int64s, r.get_packed_int64()); break;
        case varint(7): t.int64s.push_back(r.get_int64()); break;
        case bytes(8): t.name = view(r); break;
        case bytes(9): t.raw = view(r); t.has_raw = true; break;
        case bytes(10): append(t.doubles, r.get_packed_double()); break;
        case fixed64(10): t.doubles.push_back(r.get_double()); break;
        case bytes(11): append(t.uint64s, r.get_packed_uint64()); break;
        case varint(11): t.uint64s.push_back(r.get_uint64()); break;
        case bytes(13): t.external_data.push_back(entry(r.get_message())); break;
        case varint(14): t.external = r.get_int32() == 1; break;
        default: r.skip();
      }
    align(t);
    return t;
  }

  // Float data in a file stands at any offset. The tag and the length before it have been read and are not needed again,
  // so the data can move over them, which saves a copy of every weight.
  static void align(TensorProto& t) {
    const std::size_t size = element_bytes(t.data_type);
    const std::size_t shift = reinterpret_cast<std::uintptr_t>(t.raw.data()) % size;
    if (shift == 0 || t.raw.empty()) return;
    std::size_t prefix = 2;
    for (std::size_t length = t.raw.size() >> 7; length > 0; length >>= 7) ++prefix;
    if (shift > prefix) return;
    char* to = const_cast<char*>(t.raw.data()) - shift;
    std::memmove(to, t.raw.data(), t.raw.size());
    t.raw = {to, t.raw.size()};
  }

  SparseTensorProto sparse(Reader r) {
    count();
    SparseTensorProto s;
    while (r.next()) switch (r.tag_and_type()) {
        case bytes(1): s.values = tensor(r.get_message()); break;
        case bytes(2): s.indices = tensor(r.get_message()); break;
        case bytes(3): append(s.dims, r.get_packed_int64()); break;
        case varint(3): s.dims.push_back(r.get_int64()); break;
        default: r.skip();
      }
    return s;
  }

  ValueInfoProto value_info(Reader r) {
    count();
    ValueInfoProto v;
    while (r.next()) switch (r.tag_and_type()) {
        case bytes(1): v.name = view(r); break;
        case bytes(2): v.type = type(r.get_message()); break;
        default: r.skip();
      }
    return v;
  }

  TypeProto type(Reader r) {
    TypeProto t;
    while (r.next()) switch (r.tag_and_type()) {
        case bytes(1): t = tensor_type(r.get_message()); break;
        case bytes(4): t.kind = TypeProto::Kind::sequence; r.skip(); break;
        case bytes(5): t.kind = TypeProto::Kind::map; r.skip(); break;
        case bytes(7): t.kind = TypeProto::Kind::opaque; r.skip(); break;
        case bytes(8): t.kind = TypeProto::Kind::sparse_tensor; r.skip(); break;
        case bytes(9): t.kind = TypeProto::Kind::optional; r.skip(); break;
        default: r.skip();
      }
    return t;
  }

  TypeProto tensor_type(Reader r) {
    TypeProto t;
    t.kind = TypeProto::Kind::tensor;
    while (r.next()) switch (r.tag_and_type()) {
        case varint(1): t.element = r.get_int32(); break;
        case bytes(2): {
          t.has_shape = true;
          t.dims.clear();
          Reader shape = r.get_message();
          while (shape.next()) {
            if (shape.tag_and_type() == bytes(1))
              t.dims.push_back(dimension(shape.get_message()));
            else
              shape.skip();
          }
          break;
        }
        default: r.skip();
      }
    return t;
  }

  DimensionProto dimension(Reader r) {
    count();
    DimensionProto d;
    while (r.next()) switch (r.tag_and_type()) {
        case varint(1): d.value = r.get_int64(); d.has_value = true; break;
        case bytes(2): d.parameter = view(r); break;
        default: r.skip();
      }
    return d;
  }

  FunctionProto function(Reader r) {
    count();
    FunctionProto f;
    while (r.next()) switch (r.tag_and_type()) {
        case bytes(1): f.name = view(r); break;
        case bytes(4): count(); f.inputs.push_back(view(r)); break;
        case bytes(5): count(); f.outputs.push_back(view(r)); break;
        case bytes(6): count(); f.attributes.push_back(view(r)); break;
        case bytes(7): f.nodes.push_back(node(r.get_message())); break;
        case bytes(9): f.opsets.push_back(opset(r.get_message())); break;
        case bytes(10): f.domain = view(r); break;
        case bytes(11): f.attribute_defaults.push_back(attribute(r.get_message())); break;
        case bytes(13): f.overload = view(r); break;
        default: r.skip();
      }
    return f;
  }

  int depth_ = 0;
  std::size_t messages_ = 0;
};

}  // namespace

ModelProto parse_model(std::span<char> memory) {
  try {
    return Parser().model(Reader(memory.data(), memory.size()));
  } catch (const protozero::exception& e) {
    fail(ErrorCode::invalid_model, "not a readable ONNX file, or a truncated or damaged one ({})", e.what());
  }
}

}  // namespace saccade::onnx
