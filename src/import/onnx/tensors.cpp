// SPDX-License-Identifier: Apache-2.0
// Decoding TensorProto and SparseTensorProto.
#include "import/onnx/tensors.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "base/error.h"
#include "tensor/half.h"
#include "tensor/numeric.h"

namespace saccade::onnx {
namespace {

// No tensor that a file describes without storing its elements (a sparse one) may become larger than this.
constexpr std::int64_t kMaxDenseElements = std::int64_t{1} << 28;
constexpr std::size_t kMaxRank = 64;

Shape shape_of(const std::vector<std::int64_t>& dims) {
  SACCADE_CHECK(dims.size() <= kMaxRank, invalid_model, "a tensor of rank {}", dims.size());
  for (auto d : dims) SACCADE_CHECK(d >= 0, invalid_model, "negative dimension {}", d);
  try {
    element_count(dims);
  } catch (const Error& e) {
    fail(ErrorCode::invalid_model, "{}", e.message());
  }
  return dims;
}

int bits_of(ElementType type) {
  switch (type) {
    case ElementType::u4: case ElementType::i4: case ElementType::f4e2m1: return 4;
    case ElementType::u2: case ElementType::i2: return 2;
    default: return static_cast<int>(size_in_bytes(type) * 8);
  }
}

// Elements below a byte are packed from the low bits up; in memory each takes a byte, signed ones extended.
Tensor unpack(ElementType type, const Shape& shape, const std::uint8_t* packed) {
  Tensor out(type, shape);
  auto* to = static_cast<std::uint8_t*>(out.raw());
  const int bits = bits_of(type), per_byte = 8 / bits;
  const unsigned mask = (1u << bits) - 1, sign = 1u << (bits - 1);
  const bool extend = is_integer(type) && is_signed(type);
  for (std::int64_t i = 0; i < out.size(); ++i) {
    const unsigned v = (packed[i / per_byte] >> (i % per_byte * bits)) & mask;
    to[i] = static_cast<std::uint8_t>(extend && (v & sign) ? v | ~mask : v);
  }
  return out;
}

Tensor from_raw(ElementType type, const Shape& shape, std::string_view raw, std::shared_ptr<FileBytes> owner) {
  char* data = const_cast<char*>(raw.data());
  if (bits_of(type) < 8) return unpack(type, shape, reinterpret_cast<const std::uint8_t*>(data));
  // the file's memory is private, so booleans other than 0 and 1 can be put right in place
  if (type == ElementType::boolean)
    for (std::size_t i = 0; i < raw.size(); ++i) data[i] = data[i] != 0;
  if (reinterpret_cast<std::uintptr_t>(data) % size_in_bytes(type) == 0) return Tensor(type, shape, data, std::move(owner));
  Tensor out(type, shape);
  if (!raw.empty()) std::memcpy(out.raw(), data, raw.size());
  return out;
}

template <class T>
Tensor from_list(ElementType type, const Shape& shape, const std::vector<T>& list) {
  Tensor out(type, shape);
  const std::size_t size = size_in_bytes(type);
  auto* to = static_cast<char*>(out.raw());
  for (std::size_t i = 0; i < list.size(); ++i) std::memcpy(to + i * size, &list[i], size);  // the low bytes, on a little-endian machine
  if (type == ElementType::boolean)
    for (std::size_t i = 0; i < list.size(); ++i) to[i] = list[i] != T(0);
  return out;
}

std::int64_t parse_number(std::string_view text, std::string_view what) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  SACCADE_CHECK(error == std::errc() && end == text.data() + text.size() && value >= 0, invalid_model, "external data has the {} '{}'", what, shown(text));
  return value;
}

}  // namespace

std::string shown(std::string_view name) {
  constexpr std::size_t kLongest = 120;
  std::string text;
  for (char c : name.substr(0, kLongest)) text += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  if (name.size() > kLongest) text += "...";
  return text;
}

