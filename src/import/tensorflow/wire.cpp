// SPDX-License-Identifier: Apache-2.0
// Parsing TensorFlow's protobuf messages into the structs of wire.h.
#include "import/tensorflow/wire.h"

#include <cstring>
#include <protozero/exception.hpp>
#include <protozero/pbf_reader.hpp>
#include <string>

#include "base/error.h"

namespace saccade::tensorflow {
namespace {

using Reader = protozero::pbf_reader;
using Wire = protozero::pbf_wire_type;

// A message of two bytes becomes a struct of a hundred, so their number must be bounded by more than the file's size.
constexpr std::size_t kMaxMessages = 4'000'000;
// Values of attributes that hold functions whose attributes hold functions …
constexpr int kMaxDepth = 16;

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

std::size_t element_bytes(std::int32_t dtype) {
  switch (static_cast<DataType>(dtype)) {
    case DataType::i16: case DataType::u16: case DataType::f16: case DataType::bf16: case DataType::qint16: case DataType::quint16: return 2;
    case DataType::f32: case DataType::i32: case DataType::u32: case DataType::qint32: return 4;
    case DataType::f64: case DataType::i64: case DataType::u64: return 8;
    default: return 1;
  }
}

class Parser {
 public:
  GraphDef graph(Reader r) {
    count();
    GraphDef g;
    while (r.next()) switch (r.tag_and_type()) {
        case bytes(1): g.nodes.push_back(node(r.get_message())); break;
        case bytes(2): library(g, r.get_message()); break;
        case bytes(4): {
          Reader versions = r.get_message();
          while (versions.next()) {
            if (versions.tag_and_type() == varint(1))
              g.producer = versions.get_int64();
            else
              versions.skip();
          }
          break;
        }
        default: r.skip();
      }
    return g;
  }

  MetaGraphDef meta_graph(Reader r) {
    count();
    MetaGraphDef m;
    while (r.next()) switch (r.tag_and_type()) {
        case bytes(1): {
          Reader info = r.get_message();
          while (info.next()) switch (info.tag_and_type()) {
              case bytes(4): count(); m.tags.push_back(view(info)); break;
              case bytes(5): m.tensorflow_version = view(info); break;
              default: info.skip();
            }
          break;
        }
        case bytes(2):
          SACCADE_CHECK(!m.has_graph, invalid_model, "a meta graph with two graphs");
          m.has_graph = true;
          m.graph = graph(r.get_message());
          break;
        case bytes(3): {
          Reader saver = r.get_message();
          while (saver.next()) switch (saver.tag_and_type()) {
              case bytes(1): m.filename_tensor = view(saver); break;
              case bytes(3): m.restore_op = view(saver); break;
              default: saver.skip();
            }
          break;
        }
        case bytes(5): entry(r.get_message(), [&](std::string_view key, Reader value) { m.signatures.push_back(signature(key, value)); }); break;
        default: r.skip();
      }
    return m;
  }

  SavedModel saved_model(Reader r) {
    SavedModel s;
    while (r.next()) switch (r.tag_and_type()) {
        case varint(1): s.schema = r.get_int64(); break;
        case bytes(2): s.meta_graphs.push_back(meta_graph(r.get_message())); break;
        default: r.skip();
      }
    return s;
  }

 private:
  void count() { SACCADE_CHECK(++messages_ <= kMaxMessages, invalid_model, "the file holds more than {} messages", kMaxMessages); }

  // An entry of a map: key = 1, value = 2, in any order.
  template <class F>
  void entry(Reader r, F&& use) {
    count();
    std::string_view key;
    Reader value;
    while (r.next()) switch (r.tag_and_type()) {
        case bytes(1): key = view(r); break;
        case bytes(2): value = r.get_message(); break;
        default: r.skip();
      }
    use(key, value);
  }

  SignatureDef signature(std::string_view key, Reader r) {
    SignatureDef s;
    s.key = key;
    while (r.next()) switch (r.tag_and_type()) {
        case bytes(1): entry(r.get_message(), [&](std::string_view name, Reader value) { s.inputs.push_back(tensor_info(name, value)); }); break;
        case bytes(2): entry(r.get_message(), [&](std::string_view name, Reader value) { s.outputs.push_back(tensor_info(name, value)); }); break;
        case bytes(3): s.method = view(r); break;
        default: r.skip();
      }
    return s;
  }

  TensorInfo tensor_info(std::string_view key, Reader r) {
    TensorInfo t;
    t.key = key;
    while (r.next()) switch (r.tag_and_type()) {
        case bytes(1): t.name = view(r); break;
        case varint(2): t.dtype = r.get_int32(); break;
        case bytes(3):
          t.has_shape = true;
          t.shape = shape(r.get_message());
          break;
        default: r.skip();
      }
    return t;
  }

