// SPDX-License-Identifier: Apache-2.0
// The .xml of an IR as structs: layers with their ports, edges, bodies. Nothing is interpreted here, everything is checked.
#pragma once

#include <pugixml.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace saccade::openvino {

/// An input or output of a layer.
struct PortSpec {
  std::int64_t id = 0;
  std::string_view precision;  // "FP32"; may be empty
  std::string_view names;      // tensor names, separated by commas
  std::vector<std::int64_t> dims;
};

/// A range of the .bin that a layer of an old version owns.
struct BlobSpec {
  std::string_view name, precision;
  std::size_t offset = 0, size = 0;
};

struct LayerSpec {
  std::int64_t id = 0;
  std::string_view name, type, version, precision;
  int opset = 0;           // of "opsetN"; 0 for anything else
  pugi::xml_node node;     // the whole element
  pugi::xml_node data;     // its attributes; may be null
  std::vector<PortSpec> inputs, outputs;
  std::vector<BlobSpec> blobs;
};

struct EdgeSpec {
  std::int64_t from_layer = 0, from_port = 0, to_layer = 0, to_port = 0;
};

/// The layers and edges of a model or a body. Views the document.
struct NetSpec {
  std::vector<LayerSpec> layers;
  std::vector<EdgeSpec> edges;
  std::unordered_map<std::int64_t, std::size_t> by_id;  // layer id → its index
};

/// Parses without entities, DTDs and network; throws Error(invalid_model) for what is no XML, too large or too deep. The document views `bytes`
/// no longer than the call.
void parse_document(std::span<const char> bytes, pugi::xml_document& document);

/// The layers and edges below an element <net> or <body>. Throws Error(invalid_model).
NetSpec parse_net(pugi::xml_node node);

/// Whole numbers and reals as IR writes them, with spaces around; throws Error(invalid_model) naming `what`.
std::int64_t parse_integer(std::string_view text, std::string_view what);
double parse_real(std::string_view text, std::string_view what);
/// "1, 2,3" split at commas and trimmed; empty for an empty text.
std::vector<std::string_view> split_list(std::string_view text);
/// Tensor names: split at commas without a backslash before.
std::vector<std::string> split_names(std::string_view text);
/// A name from a file, shortened and without control characters, for messages.
std::string shown(std::string_view name);

}  // namespace saccade::openvino
