// SPDX-License-Identifier: Apache-2.0
// saccade convert: a model of any format as OpenVINO IR or ONNX.
#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "api/model_cache.h"
#include "base/error.h"
#include "command.h"
#include "conversion.h"
#include "eval/npz.h"
#include "model_options.h"
#include "verbs.h"

namespace saccade::cli {
namespace {

using Json = nlohmann::ordered_json;

struct ConvertOptions {
  ModelOptions model;
  std::vector<std::string> inputs, outputs, shapes, means, scales, layouts;
  std::string input_model, saved_model_dir, input_proto, meta_graph, checkpoint, output_dir, model_name;  // mo's names
  std::string output, to, cache, data_type = "FP32", verify, reference_input, config, pipeline, mean_file, mean_offsets, frozen, tolerance_text, pictures;
  std::int64_t batch = 0;
  double scale = 1, tolerance = 1e-4;
  bool reverse = false, fp16 = false, check = false, explain = false;
  int ir_version = 11, opset = 21;
};

template <class List, class Parse>
void parse_all(const std::vector<std::string>& texts, List& into, Parse&& parse) {
  for (const std::string& text : texts)
    for (auto& argument : parse(text)) into.push_back(std::move(argument));
}

constexpr std::string_view extension_of(TargetFormat format) { return format == TargetFormat::onnx ? ".onnx" : format == TargetFormat::saccade ? ".saccade" : ".xml"; }

TargetFormat target_of(const ConvertOptions& o) {
  if (o.to == "onnx" || (o.to.empty() && o.output.ends_with(".onnx"))) return TargetFormat::onnx;
  if (o.to == "saccade" || (o.to.empty() && o.output.ends_with(".saccade"))) return TargetFormat::saccade;
  return TargetFormat::ir;
}

// The model, and the file that goes with it, under mo's names.
void take_old_names(ConvertOptions& o) {
  for (const std::string* name : {&o.meta_graph, &o.input_model, &o.saved_model_dir, &o.input_proto, &o.checkpoint}) {
    if (name->empty()) continue;
    if (o.model.path.empty())
      o.model.path = *name;
    else if (o.model.weights.empty())
      o.model.weights = *name;
    else
      throw UsageError(fmt::format("{} is one model too many", *name));
  }
  if (o.model.path.empty()) throw UsageError("a model is required: its file or folder, or one of --input_model, --saved_model_dir, --input_meta_graph, --input_checkpoint");
  if (!o.output.empty() && !(o.output_dir + o.model_name).empty()) throw UsageError("the output is named by -o or by --output_dir and --model_name, not by both");
}

// MODEL.xml in this folder, or as -o says: a file, or a folder (that exists or ends in a slash).
std::string output_file(const ConvertOptions& o) {
  const std::string_view extension = extension_of(target_of(o));
  namespace fs = std::filesystem;
  fs::path model = o.model.path;
  if (!model.has_filename()) model = model.parent_path();
  const std::string stem = o.model_name.empty() ? model.stem().string() : o.model_name;
  std::error_code error;
  fs::path out = o.output.empty() ? fs::path(o.output_dir) / stem : fs::path(o.output);
  if (!o.output.empty() && (o.output.ends_with('/') || fs::is_directory(out, error))) out /= stem;
  if (out.extension() != extension) out += extension;
  if (!o.output_dir.empty()) make_folder(o.output_dir);
  std::error_code same;
  if (fs::equivalent(out, o.model.path, same)) throw UsageError(fmt::format("{} is the model itself; name another file with -o", out.string()));
  return out.string();
}

// Height and width; 0: the network's, -1: any.
std::array<std::int64_t, 2> picture_size(const std::string& text) {
  if (text == "network") return {0, 0};
  if (text == "any") return {-1, -1};
  const char* const end = text.data() + text.size();
  std::int64_t width = 0, height = 0;
  const auto [cross, problem] = std::from_chars(text.data(), end, width);
  const bool read = problem == std::errc() && cross != end && *cross == 'x' && std::from_chars(cross + 1, end, height).ptr == end;
  if (!read || width <= 0 || height <= 0) throw UsageError(fmt::format("--pictures is 'network', 'any' or a size as in 640x480, not '{}'", text));
  return {height, width};
}

Conversion conversion_from(const ConvertOptions& o) {
  Conversion c;
  c.model = o.model.path;
  c.reading = o.model.read_options();
  try {
    parse_all(o.inputs, c.inputs, import::parse_inputs);
    parse_all(o.shapes, c.shapes, import::parse_shapes);
    parse_all(o.means, c.means, import::parse_numbers);
    parse_all(o.scales, c.scales, import::parse_numbers);
    parse_all(o.layouts, c.layouts, import::parse_layouts);
    if (!o.frozen.empty()) c.frozen = import::parse_frozen(o.frozen);
    c.fp16 = o.fp16 || import::parse_type_word(o.data_type) == ElementType::f16;
  } catch (const Error& error) {
    throw UsageError(error.message());
  }
  for (const std::string& entry : o.outputs)
    for (std::string& name : split_names(entry)) c.reading.outputs.push_back(std::move(name));
  c.batch = o.batch;
  if (c.batch > 0 && !c.shapes.empty()) throw UsageError("--batch and --input_shape exclude each other: a shape says the batch");
  for (const auto& input : c.inputs)
    if (input.shape && !c.shapes.empty()) throw UsageError("a shape stands in --input or in --input_shape, not in both");
  c.scale = o.scale;
  c.reverse_channels = o.reverse;
  if (!o.pictures.empty()) c.pictures = picture_size(o.pictures);
  c.mean_file = o.mean_file;
  c.mean_file_offsets = o.mean_offsets;
  c.transformations_config = o.config;
  c.pipeline_config = o.pipeline;
  c.ir_version = o.ir_version;
  c.opset = o.opset;
  c.target = target_of(o);
  if (c.target != TargetFormat::ir && c.fp16) throw UsageError("weights in half precision are for IR; the other formats are written in the model's own types");
  c.output = output_file(o);
  return c;
}

int report_problems(const Command& command, const std::vector<Problem>& problems) {
  Json report = Json::array();
  for (const Problem& p : problems) report.push_back({{"operator", p.subject}, {"count", p.nodes}, {"nodes", p.first_nodes}, {"reason", p.reason}});
  if (command.json()) command.write_json(Json({{"convertible", problems.empty()}, {"problems", report}}).dump(2));
  if (!command.json_on_stdout()) {
    if (problems.empty()) fmt::print("nothing stands in the way\n");
    for (const Problem& p : problems) {
      fmt::print("{:24} {}{}\n", p.subject, p.nodes > 1 ? fmt::format("{} nodes: ", p.nodes) : "", p.reason);
      for (const std::string& node : p.first_nodes) fmt::print("{:24}   '{}'\n", "", node);
    }
  }
  return problems.empty() ? kDone : kUnsupported;
}

bool is_arrays(const std::string& path) { return path.ends_with(".npz"); }

// Proves the file that was written, by reading it.
eval::ModelDifference verified(const ConvertOptions& o, const Converted& converted, const std::string& file) {
  const auto written = import::read_model(file);
  eval::DiffOptions options;
  options.tolerance = o.tolerance;
  options.device = o.model.device;
  if (is_arrays(o.verify)) return eval::verify(written, eval::read_arrays(o.verify), options);
  const auto other = import::read_model(o.verify);
  const auto inputs = o.reference_input.empty() ? eval::random_inputs(*converted.source) : eval::read_arrays(o.reference_input);
  // the names inside are those of the graph before passes; what counts is the file
  auto result = eval::diff(converted.source, other, inputs, options);
  options.layers = false;
  const auto of_file = eval::diff(written, other, inputs, options);
  result.outputs = of_file.outputs;
  result.detections = of_file.detections;
  result.within = result.within && of_file.within;
  return result;
}

void add_options(Command& command, ConvertOptions& o) {
  command.add("model", o.model.path, "the model: a file of any format, or a folder").value("MODEL");
  o.model.add_reading(command);
  command.add("-o,--output_model", o.output, "the .xml, .onnx or .saccade to write, or a folder [MODEL.xml here]").value("FILE|DIR");
  command.add("--to", o.to, "ir, onnx, or saccade, its own file: optimised, read by mapping [as the file's name says, else ir]").value("FORMAT").among({"ir", "onnx", "saccade"});
  command.add("--cache", o.cache, "write no file, but keep the model as it is prepared for this machine in that folder [SACCADE_CACHE_DIR], where --cache-dir finds it").value("[DIR]");
  command.add("--compress_to_fp16", o.fp16, "store the weights in half precision");
  command.add("--data_type", o.data_type, "precision of the weights: FP32, FP16, float, half").value("TYPE").show_default();
  command.add("--ir_version", o.ir_version, "11, or 10 for OpenVINO of 2020 and 2021").value("N").show_default();
  command.add("--opset", o.opset, "of ONNX, 18 to 23").value("N").range(18, 23).show_default();
  constexpr auto old = "The same under the Model Optimizer's names";
  command.add("-m,--input_model", o.input_model, "the model").value("FILE").group(old);
  command.add("--saved_model_dir", o.saved_model_dir, "the model, a SavedModel").value("DIR").group(old);
  command.add("--input_proto", o.input_proto, "the prototxt of a caffemodel").value("FILE").group(old);
  command.add("--input_meta_graph", o.meta_graph, "the model, a TensorFlow 1 meta graph").value("FILE").group(old);
  command.add("--input_checkpoint", o.checkpoint, "its checkpoint, or that of a training graph").value("PREFIX").group(old);
  command.add("--output_dir", o.output_dir, "the folder to write to").value("DIR").group(old);
  command.add("-n,--model_name", o.model_name, "the name of the files").value("NAME").group(old);
  constexpr auto graph = "The graph";
  command.add("--input", o.inputs, "inputs with shape, type and value: \"a[1,3,?,224]{f32},b->0.5\"; others than the model's cut it there").value("LIST").group(graph);
  command.add("--output", o.outputs, "values that become the outputs").value("NAME,…").group(graph);
  command.add("--input_shape,--shape", o.shapes, "shapes in the order of --input: [1,3,?,1..640]").value("LIST").group(graph);
  command.add("-b,--batch", o.batch, "the outermost size of every input").value("N").range(1, 1e9).group(graph);
  command.add("--freeze_placeholder_with_value", o.frozen, "inputs that become constants: \"a->True,b->[1 2]\"").value("LIST").group(graph);
  command.add("--transformations_config", o.config, "a *_support*.json or yolo_v*.json of the Model Optimizer").value("FILE").group(graph);
  command.add("--tensorflow_object_detection_api_pipeline_config", o.pipeline, "accepted and checked; not needed").value("FILE").group(graph);
  constexpr auto preparing = "Preparation built in (in this order)";
  command.add("--layout", o.layouts, "nchw, or a new one: nhwc->nchw, in(nhwc->nchw)").value("LIST").group(preparing);
  command.add("--pictures", o.pictures, "inputs take bytes, u8 [N,H,W,C], of the network's size; or of WxH pixels or any size, which are resized").value("network|WxH|any").group(preparing);
  command.add("--reverse_input_channels", o.reverse, "RGB for BGR or the other way round").group(preparing);
  command.add("--mean_values", o.means, "subtracted: [123,117,104] or data[1,2,3],info[4]").value("LIST").group(preparing);
  command.add("--mean_file", o.mean_file, "Caffe's mean image, subtracted").value("FILE.binaryproto").group(preparing);
  command.add("--mean_file_offsets", o.mean_offsets, "which part of it: (x,y) [the middle]").value("(X,Y)").group(preparing);
  command.add("--scale_values", o.scales, "divides: [58,57,57]").value("LIST").group(preparing);
  command.add("-s,--scale", o.scale, "divides all pictures").value("S").group(preparing);
  constexpr auto proving = "Proof";
  command.add("--check", o.check, "write nothing; list everything that stands in the way (exit code 3 if anything does)").group(proving);
  command.add("--explain", o.explain, "say what each pass did, and why not").group(proving);
  command.add("--verify", o.verify, "compare with arrays named like inputs and outputs, or with another model, layer by layer").value("REF.npz|MODEL").group(proving);
  command.add("--verify_input", o.reference_input, "what both models get [random]").value("FILE.npy|.npz").group(proving);
  command.add("--tolerance", o.tolerance, "of --verify, in units of an output's deviation").value("T").show_default().group(proving);
  o.model.add_device(command);
  command.add_json_option();
}

// Prepares the model as other verbs would, for them to find.
int keep_prepared(const Command& command, const ConvertOptions& o) {
  if (!o.inputs.empty() || !o.outputs.empty() || !o.shapes.empty() || !o.means.empty() || !o.scales.empty() || !o.layouts.empty() || !o.output.empty() || !o.pictures.empty() || o.reverse || o.batch > 0)
    throw UsageError("--cache keeps a model as its file has it; write a changed one to a file, and keep that");
  const auto folder = api::cache_folder(o.cache == "-" ? "" : o.cache);
  if (folder.empty()) throw UsageError("which folder? --cache DIR, or set SACCADE_CACHE_DIR");
  const Model model = o.model.read_through(folder, ModelOptions::Unknown::stays);
  const CompiledModel compiled = Core().compile_model(model, o.model.device, {properties::cache_dir(folder.string())});
  SACCADE_CHECK(compiled.warnings().empty(), unavailable, "{}", compiled.warnings()[0]);
  const auto file = api::ModelCache(folder).entry(model.origin()->key).string();
  if (command.json()) command.write_json(Json({{"model", o.model.path}, {"files", {file}}, {"there_already", compiled.loaded_from_cache()}}).dump(2));
  if (!command.json_on_stdout()) fmt::print("{}{}\n", file, compiled.loaded_from_cache() ? " (it was there)" : "");
  return kDone;
}

}  // namespace

int verb_convert(int argc, char** argv) {
  Command command("convert", "Write a model of any format as OpenVINO IR (.xml and .bin), ONNX or saccade's own file, with its input's preparation built in if asked for.",
                  "saccade convert frozen_inference_graph.pb -o ssd.xml --reverse_input_channels");
  ConvertOptions o;
  add_options(command, o);
  return command.run(argc, argv, [&]() -> int {
    take_old_names(o);
    if (!o.cache.empty()) return keep_prepared(command, o);
    const Conversion conversion = conversion_from(o);
    if (conversion.ir_version != 10 && conversion.ir_version != 11) throw UsageError("--ir_version is 10 or 11");
    if (o.check) return report_problems(command, check(conversion));
    const Converted converted = prepare(conversion);
    const auto files = write(conversion, converted);
    Json report = {{"model", conversion.model}, {"files", files}, {"notes", converted.notes}};
    bool within = true;
    if (!o.verify.empty()) {
      const auto difference = verified(o, converted, files[0]);
      within = difference.within;
      report["verify"] = Json::parse(to_json(difference, o.tolerance));
      if (!command.json_on_stdout()) fmt::print("{}", to_text(difference, o.tolerance));
    }
    if (command.json()) command.write_json(report.dump(2));
    if (command.json_on_stdout()) return within ? kDone : kFailed;
    for (const std::string& note : converted.notes) fmt::print("{}\n", note);
    if (o.explain) fmt::print("{}", passes::to_string(converted.log));
    for (const std::string& file : files) fmt::print("{}\n", file);
    return within ? kDone : kFailed;
  });
}

}  // namespace saccade::cli
