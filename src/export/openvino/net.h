// SPDX-License-Identifier: Apache-2.0
// A graph of operators that IR has, as the text of <layers> and <edges>; bodies of sub-graphs likewise.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "export/openvino/ir.h"
#include "export/openvino/weights.h"
#include "graph/graph.h"

namespace saccade::exporter::openvino {

using Attributes = std::vector<std::pair<std::string, std::string>>;

/// How an operator is written: layer type, operator set, attributes.
struct Form {
  std::string type;
  int opset = 1;
  Attributes attributes;
};

/// Chooses the form of a node whose operator IR has; throws Error(unsupported) if it does not. `opset` is the newest one allowed.
Form form_of(const graph::Graph& graph, const graph::Node& node, int opset);

/// The newest operator set that a version of IR knows.
int newest_opset(int ir_version);

/// The text of a net.
struct NetText {
  std::string text;                    // "<layers>…</layers>\n<edges>…</edges>\n"
  std::vector<int> inputs, outputs;    // ids of the Parameter and Result layers
};

/// `level` is the depth of indentation. Throws Error(unsupported) for types that IR lacks.
NetText net_text(const graph::Graph& graph, Weights& weights, const WriteOptions& options, int level);

/// The text with what XML reserves escaped; control characters, which XML 1.0 cannot hold, become '_'.
std::string escaped(std::string_view text);
/// "1,3,224,224"; unknown dimensions "?" or "1..8", an unknown rank "...".
std::string shape_text(const graph::PartialShape& shape);

}  // namespace saccade::exporter::openvino
