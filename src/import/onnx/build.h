// SPDX-License-Identifier: Apache-2.0
// From ModelProto to Graph: names become values, local functions are inlined, sub-graphs become closed graphs, and what
// is not supported is collected over the whole model.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "graph/edit.h"
#include "import/onnx/map.h"
#include "import/onnx/tensors.h"
#include "import/onnx/wire.h"
#include "import/problems.h"

namespace saccade::onnx {

/// A local function while it is being inlined.
struct Call {
  const FunctionProto* function = nullptr;
  std::unordered_map<std::string_view, const AttributeProto*> attributes;
  const Call* outer = nullptr;
};

/// What a name stands for: a value, nothing (an absent optional input), or the result of something unsupported.
struct Binding {
  ValueId value;
  bool poisoned = false;
};

/// A graph under construction; for a sub-graph also the values that it takes from around itself.
struct GraphInProgress {
  std::shared_ptr<graph::Graph> graph = std::make_shared<graph::Graph>();
  Edit edit{*graph};
  std::vector<ValueId> captures;                          // in the graph around it
  std::unordered_map<std::int32_t, ValueId> captured_as;  // by their index there

  /// Whether the value is computed from constants alone.
  bool is_fixed(ValueId value);

 private:
  std::unordered_map<std::int32_t, bool> fixed_;
};

/// The names that nodes can refer to. A sub-graph sees the names of the scope around it, a function only its own.
struct Scope {
  GraphInProgress& target;
  Scope* outer = nullptr;
  const Call* call = nullptr;
  std::unordered_map<std::string_view, Binding> names;
  std::unordered_map<std::string_view, const TensorProto*> initializers;  // converted when first used
  std::unordered_map<std::string_view, const SparseTensorProto*> sparse_initializers;
  std::unordered_map<std::string_view, const TypeProto*> declared;
};

class ModelBuilder {
 public:
  ModelBuilder(const ModelProto& model, TensorSource& source);

  /// Throws Error(unsupported) with everything that is missing, Error(invalid_model) for the first broken rule.
  std::shared_ptr<graph::Graph> build();

  TensorSource& source() { return source_; }
  /// The sub-graph as a closed graph; see NodeContext::g. `inner` sees the names of `scope`.
  Body body(Scope& scope, const GraphProto& proto, std::span<const TensorType> inputs);
  /// Its nodes added to the graph of `scope`; see NodeContext::inlined.
  std::vector<ValueId> inlined(Scope& scope, const GraphProto& proto, const std::vector<ValueId>& inputs);

 private:
  struct Poisoned {};  // thrown through a mapping function whose sub-graph holds something unsupported

  std::int64_t version(const Scope& scope, std::string_view domain) const;
  const FunctionProto* function(const NodeProto& node) const;
  const Row* row(std::string_view domain, std::string_view op, std::int64_t version) const;

  void declare(Scope& scope, const GraphProto& proto);
  std::optional<Binding> lookup(Scope& scope, std::string_view name);
  void bind(Scope& scope, std::string_view name, Binding binding);
  void nodes(Scope& scope, const std::vector<NodeProto>& protos, const std::vector<std::string_view>& needed);
  void node(Scope& scope, const NodeProto& proto);
  void call(Scope& scope, const NodeProto& node, const FunctionProto& function, const std::vector<Binding>& inputs);
  std::vector<ValueId> mapped(Scope& scope, const NodeProto& node, const Row& row, std::vector<ValueId> inputs);
  NodeProto resolved(const Scope& scope, const NodeProto& node) const;
  void scan(const Scope& scope, const NodeProto& node);
  void outputs(Scope& scope, const GraphProto& proto, bool check_types);
  void report(const Scope& scope, const NodeProto& node, std::string reason);

  const ModelProto& model_;
  TensorSource& source_;
  import::Problems problems_;
  std::map<std::pair<std::string_view, std::string_view>, std::vector<Row>> rows_;  // by domain and operator, ascending version
  std::map<std::tuple<std::string_view, std::string_view, std::string_view>, const FunctionProto*> functions_;
  std::size_t nodes_built_ = 0;
  int depth_ = 0;
};

/// A node's name, else that of its first output.
std::string_view name_of(const NodeProto& node);

}  // namespace saccade::onnx
