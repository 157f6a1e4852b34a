// SPDX-License-Identifier: Apache-2.0
// How ONNX operators become graph operators: rows (domain, operator, since_version) → function, and NodeContext, through
// which such a function sees its node and builds the replacement. One file map_<family>.cpp a family, listed in map.cpp.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "graph/edit.h"
#include "import/onnx/tensors.h"
#include "import/onnx/wire.h"

namespace saccade::onnx {

using graph::Edit;
using graph::Fact;
using graph::GraphPtr;
using graph::Op;
using graph::PartialShape;
using graph::TensorType;
using graph::ValueId;

struct Scope;
class ModelBuilder;

/// A sub-graph attribute as a closed graph. Its inputs are the formal ones of the file, in order, followed by one per
/// captured value; `captures` are those values in the graph around it, to be given to the operator as further inputs.
/// Captured constants are copied into the body (sharing their elements) and are not listed.
struct Body {
  GraphPtr graph;
  std::size_t formal_inputs = 0;
  std::vector<ValueId> captures;
};

/// One node being imported. Input, output and attribute positions and names are those of the ONNX specification.
/// Reading an attribute marks it as understood: an attribute that is never read makes the node `unsupported`.
class NodeContext {
 public:
  NodeContext(ModelBuilder& model, Scope& scope, const NodeProto& node, std::vector<ValueId> inputs, std::int64_t version);

  /// The graph under construction.
  Edit& edit;

  // Inputs.
  /// The number of inputs, absent trailing ones not counted.
  std::size_t count() const { return inputs_.size(); }
  bool has(std::size_t i) const { return i < inputs_.size() && inputs_[i].valid(); }
  /// A required input; throws Error(invalid_model) if it is absent.
  ValueId in(std::size_t i) const;
  /// The input, or an invalid id (which Edit::node takes for an absent optional input).
  ValueId maybe(std::size_t i) const { return i < inputs_.size() ? inputs_[i] : ValueId{}; }
  /// All of them; absent ones are invalid ids.
  const std::vector<ValueId>& inputs() const { return inputs_; }
  const Fact& fact(std::size_t i) const { return edit.graph().fact(in(i)); }
  ElementType element(std::size_t i) const { return fact(i).type.element; }
  const PartialShape& shape(std::size_t i) const { return fact(i).type.shape; }
  /// The rank; throws Error(unsupported) if it is not known.
  std::size_t rank(std::size_t i) const;
  /// The contents of an input that is known as a whole whatever the model's inputs and their shapes are, else nullptr (also
  /// where it is absent). Only such may go into attributes: a model can be given other input shapes later.
  const Tensor* constant(std::size_t i) const;
  /// The same for an integer input, as numbers.
  std::optional<std::vector<std::int64_t>> integers(std::size_t i) const;

  // Outputs.
  /// The number of outputs that the node lists, absent trailing ones not counted.
  std::size_t outputs() const { return outputs_; }
  /// Whether output i is listed with a name.
  bool wants(std::size_t i) const;

  // Attributes. Those without a default are required: Error(invalid_model) if absent; a wrong type throws the same.
  bool given(std::string_view name);
  std::int64_t i(std::string_view name);
  std::int64_t i(std::string_view name, std::int64_t otherwise);
  bool flag(std::string_view name, bool otherwise) { return i(name, otherwise ? 1 : 0) != 0; }
  double f(std::string_view name);
  double f(std::string_view name, double otherwise);
  std::string s(std::string_view name);
  std::string s(std::string_view name, std::string_view otherwise);
  std::vector<std::int64_t> ints(std::string_view name);
  std::vector<std::int64_t> ints(std::string_view name, std::vector<std::int64_t> otherwise);
  std::vector<double> floats(std::string_view name);
  std::vector<double> floats(std::string_view name, std::vector<double> otherwise);
  std::vector<std::string> strings(std::string_view name, std::vector<std::string> otherwise = {});
  Tensor t(std::string_view name);
  /// An attribute that holds a TensorProto data type, such as Cast's `to`; unsupported for strings and complex numbers.
  ElementType type(std::string_view name);
  ElementType type(std::string_view name, ElementType otherwise);
  /// A sub-graph. `inputs` are the types that the formal inputs have when the operator runs: an unknown shape where they
  /// differ between iterations. What the file declares is used where these say nothing; nothing may be given for an If.
  /// May be called again with other types, which builds the body again.
  Body g(std::string_view name, std::span<const TensorType> inputs = {});
  /// The nodes of a sub-graph added to the graph itself, with its formal inputs being these values; returns its outputs. For
  /// bodies that certainly run, once.
  std::vector<ValueId> inlined(std::string_view name, const std::vector<ValueId>& inputs = {});
  /// The number of formal inputs and outputs of a sub-graph, before it is built.
  std::size_t body_inputs(std::string_view name);
  std::size_t body_outputs(std::string_view name);
  /// Marks attributes as understood that have no effect here.
  void ignore(std::initializer_list<std::string_view> names) { read_.insert(names.begin(), names.end()); }

