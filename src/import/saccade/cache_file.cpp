// SPDX-License-Identifier: Apache-2.0
// Reading saccade's own file.
#include "import/saccade/cache_file.h"

#include <cstring>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/hash.h"
#include "graph/cache_format.h"
#include "graph/edit.h"
#include "graph/text.h"
#include "ops/registry.h"

namespace saccade::import {

using graph::Graph;
using graph::kCacheAlignment;
using graph::kCacheConstantPrefix;
using graph::kCacheMagic;
using graph::kCacheVersion;
using graph::ValueId;
using nlohmann::json;

namespace {

struct Header {
  json fields;
  std::size_t constants_at = 0;
};

Header header_of(std::span<const char> bytes) {
  std::uint64_t size = 0;
  const std::size_t start = kCacheMagic.size() + sizeof size;
  SACCADE_CHECK(bytes.size() >= start, invalid_model, "the file is cut off");
  std::memcpy(&size, bytes.data() + kCacheMagic.size(), sizeof size);
  SACCADE_CHECK(size <= bytes.size() - start, invalid_model, "the file is cut off in its header");
  Header header;
  header.fields = json::parse(bytes.begin() + static_cast<std::ptrdiff_t>(start), bytes.begin() + static_cast<std::ptrdiff_t>(start + size), nullptr, false);
  SACCADE_CHECK(header.fields.is_object(), invalid_model, "the header is damaged");
  header.constants_at = (start + size + kCacheAlignment - 1) / kCacheAlignment * kCacheAlignment;
  return header;
}

Tensor constant_of(const json& entry, const Source& source, std::size_t constants_at, std::uint64_t& hash) {
  SACCADE_CHECK(entry.is_object(), invalid_model, "an entry of the constants is damaged");
  const ElementType type = parse_element_type(entry.at("type").get<std::string>());
  const Shape shape = entry.at("shape").get<Shape>();
  const auto offset = entry.at("offset").get<std::uint64_t>();
  SACCADE_CHECK(shape.size() <= 64, invalid_model, "a constant of {} dimensions", shape.size());
  const auto count = static_cast<std::uint64_t>(element_count(shape));
  const auto bytes = source.bytes();
  const std::uint64_t room = constants_at <= bytes.size() ? bytes.size() - constants_at : 0;
  SACCADE_CHECK(offset % kCacheAlignment == 0 && offset <= room && count <= (room - offset) / size_in_bytes(type), invalid_model, "a constant lies beyond the end of the file");
  char* data = const_cast<char*>(bytes.data()) + constants_at + offset;
  hash = hash_bytes(data, static_cast<std::size_t>(count) * size_in_bytes(type), hash).low;
  return Tensor(type, shape, data, source.file);
}

}  // namespace

bool looks_like_cache_file(std::span<const char> bytes) { return std::string_view(bytes.data(), bytes.size()).starts_with(kCacheMagic.substr(0, 7)); }

std::shared_ptr<Graph> read_cache_file(const Source& source) {
  const auto bytes = source.bytes();
  SACCADE_CHECK(std::string_view(bytes.data(), bytes.size()).starts_with(kCacheMagic), invalid_model, "written by another version of saccade; convert the model again");
  const Header header = header_of(bytes);
  try {
    const json& fields = header.fields;
    SACCADE_CHECK(fields.at("version") == kCacheVersion, invalid_model, "written by another version of saccade; convert the model again");
    auto graph = std::make_shared<Graph>(graph::parse(fields.at("graph").get_ref<const std::string&>(), ops::find_op));
    graph::Edit edit(*graph);
    const json& constants = fields.at("constants");
    SACCADE_CHECK(constants.is_array() && constants.size() <= graph->inputs().size(), invalid_model, "{} constants for {} inputs", constants.size(), graph->inputs().size());
    const std::vector<ValueId> inputs = graph->inputs();
    const std::size_t own = inputs.size() - constants.size();
    std::uint64_t hash = 0;
    for (std::size_t i = 0; i < constants.size(); ++i) {
      const ValueId input = inputs[own + i];
      Tensor tensor = constant_of(constants[i], source, header.constants_at, hash);
      const graph::TensorType& type = graph->type(input);
      SACCADE_CHECK((*graph)[input].name == std::string(kCacheConstantPrefix) + std::to_string(i) && type.element == tensor.type() && type.is_static() && type.shape.shape() == tensor.shape(),
                    invalid_model, "constant {} does not suit the graph", i);
      edit.bind_input(input, std::move(tensor));
      edit.rename(input, constants[i].at("name").get<std::string>());
    }
    SACCADE_CHECK(fields.at("hash") == hash, invalid_model, "the constants are damaged");
    edit.infer_all();
    graph->name = fields.at("name").get<std::string>();
    graph->metadata = fields.at("metadata").get<std::map<std::string, std::string>>();
    return graph;
  } catch (const json::exception&) {
    fail(ErrorCode::invalid_model, "the header is damaged");
  }
}

}  // namespace saccade::import
