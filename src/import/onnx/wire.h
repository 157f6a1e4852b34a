// SPDX-License-Identifier: Apache-2.0
// An ONNX file as plain structs: what its protobuf messages say, nothing interpreted. Strings and raw data are views of
// the file's memory, which must outlive them. Field numbers follow onnx.proto.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace saccade::onnx {

/// TensorProto.DataType.
enum class DataType : std::int32_t {
  undefined = 0, f32 = 1, u8 = 2, i8 = 3, u16 = 4, i16 = 5, i32 = 6, i64 = 7, string = 8, boolean = 9, f16 = 10, f64 = 11,
  u32 = 12, u64 = 13, complex64 = 14, complex128 = 15, bf16 = 16, f8e4m3fn = 17, f8e4m3fnuz = 18, f8e5m2 = 19,
  f8e5m2fnuz = 20, u4 = 21, i4 = 22, f4e2m1 = 23, f8e8m0 = 24, u2 = 25, i2 = 26,
};

/// AttributeProto.AttributeType.
enum class AttributeType : std::int32_t {
  undefined = 0, real = 1, integer = 2, string = 3, tensor = 4, graph = 5, reals = 6, integers = 7, strings = 8, tensors = 9,
  graphs = 10, sparse_tensor = 11, sparse_tensors = 12, type = 13, types = 14,
};

struct TensorProto {
  std::string_view name;
  std::int32_t data_type = 0;
  std::vector<std::int64_t> dims;
  bool has_raw = false;
  std::string_view raw;  // little-endian elements
  std::vector<float> floats;
  std::vector<std::int32_t> int32s;
  std::vector<std::int64_t> int64s;
  std::vector<double> doubles;
  std::vector<std::uint64_t> uint64s;
  std::size_t strings = 0;  // number of string elements; their contents are not kept
  bool external = false;
  std::vector<std::pair<std::string_view, std::string_view>> external_data;
};

/// values at the given flat (1-D indices) or n-D positions of a tensor of zeros.
struct SparseTensorProto {
  TensorProto values, indices;
  std::vector<std::int64_t> dims;
};

struct DimensionProto {
  bool has_value = false;
  std::int64_t value = 0;
  std::string_view parameter;
};

struct TypeProto {
  enum class Kind { none, tensor, sequence, map, optional, sparse_tensor, opaque };
  Kind kind = Kind::none;
  std::int32_t element = 0;
  bool has_shape = false;
  std::vector<DimensionProto> dims;
};

struct ValueInfoProto {
  std::string_view name;
  TypeProto type;
};

struct GraphProto;

struct AttributeProto {
  std::string_view name, reference;  // reference: the attribute of the enclosing function that stands here
  std::int32_t type = 0;
  float f = 0;
  std::int64_t i = 0;
  std::string_view s;
  std::shared_ptr<TensorProto> t;
  std::shared_ptr<GraphProto> g;
  std::shared_ptr<SparseTensorProto> sparse;
  std::vector<float> floats;
  std::vector<std::int64_t> ints;
  std::vector<std::string_view> strings;
};

struct NodeProto {
  std::vector<std::string_view> inputs, outputs;
  std::string_view name, op_type, domain, overload;
  std::vector<AttributeProto> attributes;
};

struct GraphProto {
  std::string_view name;
  std::vector<NodeProto> nodes;
  std::vector<TensorProto> initializers;
  std::vector<SparseTensorProto> sparse_initializers;
  std::vector<ValueInfoProto> inputs, outputs, value_infos;
};

struct OpsetId {
  std::string_view domain;
  std::int64_t version = 0;
};

struct FunctionProto {
  std::string_view name, domain, overload;
  std::vector<std::string_view> inputs, outputs, attributes;
  std::vector<AttributeProto> attribute_defaults;
  std::vector<NodeProto> nodes;
  std::vector<OpsetId> opsets;
};

struct ModelProto {
  std::int64_t ir_version = 0;
  std::vector<OpsetId> opsets;
  std::string_view producer_name, producer_version, domain;
  std::int64_t model_version = 0;
  bool has_graph = false;
  GraphProto graph;
  std::vector<std::pair<std::string_view, std::string_view>> metadata;
  std::vector<FunctionProto> functions;
};

/// Reads a ModelProto from memory that must outlive the result. Raw tensor data that is not aligned for its element
/// type is moved down over its own length prefix where there is room, which is why the memory is writable; it must not be
/// parsed a second time. Throws Error(invalid_model) for anything that is not a well-formed message, or nested deeper than
/// any model needs.
ModelProto parse_model(std::span<char> bytes);

}  // namespace saccade::onnx
