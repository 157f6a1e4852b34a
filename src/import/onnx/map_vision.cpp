// SPDX-License-Identifier: Apache-2.0
// ONNX's resampling, regions and boxes.
#include "import/onnx/map.h"
#include "ops/col2im.h"
#include "ops/grid_sample.h"
#include "ops/linear_algebra.h"
#include "ops/non_max_suppression.h"
#include "ops/resize.h"
#include "ops/roi_align.h"
#include "tensor/numeric.h"

namespace saccade::onnx {
namespace {

using ops::Resize;
using Values = std::vector<ValueId>;
using i64 = std::int64_t;

template <class E>
E one_of(NodeContext& c, std::string_view attribute, const std::string& value,
         std::initializer_list<std::pair<std::string_view, E>> names) {
  for (const auto& [name, e] : names)
    if (name == value) return e;
  c.invalid("{} is '{}'", attribute, shown(value));
}

// An optional input that is given and not an empty tensor, which older files write for an absent one.
bool filled(NodeContext& c, std::size_t i) {
  if (!c.has(i)) return false;
  const PartialShape& shape = c.shape(i);
  return !shape.is_static() || element_count(shape.shape()) > 0;
}

// Drops the axes that keep their size, so that what remains tells which axes are resized. `target`: constant sizes or scales.
Values resize_known(NodeContext& c, Resize op, ValueId target) {
  const Tensor& known = c.edit.graph().constant(target);
  const PartialShape& x = c.shape(0);
  if (!known.defined() || !x.ranked() || op.coordinates == ops::ResizeCoordinates::tf_crop_and_resize ||
      op.aspect != ops::ResizeAspect::stretch)
    return {c.op(op, {c.in(0), target})};
  std::vector<i64> axes = op.axes;
  if (axes.empty())
    for (std::size_t d = 0; d < x.rank(); ++d) axes.push_back(static_cast<i64>(d));
  const bool by_sizes = op.shape_calculation == ops::ResizeShape::sizes;
  if (known.size() != static_cast<i64>(axes.size())) c.invalid("{} targets for {} axes", known.size(), axes.size());
  op.axes.clear();
  std::vector<i64> kept;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const i64 axis = axes[i] < 0 ? axes[i] + static_cast<i64>(x.rank()) : axes[i];
    if (axis < 0 || axis >= static_cast<i64>(x.rank())) c.invalid("axis {} of rank {}", axes[i], x.rank());
    const double value = element_as_f64(known, static_cast<i64>(i));
    const graph::Dimension& size = x[static_cast<std::size_t>(axis)];
    if (by_sizes ? size.is_static() && value == static_cast<double>(size.size()) : value == 1) continue;
    op.axes.push_back(axis);
    kept.push_back(static_cast<i64>(i));
  }
  if (op.axes.empty()) return {c.in(0)};
  if (kept.size() == axes.size()) {
    op.axes = axes;
    return {c.op(op, {c.in(0), target})};
  }
  std::vector<double> values;
  for (i64 k : kept) values.push_back(element_as_f64(known, k));
  const Shape shape{static_cast<i64>(values.size())};
  return {c.op(op, {c.in(0), c.constant_of(from_f64(known.type(), shape, values))})};
}

ops::ResizeMode read_mode(NodeContext& c) {
  return one_of<ops::ResizeMode>(c, "mode", c.s("mode", "nearest"),
                                 {{"nearest", ops::ResizeMode::nearest},
                                  {"linear", ops::ResizeMode::linear},
                                  {"bilinear", ops::ResizeMode::linear},
                                  {"cubic", ops::ResizeMode::cubic}});
}

// What Upsample and Resize meant before version 11.
Resize early(NodeContext& c) {
  Resize op;
  op.mode = read_mode(c);
  op.shape_calculation = ops::ResizeShape::scales;
  op.coordinates = ops::ResizeCoordinates::asymmetric;
  op.nearest = ops::ResizeNearest::simple;
  return op;
}

Values upsample_1(NodeContext& c) {
  const double h = c.f("height_scale"), w = c.f("width_scale");
  const double scales[] = {1, 1, h, w};
  return resize_known(c, early(c), c.constant_of(from_f64(ElementType::f32, {4}, scales)));
}

Values upsample_7(NodeContext& c) {
  const std::vector<double> scales = c.floats("scales");
  return resize_known(c, early(c), c.constant_of(from_f64(ElementType::f32, {static_cast<i64>(scales.size())}, scales)));
}

Values resize_10(NodeContext& c) { return resize_known(c, early(c), c.in(1)); }

Values resize(NodeContext& c) {
  Resize op;
  op.mode = read_mode(c);
  op.coordinates = one_of<ops::ResizeCoordinates>(c, "coordinate_transformation_mode", c.s("coordinate_transformation_mode", "half_pixel"),
                                                  {{"half_pixel", ops::ResizeCoordinates::half_pixel},
                                                   {"half_pixel_symmetric", ops::ResizeCoordinates::half_pixel_symmetric},
                                                   {"pytorch_half_pixel", ops::ResizeCoordinates::pytorch_half_pixel},
                                                   {"align_corners", ops::ResizeCoordinates::align_corners},
                                                   {"asymmetric", ops::ResizeCoordinates::asymmetric},
                                                   {"tf_half_pixel_for_nn", ops::ResizeCoordinates::tf_half_pixel_for_nn},
                                                   {"tf_crop_and_resize", ops::ResizeCoordinates::tf_crop_and_resize}});
  op.nearest = one_of<ops::ResizeNearest>(c, "nearest_mode", c.s("nearest_mode", "round_prefer_floor"),
                                          {{"round_prefer_floor", ops::ResizeNearest::round_prefer_floor},
                                           {"round_prefer_ceil", ops::ResizeNearest::round_prefer_ceil},
                                           {"floor", ops::ResizeNearest::floor},
                                           {"ceil", ops::ResizeNearest::ceil}});
  op.antialias = c.flag("antialias", false);
  op.cubic_coeff_a = c.f("cubic_coeff_a", -0.75);
  op.exclude_outside = c.flag("exclude_outside", false);
  op.extrapolation_value = c.f("extrapolation_value", 0);
  op.axes = c.ints("axes", {});
  const auto aspect = one_of<ops::ResizeAspect>(c, "keep_aspect_ratio_policy", c.s("keep_aspect_ratio_policy", "stretch"),
                                                {{"stretch", ops::ResizeAspect::stretch},
                                                 {"not_larger", ops::ResizeAspect::not_larger},
                                                 {"not_smaller", ops::ResizeAspect::not_smaller}});
  const bool by_sizes = filled(c, 3);
  if (!by_sizes && !filled(c, 2)) c.invalid("neither scales nor sizes");
  op.shape_calculation = by_sizes ? ops::ResizeShape::sizes : ops::ResizeShape::scales;
  if (by_sizes) op.aspect = aspect;
  const ValueId target = c.in(by_sizes ? 3 : 2);
  if (op.coordinates == ops::ResizeCoordinates::tf_crop_and_resize) return {c.op(op, {c.in(0), target, c.in(1)})};
  return resize_known(c, op, target);
}

Values grid_sample(NodeContext& c) {
  ops::GridSample op;
  op.align_corners = c.flag("align_corners", false);
  op.mode = one_of<ops::GridSampleMode>(c, "mode", c.s("mode", "bilinear"),
                                        {{"bilinear", ops::GridSampleMode::bilinear},
                                         {"linear", ops::GridSampleMode::bilinear},
                                         {"bicubic", ops::GridSampleMode::bicubic},
                                         {"cubic", ops::GridSampleMode::bicubic},
                                         {"nearest", ops::GridSampleMode::nearest}});
  op.padding_mode = one_of<ops::GridSamplePadding>(c, "padding_mode", c.s("padding_mode", "zeros"),
                                                   {{"zeros", ops::GridSamplePadding::zeros},
                                                    {"border", ops::GridSamplePadding::border},
                                                    {"reflection", ops::GridSamplePadding::reflection}});
  return {c.op(op, {c.in(0), c.in(1)})};
}

Values affine_grid(NodeContext& c) { return {c.op(ops::AffineGrid{c.flag("align_corners", false)}, {c.in(0), c.in(1)})}; }

Values roi_align_with(NodeContext& c, std::string_view default_mode) {
  ops::RoiAlign op;
  op.pooled_h = c.i("output_height", 1);
  op.pooled_w = c.i("output_width", 1);
  op.sampling_ratio = c.i("sampling_ratio", 0);
  op.spatial_scale = c.f("spatial_scale", 1);
  op.mode = one_of<ops::RoiAlignMode>(c, "mode", c.s("mode", "avg"), {{"avg", ops::RoiAlignMode::avg}, {"max", ops::RoiAlignMode::max}});
  op.aligned_mode = one_of<ops::RoiAlignAligned>(
      c, "coordinate_transformation_mode", c.s("coordinate_transformation_mode", default_mode),
      {{"output_half_pixel", ops::RoiAlignAligned::asymmetric}, {"half_pixel", ops::RoiAlignAligned::half_pixel}});
  return {c.op(op, {c.in(0), c.in(1), c.in(2)})};
}
Values roi_align_10(NodeContext& c) { return roi_align_with(c, "output_half_pixel"); }
Values roi_align_16(NodeContext& c) { return roi_align_with(c, "half_pixel"); }

Values non_max_suppression(NodeContext& c) {
  ops::NonMaxSuppression op;
  op.box_encoding = c.flag("center_point_box", false) ? ops::BoxEncoding::center : ops::BoxEncoding::corner;
  op.sort_result_descending = false;
  std::vector<ValueId> inputs = c.inputs();
  while (!inputs.empty() && !inputs.back().valid()) inputs.pop_back();
  return {c.node(op, inputs)[0]};
}

Values col2im(NodeContext& c) {
  const auto pads = c.ints("pads", {});
  ops::Col2Im op{c.ints("strides", {}), c.ints("dilations", {}), {}, {}};
  if (pads.size() % 2) c.invalid("{} pads", pads.size());
  op.pads_begin.assign(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(pads.size() / 2));
  op.pads_end.assign(pads.begin() + static_cast<std::ptrdiff_t>(pads.size() / 2), pads.end());
  return {c.op(op, {c.in(0), c.in(1), c.in(2)})};
}

Values det(NodeContext& c) { return {c.op(ops::Det{}, {c.in(0)})}; }

constexpr Row kVisionRows[] = {
    {"", "AffineGrid", 20, affine_grid},
    {"", "Col2Im", 18, col2im},
    {"", "Det", 11, det},
    {"", "GridSample", 16, grid_sample},
    {"", "NonMaxSuppression", 10, non_max_suppression},
    {"", "Resize", 10, resize_10},
    {"", "Resize", 11, resize},
    {"", "RoiAlign", 10, roi_align_10},
    {"", "RoiAlign", 16, roi_align_16},
    {"", "Upsample", 1, upsample_1},
    {"", "Upsample", 7, upsample_7},
    {"", "Upsample", 9, resize_10},
};

}  // namespace

std::span<const Row> vision_rows() { return kVisionRows; }

}  // namespace saccade::onnx
