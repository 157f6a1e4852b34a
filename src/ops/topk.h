// SPDX-License-Identifier: Apache-2.0
// TopK and ArgMax / ArgMin.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Cost;
using graph::Fact;
using graph::FieldVisitor;

enum class TopKMode { max, min };
enum class TopKSort { value, index, none };

/// (data, k scalar) → the k largest or smallest along an axis and their indices; of equal elements the first wins. NaN counts as the
/// largest (TopK-11).
struct TopK {
  std::int64_t axis = -1;
  TopKMode mode = TopKMode::max;
  TopKSort sort = TopKSort::value;
  ElementType index_element_type = ElementType::i64;
  bool stable = true;

  static constexpr std::string_view kName = "TopK";
  void fields(FieldVisitor& v) {
    v("axis", axis);
    v("mode", mode, {"max", "min"});
    v("sort", sort, {"value", "index", "none"});
    v("index_element_type", index_element_type);
    v("stable", stable);
  }
};

enum class ArgKind { ArgMax, ArgMin };

/// (data) → the index of the largest (smallest) element along an axis, the first or the last of equal ones.
struct ArgReduce {
  ArgKind kind = ArgKind::ArgMax;
  std::int64_t axis = 0;
  bool keep_dims = true;
  bool select_last_index = false;
  ElementType output_type = ElementType::i64;

  std::string_view name() const { return kind == ArgKind::ArgMax ? "ArgMax" : "ArgMin"; }
  void fields(FieldVisitor& v) {
    v("axis", axis);
    v("keep_dims", keep_dims);
    v("select_last_index", select_last_index);
    v("output_type", output_type);
  }
};

std::vector<Fact> infer(const TopK& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const TopK& op, std::span<const Tensor> inputs);
Cost cost(const TopK& op, std::span<const Fact> inputs, std::span<const Fact> outputs);

std::vector<Fact> infer(const ArgReduce& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const ArgReduce& op, std::span<const Tensor> inputs);
Cost cost(const ArgReduce& op, std::span<const Fact> inputs, std::span<const Fact> outputs);

}  // namespace saccade::ops
