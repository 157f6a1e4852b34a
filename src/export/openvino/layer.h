// SPDX-License-Identifier: Apache-2.0
// IrLayer: a layer of IR that has no operator of its own in the graph, built by rules just before writing.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "graph/op.h"

namespace saccade::exporter::openvino {

using graph::Fact;
using graph::FieldVisitor;
using graph::TensorType;

/// Its type, operator set, attributes (name, value, name, value …) and what it gives. It cannot be evaluated.
struct IrLayer {
  std::string type;
  std::int64_t opset = 1;
  std::vector<std::string> attributes;
  std::vector<TensorType> outputs;

  static constexpr std::string_view kName = "IrLayer";
  void fields(FieldVisitor& v) {
    v("type", type);
    v("opset", opset);
    v("attributes", attributes);
  }
};

inline std::vector<Fact> infer(const IrLayer& op, std::span<const Fact>) { return {op.outputs.begin(), op.outputs.end()}; }
inline std::vector<Tensor> evaluate(const IrLayer& op, std::span<const Tensor>) { fail(ErrorCode::internal, "a layer {} of IR cannot be evaluated", op.type); }

}  // namespace saccade::exporter::openvino
