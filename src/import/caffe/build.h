// SPDX-License-Identifier: Apache-2.0
// From layers to a graph.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "import/caffe/binary.h"
#include "import/caffe/net.h"

namespace saccade::caffe {

struct Weights {
  const BinaryNet* net = nullptr;  // nullptr: there are none
  std::string file;                // its name, for messages
  /// The definition comes from the same file, and lacks what its schema does not know.
  bool is_definition = false;
};

/// `outputs`: the blobs or layers that the graph ends in; empty: all tops that no layer takes. Throws as caffe::read().
std::shared_ptr<graph::Graph> build(const Net& net, const Weights& weights, const std::vector<std::string>& outputs);

}  // namespace saccade::caffe
