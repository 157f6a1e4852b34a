// SPDX-License-Identifier: Apache-2.0
// The command lines of OpenVINO's old converters: mo, mo_tf.py, mo_caffe.py, mo_onnx.py, mo_mxnet.py, mo_kaldi.py, and ovc.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>

#include "base/error.h"
#include "base/nearest.h"
#include "command.h"
#include "conversion.h"
#include "model_options.h"
#include "saccade/version.h"
#include "verbs.h"

namespace saccade::cli {
namespace {

namespace fs = std::filesystem;

enum class Takes { value, nothing, may_value };

struct Flag {
  std::string_view name;   // "--input_model"
  std::string_view brief;  // "-w", or empty
  Takes takes;
  bool deprecated = false;  // accepted without effect
};

constexpr Flag kMoFlags[] = {
    {"--input_model", "-m", Takes::value}, {"--input_model", "-w", Takes::value}, {"--model_name", "-n", Takes::value}, {"--output_dir", "-o", Takes::value}, {"--input_shape", "", Takes::value},
    {"--scale", "-s", Takes::value}, {"--reverse_input_channels", "", Takes::nothing}, {"--log_level", "", Takes::value, true}, {"--input", "", Takes::value}, {"--output", "", Takes::value},
    {"--mean_values", "-ms", Takes::value}, {"--scale_values", "", Takes::value}, {"--source_layout", "", Takes::value}, {"--target_layout", "", Takes::value}, {"--layout", "", Takes::value},
    {"--data_type", "", Takes::value}, {"--compress_to_fp16", "", Takes::may_value}, {"--transform", "", Takes::value, true}, {"--disable_fusing", "", Takes::nothing, true},
    {"--disable_resnet_optimization", "", Takes::nothing, true}, {"--finegrain_fusing", "", Takes::value, true}, {"--enable_concat_optimization", "", Takes::nothing, true},
    {"--extensions", "", Takes::value, true}, {"--batch", "-b", Takes::value}, {"--version", "", Takes::nothing}, {"--silent", "", Takes::may_value}, {"--freeze_placeholder_with_value", "", Takes::value},
    {"--static_shape", "", Takes::nothing}, {"--disable_weights_compression", "", Takes::nothing, true}, {"--progress", "", Takes::nothing, true}, {"--stream_output", "", Takes::nothing, true},
    {"--transformations_config", "", Takes::value}, {"--use_new_frontend", "", Takes::nothing, true}, {"--use_legacy_frontend", "", Takes::nothing, true}, {"--framework", "", Takes::value},
    {"--input_model_is_text", "", Takes::nothing, true}, {"--input_checkpoint", "", Takes::value}, {"--input_meta_graph", "", Takes::value}, {"--saved_model_dir", "", Takes::value},
    {"--saved_model_tags", "", Takes::value, true}, {"--tensorflow_custom_operations_config_update", "", Takes::value, true}, {"--tensorflow_use_custom_operations_config", "", Takes::value},
    {"--tensorflow_object_detection_api_pipeline_config", "", Takes::value}, {"--tensorboard_logdir", "", Takes::value, true}, {"--tensorflow_custom_layer_libraries", "", Takes::value, true},
    {"--disable_nhwc_to_nchw", "", Takes::nothing, true}, {"--input_proto", "-d", Takes::value}, {"--caffe_parser_path", "", Takes::value, true}, {"-k", "-k", Takes::value, true},
    {"--mean_file", "-mf", Takes::value}, {"--mean_file_offsets", "-mo", Takes::value}, {"--disable_omitting_optional", "", Takes::nothing, true},
    {"--enable_flattening_nested_params", "", Takes::nothing, true}, {"--generate_deprecated_IR_V7", "", Takes::nothing, true}, {"--keep_shape_ops", "", Takes::nothing, true},
    {"--help", "-h", Takes::nothing},
};

constexpr Flag kOvcFlags[] = {
    {"--input", "", Takes::value}, {"--output", "", Takes::value}, {"--output_model", "", Takes::value}, {"--compress_to_fp16", "", Takes::may_value}, {"--extension", "", Takes::value, true},
    {"--verbose", "", Takes::nothing, true}, {"--share_weights", "", Takes::may_value, true}, {"--version", "", Takes::nothing}, {"--help", "-h", Takes::nothing},
};

struct Arguments {
  std::map<std::string, std::vector<std::string>, std::less<>> values;  // by the flag's long name
  std::vector<std::string> positional, ignored;

