// SPDX-License-Identifier: Apache-2.0
// Layers of versions 2 to 7 that move elements.
#include <numeric>

#include "import/openvino/map.h"
#include "ops/concat.h"
#include "ops/convert.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/pad.h"
#include "ops/reshape.h"
#include "ops/resize.h"
#include "ops/shape_of.h"
#include "ops/slice.h"
#include "ops/split.h"
#include "ops/tile.h"
#include "ops/transpose.h"
#include "tensor/numeric.h"

namespace saccade::openvino {
namespace {

using i64 = std::int64_t;

Values permute(LayerContext& c) { return {c.transposed(c.in(0), c.ints("order"))}; }

Values concat(LayerContext& c) { return {c.op(ops::Concat{c.i("axis", 1)}, c.inputs())}; }

// From `axis` to `end_axis` as one.
Values flatten(LayerContext& c) {
  const auto rank = static_cast<i64>(c.rank(0));
  i64 axis = c.i("axis", 1), end = c.i("end_axis", -1);
  axis = axis < 0 ? axis + rank : axis;
  end = end < 0 ? end + rank : end;
  if (axis < 0 || axis > end || end >= rank) c.invalid("axes {} to {} of rank {}", axis, end, rank);
  std::vector<i64> shape(static_cast<std::size_t>(axis), 0);
  shape.push_back(-1);
  if (end == rank - 1) return {c.reshaped(c.in(0), shape, true)};
  for (i64 d = end + 1; d < rank; ++d) {
    const graph::Dimension size = c.shape(0)[static_cast<std::size_t>(d)];
    if (!size.is_static()) c.unsupported("sizes that are not known before a run");
    shape.push_back(size.size());
  }
  return {c.reshaped(c.in(0), shape, true)};
}

// The shape is an attribute, in later versions an input; only some axes may be meant.
Values reshape(LayerContext& c) {
  if (c.has(1)) {
    c.ignore({"dim", "axis", "num_axes", "special_zero"});
    return {c.op(ops::Reshape{true}, {c.in(0), c.converted(c.in(1), ElementType::i64)})};
  }
  const auto rank = static_cast<i64>(c.rank(0));
  auto dims = c.ints("dim");
  const i64 axis = c.i("axis", 0), count = c.i("num_axes", -1);
  c.ignore({"special_zero"});
  if (dims.empty()) {
    for (const i64 d : c.layer.outputs.empty() ? std::vector<i64>{} : c.layer.outputs[0].dims) dims.push_back(d);
    return {c.reshaped(c.in(0), dims)};
  }
  if (axis != 0 || (count != -1 && count != rank)) c.unsupported("a shape of some of the axes");
  return {c.reshaped(c.in(0), dims, true)};
}

// Parts as the output ports are long.
Values split(LayerContext& c) {
  const i64 axis = c.i("axis", 1);
  c.ignore({"out_sizes", "num_split", "slice_point", "slice_dim"});
  const auto rank = static_cast<i64>(c.rank(0));
  const i64 a = axis < 0 ? axis + rank : axis;
  std::vector<i64> lengths;
  for (const PortSpec& port : c.layer.outputs) {
    if (a < 0 || a >= static_cast<i64>(port.dims.size())) c.invalid("axis {} of an output of rank {}", axis, port.dims.size());
    lengths.push_back(port.dims[static_cast<std::size_t>(a)]);
  }
  return c.node(ops::VariadicSplit{}, {c.in(0), c.i64_scalar(a), c.i64(lengths)});
}

Values tile(LayerContext& c) {
  if (c.has(1)) return {c.op(ops::Tile{}, {c.in(0), c.converted(c.in(1), ElementType::i64)})};
  std::vector<i64> repeats(c.rank(0), 1);
  const i64 axis = c.i("axis", 1), at = axis < 0 ? axis + static_cast<i64>(repeats.size()) : axis;
  if (at < 0 || at >= static_cast<i64>(repeats.size())) c.invalid("axis {} for rank {}", axis, repeats.size());
  repeats[static_cast<std::size_t>(at)] = c.i("tiles");
  return {c.op(ops::Tile{}, {c.in(0), c.i64(repeats)})};
}

// To the size of the second input, or by attributes, from `offset` on.
Values crop(LayerContext& c) {
  const auto axes = c.ints("axis"), offsets = c.ints("offset"), dims = c.ints("dim"), begin = c.ints("crop_begin"), end = c.ints("crop_end");
  std::vector<i64> from, to, steps, list;
  for (std::size_t k = 0; k < axes.size(); ++k) {
    const auto rank = static_cast<i64>(c.rank(0));
    const i64 axis = axes[k] < 0 ? axes[k] + rank : axes[k];
    if (axis < 0 || axis >= rank) c.invalid("axis {} for rank {}", axes[k], rank);
    const auto at = static_cast<std::size_t>(axis);
    const i64 offset = k < offsets.size() ? offsets[k] : k < begin.size() ? begin[k] : 0;
    from.push_back(offset);
    if (k < dims.size()) to.push_back(offset + dims[k]);
    else if (k < end.size()) to.push_back(end[k] == 0 ? std::numeric_limits<std::int32_t>::max() : -end[k]);
    else if (c.has(1) && c.shape(1).ranked() && at < c.shape(1).rank() && c.shape(1)[at].is_static()) to.push_back(offset + c.shape(1)[at].size());
    else c.unsupported("a size that is not known before a run");
    steps.push_back(1);
    list.push_back(axis);
  }
  if (list.empty()) c.invalid("no axes");
  return {c.op(ops::Slice{}, {c.in(0), c.i64(from), c.i64(to), c.i64(steps), c.i64(list)})};
}

// Resampling to the size of the output port, or by a factor.
ValueId resized(LayerContext& c, ops::Resize op, i64 h, i64 w) {
  op.axes = {2, 3};
  return c.op(op, {c.in(0), c.i64({h, w})});
}

std::pair<i64, i64> output_size(LayerContext& c) {
  if (c.layer.outputs.empty() || c.layer.outputs[0].dims.size() != 4) c.unsupported("an output of rank {}", c.layer.outputs.empty() ? 0 : c.layer.outputs[0].dims.size());
  return {c.layer.outputs[0].dims[2], c.layer.outputs[0].dims[3]};
}

Values resample(LayerContext& c) {
  const std::string type = c.s("type");
  const bool antialias = c.flag("antialias", false);
  c.ignore({"factor", "width", "height"});
  const auto [h, w] = output_size(c);
  ops::Resize op;
  if (type == "caffe.ResampleParameter.NEAREST" || type == "nearest") {
    op.mode = ops::ResizeMode::nearest;
    op.coordinates = ops::ResizeCoordinates::asymmetric;
    op.nearest = ops::ResizeNearest::floor;
    return {resized(c, op, h, w)};
  }
  if (type != "caffe.ResampleParameter.LINEAR" && type != "linear") c.unsupported("type '{}'", shown(type));
  op.mode = ops::ResizeMode::linear;
  op.coordinates = ops::ResizeCoordinates::half_pixel;
  op.antialias = op.exclude_outside = antialias;
  return {resized(c, op, h, w)};
}

Values interp(LayerContext& c) {
  const bool corners = c.flag("align_corners", true);
  if (c.i("pad_beg", 0) != 0 || c.i("pad_end", 0) != 0) c.unsupported("pad_beg and pad_end");
  c.ignore({"height", "width", "factor", "shrink_factor", "zoom_factor"});
  const auto [h, w] = output_size(c);
  ops::Resize op;
  op.mode = ops::ResizeMode::linear;
  op.coordinates = corners ? ops::ResizeCoordinates::align_corners : ops::ResizeCoordinates::asymmetric;
  return {resized(c, op, h, w)};
}

Values pad(LayerContext& c) {
  if (c.count() > 1) return c.node(c.filled(ops::Pad{}), c.inputs());
  const Op op = c.filled(ops::Pad{});
  return {c.op(op, {c.in(0), c.i64(c.ints("pads_begin")), c.i64(c.ints("pads_end")), c.like(c.in(0), c.f("pad_value", 0))})};
}

Values gather(LayerContext& c) {
  const i64 axis = c.i("axis", 0);
  // version 2 to 6 could have the indices as floats
  const ValueId indices = is_integer(c.element(1)) ? c.in(1) : c.converted(c.in(1), ElementType::i64);
  return {c.op(ops::Gather{}, {c.in(0), indices, c.i64_scalar(axis)})};
}

Values copy(LayerContext& c) { return {c.in(0)}; }

Values legacy_convert(LayerContext& c) {
  const ElementType type = c.effective(c.given("precision") ? c.type_attribute("precision", ElementType::f32) : c.type_attribute("destination_type", ElementType::f32));
  return {c.converted(c.in(0), type)};
}

constexpr Row kLegacyShapeRows[] = {
    {"Concat", 2, concat},
    {"Convert", 2, legacy_convert},
    {"Copy", 2, copy},
    {"Crop", 2, crop},
    {"Flatten", 2, flatten},
    {"Gather", 2, gather},
    {"Interp", 2, interp},
    {"Pad", 2, pad},
    {"Permute", 2, permute},
    {"Resample", 2, resample},
    {"Reshape", 2, reshape},
    {"Slice", 2, split},
    {"Split", 2, split},
    {"Tile", 2, tile},
};

}  // namespace

std::span<const Row> legacy_shape_rows() { return kLegacyShapeRows; }

}  // namespace saccade::openvino
