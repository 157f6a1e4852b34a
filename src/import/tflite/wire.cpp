// SPDX-License-Identifier: Apache-2.0
// Checked access to FlatBuffers, and the parser of a TFLite model.
#include "import/tflite/wire.h"

#include <flatbuffers/flatbuffers.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.h"

namespace saccade::tflite {
namespace {

// Vectors may be shared by many tables of a hostile file; real models have a few numbers in each.
constexpr std::size_t kMaxRank = 32;
constexpr std::size_t kMaxOperands = 4'000'000;
constexpr std::size_t kMaxTables = 1'000'000;

[[noreturn]] void damaged(const char* what) { fail(ErrorCode::invalid_model, "the file is damaged or truncated: {}", what); }

std::size_t checkable(std::size_t size) { return std::min<std::size_t>(size, FLATBUFFERS_MAX_BUFFER_SIZE - 1); }

flatbuffers::Verifier verifier(std::span<const char> file) {
  return {reinterpret_cast<const std::uint8_t*>(file.data()), checkable(file.size())};
}

flatbuffers::voffset_t offset_of(int field) { return static_cast<flatbuffers::voffset_t>(4 + 2 * field); }

PartialShape shape_of(const Table& t) {
  const auto signature = t.integers(tensor::shape_signature), shape = t.integers(tensor::shape);
  if (signature.size() > kMaxRank || shape.size() > kMaxRank) damaged("a tensor of too many dimensions");
  std::vector<graph::Dimension> dims;
  for (auto d : signature.empty() ? shape : signature) dims.push_back(d < 0 ? graph::Dimension::unknown() : graph::Dimension::fixed(d));
  return PartialShape(std::move(dims));
}

}  // namespace

Table::Table(std::span<const char> file, const void* at) : file_(file), table_(static_cast<const flatbuffers::Table*>(at)) {
  auto v = verifier(file);
  if (!table_->VerifyTableStart(v)) damaged("a table lies outside of it");
}

Table Table::root(std::span<const char> file) {
  if (file.size() < 16) damaged("it is too short");
  const auto offset = verifier(file).VerifyOffset(std::size_t{0});
  if (offset == 0) damaged("the root lies outside of it");
  return {file, file.data() + offset};
}

bool Table::has(int field) const { return table_ && table_->CheckField(offset_of(field)); }

template <class T>
T Table::scalar(int field, T otherwise) const {
  if (!has(field)) return otherwise;
  // not every writer aligns
  const auto offset = table_->GetOptionalFieldOffset(offset_of(field));
  const auto at = static_cast<std::size_t>(reinterpret_cast<const char*>(table_) - file_.data()) + offset;
  if (!verifier(file_).Verify(at, sizeof(T))) damaged("a number lies outside of it");
  T value;
  std::memcpy(&value, file_.data() + at, sizeof value);
  return value;
}

bool Table::flag(int field, bool otherwise) const { return scalar<std::uint8_t>(field, otherwise ? 1 : 0) != 0; }
std::int8_t Table::byte(int field, std::int8_t otherwise) const { return scalar(field, otherwise); }
std::int32_t Table::integer(int field, std::int32_t otherwise) const { return scalar(field, otherwise); }
std::uint64_t Table::unsigned_long(int field) const { return scalar<std::uint64_t>(field, 0); }
float Table::real(int field, float otherwise) const { return scalar(field, otherwise); }

std::string_view Table::text(int field) const {
  std::uint32_t count = 0;
  const char* data = vector_at(field, 1, count);
  return {data, count};
}

Table Table::table(int field) const {
  if (!has(field)) return {};
  if (!table_->VerifyOffset(verifier(file_), offset_of(field))) damaged("a table lies outside of it");
  return {file_, table_->GetPointer<const void*>(offset_of(field))};
}

const char* Table::vector_at(int field, std::size_t element_bytes, std::uint32_t& count) const {
  count = 0;
  if (!has(field)) return nullptr;
  const auto v = verifier(file_);
  if (!table_->VerifyOffset(v, offset_of(field))) damaged("a vector lies outside of it");
  const auto* at = table_->GetPointer<const std::uint8_t*>(offset_of(field));
  if (!v.VerifyVectorOrString(at, element_bytes)) damaged("a vector lies outside of it");
  count = flatbuffers::ReadScalar<flatbuffers::uoffset_t>(at);
  return reinterpret_cast<const char*>(at) + sizeof(flatbuffers::uoffset_t);
}

template <class T>
std::vector<T> Table::vector(int field) const {
  std::uint32_t count = 0;
  const char* data = vector_at(field, sizeof(T), count);
  std::vector<T> out(count);
  if (count > 0) std::memcpy(out.data(), data, count * sizeof(T));
  return out;
}

std::vector<std::int32_t> Table::integers(int field) const { return vector<std::int32_t>(field); }
std::vector<std::uint16_t> Table::shorts(int field) const { return vector<std::uint16_t>(field); }
std::vector<std::int64_t> Table::longs(int field) const { return vector<std::int64_t>(field); }
std::vector<float> Table::reals(int field) const { return vector<float>(field); }

std::span<const char> Table::bytes(int field) const {
  std::uint32_t count = 0;
  const char* data = vector_at(field, 1, count);
  return {data, count};
}

std::vector<Table> Table::tables(int field) const {
  std::uint32_t count = 0;
  const char* data = vector_at(field, sizeof(flatbuffers::uoffset_t), count);
  if (count > kMaxTables) damaged("a list is too long");
  std::vector<Table> out;
  out.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const char* slot = data + i * sizeof(flatbuffers::uoffset_t);
    const auto offset = verifier(file_).VerifyOffset(static_cast<std::size_t>(slot - file_.data()));
    if (offset == 0) damaged("an entry of a list lies outside of it");
    out.push_back(Table(file_, slot + offset));
  }
  return out;
}

