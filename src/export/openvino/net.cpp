// SPDX-License-Identifier: Apache-2.0
// Layers and edges.
#include "export/openvino/net.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "graph/edit.h"
#include "ops/control_flow.h"
#include "ops/convert.h"
#include "ops/fake_quantize.h"
#include "ops/reshape.h"
#include "tensor/numeric.h"

namespace saccade::exporter::openvino {
namespace {

using graph::Graph;
using graph::Node;
using graph::TensorType;
using graph::ValueId;

std::string_view ir_layer_version(int opset) {
  static const auto names = [] {
    std::vector<std::string> all;
    for (int i = 0; i < 32; ++i) all.push_back(fmt::format("opset{}", i));
    return all;
  }();
  return names.at(static_cast<std::size_t>(opset));
}

// A comma separates tensor names.
std::string tensor_name(std::string_view name) {
  std::string out;
  for (char c : name) {
    if (c == ',') out += '\\';
    out += c;
  }
  return out;
}

bool fits_f16(const Tensor& tensor) {
  constexpr std::int64_t kSmall = 16;
  if (tensor.size() < kSmall) return false;
  constexpr float kLargest = 65504, kSmallest = 6.103515625e-5f;
  std::int64_t tiny = 0;
  for (float x : tensor.values<float>()) {
    const float a = std::fabs(x);
    if (!(a <= kLargest)) return false;
    tiny += a != 0 && a < kSmallest;
  }
  return tiny * 4 <= tensor.size();
}

class NetWriter {
 public:
  NetWriter(const Graph& graph, Weights& weights, const WriteOptions& options, int level)
      : graph_(graph), weights_(weights), options_(options), margin_(static_cast<std::size_t>(level), '\t') {}

  NetText write();

 private:
  struct Port {
    int layer = 0, port = 0;
  };

  std::string unique(std::string name, std::string_view otherwise);
  void open(int id, std::string_view name, std::string_view type, int opset) {
    layers_ += fmt::format("{}\t<layer id=\"{}\" name=\"{}\" type=\"{}\" version=\"{}\">\n", margin_, id, escaped(name), type, ir_layer_version(opset));
  }
  void close() { layers_ += margin_ + "\t</layer>\n"; }
  void data(const Attributes& attributes);
  void port(int id, const TensorType& type, std::string_view names);
  void input_ports(const Node& node);
  void output_ports(const Node& node, std::size_t first);
  std::string names_of(ValueId value) const;
  std::string layout_attribute(const std::string& name) const;
  void edge(Port from, int layer, int port) {
    edges_ += fmt::format("{}\t<edge from-layer=\"{}\" from-port=\"{}\" to-layer=\"{}\" to-port=\"{}\" />\n", margin_, from.layer, from.port, layer, port);
  }
  Port source(ValueId value);
  Port constant(ValueId value);
  void parameter(ValueId value);
  void node(const Node& node);
  void result(const graph::GraphOutput& output);
  std::string layer_name(const Node& node);
  bool must_stay_f32(ValueId value) const;
  // Sub-graphs.
  void if_(const Node& node);
  void loop(const Node& node);
  void scan(const Node& node);
  NetText body(std::string_view tag, const Graph& graph);

