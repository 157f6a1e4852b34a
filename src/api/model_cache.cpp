// SPDX-License-Identifier: Apache-2.0
// The cache's folder: keys, entries, eviction.
#include "api/model_cache.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>

#include "api/seen_files.h"
#include "base/build_id.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/knobs.h"
#include "export/saccade/cache_file.h"
#include "graph/text.h"
#include "import/tensorflow/tensorflow.h"
#include "saccade/version.h"

namespace saccade::api {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kExtension = ".saccade", kPart = ".part";

// Everything but the model that decides what is in an entry.
std::string environment() {
  const CacheSizes& caches = cache_sizes();
  return fmt::format("saccade {} {}\n{} {} {} {} {}\n{};{}\n", SACCADE_VERSION, build_id(), cpu_model(), to_string(allowed_isa()), caches.l1, caches.l2, caches.l3, knob(Knob::skip_pass),
                     knob(Knob::stop_after));
}

// Files beside a model that importers look for by themselves: whether they are there.
std::string companions(const fs::path& path) {
  std::string found;
  for (const char* extension : {".bin", ".mapping", ".caffemodel", ".prototxt", ".pbtxt", ".pb", ".index", ".meta", ".data-00000-of-00001", ".xml"}) {
    std::error_code error;
    if (fs::exists(fs::path(path).replace_extension(extension), error)) found += extension;
  }
  return found;
}

std::string key_of(const fs::path& folder, const fs::path& path, const ReadOptions& options, std::string_view changes) {
  const graph::OriginFile file = seen_file(folder, path);
  std::string key = environment() + fmt::format("{}\n{} {}\n{}\n", file.path, file.bytes, file.hash, companions(path));
  // words cannot run into one another: each is behind its length
  const auto add = [&](std::string_view word) { key += fmt::format("{}:{} ", word.size(), word); };
  add(options.weights.empty() ? "" : fs::absolute(options.weights).string());
  for (const auto* names : {&options.inputs, &options.outputs}) {
    add("names");
    for (const std::string& name : *names) add(name);
  }
  add(options.signature);
  add(changes);
  return key;
}

bool unchanged(const fs::path& folder, const graph::OriginFile& file) {
  std::error_code error;
  return fs::file_size(file.path, error) == file.bytes && !error && seen_file(folder, file.path) == file;
}

bool later(const std::timespec& a, const std::timespec& b) { return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec; }

}  // namespace

fs::path ModelCache::entry(std::string_view key) const { return folder_ / (to_hex(hash_bytes(key.data(), key.size(), 3)) + std::string(kExtension)); }

std::shared_ptr<const import::CacheFile> ModelCache::find(const std::string& key) const {
  const fs::path path = entry(key);
  std::error_code error;
  if (!fs::exists(path, error)) return nullptr;
  try {
    const auto bytes = FileBytes::map(path);
    auto file = std::make_shared<import::CacheFile>(import::read_cache_file(bytes->bytes(), bytes, import::Verify::eagerly));
    if (file->key != key || !std::all_of(file->files.begin(), file->files.end(), [&](const auto& f) { return unchanged(folder_, f); })) return nullptr;
    ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0);  // used now; a folder that is only for reading stays as it is
    return file;
  } catch (const Error& e) {
    if (e.code() == ErrorCode::invalid_model) remove(key);
  } catch (const std::exception&) {
    remove(key);
  }
  return nullptr;
}

std::string ModelCache::store(const ModelOrigin& origin, const devices::Prepared& prepared) const {
  try {
    if (origin.cached && std::any_of(origin.cached->unverified.begin(), origin.cached->unverified.end(), [](const auto& c) { return !import::is_intact(c.first, c.second); })) {
      remove(origin.key);  // the next one makes it anew
      return {};
    }
    std::error_code error;
    fs::create_directories(folder_, error);
    SACCADE_CHECK(!error, unavailable, "cannot create '{}': {}", folder_.string(), error.message());
    const std::uint64_t limit = cache_limit();
    std::uint64_t bytes = 0;
    for (const auto& pack : prepared.packs) bytes += pack.packed.size_bytes();
    SACCADE_CHECK(bytes <= limit, unavailable, "its {} MB of weights are more than the {} MB of SACCADE_CACHE_MB", bytes >> 20, limit >> 20);
    graph::CacheContents contents;
    contents.key = origin.key;
    contents.files = origin.files;
    contents.packs = prepared.packs;
    exporter::write_cache_file(*prepared.graph, entry(origin.key), contents);
    prune(limit);
    prune_seen_files(folder_);
    return {};
  } catch (const Error& e) {
    return fmt::format("the prepared model is not kept in '{}': {}", folder_.string(), e.message());
  } catch (const std::exception& e) {
    return fmt::format("the prepared model is not kept in '{}': {}", folder_.string(), e.what());
  }
}

void ModelCache::remove(std::string_view key) const {
  std::error_code ignored;
  fs::remove(entry(key), ignored);
}

