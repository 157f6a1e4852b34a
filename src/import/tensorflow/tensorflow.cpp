// SPDX-License-Identifier: Apache-2.0
// From the bytes of a file to its graph.
#include "import/tensorflow/tensorflow.h"

#include "base/error.h"
#include "import/tensorflow/build.h"
#include "import/tensorflow/cut.h"
#include "import/tensorflow/network.h"
#include "import/tensorflow/patterns.h"
#include "import/tensorflow/structure.h"
#include "import/tensorflow/wire.h"

namespace saccade::tensorflow {

std::shared_ptr<graph::Graph> read(const import::Source& source) {
  const GraphDef file = parse_graph(source.file->bytes());
  SACCADE_CHECK(!file.nodes.empty(), invalid_model, "the file holds no nodes: not a TensorFlow graph, or a truncated one");
  Library library(file, source.file);
  const NetworkPtr network = library.main();
  choose_outputs(*network, source.options.outputs);
  structure_control_flow(*network);
  library.expand(*network);
  cut_inputs(*network, source.options.inputs);
  apply_patterns(*network);
  auto graph = Builder(nullptr).build(*network);
  graph->metadata.emplace("tensorflow.producer", std::to_string(file.producer));
  return graph;
}

}  // namespace saccade::tensorflow
