// SPDX-License-Identifier: Apache-2.0
// What `convert` and the old tools' command lines do: read, cut, freeze, reshape, build the preparation in, optimise, write, verify.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/problems.h"
#include "eval/compare.h"
#include "graph/graph.h"
#include "import/conversion_grammar.h"
#include "import/importer.h"
#include "passes/passes.h"

namespace saccade::cli {

enum class TargetFormat { ir, onnx, saccade };

/// The arguments, parsed.
struct Conversion {
  std::string model;
  ReadOptions reading;  // weights, outputs and signature; inputs come from `inputs`
  std::vector<import::InputArgument> inputs, frozen;
  std::vector<graph::PartialShape> shapes;  // --input_shape, in the order of the inputs
  std::int64_t batch = 0;
  bool static_shape = false;
  std::vector<import::NumbersArgument> means, scales;
  double scale = 1;  // for all inputs
  bool reverse_channels = false;
  std::vector<import::LayoutArgument> layouts;
  std::optional<std::array<std::int64_t, 2>> pictures;  // inputs take bytes [N,H,W,C] of this height and width; 0: the network's, -1: any
  std::string mean_file, mean_file_offsets;  // Caffe's binaryproto; "x,y" of its part
  std::string transformations_config, pipeline_config;

  TargetFormat target = TargetFormat::ir;
  int ir_version = 11, opset = 21;
  bool fp16 = false;
  std::string output;  // the file
};

/// What came of it.
struct Converted {
  std::shared_ptr<graph::Graph> source;  // prepared, before passes
  std::shared_ptr<graph::Graph> graph;
  passes::PassLog log;
  std::vector<std::string> notes;  // what an argument was not needed for
};

/// The graph as it will be written. Throws what reading throws, Error(invalid_argument) for arguments that do not fit the model.
Converted prepare(const Conversion& conversion);

/// Writes it; throws Error(unavailable), UnsupportedError. Returns the files written.
std::vector<std::string> write(const Conversion& conversion, const Converted& converted);

/// Everything that stands in the way of reading the model or writing it.
std::vector<Problem> check(const Conversion& conversion);

/// A file of an old tool's transformations: checked against the graph, applied where it says more than the graph (YOLO's regions).
/// Returns what to tell the user. Throws Error(invalid_argument) for a file that is none or does not fit.
std::vector<std::string> apply_transformations(std::shared_ptr<graph::Graph>& graph, const std::string& path);

/// Checks a pipeline.config of the TensorFlow Object Detection API against the graph and returns what to tell the user. Throws
/// Error(invalid_model | invalid_argument) for a file that is none, or of another model.
std::string check_pipeline(const graph::Graph& graph, const std::string& path);

/// The differences of a verification as text; `layers` also the table of values.
std::string to_text(const eval::ModelDifference& difference, double tolerance);
/// The same as JSON.
std::string to_json(const eval::ModelDifference& difference, double tolerance);

}  // namespace saccade::cli
