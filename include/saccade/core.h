// SPDX-License-Identifier: Apache-2.0
// Core: where a program starts. Reads models, lists devices, prepares models for them.
//
// Example:
//   saccade::Core core;
//   saccade::Model model = core.read_model("classifier.onnx");
//   saccade::CompiledModel compiled = core.compile_model(
//       model, "CPU", {saccade::properties::hint(saccade::Hint::throughput), saccade::properties::threads(2)});
//   saccade::CompiledModel same = core.compile_model(model, "CPU", {{"PERFORMANCE_HINT", "THROUGHPUT"}, {"INFERENCE_NUM_THREADS", "2"}});
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "saccade/compiled_model.h"
#include "saccade/error.h"
#include "saccade/model.h"
#include "saccade/read_options.h"

namespace saccade {

/// What a compilation is to be good at.
enum class Hint {
  latency,     ///< one request at a time, as fast as can be: all threads work on it
  throughput,  ///< as many runs a second as can be: streams of one thread each
};

/// One setting. The value is typed, or text that is parsed as the property's type ("4", "true", "THROUGHPUT").
struct Property {
  using Value = std::variant<bool, int, double, Hint, std::string>;

  Property(std::string k, Value v) : key(std::move(k)), value(std::move(v)) {}
  Property(std::string k, const char* text) : key(std::move(k)), value(std::string(text)) {}

  std::string key;
  Value value;
};
using Properties = std::vector<Property>;

namespace properties {

/// Names a property and makes settings of it.
template <class T>
struct Key {
  std::string_view name;
  Property operator()(T value) const { return {std::string(name), Property::Value(std::move(value))}; }
};

inline constexpr Key<Hint> hint{"PERFORMANCE_HINT"};
/// Threads in all; 0, the default: as many cores as affinity and the cgroup's quota allow. One request never gets more
/// than can run at once.
inline constexpr Key<int> threads{"INFERENCE_NUM_THREADS"};
/// Runs at once; 0, the default: by the hint.
inline constexpr Key<int> streams{"NUM_STREAMS"};
/// Convolutions add products up as they are defined. Otherwise Winograd's algorithm may be chosen, whose rounding errors are
/// some times larger (about 1e-5 of the outputs' standard deviation).
inline constexpr Key<bool> exact{"EXACT"};
/// A folder in which prepared models are kept: the optimised network and its weights as this machine's kernels read them. Compiling the
/// same model again maps the file, which processes share, instead of making all that again; compile_model() with a path does not even read
/// the model, beyond a look whether it changed. Entries belong to a model's contents, this build of saccade and this kind of machine;
/// damaged ones are made again. A folder that cannot be written is a warning. Empty: what SACCADE_CACHE_DIR says.
inline constexpr Key<std::string> cache_dir{"CACHE_DIR"};
/// A file of choices that `saccade tune` measured on this machine; what it says of other machines is left aside. Error(not_found |
/// invalid_model) where it cannot be read. Empty: what SACCADE_TUNING says.
inline constexpr Key<std::string> tuning{"TUNING"};
/// Requests keep the time of every step.
inline constexpr Key<bool> profile{"PERF_COUNT"};

/// The names of all properties.
std::vector<std::string> names();

}  // namespace properties

/// Thread safe and cheap to make; nothing is shared between two of them that a caller could notice.
class Core {
 public:
  /// Reads a model of any format that saccade knows, told by its contents. Throws Error(not_found | unavailable) if the file
  /// cannot be read, Error(invalid_model) if it is broken, Error(unsupported) with everything that saccade lacks for it.
  Model read_model(const std::filesystem::path& path, const ReadOptions& options = {}) const;
  /// The same for a pair of files: the .bin of an IR, the .caffemodel of a prototxt.
  Model read_model(const std::filesystem::path& path, const std::filesystem::path& weights) const;

  /// Prepares a model for a device. Throws Error(not_found) for an unknown device, Error(invalid_argument) for an unknown property
  /// (it suggests the nearest) or a wrong value, Error(unsupported) if the device cannot run the model.
  CompiledModel compile_model(const Model& model, const std::string& device = "CPU", const Properties& properties = {}) const;
  CompiledModel compile_model(const std::filesystem::path& path, const std::string& device = "CPU", const Properties& properties = {}) const;
  CompiledModel compile_model(const std::filesystem::path& path, const ReadOptions& reading, const std::string& device, const Properties& properties = {}) const;

  /// The names that compile_model() takes, the best first.
  std::vector<std::string> available_devices() const;
};

}  // namespace saccade
