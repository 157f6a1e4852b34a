// SPDX-License-Identifier: Apache-2.0
// Writing saccade's own file.
#include "export/saccade/cache_file.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "base/hash.h"
#include "export/output_file.h"
#include "graph/cache_format.h"
#include "graph/edit.h"
#include "graph/text.h"

namespace saccade::exporter {

using graph::Edit;
using graph::Graph;
using graph::ValueId;
using graph::kCacheAlignment;

namespace {

// Constants worth a place of their own. Integers stay in the text: shapes follow from them.
bool is_large(const graph::Value& value) {
  return value.alive && value.is_constant() && is_float(value.fact.constant.type()) && value.fact.constant.size() > 64 && !value.uses.empty();
}

std::size_t padded(std::size_t size) { return (size + kCacheAlignment - 1) / kCacheAlignment * kCacheAlignment; }

}  // namespace

void write_cache_file(const Graph& graph, const std::filesystem::path& path) {
  Graph copy = graph;
  Edit edit(copy);
  std::vector<Tensor> tensors;
  nlohmann::ordered_json constants = nlohmann::json::array();
  std::size_t offset = 0;
  for (std::size_t i = 0; i < graph.value_limit(); ++i) {
    const graph::Value& value = graph[ValueId{static_cast<std::int32_t>(i)}];
    if (!is_large(value)) continue;
    const Tensor& tensor = value.fact.constant;
    const ValueId input = edit.input(fmt::format("{}{}", graph::kCacheConstantPrefix, tensors.size()), {tensor.type(), graph::PartialShape(tensor.shape())});
    edit.replace(value.id, input);
    edit.rename(input, fmt::format("{}{}", graph::kCacheConstantPrefix, tensors.size()));
    constants.push_back({{"name", value.name}, {"type", to_string(tensor.type())}, {"shape", tensor.shape()}, {"offset", offset}});
    tensors.push_back(tensor);
    offset = padded(offset + tensor.size_bytes());
  }
  edit.remove_dead();
  std::uint64_t hash = 0;
  for (const Tensor& tensor : tensors) hash = hash_bytes(tensor.raw(), tensor.size_bytes(), hash).low;
  nlohmann::ordered_json header = {{"version", graph::kCacheVersion}, {"name", graph.name}, {"metadata", graph.metadata}, {"hash", hash}, {"constants", constants},
                                   {"graph", graph::print(copy, {.max_constant_elements = INT64_MAX})}};
  const std::string text = header.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  OutputFile file(path);
  const auto pad = [&] { file.write(std::string(padded(file.size()) - file.size(), '\0')); };
  file.write(graph::kCacheMagic);
  const std::uint64_t size = text.size();
  file.write({reinterpret_cast<const char*>(&size), sizeof size});
  file.write(text);
  pad();
  for (const Tensor& tensor : tensors) {
    file.write({static_cast<const char*>(tensor.raw()), tensor.size_bytes()});
    pad();
  }
  file.commit();
}

}  // namespace saccade::exporter
