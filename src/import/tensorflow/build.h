// SPDX-License-Identifier: Apache-2.0
// From Network to Graph: ports become values, bodies become closed graphs, and what is not supported is collected over the whole model.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "graph/edit.h"
#include "import/problems.h"
#include "import/tensorflow/map.h"
#include "import/tensorflow/network.h"

namespace saccade::tensorflow {

/// A graph under construction.
struct GraphInProgress {
  std::shared_ptr<graph::Graph> graph = std::make_shared<graph::Graph>();
  Edit edit{*graph};

  /// Whether the value is computed from constants alone.
  bool is_fixed(ValueId value);

 private:
  std::unordered_map<std::int32_t, bool> fixed_;
};

/// The values of a network's ports while its graph is built.
struct Scope {
  GraphInProgress& target;
  const Network& network;
  std::vector<std::vector<Binding>> values;  // by node and slot
  std::vector<std::vector<char>> wanted;     // which slots are read
};

/// Where the contents of variables come from.
class Variables {
 public:
  virtual ~Variables() = default;
  /// Throws Error(invalid_model) or Error(not_found) if there is no such variable.
  virtual Tensor read(const Resource& variable) = 0;
};

class Builder {
 public:
  /// `variables` may be nullptr: then a model that needs them is refused.
  explicit Builder(Variables* variables);

  /// The graph of a network: its parameters and its Placeholders become inputs, its outputs keep their names.
  /// Throws Error(unsupported) with everything that is missing, Error(invalid_model) for the first broken rule.
  std::shared_ptr<graph::Graph> build(const Network& network);
  /// The type that a port would have, as far as the nodes that it needs can be built.
  std::optional<TensorType> type_of(const Network& network, Port port);

  /// Thrown through a mapping function whose body holds something unsupported, which has been noted.
  struct Poisoned {};

  Variables* variables() { return variables_; }
  /// Adds the nodes that the outputs need to the graph of `target`, with the parameters being these; returns the outputs, of which
  /// some are poisoned if something is unsupported. A parameter that nothing reads may be undefined.
  std::vector<Binding> nodes(GraphInProgress& target, const Network& network, const std::vector<Binding>& parameters);

 private:
  void node(Scope& scope, int index);
  void scan(const Node& node);
  void report(const Node& node, std::string reason);

  Variables* variables_;
  import::Problems problems_;
  std::unordered_map<std::string_view, Mapper> rows_;
  std::size_t nodes_built_ = 0;
  int depth_ = 0;
};

}  // namespace saccade::tensorflow
