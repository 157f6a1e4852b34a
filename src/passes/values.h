// SPDX-License-Identifier: Apache-2.0
// What passes ask of constants: single numbers, values along channels, integer lists.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "graph/graph.h"

namespace saccade::passes {

/// Same type, shape and bits.
bool equal_contents(const Tensor& a, const Tensor& b);

/// The one element of a constant of size 1.
std::optional<double> single(const graph::Graph& graph, graph::ValueId value);
/// Whether all elements of a constant have the same bits; a constant of one element does.
bool is_uniform(const Tensor& tensor);
/// Whether a number of that element type is the nearest to `wanted`, give or take the last bits: rounding by an exporter.
bool nearly(double found, double wanted, ElementType type);

/// The contents of an integer constant.
std::optional<std::vector<std::int64_t>> integers(const graph::Graph& graph, graph::ValueId value);

/// A constant that varies along one dimension only when broadcast to `rank` dimensions: its values along `axis`, either one or
/// `size` of them, else nothing.
std::optional<std::vector<double>> along_axis(const Tensor& constant, std::size_t rank, std::size_t axis, std::int64_t size);

/// A float constant of the type, rounded once.
Tensor tensor_along_axis(ElementType type, std::span<const double> values, std::size_t rank, std::size_t axis);

/// The size of dimension d, if the shape is known that far.
std::optional<std::int64_t> known_size(const graph::TensorType& type, std::size_t d);
/// Whether both shapes are known to be the same: static and equal, or the same symbols.
bool same_shape(const graph::PartialShape& a, const graph::PartialShape& b);

}  // namespace saccade::passes
