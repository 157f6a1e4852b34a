// SPDX-License-Identifier: Apache-2.0
// Caffe's layers that arrange, cut, join and resample, and those without bottoms.
#include <algorithm>
#include <numeric>

#include "import/caffe/map.h"
#include "ops/concat.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/reshape.h"
#include "ops/resize.h"
#include "ops/shape_of.h"
#include "ops/slice.h"
#include "ops/split.h"
#include "ops/tile.h"
#include "ops/transpose.h"
#include "ops/yolo.h"

namespace saccade::caffe {
namespace {

using ops::Binary;
using ops::BinaryKind;
using Values = std::vector<ValueId>;
using i64 = std::int64_t;

Values concat(LayerContext& c) {
  Parameters& p = c.parameters("concat_param");
  const i64 axis = p.integer("axis", p.integer("concat_dim", 1));
  return {c.op(ops::Concat{static_cast<i64>(c.axis(axis))}, c.inputs())};
}

Values slice(LayerContext& c) {
  Parameters& p = c.parameters("slice_param");
  const std::size_t axis = c.axis(p.integer("axis", p.integer("slice_dim", 1)));
  const std::vector<i64> points = p.integers("slice_point");
  if (c.tops() == 0) return {};
  const ValueId at = c.i64_scalar(static_cast<i64>(axis));
  if (points.empty()) return c.node(ops::Split{static_cast<i64>(c.tops())}, {c.in(0), at});
  if (points.size() + 1 != c.tops()) c.invalid("{} slice points for {} tops", points.size(), c.tops());
  std::vector<i64> lengths;
  i64 before = 0;
  for (const i64 point : points) {
    if (point <= before) c.invalid("slice points that do not grow");
    lengths.push_back(point - before);
    before = point;
  }
  lengths.push_back(-1);
  return c.node(ops::VariadicSplit{}, {c.in(0), at, c.i64(lengths)});
}

// dim: 0 keeps a size, -1 takes what is left; only the axes from `axis` on, num_axes of them, are replaced.
Values reshape(LayerContext& c) {
  Parameters& p = c.parameters("reshape_param");
  Parameters shape = p.message("shape");
  const std::vector<i64> dims = shape.integers("dim");
  const std::size_t rank = c.rank(c.in(0)), axis = c.axis(p.integer("axis", 0), true);
  const i64 count = p.integer("num_axes", -1);
  if (count < -1 || (count >= 0 && static_cast<std::size_t>(count) > rank - axis)) c.invalid("num_axes is {}", count);
  const std::size_t after = count == -1 ? rank : axis + static_cast<std::size_t>(count);
  std::vector<i64> target(axis, 0);
  target.insert(target.end(), dims.begin(), dims.end());
  for (const i64 size : dims)
    if (size < -1) c.invalid("a size of {}", size);
  // the operator's 0 keeps the size at its own place, which behind the replaced axes need not be the same
  const bool moved = target.size() != after;
  for (std::size_t d = after; d < rank; ++d) target.push_back(moved ? c.size(c.in(0), d) : 0);
  return {c.op(ops::Reshape{true}, {c.in(0), c.i64(target)})};
}

Values flatten(LayerContext& c) {
  Parameters& p = c.parameters("flatten_param");
  const std::size_t rank = c.rank(c.in(0)), first = c.axis(p.integer("axis", 1)), last = c.axis(p.integer("end_axis", -1));
  if (last < first) c.invalid("axis {} behind end_axis {}", first, last);
  std::vector<i64> target(first, 0);
  target.push_back(-1);
  for (std::size_t d = last + 1; d < rank; ++d) target.push_back(c.size(c.in(0), d));
  return {c.op(ops::Reshape{true}, {c.in(0), c.i64(target)})};
}

Values permute(LayerContext& c) {
  std::vector<i64> order = c.parameters("permute_param").integers("order");
  const std::size_t rank = c.rank(c.in(0));
  std::vector<bool> used(rank);
  for (const i64 axis : order) {
    if (axis < 0 || axis >= static_cast<i64>(rank) || used[static_cast<std::size_t>(axis)]) c.invalid("order names axis {} wrongly", axis);
    used[static_cast<std::size_t>(axis)] = true;
  }
  for (std::size_t d = 0; d < rank; ++d)
    if (!used[d]) order.push_back(static_cast<i64>(d));
  return {c.op(ops::Transpose{}, {c.in(0), c.i64(order)})};
}

Values crop(LayerContext& c) {
  Parameters& p = c.parameters("crop_param");
  const std::size_t rank = c.rank(c.in(0)), axis = c.axis(p.integer("axis", 2));
  std::vector<i64> offset = p.integers("offset");
  if (c.rank(c.in(1)) != rank) c.invalid("bottoms of ranks {} and {}", rank, c.rank(c.in(1)));
  if (offset.empty()) offset.push_back(0);
  if (offset.size() == 1) offset.assign(rank - axis, offset[0]);
  if (offset.size() != rank - axis) c.invalid("{} offsets for {} axes", offset.size(), rank - axis);
  for (const i64 o : offset)
    if (o < 0 || o > (i64{1} << 40)) c.invalid("an offset of {}", o);
  std::vector<i64> axes(rank - axis);
  std::iota(axes.begin(), axes.end(), static_cast<i64>(axis));
  const ValueId start = c.i64(offset), size = c.op(ops::Gather{}, {c.op(ops::ShapeOf{}, {c.in(1)}), c.i64(axes), c.i64_scalar(0)});
  return {c.op(ops::Slice{}, {c.in(0), start, c.op(Binary{BinaryKind::Add}, {size, start}), c.i64(std::vector<i64>(axes.size(), 1)), c.i64(axes)})};
}

// Bilinear with corners aligned, to sizes given in one of four ways, of the part of the bottom without its borders.
Values interp(LayerContext& c) {
  Parameters& p = c.parameters("interp_param");
  ValueId x = c.in(0);
  if (c.rank(x) != 4) c.unsupported("a bottom of shape {}", graph::to_string(c.shape(x)));
  const i64 begin = p.integer("pad_beg", 0), end = p.integer("pad_end", 0);
  if (begin > 0 || end > 0 || begin < -(1 << 20) || end < -(1 << 20)) c.unsupported("pad_beg {} and pad_end {}; borders can only be cut off", begin, end);
  const auto arithmetic = [&](BinaryKind kind, ValueId value, i64 number) { return c.op(Binary{kind}, {value, c.i64({number})}); };
  if (begin != 0 || end != 0) {
    const ValueId stop = arithmetic(BinaryKind::Add, c.sizes(x, {2, 3}), end);
    x = c.op(ops::Slice{}, {x, c.i64({-begin, -begin}), stop, c.i64({1, 1}), c.i64({2, 3})});
  }
  const i64 height = p.integer("height", 0), width = p.integer("width", 0), shrink = p.integer("shrink_factor", 1), zoom = p.integer("zoom_factor", 1);
  if (shrink < 1 || zoom < 1 || shrink > (1 << 20) || zoom > (1 << 20)) c.invalid("shrink_factor {} and zoom_factor {}", shrink, zoom);
  ValueId target;
  if (c.bottoms() > 1) {
    target = c.sizes(c.in(1), {2, 3});
  } else if (height > 0 && width > 0) {
    target = c.i64({height, width});
  } else if (shrink > 1 || zoom > 1) {
    target = c.sizes(x, {2, 3});
    if (shrink > 1) target = arithmetic(BinaryKind::Add, arithmetic(BinaryKind::Divide, arithmetic(BinaryKind::Subtract, target, 1), shrink), 1);
    if (zoom > 1) target = c.op(Binary{BinaryKind::Add}, {target, arithmetic(BinaryKind::Multiply, arithmetic(BinaryKind::Subtract, target, 1), zoom - 1)});
  } else {
    return {x};
  }
  return {c.op(ops::Resize{.axes = {2, 3}, .mode = ops::ResizeMode::linear, .coordinates = ops::ResizeCoordinates::align_corners}, {x, target})};
}

Values tile(LayerContext& c) {
  Parameters& p = c.parameters("tile_param");
  std::vector<i64> repeats(c.rank(c.in(0)), 1);
  repeats[c.axis(p.integer("axis", 1))] = p.integer("tiles", 1);
  return {c.op(ops::Tile{}, {c.in(0), c.i64(repeats)})};
}

// [n, g·c, …] as [n, g, c, …] with g and c exchanged.
Values shuffle_channel(LayerContext& c) {
  const i64 group = c.parameters("shuffle_channel_param").integer("group", 1);
  const ValueId x = c.in(0);
  const i64 channels = c.size(x, 1);
  if (group < 1 || channels % group != 0) c.invalid("{} channels in {} groups", channels, group);
  const ValueId grouped = c.op(ops::Reshape{true}, {x, c.i64({0, group, channels / group, -1})});
  const ValueId shuffled = c.op(ops::Transpose{}, {grouped, c.i64({0, 2, 1, 3})});
  return {c.op(ops::Reshape{}, {shuffled, c.op(ops::ShapeOf{}, {x})})};
}

Values reorg(LayerContext& c) {
  const char* name = c.layer().message->has("reorg_yolo_param") ? "reorg_yolo_param" : "reorg_param";
  Parameters& p = c.parameters(name);
  if (p.flag("reverse", false)) c.unsupported("reverse");
  return {c.op(ops::ReorgYolo{p.integer("stride", 2)}, {c.in(0)})};
}

Tensor filled(LayerContext& c, const Shape& shape, double value) {
  for (const i64 size : shape)
    if (size < 0 || size > (i64{1} << 31)) c.invalid("a shape of {}", to_string(shape));
  if (element_count(shape) > (i64{1} << 28)) c.invalid("a constant of shape {}", to_string(shape));
  Tensor tensor(ElementType::f32, shape);
  for (float& v : tensor.values<float>()) v = static_cast<float>(value);
  return tensor;
}

Values dummy_data(LayerContext& c) {
  Parameters& p = c.parameters("dummy_data_param");
  const auto shapes = p.all("shape");
  const auto fillers = p.all("data_filler");
  const std::vector<i64> old[] = {p.integers("num"), p.integers("channels"), p.integers("height"), p.integers("width")};
  Values tops;
  for (std::size_t i = 0; i < c.tops(); ++i) {
    Shape shape;
    if (!shapes.empty())
      shape = read_shape(shapes[std::min(i, shapes.size() - 1)]->as_message());
    else
      for (const auto& sizes : old) shape.push_back(sizes.empty() ? 1 : sizes[std::min(i, sizes.size() - 1)]);
    double value = 0;
    if (!fillers.empty()) {
      const auto& filler = fillers[std::min(i, fillers.size() - 1)]->as_message();
      if (filler.text("type", "constant") != "constant") c.unsupported("data of a random filler");
      value = filler.real("value", 0);
    }
    tops.push_back(c.constant(filled(c, shape, value)));
  }
  return tops;
}

Values parameter(LayerContext& c) {
  Parameters shape = c.parameters("parameter_param").message("shape");
  return {c.constant(c.blob(0, shape.integers("dim")))};
}

constexpr Row kShapeRows[] = {
    {"Concat", concat}, {"Crop", crop}, {"DummyData", dummy_data}, {"Flatten", flatten}, {"Interp", interp}, {"Parameter", parameter}, {"Permute", permute}, {"Reorg", reorg}, {"ReorgYolo", reorg},
    {"Reshape", reshape}, {"ShuffleChannel", shuffle_channel}, {"Slice", slice}, {"Tile", tile},
};

}  // namespace

std::span<const Row> shape_rows() { return kShapeRows; }

}  // namespace saccade::caffe