  NodeDef node(Reader r) {
    count();
    NodeDef n;
    while (r.next()) switch (r.tag_and_type()) {
        case bytes(1): n.name = view(r); break;
        case bytes(2): n.op = view(r); break;
        case bytes(3): count(); n.inputs.push_back(view(r)); break;
        case bytes(5): attribute(n.attributes, r.get_message()); break;
        default: r.skip();
      }
    return n;
  }

  void attribute(std::vector<Attr>& out, Reader r) {
    entry(r, [&](std::string_view key, Reader value) { out.push_back({key, attr_value(value)}); });
  }

  AttrValue attr_value(Reader r) {
    count();
    SACCADE_CHECK(++depth_ <= kMaxDepth, invalid_model, "attributes are nested more than {} deep", kMaxDepth);
    AttrValue a;
    using Kind = AttrValue::Kind;
    while (r.next()) switch (r.tag_and_type()) {
        case bytes(1): a.kind = Kind::list; a.list = std::make_shared<AttrList>(list(r.get_message())); break;
        case bytes(2): a.kind = Kind::string; a.s = view(r); break;
        case varint(3): a.kind = Kind::integer; a.i = r.get_int64(); break;
        case fixed32(4): a.kind = Kind::real; a.f = r.get_float(); break;
        case varint(5): a.kind = Kind::boolean; a.i = r.get_bool(); break;
        case varint(6): a.kind = Kind::type; a.i = r.get_int32(); break;
        case bytes(7): a.kind = Kind::shape; a.shape = std::make_shared<ShapeProto>(shape(r.get_message())); break;
        case bytes(8): a.kind = Kind::tensor; a.tensor = std::make_shared<TensorProto>(tensor(r.get_message())); break;
        case bytes(9): a.kind = Kind::placeholder; a.s = view(r); break;
        case bytes(10): {
          a.kind = Kind::function;
          AttrList attributes;
          a.s = function_name(r.get_message(), &attributes);
          a.list = std::make_shared<AttrList>(std::move(attributes));
          break;
        }
        default: r.skip();
      }
    --depth_;
    return a;
  }

  std::string_view function_name(Reader r, AttrList* attributes) {
    count();
    std::string_view name;
    while (r.next()) switch (r.tag_and_type()) {
        case bytes(1): name = view(r); break;
        case bytes(2):
          if (attributes != nullptr)
            attribute(attributes->attributes, r.get_message());
          else
            r.skip();
          break;
        default: r.skip();
      }
    return name;
  }

  AttrList list(Reader r) {
    AttrList l;
    while (r.next()) switch (r.tag_and_type()) {
        case bytes(2): count(); l.strings.push_back(view(r)); break;
        case bytes(3): append(l.ints, r.get_packed_int64()); break;
        case varint(3): l.ints.push_back(r.get_int64()); break;
        case bytes(4): append(l.floats, r.get_packed_float()); break;
        case fixed32(4): l.floats.push_back(r.get_float()); break;
        case bytes(5): append(l.ints, r.get_packed_bool()); break;
        case varint(5): l.ints.push_back(r.get_bool()); break;
        case bytes(6): append(l.ints, r.get_packed_int32()); break;
        case varint(6): l.ints.push_back(r.get_int32()); break;
        case bytes(7): l.shapes.push_back(shape(r.get_message())); break;
        case bytes(9): l.functions.push_back(function_name(r.get_message(), nullptr)); break;
        default: r.skip();
      }
    return l;
  }

  ShapeProto shape(Reader r) {
    count();
    ShapeProto s;
    while (r.next()) switch (r.tag_and_type()) {
        case bytes(2): {
          count();
          std::int64_t size = 0;
          Reader dim = r.get_message();
          while (dim.next()) {
            if (dim.tag_and_type() == varint(1))
              size = dim.get_int64();
            else
              dim.skip();
          }
          s.dims.push_back(size);
          break;
        }
        case varint(3): s.known_rank = !r.get_bool(); break;
        default: r.skip();
      }
    return s;
  }

