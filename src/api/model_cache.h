// SPDX-License-Identifier: Apache-2.0
// A folder of prepared models: optimised graphs with their weights packed for this machine, to be mapped instead of made again.
// An entry is a file of saccade's own format (export/saccade/cache_file.h), called by the hash of a key.
#pragma once

#include <cstdint>
#include <ctime>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "devices/device.h"
#include "import/saccade/cache_file.h"
#include "saccade/model.h"
#include "saccade/read_options.h"

namespace saccade::api {

/// Where a model came from, for those that may be in a cache.
struct ModelOrigin {
  std::filesystem::path folder;  ///< the cache
  std::string key;
  std::vector<graph::OriginFile> files;            ///< that were read besides the one that the key speaks of
  std::shared_ptr<const import::CacheFile> cached;  ///< the model is that of an entry; null: it was imported
  std::function<Model()> read;                      ///< makes the model without the cache
};

/// Thread safe, and safe beside other processes: entries appear whole, and are never changed.
class ModelCache {
 public:
  explicit ModelCache(std::filesystem::path folder) : folder_(std::move(folder)) {}

  std::filesystem::path entry(std::string_view key) const;
  /// The entry, if there is one and all files that it was made of are still what they were. A damaged one is removed. Does not throw.
  std::shared_ptr<const import::CacheFile> find(const std::string& key) const;
  /// Writes the entry, and removes others while the folder is too large. Returns what stood in the way, in words; empty: nothing.
  std::string store(const ModelOrigin& origin, const devices::Prepared& prepared) const;
  void remove(std::string_view key) const;

  struct Entry {
    std::filesystem::path path;
    std::uint64_t bytes = 0;
    std::timespec used = {};
  };
  /// Those used last come first.
  std::vector<Entry> entries() const;
  /// Removes entries, those unused for longest first, until `most_bytes` are left, and what interrupted writers left. Returns the removed ones.
  std::vector<Entry> prune(std::uint64_t most_bytes) const;

 private:
  std::filesystem::path folder_;
};

/// The folder asked for, or what the knob says; empty: no cache.
std::filesystem::path cache_folder(const std::string& asked);
/// What the knob says, in bytes.
std::uint64_t cache_limit();

/// Of an entry's key: whether this build of saccade may use it here, and the path of the model; empty where that was not in a file.
bool is_of_this_machine(std::string_view key);
std::string model_in_key(std::string_view key);

/// The model in a file as the cache has it, or read() where it does not. `changes` says what read() does to the model besides reading the
/// file with these options. `fix` then gives sizes to the inputs of a model in which some are unknown; null: they stay so.
Model read_through_cache(const std::filesystem::path& folder, const std::filesystem::path& path, const ReadOptions& options, std::string_view changes,
                         const std::function<Model()>& read, const std::function<void(Model&)>& fix = nullptr);

/// For a model without an origin: one by its contents, with the entry if there is one.
std::shared_ptr<const ModelOrigin> origin_by_contents(const std::filesystem::path& folder, const Model& model);

}  // namespace saccade::api
