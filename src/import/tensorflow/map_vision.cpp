// SPDX-License-Identifier: Apache-2.0
// Resizing, crops and the suppression of overlapping boxes.
#include "import/tensorflow/layout.h"
#include "import/tensorflow/map.h"
#include "ops/convert.h"
#include "ops/crop_and_resize.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/multiclass_nms.h"
#include "ops/non_max_suppression.h"
#include "ops/pad.h"
#include "ops/reshape.h"
#include "ops/resize.h"
#include "ops/shape_of.h"
#include "tensor/numeric.h"

namespace saccade::tensorflow {
namespace {

using ops::Binary;
using ops::BinaryKind;
using Values = std::vector<ValueId>;
using i64 = std::int64_t;

ValueId converted(NodeContext& c, ValueId value, ElementType type) {
  return c.edit.graph().type(value).element == type ? value : c.op(ops::Convert{type}, {value});
}

// Images [n,h,w,c] and the sizes (h, w).
Values resize(NodeContext& c, ops::Resize op, bool to_f32) {
  const Format format{true, 2};
  op.axes = {2, 3};
  const ValueId x = to_channels_second(c, to_f32 ? converted(c, c.in(0), ElementType::f32) : c.in(0), format);
  return {from_channels_second(c, c.op(op, {x, converted(c, c.in(1), ElementType::i64)}), format)};
}

struct Corners {
  bool align, half_pixel;
};

Corners read_corners(NodeContext& c) {
  const Corners corners{c.flag("align_corners", false), c.flag("half_pixel_centers", false)};
  if (corners.align && corners.half_pixel) c.invalid("align_corners and half_pixel_centers");
  return corners;
}

Values resize_bilinear(NodeContext& c) {
  const Corners corners = read_corners(c);
  ops::Resize op;
  op.mode = ops::ResizeMode::linear;
  op.coordinates = corners.align        ? ops::ResizeCoordinates::align_corners
                   : corners.half_pixel ? ops::ResizeCoordinates::half_pixel
                                        : ops::ResizeCoordinates::asymmetric;
  return resize(c, op, true);
}

Values resize_nearest(NodeContext& c) {
  const Corners corners = read_corners(c);
  ops::Resize op;
  op.coordinates = corners.align        ? ops::ResizeCoordinates::align_corners
                   : corners.half_pixel ? ops::ResizeCoordinates::tf_half_pixel_for_nn
                                        : ops::ResizeCoordinates::asymmetric;
  op.nearest = corners.align ? ops::ResizeNearest::round_prefer_ceil : ops::ResizeNearest::floor;
  return resize(c, op, false);
}

// TensorFlow looks the weights up in a table of 1024 places, which is within 5e-4 of these.
Values resize_bicubic(NodeContext& c) {
  const Corners corners = read_corners(c);
  ops::Resize op;
  op.mode = ops::ResizeMode::cubic;
  op.coordinates = corners.align        ? ops::ResizeCoordinates::align_corners
                   : corners.half_pixel ? ops::ResizeCoordinates::half_pixel
                                        : ops::ResizeCoordinates::asymmetric;
  op.cubic_coeff_a = corners.half_pixel ? -0.5 : -0.75;
  op.exclude_outside = corners.half_pixel;
  return resize(c, op, true);
}

Values crop_and_resize(NodeContext& c) {
  const auto size = c.integers(3);
  if (!size || size->size() != 2) c.unsupported("a crop size that is not constant");
  const std::string method = c.s("method", "bilinear");
  if (method != "bilinear" && method != "nearest") c.invalid("method is '{}'", shown(method));
  const ops::CropAndResize op{*size, method == "bilinear" ? ops::CropMethod::bilinear : ops::CropMethod::nearest, c.f("extrapolation_value", 0)};
  const Format format{true, 2};
  const ValueId x = to_channels_second(c, converted(c, c.in(0), ElementType::f32), format);
  return {from_channels_second(c, c.op(op, {x, c.in(1), c.in(2)}), format)};
}

// What is selected from boxes [b,4] by scores [b]: their places, their scores and their number.
struct Selected {
  ValueId places, scores, count;
};

Selected suppress(NodeContext& c, ValueId iou, ValueId threshold, ValueId sigma) {
  const ValueId boxes = c.op(ops::Unsqueeze{}, {converted(c, c.in(0), ElementType::f32), c.i64({0})});
  const ValueId scores = c.op(ops::Unsqueeze{}, {converted(c, c.in(1), ElementType::f32), c.i64({0, 1})});
  std::vector<ValueId> inputs{boxes, scores, converted(c, c.in(2), ElementType::i64), converted(c, iou, ElementType::f32)};
  if (threshold.valid()) inputs.push_back(converted(c, threshold, ElementType::f32));
  if (sigma.valid()) inputs.push_back(converted(c, sigma, ElementType::f32));
  const Values out = c.node(ops::NonMaxSuppression{ops::BoxEncoding::corner, false, ElementType::i32}, inputs);
  const auto column = [&](ValueId table) { return c.op(ops::Gather{}, {table, c.i64_scalar(2), c.i64_scalar(1)}); };
  return {column(out[0]), column(out[1]), c.op(ops::Reshape{}, {out[2], c.i64(std::span<const i64>{})})};
}

// Filled up with zeros to the number that was asked for.
ValueId padded(NodeContext& c, ValueId list) {
  const ValueId most = c.op(ops::Reshape{}, {converted(c, c.in(2), ElementType::i64), c.i64({1})});
  return c.op(ops::Pad{}, {list, c.i64({0}), c.op(Binary{BinaryKind::Subtract}, {most, c.op(ops::ShapeOf{}, {list})})});
}

Values nms_v1(NodeContext& c) { return {suppress(c, c.scalar(ElementType::f32, c.f("iou_threshold", 0.5)), {}, {}).places}; }
Values nms_v2(NodeContext& c) { return {suppress(c, c.in(3), {}, {}).places}; }
Values nms_v3(NodeContext& c) { return {suppress(c, c.in(3), c.in(4), {}).places}; }
Values nms_v4(NodeContext& c) {
  const bool pads = c.flag("pad_to_max_output_size", false);
  const Selected found = suppress(c, c.in(3), c.in(4), {});
  return {pads ? padded(c, found.places) : found.places, found.count};
}
Values nms_v5(NodeContext& c) {
  const bool pads = c.flag("pad_to_max_output_size", false);
  const Selected found = suppress(c, c.in(3), c.in(4), c.in(5));
  if (!pads) return {found.places, found.scores, found.count};
  return {padded(c, found.places), padded(c, found.scores), found.count};
}

double constant_number(NodeContext& c, std::size_t i) {
  const Tensor* t = c.constant(i);
  if (t == nullptr || t->size() != 1) c.unsupported("input {} is not a constant number", i);
  return element_as_f64(*t, 0);
}

Values combined_nms(NodeContext& c) {
  const bool per_class = c.flag("pad_per_class", false), clip = c.flag("clip_boxes", true);
  ops::MulticlassNms op;
  op.max_per_class = static_cast<i64>(constant_number(c, 2));
  op.max_total = static_cast<i64>(constant_number(c, 3));
  op.iou_threshold = constant_number(c, 4);
  op.score_threshold = constant_number(c, 5);
  if (op.max_per_class < 1 || op.max_total < 1) c.invalid("{} boxes of {} a class", op.max_total, op.max_per_class);
  if (per_class) {
    const PartialShape& scores = c.shape(1);
    if (!scores.ranked() || scores.rank() != 3 || !scores[2].is_static()) c.unsupported("pad_per_class with an unknown number of classes");
    const i64 classes = scores[2].size();
    if (op.max_per_class < op.max_total / std::max<i64>(classes, 1)) op.max_total = op.max_per_class * classes;
  }
  Values out = c.node(op, {c.in(0), c.in(1)});
  if (clip) out[0] = c.op(ops::Unary{ops::UnaryKind::Clamp, 0, 1}, {out[0]});
  return out;
}

constexpr Row kVisionRows[] = {
    {"CombinedNonMaxSuppression", combined_nms},
    {"CropAndResize", crop_and_resize},
    {"NonMaxSuppression", nms_v1},
    {"NonMaxSuppressionV2", nms_v2},
    {"NonMaxSuppressionV3", nms_v3},
    {"NonMaxSuppressionV4", nms_v4},
    {"NonMaxSuppressionV5", nms_v5},
    {"ResizeBicubic", resize_bicubic},
    {"ResizeBilinear", resize_bilinear},
    {"ResizeNearestNeighbor", resize_nearest},
};

}  // namespace

std::span<const Row> vision_rows() { return kVisionRows; }

}  // namespace saccade::tensorflow
