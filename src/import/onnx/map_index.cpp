// SPDX-License-Identifier: Apache-2.0
// ONNX's operators with indices, orders and running sums: gathers, scatters, TopK, Unique and so on.
#include "import/onnx/map.h"
#include "ops/cumulative.h"
#include "ops/gather.h"
#include "ops/non_zero.h"
#include "ops/one_hot.h"
#include "ops/reshape.h"
#include "ops/scatter.h"
#include "ops/topk.h"

namespace saccade::onnx {
namespace {

using Values = std::vector<ValueId>;

Values gather(NodeContext& c) { return {c.op(ops::Gather{}, {c.in(0), c.in(1), c.i64_scalar(c.i("axis", 0))})}; }
Values gather_elements(NodeContext& c) { return {c.op(ops::GatherElements{c.i("axis", 0)}, {c.in(0), c.in(1)})}; }
Values gather_nd(NodeContext& c) { return {c.op(ops::GatherND{c.i("batch_dims", 0)}, {c.in(0), c.in(1)})}; }

Values scatter_elements(NodeContext& c) {
  using Reduction = ops::ScatterElementsReduction;
  const std::string name = c.s("reduction", "none");
  Reduction reduction = Reduction::none;
  if (name == "add")
    reduction = Reduction::sum;
  else if (name == "mul")
    reduction = Reduction::prod;
  else if (name == "min")
    reduction = Reduction::min;
  else if (name == "max")
    reduction = Reduction::max;
  else if (name != "none")
    c.invalid("reduction is '{}'", shown(name));
  return {c.op(ops::ScatterElementsUpdate{reduction}, {c.in(0), c.in(1), c.in(2), c.i64_scalar(c.i("axis", 0))})};
}

Values scatter_nd(NodeContext& c) {
  using Reduction = ops::ScatterNDReduction;
  const std::string name = c.s("reduction", "none");
  Reduction reduction = Reduction::none;
  if (name == "add")
    reduction = Reduction::sum;
  else if (name == "mul")
    reduction = Reduction::prod;
  else if (name == "min")
    reduction = Reduction::min;
  else if (name == "max")
    reduction = Reduction::max;
  else if (name != "none")
    c.invalid("reduction is '{}'", shown(name));
  return {c.op(ops::ScatterNDUpdate{reduction}, {c.in(0), c.in(1), c.in(2)})};
}

Values non_zero(NodeContext& c) { return {c.op(ops::NonZero{}, {c.in(0)})}; }

Values unique(NodeContext& c) {
  Values inputs{c.in(0)};
  if (c.given("axis")) inputs.push_back(c.i64_scalar(c.i("axis")));
  return c.node(ops::Unique{.sorted = c.flag("sorted", true)}, inputs);
}

// The data at the positions where the condition holds.
Values compress(NodeContext& c) {
  const bool along = c.given("axis");
  const ValueId data = along ? c.in(0) : c.op(ops::Reshape{}, {c.in(0), c.i64({-1})});
  const ValueId positions = c.op(ops::Reshape{}, {c.op(ops::NonZero{}, {c.in(1)}), c.i64({-1})});
  return {c.op(ops::Gather{}, {data, positions, c.i64_scalar(along ? c.i("axis") : 0)})};
}

Values one_hot(NodeContext& c) {
  const auto value = [&](std::int64_t i) { return c.op(ops::Gather{}, {c.in(2), c.i64_scalar(i), c.i64_scalar(0)}); };
  return {c.op(ops::OneHot{c.i("axis", -1), ops::NegativeIndices::normalize}, {c.in(0), c.in(1), value(1), value(0)})};
}

Values top_k_1(NodeContext& c) { return c.node(ops::TopK{.axis = c.i("axis", -1)}, {c.in(0), c.i64_scalar(c.i("k"))}); }
Values top_k_10(NodeContext& c) {
  ops::TopK op;
  op.axis = c.i("axis", -1);
  op.mode = c.flag("largest", true) ? ops::TopKMode::max : ops::TopKMode::min;
  op.sort = c.flag("sorted", true) ? ops::TopKSort::value : ops::TopKSort::none;
  return c.node(op, {c.in(0), c.in(1)});
}

template <ops::ArgKind kind>
Values arg(NodeContext& c) {
  return {c.op(ops::ArgReduce{kind, c.i("axis", 0), c.flag("keepdims", true), c.flag("select_last_index", false)}, {c.in(0)})};
}

template <class T>
Values cumulative(NodeContext& c) {
  const bool exclusive = c.flag("exclusive", false), reverse = c.flag("reverse", false);
  return {c.op(T{exclusive, reverse}, {c.in(0), c.in(1)})};
}

constexpr Row kIndexRows[] = {
    {"", "ArgMax", 1, arg<ops::ArgKind::ArgMax>},
    {"", "ArgMin", 1, arg<ops::ArgKind::ArgMin>},
    {"", "Compress", 9, compress},
    {"", "CumProd", 26, cumulative<ops::CumProd>},
    {"", "CumSum", 11, cumulative<ops::CumSum>},
    {"", "Gather", 1, gather},
    {"", "GatherElements", 11, gather_elements},
    {"", "GatherND", 11, gather_nd},
    {"", "NonZero", 9, non_zero},
    {"", "OneHot", 9, one_hot},
    {"", "Scatter", 9, scatter_elements},
    {"", "ScatterElements", 11, scatter_elements},
    {"", "ScatterND", 11, scatter_nd},
    {"", "TopK", 1, top_k_1},
    {"", "TopK", 10, top_k_10},
    {"", "Unique", 11, unique},
};

}  // namespace

std::span<const Row> index_rows() { return kIndexRows; }

}  // namespace saccade::onnx
