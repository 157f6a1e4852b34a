// SPDX-License-Identifier: Apache-2.0
// Edit: the only way to build or change a graph. Every added node is inferred at once, so types are always there.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace saccade::graph {

class Edit {
 public:
  explicit Edit(Graph& graph) : graph_(graph) {}

  const Graph& graph() const { return graph_; }

  ValueId input(std::string name, TensorType type);
  ValueId constant(Tensor tensor, std::string name = {});
  /// Adds a node and infers its outputs; throws Error(invalid_model), with the node as context, if they do not suit.
  std::vector<ValueId> node(Op op, std::vector<ValueId> inputs, std::string name = {}, std::span<const std::string> output_names = {});
  /// The same for an operator with one output.
  ValueId operator()(Op op, std::vector<ValueId> inputs, std::string name = {});
  void output(ValueId value, std::string name);

  /// All uses of `from`, as node input and as graph output, become uses of `to`. The name of `from` moves to `to` when
  /// `from` was a graph output or `to` has no name.
  void replace(ValueId from, ValueId to);
  void replace_input(Use use, ValueId value);
  /// Exchanges the operator of a node (same inputs and outputs) and infers again.
  void set_op(NodeId node, Op op);
  void rename(ValueId value, std::string name);
  /// Sets what is known of a value, for the shape of a graph input or for a type that a file states.
  void set_fact(ValueId value, Fact fact);
  /// A graph input becomes a constant.
  void bind_input(ValueId input, Tensor tensor);
  void set_outputs(std::vector<GraphOutput> outputs) ;
  /// Removes nodes, constants and values that no output needs; inputs stay. Returns the number of nodes removed.
  std::size_t remove_dead();
  /// Infers all nodes again, in order, after input types have changed. Facts can only become more precise or change with
  /// the inputs; a node that no longer suits throws.
  void infer_all();

 private:
  Value& value(ValueId id) { return graph_.values_[static_cast<std::size_t>(id.index)]; }
  Node& node_ref(NodeId id) { return graph_.nodes_[static_cast<std::size_t>(id.index)]; }
  ValueId new_value(std::string name, Fact fact);
  void add_use(ValueId id, Use use);
  void drop_use(ValueId id, Use use);
  std::vector<Fact> infer(const Node& node);

  Graph& graph_;
};

}  // namespace saccade::graph