  // The node.
  /// The model's opset version of the node's domain.
  std::int64_t version() const { return version_; }
  std::string_view op_type() const { return node_.op_type; }
  /// The node's name, or that of its first output if it has none.
  const std::string& name() const { return name_; }

  // Building. Nodes are given the name of the ONNX node; the importer names the values that the function returns.
  ValueId op(Op definition, std::vector<ValueId> inputs) { return edit(std::move(definition), std::move(inputs), name_); }
  std::vector<ValueId> node(Op definition, std::vector<ValueId> inputs) { return edit.node(std::move(definition), std::move(inputs), name_); }
  ValueId constant_of(Tensor tensor) { return edit.constant(std::move(tensor)); }
  /// A scalar constant of the given element type.
  ValueId scalar(ElementType element, double value);
  /// An i64 vector.
  ValueId i64(std::span<const std::int64_t> values);
  ValueId i64(std::initializer_list<std::int64_t> values) { return i64(std::span(values.begin(), values.size())); }
  /// An i64 scalar.
  ValueId i64_scalar(std::int64_t value);

  /// Throws Error(unsupported); the importer collects these over the whole model.
  template <class... Args>
  [[noreturn]] void unsupported(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorCode::unsupported, format, std::forward<Args>(args)...);
  }
  /// Throws Error(invalid_model).
  template <class... Args>
  [[noreturn]] void invalid(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorCode::invalid_model, format, std::forward<Args>(args)...);
  }

  /// Attributes of the node that were never read.
  std::vector<std::string> unread() const;

 private:
  const AttributeProto* find(std::string_view name, AttributeType type);
  const AttributeProto& need(std::string_view name, AttributeType type);

  ModelBuilder& model_;
  Scope& scope_;
  const NodeProto& node_;
  std::vector<ValueId> inputs_;
  std::size_t outputs_ = 0;
  std::int64_t version_;
  std::string name_;
  std::set<std::string, std::less<>> read_;
};

/// Builds the replacement of a node and returns its outputs in ONNX order. It may return more values than the node lists;
/// an output that the node lists and the function does not return is an error. Returning an input is allowed.
using Mapper = std::vector<ValueId> (*)(NodeContext&);

/// An operator from a version on, up to the next row of the same operator: the importer takes the row with the highest
/// `since` that does not exceed the model's opset. `domain` is "" for the standard operators.
struct Row {
  std::string_view domain, op;
  std::int64_t since;
  Mapper map;
};

/// All rows of all families, in no particular order. A row without a function ends the range of the row before it.
std::vector<Row> all_rows();

// The families, one function in each map_<family>.cpp.
std::span<const Row> control_rows();
std::span<const Row> convolution_rows();
std::span<const Row> network_rows();
std::span<const Row> sequence_rows();
std::span<const Row> vision_rows();
std::span<const Row> elementwise_rows();
std::span<const Row> language_rows();
std::span<const Row> mixed_elementwise_rows();
std::span<const Row> index_rows();
std::span<const Row> quantize_rows();
std::span<const Row> reduce_rows();
std::span<const Row> shape_rows();

}  // namespace saccade::onnx