  bool has(std::string_view name) const { return values.contains(name); }
  std::string text(std::string_view name, const std::string& otherwise = {}) const {
    const auto found = values.find(name);
    return found == values.end() ? otherwise : found->second.back();
  }
};

// As argparse: "--flag value", "--flag=value", any beginning of a name that only one flag has.
const Flag& flag_called(std::span<const Flag> flags, std::string_view word) {
  for (const Flag& flag : flags)
    if (flag.name == word || flag.brief == word) return flag;
  const Flag* found = nullptr;
  for (const Flag& flag : flags) {
    if (!word.starts_with("--") || !flag.name.starts_with(word)) continue;
    if (found != nullptr && found->name != flag.name) throw UsageError(fmt::format("ambiguous option: {} could match {}, {}", word, found->name, flag.name));
    found = &flag;
  }
  if (found != nullptr) return *found;
  std::vector<std::string_view> names;
  for (const Flag& flag : flags) names.push_back(flag.name);
  throw UsageError(fmt::format("unrecognized arguments: {}; did you mean '{}'?", word, nearest(word, names)));
}

bool is_truth(const std::string& word) { return word == "True" || word == "true" || word == "False" || word == "false" || word == "1" || word == "0"; }

Arguments parse(std::span<const Flag> flags, int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    if (!word.starts_with('-') || word == "-") {
      arguments.positional.push_back(word);
      continue;
    }
    std::optional<std::string> value;
    if (const auto equals = word.find('='); word.starts_with("--") && equals != std::string::npos) {
      value = word.substr(equals + 1);
      word.resize(equals);
    }
    const Flag& flag = flag_called(flags, word);
    if (flag.takes == Takes::value && !value) {
      if (i + 1 >= argc) throw UsageError(fmt::format("argument {}: expected one argument", flag.name));
      value = argv[++i];
    } else if (flag.takes == Takes::may_value && !value && i + 1 < argc && is_truth(argv[i + 1])) {
      value = argv[++i];
    }
    arguments.values[std::string(flag.name)].push_back(value.value_or("True"));
    if (flag.deprecated) arguments.ignored.emplace_back(flag.name);
  }
  return arguments;
}

bool is_on(const Arguments& a, std::string_view name, bool otherwise) {
  if (!a.has(name)) return otherwise;
  const std::string word = a.text(name);
  return word != "False" && word != "false" && word != "0";
}

template <class Parse>
auto parsed(const Arguments& a, std::string_view name, Parse&& parse) {
  try {
    return a.has(name) ? parse(a.text(name)) : decltype(parse(std::string()))();
  } catch (const Error& error) {
    throw UsageError(fmt::format("argument {}: {}", name, error.message()));
  }
}

double number(const Arguments& a, std::string_view name, double otherwise) {
  if (!a.has(name)) return otherwise;
  const std::string word = a.text(name);
  char* end = nullptr;
  const double value = std::strtod(word.c_str(), &end);
  if (word.empty() || *end != '\0') throw UsageError(fmt::format("argument {}: '{}' is no number", name, word));
  return value;
}

double memory_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

// mo's way of naming: the model's file, the folder of a SavedModel, the prefix of a checkpoint.
std::string model_of(const Arguments& a) {
  for (const char* name : {"--input_meta_graph", "--input_model", "--saved_model_dir", "--input_proto", "--input_checkpoint"})
    if (a.has(name)) return a.text(name);
  if (!a.positional.empty()) return a.positional[0];
  throw UsageError("path to input model or saved model dir is required: use --input_model, --saved_model_dir, --input_checkpoint or --input_meta_graph");
}

std::string weights_of(const Arguments& a, const std::string& model) {
  if (a.has("--input_proto") && a.text("--input_proto") != model) return a.text("--input_proto");
  if (a.has("--input_checkpoint") && a.text("--input_checkpoint") != model) return a.text("--input_checkpoint");
  return {};
}

std::string default_name(const std::string& model) {
  fs::path path = model;
  if (!path.has_filename()) path = path.parent_path();
  return path.stem().string();
}

void check_framework(const Arguments& a) {
  if (!a.has("--framework")) return;
  const std::string name = a.text("--framework");
  constexpr std::string_view known[] = {"tf", "caffe", "mxnet", "kaldi", "onnx", "paddle"};
  if (std::find(std::begin(known), std::end(known), name) == std::end(known))
    throw UsageError(fmt::format("argument --framework: invalid choice: '{}' (choose from 'tf', 'caffe', 'mxnet', 'kaldi', 'onnx', 'paddle')", name));
}

Conversion mo_conversion(const Arguments& a) {
  check_framework(a);
  Conversion c;
  c.model = model_of(a);
  c.reading.weights = weights_of(a, c.model);
  c.inputs = parsed(a, "--input", import::parse_inputs);
  if (a.has("--output")) c.reading.outputs = split_names(a.text("--output"));
  c.shapes = parsed(a, "--input_shape", import::parse_shapes);
  c.batch = static_cast<std::int64_t>(number(a, "--batch", 0));
  if (c.batch > 0 && !c.shapes.empty()) throw UsageError("Both --input_shape and --batch were provided. Please provide only one of them.");
  for (const auto& input : c.inputs)
    if (input.shape && !c.shapes.empty()) throw UsageError("Shape is specified in both --input and --input_shape. Please use only one of them.");
  c.means = parsed(a, "--mean_values", import::parse_numbers);
  c.scales = parsed(a, "--scale_values", import::parse_numbers);
  c.scale = number(a, "--scale", 1);
  c.reverse_channels = a.has("--reverse_input_channels");
  c.static_shape = a.has("--static_shape");
  c.layouts = parsed(a, "--layout", import::parse_layouts);
  if (a.has("--layout") && (a.has("--source_layout") || a.has("--target_layout"))) throw UsageError("--layout is used as well as --source_layout and/or --target_layout which is not allowed, please use one of them.");
  for (auto layout : parsed(a, "--source_layout", import::parse_layouts)) c.layouts.push_back(layout);
  for (auto layout : parsed(a, "--target_layout", import::parse_layouts)) {
    const auto same = std::find_if(c.layouts.begin(), c.layouts.end(), [&](const auto& l) { return l.input == layout.input; });
    if (same == c.layouts.end()) throw UsageError("--target_layout needs a --source_layout of the same input");
    same->target = layout.source;
  }
  c.frozen = parsed(a, "--freeze_placeholder_with_value", import::parse_frozen);
  c.mean_file = a.text("--mean_file");
  c.mean_file_offsets = a.text("--mean_file_offsets");
  c.transformations_config = a.has("--transformations_config") ? a.text("--transformations_config") : a.text("--tensorflow_use_custom_operations_config");
  c.pipeline_config = a.text("--tensorflow_object_detection_api_pipeline_config");
  const std::string type = a.text("--data_type", "float");
  constexpr std::string_view types[] = {"FP16", "FP32", "half", "float"};
  if (std::find(std::begin(types), std::end(types), type) == std::end(types)) throw UsageError(fmt::format("argument --data_type: invalid choice: '{}' (choose from 'FP16', 'FP32', 'half', 'float')", type));
  c.fp16 = is_on(a, "--compress_to_fp16", type == "FP16" || type == "half");
  c.output = (fs::path(a.text("--output_dir", ".")) / (a.text("--model_name", default_name(c.model)) + ".xml")).lexically_normal().string();
  return c;
}

void print_banner(const Arguments& a, const Conversion& c) {
  const auto or_none = [&](const char* name, const char* none) { return a.text(name, none); };
  const auto truth = [](bool on) { return on ? "True" : "False"; };
  const fs::path out = c.output;
  fmt::print("Model Optimizer arguments:\nCommon parameters:\n");
  fmt::print("\t- Path to the Input Model: \t{}\n", fs::absolute(c.model).string());
  fmt::print("\t- Path for generated IR: \t{}\n", fs::absolute(out).parent_path().string());
  fmt::print("\t- IR output name: \t{}\n", out.stem().string());
  fmt::print("\t- Log level: \t{}\n", or_none("--log_level", "ERROR"));
  fmt::print("\t- Batch: \t{}\n", or_none("--batch", "Not specified, inherited from the model"));
  fmt::print("\t- Input layers: \t{}\n", or_none("--input", "Not specified, inherited from the model"));
  fmt::print("\t- Output layers: \t{}\n", or_none("--output", "Not specified, inherited from the model"));
  fmt::print("\t- Input shapes: \t{}\n", or_none("--input_shape", "Not specified, inherited from the model"));
  fmt::print("\t- Source layout: \t{}\n", or_none("--source_layout", "Not specified"));
  fmt::print("\t- Target layout: \t{}\n", or_none("--target_layout", "Not specified"));
  fmt::print("\t- Layout: \t{}\n", or_none("--layout", "Not specified"));
  fmt::print("\t- Mean values: \t{}\n", or_none("--mean_values", "Not specified"));
  fmt::print("\t- Scale values: \t{}\n", or_none("--scale_values", "Not specified"));
  fmt::print("\t- Scale factor: \t{}\n", or_none("--scale", "Not specified"));
  fmt::print("\t- Precision of IR: \t{}\n", c.fp16 ? "FP16" : "FP32");
  fmt::print("\t- Enable fusing: \tTrue\n\t- User transformations: \tNot specified\n");
  fmt::print("\t- Reverse input channels: \t{}\n", truth(c.reverse_channels));
  fmt::print("\t- Enable IR generation for fixed input shape: \t{}\n", truth(c.static_shape));
  fmt::print("\t- Use the transformations config file: \t{}\n", or_none("--transformations_config", "None"));
  fmt::print("OpenVINO runtime found in: \tnone needed\nsaccade version: \t{}\n", SACCADE_VERSION);
}

struct Clock {
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); }
};

