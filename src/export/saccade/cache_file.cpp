// SPDX-License-Identifier: Apache-2.0
// Writing saccade's own file.
#include "export/saccade/cache_file.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "base/hash.h"
#include "export/output_file.h"
#include "graph/edit.h"
#include "graph/text.h"

namespace saccade::exporter {

using graph::Edit;
using graph::Graph;
using graph::kCacheAlignment;
using graph::PackedConstant;
using graph::Value;
using graph::ValueId;
using Json = nlohmann::ordered_json;

namespace {

// Constants worth a place of their own. Integers stay in the text: shapes follow from them.
bool stands_apart(const Value& value, const std::set<const void*>& sources) {
  if (!value.alive || !value.is_constant() || value.uses.empty()) return false;
  const Tensor& tensor = value.fact.constant;
  return is_float(tensor.type()) && tensor.size() > 0 && (tensor.size() > 64 || sources.contains(tensor.raw()));
}

std::size_t padded(std::size_t size) { return (size + kCacheAlignment - 1) / kCacheAlignment * kCacheAlignment; }

std::uint64_t hash_of(const Tensor& tensor) { return hash_bytes(tensor.raw(), tensor.size_bytes(), graph::kCacheDataSeed).low; }

// The packs that can be named, each behind its source, with what "source" says.
std::vector<std::pair<const PackedConstant*, std::int64_t>> ordered(const std::vector<PackedConstant>& packs, const std::vector<const Value*>& constants) {
  std::map<const void*, std::int64_t> names;
  for (std::size_t i = 0; i < constants.size(); ++i) names.emplace(constants[i]->fact.constant.raw(), static_cast<std::int64_t>(i));
  std::vector<std::pair<const PackedConstant*, std::int64_t>> order;
  std::vector<char> taken(packs.size(), 0);
  for (bool more = true; more;) {
    more = false;
    for (std::size_t i = 0; i < packs.size(); ++i) {
      const auto source = names.find(packs[i].source.raw());
      if (taken[i] || source == names.end() || packs[i].packed.type() != ElementType::f32) continue;
      taken[i] = 1;
      more = true;
      names.emplace(packs[i].packed.raw(), -1 - static_cast<std::int64_t>(order.size()));
      order.emplace_back(&packs[i], source->second);
    }
  }
  return order;
}

// Whether a constant's own form is nobody's business but the packing's: it is packed, and an operator's weights everywhere.
bool only_packed(const Value& value, const std::set<const void*>& sources) {
  return sources.contains(value.fact.constant.raw()) && std::all_of(value.uses.begin(), value.uses.end(), [](const graph::Use& use) { return use.input == 1; });
}

}  // namespace

void write_cache_file(const Graph& graph, const std::filesystem::path& path, const graph::CacheContents& contents) {
  std::set<const void*> sources;
  for (const PackedConstant& pack : contents.packs) sources.insert(pack.source.raw());
  Graph copy = graph;
  Edit edit(copy);
  std::vector<const Value*> constants;
  for (std::size_t i = 0; i < graph.value_limit(); ++i) {
    const Value& value = graph[ValueId{static_cast<std::int32_t>(i)}];
    if (!stands_apart(value, sources)) continue;
    const Tensor& tensor = value.fact.constant;
    const std::string name = fmt::format("{}{}", graph::kCacheConstantPrefix, constants.size());
    const ValueId input = edit.input(name, {tensor.type(), graph::PartialShape(tensor.shape())});
    edit.replace(value.id, input);
    edit.rename(input, name);
    constants.push_back(&value);
  }
  edit.remove_dead();

  const auto packs = ordered(contents.packs, constants);
  // What is read at every load lies together; constants that only packing reads come last.
  std::vector<Tensor> sections;
  std::size_t end = 0;
  std::map<std::pair<const void*, std::size_t>, std::size_t> offsets;  // what several constants share stays shared
  const auto place = [&](const Tensor& tensor) {
    const auto [known, added] = offsets.try_emplace({tensor.raw(), tensor.size_bytes()}, end);
    if (added) {
      sections.push_back(tensor);
      end = padded(end + tensor.size_bytes());
    }
    return known->second;
  };
  Json entries = Json::array(), pack_entries = Json::array(), files = Json::array();
  entries.get_ref<Json::array_t&>().resize(constants.size());
  for (const bool late : {false, true}) {
    for (std::size_t i = 0; i < constants.size(); ++i) {
      const Tensor& tensor = constants[i]->fact.constant;
      if (only_packed(*constants[i], sources) != late) continue;
      entries[i] = {{"name", constants[i]->name}, {"type", to_string(tensor.type())}, {"shape", tensor.shape()}, {"offset", place(tensor)}, {"hash", hash_of(tensor)}, {"packed", late}};
    }
    if (late) break;
    for (const auto& [pack, source] : packs)
      pack_entries.push_back({{"source", source}, {"key", pack->key}, {"floats", pack->packed.size()}, {"offset", place(pack->packed)}, {"hash", hash_of(pack->packed)}});
  }
  for (const graph::OriginFile& file : contents.files) files.push_back({{"path", file.path}, {"bytes", file.bytes}, {"hash", file.hash}});

  const Json header = {{"version", graph::kCacheVersion}, {"name", graph.name}, {"metadata", graph.metadata}, {"key", contents.key}, {"files", files}, {"constants", entries},
                       {"packs", pack_entries}, {"left_out", contents.packs.size() - packs.size()}, {"graph", graph::print(copy, {.max_constant_elements = INT64_MAX})}};
  const std::string text = header.dump(-1, ' ', false, Json::error_handler_t::replace);
  OutputFile file(path);
  const auto pad = [&] { file.write(std::string(padded(file.size()) - file.size(), '\0')); };
  file.write(graph::kCacheMagic);
  const std::uint64_t numbers[2] = {text.size(), hash_bytes(text.data(), text.size(), graph::kCacheHeaderSeed).low};
  file.write({reinterpret_cast<const char*>(numbers), sizeof numbers});
  file.write(text);
  pad();
  for (const Tensor& tensor : sections) {
    file.write({static_cast<const char*>(tensor.raw()), tensor.size_bytes()});
    pad();
  }
  file.write(std::string(kCacheAlignment, '\0'));
  file.commit();
}

}  // namespace saccade::exporter
