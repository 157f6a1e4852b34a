// SPDX-License-Identifier: Apache-2.0
// The Object Detection API's pipeline.config beside a model that was read without it: whether the two agree.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace saccade::tensorflow {

struct PipelineCheck {
  std::vector<std::string> agreed;       // "num_classes 90"
  std::vector<std::string> differences;  // "num_classes is 90, the graph has 37"
};

/// Holds number of classes, resizer and the limits of suppression in the text of a pipeline.config against what the graph, as it was
/// read, does. What a graph does not show is in neither list. Throws Error(invalid_model) if the text is no such file.
PipelineCheck check_pipeline_config(const graph::Graph& graph, std::string_view text);

}  // namespace saccade::tensorflow
