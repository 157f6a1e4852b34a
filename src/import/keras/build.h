// SPDX-License-Identifier: Apache-2.0
// From a model's configuration to its graph: Sequential and Functional models, nested and shared ones.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "graph/edit.h"
#include "import/keras/layer.h"
#include "import/problems.h"

namespace saccade::keras {

class ModelBuilder {
 public:
  ModelBuilder(const WeightStore& weights, int keras_version);

  /// Throws Error(unsupported) with everything that is missing, Error(invalid_model) for the first broken rule.
  std::shared_ptr<graph::Graph> build(const json& model);

  int keras_version() const { return keras_version_; }
  const WeightStore& weights() const { return weights_; }
  /// A weight as a constant; made once.
  ValueId constant(graph::Edit& edit, const std::string& path, ElementType type);
  /// One call of a layer; model classes are built in place.
  Values call(graph::Edit& edit, const LayerInfo& layer, const Call& call);

 private:
  struct Poisoned {};  // thrown where an argument is the result of something unsupported

  struct Output {
    Values values;
    bool poisoned = false;
  };

  /// The outputs of a model on these inputs; with nullptr they become inputs of the graph.
  Values model(graph::Edit& edit, const json& config, const Values* inputs, const WeightPlace* place);
  Values sequential(graph::Edit& edit, const json& config, const Values* inputs, const WeightPlace* place);
  Values functional(graph::Edit& edit, const json& config, const Values* inputs, const WeightPlace* place);
  Output guarded(graph::Edit& edit, const LayerInfo& layer, const Call& call);
  ValueId input(graph::Edit& edit, const json& config, const std::string& name);
  void note(const std::string& text);

  const WeightStore& weights_;
  int keras_version_;
  import::Problems problems_;
  std::unordered_map<std::string, ValueId> constants_;
  std::vector<std::string> output_names_, notes_;
  std::size_t calls_ = 0;
  int depth_ = 0;
};

/// Members of a configuration, checked. Throw Error(invalid_model).
const json& member(const json& object, const char* key);
std::string text_of(const json& value, const char* what);
std::int64_t integer_of(const json& value, const char* what);

}  // namespace saccade::keras
