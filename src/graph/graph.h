// SPDX-License-Identifier: Apache-2.0
// Graph: the meaning of a model as a static-single-assignment graph of typed tensor values. It knows no machine. It is
// read here and changed only through Edit (graph/edit.h).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graph/op.h"

namespace saccade::graph {

/// A strong index; `none` stands for an absent optional input.
template <class Tag>
struct Id {
  std::int32_t index = -1;
  bool valid() const { return index >= 0; }
  auto operator<=>(const Id&) const = default;
};
using ValueId = Id<struct ValueTag>;
using NodeId = Id<struct NodeTag>;

/// One place where a value is used: input `input` of `node`.
struct Use {
  NodeId node;
  int input;
  bool operator==(const Use&) const = default;
};

struct Node {
  NodeId id;
  Op op;
  std::string name;
  std::vector<ValueId> inputs;  // invalid ids are absent optional inputs
  std::vector<ValueId> outputs;
  bool alive = true;
};

struct Value {
  ValueId id;
  std::string name;
  Fact fact;        // constants carry their contents here
  NodeId producer;  // invalid for graph inputs and constants
  int output = 0;   // which output of the producer
  std::vector<Use> uses;
  bool alive = true;

  bool is_constant() const { return fact.constant.defined() && !producer.valid(); }
};

struct GraphOutput {
  ValueId value;
  std::string name;
};

/// Values are graph inputs, constants, or outputs of nodes. Reading from several threads is safe.
class Graph {
 public:
  std::string name;
  /// Free-form facts from the file: the producer, ONNX metadata_props, and so on.
  std::map<std::string, std::string> metadata;

  const std::vector<ValueId>& inputs() const { return inputs_; }
  const std::vector<GraphOutput>& outputs() const { return outputs_; }

  const Value& operator[](ValueId id) const { return values_[static_cast<std::size_t>(id.index)]; }
  const Node& operator[](NodeId id) const { return nodes_[static_cast<std::size_t>(id.index)]; }
  const TensorType& type(ValueId id) const { return (*this)[id].fact.type; }
  const Fact& fact(ValueId id) const { return (*this)[id].fact; }
  /// The contents of a value that is known as a whole, else an undefined tensor.
  const Tensor& constant(ValueId id) const { return (*this)[id].fact.constant; }
  /// The node that produces the value, or nullptr.
  const Node* producer(ValueId id) const { return id.valid() && (*this)[id].producer.valid() ? &(*this)[(*this)[id].producer] : nullptr; }
  /// Whether the value is an output of the graph.
  bool is_output(ValueId id) const;
  /// The number of uses by nodes and as graph outputs.
  std::size_t use_count(ValueId id) const;

  /// The live nodes so that every producer stands before its users; ties by age, so the order is stable.
  std::vector<NodeId> order() const;
  std::size_t node_count() const;
  /// One past the largest index of a value and of a node, for side tables.
  std::size_t value_limit() const { return values_.size(); }
  std::size_t node_limit() const { return nodes_.size(); }

  /// Facts of the inputs of a node, as infer() takes them.
  std::vector<Fact> input_facts(const Node& node) const;
  std::vector<Fact> output_facts(const Node& node) const;

 private:
  friend class Edit;
  std::vector<Node> nodes_;
  std::vector<Value> values_;
  std::vector<ValueId> inputs_;
  std::vector<GraphOutput> outputs_;
};

/// "Resize '/model.10/Resize'", for messages.
std::string describe(const Node& node);

}  // namespace saccade::graph
