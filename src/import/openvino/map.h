// SPDX-License-Identifier: Apache-2.0
// How layers of IR become operators: rows (type, first operator set) → function, and LayerContext, through which such a
// function sees its layer and builds the replacement.
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
#include "import/openvino/net.h"
#include "ops/elementwise.h"

namespace saccade::openvino {

using graph::Edit;
using graph::Fact;
using graph::GraphPtr;
using graph::Op;
using graph::PartialShape;
using graph::TensorType;
using graph::ValueId;
using Values = std::vector<ValueId>;

class NetBuilder;

/// A line of a port map of a sub-graph.
struct PortMap {
  std::int64_t external = 0, internal = 0;  // a port of the layer, -1 for none; a layer of the body
  std::string purpose;
  std::optional<std::int64_t> axis;
  std::int64_t start = 0, end = -1, stride = 1, part_size = 1;
};

/// How a body is built: the layers that are its Parameters and Results, in the order in which the graph shall have them.
struct BodySpec {
  struct Input {
    std::int64_t layer = -1;  // -1: an input that the body does not read
    std::string name;
    TensorType type;
  };
  std::vector<Input> inputs;
  std::vector<std::int64_t> outputs;
};

/// One layer being imported. Reading an attribute marks it as understood; one that is never read makes the layer `unsupported`.
class LayerContext {
 public:
  LayerContext(NetBuilder& model, Edit& e, const LayerSpec& layer, Values inputs);

  /// The graph under construction.
  Edit& edit;
  const LayerSpec& layer;

  // Inputs.
  std::size_t count() const { return inputs_.size(); }
  bool has(std::size_t i) const { return i < inputs_.size() && inputs_[i].valid(); }
  /// A required input; throws Error(invalid_model) if it is absent.
  ValueId in(std::size_t i) const;
  ValueId maybe(std::size_t i) const { return i < inputs_.size() ? inputs_[i] : ValueId{}; }
  const Values& inputs() const { return inputs_; }
  /// Puts another value in the place of an input.
  void set(std::size_t i, ValueId v);
  void keep_inputs(std::size_t n) { inputs_.resize(std::min(n, inputs_.size())); }
  // By value: building moves what a graph holds.
  TensorType type(ValueId v) const { return edit.graph().type(v); }
  ElementType element(std::size_t i) const { return type(in(i)).element; }
  PartialShape shape(std::size_t i) const { return type(in(i)).shape; }
  /// The rank; throws Error(unsupported) if it is not known.
  std::size_t rank(std::size_t i) const { return rank(in(i)); }
  std::size_t rank(ValueId v) const;
  /// The contents of an input that is computed from constants alone, else an undefined tensor.
  Tensor constant(std::size_t i) const;
  std::optional<std::vector<std::int64_t>> integers(std::size_t i) const;
  std::optional<std::vector<double>> reals(std::size_t i) const;
  /// The number of outputs that the layer declares.
  std::size_t outputs() const { return layer.outputs.size(); }

  // Attributes; those without a default are required.
  bool given(std::string_view name);
  std::int64_t i(std::string_view name);
  std::int64_t i(std::string_view name, std::int64_t otherwise);
  bool flag(std::string_view name, bool otherwise);
  double f(std::string_view name);
  double f(std::string_view name, double otherwise);
  std::string s(std::string_view name);
  std::string s(std::string_view name, std::string_view otherwise);
  std::vector<std::int64_t> ints(std::string_view name, std::vector<std::int64_t> otherwise = {});
  std::vector<double> floats(std::string_view name, std::vector<double> otherwise = {});
  std::vector<std::string> strings(std::string_view name, std::vector<std::string> otherwise = {});
  ElementType type_attribute(std::string_view name, ElementType otherwise);
  void ignore(std::initializer_list<std::string_view> names) { read_.insert(names.begin(), names.end()); }
  /// The operator with every attribute that the layer gives under the name of a field; the others keep what `op` says.
  Op filled(const Op& op);

