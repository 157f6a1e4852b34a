// SPDX-License-Identifier: Apache-2.0
// .pbtxt → .pb by a table of the fields that wire.cpp reads.
#include "import/tensorflow/text_graph.h"

#include <array>
#include <protozero/pbf_writer.hpp>
#include <span>
#include <string>

#include "base/error.h"
#include "import/tensorflow/tensors.h"
#include "import/text_format.h"

namespace saccade::tensorflow {
namespace {

enum class Type { bytes, int64, int32, uint32, uint64, boolean, real, real64, data_type, message };

struct Message;

struct Field {
  std::string_view name;
  std::uint32_t tag;
  Type type;
  const Message* message = nullptr;
};

struct Message {
  std::span<const Field> fields;
};

// Mutually recursive messages, so declared first.
extern const Message kAttrValue;

constexpr Field kDimFields[] = {{"size", 1, Type::int64}, {"name", 2, Type::bytes}};
constexpr Message kDim{kDimFields};
constexpr Field kShapeFields[] = {{"dim", 2, Type::message, &kDim}, {"unknown_rank", 3, Type::boolean}};
constexpr Message kShape{kShapeFields};
constexpr Field kTensorFields[] = {
    {"dtype", 1, Type::data_type},   {"tensor_shape", 2, Type::message, &kShape},
    {"tensor_content", 4, Type::bytes}, {"float_val", 5, Type::real},
    {"double_val", 6, Type::real64}, {"int_val", 7, Type::int32},
    {"string_val", 8, Type::bytes},  {"int64_val", 10, Type::int64},
    {"bool_val", 11, Type::boolean}, {"half_val", 13, Type::int32},
    {"uint32_val", 16, Type::uint32}, {"uint64_val", 17, Type::uint64},
};
constexpr Message kTensor{kTensorFields};
const Field kAttrEntryFields[] = {{"key", 1, Type::bytes}, {"value", 2, Type::message, &kAttrValue}};
const Message kAttrEntry{kAttrEntryFields};
const Field kFunctionNameFields[] = {{"name", 1, Type::bytes}, {"attr", 2, Type::message, &kAttrEntry}};
const Message kFunctionName{kFunctionNameFields};
const Field kListFields[] = {
    {"s", 2, Type::bytes},          {"i", 3, Type::int64},
    {"f", 4, Type::real},           {"b", 5, Type::boolean},
    {"type", 6, Type::data_type},   {"shape", 7, Type::message, &kShape},
    {"tensor", 8, Type::message, &kTensor}, {"func", 9, Type::message, &kFunctionName},
};
const Message kList{kListFields};
const Field kAttrValueFields[] = {
    {"list", 1, Type::message, &kList}, {"s", 2, Type::bytes},
    {"i", 3, Type::int64},              {"f", 4, Type::real},
    {"b", 5, Type::boolean},            {"type", 6, Type::data_type},
    {"shape", 7, Type::message, &kShape}, {"tensor", 8, Type::message, &kTensor},
    {"placeholder", 9, Type::bytes},    {"func", 10, Type::message, &kFunctionName},
};
const Message kAttrValue{kAttrValueFields};
const Field kNodeFields[] = {{"name", 1, Type::bytes}, {"op", 2, Type::bytes}, {"input", 3, Type::bytes}, {"attr", 5, Type::message, &kAttrEntry}};
const Message kNode{kNodeFields};
constexpr Field kArgumentFields[] = {
    {"name", 1, Type::bytes}, {"type", 3, Type::data_type}, {"type_attr", 4, Type::bytes}, {"number_attr", 5, Type::bytes}, {"type_list_attr", 6, Type::bytes},
};
constexpr Message kArgument{kArgumentFields};
constexpr Field kSignatureFields[] = {{"name", 1, Type::bytes}, {"input_arg", 2, Type::message, &kArgument}, {"output_arg", 3, Type::message, &kArgument}};
constexpr Message kOpSignature{kSignatureFields};
constexpr Field kReturnFields[] = {{"key", 1, Type::bytes}, {"value", 2, Type::bytes}};
constexpr Message kReturn{kReturnFields};
const Field kFunctionFields[] = {
    {"signature", 1, Type::message, &kOpSignature}, {"node_def", 3, Type::message, &kNode}, {"ret", 4, Type::message, &kReturn}, {"attr", 5, Type::message, &kAttrEntry}};
const Message kFunction{kFunctionFields};
const Field kLibraryFields[] = {{"function", 1, Type::message, &kFunction}};
const Message kLibrary{kLibraryFields};
constexpr Field kVersionsFields[] = {{"producer", 1, Type::int32}};
constexpr Message kVersions{kVersionsFields};
const Field kGraphFields[] = {{"node", 1, Type::message, &kNode}, {"library", 2, Type::message, &kLibrary}, {"versions", 4, Type::message, &kVersions}};
const Message kGraph{kGraphFields};
constexpr Field kMetaInfoFields[] = {{"tags", 4, Type::bytes}, {"tensorflow_version", 5, Type::bytes}};
constexpr Message kMetaInfo{kMetaInfoFields};
constexpr Field kSaverFields[] = {{"filename_tensor_name", 1, Type::bytes}, {"save_tensor_name", 2, Type::bytes}, {"restore_op_name", 3, Type::bytes}};
constexpr Message kSaver{kSaverFields};
constexpr Field kTensorInfoFields[] = {{"name", 1, Type::bytes}, {"dtype", 2, Type::data_type}, {"tensor_shape", 3, Type::message, &kShape}};
constexpr Message kTensorInfo{kTensorInfoFields};
constexpr Field kTensorInfoEntryFields[] = {{"key", 1, Type::bytes}, {"value", 2, Type::message, &kTensorInfo}};
constexpr Message kTensorInfoEntry{kTensorInfoEntryFields};
constexpr Field kSignatureDefFields[] = {
    {"inputs", 1, Type::message, &kTensorInfoEntry}, {"outputs", 2, Type::message, &kTensorInfoEntry}, {"method_name", 3, Type::bytes}};
constexpr Message kSignatureDef{kSignatureDefFields};
constexpr Field kSignatureEntryFields[] = {{"key", 1, Type::bytes}, {"value", 2, Type::message, &kSignatureDef}};
constexpr Message kSignatureEntry{kSignatureEntryFields};
const Field kMetaGraphFields[] = {
    {"meta_info_def", 1, Type::message, &kMetaInfo}, {"graph_def", 2, Type::message, &kGraph}, {"saver_def", 3, Type::message, &kSaver}, {"signature_def", 5, Type::message, &kSignatureEntry}};
const Message kMetaGraph{kMetaGraphFields};
const Field kSavedModelFields[] = {{"saved_model_schema_version", 1, Type::int64}, {"meta_graphs", 2, Type::message, &kMetaGraph}};
const Message kSavedModel{kSavedModelFields};

// The names of DataType from DT_FLOAT = 1 on.
constexpr std::array<std::string_view, 25> kDataTypes{
    "FLOAT", "DOUBLE", "INT32", "UINT8", "INT16", "INT8", "STRING", "COMPLEX64", "INT64", "BOOL", "QINT8", "QUINT8", "QINT32",
    "BFLOAT16", "QINT16", "QUINT16", "UINT16", "COMPLEX128", "HALF", "RESOURCE", "VARIANT", "UINT32", "UINT64", "FLOAT8_E5M2", "FLOAT8_E4M3FN"};

std::int32_t data_type(const import::TextField& f) {
  std::string_view name = f.as_text();
  if (!name.empty() && (name[0] == '-' || (name[0] >= '0' && name[0] <= '9'))) return static_cast<std::int32_t>(f.as_integer());
  if (name == "DT_INVALID") return 0;
  if (name.starts_with("DT_")) {
    name.remove_prefix(3);
    const bool reference = name.ends_with("_REF");
    if (reference) name.remove_suffix(4);
    for (std::size_t i = 0; i < kDataTypes.size(); ++i)
      if (kDataTypes[i] == name) return static_cast<std::int32_t>(i) + 1 + (reference ? 100 : 0);
  }
  fail(ErrorCode::invalid_model, "line {}: '{}' is no type", f.line, shown(f.as_text()));
}

std::string encode(const import::TextMessage& text, const Message& message);

void encode_field(protozero::pbf_writer& w, const import::TextField& f, const Field& field) {
  switch (field.type) {
    case Type::bytes: {
      const auto value = f.as_text();
      w.add_bytes(field.tag, value.data(), value.size());
      return;
    }
    case Type::int64: w.add_int64(field.tag, f.as_integer()); return;
    case Type::int32: w.add_int32(field.tag, static_cast<std::int32_t>(f.as_integer())); return;
    case Type::uint32: w.add_uint32(field.tag, static_cast<std::uint32_t>(f.as_integer())); return;
    case Type::uint64: w.add_uint64(field.tag, static_cast<std::uint64_t>(f.as_integer())); return;
    case Type::boolean: w.add_bool(field.tag, f.as_boolean()); return;
    case Type::real: w.add_float(field.tag, static_cast<float>(f.as_real())); return;
    case Type::real64: w.add_double(field.tag, f.as_real()); return;
    case Type::data_type: w.add_int32(field.tag, data_type(f)); return;
    case Type::message: w.add_message(field.tag, encode(f.as_message(), *field.message)); return;
  }
}

// The parser bounds how deep messages are nested.
std::string encode(const import::TextMessage& text, const Message& message) {
  std::string out;
  protozero::pbf_writer w(out);
  for (const auto& f : text.fields)
    for (const Field& field : message.fields)
      if (field.name == f.name) encode_field(w, f, field);
  return out;
}

}  // namespace

std::shared_ptr<FileBytes> binary_of(std::string_view text, TextKind kind) {
  const import::TextDocument document = import::parse_text_format(text);
  const Message& message = kind == TextKind::graph ? kGraph : kind == TextKind::meta_graph ? kMetaGraph : kSavedModel;
  return FileBytes::copy_of(encode(document.root, message));
}

}  // namespace saccade::tensorflow
