// SPDX-License-Identifier: Apache-2.0
// TFLite's operators that move, cut, join and make tensors.
#include <algorithm>
#include <array>
#include <limits>

#include "import/tflite/map.h"
#include "ops/broadcast.h"
#include "ops/concat.h"
#include "ops/convert.h"
#include "ops/cumulative.h"
#include "ops/gather.h"
#include "ops/pad.h"
#include "ops/range.h"
#include "ops/reshape.h"
#include "ops/reverse_sequence.h"
#include "ops/select.h"
#include "ops/slice.h"
#include "ops/space_to_depth.h"
#include "ops/split.h"
#include "ops/tile.h"

namespace saccade::tflite {
namespace {

using ops::BinaryKind;
using Ints = std::vector<std::int64_t>;
constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kFront = std::numeric_limits<std::int64_t>::min() + 1;

Values reshape(OperatorContext& c) {
  if (c.has(1) && c.rank(c.raw(1)) == 1) return {c.op(ops::Reshape{}, {c.carried(0), c.index(1)})};
  Ints shape;
  for (auto d : c.options().integers(0)) shape.push_back(d);
  return {c.reshape(c.carried(0), shape)};
}

Values squeeze(OperatorContext& c) {
  Ints axes;
  for (auto d : c.options().integers(0)) axes.push_back(d);
  return {axes.empty() ? c.op(ops::Squeeze{}, {c.carried(0)}) : c.op(ops::Squeeze{}, {c.carried(0), c.i64(axes)})};
}

// Its input has been written out already.
Values densify(OperatorContext& c) { return {c.carried(0)}; }

Values expand_dims(OperatorContext& c) { return {c.op(ops::Unsqueeze{}, {c.carried(0), c.index(1)})}; }

Values transpose(OperatorContext& c) {
  const Ints order = c.known_integers(1, "an order of dimensions");
  Ints sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t d = 0; d < sorted.size(); ++d)
    if (sorted[d] != static_cast<std::int64_t>(d) || sorted.size() != c.rank(c.raw(0)))
      c.invalid("not an order of {} dimensions", c.rank(c.raw(0)));
  return {c.transpose(c.carried(0), order)};
}

Values concatenation(OperatorContext& c) {
  const Values parts = c.all_carried();
  if (parts.empty()) c.invalid("no inputs");
  ValueId y = c.op(ops::Concat{c.options().integer(0)}, parts);
  if (c.options().byte(1) != 0) {
    if (c.is_quantised(0) && !is_float(c.element(y))) c.unsupported("a fused activation of quantised data");
    y = c.activated(y, 1);
  }
  return {y};
}

Values pack(OperatorContext& c) {
  const std::int64_t axis = c.options().integer(pack::axis);
  Values parts;
  for (ValueId v : c.all_carried()) parts.push_back(c.unsqueeze(v, {axis}));
  if (parts.empty()) c.invalid("no inputs");
  return {c.op(ops::Concat{axis}, parts)};
}

Values unpack(OperatorContext& c) {
  const std::int64_t axis = c.options().integer(pack::axis);
  const auto count = static_cast<std::int64_t>(c.outputs());
  if (count < 1) c.invalid("no outputs");
  Values parts;
  for (ValueId v : c.node(ops::Split{count}, {c.carried(0), c.i64_scalar(axis)})) parts.push_back(c.squeeze(v, {axis}));
  return parts;
}

Values split(OperatorContext& c) {
  const auto count = static_cast<std::int64_t>(c.outputs());
  if (count < 1) c.invalid("no outputs");
  return c.node(ops::Split{count}, {c.carried(1), c.i64_scalar(c.known_integer(0, "an axis"))});
}

Values split_v(OperatorContext& c) {
  const Ints lengths = c.known_integers(1, "lengths of the parts");
  if (lengths.size() != c.outputs()) c.invalid("{} lengths for {} parts", lengths.size(), c.outputs());
  return c.node(ops::VariadicSplit{}, {c.carried(0), c.i64_scalar(c.known_integer(2, "an axis")), c.i64(lengths)});
}

Values slice(OperatorContext& c) {
  const ValueId begin = c.index(1), size = c.index(2);
  const auto starts = c.fixed_integers(begin), sizes = c.fixed_integers(size);
  ValueId stop;
  if (starts && sizes && starts->size() == sizes->size()) {
    Ints stops;
    for (std::size_t i = 0; i < starts->size(); ++i) {
      if ((*starts)[i] < 0 || (*sizes)[i] < -1 || (*sizes)[i] > (std::int64_t{1} << 40) || (*starts)[i] > (std::int64_t{1} << 40))
        c.invalid("{} elements from {}", (*sizes)[i], (*starts)[i]);
      stops.push_back((*sizes)[i] == -1 ? kEnd : (*starts)[i] + (*sizes)[i]);
    }
    stop = c.i64(stops);
  } else {
    const ValueId rest = c.binary(BinaryKind::Less, size, c.i64({0}));
    stop = c.op(ops::Select{}, {rest, c.i64({kEnd}), c.add(begin, size)});
  }
  const Ints ones(c.rank(c.raw(0)), 1);
  return {c.op(ops::Slice{}, {c.carried(0), begin, stop, c.i64(ones)})};
}

// Which entry of the begins each dimension takes; -1 for one that is taken whole.
struct StridedPlan {
  Ints axes, entries, squeezed, inserted;
};

StridedPlan plan_of(OperatorContext& c, std::int64_t entries, std::int64_t rank) {
  const auto& o = c.options();
  const auto bit = [&](int field, std::int64_t i) { return i < 32 && ((static_cast<std::uint32_t>(o.integer(field)) >> i) & 1) != 0; };
  std::int64_t inserted = 0, ellipses = 0;
  for (std::int64_t i = 0; i < entries; ++i) {
    if (bit(strided_slice::ellipsis_mask, i))
      ++ellipses;
    else if (bit(strided_slice::new_axis_mask, i))
      ++inserted;
  }
  const std::int64_t named = entries - inserted - ellipses;
  if (ellipses > 1 || named > rank) c.invalid("{} entries for {} dimensions", entries, rank);
  StridedPlan plan;
  std::int64_t axis = 0, result = 0;
  for (std::int64_t i = 0; i < entries; ++i) {
    if (bit(strided_slice::ellipsis_mask, i)) {
      axis += rank - named;
      result += rank - named;
    } else if (bit(strided_slice::new_axis_mask, i)) {
      plan.inserted.push_back(result++);
    } else {
      plan.axes.push_back(axis);
      plan.entries.push_back(i);
      if (bit(strided_slice::shrink_axis_mask, i))
        plan.squeezed.push_back(axis);
      else
        ++result;
      ++axis;
    }
  }
  return plan;
}

Values strided_slice_(OperatorContext& c) {
  const Ints strides = c.known_integers(3, "strides");
  const auto& o = c.options();
  ValueId x = c.carried(0);
  const StridedPlan plan = plan_of(c, static_cast<std::int64_t>(strides.size()), static_cast<std::int64_t>(c.rank(x)));
  if (!plan.axes.empty()) {
    const auto bit = [&](int field, std::int64_t i) { return i < 32 && ((static_cast<std::uint32_t>(o.integer(field)) >> i) & 1) != 0; };
    const auto chosen = [&](ValueId list) { return c.op(ops::Gather{}, {list, c.i64(plan.entries), c.i64_scalar(0)}); };
    ValueId begin = chosen(c.index(1)), end = chosen(c.index(2));
    if (o.flag(strided_slice::offset)) end = c.add(begin, end);
    Ints steps, whole_begin, whole_end;
    const auto mask = [&](const auto& set) {
      Tensor t(ElementType::boolean, {static_cast<std::int64_t>(plan.entries.size())});
      for (std::size_t k = 0; k < plan.entries.size(); ++k) t.values<bool>()[k] = set(plan.entries[k]);
      return t;
    };
    bool any_begin = false, any_end = false, any_shrink = false;
    for (auto i : plan.entries) {
      const bool shrink = bit(strided_slice::shrink_axis_mask, i);
      const std::int64_t step = shrink ? 1 : strides[static_cast<std::size_t>(i)];
      if (step == 0) c.invalid("a stride of 0");
      steps.push_back(step);
      whole_begin.push_back(step > 0 ? 0 : kEnd);
      whole_end.push_back(step > 0 ? kEnd : kFront);
      any_begin |= !shrink && bit(strided_slice::begin_mask, i);
      any_end |= !shrink && bit(strided_slice::end_mask, i);
      any_shrink |= shrink;
    }
    const auto is_shrunk = [&](std::int64_t i) { return bit(strided_slice::shrink_axis_mask, i); };
    if (any_begin)
      begin = c.op(ops::Select{}, {c.constant(mask([&](auto i) { return !is_shrunk(i) && bit(strided_slice::begin_mask, i); })),
                                   c.i64(whole_begin), begin});
    if (any_end)
      end = c.op(ops::Select{},
                 {c.constant(mask([&](auto i) { return !is_shrunk(i) && bit(strided_slice::end_mask, i); })), c.i64(whole_end), end});
    if (any_shrink) {
      // behind the last element there is no -1 + 1
      const ValueId last = c.binary(BinaryKind::Equal, begin, c.i64({-1}));
      const ValueId next = c.op(ops::Select{}, {last, c.i64({kEnd}), c.add(begin, c.i64({1}))});
      end = c.op(ops::Select{}, {c.constant(mask(is_shrunk)), next, end});
    }
    x = c.op(ops::Slice{}, {x, begin, end, c.i64(steps), c.i64(plan.axes)});
  }
  if (!plan.squeezed.empty()) x = c.op(ops::Squeeze{}, {x, c.i64(plan.squeezed)});
  if (!plan.inserted.empty()) x = c.op(ops::Unsqueeze{}, {x, c.i64(plan.inserted)});
  return {x};
}

// Columns of the [rank, 2] paddings.
std::array<ValueId, 2> paddings(OperatorContext& c, std::size_t input) {
  if (const auto known = c.integers(input)) {
    Ints before, after;
    for (std::size_t i = 0; i + 1 < known->size(); i += 2) {
      before.push_back((*known)[i]);
      after.push_back((*known)[i + 1]);
    }
    return {c.i64(before), c.i64(after)};
  }
  const Values columns = c.node(ops::Split{2}, {c.index(input), c.i64_scalar(1)});
  return {c.squeeze(columns[0], {1}), c.squeeze(columns[1], {1})};
}

Values pad(OperatorContext& c) {
  const auto amounts = paddings(c, 1);
  c.keeps_grid();
  const ValueId x = c.real(0);
  return {c.op(ops::Pad{ops::PadMode::constant}, {x, amounts[0], amounts[1], c.like(x, 0)})};
}

Values pad_v2(OperatorContext& c) {
  const auto amounts = paddings(c, 1);
  const ValueId x = c.real(0);
  return {c.op(ops::Pad{ops::PadMode::constant}, {x, amounts[0], amounts[1], c.reshape(c.convert(c.real(2), c.element(x)), {})})};
}

Values mirror_pad(OperatorContext& c) {
  const auto amounts = paddings(c, 1);
  return {
      c.op(ops::Pad{c.options().byte(0) == 0 ? ops::PadMode::reflect : ops::PadMode::symmetric}, {c.carried(0), amounts[0], amounts[1]})};
}

std::int64_t block_size(OperatorContext& c) {
  const std::int64_t size = c.options().integer(0);
  if (size < 1) c.invalid("a block of {}", size);
  if (c.rank(c.raw(0)) != 4) c.invalid("an image of rank {}", c.rank(c.raw(0)));
  return size;
}

Values space_to_depth(OperatorContext& c) {
  return {c.channels_last(c.op(ops::SpaceToDepth{ops::DepthMode::blocks_first, block_size(c)}, {c.channels_first(c.carried(0))}))};
}
Values depth_to_space(OperatorContext& c) {
  return {c.channels_last(c.op(ops::DepthToSpace{ops::DepthMode::blocks_first, block_size(c)}, {c.channels_first(c.carried(0))}))};
}

// Blocks and crops name the dimensions behind the batch; the operator wants all.
ValueId over_all(OperatorContext& c, ValueId values, std::int64_t filler) {
  const std::size_t rank = c.rank(c.raw(0));
  if (c.rank(values) != 1 || !c.shape(values)[0].is_static()) c.unsupported("blocks of an unknown number of dimensions");
  const std::int64_t behind = static_cast<std::int64_t>(rank) - 1 - c.shape(values)[0].size();
  if (behind < 0) c.invalid("more blocks than dimensions");
  return c.concat({c.i64({filler}), values, c.i64(Ints(static_cast<std::size_t>(behind), filler))}, 0);
}

template <class Definition>
Values blocks(OperatorContext& c) {
  const auto amounts = paddings(c, 2);
  return {c.op(Definition{}, {c.carried(0), over_all(c, c.index(1), 1), over_all(c, amounts[0], 0), over_all(c, amounts[1], 0)})};
}

// A block of space padded with what stands for zero.
Values space_to_batch(OperatorContext& c) {
  c.keeps_grid();
  const auto amounts = paddings(c, 2);
  return {c.op(ops::SpaceToBatch{}, {c.real(0), over_all(c, c.index(1), 1), over_all(c, amounts[0], 0), over_all(c, amounts[1], 0)})};
}

Values tile(OperatorContext& c) { return {c.op(ops::Tile{}, {c.carried(0), c.index(1)})}; }
Values shape(OperatorContext& c) { return {c.shape_of(c.raw(0))}; }
Values rank(OperatorContext& c) { return {c.i64_scalar(static_cast<std::int64_t>(c.rank(c.raw(0))))}; }
Values fill(OperatorContext& c) { return {c.filled(c.carried(1), c.index(0))}; }
Values zeros_like(OperatorContext& c) { return {c.filled(c.like(c.real(0), 0), c.shape_of(c.raw(0)))}; }
Values broadcast_to(OperatorContext& c) { return {c.op(ops::Broadcast{}, {c.carried(0), c.index(1)})}; }

Values broadcast_args(OperatorContext& c) {
  const ValueId ones[] = {c.filled(c.scalar(ElementType::u8, 1), c.index(0)), c.filled(c.scalar(ElementType::u8, 1), c.index(1))};
  return {c.shape_of(c.multiply(ones[0], ones[1]))};
}

Values range(OperatorContext& c) {
  const auto scalar = [&](std::size_t i) { return c.rank(c.real(i)) == 0 ? c.real(i) : c.reshape(c.real(i), {}); };
  return {c.op(ops::Range{c.element(c.real(0))}, {scalar(0), scalar(1), scalar(2)})};
}

Values reverse(OperatorContext& c) {
  const Ints axes = c.known_integers(1, "axes");
  const std::size_t n = axes.size();
  return {c.op(ops::Slice{}, {c.carried(0), c.i64(Ints(n, kEnd)), c.i64(Ints(n, kFront)), c.i64(Ints(n, -1)), c.i64(axes)})};
}

Values reverse_sequence(OperatorContext& c) {
  return {c.op(ops::ReverseSequence{c.options().integer(reverse_sequence::batch_dim), c.options().integer(reverse_sequence::seq_dim)},
               {c.carried(0), c.index(1)})};
}

Values cumsum(OperatorContext& c) {
  return {c.op(ops::CumSum{c.options().flag(cumsum::exclusive), c.options().flag(cumsum::reverse)},
               {c.real(0), c.i64_scalar(c.known_integer(1, "an axis"))})};
}

Values bitcast(OperatorContext& c) { return {c.op(ops::BitCast{c.output_type(0)}, {c.raw(0)})}; }

constexpr Row kShapeRows[] = {
    {2, "CONCATENATION", concatenation},
    {5, "DEPTH_TO_SPACE", depth_to_space},
    {22, "RESHAPE", reshape},
    {26, "SPACE_TO_DEPTH", space_to_depth},
    {34, "PAD", pad},
    {37, "BATCH_TO_SPACE_ND", blocks<ops::BatchToSpace>},
    {38, "SPACE_TO_BATCH_ND", space_to_batch},
    {39, "TRANSPOSE", transpose},
    {43, "SQUEEZE", squeeze},
    {45, "STRIDED_SLICE", strided_slice_},
    {49, "SPLIT", split},
    {60, "PADV2", pad_v2},
    {65, "SLICE", slice},
    {69, "TILE", tile},
    {70, "EXPAND_DIMS", expand_dims},
    {77, "SHAPE", shape},
    {83, "PACK", pack},
    {88, "UNPACK", unpack},
    {93, "ZEROS_LIKE", zeros_like},
    {94, "FILL", fill},
    {96, "RANGE", range},
    {100, "MIRROR_PAD", mirror_pad},
    {102, "SPLIT_V", split_v},
    {105, "REVERSE_V2", reverse},
    {110, "RANK", rank},
    {112, "REVERSE_SEQUENCE", reverse_sequence},
    {124, "DENSIFY", densify},
    {128, "CUMSUM", cumsum},
    {130, "BROADCAST_TO", broadcast_to},
    {145, "BROADCAST_ARGS", broadcast_args},
    {159, "BITCAST", bitcast},
};

}  // namespace

std::span<const Row> shape_rows() { return kShapeRows; }

}  // namespace saccade::tflite
