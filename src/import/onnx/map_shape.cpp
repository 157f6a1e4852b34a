// SPDX-License-Identifier: Apache-2.0
// ONNX's operators that move, cut, join and make tensors.
#include <algorithm>
#include <limits>

#include "import/onnx/map.h"
#include "ops/broadcast.h"
#include "ops/concat.h"
#include "ops/convert.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/non_zero.h"
#include "ops/pad.h"
#include "ops/range.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/reverse_sequence.h"
#include "ops/scatter.h"
#include "ops/shape_of.h"
#include "ops/slice.h"
#include "ops/space_to_depth.h"
#include "ops/split.h"
#include "ops/tile.h"
#include "ops/transpose.h"
#include "ops/trilu.h"
#include "tensor/numeric.h"

namespace saccade::onnx {
namespace {

using Values = std::vector<ValueId>;
using ops::Binary;
using ops::BinaryKind;

ValueId shape_of(NodeContext& c, ValueId value) { return c.op(ops::ShapeOf{}, {value}); }
ValueId gather(NodeContext& c, ValueId data, ValueId indices) { return c.op(ops::Gather{}, {data, indices, c.i64_scalar(0)}); }
ValueId reshape(NodeContext& c, ValueId data, std::initializer_list<std::int64_t> shape) { return c.op(ops::Reshape{.special_zero = true}, {data, c.i64(shape)}); }
ValueId binary(NodeContext& c, BinaryKind kind, ValueId a, ValueId b) { return c.op(Binary{kind}, {a, b}); }
/// data[from:to] of a vector.
ValueId range_of(NodeContext& c, ValueId data, std::int64_t from, std::int64_t to) { return c.op(ops::Slice{}, {data, c.i64({from}), c.i64({to}), c.i64({1})}); }
constexpr std::int64_t kLastDimension = std::numeric_limits<std::int64_t>::max();

/// How many entries the vector input i has; throws Error(unsupported) if that is not known.
std::int64_t length(const NodeContext& c, std::size_t i) {
  const PartialShape& shape = c.shape(i);
  if (!shape.ranked() || shape.rank() > 1 || (shape.rank() == 1 && !shape[0].is_static())) c.unsupported("input {} of unknown length", i);
  return shape.rank() == 0 ? 1 : shape[0].size();
}

Values transpose(NodeContext& c) {
  auto perm = c.ints("perm", {});
  if (perm.empty() && c.shape(0).ranked())
    for (std::size_t d = c.shape(0).rank(); d-- > 0;) perm.push_back(static_cast<std::int64_t>(d));
  return {c.op(ops::Transpose{}, {c.in(0), c.i64(perm)})};
}

Values reshape_1(NodeContext& c) {
  c.ignore({"consumed_inputs"});
  return {c.op(ops::Reshape{.special_zero = true}, {c.in(0), c.i64(c.ints("shape"))})};
}
Values reshape_5(NodeContext& c) { return {c.op(ops::Reshape{.special_zero = !c.flag("allowzero", false)}, {c.in(0), c.in(1)})}; }

Values flatten(NodeContext& c) {
  std::int64_t axis = c.i("axis", 1);
  if (axis < 0) axis += static_cast<std::int64_t>(c.rank(0));
  if (axis == 0) return {reshape(c, c.in(0), {1, -1})};
  if (axis == 1) return {reshape(c, c.in(0), {0, -1})};
  if (axis < 0 || axis > static_cast<std::int64_t>(c.rank(0))) c.invalid("axis {} for rank {}", axis, c.rank(0));
  const ValueId rows = c.op(ops::Reduce{ops::ReduceKind::Prod, true}, {range_of(c, shape_of(c, c.in(0)), 0, axis), c.i64({0})});
  return {c.op(ops::Reshape{}, {c.in(0), c.op(ops::Concat{0}, {rows, c.i64({-1})})})};
}

Values squeeze_1(NodeContext& c) {
  if (!c.given("axes")) return {c.op(ops::Squeeze{}, {c.in(0)})};
  return {c.op(ops::Squeeze{}, {c.in(0), c.i64(c.ints("axes"))})};
}
Values squeeze_13(NodeContext& c) {
  if (!c.has(1)) return {c.op(ops::Squeeze{}, {c.in(0)})};
  return {c.op(ops::Squeeze{}, {c.in(0), c.in(1)})};
}
Values unsqueeze_1(NodeContext& c) { return {c.op(ops::Unsqueeze{}, {c.in(0), c.i64(c.ints("axes"))})}; }
Values unsqueeze_13(NodeContext& c) { return {c.op(ops::Unsqueeze{}, {c.in(0), c.in(1)})}; }

Values concat_1(NodeContext& c) { return {c.op(ops::Concat{c.i("axis", 1)}, c.inputs())}; }
Values concat_4(NodeContext& c) { return {c.op(ops::Concat{c.i("axis")}, c.inputs())}; }

// n parts, the last one smaller if the dimension does not divide.
Values equal_parts(NodeContext& c, std::int64_t axis, std::int64_t n) {
  if (n < 1 || n > 65536) c.invalid("{} parts", n);
  const PartialShape& shape = c.shape(0);
  const bool divides = !shape.ranked() || [&] {
    const std::int64_t rank = static_cast<std::int64_t>(shape.rank());
    if (axis < -rank || axis >= rank) c.invalid("axis {} for rank {}", axis, rank);
    const auto& d = shape[static_cast<std::size_t>(axis < 0 ? axis + rank : axis)];
    return d.is_static() && d.size() % n == 0;
  }();
  if (divides) return c.node(ops::Split{n}, {c.in(0), c.i64_scalar(axis)});
  const ValueId size = gather(c, shape_of(c, c.in(0)), c.i64({axis}));
  const ValueId part = binary(c, BinaryKind::Divide, binary(c, BinaryKind::Add, size, c.i64({n - 1})), c.i64({n}));
  Values lengths(static_cast<std::size_t>(n) - 1, part);
  lengths.push_back(c.i64({-1}));
  return c.node(ops::VariadicSplit{}, {c.in(0), c.i64_scalar(axis), c.op(ops::Concat{0}, lengths)});
}

Values split_2(NodeContext& c) {
  const std::int64_t axis = c.i("axis", 0);
  if (const auto lengths = c.ints("split", {}); !lengths.empty()) return c.node(ops::VariadicSplit{}, {c.in(0), c.i64_scalar(axis), c.i64(lengths)});
  return equal_parts(c, axis, static_cast<std::int64_t>(c.outputs()));
}
Values split_13(NodeContext& c) {
  const std::int64_t axis = c.i("axis", 0), n = c.i("num_outputs", static_cast<std::int64_t>(c.outputs()));
  if (c.has(1)) return c.node(ops::VariadicSplit{}, {c.in(0), c.i64_scalar(axis), c.in(1)});
  return equal_parts(c, axis, n);
}

Values slice_1(NodeContext& c) {
  const auto starts = c.ints("starts"), ends = c.ints("ends");
  std::vector<std::int64_t> axes(starts.size());
  for (std::size_t i = 0; i < axes.size(); ++i) axes[i] = static_cast<std::int64_t>(i);
  axes = c.ints("axes", axes);
  return {c.op(ops::Slice{}, {c.in(0), c.i64(starts), c.i64(ends), c.i64(std::vector<std::int64_t>(starts.size(), 1)), c.i64(axes)})};
}
Values slice_10(NodeContext& c) {
  Values inputs{c.in(0), c.in(1), c.in(2), c.maybe(4)};
  if (!c.has(4)) inputs[3] = c.op(ops::Broadcast{}, {c.i64_scalar(1), shape_of(c, c.in(1))});
  if (c.constant(1) && !c.has(4)) inputs[3] = c.i64(std::vector<std::int64_t>(static_cast<std::size_t>(length(c, 1)), 1));
  if (c.has(3)) inputs.push_back(c.in(3));
  return {c.op(ops::Slice{}, inputs)};
}

Values pad(NodeContext& c, const std::string& mode, ValueId begin, ValueId end, ValueId value) {
  if (mode == "wrap") return {c.op(ops::PadWrap{}, {c.in(0), begin, end})};
  if (mode != "constant" && mode != "reflect" && mode != "edge") c.invalid("mode is '{}'", shown(mode));
  const auto kind = mode == "constant" ? ops::PadMode::constant : mode == "edge" ? ops::PadMode::edge : ops::PadMode::reflect;
  Values inputs{c.in(0), begin, end};
  if (kind == ops::PadMode::constant && value.valid()) inputs.push_back(value);
  return {c.op(ops::Pad{kind}, inputs)};
}

Values pad_2(NodeContext& c) {
  const auto pads = c.ints(c.version() < 2 ? "paddings" : "pads");
  if (pads.size() % 2 != 0) c.invalid("{} pads", pads.size());
  const auto all = std::span(pads);
  return pad(c, c.s("mode", "constant"), c.i64(all.first(pads.size() / 2)), c.i64(all.last(pads.size() / 2)), c.scalar(c.element(0), c.f("value", 0)));
}

// `entries` at `axes` of a vector of `rank` zeros.
ValueId spread(NodeContext& c, ValueId entries, ValueId axes, std::size_t rank) {
  const ValueId zeros = c.i64(std::vector<std::int64_t>(rank, 0));
  return c.op(ops::ScatterElementsUpdate{}, {zeros, axes, entries, c.i64_scalar(0)});
}

Values pad_11(NodeContext& c) {
  const std::string mode = c.s("mode", "constant");
  const auto pads = c.integers(1), axes = c.integers(3);
  if (pads && pads->size() % 2 != 0) c.invalid("{} pads", pads->size());
  if (pads && (axes || !c.has(3))) {
    const std::size_t n = pads->size() / 2;
    if (!axes) return pad(c, mode, c.i64(std::span(*pads).first(n)), c.i64(std::span(*pads).last(n)), c.maybe(2));
    const auto rank = static_cast<std::int64_t>(c.rank(0));
    std::vector<std::int64_t> begin(c.rank(0), 0), end(c.rank(0), 0);
    if (axes->size() != n) c.invalid("{} axes for {} pads", axes->size(), 2 * n);
    for (std::size_t i = 0; i < n; ++i) {
      const std::int64_t axis = (*axes)[i] < 0 ? (*axes)[i] + rank : (*axes)[i];
      if (axis < 0 || axis >= rank) c.invalid("axis {} for rank {}", (*axes)[i], rank);
      begin[static_cast<std::size_t>(axis)] = (*pads)[i];
      end[static_cast<std::size_t>(axis)] = (*pads)[n + i];
    }
    return pad(c, mode, c.i64(begin), c.i64(end), c.maybe(2));
  }
  const Values halves = c.node(ops::Split{2}, {c.in(1), c.i64_scalar(0)});
  if (!c.has(3)) return pad(c, mode, halves[0], halves[1], c.maybe(2));
  return pad(c, mode, spread(c, halves[0], c.in(3), c.rank(0)), spread(c, halves[1], c.in(3), c.rank(0)), c.maybe(2));
}

Values center_crop_pad(NodeContext& c) {
  const std::size_t rank = c.rank(0);
  ValueId axes;
  const bool given = c.given("axes");
  if (given) axes = c.i64(c.ints("axes"));
  ValueId size = shape_of(c, c.in(0));
  if (given) size = gather(c, size, axes);
  // rounded towards zero: an odd pixel is added or taken at the end
  const ValueId target = c.op(ops::Convert{ElementType::i64}, {c.in(1)});
  const ValueId missing = binary(c, BinaryKind::Subtract, target, size);
  ValueId begin = binary(c, BinaryKind::Divide, missing, c.i64({2}));
  ValueId end = binary(c, BinaryKind::Subtract, missing, begin);
  if (given) {
    begin = spread(c, begin, axes, rank);
    end = spread(c, end, axes, rank);
  }
  return {c.op(ops::Pad{}, {c.in(0), begin, end})};
}

Values tile(NodeContext& c) { return {c.op(ops::Tile{}, {c.in(0), c.in(1)})}; }
Values expand(NodeContext& c) { return {c.op(ops::Broadcast{ops::BroadcastMode::bidirectional}, {c.in(0), c.in(1)})}; }

Values constant_of_shape(NodeContext& c) {
  ValueId value;
  if (c.given("value")) {
    const Tensor tensor = c.t("value");
    if (tensor.size() != 1) c.invalid("a value of {} elements", tensor.size());
    value = c.constant_of(tensor.reshaped({}));
  } else {
    value = c.scalar(ElementType::f32, 0);
  }
  return {c.op(ops::Broadcast{}, {value, c.in(0)})};
}

Values shape(NodeContext& c) {
  const ValueId all = shape_of(c, c.in(0));
  const std::int64_t start = c.i("start", 0), end = c.i("end", kLastDimension);
  return {start == 0 && end == kLastDimension ? all : range_of(c, all, start, end)};
}
Values size(NodeContext& c) { return {c.op(ops::Reduce{ops::ReduceKind::Prod, false}, {shape_of(c, c.in(0)), c.i64({0})})}; }

Values range(NodeContext& c) { return {c.op(ops::Range{c.element(0)}, {c.in(0), c.in(1), c.in(2)})}; }

Values eye_like(NodeContext& c) {
  const ElementType type = c.type("dtype", c.element(0));
  const ValueId size = shape_of(c, c.in(0));
  return {c.op(ops::Eye{type}, {gather(c, size, c.i64_scalar(0)), gather(c, size, c.i64_scalar(1)), c.i64_scalar(c.i("k", 0))})};
}

Values trilu(NodeContext& c) {
  Values inputs{c.in(0)};
  if (c.has(1)) inputs.push_back(c.in(1));
  return {c.op(ops::Trilu{c.flag("upper", true)}, inputs)};
}

Values depth_to_space(NodeContext& c) {
  const std::string mode = c.s("mode", "DCR");
  if (mode != "DCR" && mode != "CRD") c.invalid("mode is '{}'", shown(mode));
  return {c.op(ops::DepthToSpace{mode == "DCR" ? ops::DepthMode::blocks_first : ops::DepthMode::depth_first, c.i("blocksize")}, {c.in(0)})};
}
Values space_to_depth(NodeContext& c) {
  const std::string mode = c.s("mode", "DCR");
  if (mode != "DCR" && mode != "CRD") c.invalid("mode is '{}'", shown(mode));
  return {c.op(ops::SpaceToDepth{mode == "DCR" ? ops::DepthMode::blocks_first : ops::DepthMode::depth_first, c.i("blocksize")}, {c.in(0)})};
}

Values reverse_sequence(NodeContext& c) { return {c.op(ops::ReverseSequence{c.i("batch_axis", 1), c.i("time_axis", 0)}, {c.in(0), c.in(1)})}; }

constexpr Row kShapeRows[] = {
    {"", "CenterCropPad", 18, center_crop_pad},
    {"", "Concat", 1, concat_1},
    {"", "Concat", 4, concat_4},
    {"", "ConstantOfShape", 9, constant_of_shape},
    {"", "DepthToSpace", 1, depth_to_space},
    {"", "Expand", 8, expand},
    {"", "EyeLike", 9, eye_like},
    {"", "Flatten", 1, flatten},
    {"", "Pad", 1, pad_2},
    {"", "Pad", 11, pad_11},
    {"", "Range", 11, range},
    {"", "Reshape", 1, reshape_1},
    {"", "Reshape", 5, reshape_5},
    {"", "ReverseSequence", 10, reverse_sequence},
    {"", "Shape", 1, shape},
    {"", "Size", 1, size},
    {"", "Slice", 1, slice_1},
    {"", "Slice", 10, slice_10},
    {"", "SpaceToDepth", 1, space_to_depth},
    {"", "Split", 2, split_2},
    {"", "Split", 13, split_13},
    {"", "Squeeze", 1, squeeze_1},
    {"", "Squeeze", 13, squeeze_13},
    {"", "Tile", 6, tile},
    {"", "Transpose", 1, transpose},
    {"", "Trilu", 14, trilu},
    {"", "Unsqueeze", 1, unsqueeze_1},
    {"", "Unsqueeze", 13, unsqueeze_13},
};

}  // namespace

std::span<const Row> shape_rows() { return kShapeRows; }

}  // namespace saccade::onnx
