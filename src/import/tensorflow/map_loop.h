// SPDX-License-Identifier: Apache-2.0
// tf.map_fn: loops that take one item of some tensors in every iteration and stack what they compute.
#pragma once

#include <optional>
#include <vector>

#include "import/tensorflow/look.h"

namespace saccade::tensorflow {

/// A While that is such a loop. Ports of `element` and `result` are in its body, all others in the network around it.
struct MapLoop {
  int node = -1;
  const Network* body = nullptr;

  struct Element {
    Port read;    // the node in the body that reads item i
    Port tensor;  // [n, …]
  };
  std::vector<Element> elements;

  struct Result {
    Port value;                // what item i is set to
    std::vector<Port> stacked;  // the nodes that make [n, …] of the items
  };
  std::vector<Result> results;

  /// The number of iterations where the file says it; the items must then be as many.
  std::optional<std::int64_t> trips;

  /// What a port in the body is outside, for what is the same in every iteration; invalid otherwise.
  Port outside(Port inside) const;

  std::vector<std::pair<int, Port>> invariants;  // parameter node in the body → port outside
};

/// The loop, if all of its variables are counters from 0, lists that are read or written at the counter, or never change, and the
/// lists are used as whole tensors outside; it runs once for each item of the first element.
std::optional<MapLoop> map_loop(const Network& network, int node, const std::vector<std::vector<std::pair<int, int>>>& users);

}  // namespace saccade::tensorflow
