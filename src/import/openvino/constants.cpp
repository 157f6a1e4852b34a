// SPDX-License-Identifier: Apache-2.0
// Ranges of the .bin, checked before they are used.
#include "import/openvino/constants.h"

#include <cctype>
#include <cstring>
#include <string>

#include "base/error.h"
#include "base/fingerprint.h"
#include "import/openvino/net.h"

namespace saccade::openvino {
namespace {

int bits_of(ElementType type) {
  switch (type) {
    case ElementType::u4:
    case ElementType::i4:
    case ElementType::f4e2m1: return 4;
    case ElementType::u2:
    case ElementType::i2: return 2;
    default: return static_cast<int>(8 * size_in_bytes(type));
  }
}

// One byte an element; the first element lies in the lowest bits.
Tensor unpacked(ElementType type, const Shape& shape, const unsigned char* from, int bits) {
  Tensor out(type, shape);
  auto* to = static_cast<unsigned char*>(out.raw());
  const bool is_signed_type = type == ElementType::i4 || type == ElementType::i2;
  const std::int64_t per_byte = 8 / bits;
  for (std::int64_t i = 0; i < out.size(); ++i) {
    const unsigned value = (from[i / per_byte] >> (static_cast<int>(i % per_byte) * bits)) & ((1u << bits) - 1);
    const bool negative = is_signed_type && (value >> (bits - 1)) != 0;
    to[i] = static_cast<unsigned char>(negative ? value | (0xffu << bits) : value);
  }
  return out;
}

}  // namespace

ElementType parse_element(std::string_view name) {
  std::string lower;
  for (char c : name) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (lower == "bool") return ElementType::boolean;
  if (lower == "f8e4m3") return ElementType::f8e4m3fn;
  if (lower.starts_with("fp") || lower == "float") lower = lower == "float" ? "f32" : "f" + lower.substr(2);
  constexpr ElementType kTypes[] = {ElementType::boolean, ElementType::u8,   ElementType::i8,  ElementType::u16, ElementType::i16, ElementType::u32, ElementType::i32,    ElementType::u64,    ElementType::i64,   ElementType::f16,
                                    ElementType::bf16,    ElementType::f32,  ElementType::f64, ElementType::u4,  ElementType::i4,  ElementType::u2,  ElementType::f8e5m2, ElementType::f8e8m0, ElementType::f4e2m1};
  for (const ElementType type : kTypes)
    if (to_string(type) == lower) return type;
  for (const char* known : {"string", "u1", "bin", "nf4", "u3", "u6", "dynamic", "undefined", "unspecified", "mixed", "q78", "custom"})
    if (lower == known) fail(ErrorCode::unsupported, "the element type {}", known);
  fail(ErrorCode::invalid_model, "'{}' is no element type", shown(name));
}

const FileBytes& Constants::file() {
  if (file_) return *file_;
  SACCADE_CHECK(!path_.empty(), not_found, "the model has constants, but was given without its .bin");
  try {
    file_ = FileBytes::open(path_);
  } catch (const Error& e) {
    if (e.code() != ErrorCode::not_found) throw;
    fail(ErrorCode::not_found, "the constants of the model, '{}', are not there; an IR is a pair of .xml and .bin", path_.string());
  }
  return *file_;
}

Tensor Constants::tensor(ElementType type, const Shape& shape, std::size_t offset, std::size_t size) {
  const auto count = static_cast<std::size_t>(element_count(shape));
  SACCADE_CHECK(count < std::size_t{1} << 58, invalid_model, "shape {} has too many elements", to_string(shape));
  const int bits = bits_of(type);
  const std::size_t needed = (count * static_cast<std::size_t>(bits) + 7) / 8;
  SACCADE_CHECK(size == needed, invalid_model, "{}{} takes {} bytes, not {}", to_string(type), to_string(shape), needed, size);
  if (size == 0) return Tensor(type, shape);
  const auto bytes = file().bytes();
  SACCADE_CHECK(offset <= bytes.size() && size <= bytes.size() - offset, invalid_model, "bytes {} + {} of '{}', which has {}: it is truncated, or belongs to another model", offset, size,
                path_.filename().string(), bytes.size());
  end_ = std::max(end_, offset + size);
  auto& range = ranges_[offset];
  range = std::max(range, size);
  char* from = bytes.data() + offset;
  if (bits < 8) return unpacked(type, shape, reinterpret_cast<unsigned char*>(from), bits);
  // a view must be aligned for its elements, and have readable bytes behind it as every tensor has
  const bool usable = offset % size_in_bytes(type) == 0 && type != ElementType::boolean;
  if (usable) return Tensor(type, shape, from, file_);
  Tensor copy(type, shape);
  if (type == ElementType::boolean)
    for (std::size_t i = 0; i < size; ++i) static_cast<char*>(copy.raw())[i] = from[i] != 0;
  else
    std::memcpy(copy.raw(), from, size);
  return copy;
}

void Constants::expect(std::size_t size, std::uint64_t fingerprint) {
  expected_ = true;
  expected_size_ = size;
  expected_fingerprint_ = fingerprint;
}

void Constants::check() const {
  if (!file_) return;
  const std::size_t size = file_->bytes().size();
  const std::string name = path_.filename().string();
  if (expected_) {
    SACCADE_CHECK(size == expected_size_, invalid_model, "'{}' has {} bytes, the model's has {}: it belongs to another model", name, size, expected_size_);
    std::uint64_t hash = 0;
    for (const auto& [offset, length] : ranges_) hash ^= fingerprint({file_->bytes().data() + offset, length}, offset);
    SACCADE_CHECK(hash == expected_fingerprint_, invalid_model, "'{}' does not have the contents that the .xml was written with: it belongs to another model", name);
    return;
  }
  SACCADE_CHECK(allow_more_ || size == end_, invalid_model, "'{}' has {} bytes, the model uses {}: it belongs to another model; name the file to use it all the same", name, size, end_);
}

}  // namespace saccade::openvino
