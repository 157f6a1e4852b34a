// SPDX-License-Identifier: Apache-2.0
// How TFLite's operators become graph operators: rows code → function, and OperatorContext, through which such a function
// sees its operator and builds the replacement. One file map_<family>.cpp a family, listed in map.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "import/node_builder.h"
#include "import/tflite/schema.h"
#include "import/tflite/wire.h"

namespace saccade::tflite {

using graph::PartialShape;
using graph::ValueId;
using import::Values;

class ModelBuilder;
struct Scope;

/// What the numbers of a quantised tensor mean: (q − zero_point) · scale, one pair, or one per index of `axis`.
struct Quantisation {
  std::vector<float> scale;
  std::vector<std::int64_t> zero_point;
  std::int64_t axis = 0;

  bool operator==(const Quantisation&) const = default;
};

/// One operator being imported. Operands are counted as in TFLite's kernels.
///
/// A quantised tensor has two sides: raw(), its integers, and real(), the numbers that they mean. Functions that compute take
/// the real side and return real values, which the importer quantises as the output tensor says; those that only move
/// elements take carried(), which is raw where that gives the same.
class OperatorContext : public import::NodeBuilder {
 public:
  OperatorContext(ModelBuilder& model, Scope& scope, const OperatorInfo& info, std::string name);

  // Inputs. Absent ones are invalid ids.
  std::size_t count() const { return info_.inputs.size(); }
  bool has(std::size_t i) const { return i < info_.inputs.size() && info_.inputs[i] >= 0; }
  ValueId raw(std::size_t i) const;
  ValueId real(std::size_t i);
  /// raw(i) if it is not quantised, or quantised as the outputs are; else real(i).
  ValueId carried(std::size_t i);
  /// All inputs from `first` on: all raw or all real.
  Values all_carried(std::size_t first = 0);
  using NodeBuilder::constant;
  const Tensor* constant(std::size_t i) const { return has(i) ? fixed(raw(i)) : nullptr; }
  std::optional<std::vector<std::int64_t>> integers(std::size_t i) const { return has(i) ? fixed_integers(raw(i)) : std::nullopt; }
  /// Like integers(), but throws Error(unsupported) where they are not known.
  std::vector<std::int64_t> known_integers(std::size_t i, std::string_view what) const;
  /// One known integer.
  std::int64_t known_integer(std::size_t i, std::string_view what) const;
  /// An integer input as i64.
  ValueId index(std::size_t i) const { return convert(raw(i), ElementType::i64); }
  bool is_quantised(std::size_t i) const { return quantisation(i).has_value(); }
  const std::optional<Quantisation>& quantisation(std::size_t i) const;
  const TensorInfo& tensor(std::size_t i) const;

  // Outputs.
  std::size_t outputs() const { return info_.outputs.size(); }
  const TensorInfo& output(std::size_t i) const;
  const std::optional<Quantisation>& output_quantisation(std::size_t i) const;
  /// The element type of an output; throws Error(unsupported) for strings and the like.
  ElementType output_type(std::size_t i) const;
  /// Says that the real results lie on the grid of their quantisation already where input 0 has the same: users compute on
  /// them without rounding in between.
  void keeps_grid() { keeps_grid_ = has(0) && is_quantised(0) && outputs() > 0 && quantisation(0) == output_quantisation(0); }
  bool grid_kept() const { return keeps_grid_; }

  // The operator.
  const Table& options() const { return info_.options; }
  const OperatorInfo& info() const { return info_; }
  /// x behind the activation that is fused into the operator; `field` is its place in the options.
  ValueId activated(ValueId x, int field) const;
  /// SAME or VALID.
  ops::AutoPad padding(int field) const;

  /// A sub-graph as a closed graph that takes values of the types of these.
  graph::GraphPtr body(std::int64_t subgraph, const Values& inputs);
  /// A sub-graph's operators added to this graph.
  Values inlined(std::int64_t subgraph, const Values& inputs);
  /// The same in another graph under construction.
  Values inlined_in(graph::Edit& edit, std::int64_t subgraph, const Values& inputs);

 private:
  ModelBuilder& model_;
  Scope& scope_;
  const OperatorInfo& info_;
  bool keeps_grid_ = false;
};

/// Returns the outputs. Values of the output tensor's element type are taken as they are; real ones are quantised where the
/// tensor is, others are converted.
using Mapper = Values (*)(OperatorContext&);

struct Row {
  std::int32_t code;
  std::string_view name;  ///< of the builtin operator, or of a custom one with code kCustom
  Mapper map;
};

/// All rows of all families.
std::vector<Row> all_rows();

// The families, one function in each map_<family>.cpp.
std::span<const Row> control_rows();
std::span<const Row> detection_rows();
std::span<const Row> elementwise_rows();
std::span<const Row> index_rows();
std::span<const Row> network_rows();
std::span<const Row> recurrent_rows();
std::span<const Row> shape_rows();

}  // namespace saccade::tflite
