// SPDX-License-Identifier: Apache-2.0
// Runs a model on the oracle: run_onnx infer MODEL --input NAME=FILE.npy … --output-dir DIR, the same contract as
// `saccade infer`, without devices and passes. Exit codes 0 done, 1 failed, 2 wrong usage, 3 unsupported.
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>

#include "graph/text.h"
#include "import/importer.h"
#include "ops/evaluate_graph.h"
#include "saccade/error.h"
#include "tensor/npy.h"

namespace {

int run(int argc, char** argv) {
  std::map<std::string, std::string> files;
  std::string model, folder;
  bool print = false;
  for (int i = 2; i < argc; ++i) {
    const std::string arg = argv[i];
    if (arg == "--print") {
      print = true;
    } else if (arg == "--input" && i + 1 < argc) {
      const std::string pair = argv[++i];
      const auto at = pair.rfind('=');
      if (at == std::string::npos) return 2;
      files[pair.substr(0, at)] = pair.substr(at + 1);
    } else if (arg == "--output-dir" && i + 1 < argc) {
      folder = argv[++i];
    } else {
      model = arg;
    }
  }
  if (model.empty()) return 2;
  const auto graph = saccade::import::read_model(model);
  if (print) std::puts(saccade::graph::print(*graph, {.max_constant_elements = 64}).c_str());
  if (folder.empty()) return 0;
  std::vector<saccade::Tensor> inputs;
  for (const auto id : graph->inputs()) {
    const auto it = files.find((*graph)[id].name);
    if (it == files.end()) {
      std::fprintf(stderr, "no --input for '%s'\n", (*graph)[id].name.c_str());
      return 2;
    }
    inputs.push_back(saccade::from_travelling(saccade::read_npy(it->second), graph->type(id).element));
  }
  const auto outputs = saccade::ops::evaluate(*graph, inputs);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    std::string name = graph->outputs()[i].name;
    for (char& c : name)
      if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '.' && c != '-') c = '_';
    saccade::write_npy(std::filesystem::path(folder) / (name + ".npy"), outputs[i]);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const saccade::Error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return e.code() == saccade::ErrorCode::unsupported ? 3 : 1;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