  const Graph& graph_;
  Weights& weights_;
  const WriteOptions& options_;
  const std::string margin_;
  std::string layers_, edges_;
  int next_ = 0;
  std::unordered_map<std::int32_t, Port> ports_;
  std::unordered_map<std::int32_t, std::vector<std::string>> output_names_;  // by value
  std::unordered_set<std::string> taken_;
  NetText net_;
};

std::string NetWriter::unique(std::string name, std::string_view otherwise) {
  if (name.empty()) name = otherwise;
  if (taken_.insert(name).second) return name;
  for (int i = 1;; ++i)
    if (std::string other = fmt::format("{}_{}", name, i); taken_.insert(other).second) return other;
}

void NetWriter::data(const Attributes& attributes) {
  if (attributes.empty()) return;
  layers_ += margin_ + "\t\t<data";
  for (const auto& [name, value] : attributes) layers_ += fmt::format(" {}=\"{}\"", name, escaped(value));
  layers_ += " />\n";
}

void NetWriter::port(int id, const TensorType& type, std::string_view names) {
  layers_ += fmt::format("{}\t\t\t<port id=\"{}\" precision=\"{}\"", margin_, id, ir_precision(type.element));
  if (!names.empty()) layers_ += fmt::format(" names=\"{}\"", escaped(names));
  if (!type.shape.ranked() || type.shape.rank() == 0) {
    layers_ += " />\n";
    return;
  }
  layers_ += ">\n";
  for (const auto& d : type.shape.dimensions()) layers_ += fmt::format("{}\t\t\t\t<dim>{}</dim>\n", margin_, d.is_static() ? d.size() : -1);
  layers_ += margin_ + "\t\t\t</port>\n";
}

std::string NetWriter::names_of(ValueId value) const {
  const auto outputs = output_names_.find(value.index);
  const std::string& own = graph_[value].name;
  std::string names;
  std::unordered_set<std::string_view> seen;
  const auto add = [&](const std::string& name) {
    if (name.empty() || !seen.insert(name).second) return;
    if (!names.empty()) names += ',';
    names += tensor_name(name);
  };
  const bool is_input = !graph_[value].producer.valid() && !graph_[value].is_constant();
  // a value within the graph is called what the output is called, and nothing else, or users would see two names
  if (outputs == output_names_.end() || is_input) add(own);
  if (outputs != output_names_.end())
    for (const std::string& name : outputs->second) add(name);
  return names;
}

std::string NetWriter::layout_attribute(const std::string& name) const {
  const auto it = graph_.metadata.find("layout/" + name);
  if (it == graph_.metadata.end() || options_.ir_version < 11) return {};
  return fmt::format("{0}\t\t<rt_info>\n{0}\t\t\t<attribute name=\"layout\" version=\"0\" layout=\"{1}\" />\n{0}\t\t</rt_info>\n", margin_, escaped(it->second));
}

void NetWriter::parameter(ValueId value) {
  const int id = next_++;
  const TensorType& type = graph_.type(value);
  const std::string& name = graph_[value].name;
  open(id, unique(name, fmt::format("Parameter_{}", id)), "Parameter", 1);
  data({{"shape", shape_text(type.shape)}, {"element_type", std::string(ir_element(type.element))}});
  layers_ += layout_attribute(name);
  layers_ += margin_ + "\t\t<output>\n";
  port(0, type, names_of(value));
  layers_ += margin_ + "\t\t</output>\n";
  close();
  ports_[value.index] = {id, 0};
  net_.inputs.push_back(id);
}

bool NetWriter::must_stay_f32(ValueId value) const {
  for (const graph::Use& use : graph_[value].uses)
    if (graph_[use.node].op.is<ops::FakeQuantize>() && use.input > 0) return true;
  return false;
}

NetWriter::Port NetWriter::constant(ValueId value) {
  Tensor tensor = graph_.constant(value);
  const bool compressed = options_.fp16 && tensor.type() == ElementType::f32 && fits_f16(tensor) && !must_stay_f32(value);
  const TensorType type = graph::type_of(tensor);
  if (compressed) tensor = ops::convert(tensor, ElementType::f16);
  const auto place = weights_.add(tensor);
  const int id = next_++;
  std::string name = unique(graph_[value].name, fmt::format("Constant_{}", id));
  const std::string names = names_of(value);
  open(id, compressed ? unique(name + "_compressed", "") : name, "Const", 1);
  data({{"element_type", std::string(ir_element(tensor.type()))}, {"shape", shape_text(tensor.shape())}, {"offset", std::to_string(place.offset)}, {"size", std::to_string(place.size)}});
  layers_ += margin_ + "\t\t<output>\n";
  port(0, graph::type_of(tensor), compressed ? "" : names);
  layers_ += margin_ + "\t\t</output>\n";
  close();
  if (!compressed) return {id, 0};
  const int convert = next_++;
  open(convert, name, "Convert", 1);
  data({{"destination_type", "f32"}});
  if (options_.ir_version >= 11) layers_ += fmt::format("{0}\t\t<rt_info>\n{0}\t\t\t<attribute name=\"decompression\" version=\"0\" />\n{0}\t\t</rt_info>\n", margin_);
  layers_ += margin_ + "\t\t<input>\n";
  port(0, graph::type_of(tensor), "");
  layers_ += margin_ + "\t\t</input>\n" + margin_ + "\t\t<output>\n";
  port(1, type, names);
  layers_ += margin_ + "\t\t</output>\n";
  close();
  edge({id, 0}, convert, 0);
  return {convert, 1};
}

NetWriter::Port NetWriter::source(ValueId value) {
  const auto it = ports_.find(value.index);
  if (it != ports_.end()) return it->second;
  SACCADE_CHECK(graph_[value].is_constant(), internal, "value '{}' has no source", graph_[value].name);
  return ports_[value.index] = constant(value);
}

std::string NetWriter::layer_name(const Node& node) {
  // whoever reads outputs by layer names, as IR 10 does, finds them
  if (node.outputs.size() == 1)
    if (const auto it = output_names_.find(node.outputs[0].index); it != output_names_.end()) return unique(it->second[0], "");
  const std::string& name = node.name.empty() ? graph_[node.outputs.at(0)].name : node.name;
  return unique(name, fmt::format("{}_{}", node.op.name(), next_));
}

void NetWriter::input_ports(const Node& node) {
  if (node.inputs.empty()) return;
  layers_ += margin_ + "\t\t<input>\n";
  for (std::size_t i = 0; i < node.inputs.size(); ++i) port(static_cast<int>(i), graph_.type(node.inputs[i]), "");
  layers_ += margin_ + "\t\t</input>\n";
}

void NetWriter::output_ports(const Node& node, std::size_t first) {
  layers_ += margin_ + "\t\t<output>\n";
  for (std::size_t i = 0; i < node.outputs.size(); ++i) port(static_cast<int>(first + i), graph_.type(node.outputs[i]), names_of(node.outputs[i]));
  layers_ += margin_ + "\t\t</output>\n";
}

void NetWriter::node(const Node& source_node) {
  Node node = source_node;
  while (!node.inputs.empty() && !node.inputs.back().valid()) node.inputs.pop_back();
  for (std::size_t i = 0; i < node.inputs.size(); ++i) SACCADE_CHECK(node.inputs[i].valid(), unsupported, "IR needs input {}, which is absent", i);
  std::vector<Port> sources;
  for (ValueId in : node.inputs) sources.push_back(source(in));
  const bool is_if = node.op.is<ops::If>(), is_loop = node.op.is<ops::Loop>(), is_scan = node.op.is<ops::Scan>();
  Form form;
  if (is_if) form = {"If", 8, {}};
  else if (is_loop) form = {"Loop", 5, {}};
  else if (is_scan) form = {"TensorIterator", 1, {}};
  else form = form_of(graph_, node, newest_opset(options_.ir_version));
  const int id = next_++;
  open(id, layer_name(node), form.type, form.opset);
  data(form.attributes);
  input_ports(node);
  output_ports(node, node.inputs.size());
  if (is_if) if_(node);
  if (is_loop) loop(node);
  if (is_scan) scan(node);
  close();
  for (std::size_t i = 0; i < sources.size(); ++i) edge(sources[i], id, static_cast<int>(i));
  for (std::size_t i = 0; i < node.outputs.size(); ++i) ports_[node.outputs[i].index] = {id, static_cast<int>(node.inputs.size() + i)};
}

void NetWriter::result(const graph::GraphOutput& output) {
  const Port from = source(output.value);
  const int id = next_++;
  open(id, unique(output.name + "/sink_port_0", ""), "Result", 1);
  layers_ += layout_attribute(output.name);
  layers_ += margin_ + "\t\t<input>\n";
  port(0, graph_.type(output.value), "");
  layers_ += margin_ + "\t\t</input>\n";
  close();
  edge(from, id, 0);
  net_.outputs.push_back(id);
}

NetText NetWriter::write() {
  for (const auto& output : graph_.outputs()) output_names_[output.value.index].push_back(output.name);
  for (ValueId input : graph_.inputs()) parameter(input);
  for (graph::NodeId id : graph_.order()) {
    ErrorContext scope(graph_[id].op.name(), graph_[id].name);
    node(graph_[id]);
  }
  for (const auto& output : graph_.outputs()) result(output);
  net_.text = margin_ + "<layers>\n" + layers_ + margin_ + "</layers>\n" + margin_ + "<edges>\n" + edges_ + margin_ + "</edges>\n";
  return std::move(net_);
}

NetText NetWriter::body(std::string_view tag, const Graph& graph) {
  NetText text = net_text(graph, weights_, options_, static_cast<int>(margin_.size()) + 3);
  text.text = fmt::format("{0}\t\t<{1}>\n{2}{0}\t\t</{1}>\n", margin_, tag, text.text);
  return text;
}

void NetWriter::if_(const Node& node) {
  const auto& op = *node.op.as<ops::If>();
  std::string ports, bodies;
  std::size_t first = 1;
  for (const bool branch : {true, false}) {
    const Graph& graph = branch ? *op.then_body : *op.else_body;
    const NetText text = body(branch ? "then_body" : "else_body", graph);
    const std::string_view tag = branch ? "then_port_map" : "else_port_map";
    ports += fmt::format("{}\t\t<{}>\n", margin_, tag);
    for (std::size_t i = 0; i < text.inputs.size(); ++i)
      ports += fmt::format("{}\t\t\t<input external_port_id=\"{}\" internal_layer_id=\"{}\" />\n", margin_, first + i, text.inputs[i]);
    for (std::size_t i = 0; i < text.outputs.size(); ++i)
      ports += fmt::format("{}\t\t\t<output external_port_id=\"{}\" internal_layer_id=\"{}\" />\n", margin_, node.inputs.size() + i, text.outputs[i]);
    ports += fmt::format("{}\t\t</{}>\n", margin_, tag);
    first += text.inputs.size();
    bodies += text.text;
  }
  layers_ += ports + bodies;
}

// Slices that the body gives get the axis along which they are joined.
Graph with_slice_axis(const Graph& source, std::size_t first, const std::vector<std::int64_t>& axes) {
  Graph graph = source;
  graph::Edit edit(graph);
  auto outputs = graph.outputs();
  for (std::size_t i = first; i < outputs.size(); ++i) {
    const std::int64_t axis = i - first < axes.size() ? axes[i - first] : 0;
    outputs[i].value = edit(ops::Unsqueeze{}, {outputs[i].value, edit.constant(Tensor::from<std::int64_t>({1}, {axis}))}, outputs[i].name);
  }
  edit.set_outputs(outputs);
  return graph;
}

// A joined output; OpenVINO counts axes from the front alone.
std::string slice_attributes(std::int64_t axis, std::int64_t rank, bool backward) {
  return fmt::format("axis=\"{}\" start=\"{}\" end=\"{}\" stride=\"{}\" part_size=\"1\"", axis < 0 ? axis + rank : axis, backward ? -1 : 0, backward ? 0 : -1, backward ? -1 : 1);
}

std::int64_t rank_of(const TensorType& type) {
  SACCADE_CHECK(type.shape.ranked(), unsupported, "slices of unknown rank");
  return static_cast<std::int64_t>(type.shape.rank());
}

void NetWriter::loop(const Node& node) {
  const auto& op = *node.op.as<ops::Loop>();
  const auto carried = static_cast<std::size_t>(op.num_carried);
  const NetText text = body("body", with_slice_axis(*op.body, 1 + carried, {}));
  std::string map, back;
  const auto line = [&](std::string_view kind, std::int64_t port, int layer, const std::string& more) {
    map += fmt::format("{}\t\t\t<{} external_port_id=\"{}\" internal_layer_id=\"{}\" {} />\n", margin_, kind, port, layer, more);
  };
  for (std::size_t i = 2; i < text.inputs.size(); ++i) line("input", static_cast<std::int64_t>(i), text.inputs[i], "");
  for (std::size_t i = 0; i + 1 < text.outputs.size(); ++i)
    line("output", static_cast<std::int64_t>(node.inputs.size() + i), text.outputs[1 + i], i < carried ? "" : slice_attributes(0, 1, false));
  line("input", -1, text.inputs.at(0), "purpose=\"current_iteration\"");
  line("output", -1, text.outputs.at(0), "purpose=\"execution_condition\"");
  const auto edge_back = [&](int from, int to) { back += fmt::format("{}\t\t\t<edge from-layer=\"{}\" to-layer=\"{}\" />\n", margin_, from, to); };
  for (std::size_t i = 0; i < carried; ++i) edge_back(text.outputs[1 + i], text.inputs[2 + i]);
  // the condition as a body input is carried like the others
  line("input", 1, text.inputs.at(1), "");
  edge_back(text.outputs.at(0), text.inputs.at(1));
  layers_ += fmt::format("{0}\t\t<port_map>\n{1}{0}\t\t</port_map>\n{0}\t\t<back_edges>\n{2}{0}\t\t</back_edges>\n", margin_, map, back) + text.text;
}

void NetWriter::scan(const Node& node) {
  const auto& op = *node.op.as<ops::Scan>();
  const auto states = static_cast<std::size_t>(op.num_states), scanned = static_cast<std::size_t>(op.num_scan_inputs);
  const auto at = [](const std::vector<std::int64_t>& v, std::size_t i) { return i < v.size() ? v[i] : 0; };
  Graph graph = with_slice_axis(*op.body, states, op.output_axes);
  graph::Edit edit(graph);
  std::vector<std::size_t> ports;  // by input of the changed body
  for (std::size_t i = 0; i < node.inputs.size(); ++i)
    if (i < states || i >= states + scanned) ports.push_back(i);
  // The body takes slices without their axis; OpenVINO's still have it. New inputs stand behind the others.
  std::vector<std::int64_t> axes;
  for (std::size_t i = 0; i < scanned; ++i) {
    const ValueId input = graph.inputs()[states];
    const TensorType& whole = graph_.type(node.inputs[states + i]);
    const std::int64_t rank = rank_of(whole), axis = at(op.input_axes, i) < 0 ? at(op.input_axes, i) + rank : at(op.input_axes, i);
    auto dims = whole.shape.dimensions();
    dims[static_cast<std::size_t>(axis)] = graph::Dimension::fixed(1);
    const TensorType slice = graph.type(input);
    const ValueId wide = edit.input(graph[input].name + "/slice", {slice.element, graph::PartialShape(dims)});
    edit.replace(input, edit(ops::Squeeze{}, {wide, edit.constant(Tensor::from<std::int64_t>({1}, {axis}))}));
    edit.bind_input(input, Tensor(ElementType::u8, {0}));
    axes.push_back(axis);
    ports.push_back(states + i);
  }
  edit.remove_dead();
  const NetText text = body("body", graph);
  std::string map, back;
  const std::size_t sliced = ports.size() - scanned;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const std::string more = i < sliced ? "" : slice_attributes(axes[i - sliced], 0, at(op.input_directions, i - sliced) != 0);
    map += fmt::format("{}\t\t\t<input external_port_id=\"{}\" internal_layer_id=\"{}\" {} />\n", margin_, ports[i], text.inputs.at(i), more);
  }
  for (std::size_t i = 0; i < text.outputs.size(); ++i) {
    const std::size_t s = i - states;
    const std::string more = i < states ? "" : slice_attributes(at(op.output_axes, s), rank_of(graph_.type(node.outputs[i])), at(op.output_directions, s) != 0);
    map += fmt::format("{}\t\t\t<output external_port_id=\"{}\" internal_layer_id=\"{}\" {} />\n", margin_, node.inputs.size() + i, text.outputs[i], more);
    if (i < states) back += fmt::format("{}\t\t\t<edge from-layer=\"{}\" to-layer=\"{}\" />\n", margin_, text.outputs[i], text.inputs.at(i));
  }
  layers_ += fmt::format("{0}\t\t<port_map>\n{1}{0}\t\t</port_map>\n{0}\t\t<back_edges>\n{2}{0}\t\t</back_edges>\n", margin_, map, back) + text.text;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char c : text) switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\n': out += "&#10;"; break;
      case '\r': out += "&#13;"; break;
      case '\t': out += "&#9;"; break;
      default: out += static_cast<unsigned char>(c) < 0x20 ? '_' : c;
    }
  return out;
}

std::string shape_text(const graph::PartialShape& shape) {
  if (!shape.ranked()) return "...";
  std::string out;
  for (const auto& d : shape.dimensions()) {
    if (!out.empty()) out += ',';
    if (d.is_static()) out += std::to_string(d.size());
    else if (d.min == 0 && d.max == graph::Dimension::kUnbounded) out += '?';
    else out += fmt::format("{}..{}", d.min, d.max == graph::Dimension::kUnbounded ? std::string() : std::to_string(d.max));
  }
  return out;
}

int newest_opset(int ir_version) { return ir_version < 11 ? 8 : 16; }

NetText net_text(const graph::Graph& graph, Weights& weights, const WriteOptions& options, int level) { return NetWriter(graph, weights, options, level).write(); }

}  // namespace saccade::exporter::openvino
