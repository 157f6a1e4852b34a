// SPDX-License-Identifier: Apache-2.0
// Options that verbs which read a model share: MODEL, --weights, where it is cut, -d, --shape, --batch.
#pragma once

#include <string>
#include <vector>

#include "saccade/core.h"

namespace saccade::cli {

class Command;

/// What --cache-dir and --exact say wherever they are.
inline constexpr const char* kCacheDirHelp = "keep the prepared model in this folder, and take it from there the next time";
inline constexpr const char* kExactHelp = "add up every convolution as it is defined, without Winograd's algorithm";

struct ModelOptions {
  std::string path, device = "CPU";
  std::vector<std::string> shapes;
  std::int64_t batch = 0;
  std::string weights, signature;
  std::vector<std::string> cut_inputs, cut_outputs;  // each a name or several with commas

  enum class Cuts { by_long_names, also_input_and_output };
  /// Adds MODEL and how it is read; where the verb has no other --input and --output, these cut the graph too.
  void add_model(Command& command, Cuts cuts = Cuts::by_long_names);
  /// Adds how it is read alone.
  void add_reading(Command& command, Cuts cuts = Cuts::by_long_names);
  void add_device(Command& command);
  void add_shapes(Command& command);
  /// Adds --cache-dir, --tuning and --exact, for verbs that compile the model.
  void add_compiling(Command& command);

  ReadOptions read_options() const;
  enum class Unknown { stays, becomes_one };
  /// Reads the model and gives its inputs the shapes asked for; sizes that are not known then may become 1, so that the model can be
  /// prepared for one size. Through the cache, if add_compiling() was called and there is one.
  Model read(Unknown sizes = Unknown::stays) const;
  /// The same through the cache in this folder.
  Model read_through(const std::filesystem::path& folder, Unknown sizes) const;
  /// Compiles with these properties and what the options say, and warns on stderr of what went wrong without harm.
  CompiledModel compile(const Model& model, Properties properties, std::string_view verb) const;

 private:
  Model import(Unknown sizes) const;
  std::string cache_dir_, tuning_;
  bool caches_ = false, exact_ = false;
};

/// "a,b:0" as names; commas within brackets do not separate.
std::vector<std::string> split_names(const std::string& text);

/// "1,3,640,640" or "[1,3,640,640]", ? for any size; throws UsageError.
Shape parse_shape(const std::string& text);

}  // namespace saccade::cli
