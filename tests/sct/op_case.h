// SPDX-License-Identifier: Apache-2.0
// The cases of tests/ops/*.sct: an operator or a graph on given tensors, with what it must give. tests/README.md has the format.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graph/text.h"

namespace saccade::sct {

/// How the operator of an expression case is brought into a graph.
enum class Variant {
  fixed,    ///< data are inputs of fixed shape, parameters are constants
  dynamic,  ///< as fixed, but the inputs' dimensions are unknown
  runtime,  ///< parameters are inputs too
};
inline constexpr Variant kVariants[] = {Variant::fixed, Variant::dynamic, Variant::runtime};
std::string_view to_string(Variant variant);

struct Argument {
  bool present = true, parameter = false;
  graph::TensorType type;
  Tensor tensor;
};

struct OpCase {
  std::string file, title;
  std::size_t line = 0;
  std::map<std::string, std::string> skips;  // a variant or a device → why
  std::optional<graph::Op> op;               // an expression case …
  std::vector<Argument> arguments;
  std::optional<graph::Graph> graph;  // … or a graph case with its inputs
  std::vector<Tensor> inputs;
  struct Output {
    std::optional<graph::TensorType> type;  // none: anything will do
    Tensor tensor;
  };
  std::vector<Output> outputs;
  std::optional<double> tolerance;
  std::string error_code, error_text;

  bool infers_only() const;
};

/// Throws Error(invalid_model) with line and column.
std::vector<OpCase> read_op_cases(const std::string& file);

/// The case as a graph, and the tensors for its inputs in order. An expression case needs all of its arguments' contents.
graph::Graph graph_of(const OpCase& test, Variant variant, std::vector<Tensor>& inputs);

/// What is wrong with the outputs of a run, or an empty text.
std::string check_outputs(const OpCase& test, const std::vector<Tensor>& got);

/// Runs one case on a device; what is wrong, or an empty text.
std::string run(const OpCase& test, Variant variant, const std::string& device);

}  // namespace saccade::sct
