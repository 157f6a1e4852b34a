// SPDX-License-Identifier: Apache-2.0
// ReadOptions: what a model's file alone does not say.
//
// Example:
//   saccade::ReadOptions options;
//   options.weights = "net.caffemodel";
//   options.outputs = {"conv5"};
//   saccade::Model model = saccade::Core().read_model("deploy.prototxt", options);
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace saccade {

/// How to read a model. Everything may be left empty.
struct ReadOptions {
  /// The other file of a pair: the .bin of an IR, the .caffemodel of a prototxt, OpenCV's .pbtxt of a .pb, the checkpoint of a
  /// meta graph. Empty: looked for beside the model, under the same name.
  std::filesystem::path weights;
  /// Where the graph is cut: values, written as the format names them ("name", "name:1", "0:name" for what a node's input 0 takes). A
  /// cut input becomes an input of the model, a cut output the only output. Empty: the inputs and outputs of the file.
  std::vector<std::string> inputs, outputs;
  /// The signature of a SavedModel; empty: serving_default, or the only one.
  std::string signature;
};

}  // namespace saccade
