// SPDX-License-Identifier: Apache-2.0
// The writers as a command: a model of any format as IR (.xml) or ONNX (.onnx), by the ending of OUT.
//   write_model MODEL OUT [--ir-version N] [--opset N] [--fp16] [--optimise]
#include <fmt/format.h>

#include <cstdlib>
#include <string_view>

#include "export/onnx/onnx.h"
#include "export/openvino/ir.h"
#include "import/importer.h"
#include "passes/passes.h"
#include "saccade/error.h"

int main(int argc, char** argv) {
  using namespace saccade;
  if (argc < 3) return 2;
  exporter::openvino::WriteOptions ir;
  exporter::onnx::WriteOptions onnx;
  bool optimise = false;
  for (int i = 3; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option == "--fp16") ir.fp16 = true;
    if (option == "--optimise") optimise = true;
    if (option == "--ir-version" && i + 1 < argc) ir.ir_version = std::atoi(argv[++i]);
    if (option == "--opset" && i + 1 < argc) onnx.opset = std::atoi(argv[++i]);
  }
  try {
    std::shared_ptr<const graph::Graph> graph = import::read_model(argv[1]);
    if (optimise) {
      auto copy = *graph;
      passes::optimise(copy);
      graph = std::make_shared<graph::Graph>(std::move(copy));
    }
    const std::filesystem::path out = argv[2];
    if (out.extension() == ".onnx") exporter::onnx::write(*graph, out, onnx);
    else exporter::openvino::write(*graph, out, ir);
  } catch (const Error& e) {
    fmt::print(stderr, "{}\n", e.what());
    return e.code() == ErrorCode::unsupported ? 3 : 1;
  }
  return 0;
}