namespace {

class Parser {
 public:
  explicit Parser(std::span<const char> file) : file_(file) {}

  ModelInfo parse() {
    const Table root = Table::root(file_);
    ModelInfo out;
    out.file = file_;
    if (const auto version = root.integer(model::version); version != 3)
      fail(ErrorCode::unsupported, "a TensorFlow Lite model of schema version {}; version 3 can be read", version);
    out.description = root.text(model::description);
    for (const Table& b : counted(root.tables(model::buffers))) out.buffers.push_back(buffer_of(b));
    for (const Table& c : counted(root.tables(model::operator_codes)))
      codes_.push_back({std::max(c.integer(operator_code::builtin), std::int32_t{c.byte(operator_code::deprecated_builtin)}),
                        c.integer(operator_code::version, 1), c.text(operator_code::custom)});
    for (const Table& g : counted(root.tables(model::subgraphs))) out.subgraphs.push_back(subgraph_of(g, out.buffers.size()));
    if (out.subgraphs.empty()) fail(ErrorCode::invalid_model, "the model has no graph");
    for (const Table& m : counted(root.tables(model::metadata))) {
      const auto buffer = static_cast<std::uint32_t>(m.integer(metadata::buffer));
      if (buffer < out.buffers.size()) out.metadata.emplace_back(m.text(metadata::name), buffer);
    }
    for (const Table& s : counted(root.tables(model::signatures))) out.signatures.push_back(signature_of(s, out));
    return out;
  }

 private:
  struct Code {
    std::int32_t code, version;
    std::string_view custom;
  };

  std::vector<Table> counted(std::vector<Table> tables) {
    tables_ += tables.size();
    if (tables_ > kMaxTables) damaged("it has too many parts");
    return tables;
  }

  std::vector<std::int32_t> operands(std::vector<std::int32_t> list, std::size_t tensors, bool may_be_absent) {
    operands_ += list.size();
    if (operands_ > kMaxOperands) damaged("it has too many operands");
    for (auto i : list)
      if (i >= static_cast<std::int64_t>(tensors) || i < (may_be_absent ? -1 : 0)) damaged("a tensor that is not there");
    return list;
  }

  std::span<const char> outside(std::uint64_t offset, std::uint64_t size) const {
    if (offset > file_.size() || size > file_.size() - offset) damaged("data lie outside of it");
    return file_.subspan(offset, size);
  }

  std::span<const char> buffer_of(const Table& t) const {
    // 0 and 1 are placeholders of writers
    if (t.unsigned_long(buffer::offset) > 1 && t.unsigned_long(buffer::size) > 1)
      return outside(t.unsigned_long(buffer::offset), t.unsigned_long(buffer::size));
    return t.bytes(buffer::data);
  }

