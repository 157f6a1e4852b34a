// SPDX-License-Identifier: Apache-2.0
// Core: properties to compile options, names to devices.
#include "saccade/core.h"

#include <algorithm>
#include <charconv>
#include <functional>

#include "api/model_cache.h"
#include "api/state.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/nearest.h"
#include "devices/registry.h"
#include "import/importer.h"

namespace saccade {
namespace {

/// One row a property: its name and how a setting of it changes the options.
struct PropertyRow {
  std::string_view name;
  std::string_view takes;
  bool (*apply)(const Property::Value&, devices::CompileOptions&);  // false: not a value of this property
};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

bool read_count(const Property::Value& value, int& count) {
  if (const int* number = std::get_if<int>(&value)) {
    count = *number;
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), count);
    if (error != std::errc() || end != text->data() + text->size()) return false;
  } else {
    return false;
  }
  return count >= 0 && count <= 4096;
}

bool read_switch(const Property::Value& value, bool& on) {
  if (const bool* flag = std::get_if<bool>(&value)) {
    on = *flag;
    return true;
  }
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) return false;
  const std::string word = lower(*text);
  on = word == "true" || word == "yes" || word == "1";
  return on || word == "false" || word == "no" || word == "0";
}

bool read_hint(const Property::Value& value, devices::Hint& hint) {
  if (const Hint* typed = std::get_if<Hint>(&value)) {
    hint = *typed == Hint::latency ? devices::Hint::latency : devices::Hint::throughput;
    return true;
  }
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) return false;
  const std::string word = lower(*text);
  hint = word == "throughput" ? devices::Hint::throughput : devices::Hint::latency;
  return word == "latency" || word == "throughput";
}

bool read_text(const Property::Value& value, std::string& text) {
  const auto* given = std::get_if<std::string>(&value);
  if (given != nullptr) text = *given;
  return given != nullptr;
}

constexpr PropertyRow kProperties[] = {
    {properties::hint.name, "LATENCY or THROUGHPUT", [](const auto& v, auto& o) { return read_hint(v, o.hint); }},
    {properties::threads.name, "a number from 0 to 4096", [](const auto& v, auto& o) { return read_count(v, o.threads); }},
    {properties::streams.name, "a number from 0 to 4096", [](const auto& v, auto& o) { return read_count(v, o.streams); }},
    {properties::exact.name, "true or false", [](const auto& v, auto& o) { return read_switch(v, o.exact); }},
    {properties::cache_dir.name, "the path of a folder", [](const auto& v, auto& o) { return read_text(v, o.cache_folder); }},
    {properties::tuning.name, "the path of a file", [](const auto& v, auto& o) { return read_text(v, o.tuning); }},
    {properties::profile.name, "true or false", [](const auto& v, auto& o) { return read_switch(v, o.profile); }},
};

devices::CompileOptions options_from(const Properties& settings) {
  devices::CompileOptions options;
  for (const Property& setting : settings) {
    const auto row = std::find_if(std::begin(kProperties), std::end(kProperties), [&](const PropertyRow& r) { return r.name == setting.key; });
    if (row == std::end(kProperties)) {
      std::vector<std::string_view> names;
      for (const PropertyRow& r : kProperties) names.push_back(r.name);
      fail(ErrorCode::invalid_argument, "there is no property '{}'; did you mean '{}'?", setting.key, nearest(setting.key, names));
    }
    SACCADE_CHECK(row->apply(setting.value, options), invalid_argument, "property '{}' takes {}", setting.key, row->takes);
  }
  return options;
}

struct Compilation {
  std::unique_ptr<devices::Compiled> compiled;
  bool from_cache = false;
  std::vector<std::string> warnings;
};

// With the cache, where the device has use for one.
Compilation compile(const Model& model, devices::Device& device, devices::CompileOptions options) {
  Compilation result;
  auto origin = model.origin();
  const auto folder = origin ? origin->folder : api::cache_folder(options.cache_folder);
  if (folder.empty() || !device.uses_cache()) {
    result.compiled = device.compile(origin && origin->cached ? origin->read().graph() : model.graph(), options);
    return result;
  }
  if (!origin) origin = api::origin_by_contents(folder, model);
  const api::ModelCache cache(folder);
  if (origin->cached) {
    devices::CompileOptions prepared = options;
    prepared.prepared = true;
    prepared.cached = origin->cached.get();
    try {
      result.compiled = device.compile(origin->cached->graph, prepared);
      result.from_cache = true;
    } catch (const Error&) {  // damaged; or the model cannot be run, which the next try tells
      cache.remove(origin->key);
      auto imported = std::make_shared<api::ModelOrigin>(*origin);
      imported->cached.reset();
      origin = imported;
      result.compiled = device.compile(origin->read().graph(), options);
    }
  } else {
    result.compiled = device.compile(model.graph(), options);
  }
  const auto prepared = result.compiled->prepared();
  if (!prepared || (result.from_cache && prepared->fresh <= origin->cached->left_out)) return result;
  if (std::string warning = cache.store(*origin, *prepared); !warning.empty()) result.warnings.push_back(std::move(warning));
  return result;
}

}  // namespace

std::vector<std::string> properties::names() {
  std::vector<std::string> names;
  for (const PropertyRow& row : kProperties) names.emplace_back(row.name);
  return names;
}

Model Core::read_model(const std::filesystem::path& path, const ReadOptions& options) const { return Model(import::read_model(path, options)); }

Model Core::read_model(const std::filesystem::path& path, const std::filesystem::path& weights) const {
  ReadOptions options;
  options.weights = weights;
  return read_model(path, options);
}

CompiledModel Core::compile_model(const Model& model, const std::string& device, const Properties& properties) const {
  devices::CompileOptions options = options_from(properties);
  const int threads = options.threads > 0 ? options.threads : usable_cores();
  if (options.streams == 0) options.streams = options.hint == devices::Hint::throughput ? threads : 1;
  options.threads = std::clamp(threads / options.streams, 1, most_threads());
  auto state = std::make_shared<CompiledModel::State>();
  state->inputs = model.inputs();
  state->outputs = model.outputs();
  state->device = devices::make_device(device);
  state->device_name = std::string(state->device->name());
  Compilation result = compile(model, *state->device, options);
  state->compiled = std::move(result.compiled);
  state->loaded_from_cache = result.from_cache;
  state->warnings = std::move(result.warnings);
  state->streams = options.streams;
  state->executor = std::make_unique<api::Streams>(state->streams);
  return CompiledModel(std::move(state));
}

CompiledModel Core::compile_model(const std::filesystem::path& path, const std::string& device, const Properties& properties) const {
  return compile_model(path, ReadOptions(), device, properties);
}

CompiledModel Core::compile_model(const std::filesystem::path& path, const ReadOptions& reading, const std::string& device, const Properties& properties) const {
  const auto read = [path, reading] { return Core().read_model(path, reading); };
  const auto folder = api::cache_folder(options_from(properties).cache_folder);
  const bool cached = !folder.empty() && devices::make_device(device)->uses_cache();
  return compile_model(cached ? api::read_through_cache(folder, path, reading, "", read) : read(), device, properties);
}

std::vector<std::string> Core::available_devices() const {
  const auto names = devices::device_names();
  return {names.begin(), names.end()};
}

}  // namespace saccade
