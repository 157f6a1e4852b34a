// SPDX-License-Identifier: Apache-2.0
// Before a graph is written to a format, its operators are replaced by ones that the format has: rules from an operator's
// name to a function that builds the replacement. What they build is a graph again, so that it can be run and compared.
#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/problems.h"
#include "graph/edit.h"

namespace saccade::exporter {

using graph::Edit;
using graph::Fact;
using graph::Node;
using graph::Op;
using graph::PartialShape;
using graph::TensorType;
using graph::ValueId;
using Values = std::vector<ValueId>;

/// One node being replaced.
class Rewriting {
 public:
  /// `level` is the format's version, as the caller of rewrite() counts it.
  Rewriting(Edit& e, graph::NodeId id, int l) : edit(e), level(l), id_(id) {}

  Edit& edit;
  const int level;

  const Node& node() const { return edit.graph()[id_]; }
  template <class T>
  const T& as() const {
    return *node().op.as<T>();
  }
  std::size_t count() const { return node().inputs.size(); }
  bool has(std::size_t i) const { return i < count() && node().inputs[i].valid(); }
  ValueId in(std::size_t i) const { return node().inputs[i]; }
  ValueId maybe(std::size_t i) const { return i < count() ? node().inputs[i] : ValueId{}; }
  Values inputs() const { return node().inputs; }
  ValueId out(std::size_t i) const { return node().outputs[i]; }
  /// Whether output i is used by a node or is an output of the graph.
  bool wanted(std::size_t i) const { return edit.graph().use_count(node().outputs[i]) > 0; }

  // By value: building moves what a graph holds.
  TensorType type(ValueId v) const { return edit.graph().type(v); }
  TensorType type(std::size_t i) const { return type(in(i)); }
  ElementType element(std::size_t i) const { return type(i).element; }
  /// The rank; inexpressible() if it is not known.
  std::size_t rank(ValueId v) const;
  std::size_t rank(std::size_t i) const { return rank(in(i)); }
  /// The contents of an input that is known as a whole, else an undefined tensor.
  Tensor constant(std::size_t i) const;
  std::optional<std::vector<std::int64_t>> integers(std::size_t i) const;

  ValueId op(Op definition, Values inputs) { return edit(std::move(definition), std::move(inputs), name()); }
  Values node(Op definition, Values inputs) { return edit.node(std::move(definition), std::move(inputs), name()); }
  ValueId constant_of(Tensor tensor) { return edit.constant(std::move(tensor)); }
  /// A scalar of the given type.
  ValueId scalar(ElementType element, double value);
  /// A scalar of the type of v.
  ValueId like(ValueId v, double value) { return scalar(type(v).element, value); }
  ValueId i64(std::span<const std::int64_t> values);
  ValueId i64(std::initializer_list<std::int64_t> values) { return i64(std::span(values.begin(), values.size())); }
  ValueId i64_scalar(std::int64_t value);
  ValueId add(ValueId a, ValueId b);
  ValueId subtract(ValueId a, ValueId b);
  ValueId multiply(ValueId a, ValueId b);
  ValueId divide(ValueId a, ValueId b);
  ValueId convert(ValueId v, ElementType element);
  ValueId reshape(ValueId v, std::initializer_list<std::int64_t> shape);
  ValueId transpose(ValueId v, std::span<const std::int64_t> order);
  /// The shape of a value as an i64 vector, or some of its dimensions.
  ValueId shape_of(ValueId v);
  ValueId dimension_of(ValueId v, std::int64_t axis);

  /// Throws Error(unsupported), which is collected over the whole graph.
  template <class... Args>
  [[noreturn]] void inexpressible(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorCode::unsupported, format, std::forward<Args>(args)...);
  }

 private:
  const std::string& name() const { return node().name; }

  graph::NodeId id_;
};

/// Builds the replacement of a node, one value per output (an invalid one for an output that nobody wants); an empty list leaves
/// the node as it is.
using Rule = Values (*)(Rewriting&);
struct RuleRow {
  std::string_view op;
  Rule rule;
};

/// A copy of the graph in which every node with a rule is replaced, nodes that rules built included; bodies as well.
/// Dead nodes are gone. What rules find inexpressible goes to `problems`.
graph::Graph rewrite(const graph::Graph& graph, std::span<const RuleRow> rules, int level, Problems& problems);

/// Replaces every body of an operator by what `change` makes of it.
Op with_bodies(const Op& op, const std::function<graph::GraphPtr(const graph::Graph&)>& change);
/// Whether the operator has bodies.
bool has_bodies(const Op& op);

}  // namespace saccade::exporter
