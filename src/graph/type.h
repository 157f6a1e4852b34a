// SPDX-License-Identifier: Apache-2.0
// The type of a graph value: an element type and a shape whose rank or dimensions may be unknown.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "saccade/tensor.h"

namespace saccade::graph {

/// A dimension: an interval, and a symbol that is equal wherever the model says that the sizes are equal.
struct Dimension {
  static constexpr std::int64_t kUnbounded = std::numeric_limits<std::int64_t>::max();

  std::int64_t min = 0, max = kUnbounded;
  std::string symbol;  // empty: none

  static Dimension fixed(std::int64_t size) { return {size, size, {}}; }
  static Dimension unknown(std::string symbol = {}) { return {0, kUnbounded, std::move(symbol)}; }

  bool is_static() const { return min == max; }
  /// The size; demands is_static().
  std::int64_t size() const { return min; }
  bool operator==(const Dimension&) const = default;
};

/// "224", "?", "batch", "1..8", "3..", "batch(1..8)"; symbols that are no plain name in quotes
std::string to_string(const Dimension& dimension);

/// A shape with unknown rank, or known rank and dimensions that may be unknown.
class PartialShape {
 public:
  /// Unknown rank.
  PartialShape() = default;
  PartialShape(std::vector<Dimension> dimensions) : ranked_(true), dimensions_(std::move(dimensions)) {}
  PartialShape(const Shape& shape);
  static PartialShape of_rank(std::size_t rank) { return PartialShape(std::vector<Dimension>(rank)); }

  bool ranked() const { return ranked_; }
  /// Demands ranked().
  std::size_t rank() const { return dimensions_.size(); }
  const std::vector<Dimension>& dimensions() const { return dimensions_; }
  const Dimension& operator[](std::size_t d) const { return dimensions_[d]; }
  Dimension& operator[](std::size_t d) { return dimensions_[d]; }

  bool is_static() const;
  /// The shape; demands is_static().
  Shape shape() const;
  bool operator==(const PartialShape&) const = default;

 private:
  bool ranked_ = false;
  std::vector<Dimension> dimensions_;
};

/// "[1,3,?,w]", "[...]" for an unknown rank.
std::string to_string(const PartialShape& shape);

struct TensorType {
  ElementType element = ElementType::f32;
  PartialShape shape;

  bool is_static() const { return shape.is_static(); }
  bool operator==(const TensorType&) const = default;
};

/// "f32[1,3,224,224]"
std::string to_string(const TensorType& type);
TensorType type_of(const Tensor& tensor);

/// NumPy broadcasting of partial shapes; throws Error(invalid_model) where they cannot fit.
PartialShape broadcast(const PartialShape& a, const PartialShape& b);
/// The least general shape that both are instances of.
PartialShape common(const PartialShape& a, const PartialShape& b);
/// What is known when both describe the same value; throws Error(invalid_model) on a contradiction.
PartialShape meet(const PartialShape& a, const PartialShape& b);
Dimension meet(const Dimension& a, const Dimension& b);
/// a + b, a * b and so on with interval ends kept where they are known.
Dimension operator+(const Dimension& a, const Dimension& b);
Dimension operator*(const Dimension& a, const Dimension& b);
Dimension plus(const Dimension& a, std::int64_t b);

}  // namespace saccade::graph
