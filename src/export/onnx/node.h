// SPDX-License-Identifier: Apache-2.0
// OnnxNode: an operator of ONNX in the graph, built by rules just before writing.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "graph/op.h"

namespace saccade::exporter::onnx {

using graph::Fact;
using graph::FieldVisitor;
using graph::TensorType;

struct OnnxAttribute {
  std::string name;
  std::variant<std::int64_t, double, std::string, std::vector<std::int64_t>, std::vector<double>, std::vector<std::string>, graph::GraphPtr> value;
};
using OnnxAttributes = std::vector<OnnxAttribute>;

/// It cannot be evaluated. Bodies are attributes of the writer's own making and not shown to visitors.
struct OnnxNode {
  std::string type;
  OnnxAttributes attributes;
  std::vector<TensorType> outputs;
  /// Operators with bodies: how many of the inputs are the node's own; the others are what the bodies take from around them.
  std::size_t own_inputs = ~std::size_t{0};

  static constexpr std::string_view kName = "OnnxNode";
  void fields(FieldVisitor& v) { v("type", type); }
};

inline std::vector<Fact> infer(const OnnxNode& op, std::span<const Fact>) { return {op.outputs.begin(), op.outputs.end()}; }
inline std::vector<Tensor> evaluate(const OnnxNode& op, std::span<const Tensor>) { fail(ErrorCode::internal, "a node {} of ONNX cannot be evaluated", op.type); }

}  // namespace saccade::exporter::onnx
