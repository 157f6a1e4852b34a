// SPDX-License-Identifier: Apache-2.0
// Building graphs from configurations: layers in the order in which their inputs come.
#include "import/keras/build.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "ops/convert.h"

namespace saccade::keras {
namespace {

// Models inside of models that are called twice at every level grow without bound from a small file.
constexpr std::size_t kMaxCalls = 100'000;
constexpr int kMaxDepth = 32;
constexpr std::int64_t kMaxDimension = std::int64_t{1} << 40;

/// Output `tensor` of call `node` of a layer.
struct Reference {
  std::string layer;
  std::int64_t node, tensor;
};

/// A call before its arguments exist: tensors are the indices of references.
struct Node {
  std::size_t layer;
  Call call;
  std::vector<Reference> references;
  bool done = false, open = false;
};

std::string shown(const std::string& text) { return text.size() > 120 ? text.substr(0, 120) + "…" : text; }

class NodeParser {
 public:
  explicit NodeParser(const std::unordered_map<std::string, std::size_t>& layers) : layers_(layers) {}

  Node parse(const json& node) {
    out_ = Node{};
    if (node.is_object()) {
      for (const auto& a : member(node, "args")) out_.call.args.push_back(newer(a, 0));
      for (const auto& [key, value] : member(node, "kwargs").items()) out_.call.kwargs.emplace(key, newer(value, 0));
      return std::move(out_);
    }
    SACCADE_CHECK(node.is_array(), invalid_model, "a call that is neither a list nor an object");
    const bool flat = !node.empty() && node[0].is_string();
    Arg list;
    list.is_list = true;
    const json single = flat ? json::array({node}) : json();
    for (const auto& entry : flat ? single : node) {
      SACCADE_CHECK(entry.is_array() && entry.size() >= 3, invalid_model, "a call's input that is no list");
      if (text_of(entry[0], "a layer's name") == "_CONSTANT_VALUE") {
        Arg constant;
        constant.constant = entry[2];
        list.list.push_back(std::move(constant));
      } else {
        list.list.push_back(
            tensor({text_of(entry[0], "a layer's name"), integer_of(entry[1], "a call"), integer_of(entry[2], "an output")}));
      }
      if (entry.size() > 3 && entry[3].is_object())
        for (const auto& [key, value] : entry[3].items())
          if (!out_.call.kwargs.contains(key)) out_.call.kwargs.emplace(key, older(value, 0));
    }
    if (list.list.size() == 1)
      out_.call.args.push_back(std::move(list.list[0]));
    else if (!list.list.empty())
      out_.call.args.push_back(std::move(list));
    return std::move(out_);
  }

 private:
  Arg tensor(Reference reference) {
    Arg arg;
    arg.is_tensor = true;
    arg.value = {static_cast<std::int32_t>(out_.references.size())};
    out_.references.push_back(std::move(reference));
    return arg;
  }

  static void check_depth(int depth) { SACCADE_CHECK(depth < 16, invalid_model, "arguments nested more than 16 deep"); }

  // Keras 3
  Arg newer(const json& value, int depth) {
    check_depth(depth);
    Arg arg;
    if (value.is_array()) {
      arg.is_list = true;
      for (const auto& v : value) arg.list.push_back(newer(v, depth + 1));
      arg.constant = value;
      return arg;
    }
    if (value.is_object()) {
      const auto kind = value.find("class_name");
      if (kind != value.end() && *kind == "__keras_tensor__") {
        const json& history = member(member(value, "config"), "keras_history");
        SACCADE_CHECK(history.is_array() && history.size() == 3, invalid_model, "a tensor without its history");
        return tensor({text_of(history[0], "a layer's name"), integer_of(history[1], "a call"), integer_of(history[2], "an output")});
      }
      if (kind != value.end() && (*kind == "__numpy__" || *kind == "__tensor__")) {
        arg.constant = member(member(value, "config"), "value");
        return arg;
      }
    }
    arg.constant = value;
    return arg;
  }

  // Keras 2 writes tensors among keywords as [layer, call, output]
  Arg older(const json& value, int depth) {
    check_depth(depth);
    if (value.is_array() && value.size() == 3 && value[0].is_string() && value[1].is_number_integer() && value[2].is_number_integer() &&
        layers_.contains(value[0].get<std::string>()))
      return tensor({value[0].get<std::string>(), value[1].get<std::int64_t>(), value[2].get<std::int64_t>()});
    Arg arg;
    arg.constant = value;
    if (value.is_array()) {
      arg.is_list = true;
      for (const auto& v : value) arg.list.push_back(older(v, depth + 1));
    }
    return arg;
  }

