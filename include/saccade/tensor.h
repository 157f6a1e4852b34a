// SPDX-License-Identifier: Apache-2.0
// Tensors: an element type, a shape and dense row-major elements.
//
// Example:
//   saccade::Tensor image(saccade::ElementType::f32, {1, 3, 224, 224});
//   for (float& value : image.values<float>()) value = 0.5f;
//   auto sizes = saccade::Tensor::from<std::int64_t>({2}, {224, 224});
//   std::vector<std::uint8_t> pixels(3 * 4);
//   saccade::Tensor view(saccade::ElementType::u8, {1, 4, 3}, pixels.data());  // no copy
//   std::puts(saccade::to_string(view.shape()).c_str());
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace saccade {

/// What one element is. Types below a byte (u4 i4 u2 i2 f4e2m1) take a whole byte each in memory.
enum class ElementType : std::uint8_t {
  boolean, u8, i8, u16, i16, u32, i32, u64, i64, f16, bf16, f32, f64,
  u4, i4, u2, i2, f8e4m3fn, f8e4m3fnuz, f8e5m2, f8e5m2fnuz, f8e8m0, f4e2m1,
};

/// "f32", "i64", "boolean" …
std::string_view to_string(ElementType type) noexcept;
/// The inverse of to_string; throws Error(invalid_argument) for anything else.
ElementType parse_element_type(std::string_view name);
/// Bytes of one element in memory: 1, 2, 4 or 8.
std::size_t size_in_bytes(ElementType type) noexcept;
bool is_float(ElementType type) noexcept;
/// Integers, signed or not; not boolean.
bool is_integer(ElementType type) noexcept;
bool is_signed(ElementType type) noexcept;

/// Dimensions, outermost first. Empty for a scalar.
using Shape = std::vector<std::int64_t>;

/// The number of elements; throws Error(invalid_argument) on a negative dimension or beyond 2^62.
std::int64_t element_count(const Shape& shape);
/// "[1,3,224,224]"
std::string to_string(const Shape& shape);

struct Half;
struct BFloat16;

/// The ElementType of a C++ type, for Tensor's typed access. Specialised for the fixed-width integers, bool, float, double, Half, BFloat16.
template <class T>
inline constexpr bool is_element = false;
template <class T>
inline constexpr ElementType element_type_of = ElementType::u8;
#define SACCADE_ELEMENT(T, E)              \
  template <>                              \
  inline constexpr bool is_element<T> = true; \
  template <>                              \
  inline constexpr ElementType element_type_of<T> = ElementType::E;
SACCADE_ELEMENT(bool, boolean)
SACCADE_ELEMENT(std::uint8_t, u8)
SACCADE_ELEMENT(std::int8_t, i8)
SACCADE_ELEMENT(std::uint16_t, u16)
SACCADE_ELEMENT(std::int16_t, i16)
SACCADE_ELEMENT(std::uint32_t, u32)
SACCADE_ELEMENT(std::int32_t, i32)
SACCADE_ELEMENT(std::uint64_t, u64)
SACCADE_ELEMENT(std::int64_t, i64)
SACCADE_ELEMENT(Half, f16)
SACCADE_ELEMENT(BFloat16, bf16)
SACCADE_ELEMENT(float, f32)
SACCADE_ELEMENT(double, f64)
#undef SACCADE_ELEMENT

/// A dense row-major tensor. Copies share the elements (like std::shared_ptr); clone() does not.
/// Reading one tensor from several threads is safe, writing is not.
class Tensor {
 public:
  /// No tensor: defined() is false. Stands for an absent optional input.
  Tensor() = default;
  /// Elements are zero, aligned to 64 bytes, with at least 64 readable bytes after the last. Throws Error(out_of_memory).
  Tensor(ElementType type, Shape shape);
  /// A view of memory that the caller owns; `owner`, if given, is kept alive with it. The memory need not be aligned.
  Tensor(ElementType type, Shape shape, void* data, std::shared_ptr<void> owner = nullptr);

  /// A tensor that holds a copy of `values`; throws Error(invalid_argument) if their number does not fit the shape.
  template <class T>
  static Tensor from(Shape shape, std::span<const T> values);
  template <class T>
  static Tensor from(Shape shape, std::initializer_list<T> values) {
    return from<T>(std::move(shape), std::span<const T>(values.begin(), values.size()));
  }
  template <class T>
  static Tensor scalar(T value) {
    return from<T>({}, {value});
  }

  bool defined() const noexcept { return defined_; }
  ElementType type() const noexcept { return type_; }
  const Shape& shape() const noexcept { return shape_; }
  std::int64_t rank() const noexcept { return static_cast<std::int64_t>(shape_.size()); }
  /// Number of elements.
  std::int64_t size() const noexcept { return size_; }
  std::size_t size_bytes() const noexcept { return static_cast<std::size_t>(size_) * size_in_bytes(type_); }

  void* raw() noexcept { return data_; }
  const void* raw() const noexcept { return data_; }
  /// Typed access; throws Error(invalid_argument) if T is not the element type.
  template <class T>
  T* data() {
    require(element_type_of<T>);
    return static_cast<T*>(data_);
  }
  template <class T>
  const T* data() const {
    require(element_type_of<T>);
    return static_cast<const T*>(data_);
  }
  template <class T>
  std::span<T> values() {
    return {data<T>(), static_cast<std::size_t>(size_)};
  }
  template <class T>
  std::span<const T> values() const {
    return {data<T>(), static_cast<std::size_t>(size_)};
  }

  /// Whether the elements are this tensor's own memory and no other tensor shares them.
  bool unique() const noexcept { return owner_ && owner_.use_count() == 1; }

  /// The same elements under another shape of equal size; shares them.
  Tensor reshaped(Shape shape) const;
  /// A copy with elements of its own.
  Tensor clone() const;

 private:
  void require(ElementType type) const;
  void fill_from(const void* elements, std::size_t count);

  ElementType type_ = ElementType::f32;
  bool defined_ = false;
  Shape shape_;
  std::int64_t size_ = 0;
  void* data_ = nullptr;
  std::shared_ptr<void> owner_;
};

template <class T>
Tensor Tensor::from(Shape shape, std::span<const T> values) {
  static_assert(is_element<T>);
  Tensor tensor(element_type_of<T>, std::move(shape));
  tensor.fill_from(values.data(), values.size());
  return tensor;
}

}  // namespace saccade