std::vector<ModelCache::Entry> ModelCache::entries() const {
  std::vector<Entry> entries;
  std::error_code error;
  for (fs::directory_iterator it(folder_, error), end; !error && it != end; it.increment(error)) {
    struct stat status {};
    const fs::path& path = it->path();
    const bool named = path.extension() == kExtension && path.stem().string().size() == 32;
    if (named && ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode)) entries.push_back({path, static_cast<std::uint64_t>(status.st_size), status.st_mtim});
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return later(a.used, b.used); });
  return entries;
}

std::vector<ModelCache::Entry> ModelCache::prune(std::uint64_t most_bytes) const {
  std::vector<Entry> removed;
  std::uint64_t bytes = 0;
  for (const Entry& entry : entries()) {
    bytes += entry.bytes;
    std::error_code error;
    if (bytes > most_bytes && fs::remove(entry.path, error)) removed.push_back(entry);
  }
  constexpr std::time_t kAbandoned = 3600;  // seconds that no writer needs
  std::error_code error;
  for (fs::directory_iterator it(folder_, error), end; !error && it != end; it.increment(error)) {
    struct stat status {};
    const std::string name = it->path().filename().string();
    if (!name.ends_with(kPart) || name.find(std::string(kExtension) + ".") != 32 || ::stat(it->path().c_str(), &status) != 0) continue;
    std::error_code ignored;
    if (status.st_mtim.tv_sec + kAbandoned < std::time(nullptr)) fs::remove(it->path(), ignored);
  }
  return removed;
}

fs::path cache_folder(const std::string& asked) { return asked.empty() ? knob(Knob::cache_dir) : asked; }

std::uint64_t cache_limit() {
  const std::string text = knob(Knob::cache_mb);
  std::uint64_t megabytes = 2048;
  if (!text.empty()) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), megabytes);
    SACCADE_CHECK(error == std::errc() && end == text.data() + text.size() && megabytes < (std::uint64_t{1} << 40), invalid_argument, "SACCADE_CACHE_MB is a number of megabytes, not '{}'",
                  text);
  }
  return megabytes << 20;
}

bool is_of_this_machine(std::string_view key) { return key.starts_with(environment()); }

std::string model_in_key(std::string_view key) {
  std::size_t begin = 0;
  for (int line = 0; line < 3; ++line) {  // as environment() writes them
    begin = key.find('\n', begin);
    if (begin == std::string_view::npos) return {};
    ++begin;
  }
  const std::string_view path = key.substr(begin, key.find('\n', begin) - begin);
  return path.starts_with('/') ? std::string(path) : std::string();
}

Model read_through_cache(const fs::path& folder, const fs::path& path, const ReadOptions& options, std::string_view changes, const std::function<Model()>& read,
                         const std::function<void(Model&)>& fix) {
  const auto sized = [fix](const Model& model) {
    return !fix || std::all_of(model.inputs().begin(), model.inputs().end(), [](const Port& port) { return port.is_static(); });
  };
  const auto read_sized = [read, fix, sized] {
    Model model = read();
    if (!sized(model)) fix(model);
    return model;
  };
  std::error_code error;
  const fs::path file = fs::is_directory(path, error) ? tensorflow::model_in_folder(path) : path;
  if (file.empty() || !fs::is_regular_file(file, error)) return read_sized();  // which says what is wrong
  auto origin = std::make_shared<ModelOrigin>();
  origin->folder = folder;
  origin->read = read_sized;
  const std::string key = key_of(folder, file, options, changes), fixed_key = key + "sizes fixed";
  const ModelCache cache(folder);
  for (const bool fixed : {false, true}) {
    if (fixed && !fix) break;
    const std::string& one = fixed ? fixed_key : key;
    origin->key = one;
    origin->cached = cache.find(one);
    if (!origin->cached) continue;
    Model model(origin->cached->graph);
    if (!sized(model)) continue;
    model.set_origin(std::move(origin));
    return model;
  }
  origin->cached.reset();
  const OpenedFiles opened;
  Model model = read();
  origin->key = sized(model) ? key : fixed_key;
  if (!sized(model)) fix(model);
  for (const fs::path& other : opened.paths())
    if (!fs::equivalent(other, file, error)) origin->files.push_back(seen_file(folder, other));
  model.set_origin(std::move(origin));
  return model;
}

std::shared_ptr<const ModelOrigin> origin_by_contents(const fs::path& folder, const Model& model) {
  const graph::Graph& graph = *model.graph();
  const std::string text = graph::print(graph, {.max_constant_elements = 64});
  Hash128 hash = hash_bytes(text.data(), text.size(), 4);
  for (std::size_t i = 0; i < graph.value_limit(); ++i) {
    const graph::Value& value = graph[graph::ValueId{static_cast<std::int32_t>(i)}];
    if (!value.alive || !value.is_constant() || value.fact.constant.size() <= 64) continue;
    const Hash128 more = hash_bytes(value.fact.constant.raw(), value.fact.constant.size_bytes(), hash.low ^ (hash.high << 1));
    hash = {hash.high ^ more.low, hash.low + more.high};
  }
  auto origin = std::make_shared<ModelOrigin>();
  origin->folder = folder;
  origin->key = environment() + "contents " + to_hex(hash) + fmt::format(" {}", graph.name);
  origin->read = [model] { return model; };
  origin->cached = ModelCache(folder).find(origin->key);
  return origin;
}

}  // namespace saccade::api
