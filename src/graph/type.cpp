// SPDX-License-Identifier: Apache-2.0
// Arithmetic and printing of dimensions and partial shapes.
#include "graph/type.h"

#include <algorithm>

#include "base/error.h"
#include "graph/text_names.h"

namespace saccade::graph {

std::string to_string(const Dimension& d) {
  if (d.is_static()) return fmt::format("{}", d.min);
  const bool any = d.min == 0 && d.max == Dimension::kUnbounded;
  const std::string range = d.max == Dimension::kUnbounded ? fmt::format("{}..", d.min) : fmt::format("{}..{}", d.min, d.max);
  if (d.symbol.empty()) return any ? "?" : range;
  const std::string symbol = is_plain_name(d.symbol) ? d.symbol : quote(d.symbol);
  return any ? symbol : fmt::format("{}({})", symbol, range);
}

PartialShape::PartialShape(const Shape& shape) : ranked_(true) {
  for (auto d : shape) dimensions_.push_back(Dimension::fixed(d));
}

bool PartialShape::is_static() const {
  return ranked_ && std::all_of(dimensions_.begin(), dimensions_.end(), [](const Dimension& d) { return d.is_static(); });
}

Shape PartialShape::shape() const {
  SACCADE_ASSERT(is_static());
  Shape out;
  for (const auto& d : dimensions_) out.push_back(d.size());
  return out;
}

std::string to_string(const PartialShape& shape) {
  if (!shape.ranked()) return "[...]";
  std::string text = "[";
  for (std::size_t d = 0; d < shape.rank(); ++d) text += (d ? "," : "") + to_string(shape[d]);
  return text + "]";
}

std::string to_string(const TensorType& type) { return std::string(to_string(type.element)) + to_string(type.shape); }

TensorType type_of(const Tensor& tensor) { return {tensor.type(), PartialShape(tensor.shape())}; }

PartialShape broadcast(const PartialShape& a, const PartialShape& b) {
  if (!a.ranked() || !b.ranked()) return {};
  const std::size_t rank = std::max(a.rank(), b.rank());
  std::vector<Dimension> out(rank);
  for (std::size_t i = 0; i < rank; ++i) {
    const Dimension x = i + a.rank() >= rank ? a[i + a.rank() - rank] : Dimension::fixed(1);
    const Dimension y = i + b.rank() >= rank ? b[i + b.rank() - rank] : Dimension::fixed(1);
    if (x.is_static() && x.size() == 1)
      out[i] = y;
    else if (y.is_static() && y.size() == 1)
      out[i] = x;
    else if (x.is_static() && y.is_static()) {
      SACCADE_CHECK(x.size() == y.size(), invalid_model, "shapes {} and {} do not broadcast", to_string(a), to_string(b));
      out[i] = x;
    } else if (x.is_static()) {
      out[i] = x;
    } else if (y.is_static()) {
      out[i] = y;
    } else {
      out[i] = !x.symbol.empty() && x.symbol == y.symbol ? x : Dimension::unknown();
    }
  }
  return PartialShape(std::move(out));
}

PartialShape common(const PartialShape& a, const PartialShape& b) {
  if (!a.ranked() || !b.ranked() || a.rank() != b.rank()) return {};
  std::vector<Dimension> out(a.rank());
  for (std::size_t d = 0; d < a.rank(); ++d) {
    if (a[d] == b[d])
      out[d] = a[d];
    else
      out[d] = {std::min(a[d].min, b[d].min), std::max(a[d].max, b[d].max), {}};
  }
  return PartialShape(std::move(out));
}

Dimension meet(const Dimension& a, const Dimension& b) {
  Dimension out{std::max(a.min, b.min), std::min(a.max, b.max), a.symbol.empty() ? b.symbol : a.symbol};
  SACCADE_CHECK(out.min <= out.max, invalid_model, "dimensions {} and {} contradict each other", to_string(a), to_string(b));
  if (out.is_static()) out.symbol.clear();
  return out;
}

PartialShape meet(const PartialShape& a, const PartialShape& b) {
  if (!a.ranked()) return b;
  if (!b.ranked()) return a;
  SACCADE_CHECK(a.rank() == b.rank(), invalid_model, "shapes {} and {} contradict each other", to_string(a), to_string(b));
  std::vector<Dimension> out(a.rank());
  for (std::size_t d = 0; d < a.rank(); ++d) out[d] = meet(a[d], b[d]);
  return PartialShape(std::move(out));
}

namespace {
std::int64_t bounded_add(std::int64_t a, std::int64_t b) {
  std::int64_t out;
  return a == Dimension::kUnbounded || b == Dimension::kUnbounded || __builtin_add_overflow(a, b, &out) ? Dimension::kUnbounded : out;
}
std::int64_t bounded_mul(std::int64_t a, std::int64_t b) {
  std::int64_t out;
  if (a == 0 || b == 0) return 0;
  return a == Dimension::kUnbounded || b == Dimension::kUnbounded || __builtin_mul_overflow(a, b, &out) ? Dimension::kUnbounded : out;
}
}  // namespace

Dimension operator+(const Dimension& a, const Dimension& b) {
  if (b.is_static() && b.size() == 0) return a;
  if (a.is_static() && a.size() == 0) return b;
  return {bounded_add(a.min, b.min), bounded_add(a.max, b.max), {}};
}

Dimension operator*(const Dimension& a, const Dimension& b) {
  if (b.is_static() && b.size() == 1) return a;
  if (a.is_static() && a.size() == 1) return b;
  return {bounded_mul(a.min, b.min), bounded_mul(a.max, b.max), {}};
}

Dimension plus(const Dimension& a, std::int64_t b) {
  if (b == 0) return a;
  return {std::max<std::int64_t>(0, bounded_add(a.min, b)), a.max == Dimension::kUnbounded ? a.max : std::max<std::int64_t>(0, a.max + b), {}};
}

}  // namespace saccade::graph
