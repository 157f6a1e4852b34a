// SPDX-License-Identifier: Apache-2.0
// Running two models on the same inputs and comparing what they compute, value by value.
#include <algorithm>
#include <cmath>
#include <optional>
#include <random>
#include <set>

#include "base/error.h"
#include "devices/registry.h"
#include "eval/compare.h"
#include "graph/edit.h"
#include "tensor/numeric.h"
#include "tensor/strided.h"

namespace saccade::eval {
namespace {

using graph::Graph;
using graph::PartialShape;
using graph::ValueId;
using GraphPtr = std::shared_ptr<const Graph>;

// So many values are run at a time, so that not all of a large model's are held.
constexpr std::size_t kValuesAtATime = 64;

bool fits(const Tensor& tensor, const PartialShape& shape) {
  if (!shape.ranked()) return true;
  if (shape.rank() != tensor.shape().size()) return false;
  for (std::size_t d = 0; d < shape.rank(); ++d)
    if (tensor.shape()[d] < shape[d].min || tensor.shape()[d] > shape[d].max) return false;
  return true;
}

Tensor permuted(const Tensor& t, const std::vector<std::size_t>& order) {
  const Strides from = dense_strides(t.shape());
  Shape shape;
  Strides strides;
  for (const std::size_t d : order) {
    shape.push_back(t.shape()[d]);
    strides.push_back(from[d]);
  }
  Tensor out(t.type(), shape);
  if (out.size() > 0) strided_copy(out.raw(), dense_strides(shape), t.raw(), strides, shape, size_in_bytes(t.type()));
  return out;
}

// The tensor as an input takes it: of its element type, its channels where it has them.
std::optional<Tensor> suited(const Tensor& tensor, const graph::TensorType& type) {
  Tensor t = tensor;
  if (!fits(t, type.shape) && t.rank() == 4) {
    const Tensor last = permuted(t, {0, 2, 3, 1}), first = permuted(t, {0, 3, 1, 2});
    if (fits(last, type.shape))
      t = last;
    else if (fits(first, type.shape))
      t = first;
  }
  if (!fits(t, type.shape)) return std::nullopt;
  return t.type() == type.element ? t : from_f64(type.element, t.shape(), to_f64(t));
}

std::vector<Tensor> inputs_for(const Graph& graph, const NamedTensors& given) {
  std::vector<Tensor> inputs;
  const bool by_name = std::any_of(graph.inputs().begin(), graph.inputs().end(), [&](ValueId id) { return given.contains(graph[id].name); });
  std::size_t position = 0;
  for (const ValueId id : graph.inputs()) {
    const graph::Value& value = graph[id];
    auto found = given.find(value.name);
    if (found == given.end() && !by_name && given.size() == graph.inputs().size()) found = std::next(given.begin(), static_cast<std::ptrdiff_t>(position));
    SACCADE_CHECK(found != given.end(), invalid_argument, "nothing is given for the input '{}' {}", value.name, graph::to_string(value.fact.type));
    auto tensor = suited(found->second, value.fact.type);
    SACCADE_CHECK(tensor.has_value(), invalid_argument, "the input '{}' is {}, what is given {}{}", value.name, graph::to_string(value.fact.type), to_string(found->second.type()), to_string(found->second.shape()));
    inputs.push_back(*tensor);
    ++position;
  }
  return inputs;
}

std::vector<Tensor> run(const GraphPtr& graph, const std::vector<Tensor>& inputs, const std::string& device) {
  std::vector<Tensor> outputs;
  devices::make_device(device)->compile(graph, {})->request()->run(inputs, outputs);
  for (Tensor& t : outputs) t = t.clone();
  return outputs;
}

std::optional<std::size_t> output_called(const Graph& graph, const std::string& name) {
  for (std::size_t i = 0; i < graph.outputs().size(); ++i)
    if (graph.outputs()[i].name == name) return i;
  return std::nullopt;
}

// Names without TensorFlow's ":0", which some formats keep and others do not.
std::string plain(const std::string& name) { return name.ends_with(":0") ? name.substr(0, name.size() - 2) : name; }

struct Shared {
  std::string name, operation;
  ValueId a, b;
};

// The values that both models name alike, in the order in which `a` computes them.
std::vector<Shared> shared_values(const Graph& a, const Graph& b) {
  std::map<std::string, ValueId> names;
  for (std::size_t v = 0; v < b.value_limit(); ++v) {
    const graph::Value& value = b[ValueId{static_cast<std::int32_t>(v)}];
    if (value.alive && value.producer.valid() && !value.name.empty()) names[plain(value.name)] = value.id;
  }
  std::vector<Shared> shared;
  std::set<std::string> taken;
  for (const graph::NodeId id : a.order())
    for (const ValueId out : a[id].outputs) {
      const auto found = names.find(plain(a[out].name));
      if (a[out].name.empty() || found == names.end() || !taken.insert(found->first).second) continue;
      shared.push_back({a[out].name, std::string(a[id].op.name()), out, found->second});
    }
  return shared;
}

GraphPtr with_outputs(const Graph& graph, const std::vector<ValueId>& values) {
  auto copy = std::make_shared<Graph>(graph);
  graph::Edit edit(*copy);
  std::vector<graph::GraphOutput> outputs;
  for (std::size_t i = 0; i < values.size(); ++i) outputs.push_back({values[i], std::to_string(i)});
  edit.set_outputs(outputs);
  edit.remove_dead();
  return copy;
}

void compare_values(const GraphPtr& a, const GraphPtr& b, const std::vector<Tensor>& inputs_a, const std::vector<Tensor>& inputs_b, const DiffOptions& options, ModelDifference& result) {
  const auto shared = shared_values(*a, *b);
  for (std::size_t start = 0; start < shared.size(); start += kValuesAtATime) {
    const std::size_t end = std::min(shared.size(), start + kValuesAtATime);
    std::vector<ValueId> in_a, in_b;
    for (std::size_t i = start; i < end; ++i) {
      in_a.push_back(shared[i].a);
      in_b.push_back(shared[i].b);
    }
    const auto values_a = run(with_outputs(*a, in_a), inputs_a, options.device), values_b = run(with_outputs(*b, in_b), inputs_b, options.device);
    for (std::size_t i = start; i < end; ++i) {
      Tensor value = values_a[i - start];
      const Tensor& reference = values_b[i - start];
      // one model may keep channels last where the other has them second
      if (value.shape() != reference.shape() && value.rank() == 4) {
        if (const Tensor first = permuted(value, {0, 3, 1, 2}); first.shape() == reference.shape())
          value = first;
        else if (const Tensor last = permuted(value, {0, 2, 3, 1}); last.shape() == reference.shape())
          value = last;
      }
      Difference d = compare(shared[i].name, value, reference);
      d.operation = shared[i].operation;
      result.values.push_back(std::move(d));
    }
  }
  // A value from which one that agrees is computed is another quantity of the same name (as before and after a folded
  // normalisation), not where the models part.
  std::vector<char> agrees(a->value_limit(), 0);  // it, or something computed from it
  std::map<std::int32_t, std::size_t> positions;
  for (std::size_t i = 0; i < shared.size(); ++i) positions[shared[i].a.index] = i;
  const auto order = a->order();
  std::set<std::size_t> parted;
  for (auto node = order.rbegin(); node != order.rend(); ++node)
    for (const ValueId out : (*a)[*node].outputs) {
      bool later = false;
      for (const graph::Use& use : (*a)[out].uses)
        for (const ValueId next : (*a)[use.node].outputs) later = later || agrees[static_cast<std::size_t>(next.index)];
      const auto position = positions.find(out.index);
      const bool same = position != positions.end() && result.values[position->second].within(options.tolerance);
      agrees[static_cast<std::size_t>(out.index)] = same || later;
      if (position != positions.end() && !same && !later) parted.insert(position->second);
    }
  if (!parted.empty()) result.first = static_cast<std::ptrdiff_t>(*parted.begin());
}

// Detections, if both sides have them.
void compare_detections(const NamedTensors& a, const NamedTensors& b, const DiffOptions& options, ModelDifference& result) {
  const auto find = [](const NamedTensors& tensors, const char* name) {
    const auto found = tensors.find(name);
    return found == tensors.end() ? Tensor() : found->second;
  };
  const auto detections = [&](const NamedTensors& tensors) {
    return DetectionTensors{find(tensors, "detection_boxes"), find(tensors, "detection_classes"), find(tensors, "detection_scores"), find(tensors, "num_detections")};
  };
  const DetectionTensors x = detections(a), y = detections(b);
  const auto complete = [](const DetectionTensors& t) { return t.boxes.defined() && t.classes.defined() && t.scores.defined() && t.count.defined(); };
  if (complete(x) && complete(y)) {
    result.has_detections = true;
    result.detections = match_detections(x, y, options.score_tolerance);
    return;
  }
  for (const auto& [name, tensor] : a) {
    const Tensor other = find(b, name.c_str());
    const auto rows = [](const Tensor& t) { return t.defined() && t.rank() == 4 && t.shape()[0] == 1 && t.shape()[1] == 1 && t.shape()[3] == 7; };
    if (!rows(tensor) || !rows(other)) continue;
    result.has_detections = true;
    result.detections = match_rows(tensor, other, options.score_tolerance);
    return;
  }
}

bool is_detection(const std::string& name) { return name.starts_with("detection_") || name == "num_detections"; }

void judge(const NamedTensors& a, const NamedTensors& b, const DiffOptions& options, ModelDifference& result) {
  compare_detections(a, b, options, result);
  for (const Difference& d : result.outputs) {
    const auto rows = a.find(d.name);
    const bool of_detections = result.has_detections && (is_detection(d.name) || (rows != a.end() && rows->second.rank() == 4 && rows->second.shape()[3] == 7));
    if (!of_detections && !d.within(options.tolerance)) result.within = false;
  }
  if (result.has_detections && result.detections.share() < 0.98) result.within = false;
}

}  // namespace

ModelDifference diff(const GraphPtr& a, const GraphPtr& b, const NamedTensors& inputs, const DiffOptions& options) {
  const std::vector<Tensor> inputs_a = inputs_for(*a, inputs);
  NamedTensors named;  // for the second model, which may call its inputs otherwise
  for (std::size_t i = 0; i < inputs_a.size(); ++i) named[(*a)[a->inputs()[i]].name] = inputs_a[i];
  std::vector<Tensor> inputs_b;
  const bool same_names = std::all_of(b->inputs().begin(), b->inputs().end(), [&](ValueId id) { return named.contains((*b)[id].name); });
  SACCADE_CHECK(same_names || b->inputs().size() == inputs_a.size(), invalid_argument, "the models have {} and {} inputs under other names", inputs_a.size(), b->inputs().size());
  for (std::size_t i = 0; i < b->inputs().size(); ++i) {
    const graph::Value& value = (*b)[b->inputs()[i]];
    auto tensor = suited(same_names ? named.at(value.name) : inputs_a[i], value.fact.type);
    SACCADE_CHECK(tensor.has_value(), invalid_argument, "the input '{}' of the second model is {}, which what the first takes does not fit", value.name, graph::to_string(value.fact.type));
    inputs_b.push_back(*tensor);
  }
  const auto outputs_a = run(a, inputs_a, options.device), outputs_b = run(b, inputs_b, options.device);
  ModelDifference result;
  NamedTensors named_a, named_b;
  bool by_name = true;
  for (const auto& output : a->outputs()) by_name = by_name && output_called(*b, output.name).has_value();
  for (std::size_t i = 0; i < outputs_a.size(); ++i) {
    const std::string& name = a->outputs()[i].name;
    const auto j = by_name ? output_called(*b, name) : i < outputs_b.size() ? std::optional(i) : std::nullopt;
    if (!j) {
      Difference missing;
      missing.name = name;
      missing.mismatch = "the other model has no such output";
      result.outputs.push_back(missing);
      continue;
    }
    named_a[name] = outputs_a[i];
    named_b[name] = outputs_b[*j];
    result.outputs.push_back(compare(name, outputs_a[i], outputs_b[*j]));
  }
  judge(named_a, named_b, options, result);
  if (options.layers) compare_values(a, b, inputs_a, inputs_b, options, result);
  return result;
}

ModelDifference verify(const GraphPtr& model, const NamedTensors& reference, const DiffOptions& options) {
  NamedTensors given;
  for (const ValueId id : model->inputs()) {
    const std::string& name = (*model)[id].name;
    for (const std::string& key : {name, plain(name), std::string("input")})
      if (reference.contains(key) && !given.contains(name)) given[name] = reference.at(key);
  }
  const auto outputs = run(model, inputs_for(*model, given), options.device);
  ModelDifference result;
  NamedTensors named;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const std::string& name = model->outputs()[i].name;
    auto found = reference.find(name);
    if (found == reference.end()) found = reference.find(plain(name));
    if (found == reference.end()) continue;
    named[name] = outputs[i];
    result.outputs.push_back(compare(name, outputs[i], found->second));
  }
  SACCADE_CHECK(!result.outputs.empty(), invalid_argument, "the reference holds none of the outputs; its arrays must be named like the inputs and outputs of the model");
  judge(named, reference, options, result);
  return result;
}

NamedTensors random_inputs(const Graph& graph, unsigned seed) {
  NamedTensors inputs;
  std::mt19937 generator(seed);
  std::uniform_real_distribution<double> uniform;
  for (const ValueId id : graph.inputs()) {
    const graph::TensorType& type = graph.type(id);
    SACCADE_CHECK(type.shape.ranked(), invalid_argument, "input '{}' has no known rank", graph[id].name);
    Shape shape;
    for (const auto& d : type.shape.dimensions()) shape.push_back(d.is_static() ? d.size() : std::max<std::int64_t>(d.min, 1));
    std::vector<double> values(static_cast<std::size_t>(element_count(shape)));
    for (double& v : values) v = is_float(type.element) ? uniform(generator) : size_in_bytes(type.element) == 1 && type.element != ElementType::boolean ? std::floor(uniform(generator) * 128) : 1;
    inputs[graph[id].name] = from_f64(type.element, shape, values);
  }
  return inputs;
}

}  // namespace saccade::eval
