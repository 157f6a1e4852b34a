// SPDX-License-Identifier: Apache-2.0
// Reading constants.
#include "passes/values.h"

#include <cmath>
#include <cstring>

#include "tensor/numeric.h"

namespace saccade::passes {

bool equal_contents(const Tensor& a, const Tensor& b) {
  return a.type() == b.type() && a.shape() == b.shape() && (a.raw() == b.raw() || a.size() == 0 || std::memcmp(a.raw(), b.raw(), a.size_bytes()) == 0);
}

std::optional<double> single(const graph::Graph& graph, graph::ValueId value) {
  if (!value.valid()) return std::nullopt;
  const Tensor& t = graph.constant(value);
  if (!t.defined() || t.size() != 1) return std::nullopt;
  return element_as_f64(t, 0);
}

bool is_uniform(const Tensor& tensor) {
  const std::size_t bytes = size_in_bytes(tensor.type());
  const auto* data = static_cast<const char*>(tensor.raw());
  for (std::int64_t i = 1; i < tensor.size(); ++i)
    if (std::memcmp(data, data + static_cast<std::size_t>(i) * bytes, bytes) != 0) return false;
  return tensor.size() > 0;
}

bool nearly(double found, double wanted, ElementType type) {
  const double step = type == ElementType::f16 ? 0x1p-10 : type == ElementType::bf16 ? 0x1p-7 : 0x1p-22;
  return found == wanted || std::fabs(found - wanted) <= step * std::fabs(wanted);
}

std::optional<std::vector<std::int64_t>> integers(const graph::Graph& graph, graph::ValueId value) {
  if (!value.valid()) return std::nullopt;
  const Tensor& t = graph.constant(value);
  if (!t.defined() || !is_integer(t.type())) return std::nullopt;
  return to_i64(t);
}

std::optional<std::vector<double>> along_axis(const Tensor& constant, std::size_t rank, std::size_t axis, std::int64_t size) {
  const auto& shape = constant.shape();
  if (shape.size() > rank || axis >= rank) return std::nullopt;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    const bool on_axis = d + rank - shape.size() == axis;
    if (shape[d] != 1 && !(on_axis && shape[d] == size)) return std::nullopt;
  }
  return to_f64(constant);
}

Tensor tensor_along_axis(ElementType type, std::span<const double> values, std::size_t rank, std::size_t axis) {
  Shape shape(rank, 1);
  shape[axis] = static_cast<std::int64_t>(values.size());
  return from_f64(type, std::move(shape), values);
}

std::optional<std::int64_t> known_size(const graph::TensorType& type, std::size_t d) {
  if (!type.shape.ranked() || d >= type.shape.rank() || !type.shape[d].is_static()) return std::nullopt;
  return type.shape[d].size();
}

bool same_shape(const graph::PartialShape& a, const graph::PartialShape& b) {
  if (!a.ranked() || !b.ranked() || a.rank() != b.rank()) return false;
  for (std::size_t d = 0; d < a.rank(); ++d) {
    if (a[d].is_static() && b[d].is_static() ? a[d].size() != b[d].size() : a[d].symbol.empty() || a[d].symbol != b[d].symbol) return false;
  }
  return true;
}

}  // namespace saccade::passes
