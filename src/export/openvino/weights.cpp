// SPDX-License-Identifier: Apache-2.0
// Storing constants.
#include "export/openvino/weights.h"

#include <cstring>
#include <string>

#include "base/error.h"
#include "base/fingerprint.h"

namespace saccade::exporter::openvino {
namespace {

constexpr std::size_t kAlignment = 64;

int packed_bits(ElementType type) {
  switch (type) {
    case ElementType::u4:
    case ElementType::i4:
    case ElementType::f4e2m1: return 4;
    case ElementType::u2:
    case ElementType::i2: return 2;
    default: return 8;
  }
}

// Several elements in a byte, the first in the lowest bits.
std::string packed(const Tensor& tensor, int bits) {
  const auto* elements = static_cast<const unsigned char*>(tensor.raw());
  const std::size_t per_byte = static_cast<std::size_t>(8 / bits), n = static_cast<std::size_t>(tensor.size());
  const unsigned mask = (1u << bits) - 1;
  std::string bytes((n + per_byte - 1) / per_byte, '\0');
  for (std::size_t i = 0; i < n; ++i)
    bytes[i / per_byte] = static_cast<char>(static_cast<unsigned char>(bytes[i / per_byte]) | ((elements[i] & mask) << (static_cast<int>(i % per_byte) * bits)));
  return bytes;
}

}  // namespace

std::string_view ir_element(ElementType type) {
  switch (type) {
    case ElementType::f8e4m3fn: return "f8e4m3";
    case ElementType::f8e4m3fnuz:
    case ElementType::f8e5m2fnuz:
    case ElementType::i2: fail(ErrorCode::unsupported, "IR has no element type {}", to_string(type));
    default: return to_string(type);
  }
}

std::string_view ir_precision(ElementType type) {
  switch (type) {
    case ElementType::boolean: return "BOOL";
    case ElementType::u8: return "U8";
    case ElementType::i8: return "I8";
    case ElementType::u16: return "U16";
    case ElementType::i16: return "I16";
    case ElementType::u32: return "U32";
    case ElementType::i32: return "I32";
    case ElementType::u64: return "U64";
    case ElementType::i64: return "I64";
    case ElementType::f16: return "FP16";
    case ElementType::bf16: return "BF16";
    case ElementType::f32: return "FP32";
    case ElementType::f64: return "FP64";
    case ElementType::u4: return "U4";
    case ElementType::i4: return "I4";
    case ElementType::u2: return "U2";
    case ElementType::f8e4m3fn: return "F8E4M3";
    case ElementType::f8e5m2: return "F8E5M2";
    case ElementType::f8e8m0: return "F8E8M0";
    case ElementType::f4e2m1: return "F4E2M1";
    default: break;
  }
  fail(ErrorCode::unsupported, "IR has no element type {}", to_string(type));
}

Weights::Place Weights::add(const Tensor& tensor) {
  const int bits = packed_bits(tensor.type());
  std::string own;
  std::string_view bytes(static_cast<const char*>(tensor.raw()), tensor.size_bytes());
  if (bits < 8) bytes = own = packed(tensor, bits);
  const std::uint64_t key = hash_bytes(bytes.data(), bytes.size(), static_cast<std::uint64_t>(bits)).low;
  const auto [first, last] = stored_.equal_range(key);
  for (auto it = first; it != last; ++it) {
    const auto& [place, other] = it->second;
    // packed tensors are compared in their unpacked form, which determines the packed one
    if (place.size == bytes.size() && other.size_bytes() == tensor.size_bytes() && packed_bits(other.type()) == bits &&
        std::memcmp(other.raw(), tensor.raw(), tensor.size_bytes()) == 0)
      return place;
  }
  const std::size_t padding = bytes.empty() ? 0 : (kAlignment - file_.size() % kAlignment) % kAlignment;
  static constexpr char kZeros[kAlignment] = {};
  file_.write({kZeros, padding});
  const Place place{file_.size(), bytes.size()};
  file_.write(bytes);
  if (!bytes.empty()) hash_ ^= fingerprint(bytes, place.offset);
  stored_.emplace(key, std::pair(place, tensor));
  return place;
}

}  // namespace saccade::exporter::openvino
