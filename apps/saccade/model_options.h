// SPDX-License-Identifier: Apache-2.0
// Options that verbs which read a model share: MODEL, -d, --shape, --batch.
#pragma once

#include <string>
#include <vector>

#include "saccade/core.h"

namespace CLI {
class App;
}

namespace saccade::cli {

struct ModelOptions {
  std::string path, device = "CPU";
  std::vector<std::string> shapes;
  std::int64_t batch = 0;

  /// Adds MODEL and, where the verb runs it, --device.
  void add_model(CLI::App& app);
  void add_device(CLI::App& app);
  void add_shapes(CLI::App& app);

  /// Reads the model and gives its inputs the shapes asked for.
  Model read() const;
};

/// Unknown sizes of inputs become 1, so that the model can be prepared for one size.
void fix_unknown_sizes(Model& model);

/// "1,3,640,640" or "[1,3,640,640]", ? for any size; throws UsageError.
Shape parse_shape(const std::string& text);

}  // namespace saccade::cli
