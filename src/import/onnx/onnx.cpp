// SPDX-License-Identifier: Apache-2.0
// From the bytes of a file to its graph.
#include "import/onnx/onnx.h"

#include <protozero/exception.hpp>
#include <protozero/pbf_reader.hpp>

#include "base/error.h"
#include "import/onnx/build.h"
#include "import/onnx/wire.h"

namespace saccade::onnx {

bool looks_like_model(std::span<const char> bytes) {
  using protozero::pbf_wire_type;
  bool ir_version = false, telling = false;
  try {
    protozero::pbf_reader r(bytes.data(), bytes.size());
    for (int fields = 0; fields < 200 && r.next(); ++fields) {
      const auto type = r.wire_type();
      switch (r.tag()) {
        case 1:
          if (type != pbf_wire_type::varint) return false;
          ir_version = true;
          break;
        case 5:
          if (type != pbf_wire_type::varint) return false;
          break;
        case 7:
        case 8:
          if (type != pbf_wire_type::length_delimited) return false;
          telling = true;
          break;
        case 2: case 3: case 4: case 6: case 14: case 20: case 25: case 26:
          if (type != pbf_wire_type::length_delimited) return false;
          break;
        default: return false;
      }
      if (telling) return true;
      // A SavedModel begins the same way, but its second field holds messages.
      if (r.tag() == 2) {
        const auto text = r.get_view();
        for (std::size_t i = 0; i < text.size(); ++i)
          if (static_cast<unsigned char>(text.data()[i]) < 0x20) return false;
        telling = ir_version;
      } else {
        r.skip();
      }
    }
  } catch (const protozero::exception&) {
    return ir_version;
  }
  return telling;
}

std::shared_ptr<graph::Graph> read(std::shared_ptr<FileBytes> file, const std::filesystem::path& folder) {
  const ModelProto model = parse_model(file->bytes());
  SACCADE_CHECK(model.has_graph, invalid_model, "the file holds no graph: not an ONNX model, or a truncated one");
  TensorSource source(file, folder);
  auto graph = ModelBuilder(model, source).build();
  graph->name = std::string(model.graph.name);
  for (const auto& [key, value] : model.metadata) graph->metadata.emplace(key, value);
  std::string opsets;
  for (const auto& o : model.opsets) opsets += fmt::format("{}{} {}", opsets.empty() ? "" : ", ", o.domain.empty() ? "ai.onnx" : shown(o.domain), o.version);
  graph->metadata.emplace("onnx.opset", opsets);
  if (!model.producer_name.empty()) graph->metadata.emplace("onnx.producer", shown(model.producer_name) + (model.producer_version.empty() ? "" : " " + shown(model.producer_version)));
  return graph;
}

}  // namespace saccade::onnx
