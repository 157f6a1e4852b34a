// SPDX-License-Identifier: Apache-2.0
// XML → structs.
#include "import/openvino/net.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace saccade::openvino {
namespace {

constexpr std::size_t kLargestDocument = std::size_t{512} << 20;
constexpr int kDeepest = 256;
constexpr std::size_t kMostDimensions = 64;

std::string_view text_of(pugi::xml_attribute a) { return a.value(); }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t' || text.front() == '\n' || text.front() == '\r')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

void check_depth(pugi::xml_node root) {
  int depth = 0;
  pugi::xml_node at = root;
  while (true) {
    if (const auto child = at.first_child()) {
      at = child;
      SACCADE_CHECK(++depth <= kDeepest, invalid_model, "elements nested more than {} deep", kDeepest);
      continue;
    }
    while (at != root && !at.next_sibling()) {
      at = at.parent();
      --depth;
    }
    if (at == root) return;
    at = at.next_sibling();
  }
}

std::size_t parse_size(pugi::xml_node node, const char* name) {
  const std::int64_t value = parse_integer(text_of(node.attribute(name)), name);
  SACCADE_CHECK(value >= 0, invalid_model, "{} is {}", name, value);
  return static_cast<std::size_t>(value);
}

PortSpec parse_port(pugi::xml_node node) {
  PortSpec port;
  port.id = parse_integer(text_of(node.attribute("id")), "a port's id");
  port.precision = text_of(node.attribute("precision"));
  port.names = text_of(node.attribute("names"));
  for (const auto dim : node.children("dim")) {
    port.dims.push_back(parse_integer(dim.text().get(), "a dimension"));
    SACCADE_CHECK(port.dims.size() <= kMostDimensions, invalid_model, "a port of more than {} dimensions", kMostDimensions);
  }
  return port;
}

LayerSpec parse_layer(pugi::xml_node node) {
  LayerSpec layer;
  layer.node = node;
  layer.name = text_of(node.attribute("name"));
  layer.type = text_of(node.attribute("type"));
  layer.version = text_of(node.attribute("version"));
  layer.precision = text_of(node.attribute("precision"));
  const std::string label = shown(layer.name);
  ErrorContext scope("layer", label);
  layer.id = parse_integer(text_of(node.attribute("id")), "a layer's id");
  SACCADE_CHECK(!layer.type.empty(), invalid_model, "a layer without a type");
  if (layer.version.starts_with("opset")) layer.opset = static_cast<int>(std::clamp<std::int64_t>(parse_integer(layer.version.substr(5), "an operator set"), 1, 1000));
  layer.data = node.child("data");
  if (!layer.data)  // version 2: <convolution_data>, <pooling_data> …
    for (const auto child : node.children())
      if (std::string_view(child.name()).ends_with("_data")) layer.data = child;
  for (const auto port : node.child("input").children("port")) layer.inputs.push_back(parse_port(port));
  for (const auto port : node.child("output").children("port")) layer.outputs.push_back(parse_port(port));
  const auto add_blob = [&](pugi::xml_node blob) {
    if (!blob.attribute("size")) return;
    layer.blobs.push_back({blob.name(), text_of(blob.attribute("precision")), parse_size(blob, "offset"), parse_size(blob, "size")});
  };
  for (const auto blob : node.child("blobs").children()) add_blob(blob);
  for (const char* name : {"weights", "biases"})  // version 2
    if (const auto blob = node.child(name)) add_blob(blob);
  return layer;
}

}  // namespace

std::string shown(std::string_view name) {
  constexpr std::size_t kLongest = 120;
  std::string out;
  for (char c : name.substr(0, kLongest)) out += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  return name.size() > kLongest ? out + "..." : out;
}

std::int64_t parse_integer(std::string_view text, std::string_view what) {
  std::string_view t = trimmed(text);
  if (t.starts_with('+')) t.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(t.data(), t.data() + t.size(), value);
  if (error == std::errc() && end == t.data() + t.size()) return value;
  if (error == std::errc::result_out_of_range) {
    // unsigned 64-bit limits stand for "all"
    std::uint64_t large = 0;
    const auto r = std::from_chars(t.data(), t.data() + t.size(), large);
    if (r.ec == std::errc() && r.ptr == t.data() + t.size()) return std::numeric_limits<std::int64_t>::max();
  }
  // some writers put whole numbers down as reals
  double real = 0;
  const auto r = std::from_chars(t.data(), t.data() + t.size(), real);
  SACCADE_CHECK(r.ec == std::errc() && r.ptr == t.data() + t.size() && real == std::floor(real) && std::fabs(real) < 9e15, invalid_model, "{} is '{}', a whole number is needed", what, shown(text));
  return static_cast<std::int64_t>(real);
}

double parse_real(std::string_view text, std::string_view what) {
  std::string_view t = trimmed(text);
  if (t.starts_with('+')) t.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(t.data(), t.data() + t.size(), value);
  SACCADE_CHECK(error == std::errc() && end == t.data() + t.size(), invalid_model, "{} is '{}', a number is needed", what, shown(text));
  return value;
}

std::vector<std::string_view> split_list(std::string_view text) {
  std::vector<std::string_view> parts;
  if (trimmed(text).empty()) return parts;
  while (true) {
    const auto comma = text.find(',');
    parts.push_back(trimmed(text.substr(0, comma)));
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

std::vector<std::string> split_names(std::string_view text) {
  std::vector<std::string> names(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == ',') names.back() += text[++i];
    else if (text[i] == ',') names.emplace_back();
    else names.back() += text[i];
  }
  std::erase_if(names, [](const std::string& n) { return n.empty(); });
  return names;
}

void parse_document(std::span<const char> bytes, pugi::xml_document& document) {
  const std::string_view text(bytes.data(), bytes.size());
  SACCADE_CHECK(text.size() <= kLargestDocument, invalid_model, "an .xml of {} bytes; at most {} make sense", text.size(), kLargestDocument);
  // pugixml ignores declarations of types and entities; a model that has any means something else than it would say
  SACCADE_CHECK(text.find("<!DOCTYPE") == std::string_view::npos && text.find("<!ENTITY") == std::string_view::npos, invalid_model, "a document type or entities, which no IR has");
  const auto result = document.load_buffer(text.data(), text.size(), pugi::parse_default, pugi::encoding_auto);
  SACCADE_CHECK(result, invalid_model, "no well-formed XML: {} at byte {}", result.description(), result.offset);
  check_depth(document);
}

NetSpec parse_net(pugi::xml_node node) {
  NetSpec net;
  for (const auto child : node.child("layers").children("layer")) {
    net.layers.push_back(parse_layer(child));
    SACCADE_CHECK(net.by_id.emplace(net.layers.back().id, net.layers.size() - 1).second, invalid_model, "two layers have the id {}", net.layers.back().id);
  }
  for (const auto child : node.child("edges").children("edge")) {
    const auto number = [&](const char* name) { return parse_integer(text_of(child.attribute(name)), name); };
    net.edges.push_back({number("from-layer"), number("from-port"), number("to-layer"), number("to-port")});
  }
  return net;
}

}  // namespace saccade::openvino
