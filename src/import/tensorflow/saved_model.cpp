// SPDX-License-Identifier: Apache-2.0
// GraphDef, MetaGraphDef and SavedModel all end in one function: a network, its inputs and outputs, and perhaps a checkpoint.
#include "import/tensorflow/saved_model.h"

#include <algorithm>

#include "base/error.h"
#include "import/tensorflow/build.h"
#include "import/tensorflow/checkpoint.h"
#include "import/tensorflow/cut.h"
#include "import/tensorflow/network.h"
#include "import/tensorflow/patterns.h"
#include "import/tensorflow/structure.h"
#include "import/tensorflow/tensors.h"
#include "import/tensorflow/variables.h"
#include "import/tensorflow/wire.h"
#include "ops/vectorise_loop.h"

namespace saccade::tensorflow {
namespace {

struct SavedParts {
  const GraphDef* graph = nullptr;
  std::shared_ptr<FileBytes> file;
  std::shared_ptr<const Folder> folder;
  std::string checkpoint;  // prefix; empty: none
  const SignatureDef* signature = nullptr;
};

std::vector<TensorInfo> sorted(std::vector<TensorInfo> infos) {
  std::sort(infos.begin(), infos.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  return infos;
}

std::unordered_map<std::string_view, int> names_of(const Network& network) {
  std::unordered_map<std::string_view, int> names;
  for (std::size_t i = 0; i < network.nodes.size(); ++i) names.emplace(network.nodes[i].name, static_cast<int>(i));
  return names;
}

Port port_of_info(const std::unordered_map<std::string_view, int>& names, const TensorInfo& info, std::string_view signature) {
  const Port p = port_of(names, info.name);
  SACCADE_CHECK(p.valid(), invalid_model, "'{}' of the signature '{}' is '{}', which the graph does not have", shown(info.key), shown(signature), shown(info.name));
  return p;
}

void choose_signature_outputs(Network& network, const SignatureDef& signature) {
  const auto names = names_of(network);
  network.outputs.clear();
  for (const TensorInfo& out : sorted(signature.outputs)) network.outputs.push_back({port_of_info(names, out, signature.key), std::string(out.key)});
  SACCADE_CHECK(!network.outputs.empty(), invalid_model, "the signature '{}' has no outputs", shown(signature.key));
}

// The placeholders that a signature names become inputs of that name, in its order; they exist even if nothing reads them.
void choose_signature_inputs(Network& network, const SignatureDef& signature) {
  const auto names = names_of(network);
  for (const TensorInfo& in : sorted(signature.inputs)) {
    if (in.name.empty()) fail(ErrorCode::unsupported, "input '{}' of the signature '{}' is no dense tensor", shown(in.key), shown(signature.key));
    const Port p = port_of(names, in.name);  // exporters leave out a node that nothing reads
    const std::string key(in.key);
    ErrorContext frame("input", key);
    const TensorType type{element_type(in.dtype), in.has_shape ? partial_shape(in.shape) : PartialShape()};
    Node input{.name = key, .op = "Placeholder"};
    input.custom = [type, key](NodeContext& c) { return std::vector<ValueId>{c.edit.input(key, type)}; };
    network.inputs.push_back(network.add(std::move(input)));
    if (p.valid()) network.redirect(p, {network.inputs.back(), 0});
  }
}

std::shared_ptr<graph::Graph> read(const SavedParts& parts, const import::ReadOptions& options) {
  Library library(*parts.graph, parts.file);
  const NetworkPtr network = library.main();
  std::optional<Checkpoint> checkpoint;
  std::optional<CheckpointVariables> variables;
  if (!parts.checkpoint.empty()) {
    checkpoint.emplace(parts.folder, parts.checkpoint);
    variables.emplace(*checkpoint, *network, library);
  }
  if (parts.signature != nullptr && options.outputs.empty())
    choose_signature_outputs(*network, *parts.signature);
  else
    choose_outputs(*network, options.outputs);
  if (parts.signature == nullptr && options.outputs.empty())
    for (const NodeDef& n : parts.graph->nodes)
      SACCADE_CHECK(!n.op.starts_with("Apply") && !n.op.starts_with("ResourceApply"), invalid_argument,
                    "the graph is that of a training ({} '{}'), and nothing says what its results are: name them with --output", shown(n.op), shown(n.name));
  structure_control_flow(*network);
  library.expand(*network);
  if (parts.signature != nullptr) choose_signature_inputs(*network, *parts.signature);
  cut_inputs(*network, options.inputs, variables ? &*variables : nullptr);
  apply_patterns(*network);
  auto graph = Builder(variables ? &*variables : nullptr).build(*network);
  ops::vectorise_loops(*graph);
  graph->metadata.emplace("tensorflow.producer", std::to_string(parts.graph->producer));
  return graph;
}

const MetaGraphDef& choose_meta_graph(const SavedModel& model) {
  SACCADE_CHECK(!model.meta_graphs.empty(), invalid_model, "the SavedModel holds no graph: not a saved_model.pb, or a truncated one");
  for (const auto& m : model.meta_graphs)
    if (std::find(m.tags.begin(), m.tags.end(), "serve") != m.tags.end()) return m;
  SACCADE_CHECK(model.meta_graphs.size() == 1, invalid_model, "the SavedModel holds {} graphs, and none has the tag 'serve'", model.meta_graphs.size());
  return model.meta_graphs[0];
}

const SignatureDef* choose_signature(const MetaGraphDef& graph, const std::string& wanted) {
  std::vector<const SignatureDef*> all;
  std::vector<std::string> names;
  for (const auto& s : graph.signatures) {
    if (s.key.starts_with("__saved_model")) continue;  // what runs when it is loaded
    all.push_back(&s);
    names.push_back(shown(s.key));
  }
  std::sort(names.begin(), names.end());
  for (const auto* s : all)
    if (s->key == (wanted.empty() ? "serving_default" : wanted)) return s;
  SACCADE_CHECK(wanted.empty(), not_found, "the SavedModel has no signature '{}'{}", wanted, names.empty() ? "" : fmt::format("; it has '{}'", fmt::join(names, "', '")));
  if (all.size() == 1) return all[0];
  SACCADE_CHECK(all.empty(), invalid_argument, "the SavedModel has several signatures and no 'serving_default': choose one of '{}'", fmt::join(names, "', '"));
  return nullptr;
}

}  // namespace

std::shared_ptr<graph::Graph> read_graph_def(std::shared_ptr<FileBytes> file, std::shared_ptr<const Folder> folder, const std::string& prefix, const import::ReadOptions& options) {
  const GraphDef graph = parse_graph(file->bytes());
  SACCADE_CHECK(!graph.nodes.empty(), invalid_model, "the file holds no nodes: not a TensorFlow graph, or a truncated one");
  return read({&graph, file, std::move(folder), prefix, nullptr}, options);
}

std::shared_ptr<graph::Graph> read_meta_graph(std::shared_ptr<FileBytes> file, std::shared_ptr<const Folder> folder, const std::string& prefix, const import::ReadOptions& options) {
  const MetaGraphDef meta = parse_meta_graph(file->bytes());
  SACCADE_CHECK(!meta.graph.nodes.empty(), invalid_model, "the file holds no graph: not a meta graph of a checkpoint, or a truncated one");
  return read({&meta.graph, file, std::move(folder), prefix, choose_signature(meta, options.signature)}, options);
}

std::shared_ptr<graph::Graph> read_saved_model(std::shared_ptr<FileBytes> file, std::shared_ptr<const Folder> folder, const import::ReadOptions& options) {
  const SavedModel model = parse_saved_model(file->bytes());
  const MetaGraphDef& meta = choose_meta_graph(model);
  const SignatureDef* signature = choose_signature(meta, options.signature);
  SACCADE_CHECK(signature != nullptr || !options.outputs.empty(), invalid_model,
                "the SavedModel has no signature, so nothing says what it computes from what; save it again with signatures=, or name values of its graph with --input and --output");
  SACCADE_CHECK(!meta.graph.nodes.empty(), invalid_model, "the SavedModel holds an empty graph");
  std::string prefix;
  const bool has_weights = folder && folder->has("variables/variables.index");
  if (has_weights) {
    prefix = "variables/variables";
  } else {
    const auto is_variable = [](const NodeDef& n) { return n.op == "VarHandleOp" || n.op == "VariableV2" || n.op == "Variable"; };
    SACCADE_CHECK(std::none_of(meta.graph.nodes.begin(), meta.graph.nodes.end(), is_variable), not_found,
                  "'variables/variables.index' is missing: the SavedModel's weights lie in the folder 'variables' beside saved_model.pb");
  }
  return read({&meta.graph, file, std::move(folder), prefix, signature}, options);
}

}  // namespace saccade::tensorflow
