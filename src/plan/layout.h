// SPDX-License-Identifier: Apache-2.0
// Where values want to lie: the order of dimensions in memory, chosen forward from the producers, and places inside of
// other values (a Concat's, an output's), chosen backward from the users.
#pragma once

#include <optional>
#include <vector>

#include "graph/graph.h"
#include "plan/place.h"

namespace saccade::plan {

/// A place inside of a root's buffer: the root is a value that owns a buffer, or a graph output.
struct Wanted {
  graph::ValueId root;   ///< invalid: a graph output
  int output = -1;
  std::int64_t offset = 0;
  Strides strides;
};

struct Layouts {
  /// By value index: dimensions from the outermost to the innermost in memory; empty for values without a static shape.
  std::vector<std::vector<int>> order;
  /// By value index: elements between neighbours of the second innermost dimension.
  std::vector<std::int64_t> pitch;
  /// By value index: where its producer should write, if not into a buffer of its own.
  std::vector<std::optional<Wanted>> wanted;

  Strides own_strides(graph::ValueId value, const Shape& dims) const {
    const auto i = static_cast<std::size_t>(value.index);
    return ordered_strides(dims, order[i], pitch[i]);
  }
};

/// Whether an operator that writes along the innermost dimension of `order` can write to these strides.
bool suits(const Strides& strides, const Shape& dims, const std::vector<int>& order);

/// Whether a Resize of images makes its output plane by plane, in natural order: an enlarged linear one that is an output of the graph,
/// which otherwise would be written once with channels innermost and once more in order.
bool resizes_planes(const graph::Graph& graph, const graph::Node& node);

/// Demands static types everywhere.
Layouts choose_layouts(const graph::Graph& graph);

}  // namespace saccade::plan