  const std::unordered_map<std::string, std::size_t>& layers_;
  Node out_;
};

void resolve(Arg& arg, const std::vector<ValueId>& values) {
  if (arg.is_tensor) arg.value = values[static_cast<std::size_t>(arg.value.index)];
  for (Arg& inner : arg.list) resolve(inner, values);
}

// [[layer, call, output], …], one such triple alone, or either inside of dictionaries (which Keras sorts by name).
void references_in(const json& list, std::vector<Reference>& out, int depth = 0) {
  SACCADE_CHECK(depth < 8, invalid_model, "inputs or outputs nested too deep");
  if (list.is_array() && list.size() == 3 && list[0].is_string()) {
    out.push_back({list[0].get<std::string>(), integer_of(list[1], "a call"), integer_of(list[2], "an output")});
  } else if (list.is_array() || list.is_object()) {
    for (const auto& inner : list) references_in(inner, out, depth + 1);
  } else {
    fail(ErrorCode::invalid_model, "inputs or outputs that are no lists");
  }
}

const json* batch_shape(const json& config) {
  for (const char* key : {"batch_shape", "batch_input_shape"})
    if (const auto it = config.find(key); it != config.end() && it->is_array()) return &*it;
  return nullptr;
}

const json& layers_of(const json& config) {
  const json& list = config.is_array() ? config : member(config, "layers");
  SACCADE_CHECK(list.is_array(), invalid_model, "a model's layers are no list");
  return list;
}

bool is_model(const std::string& class_name) { return class_name == "Sequential" || class_name == "Functional" || class_name == "Model"; }

LayerInfo info_of(const json& layer) {
  LayerInfo out;
  out.class_name = text_of(member(layer, "class_name"), "a layer's class");
  // "Custom>Name" of a registered class
  if (const auto at = out.class_name.find('>'); at != std::string::npos) out.class_name.erase(0, at + 1);
  out.config = &member(layer, "config");
  SACCADE_CHECK(out.config->is_object() || is_model(out.class_name), invalid_model, "a layer without a configuration");
  if (layer.contains("name") && layer["name"].is_string())
    out.name = layer["name"].get<std::string>();
  else if (out.config->is_object() && out.config->contains("name"))
    out.name = text_of((*out.config)["name"], "a layer's name");
  return out;
}

/// Numbers layers by their classes, as .keras does.
class Keys {
 public:
  explicit Keys(bool by_name) : by_name_(by_name) {}
  std::string operator()(const LayerInfo& layer) {
    if (by_name_) return layer.name;
    const std::string base = snake_case(layer.class_name == "Model" ? "Functional" : layer.class_name);
    const int count = used_[base]++;
    return count == 0 ? base : base + "_" + std::to_string(count);
  }

