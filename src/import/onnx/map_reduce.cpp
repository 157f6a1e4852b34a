// SPDX-License-Identifier: Apache-2.0
// ONNX's reductions: axes as an attribute, later as an input.
#include "import/onnx/map.h"
#include "ops/range.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/shape_of.h"

namespace saccade::onnx {
namespace {

using Values = std::vector<ValueId>;
using ops::ReduceKind;

ValueId all_axes(NodeContext& c) {
  if (c.shape(0).ranked()) {
    std::vector<std::int64_t> axes(c.shape(0).rank());
    for (std::size_t d = 0; d < axes.size(); ++d) axes[d] = static_cast<std::int64_t>(d);
    return c.i64(axes);
  }
  const ValueId rank = c.op(ops::Squeeze{}, {c.op(ops::ShapeOf{}, {c.op(ops::ShapeOf{}, {c.in(0)})}), c.i64({0})});
  return c.op(ops::Range{}, {c.i64_scalar(0), rank, c.i64_scalar(1)});
}

template <ReduceKind kind>
Values by_attribute(NodeContext& c) {
  const ops::Reduce op{kind, c.flag("keepdims", true)};
  const auto axes = c.ints("axes", {});
  return {c.op(op, {c.in(0), axes.empty() ? all_axes(c) : c.i64(axes)})};
}

template <ReduceKind boolean, ReduceKind kind>
Values by_input(NodeContext& c) {
  const bool keep = c.flag("keepdims", true), none_means_none = c.flag("noop_with_empty_axes", false);
  const ops::Reduce op{c.element(0) == ElementType::boolean ? boolean : kind, keep};
  if (!c.has(1)) return {c.op(op, {c.in(0), none_means_none ? c.i64({}) : all_axes(c)})};
  const PartialShape& axes = c.shape(1);
  if (axes.ranked() && axes.rank() == 1 && axes[0].is_static()) return {c.op(op, {c.in(0), axes[0].size() == 0 && !none_means_none ? all_axes(c) : c.in(1)})};
  if (!none_means_none) c.unsupported("axes of an unknown number");
  return {c.op(op, {c.in(0), c.in(1)})};
}
template <ReduceKind kind>
Values by_input(NodeContext& c) {
  return by_input<kind, kind>(c);
}

#define SACCADE_REDUCTION(Name) {"", "Reduce" #Name, 1, by_attribute<ReduceKind::Name>}, {"", "Reduce" #Name, 18, by_input<ReduceKind::Name>}

constexpr Row kReduceRows[] = {
    SACCADE_REDUCTION(L1),
    SACCADE_REDUCTION(L2),
    SACCADE_REDUCTION(LogSum),
    SACCADE_REDUCTION(LogSumExp),
    SACCADE_REDUCTION(Mean),
    SACCADE_REDUCTION(Prod),
    SACCADE_REDUCTION(SumSquare),
    // from version 20 on these two take booleans, which are "or" and "and"
    {"", "ReduceMax", 1, by_attribute<ReduceKind::Max>},
    {"", "ReduceMax", 18, by_input<ReduceKind::LogicalOr, ReduceKind::Max>},
    {"", "ReduceMin", 1, by_attribute<ReduceKind::Min>},
    {"", "ReduceMin", 18, by_input<ReduceKind::LogicalAnd, ReduceKind::Min>},
    {"", "ReduceSum", 1, by_attribute<ReduceKind::Sum>},
    {"", "ReduceSum", 13, by_input<ReduceKind::Sum>},
};

#undef SACCADE_REDUCTION

}  // namespace

std::span<const Row> reduce_rows() { return kReduceRows; }

}  // namespace saccade::onnx