ElementType element_type(std::int64_t data_type) {
  switch (static_cast<DataType>(data_type)) {
    case DataType::f32: return ElementType::f32;
    case DataType::u8: return ElementType::u8;
    case DataType::i8: return ElementType::i8;
    case DataType::u16: return ElementType::u16;
    case DataType::i16: return ElementType::i16;
    case DataType::i32: return ElementType::i32;
    case DataType::i64: return ElementType::i64;
    case DataType::boolean: return ElementType::boolean;
    case DataType::f16: return ElementType::f16;
    case DataType::f64: return ElementType::f64;
    case DataType::u32: return ElementType::u32;
    case DataType::u64: return ElementType::u64;
    case DataType::bf16: return ElementType::bf16;
    case DataType::f8e4m3fn: return ElementType::f8e4m3fn;
    case DataType::f8e4m3fnuz: return ElementType::f8e4m3fnuz;
    case DataType::f8e5m2: return ElementType::f8e5m2;
    case DataType::f8e5m2fnuz: return ElementType::f8e5m2fnuz;
    case DataType::u4: return ElementType::u4;
    case DataType::i4: return ElementType::i4;
    case DataType::f4e2m1: return ElementType::f4e2m1;
    case DataType::f8e8m0: return ElementType::f8e8m0;
    case DataType::u2: return ElementType::u2;
    case DataType::i2: return ElementType::i2;
    case DataType::string: fail(ErrorCode::unsupported, "tensors of strings");
    case DataType::complex64:
    case DataType::complex128: fail(ErrorCode::unsupported, "tensors of complex numbers");
    default: fail(ErrorCode::invalid_model, "{} is no element type", data_type);
  }
}

Tensor TensorSource::tensor(const TensorProto& proto) {
  const std::string name = shown(proto.name);
  ErrorContext scope("tensor", name);
  const ElementType type = element_type(proto.data_type);
  const Shape shape = shape_of(proto.dims);
  const auto count = static_cast<std::size_t>(element_count(shape));
  SACCADE_CHECK(count < std::size_t{1} << 58, invalid_model, "shape {} has too many elements", to_string(shape));
  const std::size_t raw_size = (count * static_cast<std::size_t>(bits_of(type)) + 7) / 8;
  if (proto.external) {
    Raw raw = external(proto, raw_size);
    return from_raw(type, shape, raw.bytes, std::move(raw.owner));
  }
  if (proto.has_raw) {
    SACCADE_CHECK(proto.raw.size() == raw_size, invalid_model, "{}{} takes {} bytes, but the file holds {}", to_string(type), to_string(shape), raw_size, proto.raw.size());
    return from_raw(type, shape, proto.raw, model_);
  }
  const auto list = [&](const auto& values, std::size_t expected) {
    SACCADE_CHECK(values.size() == expected, invalid_model, "{}{} has {} elements, but the file holds {}", to_string(type), to_string(shape), count, values.size());
  };
  switch (type) {
    case ElementType::f32: list(proto.floats, count); return from_list(type, shape, proto.floats);
    case ElementType::f64: list(proto.doubles, count); return from_list(type, shape, proto.doubles);
    case ElementType::i64: list(proto.int64s, count); return from_list(type, shape, proto.int64s);
    case ElementType::u32:
    case ElementType::u64: list(proto.uint64s, count); return from_list(type, shape, proto.uint64s);
    default: break;
  }
  if (bits_of(type) < 8) {
    list(proto.int32s, raw_size);
    std::vector<std::uint8_t> packed(proto.int32s.begin(), proto.int32s.end());
    return unpack(type, shape, packed.data());
  }
  list(proto.int32s, count);
  return from_list(type, shape, proto.int32s);
}