  TensorProto tensor(Reader r) {
    count();
    TensorProto t;
    while (r.next()) switch (r.tag_and_type()) {
        case varint(1): t.dtype = r.get_int32(); break;
        case bytes(2): t.shape = shape(r.get_message()); break;
        case bytes(4): t.content = view(r); break;
        case bytes(5): append(t.floats, r.get_packed_float()); break;
        case fixed32(5): t.floats.push_back(r.get_float()); break;
        case bytes(6): append(t.doubles, r.get_packed_double()); break;
        case fixed64(6): t.doubles.push_back(r.get_double()); break;
        case bytes(7): append(t.ints, r.get_packed_int32()); break;
        case varint(7): t.ints.push_back(r.get_int32()); break;
        case bytes(8): count(); t.strings.push_back(view(r)); break;
        case bytes(10): append(t.int64s, r.get_packed_int64()); break;
        case varint(10): t.int64s.push_back(r.get_int64()); break;
        case bytes(11): append(t.bools, r.get_packed_bool()); break;
        case varint(11): t.bools.push_back(r.get_bool()); break;
        case bytes(13): append(t.halves, r.get_packed_int32()); break;
        case varint(13): t.halves.push_back(r.get_int32()); break;
        case bytes(16): append(t.uint32s, r.get_packed_uint32()); break;
        case varint(16): t.uint32s.push_back(r.get_uint32()); break;
        case bytes(17): append(t.uint64s, r.get_packed_uint64()); break;
        case varint(17): t.uint64s.push_back(r.get_uint64()); break;
        default: r.skip();
      }
    align(t);
    return t;
  }

  // Contents stand at any offset. The tag and the length before them have been read and are not needed again, so the
  // contents can move over them, which saves a copy of every weight.
  static void align(TensorProto& t) {
    const std::size_t size = element_bytes(t.dtype);
    const std::size_t shift = reinterpret_cast<std::uintptr_t>(t.content.data()) % size;
    if (shift == 0 || t.content.empty()) return;
    std::size_t prefix = 2;
    for (std::size_t length = t.content.size() >> 7; length > 0; length >>= 7) ++prefix;
    if (shift > prefix) return;
    char* to = const_cast<char*>(t.content.data()) - shift;
    std::memmove(to, t.content.data(), t.content.size());
    t.content = {to, t.content.size()};
  }

  void library(GraphDef& g, Reader r) {
    while (r.next()) {
      if (r.tag_and_type() == bytes(1))
        g.functions.push_back(function(r.get_message()));
      else
        r.skip();
    }
  }

  FunctionDef function(Reader r) {
    count();
    FunctionDef f;
    while (r.next()) switch (r.tag_and_type()) {
        case bytes(1): {
          Reader signature = r.get_message();
          while (signature.next()) switch (signature.tag_and_type()) {
              case bytes(1): f.name = view(signature); break;
              case bytes(2): f.inputs.push_back(argument(signature.get_message())); break;
              case bytes(3): f.outputs.push_back(argument(signature.get_message())); break;
              default: signature.skip();
            }
          break;
        }
        case bytes(3): f.nodes.push_back(node(r.get_message())); break;
        case bytes(4): {
          count();
          Reader e = r.get_message();
          std::pair<std::string_view, std::string_view> ret;
          while (e.next()) switch (e.tag_and_type()) {
              case bytes(1): ret.first = view(e); break;
              case bytes(2): ret.second = view(e); break;
              default: e.skip();
            }
          f.returns.push_back(ret);
          break;
        }
        default: r.skip();
      }
    return f;
  }

  ArgDef argument(Reader r) {
    count();
    ArgDef a;
    while (r.next()) switch (r.tag_and_type()) {
        case bytes(1): a.name = view(r); break;
        case varint(3): a.type = r.get_int32(); break;
        case bytes(4): a.type_attr = view(r); break;
        case bytes(5): a.number_attr = view(r); break;
        case bytes(6): a.type_list_attr = view(r); break;
        default: r.skip();
      }
    return a;
  }

  int depth_ = 0;
  std::size_t messages_ = 0;
};

template <class F>
auto parsed(std::string_view what, F&& parse) {
  try {
    return parse();
  } catch (const protozero::exception& e) {
    fail(ErrorCode::invalid_model, "not a readable TensorFlow {}, or a truncated or damaged one ({})", what, e.what());
  }
}

}  // namespace

const AttrValue* NodeDef::find(std::string_view attribute) const {
  for (const auto& a : attributes)
    if (a.name == attribute) return &a.value;
  return nullptr;
}

GraphDef parse_graph(std::span<char> memory) {
  return parsed("graph", [&] { return Parser().graph(Reader(memory.data(), memory.size())); });
}

MetaGraphDef parse_meta_graph(std::span<char> memory) {
  return parsed("meta graph", [&] { return Parser().meta_graph(Reader(memory.data(), memory.size())); });
}

SavedModel parse_saved_model(std::span<char> memory) {
  return parsed("SavedModel", [&] { return Parser().saved_model(Reader(memory.data(), memory.size())); });
}

}  // namespace saccade::tensorflow