 private:
  bool by_name_;
  std::map<std::string, int> used_;
};

}  // namespace

const json& member(const json& object, const char* key) {
  SACCADE_CHECK(object.is_object() && object.contains(key), invalid_model, "the configuration lacks '{}'", key);
  return object[key];
}

std::string text_of(const json& value, const char* what) {
  SACCADE_CHECK(value.is_string(), invalid_model, "{} is no text", what);
  return value.get<std::string>();
}

std::int64_t integer_of(const json& value, const char* what) {
  SACCADE_CHECK(value.is_number_integer(), invalid_model, "{} is no integer", what);
  return value.get<std::int64_t>();
}

ModelBuilder::ModelBuilder(const WeightStore& weights, int keras_version) : weights_(weights), keras_version_(keras_version) {}

void ModelBuilder::note(const std::string& text) {
  if (notes_.size() < 20 && std::find(notes_.begin(), notes_.end(), text) == notes_.end()) notes_.push_back(text);
}

ValueId ModelBuilder::constant(graph::Edit& edit, const std::string& path, ElementType type) {
  const std::string key = fmt::format("{} {}", path, to_string(type));
  const auto known = constants_.find(key);
  if (known != constants_.end()) return known->second;
  Tensor tensor = weights_.load(path);
  if (tensor.type() != type && is_float(type)) tensor = ops::convert(tensor, type);
  const ValueId value = edit.constant(std::move(tensor), path.substr(path.find('/', 1) == std::string::npos ? 1 : path.find('/', 1) + 1));
  constants_.emplace(key, value);
  return value;
}

ValueId ModelBuilder::input(graph::Edit& edit, const json& config, const std::string& name) {
  const json* shape = batch_shape(config);
  SACCADE_CHECK(shape != nullptr, unsupported, "the input '{}' has no shape: build the model for an input shape and save it again",
                shown(name));
  std::vector<graph::Dimension> dims;
  for (const auto& d : *shape) {
    SACCADE_CHECK(d.is_null() || (d.is_number_integer() && d >= 0 && d <= kMaxDimension), invalid_model,
                  "the input '{}' has an impossible shape", shown(name));
    dims.push_back(d.is_null() ? graph::Dimension::unknown() : graph::Dimension::fixed(d.get<std::int64_t>()));
  }
  ElementType type = ElementType::f32;
  if (const auto it = config.find("dtype"); it != config.end() && !it->is_null()) {
    const std::string dtype = it->is_string() ? it->get<std::string>()
                              : it->is_object() && it->contains("config") && (*it)["config"].contains("name")
                                  ? text_of((*it)["config"]["name"], "a dtype")
                                  : "float32";
    static const std::map<std::string, ElementType> kTypes{
        {"float32", ElementType::f32}, {"float64", ElementType::f64}, {"float16", ElementType::f16}, {"uint8", ElementType::u8},
        {"int8", ElementType::i8},     {"int32", ElementType::i32},   {"int64", ElementType::i64},   {"bool", ElementType::boolean}};
    if (dtype.starts_with("mixed_")) {
      note(dtype + " is computed in float32");
    } else {
      const auto known = kTypes.find(dtype);
      SACCADE_CHECK(known != kTypes.end(), unsupported, "the input '{}' has elements of type {}", shown(name), shown(dtype));
      type = known->second;
    }
  }
  graph::PartialShape partial(std::move(dims));
  if (partial.is_static()) {
    try {
      element_count(partial.shape());
    } catch (const Error& e) {
      fail(ErrorCode::invalid_model, "{}", e.message());
    }
  }
  return edit.input(name, {type, partial});
}

Values ModelBuilder::call(graph::Edit& edit, const LayerInfo& layer, const Call& call) {
  SACCADE_CHECK(++calls_ <= kMaxCalls, invalid_model, "the model unfolds into more than {} layers", kMaxCalls);
  LayerContext context(*this, edit, layer, call);
  if (is_model(layer.class_name)) return model(edit, *layer.config, &context.inputs(), &layer.place);
  if (layer.config->contains("dtype") && (*layer.config)["dtype"].dump().find("mixed_") != std::string::npos)
    note("mixed precision is computed in float32");
  const Row* row = row_of(layer.class_name);
  if (row == nullptr) fail(ErrorCode::unsupported, "not supported");
  return row->map(context);
}

ModelBuilder::Output ModelBuilder::guarded(graph::Edit& edit, const LayerInfo& layer, const Call& arguments) {
  const std::string kind = shown(layer.class_name), name = shown(layer.name);
  ErrorContext frame(kind, name);
  try {
    return {call(edit, layer, arguments), false};
  } catch (const Error& e) {
    if (e.code() != ErrorCode::unsupported) throw;
    problems_.add(kind, e.message(), name);
  } catch (const Poisoned&) {
  }
  return {{}, true};
}

Values ModelBuilder::model(graph::Edit& edit, const json& config, const Values* inputs, const WeightPlace* place) {
  SACCADE_CHECK(depth_ < kMaxDepth, invalid_model, "models are nested more than {} deep", kMaxDepth);
  struct Level {
    int& depth;
    explicit Level(int& d) : depth(d) { ++depth; }
    ~Level() { --depth; }
  } level(depth_);
  const bool chained = config.is_array() || !config.contains("output_layers");
  return chained ? sequential(edit, config, inputs, place) : functional(edit, config, inputs, place);
}

Values ModelBuilder::sequential(graph::Edit& edit, const json& config, const Values* inputs, const WeightPlace* place) {
  Keys keys(weights_.by_name());
  Values x;
  if (inputs) x = *inputs;
  bool first = true;
  std::string last;
  for (const auto& entry : layers_of(config)) {
    LayerInfo layer = info_of(entry);
    const bool is_input = layer.class_name == "InputLayer";
    if (!is_input) layer.place = weights_.place(place, keys(layer));
    if (first && !inputs) {
      // the shape stands in the input layer, in the first layer, or beside the layers
      const json* from = layer.config;
      json built;
      if (is_model(layer.class_name) && !layer.config->is_array() && !layers_of(*layer.config).empty() && !batch_shape(*layer.config))
        from = &member(layers_of(*layer.config)[0], "config");
      if (!batch_shape(*from) && config.is_object() && config.contains("build_input_shape")) {
        built = {{"batch_shape", config["build_input_shape"]}};
        from = &built;
      }
      x = {input(edit, *from, is_input ? layer.name : layer.name + "_input")};
    }
    first = false;
    if (is_input) continue;
    Call call;
    for (ValueId v : x) call.args.push_back({.is_tensor = true, .value = v});
    const Output out = guarded(edit, layer, call);
    if (out.poisoned) throw Poisoned{};
    x = out.values;
    last = layer.name;
  }
  if (depth_ == 1) output_names_.assign(x.size(), last);
  return x;
}

Values ModelBuilder::functional(graph::Edit& edit, const json& config, const Values* inputs, const WeightPlace* place) {
  Keys keys(weights_.by_name());
  std::vector<LayerInfo> layers;
  std::unordered_map<std::string, std::size_t> by_name;
  for (const auto& entry : layers_of(config)) {
    layers.push_back(info_of(entry));
    layers.back().place = weights_.place(place, keys(layers.back()));
    SACCADE_CHECK(by_name.emplace(layers.back().name, layers.size() - 1).second, invalid_model, "two layers are called '{}'",
                  shown(layers.back().name));
  }
  // calls of layers, in the order of each layer
  std::vector<Node> nodes;
  std::vector<std::vector<std::size_t>> calls(layers.size());
  NodeParser parser(by_name);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const json& entry = layers_of(config)[i];
    const std::string name = shown(layers[i].name);
    ErrorContext frame("layer", name);
    const auto inbound = entry.find("inbound_nodes");
    if (inbound == entry.end() || inbound->empty() || layers[i].class_name == "InputLayer") {
      calls[i].push_back(nodes.size());
      nodes.push_back({.layer = i});
      continue;
    }
    for (const auto& node : *inbound) {
      calls[i].push_back(nodes.size());
      nodes.push_back(parser.parse(node));
      nodes.back().layer = i;
    }
  }
  SACCADE_CHECK(nodes.size() <= kMaxCalls, invalid_model, "more than {} calls of layers", kMaxCalls);
  std::vector<Reference> entries, results;
  references_in(member(config, "input_layers"), entries);
  references_in(member(config, "output_layers"), results);
  // models inside of models count their own making as their first call
  std::vector<std::int64_t> last(layers.size(), 0);
  const auto seen = [&](const Reference& r) {
    if (const auto it = by_name.find(r.layer); it != by_name.end()) last[it->second] = std::max(last[it->second], r.node);
  };
  for (const auto& node : nodes) std::for_each(node.references.begin(), node.references.end(), seen);
  std::for_each(results.begin(), results.end(), seen);
  const auto target = [&](const Reference& r) -> std::size_t {
    const auto it = by_name.find(r.layer);
    SACCADE_CHECK(it != by_name.end(), invalid_model, "there is no layer '{}'", shown(r.layer));
    const auto& list = calls[it->second];
    // a layer that was used elsewhere before this model was made counts on from there
    if (list.size() == 1) return list[0];
    const auto count = static_cast<std::int64_t>(list.size());
    const std::int64_t node = last[it->second] == count && is_model(layers[it->second].class_name) ? r.node - 1 : r.node;
    SACCADE_CHECK(node >= 0 && node < count, invalid_model, "layer '{}' has {} calls, not {}", shown(r.layer), count, r.node + 1);
    return list[static_cast<std::size_t>(node)];
  };
  SACCADE_CHECK(!results.empty(), invalid_model, "the model has no outputs");

