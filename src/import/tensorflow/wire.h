// SPDX-License-Identifier: Apache-2.0
// TensorFlow's files as plain structs: what the protobuf messages say, nothing interpreted. Strings and tensor contents are
// views of the file's memory, which must outlive them. Field numbers follow TensorFlow's .proto files.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace saccade::tensorflow {

/// types.proto; + 100 for the reference types of old graphs.
enum class DataType : std::int32_t {
  invalid = 0, f32 = 1, f64 = 2, i32 = 3, u8 = 4, i16 = 5, i8 = 6, string = 7, complex64 = 8, i64 = 9, boolean = 10, qint8 = 11, quint8 = 12,
  qint32 = 13, bf16 = 14, qint16 = 15, quint16 = 16, u16 = 17, complex128 = 18, f16 = 19, resource = 20, variant = 21, u32 = 22, u64 = 23,
  f8e5m2 = 24, f8e4m3fn = 25,
};

/// TensorShapeProto; a size of -1 is unknown.
struct ShapeProto {
  bool known_rank = true;
  std::vector<std::int64_t> dims;
};

/// The elements stand in `content` or in one of the lists; a list that is too short ends with copies of its last element.
struct TensorProto {
  std::int32_t dtype = 0;
  ShapeProto shape;
  std::string_view content;  // little-endian elements
  std::vector<float> floats;
  std::vector<double> doubles;
  std::vector<std::int32_t> ints;  // also those of the small integer types
  std::vector<std::int64_t> int64s;
  std::vector<bool> bools;
  std::vector<std::int32_t> halves;
  std::vector<std::uint32_t> uint32s;
  std::vector<std::uint64_t> uint64s;
  std::vector<std::string_view> strings;
};

struct AttrList;

struct AttrValue {
  enum class Kind : std::uint8_t { none, string, integer, real, boolean, type, shape, tensor, list, function, placeholder };
  Kind kind = Kind::none;
  float f = 0;
  std::int64_t i = 0;  // also type and boolean
  std::string_view s;  // also the name of a function and of a placeholder
  std::shared_ptr<const ShapeProto> shape;
  std::shared_ptr<TensorProto> tensor;
  std::shared_ptr<const AttrList> list;
};

struct Attr {
  std::string_view name;
  AttrValue value;
};

/// The elements of a list, one of these; the attributes of a function.
struct AttrList {
  std::vector<std::string_view> strings;
  std::vector<std::int64_t> ints;  // also types and booleans
  std::vector<float> floats;
  std::vector<ShapeProto> shapes;
  std::vector<std::string_view> functions;
  std::vector<Attr> attributes;
};

struct NodeDef {
  std::string_view name, op;
  std::vector<std::string_view> inputs;  // "node", "node:1", "^node"; in functions "argument" or "node:output:0"
  std::vector<Attr> attributes;

  const AttrValue* find(std::string_view attribute) const;
};

struct ArgDef {
  std::string_view name, type_attr, number_attr, type_list_attr;
  std::int32_t type = 0;
};

struct FunctionDef {
  std::string_view name;
  std::vector<ArgDef> inputs, outputs;
  std::vector<NodeDef> nodes;
  std::vector<std::pair<std::string_view, std::string_view>> returns;  // output → "node:output:0" or "argument"
};

struct GraphDef {
  std::vector<NodeDef> nodes;
  std::vector<FunctionDef> functions;
  std::int64_t producer = 0;
};

struct TensorInfo {
  std::string_view key, name;  // the name of the input or output in the signature; "node:0"
  std::int32_t dtype = 0;
  bool has_shape = false;
  ShapeProto shape;
};

struct SignatureDef {
  std::string_view key, method;
  std::vector<TensorInfo> inputs, outputs;
};

struct MetaGraphDef {
  std::vector<std::string_view> tags;
  std::string_view tensorflow_version;
  GraphDef graph;
  bool has_graph = false;
  std::string_view filename_tensor, restore_op;  // of the SaverDef
  std::vector<SignatureDef> signatures;
};

struct SavedModel {
  std::int64_t schema = 0;
  std::vector<MetaGraphDef> meta_graphs;
};

/// These read messages from memory that must outlive the result. Tensor contents that are not aligned for their elements are moved
/// down over their own length prefix where there is room, which is why the memory is writable; it must not be parsed a
/// second time. They throw Error(invalid_model) for anything that is not a well-formed message.
GraphDef parse_graph(std::span<char> bytes);
MetaGraphDef parse_meta_graph(std::span<char> bytes);
SavedModel parse_saved_model(std::span<char> bytes);

}  // namespace saccade::tensorflow
