// SPDX-License-Identifier: Apache-2.0
// From the two files of an IR to its graph.
#include "import/openvino/openvino.h"

#include <charconv>

#include "base/error.h"
#include "import/openvino/build.h"
#include "import/openvino/constants.h"
#include "import/openvino/net.h"

namespace saccade::openvino {
namespace {

constexpr std::size_t kMostMetadata = 10'000;

std::filesystem::path weights_of(const import::Source& source) {
  if (!source.options.weights.empty()) return source.options.weights;
  if (source.path.empty()) return {};
  return std::filesystem::path(source.path).replace_extension(".bin");
}

void add_information(pugi::xml_node node, const std::string& path, std::map<std::string, std::string>& metadata) {
  for (const auto child : node.children()) {
    if (metadata.size() >= kMostMetadata) return;
    if (child.type() != pugi::node_element) continue;
    std::string name = child.name();
    if (const auto given = child.attribute("name")) name = given.value();
    const std::string key = path.empty() ? name : path + "/" + name;
    const auto value = child.attribute("value");
    if (value) metadata[key] = value.value();
    else if (!child.first_child()) metadata[key] = "";
    add_information(child, key, metadata);
  }
}

std::map<std::string, std::string> information(pugi::xml_node net) {
  std::map<std::string, std::string> all, metadata;
  add_information(net.child("rt_info"), "", all);
  // versions up to 10
  add_information(net.child("meta_data"), "", all);
  for (auto& [key, value] : all) {
    if (key.starts_with("framework/")) metadata[key.substr(10)] = value;
    else if (key.starts_with("cli_parameters/")) metadata["rt_info/conversion_parameters/" + key.substr(15)] = value;
    else metadata["rt_info/" + key] = value;
  }
  return metadata;
}

}  // namespace

std::shared_ptr<graph::Graph> read(const import::Source& source) {
  pugi::xml_document document;
  parse_document(source.bytes(), document);
  const pugi::xml_node net = document.child("net");
  SACCADE_CHECK(net, invalid_model, "an XML file, but not of an IR: there is no element <net>");
  const std::int64_t version = net.attribute("version") ? parse_integer(net.attribute("version").value(), "version") : 1;
  SACCADE_CHECK(version >= 2 && version <= 11, unsupported, "IR version {}; 2 to 11 can be read", version);
  Constants constants(weights_of(source), !source.options.weights.empty());
  if (const auto hash = net.attribute("bin_fingerprint")) {
    const std::string_view text = hash.value();
    std::uint64_t expected = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), expected, 16);
    SACCADE_CHECK(error == std::errc() && end == text.data() + text.size(), invalid_model, "bin_fingerprint is '{}'", shown(text));
    constants.expect(static_cast<std::size_t>(parse_integer(net.attribute("bin_size").value(), "bin_size")), expected);
  }
  NetBuilder builder(static_cast<int>(version), constants);
  const auto graph = builder.model(net);
  constants.check();
  graph->name = net.attribute("name").value();
  graph->metadata.merge(information(net));
  graph->metadata["openvino.version"] = std::to_string(version);
  return graph;
}

}  // namespace saccade::openvino
