// SPDX-License-Identifier: Apache-2.0
// Parsing shapes and applying them.
#include "model_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "api/model_cache.h"
#include "command.h"
#include "devices/registry.h"

namespace saccade::cli {
namespace {

/// Unknown sizes of inputs become 1, so that the model can be prepared for one size.
void fix_unknown_sizes(Model& model) {
  std::map<std::string, Shape> fixed;
  for (const Port& port : model.inputs()) {
    if (port.is_static() || !port.ranked) continue;
    Shape shape = port.shape;
    std::replace_if(shape.begin(), shape.end(), [](std::int64_t size) { return size < 0; }, std::int64_t{1});
    fixed[port.name] = std::move(shape);
  }
  if (!fixed.empty()) model.reshape(fixed);
}

}  // namespace

void ModelOptions::add_model(Command& command, Cuts cuts) {
  command.add("model", path, "the model: a file of any format, or a folder").value("MODEL").required();
  add_reading(command, cuts);
}

void ModelOptions::add_reading(Command& command, Cuts cuts) {
  constexpr auto group = "Reading the model";
  const bool short_names = cuts == Cuts::also_input_and_output;
  command.add("-w,--weights", weights, "the second file of a pair [beside the model, under its name]: .bin, .caffemodel, checkpoint").value("FILE").group(group);
  command.add(short_names ? "--input,--cut-input" : "--cut-input", cut_inputs, "values that become the inputs: name, name:1, 0:name").value("NAME,…").group(group);
  command.add(short_names ? "--output,--cut-output" : "--cut-output", cut_outputs, "values that become the outputs").value("NAME,…").group(group);
  command.add("--signature", signature, "the signature of a SavedModel").value("NAME").group(group);
}

void ModelOptions::add_device(Command& command) {
  command.add("-d,--device", device, "where it runs; saccade doctor lists the devices").value("DEVICE").show_default();
}

void ModelOptions::add_shapes(Command& command) {
  command.add("--shape", shapes, "the shape of an input, ? for any size; without NAME= where there is one input").value("[NAME=]1,3,640,640");
  command.add("--batch", batch, "set the outermost size of every input").value("N").range(1, 1e9);
}

Shape parse_shape(const std::string& text) {
  std::string_view rest = text;
  if (rest.starts_with('[') && rest.ends_with(']')) rest = rest.substr(1, rest.size() - 2);
  Shape shape;
  while (!rest.empty()) {
    const auto comma = std::min(rest.find(','), rest.size());
    const std::string_view word = rest.substr(0, comma);
    std::int64_t size = -1;
    if (word != "?" && word != "-1") {
      const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), size);
      if (error != std::errc() || end != word.data() + word.size() || size < 0)
        throw UsageError(fmt::format("'{}' is not a shape; write sizes as 1,3,640,640", text));
    }
    shape.push_back(size);
    rest = rest.substr(std::min(comma + 1, rest.size()));
  }
  return shape;
}

std::vector<std::string> split_names(const std::string& text) {
  std::vector<std::string> names;
  std::string name;
  int depth = 0;
  for (const char c : text + ",") {
    depth += c == '[' || c == '(' ? 1 : c == ']' || c == ')' ? -1 : 0;
    if (c != ',' || depth > 0) {
      name += c;
    } else {
      if (!name.empty()) names.push_back(name);
      name.clear();
    }
  }
  return names;
}

ReadOptions ModelOptions::read_options() const {
  ReadOptions options;
  options.weights = weights;
  options.signature = signature;
  for (const std::string& entry : cut_inputs)
    for (std::string& name : split_names(entry)) options.inputs.push_back(std::move(name));
  for (const std::string& entry : cut_outputs)
    for (std::string& name : split_names(entry)) options.outputs.push_back(std::move(name));
  return options;
}

void ModelOptions::add_compiling(Command& command) {
  caches_ = true;
  command.add("--cache-dir", cache_dir_, kCacheDirHelp).value("DIR");
  command.add("--tuning", tuning_, "choices that saccade tune measured on this machine").value("FILE");
  command.add("--exact", exact_, kExactHelp);
}

CompiledModel ModelOptions::compile(const Model& model, Properties properties, std::string_view verb) const {
  if (!cache_dir_.empty()) properties.push_back(properties::cache_dir(cache_dir_));
  if (!tuning_.empty()) properties.push_back(properties::tuning(tuning_));
  if (exact_) properties.push_back(properties::exact(true));
  CompiledModel compiled = Core().compile_model(model, device, properties);
  print_warnings(verb, compiled.warnings());
  return compiled;
}

Model ModelOptions::read(Unknown sizes) const {
  const auto folder = api::cache_folder(cache_dir_);
  return caches_ && !folder.empty() ? read_through(folder, sizes) : import(sizes);
}

Model ModelOptions::read_through(const std::filesystem::path& folder, Unknown sizes) const {
  if (!devices::make_device(device)->uses_cache()) return import(sizes);
  std::function<void(Model&)> fix;
  if (sizes == Unknown::becomes_one) fix = fix_unknown_sizes;
  const std::string changes = batch > 0 || !shapes.empty() ? fmt::format("{} {}", batch, fmt::join(shapes, " ")) : "";
  return api::read_through_cache(folder, path, read_options(), changes, [options = *this] { return options.import(Unknown::stays); }, fix);
}

Model ModelOptions::import(Unknown sizes) const {
  Model model = Core().read_model(path, read_options());
  if (batch > 0) model.set_batch(batch);
  std::map<std::string, Shape> wanted;
  for (const std::string& entry : shapes) {
    const auto equals = entry.rfind('=');
    if (equals == std::string::npos && model.inputs().size() != 1)
      throw UsageError(fmt::format("the model has {} inputs; say which one the shape is for: --shape {}={}", model.inputs().size(),
                                   model.inputs().empty() ? "NAME" : model.inputs()[0].name, entry));
    const std::string name = equals == std::string::npos ? model.inputs()[0].name : entry.substr(0, equals);
    wanted[name] = parse_shape(equals == std::string::npos ? entry : entry.substr(equals + 1));
  }
  if (!wanted.empty()) model.reshape(wanted);
  if (sizes == Unknown::becomes_one) fix_unknown_sizes(model);
  return model;
}

}  // namespace saccade::cli
