// SPDX-License-Identifier: Apache-2.0
// Reading and writing .npy files.
#include "tensor/npy.h"

#include <algorithm>
#include <charconv>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "tensor/half.h"
#include "tensor/numeric.h"
#include "tensor/strided.h"

namespace saccade {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMaxRank = 64;

struct Header {
  std::string_view descr;
  bool fortran_order = false;
  Shape shape;
};

struct Kind {
  std::string_view code;
  ElementType type;
};
constexpr Kind kKinds[] = {
    {"f4", ElementType::f32}, {"f8", ElementType::f64}, {"f2", ElementType::f16}, {"b1", ElementType::boolean}, {"i1", ElementType::i8},  {"u1", ElementType::u8},
    {"i2", ElementType::i16}, {"u2", ElementType::u16}, {"i4", ElementType::i32}, {"u4", ElementType::u32},     {"i8", ElementType::i64}, {"u8", ElementType::u64},
};

// The value after 'key': in the header's dictionary.
std::string_view entry(std::string_view dict, std::string_view key) {
  for (const char quote : {'\'', '"'}) {
    const std::string quoted = fmt::format("{0}{1}{0}", quote, key);
    auto at = dict.find(quoted);
    if (at == std::string_view::npos) continue;
    at = dict.find(':', at + quoted.size());
    if (at == std::string_view::npos) break;
    at = dict.find_first_not_of(" \t", at + 1);
    if (at != std::string_view::npos) return dict.substr(at);
  }
  fail(ErrorCode::invalid_argument, "the .npy header has no '{}'", key);
}

Header parse_header(std::string_view dict) {
  Header h;
  const auto descr = entry(dict, "descr");
  const char quote = descr[0];
  SACCADE_CHECK(quote == '\'' || quote == '"', unsupported, ".npy files of structures");
  const auto end = descr.find(quote, 1);
  SACCADE_CHECK(end != std::string_view::npos && end < 32, invalid_argument, "damaged .npy header");
  h.descr = descr.substr(1, end - 1);
  h.fortran_order = entry(dict, "fortran_order").starts_with("True");
  auto list = entry(dict, "shape");
  const auto close = list.find(')');
  SACCADE_CHECK(list[0] == '(' && close != std::string_view::npos, invalid_argument, "damaged .npy header");
  list = list.substr(1, close - 1);
  while (true) {
    const auto start = list.find_first_not_of(" ,");
    if (start == std::string_view::npos) break;
    list.remove_prefix(start);
    std::int64_t d = 0;
    const auto [stop, error] = std::from_chars(list.data(), list.data() + list.size(), d);
    SACCADE_CHECK(error == std::errc() && d >= 0 && h.shape.size() < kMaxRank, invalid_argument, "damaged .npy header");
    h.shape.push_back(d);
    list.remove_prefix(static_cast<std::size_t>(stop - list.data()));
  }
  return h;
}

ElementType element_of(std::string_view descr, bool& swap) {
  swap = descr.starts_with('>');
  const auto code = !descr.empty() && std::string_view("<>|=").find(descr[0]) != std::string_view::npos ? descr.substr(1) : descr;
  for (const auto& k : kKinds)
    if (code == k.code) return k.type;
  fail(ErrorCode::unsupported, ".npy files of the type '{}'", descr);
}

void swap_bytes(Tensor& tensor) {
  const std::size_t size = size_in_bytes(tensor.type());
  auto* p = static_cast<char*>(tensor.raw());
  for (std::int64_t i = 0; i < tensor.size(); ++i) std::reverse(p + static_cast<std::size_t>(i) * size, p + static_cast<std::size_t>(i + 1) * size);
}

Tensor from_fortran(const Tensor& tensor, const Shape& shape) {
  Tensor out(tensor.type(), shape);
  Strides strides(shape.size());
  std::int64_t stride = 1;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    strides[d] = stride;
    stride *= shape[d];
  }
  if (out.size()) strided_copy(out.raw(), dense_strides(shape), tensor.raw(), strides, shape, size_in_bytes(tensor.type()));
  return out;
}

ElementType travelling_as(ElementType type) {
  switch (type) {
    case ElementType::bf16: case ElementType::f8e4m3fn: case ElementType::f8e4m3fnuz: case ElementType::f8e5m2: case ElementType::f8e5m2fnuz:
    case ElementType::f8e8m0: case ElementType::f4e2m1:
      return ElementType::f32;
    case ElementType::u4: case ElementType::u2: return ElementType::u8;
    case ElementType::i4: case ElementType::i2: return ElementType::i8;
    default: return type;
  }
}

}  // namespace

