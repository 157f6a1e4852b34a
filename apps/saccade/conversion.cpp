// SPDX-License-Identifier: Apache-2.0
// The steps of a conversion, in mo's order: cut, freeze, shapes, then behind each input its layout, reversed channels, mean, scale.
#include "conversion.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/error.h"
#include "base/nearest.h"
#include "export/onnx/onnx.h"
#include "export/openvino/ir.h"
#include "export/saccade/cache_file.h"
#include "graph/edit.h"
#include "import/caffe/binary.h"
#include "import/preprocess.h"
#include "saccade/model.h"
#include "saccade/version.h"
#include "tensor/numeric.h"

namespace saccade::cli {
namespace {

using graph::Graph;
using graph::ValueId;
using GraphPtr = std::shared_ptr<Graph>;

std::string name_of_input(const Graph& graph, const std::string& name) {
  std::vector<std::string_view> names;
  for (const std::string& candidate : {name, name + ":0", name.ends_with(":0") ? name.substr(0, name.size() - 2) : name})
    for (const ValueId id : graph.inputs())
      if (graph[id].name == candidate) return candidate;
  for (const ValueId id : graph.inputs()) names.push_back(graph[id].name);
  fail(ErrorCode::not_found, "the model has no input '{}'{}", name, names.empty() ? std::string() : fmt::format("; did you mean '{}'?", nearest(name, names)));
}

// Entries without a name belong to the inputs in their order.
template <class Argument>
std::string name_for(const Graph& graph, const Argument& argument, const std::string& name, std::size_t position) {
  if (!name.empty()) return name_of_input(graph, name);
  SACCADE_CHECK(position < graph.inputs().size(), invalid_argument, "argument {} of a list for {} inputs", position + 1, graph.inputs().size());
  (void)argument;
  return graph[graph.inputs()[position]].name;
}

ValueId input_called(const Graph& graph, const std::string& name) {
  for (const ValueId id : graph.inputs())
    if (graph[id].name == name) return id;
  fail(ErrorCode::not_found, "the model has no input '{}'", name);
}

void freeze(const GraphPtr& graph, const std::vector<import::InputArgument>& arguments) {
  graph::Edit edit(*graph);
  bool any = false;
  for (const auto& argument : arguments) {
    if (!argument.frozen) continue;
    any = true;
    const std::string name = name_of_input(*graph, argument.name);
    const ValueId id = input_called(*graph, name);
    const graph::TensorType& type = graph->type(id);
    const auto count = static_cast<std::int64_t>(argument.values.size());
    Shape shape = argument.scalar ? Shape{} : Shape{count};
    if (argument.shape && argument.shape->is_static())
      shape = argument.shape->shape();
    else if (type.is_static() && element_count(type.shape.shape()) == count)
      shape = type.shape.shape();
    std::vector<double> values = argument.values;
    if (values.size() == 1) values.resize(static_cast<std::size_t>(element_count(shape)), values[0]);
    SACCADE_CHECK(static_cast<std::int64_t>(values.size()) == element_count(shape), invalid_argument, "{} values for input '{}' of shape {}", values.size(), name, to_string(shape));
    edit.bind_input(id, from_f64(argument.type.value_or(type.element), shape, values));
  }
  if (any) edit.infer_all();
}

// Sizes with bounds, which Model::reshape does not know, follow in a second step.
void reshape(GraphPtr& graph, const std::map<std::string, graph::PartialShape>& shapes) {
  if (shapes.empty()) return;
  std::map<std::string, Shape> sizes;
  bool bounded = false;
  for (const auto& [name, shape] : shapes) {
    Shape& list = sizes[name];
    for (const auto& d : shape.dimensions()) {
      list.push_back(d.is_static() ? d.size() : -1);
      bounded = bounded || (!d.is_static() && (d.min > 0 || d.max != graph::Dimension::kUnbounded));
    }
  }
  Model model(graph);
  model.reshape(sizes);
  graph = std::make_shared<Graph>(*model.graph());
  if (!bounded) return;
  graph::Edit edit(*graph);
  for (const auto& [name, shape] : shapes) {
    const ValueId id = input_called(*graph, name);
    edit.set_fact(id, graph::Fact(graph->type(id).element, shape));
  }
  edit.infer_all();
}

void set_batch(GraphPtr& graph, std::int64_t batch) {
  if (batch <= 0) return;
  Model model(graph);
  model.set_batch(batch);
  graph = std::make_shared<Graph>(*model.graph());
}

std::map<std::string, graph::PartialShape> wanted_shapes(const Graph& graph, const Conversion& conversion) {
  std::map<std::string, graph::PartialShape> shapes;
  std::size_t position = 0;
  for (const auto& input : conversion.inputs) {
    if (!input.frozen && input.shape) shapes[name_for(graph, input, input.name, position)] = *input.shape;
    ++position;
  }
  // --input_shape goes with the names of --input
  for (std::size_t i = 0; i < conversion.shapes.size(); ++i) {
    const std::string name = i < conversion.inputs.size() ? conversion.inputs[i].name : std::string();
    shapes[name_for(graph, conversion.shapes[i], name, i)] = conversion.shapes[i];
  }
  if (conversion.static_shape)
    for (const ValueId id : graph.inputs()) {
      if (shapes.contains(graph[id].name) || graph.type(id).is_static() || !graph.type(id).shape.ranked()) continue;
      std::vector<graph::Dimension> sizes;
      for (const auto& d : graph.type(id).shape.dimensions()) sizes.push_back(d.is_static() ? d : graph::Dimension::fixed(1));
      shapes[graph[id].name] = graph::PartialShape(std::move(sizes));
    }
  return shapes;
}

bool is_picture(const graph::TensorType& type) { return type.shape.ranked() && type.shape.rank() == 4; }

Tensor mean_image(const Conversion& conversion, const graph::TensorType& type) {
  const Tensor whole = caffe::read_mean(FileBytes::open(conversion.mean_file));
  SACCADE_CHECK(is_picture(type) && type.is_static(), invalid_argument, "--mean_file is for an input of known size, not for {}", graph::to_string(type));
  const Shape &s = type.shape.shape(), &m = whole.shape();
  const auto offsets = conversion.mean_file_offsets.empty() ? std::vector<import::NumbersArgument>() : import::parse_numbers(conversion.mean_file_offsets);
  const auto offset = [&](std::size_t i, std::int64_t otherwise) {
    return offsets.empty() || offsets[0].numbers.size() < 2 ? otherwise : static_cast<std::int64_t>(offsets[0].numbers[i]);
  };
  // as mo: the middle of the mean image, if nothing else is said
  const std::int64_t x = offset(0, (m[2] - s[3]) / 2), y = offset(1, (m[1] - s[2]) / 2);
  SACCADE_CHECK(m[0] == s[1] && x >= 0 && y >= 0 && y + s[2] <= m[1] && x + s[3] <= m[2], invalid_argument, "a mean image of {} does not cover an input of {}", to_string(m), to_string(s));
  Tensor part(ElementType::f32, {s[1], s[2], s[3]});
  for (std::int64_t c = 0; c < s[1]; ++c)
    for (std::int64_t row = 0; row < s[2]; ++row)
      std::copy_n(whole.data<float>() + (c * m[1] + y + row) * m[2] + x, s[3], part.data<float>() + (c * s[2] + row) * s[3]);
  return part;
}

// Numbers without a name: a single list is for every picture, several are for the inputs in their order.
void give_numbers(const Graph& graph, const std::vector<import::NumbersArgument>& arguments, std::vector<import::Preprocessing>& steps, std::vector<double> import::Preprocessing::*member) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i].input.empty() && arguments.size() == 1 && steps.size() > 1) {
      for (auto& step : steps)
        if (is_picture(graph.type(input_called(graph, step.input)))) step.*member = arguments[i].numbers;
      continue;
    }
    const std::string name = name_for(graph, arguments[i], arguments[i].input, i);
    for (auto& step : steps)
      if (step.input == name) step.*member = arguments[i].numbers;
  }
}

