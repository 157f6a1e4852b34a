// SPDX-License-Identifier: Apache-2.0
// Options that verbs which read a model share: MODEL, -d, --shape, --batch.
#pragma once

#include <string>
#include <vector>

#include "saccade/core.h"

namespace saccade::cli {

class Command;

struct ModelOptions {
  std::string path, device = "CPU";
  std::vector<std::string> shapes;
  std::int64_t batch = 0;

  /// Adds MODEL and, where the verb runs it, --device.
  void add_model(Command& command);
  void add_device(Command& command);
  void add_shapes(Command& command);

  /// Reads the model and gives its inputs the shapes asked for.
  Model read() const;
};

/// Unknown sizes of inputs become 1, so that the model can be prepared for one size.
void fix_unknown_sizes(Model& model);

/// "1,3,640,640" or "[1,3,640,640]", ? for any size; throws UsageError.
Shape parse_shape(const std::string& text);

}  // namespace saccade::cli