Tensor parse_npy(std::span<const char> bytes) {
  const std::string_view file(bytes.data(), bytes.size());
  SACCADE_CHECK(file.starts_with(kMagic) && file.size() >= 10, invalid_argument, "not a .npy file");
  const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(file[i])); };
  const std::size_t version = byte(6);
  SACCADE_CHECK(version >= 1 && version <= 3, unsupported, ".npy format {}.{}", version, byte(7));
  const std::size_t start = version == 1 ? 10 : 12;
  SACCADE_CHECK(file.size() >= start, invalid_argument, "truncated .npy file");
  const std::size_t length = version == 1 ? byte(8) | byte(9) << 8 : byte(8) | byte(9) << 8 | byte(10) << 16 | byte(11) << 24;
  SACCADE_CHECK(length <= file.size() - start, invalid_argument, "truncated .npy file");
  const Header header = parse_header(file.substr(start, length));
  bool swap = false;
  const ElementType type = element_of(header.descr, swap);
  const std::string_view data = file.substr(start + length);
  const std::int64_t count = element_count(header.shape);
  SACCADE_CHECK(count < (std::int64_t{1} << 58) && static_cast<std::size_t>(count) * size_in_bytes(type) <= data.size(), invalid_argument,
                "truncated .npy file: {}{} needs {} bytes, {} are there", to_string(type), to_string(header.shape), static_cast<std::size_t>(count) * size_in_bytes(type), data.size());
  Tensor tensor(type, header.shape);
  if (count) std::memcpy(tensor.raw(), data.data(), tensor.size_bytes());
  if (swap) swap_bytes(tensor);
  if (type == ElementType::boolean) {
    auto* p = static_cast<std::uint8_t*>(tensor.raw());
    for (std::int64_t i = 0; i < count; ++i) p[i] = p[i] != 0;
  }
  return header.fortran_order && tensor.rank() > 1 ? from_fortran(tensor, header.shape) : tensor;
}

Tensor read_npy(const std::filesystem::path& path) {
  const std::string name = path.string();
  ErrorContext scope("file", name);
  return parse_npy(FileBytes::open(path)->bytes());
}

std::string format_npy(const Tensor& tensor) {
  SACCADE_CHECK(tensor.defined(), invalid_argument, "an undefined tensor cannot be written");
  const ElementType type = travelling_as(tensor.type());
  // integers below a byte already take a byte each
  const Tensor wide = is_float(type) && type != tensor.type() ? from_f64(type, tensor.shape(), to_f64(tensor)) : tensor;
  const auto* kind = std::find_if(std::begin(kKinds), std::end(kKinds), [&](const Kind& k) { return k.type == type; });
  std::string shape;
  for (auto d : tensor.shape()) shape += fmt::format("{},", d);
  std::string header = fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}), }}", size_in_bytes(type) == 1 ? '|' : '<', kind->code, shape);
  while ((kMagic.size() + 4 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string out(kMagic);
  out += '\x01';
  out += '\0';
  out += static_cast<char>(header.size() & 255);
  out += static_cast<char>(header.size() >> 8);
  out += header;
  out.append(static_cast<const char*>(wide.raw()), wide.size_bytes());
  return out;
}

void write_npy(const std::filesystem::path& path, const Tensor& tensor) {
  const std::string bytes = format_npy(tensor);
  const std::string name = path.string(), aside = fmt::format("{}.{}.tmp", name, ::getpid());
  std::FILE* file = std::fopen(aside.c_str(), "wb");
  SACCADE_CHECK(file != nullptr, unavailable, "cannot write '{}': {}", name, std::strerror(errno));
  bool ok = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  int error = errno;
  if (std::fclose(file) != 0 && ok) {
    ok = false;
    error = errno;
  }
  if (ok && std::rename(aside.c_str(), name.c_str()) != 0) {
    ok = false;
    error = errno;
  }
  if (!ok) {
    std::remove(aside.c_str());
    fail(ErrorCode::unavailable, "cannot write '{}': {}", name, std::strerror(error));
  }
}

Tensor from_travelling(const Tensor& tensor, ElementType type) {
  if (tensor.type() == type) return tensor;
  SACCADE_CHECK(tensor.type() == travelling_as(type), invalid_argument, "elements of the type {} are needed, not {}", to_string(type), to_string(tensor.type()));
  if (!is_float(type)) return from_i64(type, tensor.shape(), to_i64(tensor));
  const auto values = to_f64(tensor);
  if (type == ElementType::bf16) return from_f64(type, tensor.shape(), values);
  // infinities and NaN stay what they are, which from_f64 would not grant
  Tensor out(type, tensor.shape());
  auto* to = static_cast<std::uint8_t*>(out.raw());
  for (std::size_t i = 0; i < values.size(); ++i) to[i] = small_float_from_double(small_float_of(type), values[i], false);
  return out;
}

}  // namespace saccade
