// SPDX-License-Identifier: Apache-2.0
// Gathering, scattering, searching and sorting.
#include "import/tensorflow/map.h"
#include "ops/broadcast.h"
#include "ops/convert.h"
#include "ops/cumulative.h"
#include "ops/gather.h"
#include "ops/trilu.h"
#include "ops/non_zero.h"
#include "ops/one_hot.h"
#include "ops/reshape.h"
#include "ops/scatter.h"
#include "ops/topk.h"
#include "ops/transpose.h"

namespace saccade::tensorflow {
namespace {

using Values = std::vector<ValueId>;
using i64 = std::int64_t;

ValueId index_as_i64(NodeContext& c, ValueId value) {
  return c.edit.graph().type(value).element == ElementType::i64 ? value : c.op(ops::Convert{ElementType::i64}, {value});
}

i64 gathered_axis(NodeContext& c, std::size_t i) {
  const auto axis = c.integers(i);
  if (!axis || axis->size() != 1) c.unsupported("an axis that is not constant");
  return axis->front();
}

Values gather(NodeContext& c) {
  c.ignore({"validate_indices"});
  return {c.op(ops::Gather{}, {c.in(0), c.in(1), c.i64_scalar(0)})};
}

Values gather_v2(NodeContext& c) { return {c.op(ops::Gather{c.i("batch_dims", 0)}, {c.in(0), c.in(1), c.i64_scalar(gathered_axis(c, 2))})}; }

Values gather_nd(NodeContext& c) {
  c.ignore({"bad_indices_policy"});
  return {c.op(ops::GatherND{}, {c.in(0), c.in(1)})};
}

// Updates of the same place add up.
Values scatter_nd(NodeContext& c) {
  c.ignore({"bad_indices_policy"});
  const ValueId zeros = c.op(ops::Broadcast{}, {c.scalar(c.element(1), 0), index_as_i64(c, c.in(2))});
  return {c.op(ops::ScatterNDUpdate{ops::ScatterNDReduction::sum}, {zeros, c.in(0), c.in(1)})};
}

template <ops::ScatterNDReduction reduction>
Values tensor_scatter(NodeContext& c) {
  c.ignore({"bad_indices_policy"});
  return {c.op(ops::ScatterNDUpdate{reduction}, {c.in(0), c.in(1), c.in(2)})};
}

Values top_k_with(NodeContext& c, ValueId k, ElementType index_type) {
  return c.node(ops::TopK{-1, ops::TopKMode::max, c.flag("sorted", true) ? ops::TopKSort::value : ops::TopKSort::none, index_type, true}, {c.in(0), k});
}
Values top_k(NodeContext& c) { return top_k_with(c, c.i64_scalar(c.i("k")), ElementType::i32); }
Values top_k_v2(NodeContext& c) { return top_k_with(c, index_as_i64(c, c.in(1)), c.type("index_type", ElementType::i32)); }

// The places of elements other than zero, one a row.
Values where(NodeContext& c) { return {c.op(ops::Transpose{}, {c.op(ops::NonZero{}, {c.in(0)}), c.i64({1, 0})})}; }

Values one_hot(NodeContext& c) {
  c.ignore({"TI"});
  return {c.op(ops::OneHot{c.i("axis", -1), ops::NegativeIndices::ignore}, {c.in(0), c.in(1), c.in(2), c.in(3)})};
}

template <ops::ArgKind kind>
Values arg_reduce(NodeContext& c) {
  return {c.op(ops::ArgReduce{kind, gathered_axis(c, 1), false, false, c.type("output_type", ElementType::i64)}, {c.in(0)})};
}

template <class T>
Values cumulate(NodeContext& c) {
  return {c.op(T{c.flag("exclusive", false), c.flag("reverse", false)}, {c.in(0), c.i64_scalar(gathered_axis(c, 1))})};
}

// Unique elements in the order of their first occurrence, for every element the place of its unique one, and the counts.
Values unique(NodeContext& c) {
  const ElementType type = c.type("out_idx", ElementType::i32);
  const Values out = c.node(ops::Unique{false, type, type}, {c.in(0)});
  return {out[0], out[2], out[3]};
}

Values band_part(NodeContext& c) {
  const auto lower = c.integers(1), upper = c.integers(2);
  if (!lower || !upper || lower->size() != 1 || upper->size() != 1) c.unsupported("a band that is not constant");
  ValueId x = c.in(0);
  if ((*lower)[0] >= 0) x = c.op(ops::Trilu{true}, {x, c.i64_scalar(-(*lower)[0])});
  if ((*upper)[0] >= 0) x = c.op(ops::Trilu{false}, {x, c.i64_scalar((*upper)[0])});
  return {x};
}

constexpr Row kIndexRows[] = {
    {"ArgMax", arg_reduce<ops::ArgKind::ArgMax>},
    {"ArgMin", arg_reduce<ops::ArgKind::ArgMin>},
    {"Cumprod", cumulate<ops::CumProd>},
    {"Cumsum", cumulate<ops::CumSum>},
    {"Gather", gather},
    {"GatherNd", gather_nd},
    {"GatherV2", gather_v2},
    {"MatrixBandPart", band_part},
    {"OneHot", one_hot},
    {"ScatterNd", scatter_nd},
    {"TensorScatterAdd", tensor_scatter<ops::ScatterNDReduction::sum>},
    {"TensorScatterMax", tensor_scatter<ops::ScatterNDReduction::max>},
    {"TensorScatterMin", tensor_scatter<ops::ScatterNDReduction::min>},
    {"TensorScatterSub", tensor_scatter<ops::ScatterNDReduction::sub>},
    {"TensorScatterUpdate", tensor_scatter<ops::ScatterNDReduction::none>},
    {"TopK", top_k},
    {"TopKV2", top_k_v2},
    {"Unique", unique},
    {"UniqueWithCounts", unique},
    {"Where", where},
};

}  // namespace

std::span<const Row> index_rows() { return kIndexRows; }

}  // namespace saccade::tensorflow