void print_files(const std::vector<std::string>& files) {
  fmt::print("[ SUCCESS ] XML file: {}\n[ SUCCESS ] BIN file: {}\n", fs::absolute(files[0]).string(), fs::absolute(files[1]).string());
}

void warn_of(const std::string& note) { fmt::print("[ WARNING ]  {}\n", note); }

void print_help(std::string_view tool, std::span<const Flag> flags, bool positional) {
  fmt::print("usage: {} {}[options]\n\n{}'s own options are taken as they are; saccade convert --help explains them. Marked: without effect.\n\n", tool, positional ? "MODEL [WEIGHTS] " : "", tool);
  for (const Flag& flag : flags)
    fmt::print("  {}{}{}{}\n", flag.name, flag.brief.empty() || flag.brief == flag.name ? "" : fmt::format(", {}", flag.brief), flag.takes == Takes::value ? " VALUE" : "", flag.deprecated ? "  *" : "");
  fmt::print("\nExample:\n  saccade compat {} {}\n", tool, positional ? "model.onnx --output_model model.xml" : "--input_model frozen.pb --reverse_input_channels --output_dir ir");
}

int run_mo(const Arguments& a) {
  const Clock clock;
  const Conversion c = mo_conversion(a);
  const bool silent = is_on(a, "--silent", false);
  if (!silent) print_banner(a, c);
  for (const std::string& name : a.ignored)
    if (!silent) warn_of(fmt::format("{} has no effect any more", name));
  const Converted converted = prepare(c);
  std::error_code error;
  fs::create_directories(fs::path(c.output).parent_path(), error);
  const auto files = write(c, converted);
  for (const std::string& note : converted.notes)
    if (!silent) warn_of(note);
  fmt::print("[ SUCCESS ] Generated IR version {} model.\n", c.ir_version);
  print_files(files);
  fmt::print("[ SUCCESS ] Total execution time: {:.2f} seconds. \n[ SUCCESS ] Memory consumed: {:.0f} MB. \n", clock.seconds(), memory_mb());
  return kDone;
}

