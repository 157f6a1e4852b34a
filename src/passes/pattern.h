// SPDX-License-Identifier: Apache-2.0
// Patterns of values: what a pass looks for. A pattern is built like an expression,
//   auto x = any();
//   auto silu = x * unary(UnaryKind::Sigmoid, x);
// and what it has bound is read by the pattern object: match[x]. An object that stands in several places must bind the same
// value everywhere. `+` and `*` match both orders of their operands.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "graph/graph.h"
#include "ops/elementwise.h"
#include "ops/reduce.h"

namespace saccade::passes {

using graph::Graph;
using graph::Node;
using graph::NodeId;
using graph::ValueId;

class Pattern {
 public:
  /// The same pattern for a value that is used once, by a node: one that disappears if its user is replaced.
  Pattern once() const;
  /// The same pattern for a value of which this holds too.
  Pattern where(std::function<bool(const Graph&, ValueId)> condition) const;

 private:
  friend class Matcher;
  friend class Match;
  friend Pattern any();
  friend Pattern one_of(std::vector<Pattern> alternatives);
  friend Pattern node(std::function<bool(const graph::Op&)> accepts);
  friend Pattern node(std::function<bool(const graph::Op&)> accepts, std::vector<Pattern> inputs, bool commutative);
  struct Shape;
  explicit Pattern(std::shared_ptr<const Shape> shape) : shape_(std::move(shape)) {}
  std::shared_ptr<const Shape> shape_;
};

/// Every value.
Pattern any();
/// A value whose whole contents are known.
Pattern constant();
/// A constant of one element that is this number, as precisely as its element type can hold it.
Pattern number(double value);
/// The first of the patterns that fits.
Pattern one_of(std::vector<Pattern> alternatives);
/// The first output of a node whose operator is accepted, whatever its inputs.
Pattern node(std::function<bool(const graph::Op&)> accepts);
/// The same with patterns for all of its inputs.
Pattern node(std::function<bool(const graph::Op&)> accepts, std::vector<Pattern> inputs, bool commutative = false);

template <class T>
Pattern op() {
  return node([](const graph::Op& o) { return o.is<T>(); });
}
template <class T>
Pattern op(std::vector<Pattern> inputs) {
  return node([](const graph::Op& o) { return o.is<T>(); }, std::move(inputs));
}
template <class T>
Pattern op(std::vector<Pattern> inputs, std::function<bool(const T&)> accepts) {
  return node([accepts = std::move(accepts)](const graph::Op& o) { return o.is<T>() && accepts(*o.as<T>()); }, std::move(inputs));
}
Pattern unary(ops::UnaryKind kind, Pattern x);
/// Clamp(x) with these limits.
Pattern clamp(Pattern x, double min, double max);
Pattern binary(ops::BinaryKind kind, Pattern a, Pattern b);
Pattern reduce(ops::ReduceKind kind, Pattern data, Pattern axes);
Pattern operator+(Pattern a, Pattern b);
Pattern operator*(Pattern a, Pattern b);
Pattern operator-(Pattern a, Pattern b);
Pattern operator/(Pattern a, Pattern b);

/// What a pattern has bound in a graph.
class Match {
 public:
  const Graph& graph() const { return *graph_; }
  /// The value bound by a part of the pattern, which must be bound.
  ValueId operator[](const Pattern& part) const;
  /// Whether the part is bound: those of alternatives that did not fit are not.
  bool has(const Pattern& part) const;
  /// The node that produces the bound value.
  const Node& node(const Pattern& part) const;
  /// Its operator.
  template <class T>
  const T& op(const Pattern& part) const {
    return *node(part).op.as<T>();
  }
  const Tensor& constant(const Pattern& part) const { return graph_->constant((*this)[part]); }
  const graph::TensorType& type(const Pattern& part) const { return graph_->type((*this)[part]); }

 private:
  friend class Matcher;
  const ValueId* find(const Pattern::Shape* shape) const;

  const Graph* graph_ = nullptr;
  std::vector<std::pair<const Pattern::Shape*, ValueId>> bound_;  // few: a search beats a map
};

/// Whether the pattern fits at this value; if so, `match` says how.
bool matches(const Graph& graph, const Pattern& pattern, ValueId root, Match& match);

}  // namespace saccade::passes
