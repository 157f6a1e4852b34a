// SPDX-License-Identifier: Apache-2.0
// A graph of OnnxNodes as protobuf: GraphProto and what it consists of.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "export/onnx/node.h"
#include "graph/graph.h"

namespace saccade::exporter::onnx {

/// The number of an element type in TensorProto.DataType; throws Error(unsupported) for one that ONNX lacks.
std::int32_t data_type(ElementType type);

/// Elements as raw_data holds them; types below a byte are packed into `scratch`.
std::string_view raw_data(const Tensor& tensor, std::string& scratch);

/// A tensor of the outermost graph whose elements are written behind everything else, without a copy of them.
struct Initializer {
  std::string name;
  Tensor tensor;
};

/// The message of the outermost graph without its initializers, and these.
struct GraphMessage {
  std::string fields;
  std::vector<Initializer> initializers;
};

/// Throws Error(unsupported) for types that ONNX lacks.
GraphMessage graph_message(const graph::Graph& graph);

}  // namespace saccade::exporter::onnx