int run_ovc(const Arguments& a) {
  Conversion c;
  if (a.positional.empty()) throw UsageError("the following arguments are required: input_model");
  if (a.positional.size() > 2) throw UsageError(fmt::format("unrecognized arguments: {}", a.positional[2]));
  c.model = a.positional[0];
  if (a.positional.size() > 1) c.reading.weights = a.positional[1];
  c.inputs = parsed(a, "--input", import::parse_inputs);
  if (a.has("--output")) c.reading.outputs = split_names(a.text("--output"));
  c.fp16 = is_on(a, "--compress_to_fp16", true);
  fs::path out = a.text("--output_model", default_name(c.model));
  std::error_code error;
  if (a.has("--output_model") && (a.text("--output_model").ends_with('/') || fs::is_directory(out, error))) out /= default_name(c.model);
  if (out.extension() != ".xml") out += ".xml";
  c.output = out.string();
  const Converted converted = prepare(c);
  const auto files = write(c, converted);
  if (c.fp16)
    fmt::print("[ INFO ] Generated IR will be compressed to FP16. If you get lower accuracy, please consider disabling compression explicitly by adding argument --compress_to_fp16=False.\n");
  for (const std::string& note : converted.notes) warn_of(note);
  print_files(files);
  return kDone;
}

constexpr std::string_view kTools[] = {"mo", "mo.py", "mo_tf.py", "mo_caffe.py", "mo_onnx.py", "mo_mxnet.py", "mo_kaldi.py", "ovc"};