  SubgraphInfo subgraph_of(const Table& t, std::size_t buffers) {
    SubgraphInfo out;
    out.name = t.text(subgraph::name);
    for (const Table& x : counted(t.tables(subgraph::tensors))) {
      TensorInfo info;
      info.name = x.text(tensor::name);
      info.type = static_cast<Type>(x.byte(tensor::type));
      info.shape = shape_of(x);
      for (auto d : x.integers(tensor::shape)) info.dims.push_back(d);
      info.buffer = static_cast<std::uint32_t>(x.integer(tensor::buffer));
      if (info.buffer >= buffers && info.buffer != 0) damaged("a buffer that is not there");
      info.is_variable = x.flag(tensor::is_variable);
      info.sparsity = x.table(tensor::sparsity);
      info.quantization = x.table(tensor::quantization);
      out.tensors.push_back(std::move(info));
    }
    const std::size_t n = out.tensors.size();
    out.inputs = operands(t.integers(subgraph::inputs), n, false);
    out.outputs = operands(t.integers(subgraph::outputs), n, false);
    for (const Table& x : counted(t.tables(subgraph::operators))) {
      const auto index = static_cast<std::uint32_t>(x.integer(operation::opcode));
      if (index >= codes_.size()) damaged("an operator code that is not there");
      OperatorInfo info;
      info.code = codes_[index].code;
      info.version = codes_[index].version;
      info.custom = codes_[index].custom;
      info.inputs = operands(x.integers(operation::inputs), n, true);
      info.outputs = operands(x.integers(operation::outputs), n, false);
      info.options = x.has(operation::options_2) ? x.table(operation::options_2) : x.table(operation::options);
      info.custom_options = x.unsigned_long(operation::large_offset) > 1
                                ? outside(x.unsigned_long(operation::large_offset), x.unsigned_long(operation::large_size))
                                : x.bytes(operation::custom_options);
      out.operators.push_back(std::move(info));
    }
    return out;
  }

  SignatureInfo signature_of(const Table& t, const ModelInfo& model) {
    SignatureInfo out;
    out.key = t.text(signature::key);
    out.subgraph = static_cast<std::uint32_t>(t.integer(signature::subgraph));
    if (out.subgraph >= model.subgraphs.size()) damaged("a sub-graph that is not there");
    const auto maps = [&](int field, auto& list) {
      for (const Table& m : counted(t.tables(field))) {
        const auto index = m.integer(tensor_map::tensor);
        if (static_cast<std::uint32_t>(index) >= model.subgraphs[out.subgraph].tensors.size()) damaged("a tensor that is not there");
        list.emplace_back(m.text(tensor_map::name), index);
      }
    };
    maps(signature::inputs, out.inputs);
    maps(signature::outputs, out.outputs);
    return out;
  }

  std::span<const char> file_;
  std::vector<Code> codes_;
  std::size_t tables_ = 0, operands_ = 0;
};

}  // namespace

ModelInfo parse_model(std::span<const char> file) { return Parser(file).parse(); }

std::optional<ElementType> element_type(Type type) {
  switch (type) {
    case Type::f32:
      return ElementType::f32;
    case Type::f16:
      return ElementType::f16;
    case Type::bf16:
      return ElementType::bf16;
    case Type::f64:
      return ElementType::f64;
    case Type::i8:
      return ElementType::i8;
    case Type::u8:
      return ElementType::u8;
    case Type::i16:
      return ElementType::i16;
    case Type::u16:
      return ElementType::u16;
    case Type::i32:
      return ElementType::i32;
    case Type::u32:
      return ElementType::u32;
    case Type::i64:
      return ElementType::i64;
    case Type::u64:
      return ElementType::u64;
    case Type::i4:
      return ElementType::i4;
    case Type::u4:
      return ElementType::u4;
    case Type::i2:
      return ElementType::i2;
    case Type::boolean:
      return ElementType::boolean;
    default:
      return std::nullopt;
  }
}

const char* type_name(Type type) {
  switch (type) {
    case Type::string:
      return "string";
    case Type::complex64:
    case Type::complex128:
      return "complex";
    case Type::resource:
      return "resource";
    case Type::variant:
      return "variant";
    default:
      return "unknown";
  }
}

std::string shown(std::string_view text) {
  std::string out;
  for (char c : text.substr(0, 120)) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return text.size() > 120 ? out + "…" : out;
}

}  // namespace saccade::tflite
