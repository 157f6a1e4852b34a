// SPDX-License-Identifier: Apache-2.0
// TFLite's operators on indices: gathering, scattering, searching.
#include <limits>

#include "import/tflite/map.h"
#include "ops/broadcast.h"
#include "ops/gather.h"
#include "ops/non_zero.h"
#include "ops/one_hot.h"
#include "ops/pad.h"
#include "ops/range.h"
#include "ops/scatter.h"
#include "ops/select.h"

namespace saccade::tflite {
namespace {

using ops::BinaryKind;
using ops::ReduceKind;

Values gather(OperatorContext& c) {
  return {c.op(ops::Gather{c.options().integer(gather::batch_dims)},
               {c.carried(0), c.index(1), c.i64_scalar(c.options().integer(gather::axis))})};
}

Values gather_nd(OperatorContext& c) { return {c.op(ops::GatherND{}, {c.carried(0), c.index(1)})}; }

// (ids, table)
Values embedding_lookup(OperatorContext& c) { return {c.op(ops::Gather{}, {c.carried(1), c.index(0), c.i64_scalar(0)})}; }

// (indices, updates, shape): updates of one place add up.
Values scatter_nd(OperatorContext& c) {
  const ValueId updates = c.real(1);
  return {c.op(ops::ScatterNDUpdate{ops::ScatterNDReduction::sum}, {c.filled(c.like(updates, 0), c.index(2)), c.index(0), updates})};
}

// (indices, shape, values, default); indices as [n, rank], [n] or one.
Values sparse_to_dense(OperatorContext& c) {
  const ValueId fallback = c.real(3), values = c.real(2);
  ValueId indices = c.index(0);
  if (c.rank(indices) == 0) indices = c.reshape(indices, {1, 1});
  if (c.rank(indices) == 1) indices = c.unsqueeze(indices, {1});
  const ValueId updates = c.op(ops::Broadcast{}, {values, c.slice(c.shape_of(indices), 0, 0, 1)});
  return {c.op(ops::ScatterNDUpdate{}, {c.filled(fallback, c.index(1)), indices, updates})};
}

Values one_hot(OperatorContext& c) {
  const auto scalar = [&](ValueId v) { return c.rank(v) == 0 ? v : c.reshape(v, {}); };
  return {c.op(ops::OneHot{.axis = c.options().integer(0)}, {c.index(0), scalar(c.index(1)), scalar(c.real(2)), scalar(c.real(3))})};
}

Values where(OperatorContext& c) {
  if (c.count() != 1) c.unsupported("{} inputs", c.count());
  return {c.transpose(c.op(ops::NonZero{}, {c.raw(0)}), {1, 0})};
}

Values unique(OperatorContext& c) {
  const Values found = c.node(ops::Unique{.sorted = false}, {c.carried(0)});
  return {found[0], found[2]};
}

// Slices of the data gathered under their segment, in a tensor filled with the neutral element.
Values segments(OperatorContext& c, ValueId count, ops::ScatterNDReduction reduction, double neutral) {
  const ValueId data = c.real(0), ids = c.index(1);
  const std::int64_t inner = static_cast<std::int64_t>(c.rank(ids));
  const ValueId rest = c.slice(c.shape_of(data), 0, inner, std::numeric_limits<std::int64_t>::max());
  const ValueId start = c.filled(c.like(data, neutral), c.concat({c.rank(count) == 0 ? c.unsqueeze(count, {0}) : count, rest}, 0));
  return {c.op(ops::ScatterNDUpdate{reduction}, {start, c.unsqueeze(ids, {-1}), data})};
}

Values segment_sum(OperatorContext& c) {
  const ValueId last = c.reduce(ReduceKind::Max, c.index(1), {0}, false);
  return segments(c, c.add(last, c.i64_scalar(1)), ops::ScatterNDReduction::sum, 0);
}

template <ops::ScatterNDReduction reduction>
Values unsorted_segments(OperatorContext& c) {
  using ops::ScatterNDReduction;
  constexpr double kLargest = std::numeric_limits<float>::max();
  const double neutral = reduction == ScatterNDReduction::sum    ? 0
                         : reduction == ScatterNDReduction::prod ? 1
                         : reduction == ScatterNDReduction::max  ? -kLargest
                                                                 : kLargest;
  return segments(c, c.index(2), reduction, neutral);
}

ValueId diagonal_mask(OperatorContext& c, ValueId rows, ValueId columns) {
  return c.convert(c.op(ops::Eye{ElementType::i32}, {rows, columns, c.i64_scalar(0)}), ElementType::boolean);
}

ValueId size(OperatorContext& c, ValueId x, std::int64_t axis) {
  return c.op(ops::Gather{}, {c.shape_of(x), c.i64_scalar(axis), c.i64_scalar(0)});
}

Values matrix_diag(OperatorContext& c) {
  const ValueId x = c.real(0), n = size(c, x, -1);
  return {c.op(ops::Select{}, {diagonal_mask(c, n, n), c.unsqueeze(x, {-1}), c.like(x, 0)})};
}

Values matrix_set_diag(OperatorContext& c) {
  const ValueId x = c.real(0), diagonal = c.real(1);
  const std::size_t rank = c.rank(x);
  if (rank < 2) c.invalid("a matrix of rank {}", rank);
  const auto &rows = c.shape(x)[rank - 2], &columns = c.shape(x)[rank - 1];
  if (!rows.is_static() || !columns.is_static()) c.unsupported("a matrix of unknown size");
  const ValueId mask = diagonal_mask(c, c.i64_scalar(rows.size()), c.i64_scalar(columns.size()));
  // along the shorter side, so that it broadcasts over the longer one
  return {c.op(ops::Select{}, {mask, rows.size() <= columns.size() ? c.unsqueeze(diagonal, {-1}) : c.unsqueeze(diagonal, {-2}), x})};
}

// The start is moved so that the update fits; then the places are counted up from it.
Values dynamic_update_slice(OperatorContext& c) {
  const Values operands = c.all_carried();
  const std::size_t rank = c.rank(operands[0]);
  if (operands.size() != 3 || rank == 0 || !c.shape(operands[1]).is_static() || c.rank(operands[1]) != rank)
    c.unsupported("an update of unknown shape, or of a scalar");
  const Shape sizes = c.shape(operands[1]).shape();
  const ValueId space = c.subtract(c.shape_of(operands[0]), c.i64(sizes));
  const ValueId start = c.binary(BinaryKind::Minimum, c.binary(BinaryKind::Maximum, c.index(2), c.i64({0})), space);
  Values places;
  for (std::size_t d = 0; d < rank; ++d) {
    std::vector<std::int64_t> along(rank, 1);
    along[d] = -1;
    const ValueId counted = c.op(ops::Range{}, {c.i64_scalar(0), c.i64_scalar(sizes[d]), c.i64_scalar(1)});
    const ValueId first = c.slice(start, 0, static_cast<std::int64_t>(d), static_cast<std::int64_t>(d) + 1);
    places.push_back(c.unsqueeze(c.op(ops::Broadcast{}, {c.reshape(c.add(counted, first), along), c.i64(sizes)}), {-1}));
  }
  return {c.op(ops::ScatterNDUpdate{}, {operands[0], c.concat(places, -1), operands[1]})};
}

constexpr Row kIndexRows[] = {
    {7, "EMBEDDING_LOOKUP", embedding_lookup},
    {36, "GATHER", gather},
    {68, "SPARSE_TO_DENSE", sparse_to_dense},
    {85, "ONE_HOT", one_hot},
    {103, "UNIQUE", unique},
    {107, "GATHER_ND", gather_nd},
    {109, "WHERE", where},
    {113, "MATRIX_DIAG", matrix_diag},
    {115, "MATRIX_SET_DIAG", matrix_set_diag},
    {122, "SCATTER_ND", scatter_nd},
    {125, "SEGMENT_SUM", segment_sum},
    {151, "DYNAMIC_UPDATE_SLICE", dynamic_update_slice},
    {153, "UNSORTED_SEGMENT_PROD", unsorted_segments<ops::ScatterNDReduction::prod>},
    {154, "UNSORTED_SEGMENT_MAX", unsorted_segments<ops::ScatterNDReduction::max>},
    {155, "UNSORTED_SEGMENT_SUM", unsorted_segments<ops::ScatterNDReduction::sum>},
    {157, "UNSORTED_SEGMENT_MIN", unsorted_segments<ops::ScatterNDReduction::min>},
};

}  // namespace

std::span<const Row> index_rows() { return kIndexRows; }

}  // namespace saccade::tflite
