// SPDX-License-Identifier: Apache-2.0
// saccade cache: what is in a folder of prepared models, whether it is whole, and making room there.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "api/model_cache.h"
#include "base/error.h"
#include "base/file.h"
#include "command.h"
#include "verbs.h"

namespace saccade::cli {
namespace {

using Json = nlohmann::ordered_json;
using api::ModelCache;

struct CacheOptions {
  std::string action, folder;
  std::int64_t most_mb = -1;
};

/// What is known of an entry; `state`: "usable", "of another build or machine", or what is wrong with it.
struct Seen {
  ModelCache::Entry entry;
  std::string model, state;
  bool damaged = false, usable = false;
};

Seen look(const ModelCache::Entry& entry, import::Verify verify) {
  Seen seen{entry, "", "", false, false};
  try {
    const auto bytes = FileBytes::map(entry.path);
    const import::CacheFile file = import::read_cache_file(bytes->bytes(), bytes, verify);
    seen.usable = api::is_of_this_machine(file.key);
    seen.model = api::model_in_key(file.key);
    if (seen.model.empty()) seen.model = file.graph->name;
    seen.state = seen.usable ? "usable" : "of another build or machine";
  } catch (const Error& error) {
    seen.damaged = true;
    seen.state = error.message();
  }
  return seen;
}

std::vector<Seen> look_at_all(const ModelCache& cache, import::Verify verify) {
  std::vector<Seen> all;
  for (const ModelCache::Entry& entry : cache.entries()) all.push_back(look(entry, verify));
  return all;
}

void print(const std::vector<Seen>& entries) {
  std::uint64_t bytes = 0;
  for (const Seen& seen : entries) {
    bytes += seen.entry.bytes;
    fmt::print("{}  {:8.1f} MB  {:%Y-%m-%d %H:%M}  {}{}\n", seen.entry.path.stem().string().substr(0, 12), static_cast<double>(seen.entry.bytes) * 1e-6, fmt::localtime(seen.entry.used.tv_sec),
               seen.model, seen.usable ? "" : (seen.model.empty() ? "" : ": ") + seen.state);
  }
  fmt::print("{} model{}, {:.1f} MB of at most {}\n", entries.size(), entries.size() == 1 ? "" : "s", static_cast<double>(bytes) * 1e-6, api::cache_limit() / 1000000);
}

Json to_json(const std::vector<Seen>& entries) {
  Json list = Json::array();
  for (const Seen& seen : entries)
    list.push_back({{"file", seen.entry.path.string()}, {"bytes", seen.entry.bytes}, {"used", seen.entry.used.tv_sec}, {"model", seen.model}, {"state", seen.state}, {"usable", seen.usable}, {"damaged", seen.damaged}});
  return list;
}

// Those of no use here first, then by age.
std::vector<Seen> prune(const ModelCache& cache, std::uint64_t most_bytes) {
  std::vector<Seen> removed;
  const std::vector<Seen> all = look_at_all(cache, import::Verify::eagerly);
  std::error_code error;
  for (const Seen& seen : all)
    if (!seen.usable && std::filesystem::remove(seen.entry.path, error)) removed.push_back(seen);
  for (const ModelCache::Entry& entry : cache.prune(most_bytes))
    for (const Seen& seen : all)
      if (seen.entry.path == entry.path) removed.push_back(seen);
  return removed;
}

}  // namespace

int verb_cache(int argc, char** argv) {
  Command command("cache", "Look after a folder of prepared models (--cache-dir, SACCADE_CACHE_DIR): ls lists it, verify reads all of it, prune removes what is of no use\n"
                           "here (damaged, of another build or machine) and what was unused for longest beyond the size allowed.",
                  "saccade cache prune /var/cache/saccade --max-mb 500");
  CacheOptions options;
  command.add("action", options.action, "ls, verify or prune").value("ACTION").required().among({"ls", "verify", "prune"});
  command.add("folder", options.folder, "the folder [SACCADE_CACHE_DIR]").value("DIR");
  command.add("--max-mb", options.most_mb, "for prune: how much may stay [SACCADE_CACHE_MB, 2048]").value("N").range(0, 1e9);
  command.add_json_option();
  return command.run(argc, argv, [&] {
    const auto folder = api::cache_folder(options.folder);
    if (folder.empty()) throw UsageError("which folder? name it, or set SACCADE_CACHE_DIR");
    SACCADE_CHECK(std::filesystem::is_directory(folder), not_found, "there is no folder '{}'", folder.string());
    const ModelCache cache(folder);
    const bool pruning = options.action == "prune";
    const auto entries = pruning ? prune(cache, options.most_mb >= 0 ? static_cast<std::uint64_t>(options.most_mb) << 20 : api::cache_limit())
                                 : look_at_all(cache, options.action == "verify" ? import::Verify::all : import::Verify::eagerly);
    const bool damaged = !pruning && std::any_of(entries.begin(), entries.end(), [](const Seen& seen) { return seen.damaged; });
    if (command.json()) command.write_json(to_json(entries).dump(2, ' ', false, Json::error_handler_t::replace));
    if (!command.json_on_stdout()) {
      if (pruning) fmt::print("removed: ");
      if (pruning && !entries.empty()) fmt::print("\n");
      print(entries);
    }
    return damaged && options.action == "verify" ? kFailed : kDone;
  });
}

}  // namespace saccade::cli
