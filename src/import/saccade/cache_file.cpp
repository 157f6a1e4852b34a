// SPDX-License-Identifier: Apache-2.0
// Reading saccade's own file.
#include "import/saccade/cache_file.h"

#include <cstring>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/hash.h"
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
  std::size_t data_at = 0;
};

Header header_of(std::span<const char> bytes) {
  std::uint64_t numbers[2] = {};  // size, hash
  const std::size_t start = kCacheMagic.size() + sizeof numbers;
  SACCADE_CHECK(bytes.size() >= start, invalid_model, "the file is cut off");
  std::memcpy(numbers, bytes.data() + kCacheMagic.size(), sizeof numbers);
  const std::uint64_t size = numbers[0];
  SACCADE_CHECK(size <= bytes.size() - start, invalid_model, "the file is cut off in its header");
  const char* const text = bytes.data() + start;
  SACCADE_CHECK(hash_bytes(text, size, graph::kCacheHeaderSeed).low == numbers[1], invalid_model, "the header is damaged");
  Header header;
  header.fields = json::parse(text, text + size, nullptr, false);
  SACCADE_CHECK(header.fields.is_object(), invalid_model, "the header is damaged");
  header.data_at = (start + size + kCacheAlignment - 1) / kCacheAlignment * kCacheAlignment;
  return header;
}

// Makes tensors of stretches of the file.
class Sections {
 public:
  Sections(std::span<char> bytes, std::size_t at, std::shared_ptr<void> owner) : owner_(std::move(owner)) {
    if (bytes.size() >= at + kCacheAlignment) rest_ = bytes.subspan(at, bytes.size() - at - kCacheAlignment);
  }

  Tensor tensor(ElementType type, const Shape& shape, std::uint64_t offset) const {
    SACCADE_CHECK(shape.size() <= 64, invalid_model, "a constant of {} dimensions", shape.size());
    const auto count = static_cast<std::uint64_t>(element_count(shape));
    SACCADE_CHECK(offset % kCacheAlignment == 0 && offset <= rest_.size() && count <= (rest_.size() - offset) / size_in_bytes(type), invalid_model,
                  "a constant lies beyond the end of the file");
    return Tensor(type, shape, rest_.data() + offset, owner_);
  }

 private:
  std::span<char> rest_;
  std::shared_ptr<void> owner_;
};

void bind_constants(const json& constants, const Sections& sections, Verify verify, CacheFile& file, std::vector<Tensor>& tensors) {
  Graph& graph = *file.graph;
  graph::Edit edit(graph);
  SACCADE_CHECK(constants.is_array() && constants.size() <= graph.inputs().size(), invalid_model, "{} constants for {} inputs", constants.size(), graph.inputs().size());
  const std::vector<ValueId> inputs = graph.inputs();
  const std::size_t own = inputs.size() - constants.size();
  for (std::size_t i = 0; i < constants.size(); ++i) {
    const json& entry = constants[i];
    Tensor tensor = sections.tensor(parse_element_type(entry.at("type").get<std::string>()), entry.at("shape").get<Shape>(), entry.at("offset").get<std::uint64_t>());
    const ValueId input = inputs[own + i];
    const graph::TensorType& type = graph.type(input);
    SACCADE_CHECK(graph[input].name == std::string(kCacheConstantPrefix) + std::to_string(i) && type.element == tensor.type() && type.is_static() && type.shape.shape() == tensor.shape(),
                  invalid_model, "constant {} does not suit the graph", i);
    const auto hash = entry.at("hash").get<std::uint64_t>();
    if (verify == Verify::eagerly && entry.at("packed").get<bool>())
      file.unverified.emplace_back(tensor, hash);
    else
      SACCADE_CHECK(is_intact(tensor, hash), invalid_model, "the constants are damaged");
    tensors.push_back(tensor);
    edit.bind_input(input, std::move(tensor));
    edit.rename(input, entry.at("name").get<std::string>());
  }
  edit.infer_all();
}

void read_packs(const json& packs, const Sections& sections, Verify verify, CacheFile& file, const std::vector<Tensor>& constants) {
  SACCADE_CHECK(packs.is_array(), invalid_model, "the header is damaged");
  for (const json& entry : packs) {
    graph::PackedConstant pack;
    const auto source = entry.at("source").get<std::int64_t>();
    const auto index = static_cast<std::uint64_t>(source < 0 ? -1 - source : source);
    SACCADE_CHECK(index < (source < 0 ? file.packs.size() : constants.size()), invalid_model, "packed weights of a constant that is not there");
    pack.source = source < 0 ? file.packs[index].packed : constants[index];
    pack.key = entry.at("key").get<std::string>();
    pack.packed = sections.tensor(ElementType::f32, {entry.at("floats").get<std::int64_t>()}, entry.at("offset").get<std::uint64_t>());
    pack.hash = entry.at("hash").get<std::uint64_t>();
    SACCADE_CHECK(verify == Verify::eagerly || is_intact(pack.packed, pack.hash), invalid_model, "the packed weights are damaged");
    file.packs.push_back(std::move(pack));
  }
}

}  // namespace

bool looks_like_cache_file(std::span<const char> bytes) { return std::string_view(bytes.data(), bytes.size()).starts_with(kCacheMagic.substr(0, 7)); }

bool is_intact(const Tensor& tensor, std::uint64_t hash) { return hash_bytes(tensor.raw(), tensor.size_bytes(), graph::kCacheDataSeed).low == hash; }

CacheFile read_cache_file(std::span<char> bytes, std::shared_ptr<void> owner, Verify verify) {
  constexpr auto other_version = "written by another version of saccade; convert the model again";
  SACCADE_CHECK(std::string_view(bytes.data(), bytes.size()).starts_with(kCacheMagic), invalid_model, "{}", other_version);
  const Header header = header_of(bytes);
  try {
    const json& fields = header.fields;
    SACCADE_CHECK(fields.at("version") == kCacheVersion, invalid_model, "{}", other_version);
    const Sections sections(bytes, header.data_at, std::move(owner));
    CacheFile file;
    file.graph = std::make_shared<Graph>(graph::parse(fields.at("graph").get_ref<const std::string&>(), ops::find_op));
    std::vector<Tensor> constants;
    bind_constants(fields.at("constants"), sections, verify, file, constants);
    read_packs(fields.at("packs"), sections, verify, file, constants);
    file.graph->name = fields.at("name").get<std::string>();
    file.graph->metadata = fields.at("metadata").get<std::map<std::string, std::string>>();
    file.left_out = fields.at("left_out").get<std::size_t>();
    file.key = fields.at("key").get<std::string>();
    for (const json& entry : fields.at("files"))
      file.files.push_back({entry.at("path").get<std::string>(), entry.at("bytes").get<std::uint64_t>(), entry.at("hash").get<std::string>()});
    return file;
  } catch (const json::exception&) {
    fail(ErrorCode::invalid_model, "the header is damaged");
  }
}

std::shared_ptr<Graph> read_cache_file(const Source& source) { return read_cache_file(source.file->bytes(), source.file, Verify::all).graph; }

}  // namespace saccade::import
