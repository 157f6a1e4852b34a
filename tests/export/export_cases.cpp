// SPDX-License-Identifier: Apache-2.0
// Round trips: the operators' text cases and graphs written to a format, read again, and run by the oracle.
//   export_cases saccade|ir|ir10|onnx18|onnx21|onnx23 [--keep FOLDER] FILE.sct…
// With --keep, files stay in FOLDER with the inputs and the expected outputs as .npy, for tools/compare_openvino.py.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "export/onnx/onnx.h"
#include "export/openvino/ir.h"
#include "export/saccade/cache_file.h"
#include "import/importer.h"
#include "ops/evaluate_graph.h"
#include "ops/registry.h"
#include "saccade/error.h"
#include "sct/compare.h"
#include "sct/op_case.h"
#include "tensor/npy.h"

namespace saccade {
namespace {

std::string format;
std::filesystem::path folder;
bool keep = false;
std::vector<std::string> files;

void write(const graph::Graph& graph, const std::filesystem::path& stem) {
  if (format == "saccade") exporter::write_cache_file(graph, std::filesystem::path(stem).concat(".saccade"));
  else if (format.starts_with("onnx")) exporter::onnx::write(graph, std::filesystem::path(stem).concat(".onnx"), {.opset = std::stoi(format.substr(4))});
  else exporter::openvino::write(graph, std::filesystem::path(stem).concat(".xml"), {.ir_version = format == "ir10" ? 10 : 11});
}

std::shared_ptr<const graph::Graph> read(const std::filesystem::path& stem) { return import::read_model(std::filesystem::path(stem).concat(format == "saccade" ? ".saccade" : format.starts_with("onnx") ? ".onnx" : ".xml")); }

void write_tensors(const std::filesystem::path& stem, const char* kind, const std::vector<Tensor>& tensors) {
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (!tensors[i].defined()) continue;
    try {
      write_npy(std::filesystem::path(stem).concat(fmt::format(".{}{}.npy", kind, i)), tensors[i]);
    } catch (const Error&) {
      // NumPy has no such type
    }
  }
}

// Cases that IR sees otherwise, by title.
const std::map<std::string, std::string> kDiffer{{"Quantize rounds to even and saturates", "NaN becomes 0 instead of the zero point in arithmetic"}};

// What the writers cannot express, by operator; a case is skipped with its reason.
std::map<std::string, std::set<std::string>> skipped;
std::set<std::string> expressed;

// IR 10 has narrow floats as a way to store f32 only.
bool has_narrow_floats(const graph::Graph& graph) {
  const auto narrow = [](ElementType e) { return e == ElementType::f16 || e == ElementType::bf16; };
  for (graph::ValueId in : graph.inputs())
    if (narrow(graph.type(in).element)) return true;
  for (const auto& out : graph.outputs())
    if (narrow(graph.type(out.value).element)) return true;
  return false;
}

void check(const sct::OpCase& test, int number) {
  if (!test.error_code.empty() || (test.infers_only() && !test.graph)) return;
  SCOPED_TRACE(fmt::format("{}:{}: {}", test.file, test.line, test.title));
  const std::string op = test.op ? std::string(test.op->name()) : "a graph";
  const auto stem = folder / fmt::format("{}_{}", std::filesystem::path(test.file).stem().string(), number);
  std::vector<Tensor> inputs;
  const graph::Graph graph = graph_of(test, sct::Variant::fixed, inputs);
  if (format == "ir10" && has_narrow_floats(graph)) return;
  try {
    write(graph, stem);
  } catch (const Error& e) {
    if (e.code() == ErrorCode::unsupported) skipped[op].insert(e.message());
    else ADD_FAILURE() << e.what();
    return;
  }
  expressed.insert(op);
  std::vector<Tensor> expected;
  for (const auto& o : test.outputs) expected.push_back(o.tensor);
  if (keep) {
    write_tensors(stem, "in", inputs);
    write_tensors(stem, "out", expected);
    std::ofstream(std::filesystem::path(stem).concat(".txt")) << test.file << ":" << test.line << ": " << test.title << "\n" << test.tolerance.value_or(0) << "\n" << test.outputs.size() << "\n";
  }
  try {
    const auto again = read(stem);
    ASSERT_EQ(again->inputs().size(), graph.inputs().size());
    for (std::size_t i = 0; i < inputs.size(); ++i) EXPECT_EQ((*again)[again->inputs()[i]].name, graph[graph.inputs()[i]].name);
    for (std::size_t i = 0; i < again->outputs().size(); ++i) {
      if (graph.outputs()[i].name.empty()) continue;
      EXPECT_EQ(again->outputs()[i].name, graph.outputs()[i].name);
    }
    const auto got = ops::evaluate(*again, inputs);
    if (format.starts_with("ir") && kDiffer.contains(test.title)) {
      EXPECT_NE(sct::check_outputs(test, got), "") << "does not differ any more";
    } else {
      EXPECT_EQ(sct::check_outputs(test, got), "");
    }
  } catch (const Error& e) {
    ADD_FAILURE() << e.what();
  }
}

TEST(ExportCases, RoundTrip) {
  for (const std::string& file : files) {
    int number = 0;
    for (const sct::OpCase& test : sct::read_op_cases(file)) check(test, number++);
  }
  for (const auto& [op, reasons] : skipped)
    for (const std::string& reason : reasons) fmt::print("not expressible: {}: {}\n", op, reason);
  EXPECT_FALSE(expressed.empty());
}

}  // namespace
}  // namespace saccade

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc < 2) return 2;
  saccade::format = argv[1];
  for (int i = 2; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--keep" && i + 1 < argc) {
      saccade::folder = argv[++i];
      saccade::keep = true;
    } else {
      saccade::files.emplace_back(argv[i]);
    }
  }
  if (!saccade::keep) saccade::folder = std::filesystem::temp_directory_path() / fmt::format("saccade_export_{}", ::getpid());
  std::filesystem::create_directories(saccade::folder);
  const int result = RUN_ALL_TESTS();
  if (!saccade::keep) std::filesystem::remove_all(saccade::folder);
  return result;
}
