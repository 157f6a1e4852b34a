// SPDX-License-Identifier: Apache-2.0
// The two forms of a file: HDF5 with the configuration as an attribute, and a zip archive of configuration and weights.
#include "import/keras/keras.h"

#include <charconv>

#include "base/error.h"
#include "import/keras/build.h"
#include "import/keras/hdf5.h"
#include "import/keras/weights.h"
#include "import/zip.h"

namespace saccade::keras {
namespace {

constexpr std::uint64_t kMaxConfigBytes = 256u << 20;

json parsed(const std::string& text, const char* what) {
  json value = json::parse(text, nullptr, false);
  SACCADE_CHECK(!value.is_discarded() && value.is_object(), invalid_model, "{} is not valid JSON", what);
  return value;
}

int major(const std::string& version) {
  int number = 2;
  std::from_chars(version.data(), version.data() + version.size(), number);
  return number;
}

std::shared_ptr<graph::Graph> built(const json& config, const WeightStore& weights, const std::string& version) {
  try {
    auto graph = ModelBuilder(weights, major(version)).build(config);
    graph->metadata.emplace("keras.version", version.substr(0, 40));
    return graph;
  } catch (const json::exception&) {
    fail(ErrorCode::invalid_model, "the model's configuration is damaged");
  }
}

}  // namespace

bool is_archive(std::span<const char> bytes) {
  if (!import::ZipArchive::at_end_of(bytes)) return false;
  try {
    const import::ZipArchive archive(bytes);
    return archive.find("config.json") != nullptr &&
           (archive.find("model.weights.h5") != nullptr || archive.find("metadata.json") != nullptr);
  } catch (const Error&) {
    return false;
  }
}

std::shared_ptr<graph::Graph> read_h5(const import::Source& source) {
  auto file = std::make_unique<Hdf5File>(source.file->bytes(), source.file);
  const auto config = file->texts("/", "model_config");
  if (!config || config->size() != 1) {
    const bool layers = long_texts(*file, "/", "layer_names").has_value() || !file->members("/layers").empty() ||
                        !file->members("/_layer_checkpoint_dependencies").empty();
    if (layers) fail(ErrorCode::unsupported, "the file holds weights without a model: save the whole model with model.save('model.keras')");
    fail(ErrorCode::unsupported, "an HDF5 file that is no Keras model");
  }
  const auto version = file->texts("/", "keras_version");
  const std::string root = file->members("/model_weights").empty() ? "" : "/model_weights";
  const WeightStore weights(std::move(file), true, root);
  return built(parsed((*config)[0], "the model's configuration"), weights, version && !version->empty() ? (*version)[0] : "2");
}

std::shared_ptr<graph::Graph> read_archive(const import::Source& source) {
  const import::ZipArchive archive(source.bytes());
  const auto text = [&](const char* name) {
    const auto* entry = archive.find(name);
    SACCADE_CHECK(entry != nullptr, invalid_model, "the archive has no '{}'", name);
    SACCADE_CHECK(entry->size <= kMaxConfigBytes, invalid_model, "'{}' has {} bytes", name, entry->size);
    return archive.read(*entry);
  };
  const json config = parsed(text("config.json"), "config.json");
  std::string version = "3";
  if (archive.find("metadata.json")) {
    const json metadata = parsed(text("metadata.json"), "metadata.json");
    if (const auto it = metadata.find("keras_version"); it != metadata.end() && it->is_string()) version = it->get<std::string>();
  }
  const auto* entry = archive.find("model.weights.h5");
  if (entry == nullptr) fail(ErrorCode::unsupported, "the archive has no 'model.weights.h5': weights in other files are not supported");
  const auto bytes = std::make_shared<std::string>(archive.read(*entry));
  auto file = std::make_unique<Hdf5File>(std::span<char>(*bytes), bytes);
  const WeightStore weights(std::move(file), false, "");
  return built(config, weights, version);
}

}  // namespace saccade::keras