  // Sub-graphs.
  std::vector<PortMap> port_map(const char* element, const char* kind);
  /// (from, to): a Result and the Parameter that takes its value in the next run.
  std::vector<std::pair<std::int64_t, std::int64_t>> back_edges();
  /// The body in the child `element` as a closed graph.
  GraphPtr body(const char* element, const BodySpec& spec);
  /// The type that a Parameter of the body declares.
  TensorType parameter_type(const char* element, std::int64_t layer);
  /// Which input or output has this port id; throws Error(invalid_model) if none.
  std::size_t input_at(std::int64_t port) const;
  std::size_t output_at(std::int64_t port) const;

  // Blobs of old versions.
  const BlobSpec* blob(std::string_view name) const;
  /// Its elements in a flat tensor, in the precision that the layer or the blob states; f16 becomes f32.
  Tensor blob_values(const BlobSpec& blob) const;

  // Building; nodes are called like the layer.
  ValueId op(Op definition, Values inputs) { return edit(std::move(definition), std::move(inputs), name()); }
  Values node(Op definition, Values inputs) { return edit.node(std::move(definition), std::move(inputs), name()); }
  ValueId constant_of(Tensor tensor) { return edit.constant(std::move(tensor)); }
  ValueId scalar(ElementType element, double value);
  ValueId like(ValueId v, double value) { return scalar(type(v).element, value); }
  ValueId i64(std::span<const std::int64_t> values);
  ValueId i64(std::initializer_list<std::int64_t> values) { return i64(std::span(values.begin(), values.size())); }
  ValueId i64_scalar(std::int64_t value);
  ValueId binary(ops::BinaryKind kind, ValueId a, ValueId b);
  ValueId transposed(ValueId v, std::span<const std::int64_t> order);
  ValueId transposed(ValueId v, std::initializer_list<std::int64_t> order) { return transposed(v, std::span(order.begin(), order.size())); }
  ValueId reshaped(ValueId v, std::span<const std::int64_t> shape, bool special_zero = false);
  ValueId reshaped(ValueId v, std::initializer_list<std::int64_t> shape, bool special_zero = false) { return reshaped(v, std::span(shape.begin(), shape.size()), special_zero); }
  ValueId converted(ValueId v, ElementType element);

  std::string name() const { return std::string(layer.name); }
  /// The version of the IR.
  int version() const;
  /// "bytes of the .bin as a tensor"; see Constants::tensor.
  Tensor constant_at(ElementType type, const Shape& shape, std::size_t offset, std::size_t size) const;
  /// f16 and bf16 are f32 in versions that only store it so.
  ElementType effective(ElementType type) const;

  template <class... Args>
  [[noreturn]] void unsupported(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorCode::unsupported, format, std::forward<Args>(args)...);
  }
  template <class... Args>
  [[noreturn]] void invalid(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorCode::invalid_model, format, std::forward<Args>(args)...);
  }
  /// Attributes that were never read.
  std::vector<std::string> unread() const;

 private:
  std::optional<std::string_view> find(std::string_view name);

  NetBuilder& model_;
  Values inputs_;
  std::set<std::string, std::less<>> read_;
};

/// Builds the replacement of a layer and returns its outputs in the order of its ports; it may return more than the layer has.
using Mapper = Values (*)(LayerContext&);

/// A layer type from an operator set on; the row with the highest `since` that does not exceed the layer's is taken. Layers without
/// an operator set (versions up to 7) are looked up in legacy_rows() first.
struct Row {
  std::string_view type;
  int since;
  Mapper map;
};

/// All rows of operator sets.
const std::vector<Row>& opset_rows();
std::span<const Row> basic_rows();
std::span<const Row> control_rows();
std::span<const Row> detection_rows();
std::span<const Row> recurrent_rows();
std::span<const Row> shape_rows();
std::span<const Row> vision_rows();
std::span<const Row> upgrade_rows();
/// Those of versions up to 7.
const std::vector<Row>& legacy_rows();
std::span<const Row> legacy_layer_rows();
std::span<const Row> legacy_shape_rows();

/// The mapper of a layer that is the operator T itself, with its attributes and inputs.
template <class T>
Values same(LayerContext& c) {
  return c.node(c.filled(T{}), c.inputs());
}

/// A row for the layer, or nullptr.
const Row* find_row(const LayerSpec& layer, int version);

}  // namespace saccade::openvino
