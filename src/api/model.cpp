// SPDX-License-Identifier: Apache-2.0
// Model: a shared graph with its inputs and outputs told in public terms. A change makes a graph of its own first.
#include "saccade/model.h"

#include <algorithm>

#include "api/batch.h"
#include "api/model_cache.h"
#include "api/ports.h"
#include "base/error.h"
#include "graph/edit.h"
#include "graph/graph.h"
#include "import/preprocess.h"

namespace saccade {
namespace {

Port port_of(const std::string& name, const graph::TensorType& type) {
  Port port{.name = name, .type = type.element, .ranked = type.shape.ranked(), .shape = {}, .shape_text = to_string(type.shape)};
  for (const auto& dimension : type.shape.dimensions()) port.shape.push_back(dimension.is_static() ? dimension.size() : -1);
  return port;
}

}  // namespace

bool Port::is_static() const noexcept {
  return ranked && std::none_of(shape.begin(), shape.end(), [](std::int64_t size) { return size < 0; });
}

Model::Model(std::shared_ptr<const graph::Graph> graph) : graph_(std::move(graph)) { refresh(); }

void Model::require() const { SACCADE_CHECK(graph_ != nullptr, invalid_argument, "the model is empty"); }

void Model::refresh() {
  inputs_.clear();
  outputs_.clear();
  for (const graph::ValueId id : graph_->inputs()) inputs_.push_back(port_of((*graph_)[id].name, graph_->type(id)));
  for (const auto& output : graph_->outputs()) outputs_.push_back(port_of(output.name, graph_->type(output.value)));
}

const std::string& Model::name() const {
  require();
  return graph_->name;
}

const std::vector<Port>& Model::inputs() const {
  require();
  return inputs_;
}

const std::vector<Port>& Model::outputs() const {
  require();
  return outputs_;
}

const Port& Model::input(std::string_view name) const { return inputs()[api::index_of(inputs_, name, "input")]; }

const Port& Model::output(std::string_view name) const { return outputs()[api::index_of(outputs_, name, "output")]; }

const std::map<std::string, std::string>& Model::metadata() const {
  require();
  return graph_->metadata;
}

void Model::reshape(const std::map<std::string, Shape>& shapes) {
  require();
  for (const auto& [name, shape] : shapes) input(name);
  if (origin_ != nullptr && origin_->cached != nullptr) *this = origin_->read();  // an optimised graph takes fewer shapes
  auto changed = std::make_shared<graph::Graph>(*graph_);
  graph::Edit edit(*changed);
  std::int64_t old_batch = -1, new_batch = -1;
  for (const graph::ValueId id : changed->inputs()) {
    const auto given = shapes.find((*changed)[id].name);
    if (given == shapes.end()) continue;
    std::vector<graph::Dimension> dimensions;
    for (const std::int64_t size : given->second) {
      SACCADE_CHECK(size >= -1, invalid_argument, "input '{}' cannot have a size of {}", given->first, size);
      dimensions.push_back(size < 0 ? graph::Dimension::unknown() : graph::Dimension::fixed(size));
    }
    const graph::PartialShape& old = changed->type(id).shape;
    if (old.ranked() && old.rank() == dimensions.size() && old.rank() > 1 && old[0].is_static() && dimensions[0].is_static() && old[0] != dimensions[0]) {
      old_batch = old[0].size();
      new_batch = dimensions[0].size();
    }
    edit.set_fact(id, graph::Fact(changed->type(id).element, graph::PartialShape(std::move(dimensions))));
  }
  if (old_batch >= 0)
    api::infer_with_batch(edit, *graph_, old_batch, new_batch);
  else
    edit.infer_all();
  graph_ = std::move(changed);
  origin_.reset();
  refresh();
}

void Model::set_batch(std::int64_t batch) {
  SACCADE_CHECK(batch >= 1, invalid_argument, "the batch must be 1 or more, not {}", batch);
  std::map<std::string, Shape> shapes;
  for (const Port& port : inputs()) {
    if (port.shape.size() < 2) continue;
    shapes[port.name] = port.shape;
    shapes[port.name][0] = batch;
  }
  reshape(shapes);
}

void Model::add_preprocessing(const Preprocessing& given) {
  SACCADE_CHECK(!given.input.empty() || inputs().size() == 1, invalid_argument, "the model has {} inputs; say which takes pictures", inputs().size());
  const Port port = given.input.empty() ? inputs()[0] : input(given.input);
  SACCADE_CHECK(is_float(port.type), invalid_argument, "input '{}' takes {}; only floats can be made pictures", port.name, to_string(port.type));
  SACCADE_CHECK((given.height == 0) == (given.width == 0), invalid_argument, "pictures of {}x{} pixels cannot be", given.width, given.height);
  if (origin_ != nullptr && origin_->cached != nullptr) *this = origin_->read();  // an optimised graph has no room for more
  auto changed = std::make_shared<graph::Graph>(*graph_);
  import::Preprocessing step{.input = port.name, .mean = given.mean, .scale = given.scale, .reverse_channels = given.reverse_channels, .source_layout = given.layout, .type = ElementType::u8};
  if (step.source_layout.empty())
    for (const graph::ValueId id : changed->inputs())
      if ((*changed)[id].name == port.name) step.source_layout = import::picture_layout(changed->type(id), port.name);
  SACCADE_CHECK(step.source_layout == "NCHW" || step.source_layout == "NHWC", invalid_argument, "pictures come in the layouts NCHW and NHWC, not in {}", step.source_layout);
  if (step.source_layout != "NHWC") step.target_layout = "NHWC";
  if (given.height != 0) step.picture_size = {given.height, given.width};
  import::embed(*changed, {step});
  graph_ = std::move(changed);
  origin_.reset();
  refresh();
}

}  // namespace saccade