  std::vector<Output> outputs(nodes.size());
  if (inputs)
    SACCADE_CHECK(inputs->size() == entries.size(), invalid_model, "a model of {} inputs is called with {}", entries.size(),
                  inputs->size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::size_t at = target(entries[i]);
    nodes[at].done = true;
    const LayerInfo& layer = layers[nodes[at].layer];
    outputs[at].values = {inputs ? (*inputs)[i] : input(edit, *layer.config, layer.name)};
  }

  std::vector<std::size_t> stack;
  for (const auto& r : results) stack.push_back(target(r));
  while (!stack.empty()) {
    const std::size_t at = stack.back();
    if (nodes[at].done) {
      stack.pop_back();
      continue;
    }
    if (!nodes[at].open) {
      nodes[at].open = true;
      for (const auto& r : nodes[at].references) {
        const std::size_t needed = target(r);
        SACCADE_CHECK(nodes[needed].done || !nodes[needed].open, invalid_model, "the layers form a cycle through '{}'", shown(r.layer));
        if (!nodes[needed].done) stack.push_back(needed);
      }
      continue;
    }
    stack.pop_back();
    Node& node = nodes[at];
    node.done = true;
    const LayerInfo& layer = layers[node.layer];
    SACCADE_CHECK(layer.class_name != "InputLayer", invalid_model, "the input layer '{}' is no input of the model", shown(layer.name));
    std::vector<ValueId> values;
    bool poisoned = false;
    for (const auto& r : node.references) {
      const Output& from = outputs[target(r)];
      poisoned |= from.poisoned;
      SACCADE_CHECK(from.poisoned || (r.tensor >= 0 && r.tensor < static_cast<std::int64_t>(from.values.size())), invalid_model,
                    "layer '{}' has {} outputs", shown(r.layer), from.values.size());
      values.push_back(from.poisoned ? ValueId{} : from.values[static_cast<std::size_t>(r.tensor)]);
    }
    if (poisoned) {
      if (!is_model(layer.class_name) && row_of(layer.class_name) == nullptr)
        problems_.add(shown(layer.class_name), "not supported", shown(layer.name));
      outputs[at].poisoned = true;
      continue;
    }
    for (Arg& arg : node.call.args) resolve(arg, values);
    for (auto& [key, arg] : node.call.kwargs) resolve(arg, values);
    outputs[at] = guarded(edit, layer, node.call);
  }

