// SPDX-License-Identifier: Apache-2.0
// saccade infer: one run of a model on .npy files or photos.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "command.h"
#include "model_options.h"
#include "tensor/npy.h"
#include "tensor/numeric.h"
#include "verbs.h"
#include "vision_library.h"

namespace saccade::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string known_inputs(const Model& model) {
  std::string text;
  for (const Port& port : model.inputs()) text += fmt::format("{}{} {}{}", text.empty() ? "" : ", ", port.name, to_string(port.type), port.shape_text);
  return text.empty() ? "none" : text;
}

/// Splits NAME=FILE where NAME is an input of the model, since both may hold '='; a model with one input needs no NAME.
std::pair<std::size_t, std::string> split(const Model& model, const std::string& entry) {
  const auto& inputs = model.inputs();
  for (std::size_t at = entry.rfind('='); at != std::string::npos && at > 0; at = entry.rfind('=', at - 1))
    for (std::size_t i = 0; i < inputs.size(); ++i)
      if (inputs[i].name == std::string_view(entry).substr(0, at)) return {i, entry.substr(at + 1)};
  if (inputs.size() == 1 && (entry.find('=') == std::string::npos || std::filesystem::exists(entry))) return {0, entry};
  throw UsageError(fmt::format("--input {}: write NAME=FILE with an input of the model: {}", entry, known_inputs(model)));
}

Tensor read_input(const ModelOptions& options, const Model& model, std::size_t input, const std::string& file) {
  if (std::filesystem::path(file).extension() == ".npy") return from_travelling(read_npy(file), model.inputs()[input].type);
  const auto prepare = reinterpret_cast<PreparePhoto>(vision_function("saccade_prepare_photo"));
  return prepare(options.path.c_str(), model, input, file.c_str());
}

std::map<std::size_t, Tensor> read_inputs(const ModelOptions& options, const Model& model, const std::vector<std::string>& entries) {
  std::map<std::size_t, Tensor> tensors;
  for (const std::string& entry : entries) {
    const auto [input, file] = split(model, entry);
    if (tensors.contains(input)) throw UsageError(fmt::format("input '{}' is given twice", model.inputs()[input].name));
    tensors[input] = read_input(options, model, input, file);
  }
  for (std::size_t i = 0; i < model.inputs().size(); ++i)
    if (!tensors.contains(i)) throw UsageError(fmt::format("there is no --input for '{}'; the inputs are: {}", model.inputs()[i].name, known_inputs(model)));
  return tensors;
}

/// "a/b:0" → "a_b_0"; a name that is taken already gets a number.
std::string file_name(const std::string& output, std::set<std::string>& taken) {
  std::string name = output;
  std::replace_if(name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c) && c != '_' && c != '.' && c != '-'; }, '_');
  std::string unique = name;
  for (int i = 2; !taken.insert(unique).second; ++i) unique = fmt::format("{}_{}", name, i);
  return unique + ".npy";
}

struct Statistics {
  double min = 0, max = 0, mean = 0;
  std::int64_t not_finite = 0;
};

Statistics statistics_of(const Tensor& tensor) {
  Statistics s;
  std::int64_t count = 0;
  for (const double value : to_f64(tensor)) {
    if (!std::isfinite(value)) {
      ++s.not_finite;
      continue;
    }
    s.min = count == 0 ? value : std::min(s.min, value);
    s.max = count == 0 ? value : std::max(s.max, value);
    s.mean += value;
    ++count;
  }
  if (count > 0) s.mean /= static_cast<double>(count);
  return s;
}

Json report_output(const std::string& name, const Tensor& tensor, const std::string& file) {
  const Statistics s = statistics_of(tensor);
  Json row = {{"name", name}, {"type", to_string(tensor.type())}, {"shape", tensor.shape()}, {"min", s.min}, {"max", s.max}, {"mean", s.mean}};
  if (s.not_finite > 0) row["not_finite"] = s.not_finite;
  if (!file.empty()) row["file"] = file;
  return row;
}

void print_report(const Json& report) {
  for (const Json& row : report["outputs"]) {
    const std::string strange = row.contains("not_finite") ? fmt::format(", {} not finite", row["not_finite"].get<std::int64_t>()) : "";
    fmt::print("{:24} {}{}  min {:.6g}, max {:.6g}, mean {:.6g}{}{}\n", row["name"].get<std::string>(), row["type"].get<std::string>(), row["shape"].dump(),
               row["min"].get<double>(), row["max"].get<double>(), row["mean"].get<double>(), strange,
               row.contains("file") ? "  → " + row["file"].get<std::string>() : "");
  }
  fmt::print("{:.3f} ms on {}\n", report["ms"].get<double>(), report["device"].get<std::string>());
}

}  // namespace

int verb_infer(int argc, char** argv) {
  Command command("infer", "Run a model once and write its outputs. An input is a .npy file, or a photo, which is prepared as detect would.",
                  "saccade infer yolov8n.onnx --input images=street.jpg --output-dir out");
  ModelOptions options;
  std::vector<std::string> entries;
  std::string folder;
  options.add_model(command);
  command.add("-i,--input", entries, "what an input gets; without NAME= where there is one input").value("NAME=FILE");
  command.add("-o,--output-dir", folder, "write every output there as NAME.npy, with _ for unusual characters").value("DIR");
  options.add_device(command);
  options.add_shapes(command);
  options.add_compiling(command);
  command.add_json_option();
  return command.run(argc, argv, [&] {
    const Model model = options.read();
    const CompiledModel compiled = options.compile(model, {}, "infer");
    InferRequest request = compiled.create_infer_request();
    for (auto& [input, tensor] : read_inputs(options, model, entries)) request.set_input_tensor(input, std::move(tensor));
    if (!folder.empty()) make_folder(folder);
    request.infer();
    Json report = {{"model", options.path}, {"device", compiled.device()}, {"ms", request.latency_ms()}, {"outputs", Json::array()}};
    std::set<std::string> taken;
    for (std::size_t i = 0; i < model.outputs().size(); ++i) {
      const Tensor tensor = request.get_output_tensor(i);
      const std::string& name = model.outputs()[i].name;
      const std::string file = folder.empty() ? "" : (std::filesystem::path(folder) / file_name(name, taken)).string();
      if (!file.empty()) write_npy(file, tensor);
      report["outputs"].push_back(report_output(name, tensor, file));
    }
    if (command.json()) command.write_json(report.dump(2));
    if (!command.json_on_stdout()) print_report(report);
    return kDone;
  });
}

}  // namespace saccade::cli
