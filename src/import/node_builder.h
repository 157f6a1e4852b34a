// SPDX-License-Identifier: Apache-2.0
// NodeBuilder: short ways to build nodes, for importers of formats that keep channels last.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "graph/edit.h"
#include "ops/elementwise.h"
#include "ops/inference.h"
#include "ops/reduce.h"

namespace saccade::import {

using graph::Edit;
using graph::Fact;
using graph::Op;
using graph::PartialShape;
using graph::ValueId;
using Values = std::vector<ValueId>;

/// Adds nodes to a graph, all under one name. Holds references; one thread at a time.
class NodeBuilder {
 public:
  explicit NodeBuilder(Edit& edit, std::string name = {}) : edit(edit), name_(std::move(name)) {}

  Edit& edit;

  const std::string& name() const { return name_; }

  // What is known of a value.
  const Fact& fact(ValueId value) const { return edit.graph().fact(value); }
  const PartialShape& shape(ValueId value) const { return fact(value).type.shape; }
  ElementType element(ValueId value) const { return fact(value).type.element; }
  /// Throws Error(unsupported) if it is not known.
  std::size_t rank(ValueId value) const;
  /// The contents if they are known whatever the model's inputs and their shapes are, else nullptr. Only such may go into
  /// attributes: a model can be given other input shapes later.
  const Tensor* fixed(ValueId value) const;
  std::optional<std::vector<std::int64_t>> fixed_integers(ValueId value) const;

  // Nodes and constants.
  ValueId op(Op definition, Values inputs) const { return edit(std::move(definition), std::move(inputs), name_); }
  Values node(Op definition, Values inputs) const { return edit.node(std::move(definition), std::move(inputs), name_); }
  ValueId constant(Tensor tensor) const { return edit.constant(std::move(tensor)); }
  ValueId scalar(ElementType element, double value) const;
  /// A scalar of the element type of x.
  ValueId like(ValueId x, double value) const { return scalar(element(x), value); }
  ValueId i64(std::span<const std::int64_t> values) const;
  ValueId i64(std::initializer_list<std::int64_t> values) const { return i64(std::span(values.begin(), values.size())); }
  ValueId i64_scalar(std::int64_t value) const { return constant(Tensor::scalar(value)); }

  ValueId unary(ops::UnaryKind kind, ValueId x) const { return op(ops::Unary::of(kind), {x}); }
  ValueId clamp(ValueId x, double low, double high) const;
  ValueId binary(ops::BinaryKind kind, ValueId a, ValueId b) const { return op(ops::Binary{kind}, {a, b}); }
  ValueId add(ValueId a, ValueId b) const { return binary(ops::BinaryKind::Add, a, b); }
  ValueId subtract(ValueId a, ValueId b) const { return binary(ops::BinaryKind::Subtract, a, b); }
  ValueId multiply(ValueId a, ValueId b) const { return binary(ops::BinaryKind::Multiply, a, b); }
  ValueId divide(ValueId a, ValueId b) const { return binary(ops::BinaryKind::Divide, a, b); }
  /// The value itself if it has that type.
  ValueId convert(ValueId x, ElementType type) const;
  ValueId reduce(ops::ReduceKind kind, ValueId x, std::span<const std::int64_t> axes, bool keep_dims) const;
  ValueId reduce(ops::ReduceKind kind, ValueId x, std::initializer_list<std::int64_t> axes, bool keep_dims) const {
    return reduce(kind, x, std::span(axes.begin(), axes.size()), keep_dims);
  }
  ValueId reshape(ValueId x, std::span<const std::int64_t> dims, bool zero_copies = false) const;
  ValueId reshape(ValueId x, std::initializer_list<std::int64_t> dims, bool zero_copies = false) const {
    return reshape(x, std::span(dims.begin(), dims.size()), zero_copies);
  }
  ValueId unsqueeze(ValueId x, std::initializer_list<std::int64_t> axes) const;
  ValueId squeeze(ValueId x, std::initializer_list<std::int64_t> axes) const;
  ValueId concat(Values values, std::int64_t axis) const;
  /// x[start:stop] along an axis.
  ValueId slice(ValueId x, std::int64_t axis, std::int64_t start, std::int64_t stop) const;
  ValueId shape_of(ValueId x) const;
  /// Filled with one value, a scalar of any type; `dims` is an i64 vector.
  ValueId filled(ValueId value, ValueId dims) const;

  /// Constants, also those behind a Convert or a Dequantize, are permuted at once; the identity gives x.
  ValueId transpose(ValueId x, std::span<const std::int64_t> order) const;
  ValueId transpose(ValueId x, std::initializer_list<std::int64_t> order) const {
    return transpose(x, std::span(order.begin(), order.size()));
  }
  /// [n, x…, c] as [n, c, x…]; undoes channels_last.
  ValueId channels_first(ValueId x) const;
  /// [n, c, x…] as [n, x…, c]; undoes channels_first.
  ValueId channels_last(ValueId x) const;
  /// A vector over the channels of an image with channels first: [c] as [c, 1…].
  ValueId along_channels(ValueId vector, std::size_t spatial) const;
  /// image [n, c, x…] with weights [o, c/groups, k…].
  ValueId convolve(ValueId image, ValueId weights, const ops::Window& window, std::int64_t groups) const;

  template <class... Args>
  [[noreturn]] void unsupported(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorCode::unsupported, format, std::forward<Args>(args)...);
  }
  template <class... Args>
  [[noreturn]] void invalid(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorCode::invalid_model, format, std::forward<Args>(args)...);
  }

 private:
  bool is_fixed(ValueId value, int& budget) const;
  ValueId swapped(ValueId x, bool first) const;

  std::string name_;
};

}  // namespace saccade::import
