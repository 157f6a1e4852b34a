// SPDX-License-Identifier: Apache-2.0
// One-node ONNX models with what they must give: for tables of opset versions.
#pragma once

#include <string>
#include <vector>

#include "import/importer.h"
#include "ops/evaluate_graph.h"
#include "support/onnx_writer.h"
#include "tensor/numeric.h"

namespace saccade::testing {

/// One graph input: its type and contents.
struct Input {
  std::int32_t type;
  Shape shape;
  std::vector<double> values;
};

/// A model of one node at an opset version, and what its first output must be.
struct Case {
  const char* what;
  std::int64_t opset;
  NodeSpec node;              // the inputs are called a, b, c
  std::vector<Input> inputs;  // graph inputs
  std::int32_t type;          // of the output y
  std::vector<double> expected;
  std::vector<std::string> initializers = {};
};

inline ElementType element(std::int32_t type) {
  return type == kFloat   ? ElementType::f32
         : type == kInt32 ? ElementType::i32
         : type == kInt64 ? ElementType::i64
         : type == kBool  ? ElementType::boolean
                          : ElementType::i8;
}

inline std::vector<double> run(const Case& c) {
  GraphSpec spec{.nodes = {c.node}, .inputs = {}, .outputs = {value_info_without_shape("y", c.type)}, .initializers = c.initializers};
  std::vector<Tensor> tensors;
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    const Input& in = c.inputs[i];
    spec.inputs.push_back(value_info(std::string(1, static_cast<char>('a' + i)), in.type, {in.shape.begin(), in.shape.end()}));
    tensors.push_back(from_f64(element(in.type), in.shape, in.values));
  }
  const auto graph = import::read_model_bytes(model({.graph = spec, .opset = c.opset}));
  return to_f64(ops::evaluate(*graph, tensors).at(0));
}

}  // namespace saccade::testing
