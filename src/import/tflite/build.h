// SPDX-License-Identifier: Apache-2.0
// From ModelInfo to Graph: tensors become values, sub-graphs closed graphs, and what is not supported is collected.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "graph/edit.h"
#include "import/problems.h"
#include "import/source.h"
#include "import/tflite/map.h"
#include "import/tflite/wire.h"

namespace saccade::tflite {

/// What a tensor has become.
struct Binding {
  ValueId raw, real;
  bool poisoned = false;  // the result of something unsupported

  bool set() const { return raw.valid() || real.valid() || poisoned; }
};

/// The tensors of one use of a sub-graph.
struct Scope {
  graph::Edit& edit;
  const SubgraphInfo& info;
  std::size_t index;
  std::vector<Binding> tensors;
  std::vector<char> produced;  // by an operator or an input
  std::vector<std::optional<std::optional<Quantisation>>> quantisations;

  Scope(graph::Edit& e, const SubgraphInfo& i, std::size_t n)
      : edit(e), info(i), index(n), tensors(i.tensors.size()), produced(i.tensors.size()), quantisations(i.tensors.size()) {}
};

class ModelBuilder {
 public:
  ModelBuilder(const ModelInfo& model, const import::Source& source);

  /// Throws Error(unsupported) with everything that is missing, Error(invalid_model) for the first broken rule.
  std::shared_ptr<graph::Graph> build();

  ValueId raw(Scope& scope, std::int32_t tensor);
  ValueId real(Scope& scope, std::int32_t tensor, const std::string& name);
  const std::optional<Quantisation>& quantisation(Scope& scope, std::int32_t tensor);
  /// A sub-graph's operators on these values; the results are raw.
  Values run(graph::Edit& edit, std::int64_t subgraph, const Values& inputs);

 private:
  struct Poisoned {};  // thrown where an operand is the result of something unsupported

  void operators(Scope& scope, const std::vector<char>& wanted);
  void apply(Scope& scope, const OperatorInfo& info);
  void finish(OperatorContext& context, Scope& scope, const OperatorInfo& info, const Values& values);
  Tensor constant(const TensorInfo& info);
  std::vector<char> needed(const SubgraphInfo& info, const std::vector<std::int32_t>& outputs, const std::vector<std::int32_t>& cut) const;
  std::int32_t find(const SubgraphInfo& info, const std::string& name) const;
  void note(const std::string& text);

  const ModelInfo& model_;
  const import::Source& source_;
  import::Problems problems_;
  std::unordered_map<std::int32_t, Row> rows_;
  std::unordered_map<std::string_view, Row> custom_rows_;
  std::vector<std::size_t> running_;  // sub-graphs that are being built, for cycles
  std::vector<std::string> notes_;
  std::size_t operators_built_ = 0;
};

}  // namespace saccade::tflite
