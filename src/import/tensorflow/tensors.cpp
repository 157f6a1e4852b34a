// SPDX-License-Identifier: Apache-2.0
// Decoding TensorProto.
#include "import/tensorflow/tensors.h"

#include <cstring>

#include "base/error.h"

namespace saccade::tensorflow {
namespace {

// No tensor that a file describes without storing its elements (by the last one only) may become larger than this.
constexpr std::int64_t kMaxFilledElements = std::int64_t{1} << 28;
constexpr std::size_t kMaxRank = 64;
constexpr std::int64_t kMaxDimension = std::int64_t{1} << 40;

template <class T, class List>
Tensor from_list(ElementType type, const Shape& shape, const List& list) {
  const std::int64_t count = element_count(shape);
  const auto given = static_cast<std::int64_t>(list.size());
  SACCADE_CHECK(given <= count, invalid_model, "{}{} has {} elements, but the file holds {}", to_string(type), to_string(shape), count, given);
  SACCADE_CHECK(given == count || count <= kMaxFilledElements, unsupported, "a tensor of shape {} filled with one value", to_string(shape));
  Tensor out(type, shape);
  const std::size_t size = size_in_bytes(type);
  auto* to = static_cast<char*>(out.raw());
  T last{};
  for (std::int64_t i = 0; i < count; ++i, to += size) {
    if (i < given) last = static_cast<T>(list[static_cast<std::size_t>(i)]);
    if (i >= given && i > 0 && given == 0) break;  // zeros, as allocated
    std::memcpy(to, &last, size);  // the low bytes, on a little-endian machine
  }
  return out;
}

Tensor from_content(ElementType type, const Shape& shape, std::string_view content, const std::shared_ptr<void>& owner) {
  const auto count = static_cast<std::size_t>(element_count(shape)), size = size_in_bytes(type);
  SACCADE_CHECK(count < std::size_t{1} << 58 && content.size() == count * size, invalid_model, "{}{} does not take the {} bytes that the file holds", to_string(type),
                to_string(shape), content.size());
  char* data = const_cast<char*>(content.data());
  // the file's memory is private, so booleans other than 0 and 1 can be put right in place
  if (type == ElementType::boolean)
    for (std::size_t i = 0; i < content.size(); ++i) data[i] = data[i] != 0;
  if (reinterpret_cast<std::uintptr_t>(data) % size == 0) return Tensor(type, shape, data, owner);
  Tensor out(type, shape);
  std::memcpy(out.raw(), data, content.size());
  return out;
}

}  // namespace

std::string shown(std::string_view name) {
  constexpr std::size_t kLongest = 160;
  std::string text;
  for (char c : name.substr(0, kLongest)) text += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  if (name.size() > kLongest) text += "...";
  return text;
}

ElementType element_type(std::int64_t dtype) {
  switch (static_cast<DataType>(dtype > 100 ? dtype - 100 : dtype)) {
    case DataType::f32: return ElementType::f32;
    case DataType::f64: return ElementType::f64;
    case DataType::i32:
    case DataType::qint32: return ElementType::i32;
    case DataType::u8:
    case DataType::quint8: return ElementType::u8;
    case DataType::i16:
    case DataType::qint16: return ElementType::i16;
    case DataType::i8:
    case DataType::qint8: return ElementType::i8;
    case DataType::i64: return ElementType::i64;
    case DataType::boolean: return ElementType::boolean;
    case DataType::bf16: return ElementType::bf16;
    case DataType::u16:
    case DataType::quint16: return ElementType::u16;
    case DataType::f16: return ElementType::f16;
    case DataType::u32: return ElementType::u32;
    case DataType::u64: return ElementType::u64;
    case DataType::f8e5m2: return ElementType::f8e5m2;
    case DataType::f8e4m3fn: return ElementType::f8e4m3fn;
    case DataType::string: fail(ErrorCode::unsupported, "tensors of strings");
    case DataType::complex64:
    case DataType::complex128: fail(ErrorCode::unsupported, "tensors of complex numbers");
    case DataType::resource: fail(ErrorCode::unsupported, "a resource where a tensor is needed");
    case DataType::variant: fail(ErrorCode::unsupported, "a variant where a tensor is needed");
    default: fail(ErrorCode::invalid_model, "{} is no element type", dtype);
  }
}

graph::PartialShape partial_shape(const ShapeProto& proto) {
  if (!proto.known_rank) return {};
  SACCADE_CHECK(proto.dims.size() <= kMaxRank, invalid_model, "a shape of rank {}", proto.dims.size());
  std::vector<graph::Dimension> dims;
  for (const auto d : proto.dims) {
    SACCADE_CHECK(d >= -1 && d <= kMaxDimension, invalid_model, "dimension {}", d);
    dims.push_back(d < 0 ? graph::Dimension::unknown() : graph::Dimension::fixed(d));
  }
  graph::PartialShape shape(std::move(dims));
  if (shape.is_static()) {
    try {
      element_count(shape.shape());
    } catch (const Error& e) {
      fail(ErrorCode::invalid_model, "{}", e.message());
    }
  }
  return shape;
}

Tensor tensor_of(const TensorProto& proto, const std::shared_ptr<void>& owner) {
  const ElementType type = element_type(proto.dtype);
  const graph::PartialShape known = partial_shape(proto.shape);
  SACCADE_CHECK(known.is_static(), invalid_model, "a tensor of shape {}", to_string(known));
  const Shape shape = known.shape();
  if (!proto.content.empty()) return from_content(type, shape, proto.content, owner);
  switch (type) {
    case ElementType::f32: return from_list<float>(type, shape, proto.floats);
    case ElementType::f64: return from_list<double>(type, shape, proto.doubles);
    case ElementType::i64: return from_list<std::int64_t>(type, shape, proto.int64s);
    case ElementType::u64: return from_list<std::uint64_t>(type, shape, proto.uint64s);
    case ElementType::u32: return from_list<std::uint32_t>(type, shape, proto.uint32s);
    case ElementType::boolean: return from_list<bool>(type, shape, proto.bools);
    case ElementType::f16:
    case ElementType::bf16: return from_list<std::int32_t>(type, shape, proto.halves);
    case ElementType::f8e5m2:
    case ElementType::f8e4m3fn: fail(ErrorCode::unsupported, "8-bit floats that are not stored as raw bytes");
    default: return from_list<std::int32_t>(type, shape, proto.ints);
  }
}

}  // namespace saccade::tensorflow