  Values out;
  for (const auto& r : results) {
    const Output& from = outputs[target(r)];
    if (from.poisoned) throw Poisoned{};
    SACCADE_CHECK(r.tensor >= 0 && r.tensor < static_cast<std::int64_t>(from.values.size()), invalid_model, "layer '{}' has {} outputs",
                  shown(r.layer), from.values.size());
    out.push_back(from.values[static_cast<std::size_t>(r.tensor)]);
    if (depth_ == 1) output_names_.push_back(r.layer);
  }
  return out;
}

std::shared_ptr<graph::Graph> ModelBuilder::build(const json& whole) {
  auto graph = std::make_shared<graph::Graph>();
  graph::Edit edit(*graph);
  const std::string class_name = text_of(member(whole, "class_name"), "the model's class");
  const json& config = member(whole, "config");
  if (!is_model(class_name) && !(config.is_object() && config.contains("layers") && config.contains("output_layers")))
    fail(ErrorCode::unsupported,
         "a model of the class {}, whose layers the file does not hold: export it with model.export() as a SavedModel", shown(class_name));
  Values outputs;
  try {
    outputs = model(edit, config, nullptr, nullptr);
  } catch (const Poisoned&) {
  }
  problems_.throw_if_any();
  SACCADE_CHECK(!outputs.empty(), invalid_model, "the model has no outputs");
  std::set<std::string> used;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const std::string base = i < output_names_.size() && !output_names_[i].empty() ? output_names_[i] : "output";
    std::string name = base;
    for (int n = 1; !used.insert(name).second; ++n) name = fmt::format("{}_{}", base, n);
    edit.output(outputs[i], name);
  }
  edit.remove_dead();
  if (config.is_object() && config.contains("name") && config["name"].is_string()) graph->name = shown(config["name"].get<std::string>());
  std::string notes;
  for (const auto& n : notes_) notes += (notes.empty() ? "" : "; ") + n;
  if (!notes.empty()) graph->metadata.emplace("keras.notes", notes);
  return graph;
}

}  // namespace saccade::keras