std::string tool_name(const char* program) { return fs::path(program).filename().string(); }

}  // namespace

bool is_old_tool(const char* program) {
  const std::string name = tool_name(program);
  return std::find(std::begin(kTools), std::end(kTools), name) != std::end(kTools);
}

int run_old_tool(int argc, char** argv) {
  const std::string tool = tool_name(argv[0]);
  const bool ovc = tool == "ovc";
  const auto flags = ovc ? std::span<const Flag>(kOvcFlags) : std::span<const Flag>(kMoFlags);
  try {
    const Arguments a = parse(flags, argc, argv);
    if (a.has("--help") || argc == 1) {
      print_help(tool, flags, ovc);
      return argc == 1 ? kUsage : kDone;
    }
    if (a.has("--version")) {
      fmt::print("saccade {}, in the place of {}\n", SACCADE_VERSION, tool);
      return kDone;
    }
    return ovc ? run_ovc(a) : run_mo(a);
  } catch (const UsageError& error) {
    fmt::print(stderr, "{}: error: {}\n  try: saccade compat {} --help\n", tool, error.what(), tool);
    return kUsage;
  } catch (...) {
    return report_current_exception(tool);
  }
}

int verb_compat(int argc, char** argv) {
  const std::string_view word = argc > 1 ? argv[1] : "";
  if (argc > 1 && is_old_tool(argv[1])) return run_old_tool(argc - 1, argv + 1);
  Command command("compat", "Take the command line of an old tool: mo, mo.py, mo_tf.py, mo_caffe.py, mo_onnx.py, mo_mxnet.py, mo_kaldi.py, ovc. Links of these names to saccade do the same.",
                  "saccade compat mo --input_model frozen.pb --reverse_input_channels --output_dir ir");
  std::string tool;
  command.add("tool", tool, "its name; all that follows is its own").value("TOOL").required();
  command.add_json_option();
  return command.run(argc, argv, [&]() -> int {
    const std::vector<std::string_view> names(std::begin(kTools), std::end(kTools));
    throw UsageError(fmt::format("there is no old tool '{}'; did you mean '{}'?", word, nearest(word, names)));
  });
}

}  // namespace saccade::cli
