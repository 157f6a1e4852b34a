// SPDX-License-Identifier: Apache-2.0
// What the tests of TensorFlow's importer share: reading bytes, running the oracle, catching messages.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "import/importer.h"
#include "import/tensorflow/tensorflow.h"
#include "ops/evaluate_graph.h"
#include "saccade/error.h"
#include "support/tensorflow_writer.h"
#include "tensor/numeric.h"

namespace saccade::tensorflow {

using namespace saccade::testing::tf;
using saccade::testing::Message;

inline std::shared_ptr<const graph::Graph> read(const std::string& bytes, const import::ReadOptions& options = {}) {
  return import::read_model_bytes({bytes.data(), bytes.size()}, {}, options);
}

inline Tensor f32(Shape shape, std::vector<float> values) { return Tensor::from<float>(std::move(shape), std::span<const float>(values)); }

inline std::map<std::string, Tensor> run(const graph::Graph& model, const std::vector<Tensor>& inputs) {
  const auto outputs = ops::evaluate(model, inputs);
  std::map<std::string, Tensor> named;
  for (std::size_t i = 0; i < outputs.size(); ++i) named.emplace(model.outputs()[i].name, outputs[i]);
  return named;
}

inline std::map<std::string, Tensor> run(const std::string& bytes, const std::vector<Tensor>& inputs, const std::vector<std::string>& outputs = {}, import::ReadOptions options = {}) {
  if (!outputs.empty()) options.outputs = outputs;
  return run(*read(bytes, options), inputs);
}

/// The message of the Error that it throws; empty if it does not.
template <class F>
std::string message(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return {};
}

}  // namespace saccade::tensorflow
