// SPDX-License-Identifier: Apache-2.0
// How TensorFlow operators become graph operators: rows operator → function, and NodeContext, through which such a function sees
// its node and builds the replacement. One file map_<family>.cpp a family, listed in map.cpp.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "graph/edit.h"
#include "import/tensorflow/network.h"
#include "import/tensorflow/tensors.h"

namespace saccade::tensorflow {

using graph::Edit;
using graph::Fact;
using graph::GraphPtr;
using graph::Op;
using graph::PartialShape;
using graph::TensorType;
using graph::ValueId;

struct Scope;
class Builder;

/// A TensorArray or TensorList: its items as one tensor with a first axis, or nothing yet.
struct ListState {
  ElementType element = ElementType::f32;
  PartialShape item;
  ValueId size;  // integer scalar; invalid: what `data` says
  ValueId data;  // [size, item…]; invalid: nothing has been written
  /// Inside of a loop that gives the list one item in each iteration, in order: `slice` is that item, a scan output of the loop.
  bool scanned = false;
  ValueId slice;
};

/// A variable or another resource: the node that makes its handle, and the name that others find it by.
struct Resource {
  std::string name, shared_name;
};

/// What a port stands for: a tensor, a list (also the flow of a TensorArray), a resource, or the result of something unsupported.
struct Binding {
  ValueId value;
  std::shared_ptr<const ListState> list;
  std::shared_ptr<const Resource> resource;
  bool poisoned = false;

  bool defined() const { return value.valid() || list || resource || poisoned; }
};

/// One node being imported. Input and attribute positions and names are TensorFlow's; control inputs are not counted.
/// Reading an attribute marks it as understood: one that is never read makes the node `unsupported`, but for those that only
/// repeat what the inputs say (names that begin with "_", element types "T…", "SrcT", "Index", "U", counts "N").
/// Defaults are those of TensorFlow's operator definitions: files may leave out attributes that have them.
class NodeContext {
 public:
  NodeContext(Builder& builder, Scope& scope, const Node& node, std::vector<Binding> inputs);
  ~NodeContext();

  /// The graph under construction.
  Edit& edit;

  // Inputs.
  std::size_t count() const { return values_.size(); }
  bool has(std::size_t i) const { return i < values_.size(); }
  /// A tensor; throws Error(invalid_model) if the input is missing, Error(unsupported) if it is none (a resource, a TensorList …).
  ValueId in(std::size_t i) const;
  /// All of them.
  std::vector<ValueId> inputs() const;
  const Fact& fact(std::size_t i) const { return edit.graph().fact(in(i)); }
  ElementType element(std::size_t i) const { return fact(i).type.element; }
  const PartialShape& shape(std::size_t i) const { return fact(i).type.shape; }
  /// The rank; throws Error(unsupported) if it is not known.
  std::size_t rank(std::size_t i) const;
  /// The contents of an input that is known as a whole whatever the model's inputs and their shapes are, else nullptr. Only
  /// such may go into attributes: a model can be given other input shapes later.
  const Tensor* constant(std::size_t i) const;
  /// The same for an integer input, as numbers.
  std::optional<std::vector<std::int64_t>> integers(std::size_t i) const;

  // Outputs.
  /// Whether anything reads output k.
  bool wants(std::size_t k) const;

  // Attributes. Those without a default are required: Error(invalid_model) if absent; a wrong kind throws the same.
  bool given(std::string_view name);
  std::int64_t i(std::string_view name);
  std::int64_t i(std::string_view name, std::int64_t otherwise);
  bool flag(std::string_view name, bool otherwise);
  double f(std::string_view name);
  double f(std::string_view name, double otherwise);
  std::string s(std::string_view name);
  std::string s(std::string_view name, std::string_view otherwise);
  /// unsupported for types that tensors here do not have.
  ElementType type(std::string_view name);
  ElementType type(std::string_view name, ElementType otherwise);
  /// Unknown rank if absent.
  PartialShape shape_attribute(std::string_view name);
  std::vector<std::int64_t> ints(std::string_view name);
  std::vector<std::int64_t> ints(std::string_view name, std::vector<std::int64_t> otherwise);
  std::vector<double> floats(std::string_view name, std::vector<double> otherwise = {});
  std::vector<std::string> strings(std::string_view name, std::vector<std::string> otherwise = {});
  Tensor t(std::string_view name);
  /// Marks attributes as understood that have no effect here.
  void ignore(std::initializer_list<std::string_view> names) { read_.insert(names.begin(), names.end()); }

  // The node.
  std::string_view op_type() const { return node_.op; }
  const std::string& name() const { return node_.name; }
  const Node& node_in_file() const { return node_; }
  /// The network that the node belongs to.
  const Network& network() const;

  // Building. Nodes are given the name of the TensorFlow node; the importer names the values that the function returns.
  ValueId op(Op definition, std::vector<ValueId> inputs) { return edit(std::move(definition), std::move(inputs), node_.name); }
  std::vector<ValueId> node(Op definition, std::vector<ValueId> inputs) { return edit.node(std::move(definition), std::move(inputs), node_.name); }
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

  // For control flow, lists and variables, whose inputs and outputs are not all tensors.
  const Binding& binding(std::size_t i) const;
  /// Sets output k, instead of returning a value for it.
  void bind(std::size_t k, Binding binding);
  Builder& builder() { return builder_; }
  Scope& scope() { return scope_; }
  std::vector<Binding> take_bound();

  /// Attributes of the node that were never read.
  std::vector<std::string> unread() const;

 private:
  const AttrValue* find(std::string_view name, AttrValue::Kind kind);
  const AttrValue& need(std::string_view name, AttrValue::Kind kind);

  Builder& builder_;
  Scope& scope_;
  const Node& node_;
  std::vector<Binding> values_;
  std::vector<Binding> bound_;
  std::set<std::string, std::less<>> read_;
};

/// Builds the replacement of a node and returns its outputs in TensorFlow's order; an output that is read and that the function does
/// not return is unsupported. Returning an input is allowed.
using Mapper = std::vector<ValueId> (*)(NodeContext&);

struct Row {
  std::string_view op;
  Mapper map;
};

/// All rows of all families, in no particular order.
std::vector<Row> all_rows();

// The families, one function in each map_<family>.cpp.
std::span<const Row> basic_rows();
std::span<const Row> control_rows();
std::span<const Row> convolution_rows();
std::span<const Row> elementwise_rows();
std::span<const Row> index_rows();
std::span<const Row> list_rows();
std::span<const Row> opencv_rows();
std::span<const Row> network_rows();
std::span<const Row> quantize_rows();
std::span<const Row> shape_rows();
std::span<const Row> vision_rows();
std::span<const Row> variable_rows();

}  // namespace saccade::tensorflow
