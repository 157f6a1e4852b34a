// SPDX-License-Identifier: Apache-2.0
// Merging an OpenCV text graph with the frozen graph that holds its weights.
#include "import/tensorflow/opencv_text.h"

#include <algorithm>
#include <deque>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "import/tensorflow/build.h"
#include "import/tensorflow/cut.h"
#include "import/tensorflow/network.h"
#include "import/tensorflow/tensors.h"
#include "import/tensorflow/text_graph.h"
#include "import/tensorflow/wire.h"
#include "import/text_format.h"

namespace saccade::tensorflow {
namespace {

std::string_view node_of(std::string_view input) {
  if (input.starts_with('^')) input.remove_prefix(1);
  return input.substr(0, std::min(input.rfind(':'), input.size()));
}

void add_missing(NodeDef& node, std::string_view name, AttrValue value) {
  if (node.find(name) == nullptr) node.attributes.push_back({name, std::move(value)});
}

// What OpenCV takes for granted where TensorFlow has another default, or none.
void complete(NodeDef& node) {
  if (node.op.starts_with("FusedBatchNorm")) add_missing(node, "is_training", {.kind = AttrValue::Kind::boolean});
  if (node.op == "Placeholder") add_missing(node, "shape", {.kind = AttrValue::Kind::shape, .shape = std::make_shared<ShapeProto>(ShapeProto{true, {-1, -1, -1, -1}})});
  if (node.op == "Softmax" && node.find("axis") != nullptr) node.op = "OpenCV.Softmax";
  if (node.op == "Reshape") node.op = "OpenCV.Reshape";
  // the other half of a SpaceToBatchND that only pads
  if (node.op == "BatchToSpaceND" && node.inputs.size() == 1) node.op = "OpenCV.BatchToSpaceND";
}

}  // namespace

bool is_opencv_text(std::string_view text) {
  const import::TextDocument document = import::parse_text_format(text);
  std::unordered_set<std::string_view> names;
  const auto nodes = document.root.all("node");
  for (const auto* n : nodes)
    if (n->is_message()) names.insert(n->message.text("name"));
  return std::any_of(nodes.begin(), nodes.end(), [&](const import::TextField* n) {
    if (!n->is_message()) return false;
    const auto inputs = n->message.texts("input");
    return std::any_of(inputs.begin(), inputs.end(), [&](std::string_view in) { return !names.contains(node_of(in)); });
  });
}

std::shared_ptr<graph::Graph> read_opencv(std::shared_ptr<FileBytes> text, std::shared_ptr<FileBytes> weights, const import::ReadOptions& options) {
  const auto binary = binary_of({text->bytes().data(), text->bytes().size()}, TextKind::graph);
  GraphDef merged = parse_graph(binary->bytes());
  GraphDef frozen = parse_graph(weights->bytes());
  for (NodeDef& node : merged.nodes) complete(node);
  std::unordered_map<std::string_view, NodeDef*> known;
  for (NodeDef& node : frozen.nodes) known.emplace(node.name, &node);
  std::unordered_set<std::string_view> names;
  for (const NodeDef& node : merged.nodes) names.insert(node.name);
  // the text's nodes stand for those of the same name
  for (std::size_t i = 0; i < merged.nodes.size(); ++i) {
    const std::vector<std::string_view> inputs = merged.nodes[i].inputs;
    for (const std::string_view in : inputs)
      if (const auto it = known.find(node_of(in)); it != known.end() && names.insert(it->first).second) merged.nodes.push_back(*it->second);
  }
  // both files, as constants may lie in either
  const auto owner = std::make_shared<std::pair<std::shared_ptr<FileBytes>, std::shared_ptr<FileBytes>>>(binary, weights);
  Library library(merged, owner);
  const NetworkPtr network = library.main();
  choose_outputs(*network, options.outputs);
  library.expand(*network);
  cut_inputs(*network, options.inputs);
  auto graph = Builder(nullptr).build(*network);
  graph->metadata.emplace("tensorflow.graph", "OpenCV text graph");
  return graph;
}

}  // namespace saccade::tensorflow
