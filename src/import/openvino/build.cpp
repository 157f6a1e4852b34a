// SPDX-License-Identifier: Apache-2.0
// Building a graph layer by layer.
#include "import/openvino/build.h"

#include <algorithm>
#include <unordered_set>

#include "base/error.h"
#include "ops/convert.h"
#include "ops/elementwise.h"
#include "tensor/numeric.h"

namespace saccade::openvino {
namespace {

constexpr int kDeepestBodies = 24;
constexpr std::size_t kMostLayers = 4'000'000;

struct Poisoned {};  // thrown through a mapping function whose body holds something unsupported

graph::Dimension dimension(std::string_view text) {
  if (text == "?" || text == "-1") return graph::Dimension::unknown();
  const auto dots = text.find("..");
  if (dots == std::string_view::npos) {
    const std::int64_t size = parse_integer(text, "a dimension");
    SACCADE_CHECK(size >= 0, invalid_model, "a dimension is {}", size);
    return graph::Dimension::fixed(size);
  }
  graph::Dimension d;
  if (dots > 0) d.min = parse_integer(text.substr(0, dots), "a dimension");
  if (dots + 2 < text.size()) d.max = parse_integer(text.substr(dots + 2), "a dimension");
  SACCADE_CHECK(d.min >= 0 && d.min <= d.max, invalid_model, "a dimension is '{}'", text);
  return d;
}

PartialShape parse_shape(std::string_view text) {
  if (text == "..." || text.starts_with("...")) return {};
  std::vector<graph::Dimension> dims;
  for (const std::string_view part : split_list(text)) dims.push_back(dimension(part));
  SACCADE_CHECK(dims.size() <= 64, invalid_model, "a shape of {} dimensions", dims.size());
  return PartialShape(std::move(dims));
}

PartialShape port_shape(const PortSpec& port) {
  std::vector<graph::Dimension> dims;
  for (const std::int64_t d : port.dims) dims.push_back(d < 0 ? graph::Dimension::unknown() : graph::Dimension::fixed(d));
  return PartialShape(std::move(dims));
}

// What a Parameter, or an Input of an old version, says.
TensorType declared_type(const LayerSpec& layer) {
  std::string_view element;
  if (const auto a = layer.data.attribute("element_type")) element = a.value();
  else if (!layer.outputs.empty() && !layer.outputs[0].precision.empty()) element = layer.outputs[0].precision;
  else element = layer.precision;
  TensorType type;
  type.element = element.empty() ? ElementType::f32 : parse_element(element);
  const auto shape = layer.data.attribute("shape");
  if (shape && layer.type == "Parameter") type.shape = parse_shape(shape.value());
  else if (!layer.outputs.empty()) type.shape = port_shape(layer.outputs[0]);
  return type;
}

bool is_input(const LayerSpec& layer) { return layer.type == "Parameter" || layer.type == "Input"; }

}  // namespace

const NetSpec& NetBuilder::spec_of(pugi::xml_node node) {
  auto& spec = specs_[node];
  if (!spec) spec = std::make_unique<NetSpec>(parse_net(node));
  return *spec;
}

// Port ids become positions: inputs count up, and outputs have ids of their own.
void NetBuilder::connect(Frame& frame) const {
  const NetSpec& net = frame.net;
  frame.sources.resize(net.layers.size());
  for (std::size_t i = 0; i < net.layers.size(); ++i) frame.sources[i].resize(net.layers[i].inputs.size());
  for (const EdgeSpec& edge : net.edges) {
    const auto from = net.by_id.find(edge.from_layer), to = net.by_id.find(edge.to_layer);
    SACCADE_CHECK(from != net.by_id.end() && to != net.by_id.end(), invalid_model, "an edge from layer {} to layer {}, which is not there", edge.from_layer, edge.to_layer);
    const LayerSpec &source = net.layers[from->second], &target = net.layers[to->second];
    const auto position = [](const std::vector<PortSpec>& ports, std::int64_t id) {
      return static_cast<std::size_t>(std::find_if(ports.begin(), ports.end(), [&](const PortSpec& p) { return p.id == id; }) - ports.begin());
    };
    const std::size_t output = position(source.outputs, edge.from_port), input = position(target.inputs, edge.to_port);
    SACCADE_CHECK(output < source.outputs.size(), invalid_model, "an edge from port {} of layer '{}', which has none such", edge.from_port, shown(source.name));
    SACCADE_CHECK(input < target.inputs.size(), invalid_model, "an edge to port {} of layer '{}', which has none such", edge.to_port, shown(target.name));
    Source& slot = frame.sources[to->second][input];
    SACCADE_CHECK(!slot.present, invalid_model, "two edges to port {} of layer '{}'", edge.to_port, shown(target.name));
    slot = {from->second, output, true};
  }
}

// Depth first, without recursion; a layer that waits for itself is an error.
std::vector<std::size_t> NetBuilder::order(const Frame& frame) const {
  enum State : char { fresh, open, done };
  std::vector<State> states(frame.net.layers.size(), fresh);
  std::vector<std::size_t> order;
  std::vector<std::pair<std::size_t, std::size_t>> stack;  // layer, next input
  for (std::size_t root = 0; root < states.size(); ++root) {
    if (states[root] == done) continue;
    stack.emplace_back(root, 0);
    states[root] = open;
    while (!stack.empty()) {
      auto& [at, next] = stack.back();
      const auto& sources = frame.sources[at];
      if (next == sources.size()) {
        states[at] = done;
        order.push_back(at);
        stack.pop_back();
        continue;
      }
      const Source source = sources[next++];
      if (!source.present || states[source.layer] == done) continue;
      SACCADE_CHECK(states[source.layer] == fresh, invalid_model, "a cycle through layer '{}'", shown(frame.net.layers[source.layer].name));
      states[source.layer] = open;
      stack.emplace_back(source.layer, 0);
    }
  }
  return order;
}

void NetBuilder::report(const LayerSpec& layer, std::string reason) {
  std::string subject = shown(layer.type);
  if (layer.opset > 0) subject += fmt::format("-{}", layer.opset);
  problems_.add(std::move(subject), std::move(reason), shown(layer.name));
}

std::string NetBuilder::tensor_name(const LayerSpec& layer, std::size_t output) const {
  if (output < layer.outputs.size())
    if (auto names = split_names(layer.outputs[output].names); !names.empty()) return names[0];
  if (layer.outputs.size() == 1) return std::string(layer.name);
  // before there were tensor names, outputs were counted by their ports
  return fmt::format("{}{}{}", layer.name, version_ >= 11 ? ":" : ".", output);
}

void NetBuilder::name_outputs(Frame& frame, const LayerSpec& layer, const Values& values) {
  for (std::size_t i = 0; i < values.size() && i < layer.outputs.size(); ++i) {
    if (!values[i].valid()) continue;
    const auto& value = (*frame.graph)[values[i]];
    // a mapping that returns its input, or a constant that others use, keeps the name it has
    if (value.name.empty()) frame.edit.rename(values[i], tensor_name(layer, i));
  }
}

Values NetBuilder::parameter(Frame& frame, const LayerSpec& layer) {
  if (const auto given = frame.given.find(layer.id); given != frame.given.end()) return {given->second};
  SACCADE_CHECK(depth_ == 0, invalid_model, "a Parameter of a body that no port map names");
  TensorType type = declared_type(layer);
  if (version_ <= 10 && (type.element == ElementType::f16 || type.element == ElementType::bf16)) type.element = ElementType::f32;
  return {frame.edit.input(tensor_name(layer, 0), std::move(type))};
}

Values NetBuilder::mapped(Frame& frame, const LayerSpec& layer, const Row& row, Values inputs) {
  LayerContext context(*this, frame.edit, layer, std::move(inputs));
  Values values = row.map(context);
  if (const auto unread = context.unread(); !unread.empty()) context.unsupported("the attribute '{}'", unread[0]);
  SACCADE_CHECK(values.size() >= layer.outputs.size(), unsupported, "{} outputs; {} are known", layer.outputs.size(), values.size());
  return values;
}

void NetBuilder::layer(Frame& frame, std::size_t index) {
  const LayerSpec& layer = frame.net.layers[index];
  if (layer.type == "Result") return;
  SACCADE_CHECK(++layers_built_ < kMostLayers, unsupported, "more than {} layers", kMostLayers);
  const std::string type = shown(layer.type), name = shown(layer.name);
  ErrorContext scope(type, name);
  if (is_input(layer)) {
    try {
      frame.values[index] = parameter(frame, layer);
    } catch (const Error& e) {
      if (e.code() != ErrorCode::unsupported) throw;
      report(layer, e.message());
      frame.poisoned[index] = 1;
    }
    return;
  }
  bool poisoned = false;
  Values inputs;
  for (const Source& source : frame.sources[index]) {
    poisoned = poisoned || (source.present && frame.poisoned[source.layer]);
    inputs.push_back(source.present && !frame.poisoned[source.layer] ? frame.values[source.layer].at(source.output) : ValueId{});
  }
  const Row* row = find_row(layer, version_);
  if (row == nullptr) {
    report(layer, layer.version == "extension" || layer.version == "experimental" ? "an extension" : "not supported");
    poisoned = true;
  }
  if (poisoned) {
    frame.poisoned[index] = 1;
    return;
  }
  try {
    frame.values[index] = mapped(frame, layer, *row, std::move(inputs));
    name_outputs(frame, layer, frame.values[index]);
  } catch (const Poisoned&) {
    frame.poisoned[index] = 1;
  } catch (const Error& e) {
    if (e.code() != ErrorCode::unsupported) throw;
    report(layer, e.message());
    frame.poisoned[index] = 1;
  }
}

void NetBuilder::build(Frame& frame) {
  frame.values.resize(frame.net.layers.size());
  frame.poisoned.resize(frame.net.layers.size());
  connect(frame);
  // the inputs of the model in the order of the file
  if (depth_ == 0)
    for (std::size_t i = 0; i < frame.net.layers.size(); ++i)
      if (is_input(frame.net.layers[i])) layer(frame, i);
  for (const std::size_t i : order(frame))
    if (depth_ > 0 || !is_input(frame.net.layers[i])) layer(frame, i);
}

// Results in order, or in old versions what nobody reads.
void NetBuilder::outputs(Frame& frame) {
  std::unordered_set<std::string> taken;
  const auto add = [&](std::size_t layer, std::size_t output, std::string name) {
    if (frame.poisoned[layer]) return;
    const std::string base = name;
    for (int i = 1; !taken.insert(name).second; ++i) name = fmt::format("{}_{}", base, i);
    const ValueId value = frame.values[layer].at(output);
    frame.edit.output(value, name);
    // an output's value is called like the output, unless the value is an input
    if ((*frame.graph)[value].producer.valid()) frame.edit.rename(value, name);
  };
  for (std::size_t i = 0; i < frame.net.layers.size(); ++i) {
    const LayerSpec& layer = frame.net.layers[i];
    if (layer.type != "Result") continue;
    SACCADE_CHECK(frame.sources[i].size() == 1 && frame.sources[i][0].present, invalid_model, "the Result '{}' has no source", shown(layer.name));
    const Source source = frame.sources[i][0];
    auto names = split_names(layer.node.attribute("output_names").value());
    add(source.layer, source.output, names.empty() ? tensor_name(frame.net.layers[source.layer], source.output) : names[0]);
  }
  if (!frame.graph->outputs().empty() || version_ >= 10) return;
  std::vector<std::vector<char>> used(frame.net.layers.size());
  for (std::size_t i = 0; i < used.size(); ++i) used[i].resize(frame.net.layers[i].outputs.size());
  for (const auto& sources : frame.sources)
    for (const Source& s : sources)
      if (s.present) used[s.layer][s.output] = 1;
  for (std::size_t i = 0; i < used.size(); ++i)
    for (std::size_t k = 0; k < used[i].size(); ++k)
      if (!used[i][k] && !is_input(frame.net.layers[i]) && frame.net.layers[i].type != "Const") add(i, k, tensor_name(frame.net.layers[i], k));
}

void NetBuilder::layouts(Frame& frame) {
  const auto layout_of = [](const LayerSpec& layer) -> std::string {
    for (const auto attribute : layer.node.child("rt_info").children("attribute"))
      if (std::string_view(attribute.attribute("name").value()) == "layout") return attribute.attribute("layout").value();
    return layer.data.attribute("layout").value();
  };
  std::size_t result = 0;
  for (std::size_t i = 0; i < frame.net.layers.size(); ++i) {
    const LayerSpec& layer = frame.net.layers[i];
    const bool is_result = layer.type == "Result";
    if (!is_result && !is_input(layer)) continue;
    const std::string layout = layout_of(layer);
    std::string name;
    if (is_result) {
      if (frame.poisoned[frame.sources[i][0].layer]) continue;
      name = frame.graph->outputs().at(result++).name;
    } else if (!frame.poisoned[i]) {
      name = (*frame.graph)[frame.values[i].at(0)].name;
    }
    if (!layout.empty() && !name.empty()) frame.graph->metadata["layout/" + name] = layout;
  }
}

// <pre-process>: a mean a channel, subtracted from the input before anything else, and a scale.
void NetBuilder::preprocess(Frame& frame, pugi::xml_node net) {
  pugi::xml_node node = net.child("pre-process");
  if (!node) node = net.child("preprocess");
  if (!node) return;
  const std::string_view reference = node.attribute("reference-layer-name").value();
  for (std::size_t i = 0; i < frame.net.layers.size(); ++i) {
    const LayerSpec& layer = frame.net.layers[i];
    if (!is_input(layer) || (!reference.empty() && layer.name != reference) || frame.poisoned[i]) continue;
    const ValueId input = frame.values[i].at(0);
    const PartialShape shape = frame.graph->type(input).shape;
    std::vector<double> means, scales;
    std::vector<Tensor> images;
    for (const auto channel : node.children("channel")) {
      const auto mean = channel.child("mean"), scale = channel.child("scale");
      if (mean.attribute("size")) {
        SACCADE_CHECK(shape.ranked() && shape.rank() == 4 && shape[2].is_static() && shape[3].is_static(), invalid_model, "a mean image for an input {}", to_string(shape));
        const auto number = [&](const char* name) { return static_cast<std::size_t>(std::max<std::int64_t>(0, parse_integer(mean.attribute(name).value(), name))); };
        const ElementType type = parse_element(node.attribute("mean-precision") ? node.attribute("mean-precision").value() : "FP32");
        images.push_back(ops::convert(constants_.tensor(type, {1, 1, shape[2].size(), shape[3].size()}, number("offset"), number("size")), ElementType::f32));
      }
      means.push_back(mean.attribute("value") ? parse_real(mean.attribute("value").value(), "a mean") : 0);
      scales.push_back(scale.attribute("value") ? parse_real(scale.attribute("value").value(), "a scale") : 1);
    }
    if (means.empty()) return;
    SACCADE_CHECK(shape.ranked() && shape.rank() == 4 && shape[1].is_static() && shape[1].size() == static_cast<std::int64_t>(means.size()), invalid_model, "{} means for an input {}", means.size(),
                  to_string(shape));
    SACCADE_CHECK(images.empty() || images.size() == means.size(), invalid_model, "{} mean images for {} channels", images.size(), means.size());
    const auto channels = static_cast<std::int64_t>(means.size());
    const ElementType element = frame.graph->type(input).element;
    const auto uses = (*frame.graph)[input].uses;
    Tensor mean = from_f64(element, {1, channels, 1, 1}, means);
    if (!images.empty()) {
      mean = Tensor(ElementType::f32, {1, channels, shape[2].size(), shape[3].size()});
      float* to = mean.data<float>();
      for (const Tensor& image : images) to = std::copy_n(image.data<float>(), image.size(), to);
      mean = ops::convert(mean, element);
    }
    ValueId v = frame.edit(ops::Binary{ops::BinaryKind::Subtract}, {input, frame.edit.constant(mean)}, std::string(layer.name) + "/mean");
    if (std::any_of(scales.begin(), scales.end(), [](double s) { return s != 1; }))
      v = frame.edit(ops::Binary{ops::BinaryKind::Divide}, {v, frame.edit.constant(from_f64(element, {1, channels, 1, 1}, scales))}, std::string(layer.name) + "/scale");
    for (const graph::Use& use : uses) frame.edit.replace_input(use, v);
    return;
  }
}

std::shared_ptr<graph::Graph> NetBuilder::model(pugi::xml_node node) {
  Frame frame{.net = spec_of(node)};
  SACCADE_CHECK(!frame.net.layers.empty(), invalid_model, "a model without layers");
  build(frame);
  outputs(frame);
  problems_.throw_if_any();
  SACCADE_CHECK(!frame.graph->outputs().empty(), invalid_model, "a model without outputs");
  layouts(frame);
  preprocess(frame, node);
  frame.edit.remove_dead();
  return frame.graph;
}

GraphPtr NetBuilder::body(pugi::xml_node node, const BodySpec& spec) {
  SACCADE_CHECK(depth_ < kDeepestBodies, invalid_model, "bodies nested more than {} deep", kDeepestBodies);
  struct Depth {
    int& depth;
    explicit Depth(int& d) : depth(d) { ++depth; }
    ~Depth() { --depth; }
  } guard(depth_);
  Frame frame{.net = spec_of(node)};
  for (const auto& input : spec.inputs) {
    const ValueId value = frame.edit.input(input.name, input.type);
    if (input.layer >= 0) SACCADE_CHECK(frame.given.emplace(input.layer, value).second, invalid_model, "two inputs for layer {} of a body", input.layer);
  }
  const std::size_t problems = problems_.size();
  build(frame);
  if (problems_.size() != problems) throw Poisoned{};
  std::unordered_set<std::string> taken;
  for (const std::int64_t id : spec.outputs) {
    const auto at = frame.net.by_id.find(id);
    SACCADE_CHECK(at != frame.net.by_id.end() && frame.net.layers[at->second].type == "Result", invalid_model, "layer {} of a body is no Result", id);
    const auto& sources = frame.sources[at->second];
    SACCADE_CHECK(sources.size() == 1 && sources[0].present, invalid_model, "the Result {} of a body has no source", id);
    if (frame.poisoned[sources[0].layer]) throw Poisoned{};
    std::string name = tensor_name(frame.net.layers[sources[0].layer], sources[0].output);
    const std::string base = name;
    for (int i = 1; !taken.insert(name).second; ++i) name = fmt::format("{}_{}", base, i);
    frame.edit.output(frame.values[sources[0].layer].at(sources[0].output), name);
  }
  frame.edit.remove_dead();
  return frame.graph;
}

TensorType NetBuilder::parameter_type(pugi::xml_node node, std::int64_t layer) {
  const NetSpec& net = spec_of(node);
  const auto at = net.by_id.find(layer);
  SACCADE_CHECK(at != net.by_id.end() && is_input(net.layers[at->second]), invalid_model, "layer {} of a body is no Parameter", layer);
  return declared_type(net.layers[at->second]);
}

}  // namespace saccade::openvino
