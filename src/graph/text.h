// SPDX-License-Identifier: Apache-2.0
// The text form of graphs: what tests, `--explain` and the tools print.
#pragma once

#include <string>
#include <string_view>

#include "graph/graph.h"

namespace saccade::graph {

/// An operator's attributes that differ from nothing: "strides=[2,2] auto_pad=same_upper", bodies and tensors included.
std::string attributes_text(const Op& op);

struct PrintOptions {
  /// Constants with more elements print as `...`, which does not parse.
  std::int64_t max_constant_elements = 1 << 20;
  bool types = true;
};

/// The whole graph, one node a line, values renamed to %0, %1 … unless they have a plain name of their own.
std::string print(const Graph& graph, const PrintOptions& options = {});

}  // namespace saccade::graph
