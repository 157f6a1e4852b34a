// SPDX-License-Identifier: Apache-2.0
// Reading TFLite's FlatBuffers: tables whose every access is checked against the file, and the model as plain structs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "graph/type.h"
#include "import/tflite/schema.h"

namespace flatbuffers {
class Table;
}

namespace saccade::tflite {

using graph::PartialShape;

/// A table of the file, or none: then every field has its default. Views the file. Every function throws Error(invalid_model)
/// for what lies outside of the file.
class Table {
 public:
  Table() = default;
  /// The root of a file.
  static Table root(std::span<const char> file);

  bool valid() const { return table_ != nullptr; }
  bool has(int field) const;

  bool flag(int field, bool otherwise = false) const;
  std::int8_t byte(int field, std::int8_t otherwise = 0) const;
  std::int32_t integer(int field, std::int32_t otherwise = 0) const;
  std::uint64_t unsigned_long(int field) const;
  float real(int field, float otherwise = 0) const;
  std::string_view text(int field) const;
  Table table(int field) const;
  /// Elements of vectors; absent ones are empty.
  std::vector<std::int32_t> integers(int field) const;
  std::vector<std::uint16_t> shorts(int field) const;
  std::vector<std::int64_t> longs(int field) const;
  std::vector<float> reals(int field) const;
  std::span<const char> bytes(int field) const;
  std::vector<Table> tables(int field) const;

 private:
  Table(std::span<const char> file, const void* at);
  template <class T>
  T scalar(int field, T otherwise) const;
  template <class T>
  std::vector<T> vector(int field) const;
  const char* vector_at(int field, std::size_t element_bytes, std::uint32_t& count) const;

  std::span<const char> file_;
  const flatbuffers::Table* table_ = nullptr;
};

struct TensorInfo {
  std::string_view name;
  Type type = Type::f32;
  PartialShape shape;  ///< with the unknown dimensions of shape_signature
  Shape dims;          ///< of a constant
  std::uint32_t buffer = 0;
  bool is_variable = false;
  Table quantization, sparsity;
};

struct OperatorInfo {
  std::int32_t code = 0, version = 1;
  std::string_view custom;
  std::vector<std::int32_t> inputs, outputs;  ///< tensors; -1 is an absent input
  Table options;
  std::span<const char> custom_options;
};

struct SubgraphInfo {
  std::string_view name;
  std::vector<TensorInfo> tensors;
  std::vector<std::int32_t> inputs, outputs;
  std::vector<OperatorInfo> operators;
};

struct SignatureInfo {
  std::string_view key;
  std::size_t subgraph = 0;
  std::vector<std::pair<std::string_view, std::int32_t>> inputs, outputs;  ///< name and tensor
};

struct ModelInfo {
  std::span<const char> file;
  std::string_view description;
  std::vector<SubgraphInfo> subgraphs;
  std::vector<std::span<const char>> buffers;
  std::vector<std::pair<std::string_view, std::uint32_t>> metadata;  ///< name and buffer
  std::vector<SignatureInfo> signatures;
};

/// All of it but the options. Every index is in range. Throws Error(invalid_model).
ModelInfo parse_model(std::span<const char> file);

/// The type of elements in memory, 4- and 2-bit integers unpacked; nullopt for strings, complex numbers and the like.
std::optional<ElementType> element_type(Type type);
const char* type_name(Type type);
/// Text of the file made fit for messages: short and printable.
std::string shown(std::string_view text);

}  // namespace saccade::tflite
