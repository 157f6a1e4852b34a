// SPDX-License-Identifier: Apache-2.0
// saccade diff: whether two models compute the same, and where they begin to differ.
#include <fmt/format.h>

#include "command.h"
#include "conversion.h"
#include "eval/npz.h"
#include "model_options.h"
#include "verbs.h"

namespace saccade::cli {

int verb_diff(int argc, char** argv) {
  Command command("diff", "Run two models on the same input and compare their outputs, and the values inside that have the same name in both.",
                  "saccade diff model.onnx model.xml --input photo.npy");
  ModelOptions options;
  std::string a, b, weights_b;
  std::vector<std::string> inputs;
  double tolerance = 1e-4, score_tolerance = 1e-3;
  bool outputs_only = false;
  command.add("a", a, "a model").value("A").required();
  command.add("b", b, "the model that is the reference").value("B").required();
  command.add("-i,--input", inputs, "what both get: a .npz with arrays named like inputs, or a .npy [random]").value("[NAME=]FILE");
  command.add("-w,--weights", options.weights, "the second file of A").value("FILE");
  command.add("--weights-b", weights_b, "the second file of B").value("FILE");
  command.add("--tolerance", tolerance, "largest difference of floats, in units of an output's deviation").value("T").show_default();
  command.add("--score-tolerance", score_tolerance, "of detections that are matched").value("T").show_default();
  command.add("--outputs-only", outputs_only, "leave out the values inside");
  options.add_device(command);
  command.add_json_option();
  return command.run(argc, argv, [&] {
    ReadOptions second;
    second.weights = weights_b;
    const auto first_model = import::read_model(a, options.read_options()), second_model = import::read_model(b, second);
    eval::NamedTensors given;
    for (const std::string& entry : inputs) {
      const auto equals = entry.find('=');
      const bool named = equals != std::string::npos && entry.find('/') > equals;
      auto arrays = eval::read_arrays(named ? entry.substr(equals + 1) : entry);
      if (arrays.size() == 1 && (named || first_model->inputs().size() == 1))
        given[named ? entry.substr(0, equals) : (*first_model)[first_model->inputs()[0]].name] = arrays.begin()->second;
      else
        given.merge(arrays);
    }
    if (inputs.empty()) given = eval::random_inputs(*first_model);
    eval::DiffOptions how;
    how.tolerance = tolerance;
    how.score_tolerance = score_tolerance;
    how.device = options.device;
    how.layers = !outputs_only;
    const auto difference = eval::diff(first_model, second_model, given, how);
    if (command.json()) command.write_json(to_json(difference, tolerance));
    if (!command.json_on_stdout()) fmt::print("{}", to_text(difference, tolerance));
    return difference.within ? kDone : kFailed;
  });
}

}  // namespace saccade::cli
