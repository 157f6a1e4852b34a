// SPDX-License-Identifier: Apache-2.0
// Operators that move elements, and the arithmetic of shapes.
#include <algorithm>
#include <limits>
#include <numeric>

#include "import/tensorflow/layout.h"
#include "import/tensorflow/map.h"
#include "ops/broadcast.h"
#include "ops/concat.h"
#include "ops/convert.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/pad.h"
#include "ops/range.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/reverse_sequence.h"
#include "ops/select.h"
#include "ops/shape_of.h"
#include "ops/slice.h"
#include "ops/space_to_depth.h"
#include "ops/split.h"
#include "ops/tile.h"
#include "ops/transpose.h"
#include "tensor/numeric.h"

namespace saccade::tensorflow {
namespace {

using ops::Binary;
using ops::BinaryKind;
using Values = std::vector<ValueId>;
using i64 = std::int64_t;

ValueId as_i64(NodeContext& c, ValueId value) {
  return c.edit.graph().type(value).element == ElementType::i64 ? value : c.op(ops::Convert{ElementType::i64}, {value});
}

// A scalar or a vector as a vector.
ValueId as_vector(NodeContext& c, ValueId value) { return c.op(ops::Reshape{}, {value, c.i64({-1})}); }

// The number of elements of a vector input.
std::size_t length(NodeContext& c, std::size_t i) {
  const PartialShape& shape = c.shape(i);
  if (!shape.ranked() || shape.rank() != 1 || !shape[0].is_static()) c.unsupported("input {} of unknown length", i);
  if (shape[0].size() > 64) c.invalid("input {} has {} entries", i, shape[0].size());
  return static_cast<std::size_t>(shape[0].size());
}

i64 constant_axis(NodeContext& c, std::size_t i) {
  const auto axis = c.integers(i);
  if (!axis || axis->size() != 1) c.unsupported("an axis that is not constant");
  return axis->front();
}

Values shape_of(NodeContext& c) { return {c.op(ops::ShapeOf{c.type("out_type", ElementType::i32)}, {c.in(0)})}; }

Values shape_n(NodeContext& c) {
  const ElementType type = c.type("out_type", ElementType::i32);
  Values out;
  for (ValueId x : c.inputs()) out.push_back(c.op(ops::ShapeOf{type}, {x}));
  return out;
}

Values rank(NodeContext& c) {
  if (c.shape(0).ranked()) return {c.scalar(ElementType::i32, static_cast<double>(c.shape(0).rank()))};
  const ValueId shape = c.op(ops::ShapeOf{ElementType::i32}, {c.in(0)});
  return {c.op(ops::Reshape{}, {c.op(ops::ShapeOf{ElementType::i32}, {shape}), c.i64(std::span<const i64>{})})};
}

Values size(NodeContext& c) {
  const ElementType type = c.type("out_type", ElementType::i32);
  return {c.op(ops::Reduce{ops::ReduceKind::Prod, false}, {c.op(ops::ShapeOf{type}, {c.in(0)}), c.i64({0})})};
}

Values reshape(NodeContext& c) { return {c.op(ops::Reshape{}, {c.in(0), as_i64(c, c.in(1))})}; }

Values squeeze(NodeContext& c) {
  std::vector<i64> axes = c.ints("squeeze_dims", c.ints("axis", {}));
  if (axes.empty()) return {c.op(ops::Squeeze{}, {c.in(0)})};
  return {c.op(ops::Squeeze{}, {c.in(0), c.i64(axes)})};
}

Values expand_dims(NodeContext& c) { return {c.op(ops::Unsqueeze{}, {c.in(0), c.i64({constant_axis(c, 1)})})}; }

Values transpose(NodeContext& c) { return {c.op(ops::Transpose{}, {c.in(0), as_i64(c, c.in(1))})}; }

Values pack(NodeContext& c) {
  const i64 axis = c.i("axis", 0);
  if (c.count() == 0) c.invalid("nothing to pack");
  std::vector<ValueId> parts;
  for (ValueId x : c.inputs()) parts.push_back(c.op(ops::Unsqueeze{}, {x, c.i64({axis})}));
  return {parts.size() == 1 ? parts[0] : c.op(ops::Concat{axis}, parts)};
}

Values unpack(NodeContext& c) {
  const i64 axis = c.i("axis", 0), count = c.i("num");
  if (count < 0 || count > 1 << 16) c.invalid("num is {}", count);
  if (count == 0) return {};
  std::vector<ValueId> parts{c.in(0)};
  if (count > 1) parts = c.node(ops::Split{count}, {c.in(0), c.i64_scalar(axis)});
  for (ValueId& part : parts) part = c.op(ops::Squeeze{}, {part, c.i64({axis})});
  return parts;
}

ValueId concat_along(NodeContext& c, std::vector<ValueId> parts, i64 axis) { return parts.size() == 1 ? parts[0] : c.op(ops::Concat{axis}, std::move(parts)); }

Values concat_v2(NodeContext& c) {
  if (c.count() < 2) c.invalid("nothing to concatenate");
  std::vector<ValueId> parts = c.inputs();
  parts.pop_back();
  return {concat_along(c, std::move(parts), constant_axis(c, c.count() - 1))};
}

// The axis comes first.
Values concat_v1(NodeContext& c) {
  if (c.count() < 2) c.invalid("nothing to concatenate");
  std::vector<ValueId> parts = c.inputs();
  parts.erase(parts.begin());
  return {concat_along(c, std::move(parts), constant_axis(c, 0))};
}

Values split(NodeContext& c) {
  const i64 parts = c.i("num_split"), axis = constant_axis(c, 0);
  if (parts < 1 || parts > 1 << 16) c.invalid("num_split is {}", parts);
  if (parts == 1) return {c.in(1)};
  return c.node(ops::Split{parts}, {c.in(1), c.i64_scalar(axis)});
}

Values split_v(NodeContext& c) {
  const i64 parts = c.i("num_split"), axis = constant_axis(c, 2);
  if (parts == 1) return {c.in(0)};
  return c.node(ops::VariadicSplit{}, {c.in(0), c.i64_scalar(axis), as_i64(c, c.in(1))});
}

Values tile(NodeContext& c) { return {c.op(ops::Tile{}, {c.in(0), as_i64(c, c.in(1))})}; }

Values broadcast_to(NodeContext& c) { return {c.op(ops::Broadcast{}, {c.in(0), as_i64(c, c.in(1))})}; }

Values fill(NodeContext& c) {
  c.ignore({"index_type"});
  return {c.op(ops::Broadcast{}, {c.in(1), as_i64(c, c.in(0))})};
}

template <int value>
Values filled_like(NodeContext& c) {
  return {c.op(ops::Broadcast{}, {c.scalar(c.element(0), value), c.op(ops::ShapeOf{}, {c.in(0)})})};
}

Values range(NodeContext& c) { return {c.op(ops::Range{c.element(0)}, {c.in(0), c.in(1), c.in(2)})}; }

// Begin and size; a size of -1 means all that is left.
Values slice(NodeContext& c) {
  constexpr i64 end = std::numeric_limits<i64>::max();
  const std::size_t count = c.shape(0).ranked() ? c.rank(0) : length(c, 1);  // one entry a dimension
  const ValueId begin = as_i64(c, c.in(1));
  ValueId stop;
  const auto begins = c.integers(1), sizes = c.integers(2);
  if ((sizes && sizes->size() != count) || (begins && begins->size() != count)) c.invalid("a slice of data of rank {} with {} entries", count, sizes ? sizes->size() : begins->size());
  const std::vector<i64> ones(count, 1);
  if (begins && sizes) {
    std::vector<i64> stops;
    for (std::size_t d = 0; d < count; ++d) {
      if ((*begins)[d] < 0 || (*sizes)[d] < -1) c.invalid("a slice of {} elements from {}", (*sizes)[d], (*begins)[d]);
      stops.push_back((*sizes)[d] == -1 || (*begins)[d] > end - (*sizes)[d] ? end : (*begins)[d] + (*sizes)[d]);
    }
    stop = c.i64(stops);
  } else {
    // each entry by itself, so that those that are known stay known
    std::vector<ValueId> stops;
    for (std::size_t d = 0; d < count; ++d) {
      const auto entry = [&](ValueId list) { return c.op(ops::Gather{}, {list, c.i64({static_cast<i64>(d)}), c.i64_scalar(0)}); };
      if (sizes && (*sizes)[d] == -1) {
        stops.push_back(c.i64({end}));
        continue;
      }
      const ValueId size = entry(as_i64(c, c.in(2))), sum = c.op(Binary{BinaryKind::Add}, {entry(begin), size});
      // negative in the file's sense only where the size is -1, and then the rest is taken
      const auto known = c.edit.graph().fact(size).contents;
      if (sizes || (known.size() == 1 && known[0].min >= 0)) {
        stops.push_back(sum);
        continue;
      }
      const ValueId open = c.op(Binary{BinaryKind::Equal}, {size, c.i64({-1})});
      stops.push_back(c.op(ops::Select{}, {open, c.i64({end}), sum}));
    }
    stop = concat_along(c, stops, 0);
  }
  return {c.op(ops::Slice{}, {c.in(0), begin, stop, c.i64(ones)})};
}

bool bit(i64 mask, std::size_t i) { return i < 63 && (mask >> i & 1) != 0; }

Values strided_slice(NodeContext& c) {
  constexpr i64 end = std::numeric_limits<i64>::max(), front = std::numeric_limits<i64>::min();
  const i64 begin_mask = c.i("begin_mask", 0), end_mask = c.i("end_mask", 0), ellipsis_mask = c.i("ellipsis_mask", 0),
            new_axis_mask = c.i("new_axis_mask", 0), shrink_mask = c.i("shrink_axis_mask", 0);
  const std::size_t count = length(c, 1);
  if (count > 62) c.invalid("{} entries", count);
  const auto begins = c.integers(1), ends = c.integers(2), steps = c.integers(3);
  if (!steps) c.unsupported("strides that are not constant");
  if (steps->size() != count || (begins && begins->size() != count) || (ends && ends->size() != count)) c.invalid("lists of different lengths");
  std::size_t used = 0;  // dimensions of the data that entries other than the ellipsis speak of
  bool ellipsis = false;
  for (std::size_t i = 0; i < count; ++i) {
    if (bit(ellipsis_mask, i)) {
      if (ellipsis) c.invalid("two ellipses");
      ellipsis = true;
    } else if (!bit(new_axis_mask, i)) {
      ++used;
    }
  }
  std::size_t skipped = 0;  // dimensions that the ellipsis stands for
  if (ellipsis) {
    if (c.rank(0) < used) c.invalid("{} ranges for data of rank {}", used, c.rank(0));
    skipped = c.rank(0) - used;
  }
  const ValueId begin = as_i64(c, c.in(1)), stop = as_i64(c, c.in(2));
  std::vector<ValueId> starts, stops;
  std::vector<i64> strides, axes, dropped, added;
  std::size_t axis = 0, place = 0;  // in the data, in the result
  for (std::size_t i = 0; i < count; ++i) {
    if (bit(ellipsis_mask, i)) {
      axis += skipped;
      place += skipped;
      continue;
    }
    if (bit(new_axis_mask, i)) {
      added.push_back(static_cast<i64>(place++));
      continue;
    }
    const i64 step = (*steps)[i];
    if (step == 0) c.invalid("a stride of 0");
    const auto entry = [&](ValueId list) { return c.op(ops::Gather{}, {list, c.i64({static_cast<i64>(i)}), c.i64_scalar(0)}); };
    const bool shrinks = bit(shrink_mask, i);
    const auto at = static_cast<i64>(axis++);
    if (shrinks) {
      // a single element; -1 is the last one
      dropped.push_back(at);
      axes.push_back(at);
      strides.push_back(1);
      if (begins) {
        const i64 b = bit(begin_mask, i) ? 0 : (*begins)[i];
        starts.push_back(c.i64({b}));
        stops.push_back(c.i64({b == -1 ? end : b + 1}));
      } else {
        const ValueId b = bit(begin_mask, i) ? c.i64({0}) : entry(begin);
        starts.push_back(b);
        stops.push_back(c.op(ops::Select{}, {c.op(Binary{BinaryKind::Equal}, {b, c.i64({-1})}), c.i64({end}), c.op(Binary{BinaryKind::Add}, {b, c.i64({1})})}));
      }
      continue;
    }
    ++place;
    if (bit(begin_mask, i) && bit(end_mask, i) && step == 1) continue;
    axes.push_back(at);
    strides.push_back(step);
    starts.push_back(bit(begin_mask, i) ? c.i64({step > 0 ? 0 : end}) : begins ? c.i64({(*begins)[i]}) : entry(begin));
    stops.push_back(bit(end_mask, i) ? c.i64({step > 0 ? end : front}) : ends ? c.i64({(*ends)[i]}) : entry(stop));
  }
  ValueId x = c.in(0);
  if (!axes.empty()) x = c.op(ops::Slice{}, {x, concat_along(c, starts, 0), concat_along(c, stops, 0), c.i64(strides), c.i64(axes)});
  if (!dropped.empty()) x = c.op(ops::Squeeze{}, {x, c.i64(dropped)});
  if (!added.empty()) x = c.op(ops::Unsqueeze{}, {x, c.i64(added)});
  return {x};
}

// Paddings [rank, 2] as those in front and those behind.
std::pair<ValueId, ValueId> paddings(NodeContext& c, std::size_t input) {
  if (const Tensor* known = c.constant(input); known != nullptr && known->rank() == 2 && known->shape()[1] == 2) {
    const auto both = to_i64(*known);
    std::vector<i64> begin, behind;
    for (std::size_t i = 0; i + 1 < both.size(); i += 2) {
      begin.push_back(both[i]);
      behind.push_back(both[i + 1]);
    }
    return {c.i64(begin), c.i64(behind)};
  }
  const ValueId both = as_i64(c, c.in(input));
  const auto column = [&](i64 k) { return c.op(ops::Gather{}, {both, c.i64_scalar(k), c.i64_scalar(1)}); };
  return {column(0), column(1)};
}

Values pad(NodeContext& c) {
  const auto [begin, behind] = paddings(c, 1);
  std::vector<ValueId> inputs{c.in(0), begin, behind};
  if (c.count() > 2) inputs.push_back(c.in(2));
  return {c.op(ops::Pad{}, inputs)};
}

Values mirror_pad(NodeContext& c) {
  const auto [begin, behind] = paddings(c, 1);
  const std::string mode = c.s("mode");
  if (mode != "REFLECT" && mode != "SYMMETRIC") c.invalid("mode is '{}'", shown(mode));
  return {c.op(ops::Pad{mode == "REFLECT" ? ops::PadMode::reflect : ops::PadMode::symmetric}, {c.in(0), begin, behind})};
}

ValueId reversed(NodeContext& c, ValueId x, const std::vector<i64>& axes) {
  if (axes.empty()) return x;
  const std::vector<i64> first(axes.size(), -1), last(axes.size(), std::numeric_limits<i64>::min()), step(axes.size(), -1);
  return c.op(ops::Slice{}, {x, c.i64(first), c.i64(last), c.i64(step), c.i64(axes)});
}

Values reverse_v2(NodeContext& c) {
  const auto axes = c.integers(1);
  if (!axes) c.unsupported("axes that are not constant");
  return {reversed(c, c.in(0), *axes)};
}

// One boolean a dimension.
Values reverse_v1(NodeContext& c) {
  const auto flags = c.integers(1);
  if (!flags) c.unsupported("dimensions that are not constant");
  std::vector<i64> axes;
  for (std::size_t d = 0; d < flags->size(); ++d)
    if ((*flags)[d] != 0) axes.push_back(static_cast<i64>(d));
  return {reversed(c, c.in(0), axes)};
}

Values reverse_sequence(NodeContext& c) {
  return {c.op(ops::ReverseSequence{c.i("batch_dim", 0), c.i("seq_dim")}, {c.in(0), as_i64(c, c.in(1))})};
}

Values roll(NodeContext& c) { return {c.op(ops::Roll{}, {c.in(0), as_vector(c, as_i64(c, c.in(1))), as_vector(c, as_i64(c, c.in(2)))})}; }

template <class T>
Values depth(NodeContext& c) {
  const Format format = read_format(c, 2);
  return {from_channels_second(c, c.op(T{ops::DepthMode::blocks_first, c.i("block_size")}, {to_channels_second(c, c.in(0), format)}), format)};
}

// Blocks and amounts of dimensions 1, 2, … as lists over all dimensions.
template <class T>
Values batch_blocks(NodeContext& c) {
  const auto block = c.integers(1);
  if (!block) c.unsupported("a block shape that is not constant");
  const std::size_t rank = c.rank(0);
  if (block->size() + 1 > rank) c.invalid("{} blocks for data of rank {}", block->size(), rank);
  std::vector<i64> blocks(rank, 1);
  std::copy(block->begin(), block->end(), blocks.begin() + 1);
  const std::vector<i64> rest(rank - 1 - block->size(), 0);
  const auto whole = [&](ValueId some) { return c.op(ops::Concat{0}, rest.empty() ? std::vector{c.i64({0}), some} : std::vector{c.i64({0}), some, c.i64(rest)}); };
  const auto [begin, behind] = paddings(c, 2);
  return {c.op(T{}, {c.in(0), c.i64(blocks), whole(begin), whole(behind)})};
}

// One block size for both dimensions; paddings or crops [2, 2].
template <class T>
Values batch_squares(NodeContext& c) {
  const i64 block = c.i("block_size");
  const auto [begin, behind] = paddings(c, 1);
  const auto whole = [&](ValueId some) { return c.op(ops::Concat{0}, {c.i64({0}), some, c.i64({0})}); };
  return {c.op(T{}, {c.in(0), c.i64({1, block, block, 1}), whole(begin), whole(behind)})};
}

Values broadcast_arguments(NodeContext& c) {
  const auto zeros = [&](std::size_t i) { return c.op(ops::Broadcast{}, {c.scalar(ElementType::i32, 0), as_i64(c, c.in(i))}); };
  return {c.op(ops::ShapeOf{c.element(0)}, {c.op(Binary{BinaryKind::Add}, {zeros(0), zeros(1)})})};
}

Values invert_permutation(NodeContext& c) {
  const auto order = c.integers(0);
  if (!order) c.unsupported("a permutation that is not constant");
  std::vector<i64> inverse(order->size(), -1);
  for (std::size_t i = 0; i < order->size(); ++i) {
    const i64 to = (*order)[i];
    if (to < 0 || to >= static_cast<i64>(inverse.size()) || inverse[static_cast<std::size_t>(to)] >= 0) c.invalid("not a permutation");
    inverse[static_cast<std::size_t>(to)] = static_cast<i64>(i);
  }
  return {c.constant_of(from_i64(c.element(0), {static_cast<i64>(inverse.size())}, inverse))};
}

constexpr Row kShapeRows[] = {
    {"BatchToSpace", batch_squares<ops::BatchToSpace>},
    {"BatchToSpaceND", batch_blocks<ops::BatchToSpace>},
    {"BroadcastArgs", broadcast_arguments},
    {"BroadcastTo", broadcast_to},
    {"Concat", concat_v1},
    {"ConcatV2", concat_v2},
    {"DepthToSpace", depth<ops::DepthToSpace>},
    {"ExpandDims", expand_dims},
    {"Fill", fill},
    {"InvertPermutation", invert_permutation},
    {"MirrorPad", mirror_pad},
    {"OnesLike", filled_like<1>},
    {"Pack", pack},
    {"Pad", pad},
    {"PadV2", pad},
    {"Range", range},
    {"Rank", rank},
    {"Reshape", reshape},
    {"Reverse", reverse_v1},
    {"ReverseSequence", reverse_sequence},
    {"ReverseV2", reverse_v2},
    {"Roll", roll},
    {"Shape", shape_of},
    {"ShapeN", shape_n},
    {"Size", size},
    {"Slice", slice},
    {"SpaceToBatch", batch_squares<ops::SpaceToBatch>},
    {"SpaceToBatchND", batch_blocks<ops::SpaceToBatch>},
    {"SpaceToDepth", depth<ops::SpaceToDepth>},
    {"Split", split},
    {"SplitV", split_v},
    {"Squeeze", squeeze},
    {"StridedSlice", strided_slice},
    {"Tile", tile},
    {"Transpose", transpose},
    {"Unpack", unpack},
    {"ZerosLike", filled_like<0>},
};

}  // namespace

std::span<const Row> shape_rows() { return kShapeRows; }

}  // namespace saccade::tensorflow