TensorSource::Raw TensorSource::external(const TensorProto& proto, std::size_t size) {
  std::string_view location;
  std::int64_t offset = 0;
  std::optional<std::int64_t> length;
  for (const auto& [key, value] : proto.external_data) {
    if (key == "location") location = value;
    if (key == "offset") offset = parse_number(value, key);
    if (key == "length") length = parse_number(value, key);
  }
  SACCADE_CHECK(!location.empty(), invalid_model, "external data without a location");
  SACCADE_CHECK(!length || static_cast<std::size_t>(*length) == size, invalid_model, "external data of {} bytes where {} are needed", *length, size);
  const auto& file = open(location);
  const std::size_t available = file->bytes().size();
  SACCADE_CHECK(static_cast<std::size_t>(offset) <= available && size <= available - static_cast<std::size_t>(offset), invalid_model,
                "external data '{}' ends before byte {} + {}", shown(location), offset, size);
  return {{file->bytes().data() + offset, size}, file};
}

const std::shared_ptr<FileBytes>& TensorSource::open(std::string_view location) {
  const auto found = files_.find(location);
  if (found != files_.end()) return found->second;
  SACCADE_CHECK(!folder_.empty(), invalid_model, "external data '{}' of a model that is not in a folder", shown(location));
  SACCADE_CHECK(location.find('\0') == std::string_view::npos && location.size() < 4096, invalid_model, "external data has the location '{}'", shown(location));
  const std::filesystem::path relative(location);
  SACCADE_CHECK(relative.is_relative() && std::find(relative.begin(), relative.end(), "..") == relative.end(), invalid_model,
                "external data '{}' lies outside of the model's folder", shown(location));
  std::error_code error;
  const auto root = std::filesystem::weakly_canonical(folder_, error);
  const auto full = std::filesystem::weakly_canonical(folder_ / relative, error);
  SACCADE_CHECK(!error, not_found, "external data '{}' cannot be found: {}", shown(location), error.message());
  const auto [at, rest] = std::mismatch(root.begin(), root.end(), full.begin(), full.end());
  SACCADE_CHECK(at == root.end(), invalid_model, "external data '{}' lies outside of the model's folder", shown(location));
  return files_.emplace(std::string(location), FileBytes::open(full)).first->second;
}

Tensor TensorSource::tensor(const SparseTensorProto& proto) {
  const std::string name = shown(proto.values.name);
  ErrorContext scope("sparse tensor", name);
  const Shape shape = shape_of(proto.dims);
  const std::int64_t count = element_count(shape);
  SACCADE_CHECK(count <= kMaxDenseElements, unsupported, "a sparse tensor of shape {}", to_string(shape));
  const Tensor values = tensor(proto.values), indices = tensor(proto.indices);
  SACCADE_CHECK(values.rank() == 1 && indices.type() == ElementType::i64, invalid_model, "malformed sparse tensor");
  const std::int64_t rank = static_cast<std::int64_t>(shape.size());
  const bool flat = indices.rank() == 1;
  SACCADE_CHECK((flat && indices.size() == values.size()) || (indices.rank() == 2 && indices.shape()[0] == values.size() && indices.shape()[1] == rank), invalid_model,
                "the indices of a sparse tensor have the shape {}", to_string(indices.shape()));
  Tensor out(values.type(), shape);
  const std::size_t size = size_in_bytes(values.type());
  const auto index = indices.values<std::int64_t>();
  for (std::int64_t i = 0; i < values.size(); ++i) {
    std::int64_t at = flat ? index[static_cast<std::size_t>(i)] : 0;
    for (std::int64_t d = 0; !flat && d < rank; ++d) {
      const std::int64_t k = index[static_cast<std::size_t>(i * rank + d)], dim = shape[static_cast<std::size_t>(d)];
      SACCADE_CHECK(k >= 0 && k < dim, invalid_model, "index {} of a sparse tensor is outside of {}", k, to_string(shape));
      at = at * dim + k;
    }
    SACCADE_CHECK(at >= 0 && at < count, invalid_model, "index {} of a sparse tensor is outside of {}", at, to_string(shape));
    std::memcpy(static_cast<char*>(out.raw()) + static_cast<std::size_t>(at) * size, static_cast<const char*>(values.raw()) + static_cast<std::size_t>(i) * size, size);
  }
  return out;
}

}  // namespace saccade::onnx
