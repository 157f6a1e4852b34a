// SPDX-License-Identifier: Apache-2.0
// From the bytes of a file to its graph, and the labels that come with it.
#include "import/tflite/tflite.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "import/tflite/build.h"
#include "import/zip.h"

namespace saccade::tflite {
namespace {

// A text file of names, one a line, appended as a zip archive.
std::string labels_of(std::span<const char> file) {
  if (!import::ZipArchive::at_end_of(file)) return {};
  try {
    const import::ZipArchive archive(file);
    for (const auto& entry : archive.entries()) {
      if (!entry.name.ends_with(".txt") || entry.size > (1u << 20)) continue;
      const std::string text = archive.read(entry);
      auto names = nlohmann::json::array();
      for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        std::string line = text.substr(at, end - at);
        if (!line.empty() && line.back() == '\r') line.pop_back();
        names.push_back(line);
        at = end + 1;
      }
      if (!names.empty()) return names.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    }
  } catch (const Error&) {
    // the model does not depend on it
  }
  return {};
}

}  // namespace

std::shared_ptr<graph::Graph> read(const import::Source& source) {
  const ModelInfo model = parse_model(source.bytes());
  auto graph = ModelBuilder(model, source).build();
  if (!model.description.empty()) graph->metadata.emplace("tflite.description", shown(model.description));
  if (std::string names = labels_of(source.bytes()); !names.empty()) graph->metadata.emplace("names", std::move(names));
  return graph;
}

}  // namespace saccade::tflite
