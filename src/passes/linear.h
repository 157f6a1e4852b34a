// SPDX-License-Identifier: Apache-2.0
// Operators that are linear in constant weights, seen alike: a convolution of any kind or a matrix product, its channels and
// its weights scaled along them.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graph/edit.h"

namespace saccade::passes {

struct Linear {
  const graph::Node* node = nullptr;
  std::size_t output_rank = 0, input_rank = 0;
  std::size_t output_axis = 1, input_axis = 1;  // the dimensions of the channels
  std::int64_t outputs = 0, inputs = 0;         // their number
  bool pads = false;                            // zeros may stand for data

  const Tensor& weights(const graph::Graph& graph) const { return graph.constant(node->inputs[1]); }
};

/// The linear operator with float constant weights that this node is, if it is one.
std::optional<Linear> as_linear(const graph::Graph& graph, const graph::Node* node);

/// The weights as f64 with every output (input) channel multiplied by its factor; one factor stands for all.
std::vector<double> scaled_outputs(const graph::Graph& graph, const Linear& linear, std::span<const double> factors);
std::vector<double> scaled_inputs(const graph::Graph& graph, const Linear& linear, std::span<const double> factors);
/// What a constant input gives in each output channel where no padding is involved; one value stands for all input channels.
std::vector<double> response(const graph::Graph& graph, const Linear& linear, std::span<const double> input);

/// The same operator with these weights, rounded once; nothing if a weight is not finite any more.
std::optional<graph::ValueId> with_weights(graph::Edit& edit, const Linear& linear, std::span<const double> weights);

}  // namespace saccade::passes
