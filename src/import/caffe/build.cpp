// SPDX-License-Identifier: Apache-2.0
// The walk over the layers: blobs become values, in-place layers give them new ones, and what is not supported is collected.
#include "import/caffe/build.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/nearest.h"
#include "graph/edit.h"
#include "import/caffe/map.h"
#include "import/problems.h"

namespace saccade::caffe {
namespace {

using graph::ValueId;

// What a blob's name stands for at some point of the walk.
struct Blob {
  ValueId value;
  bool poisoned = false;  // the result of something unsupported
  bool used = false;
};

class Builder {
 public:
  Builder(const Net& net, const Weights& weights) : net_(net), weights_(weights) {}

  std::shared_ptr<graph::Graph> build(const std::vector<std::string>& outputs) {
    graph_->name = net_.name;
    for (const NetInput& input : net_.inputs) add_input(input.name, input.shape);
    for (const Layer& layer : net_.layers) add(layer);
    problems_.throw_if_any();
    SACCADE_CHECK(!graph_->inputs().empty(), invalid_model, "the definition has no input: neither input_dim nor a layer of type Input");
    set_outputs(outputs);
    edit_.remove_dead();
    return graph_;
  }

 private:
  void add_input(const std::string& name, const Shape& shape) {
    for (const std::int64_t size : shape) SACCADE_CHECK(size >= 0 && size <= (std::int64_t{1} << 40), invalid_model, "input '{}' of shape {}", name, to_string(shape));
    element_count(shape);
    bind(name, {edit_.input(name, graph::TensorType{ElementType::f32, graph::PartialShape(shape)})});
  }

  void bind(const std::string& name, Blob blob) {
    if (!blobs_.contains(name)) order_.push_back(name);
    blobs_[name] = blob;
  }

  void add(const Layer& layer) {
    ErrorContext scope("layer", layer.name);
    if (layer.type == "Input") return input_layer(layer);
    std::vector<ValueId> bottoms;
    bool poisoned = false;
    for (const std::string& name : layer.bottoms) {
      const auto found = blobs_.find(name);
      SACCADE_CHECK(found != blobs_.end(), invalid_model, "the bottom '{}' is the top of no layer before", name);
      found->second.used = true;
      poisoned = poisoned || found->second.poisoned;
      bottoms.push_back(found->second.value);
    }
    if (layer.type == "Silence") return;
    if (layer.type == "MemoryData" && layer.tops.size() >= 1) return;
    std::vector<ValueId> tops;
    if (poisoned)
      scan(layer);
    else if (auto values = mapped(layer, std::move(bottoms)))
      tops = std::move(*values);
    const bool failed = tops.size() < layer.tops.size();
    for (std::size_t i = 0; i < layer.tops.size(); ++i) {
      if (!failed) name_value(tops[i], layer, i);
      bind(layer.tops[i], failed ? Blob{{}, true} : Blob{tops[i]});
    }
  }

  // A value that a layer has made is called like it; one of several like the top.
  void name_value(ValueId value, const Layer& layer, std::size_t i) {
    if (!value.valid() || !(*graph_)[value].name.empty()) return;
    edit_.rename(value, layer.tops.size() == 1 ? layer.name : layer.tops[i]);
  }

  void input_layer(const Layer& layer) {
    const auto shapes = layer.message->message("input_param").all("shape");
    for (std::size_t i = 0; i < layer.tops.size(); ++i) {
      SACCADE_CHECK(!shapes.empty(), invalid_model, "an Input layer without input_param {{ shape {{ dim: … }} }}");
      add_input(layer.tops[i], read_shape(shapes[std::min(i, shapes.size() - 1)]->as_message()));
    }
  }

  // Behind something unsupported only the type can be judged.
  void scan(const Layer& layer) {
    if (row_of(layer.type) == nullptr) report(layer, "this type of layer is not known");
  }

  void report(const Layer& layer, std::string reason) { problems_.add(layer.type, std::move(reason), layer.name); }

  std::optional<std::vector<ValueId>> mapped(const Layer& layer, std::vector<ValueId> bottoms) {
    const Row* row = row_of(layer.type);
    if (row == nullptr) {
      report(layer, "this type of layer is not known; --output cuts the graph before it");
      return std::nullopt;
    }
    if (weights_.is_definition && weights_.net->unknown_fields.contains(layer.name)) {
      report(layer, "its parameters are in a field that only a fork of Caffe knows; give the prototxt");
      return std::nullopt;
    }
    const std::vector<Tensor>* blobs = nullptr;
    if (weights_.net != nullptr) {
      const auto found = weights_.net->blobs.find(layer.name);
      if (found != weights_.net->blobs.end()) blobs = &found->second;
    }
    LayerContext context(edit_, layer, std::move(bottoms), blobs, weights_.file);
    try {
      auto tops = row->map(context);
      for (const std::string& field : context.unread()) report(layer, fmt::format("{} is not supported", field));
      if (tops.size() < layer.tops.size()) fail(ErrorCode::unsupported, "{} tops where {} are possible", layer.tops.size(), tops.size());
      return tops;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::unsupported) throw;
      report(layer, error.message());
      return std::nullopt;
    }
  }

  void set_outputs(const std::vector<std::string>& names) {
    if (names.empty()) {
      for (const std::string& name : order_)
        if (!blobs_[name].used && !is_input(blobs_[name].value)) edit_.output(blobs_[name].value, name);
      SACCADE_CHECK(!graph_->outputs().empty(), invalid_model, "every top is taken by some layer: the definition has no output");
      return;
    }
    for (const std::string& name : names) edit_.output(find_value(name), name);
  }

  // A layer's name before a blob's: an in-place layer shares its blob's with the layer before.
  ValueId find_value(const std::string& name) {
    for (std::size_t v = 0; v < graph_->value_limit(); ++v) {
      const graph::Value& value = (*graph_)[ValueId{static_cast<std::int32_t>(v)}];
      if (value.alive && value.name == name && value.producer.valid()) return value.id;
    }
    const auto found = blobs_.find(name);
    if (found != blobs_.end()) return found->second.value;
    std::vector<std::string_view> known(order_.begin(), order_.end());
    fail(ErrorCode::not_found, "no blob or layer is called '{}'; did you mean '{}'?", name, nearest(name, known));
  }

  bool is_input(ValueId value) const { return std::find(graph_->inputs().begin(), graph_->inputs().end(), value) != graph_->inputs().end(); }

  const Net& net_;
  const Weights& weights_;
  std::shared_ptr<graph::Graph> graph_ = std::make_shared<graph::Graph>();
  graph::Edit edit_{*graph_};
  std::map<std::string, Blob, std::less<>> blobs_;
  std::vector<std::string> order_;  // blobs by their first top
  import::Problems problems_;
};

}  // namespace

std::shared_ptr<graph::Graph> build(const Net& net, const Weights& weights, const std::vector<std::string>& outputs) { return Builder(net, weights).build(outputs); }

}  // namespace saccade::caffe