// Whether any input does.
bool take_pictures(const Graph& graph, const std::array<std::int64_t, 2>& size, std::vector<import::Preprocessing>& steps) {
  bool any = false;
  for (auto& step : steps) {
    const graph::TensorType& type = graph.type(input_called(graph, step.input));
    if (!is_picture(type) || !is_float(type.element)) continue;
    any = true;
    if (!step.type) step.type = ElementType::u8;
    if (step.source_layout.empty()) step.source_layout = import::picture_layout(type, step.input);
    if (step.target_layout.empty() && step.source_layout != "NHWC") step.target_layout = "NHWC";
    if (size[0] != 0) step.picture_size = size;
  }
  return any;
}

void build_preparation_in(Graph& graph, const Conversion& conversion) {
  std::vector<import::Preprocessing> steps;
  for (const ValueId id : graph.inputs()) steps.push_back({.input = graph[id].name});
  give_numbers(graph, conversion.means, steps, &import::Preprocessing::mean);
  give_numbers(graph, conversion.scales, steps, &import::Preprocessing::scale);
  const auto step_of = [&](const std::string& name) -> import::Preprocessing& { return *std::find_if(steps.begin(), steps.end(), [&](const auto& s) { return s.input == name; }); };
  for (std::size_t i = 0; i < conversion.layouts.size(); ++i) {
    auto& step = step_of(name_for(graph, conversion.layouts[i], conversion.layouts[i].input, i));
    if (!conversion.layouts[i].source.empty()) step.source_layout = conversion.layouts[i].source;
    if (!conversion.layouts[i].target.empty()) step.target_layout = conversion.layouts[i].target;
  }
  std::size_t position = 0;
  for (const auto& input : conversion.inputs) {
    if (!input.frozen && input.type) step_of(name_for(graph, input, input.name, position)).type = input.type;
    ++position;
  }
  for (auto& step : steps) {
    const graph::TensorType& type = graph.type(input_called(graph, step.input));
    if (conversion.scale != 1 && is_picture(type) && step.scale.empty()) step.scale = {conversion.scale};
    if (conversion.reverse_channels && is_picture(type)) {
      bool has_three = step.source_layout.find('C') != std::string::npos;
      for (const auto& d : type.shape.dimensions()) has_three = has_three || (d.is_static() && d.size() == 3);
      step.reverse_channels = has_three;
    }
    if (!conversion.mean_file.empty() && is_picture(type)) step.mean_image = mean_image(conversion, type);
    if (step.type == type.element) step.type.reset();
    if (step.target_layout == step.source_layout) step.target_layout.clear();
    SACCADE_CHECK(step.target_layout.empty() || !step.source_layout.empty(), invalid_argument, "input '{}' gets a target layout without a source layout", step.input);
  }
  if (conversion.reverse_channels)
    SACCADE_CHECK(std::any_of(steps.begin(), steps.end(), [](const auto& s) { return s.reverse_channels; }), invalid_argument, "no input has three channels to be reversed");
  if (conversion.pictures)
    SACCADE_CHECK(take_pictures(graph, *conversion.pictures, steps), invalid_argument, "no input takes pictures: floats of four dimensions with 1, 3 or 4 channels");
  import::embed(graph, steps);
}

