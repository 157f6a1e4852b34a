// SPDX-License-Identifier: Apache-2.0
// Network: a TensorFlow graph with its edges resolved, between the file's messages and the graph that is built. Calls of functions
// are inlined here, and control flow has one form whatever wrote it: While, If and Case nodes with bodies. Patterns rewrite it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "graph/graph.h"
#include "import/tensorflow/wire.h"
#include "saccade/tensor.h"

namespace saccade::tensorflow {

class NodeContext;

/// Output `slot` of node `node`.
struct Port {
  int node = -1;
  int slot = 0;
  bool valid() const { return node >= 0; }
  auto operator<=>(const Port&) const = default;
};

struct Network;
using NetworkPtr = std::shared_ptr<Network>;

/// Builds the replacement of a node; see map.h.
using Custom = std::function<std::vector<graph::ValueId>(NodeContext&)>;

struct Node {
  std::string name;
  std::string_view op;
  const NodeDef* def = nullptr;  // the attributes; nullptr for nodes that a pattern made
  std::vector<Port> inputs;
  std::vector<int> controls;  // nodes of control edges
  /// While: condition, body. If: then, else. Case: the branches. All take the node's inputs (If and Case: without the first).
  std::vector<NetworkPtr> bodies;
  /// Instead of the row of `op`, for nodes that a pattern made.
  Custom custom;
};

/// A graph, or the body of a function: parameters are nodes of the operator "_Arg".
struct Network {
  std::vector<Node> nodes;
  std::vector<int> parameters;
  struct Output {
    Port port;
    std::string name;
  };
  std::vector<Output> outputs;
  std::vector<int> inputs;       // nodes without inputs that are built first, whether anything needs them or not
  std::shared_ptr<void> owner;  // what the constants' elements live in

  const Node& operator[](int i) const { return nodes[static_cast<std::size_t>(i)]; }
  Node& operator[](int i) { return nodes[static_cast<std::size_t>(i)]; }
  const Node& at(Port p) const { return (*this)[p.node]; }

  /// The producer with Identity-like nodes (Identity, StopGradient, PreventGradient, CheckNumerics, Snapshot …) skipped.
  Port origin(Port p) const;
  /// The contents of a Const that the port leads to through Identities; nothing if it is computed or of a type that tensors lack.
  std::optional<Tensor> constant(Port p) const;
  /// All (node, input) pairs that read each node; indexed by node. For the nodes that the outputs need only.
  std::vector<std::vector<std::pair<int, int>>> users() const;
  /// The node of that name, or -1. Linear.
  int find(std::string_view name) const;
  /// The nodes that the outputs need, each after its producers. Throws Error(invalid_model) for a cycle.
  std::vector<int> order() const;
  /// All readers of `from`, outputs included, read `to` instead.
  void redirect(Port from, Port to);
  /// Appends a node and returns its index.
  int add(Node node);
};

/// Whether the operator hands its first input on unchanged.
bool is_identity(std::string_view op);

/// The functions of a file, as networks when asked for.
class Library {
 public:
  /// The graph must outlive the library and everything made from it.
  Library(const GraphDef& graph, std::shared_ptr<void> owner);

  /// The main graph, with calls inlined where it is complete; no outputs are set.
  NetworkPtr main();
  /// Inlines (Stateful)PartitionedCall and calls by a function's name among the nodes that the outputs need, and gives While, If and Case
  /// their bodies, recursively. Throws Error(invalid_model) for unknown functions, recursion and more nodes than any model has.
  void expand(Network& network);
  /// A function as it stands in the file, nothing inlined. Throws Error(invalid_model) if there is none of that name.
  NetworkPtr network(std::string_view function);
  /// Whether there is such a function and it has a node of that operator.
  bool uses(std::string_view function, std::string_view op) const;

 private:
  NetworkPtr instance(const FunctionDef& function, const AttrList* attributes);
  const FunctionDef* find(std::string_view name) const;
  const FunctionDef& get(std::string_view name) const;
  void expand(Network& network, std::vector<const FunctionDef*>& stack);
  void inline_call(Network& network, int node, const FunctionDef& function, std::vector<const FunctionDef*>& stack);
  const NodeDef* resolved(const NodeDef& node, const AttrList* attributes);

  const GraphDef& graph_;
  std::shared_ptr<void> owner_;
  std::unordered_map<std::string_view, const FunctionDef*> functions_;
  std::shared_ptr<std::deque<NodeDef>> made_;  // nodes whose attributes stand for those of a call
  std::size_t nodes_ = 0;
};

/// A port written as in files ("name", "name:1"); invalid if there is no such node.
Port port_of(const std::unordered_map<std::string_view, int>& by_name, std::string_view text);

}  // namespace saccade::tensorflow
