// SPDX-License-Identifier: Apache-2.0
// Element types, shapes and the tensor's storage.
#include "saccade/tensor.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "tensor/half.h"

namespace saccade {
namespace {

struct TypeRow {
  ElementType type;
  const char* name;
  std::size_t bytes;
  bool floating, integer, is_signed;
};

constexpr TypeRow kTypes[] = {
    {ElementType::boolean, "boolean", 1, false, false, false}, {ElementType::u8, "u8", 1, false, true, false},
    {ElementType::i8, "i8", 1, false, true, true},             {ElementType::u16, "u16", 2, false, true, false},
    {ElementType::i16, "i16", 2, false, true, true},           {ElementType::u32, "u32", 4, false, true, false},
    {ElementType::i32, "i32", 4, false, true, true},           {ElementType::u64, "u64", 8, false, true, false},
    {ElementType::i64, "i64", 8, false, true, true},           {ElementType::f16, "f16", 2, true, false, true},
    {ElementType::bf16, "bf16", 2, true, false, true},         {ElementType::f32, "f32", 4, true, false, true},
    {ElementType::f64, "f64", 8, true, false, true},           {ElementType::u4, "u4", 1, false, true, false},
    {ElementType::i4, "i4", 1, false, true, true},             {ElementType::u2, "u2", 1, false, true, false},
    {ElementType::i2, "i2", 1, false, true, true},             {ElementType::f8e4m3fn, "f8e4m3fn", 1, true, false, true},
    {ElementType::f8e4m3fnuz, "f8e4m3fnuz", 1, true, false, true}, {ElementType::f8e5m2, "f8e5m2", 1, true, false, true},
    {ElementType::f8e5m2fnuz, "f8e5m2fnuz", 1, true, false, true}, {ElementType::f8e8m0, "f8e8m0", 1, true, false, false},
    {ElementType::f4e2m1, "f4e2m1", 1, true, false, true},
};

const TypeRow& row(ElementType type) noexcept { return kTypes[static_cast<std::size_t>(type)]; }

constexpr std::size_t kAlignment = 64;

// No single tensor may take more than half of the machine's memory: the kernel would promise more and kill the process later.
std::size_t largest_tensor() {
  static const std::size_t bytes = [] {
    const auto pages = static_cast<std::size_t>(std::max(0L, sysconf(_SC_PHYS_PAGES)));
    return std::max(pages * static_cast<std::size_t>(std::max(0L, sysconf(_SC_PAGESIZE))) / 2, std::size_t{1} << 30);
  }();
  return bytes;
}

}  // namespace

std::string_view to_string(ElementType type) noexcept { return row(type).name; }

ElementType parse_element_type(std::string_view name) {
  for (const auto& r : kTypes)
    if (name == r.name) return r.type;
  fail(ErrorCode::invalid_argument, "'{}' is not an element type", name);
}

std::size_t size_in_bytes(ElementType type) noexcept { return row(type).bytes; }
bool is_float(ElementType type) noexcept { return row(type).floating; }
bool is_integer(ElementType type) noexcept { return row(type).integer; }
bool is_signed(ElementType type) noexcept { return row(type).is_signed; }

std::int64_t element_count(const Shape& shape) {
  std::int64_t count = 1;
  bool empty = false;
  for (auto d : shape) {
    SACCADE_CHECK(d >= 0, invalid_argument, "negative dimension in shape {}", to_string(shape));
    if (d == 0)
      empty = true;
    else
      SACCADE_CHECK(!__builtin_mul_overflow(count, d, &count) && count < (std::int64_t{1} << 62), invalid_argument, "shape {} has too many elements", to_string(shape));
  }
  return empty ? 0 : count;
}

std::string to_string(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ",")); }

Tensor::Tensor(ElementType type, Shape shape) : type_(type), defined_(true), shape_(std::move(shape)), size_(element_count(shape_)) {
  SACCADE_CHECK(static_cast<std::size_t>(size_) <= largest_tensor() / size_in_bytes(type_), out_of_memory, "a tensor {}{} does not fit into memory", to_string(type_), to_string(shape_));
  const std::size_t bytes = (size_bytes() + 2 * kAlignment - 1) / kAlignment * kAlignment + kAlignment;
  // calloc hands out fresh zero pages for large blocks without touching them
  void* block = std::calloc(1, bytes);
  SACCADE_CHECK(block != nullptr, out_of_memory, "no memory for a tensor {}{} of {} bytes", to_string(type), to_string(shape_), size_bytes());
  owner_ = std::shared_ptr<void>(block, std::free);
  data_ = reinterpret_cast<void*>((reinterpret_cast<std::uintptr_t>(block) + kAlignment - 1) / kAlignment * kAlignment);
}

Tensor::Tensor(ElementType type, Shape shape, void* data, std::shared_ptr<void> owner)
    : type_(type), defined_(true), shape_(std::move(shape)), size_(element_count(shape_)), data_(data), owner_(std::move(owner)) {}

Tensor Tensor::reshaped(Shape shape) const {
  SACCADE_CHECK(element_count(shape) == size_, invalid_argument, "cannot view a tensor of shape {} as {}", to_string(shape_), to_string(shape));
  Tensor other = *this;
  other.shape_ = std::move(shape);
  return other;
}

Tensor Tensor::clone() const {
  if (!defined_) return {};
  Tensor copy(type_, shape_);
  if (size_) std::memcpy(copy.data_, data_, size_bytes());
  return copy;
}

void Tensor::require(ElementType type) const {
  SACCADE_CHECK(defined_, invalid_argument, "an undefined tensor has no elements");
  SACCADE_CHECK(type == type_, invalid_argument, "the tensor holds {}, not {}", to_string(type_), to_string(type));
}

void Tensor::fill_from(const void* elements, std::size_t count) {
  SACCADE_CHECK(count == static_cast<std::size_t>(size_), invalid_argument, "{} values do not fill shape {}", count, to_string(shape_));
  if (count) std::memcpy(data_, elements, size_bytes());
}

}  // namespace saccade