// Names of values that are no inputs yet.
std::vector<std::string> cut_names(const Conversion& conversion) {
  std::vector<std::string> names;
  for (const auto& input : conversion.inputs)
    if (!input.name.empty()) names.push_back(input.name);
  return names;
}

}  // namespace

namespace {

exporter::openvino::WriteOptions write_options(const Conversion& conversion) { return {.ir_version = conversion.ir_version, .fp16 = conversion.fp16}; }

// The prepared graph for some batch, through the passes.
void finish(Converted& converted, GraphPtr graph, const Conversion& conversion, std::int64_t batch) {
  set_batch(graph, batch);
  build_preparation_in(*graph, conversion);
  graph->metadata["rt_info/saccade_version"] = SACCADE_VERSION;
  converted.source = graph;
  converted.graph = std::make_shared<Graph>(*graph);
  converted.log = {};
  passes::optimise(*converted.graph, {}, &converted.log);
}

std::vector<Problem> inexpressible(const Graph& graph, const Conversion& conversion) {
  if (conversion.target == TargetFormat::saccade) return {};
  if (conversion.target == TargetFormat::onnx) return exporter::onnx::unsupported(graph, {.opset = conversion.opset});
  return exporter::openvino::unsupported(graph, write_options(conversion));
}

bool is_writable(const Converted& converted, const Conversion& conversion) { return inexpressible(*converted.graph, conversion).empty() || inexpressible(*converted.source, conversion).empty(); }

bool has_open_batch(const Graph& graph) {
  return std::any_of(graph.inputs().begin(), graph.inputs().end(), [&](ValueId id) {
    const graph::PartialShape& shape = graph.type(id).shape;
    return shape.ranked() && shape.rank() > 1 && !shape[0].is_static();
  });
}

}  // namespace

