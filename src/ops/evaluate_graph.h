// SPDX-License-Identifier: Apache-2.0
// The reference executor: a graph run node by node through `evaluate`. The oracle, the constant folder and the bodies
// of If, Loop and Scan stand on it.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "graph/graph.h"

namespace saccade::ops {

/// Called after each node with its outputs; for dumps and comparison.
using NodeObserver = std::function<void(const graph::Node&, std::span<const Tensor>)>;

/// A graph with its order and lifetimes worked out, for bodies that run many times. Refers to the graph; thread-safe.
class PreparedGraph {
 public:
  explicit PreparedGraph(const graph::Graph& graph);
  /// As the function below.
  std::vector<Tensor> evaluate(std::span<const Tensor> inputs, const NodeObserver& observer = {}) const;

 private:
  const graph::Graph& graph_;
  std::vector<graph::NodeId> order_;
  std::vector<std::size_t> uses_;  // by value
};

/// The graph's outputs for these inputs, one per graph input, in order. Values are freed after their last use.
/// Throws Error(invalid_argument) if an input does not suit, or what the operators throw, with the node as context.
std::vector<Tensor> evaluate(const graph::Graph& graph, std::span<const Tensor> inputs, const NodeObserver& observer = {});

}  // namespace saccade::ops