Converted prepare(const Conversion& conversion) {
  ReadOptions reading = conversion.reading;
  reading.inputs = cut_names(conversion);
  GraphPtr graph = std::make_shared<Graph>(*import::read_model(conversion.model, reading));
  Converted converted;
  if (!conversion.transformations_config.empty()) converted.notes = apply_transformations(graph, conversion.transformations_config);
  if (!conversion.pipeline_config.empty()) converted.notes.push_back(check_pipeline(*graph, conversion.pipeline_config));
  freeze(graph, conversion.inputs);
  freeze(graph, conversion.frozen);
  reshape(graph, wanted_shapes(*graph, conversion));
  // some operators exist in IR for a known batch only
  if (conversion.batch == 0 && has_open_batch(*graph) && !inexpressible(*graph, conversion).empty()) {
    Converted fixed = converted;
    finish(fixed, std::make_shared<Graph>(*graph), conversion, 1);
    if (is_writable(fixed, conversion)) {
      fixed.notes.emplace_back("the batch, which the model leaves open, is fixed to 1: the format needs it; --batch N sets another");
      return fixed;
    }
  }
  finish(converted, graph, conversion, conversion.batch);
  return converted;
}

std::vector<std::string> write(const Conversion& conversion, const Converted& converted) {
  // what passes have made out of it may be beyond the format where the graph itself is not
  const bool as_read = !inexpressible(*converted.graph, conversion).empty() && inexpressible(*converted.source, conversion).empty();
  const Graph& graph = as_read ? *converted.source : *converted.graph;
  if (conversion.target == TargetFormat::saccade) {
    exporter::write_cache_file(graph, conversion.output);
    return {conversion.output};
  }
  if (conversion.target == TargetFormat::onnx) {
    exporter::onnx::write(graph, conversion.output, {.opset = conversion.opset});
    return {conversion.output};
  }
  exporter::openvino::write(graph, conversion.output, write_options(conversion));
  std::filesystem::path bin = conversion.output;
  return {conversion.output, bin.replace_extension(".bin").string()};
}

std::vector<Problem> check(const Conversion& conversion) {
  try {
    const Converted converted = prepare(conversion);
    const auto optimised = inexpressible(*converted.graph, conversion);
    return optimised.empty() ? optimised : inexpressible(*converted.source, conversion);
  } catch (const UnsupportedError& error) {
    return error.problems();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::unsupported) throw;
    return {{"model", error.message(), 0, {}}};
  }
}

}  // namespace saccade::cli
