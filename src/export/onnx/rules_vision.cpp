// SPDX-License-Identifier: Apache-2.0
// Resampling, regions, boxes, attention.
#include <algorithm>
#include <limits>
#include <numeric>

#include "export/decompose.h"
#include "export/onnx/rules.h"
#include "ops/attention.h"
#include "ops/col2im.h"
#include "ops/concat.h"
#include "ops/convert.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/grid_sample.h"
#include "ops/non_max_suppression.h"
#include "ops/reshape.h"
#include "ops/resize.h"
#include "ops/roi_align.h"
#include "ops/shape_of.h"
#include "ops/slice.h"
#include "ops/topk.h"
#include "tensor/numeric.h"

namespace saccade::exporter::onnx {
namespace {

using i64 = std::int64_t;
using ops::Resize;

Values resize(Rewriting& r) {
  const auto& op = r.as<Resize>();
  constexpr const char* kCoordinates[] = {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize"};
  constexpr const char* kModes[] = {"nearest", "linear", "cubic"};
  std::string coordinates = kCoordinates[static_cast<std::size_t>(op.coordinates)];
  if (op.coordinates == ops::ResizeCoordinates::half_pixel_symmetric) need(r, 19);
  ops::ResizeNearest nearest = op.nearest;
  const bool is_nearest = op.mode == ops::ResizeMode::nearest;
  if (op.coordinates == ops::ResizeCoordinates::tf_half_pixel_for_nn) {
    // ⌊(x + ½)·s⌋ is the pixel nearest to (x + ½)·s − ½, of two the upper
    if (!is_nearest || nearest != ops::ResizeNearest::floor) r.inexpressible("tf_half_pixel_for_nn but with nearest 'floor'");
    coordinates = "half_pixel";
    nearest = ops::ResizeNearest::round_prefer_ceil;
  }
  if (is_nearest && nearest == ops::ResizeNearest::simple) {
    // up where the axis shrinks, else down
    const TensorType from = r.type(0), to = r.type(r.out(0));
    if (!from.is_static() || !to.is_static()) r.inexpressible("nearest 'simple' for sizes that are not known before a run");
    bool shrinks = false, grows = false;
    for (std::size_t d = 0; d < from.shape.rank(); ++d) {
      shrinks = shrinks || to.shape[d].size() < from.shape[d].size();
      grows = grows || to.shape[d].size() > from.shape[d].size();
    }
    if (shrinks && grows) r.inexpressible("nearest 'simple' where one axis shrinks and another grows");
    nearest = shrinks ? ops::ResizeNearest::ceil : ops::ResizeNearest::floor;
  }
  constexpr const char* kNearest[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil", "floor"};
  constexpr const char* kAspects[] = {"stretch", "not_larger", "not_smaller"};
  OnnxAttributes attributes{{"mode", std::string(kModes[static_cast<std::size_t>(op.mode)])}, {"coordinate_transformation_mode", coordinates}};
  if (is_nearest) attributes.push_back({"nearest_mode", std::string(kNearest[static_cast<std::size_t>(nearest)])});
  if (op.mode == ops::ResizeMode::cubic) attributes.push_back({"cubic_coeff_a", op.cubic_coeff_a});
  if (op.antialias && !is_nearest) attributes.push_back({"antialias", i64{1}});
  if (op.exclude_outside) attributes.push_back({"exclude_outside", i64{1}});
  if (op.extrapolation_value != 0) attributes.push_back({"extrapolation_value", op.extrapolation_value});
  if (op.aspect != ops::ResizeAspect::stretch) attributes.push_back({"keep_aspect_ratio_policy", std::string(kAspects[static_cast<std::size_t>(op.aspect)])});
  const bool sizes = op.shape_calculation == ops::ResizeShape::sizes;
  ValueId target = r.convert(r.in(1), sizes ? ElementType::i64 : ElementType::f32), roi = r.maybe(2);
  const std::vector<i64> axes = op.axes;
  // older readers know no axes: a target for every axis where the others are known
  const PartialShape shape = r.type(0).shape;
  if (!axes.empty() && !roi.valid() && op.aspect == ops::ResizeAspect::stretch && shape.ranked()) {
    Values parts;
    bool all = true;
    for (std::size_t d = 0; d < shape.rank() && all; ++d) {
      std::size_t at = axes.size();
      for (std::size_t k = 0; k < axes.size(); ++k)
        if ((axes[k] < 0 ? axes[k] + static_cast<i64>(shape.rank()) : axes[k]) == static_cast<i64>(d)) at = k;
      if (at < axes.size()) parts.push_back(r.op(ops::Slice{}, {target, r.i64({static_cast<i64>(at)}), r.i64({static_cast<i64>(at) + 1}), r.i64({1})}));
      else if (!sizes) parts.push_back(r.constant_of(Tensor::from<float>({1}, {1.0f})));
      else if (shape[d].is_static()) parts.push_back(r.i64({shape[d].size()}));
      else all = false;
    }
    if (all) {
      const Tensor known_target = r.edit.graph().constant(target);
      target = r.op(ops::Concat{0}, parts);
      if (const Tensor whole = r.edit.graph().constant(target); whole.defined() && known_target.defined()) target = r.constant_of(whole);
    } else {
      attributes.push_back({"axes", axes});
    }
  } else if (!axes.empty()) {
    attributes.push_back({"axes", axes});
  }
  if (sizes) return emit(r, "Resize", {r.in(0), roi, ValueId{}, target}, attributes);
  return emit(r, "Resize", {r.in(0), roi, target}, attributes);
}

Values grid_sample(Rewriting& r) {
  const auto& op = r.as<ops::GridSample>();
  if (r.rank(0) != 4) need(r, 20);
  const bool names_20 = r.level >= 20;
  const std::string mode = op.mode == ops::GridSampleMode::bilinear ? (names_20 ? "linear" : "bilinear") : op.mode == ops::GridSampleMode::bicubic ? (names_20 ? "cubic" : "bicubic") : "nearest";
  constexpr const char* kPaddings[] = {"zeros", "border", "reflection"};
  return emit(r, "GridSample", r.inputs(), {{"align_corners", i64{op.align_corners}}, {"mode", mode}, {"padding_mode", std::string(kPaddings[static_cast<std::size_t>(op.padding_mode)])}});
}

Values roi_align(Rewriting& r) {
  const auto& op = r.as<ops::RoiAlign>();
  SACCADE_CHECK(op.mode != ops::RoiAlignMode::max_sample, unsupported, "the largest sample of a bin");
  const std::string place = op.aligned_mode == ops::RoiAlignAligned::asymmetric ? "output_half_pixel" : "half_pixel";
  return emit(r, "RoiAlign", {r.in(0), r.in(1), r.convert(r.in(2), ElementType::i64)},
              {{"output_height", op.pooled_h},
               {"output_width", op.pooled_w},
               {"sampling_ratio", op.sampling_ratio},
               {"spatial_scale", op.spatial_scale},
               {"mode", std::string(op.mode == ops::RoiAlignMode::avg ? "avg" : "max")},
               {"coordinate_transformation_mode", place}});
}

Values col2im(Rewriting& r) {
  const auto& op = r.as<ops::Col2Im>();
  OnnxAttributes attributes;
  if (!op.strides.empty()) attributes.push_back({"strides", op.strides});
  if (!op.dilations.empty()) attributes.push_back({"dilations", op.dilations});
  if (!op.pads_begin.empty() || !op.pads_end.empty()) {
    const PartialShape kernel = r.type(2).shape;
    if (!kernel.is_static()) r.inexpressible("a kernel of unknown rank");
    const auto n = static_cast<std::size_t>(kernel[0].size());
    std::vector<i64> pads = op.pads_begin, end = op.pads_end;
    pads.resize(n, 0);
    end.resize(n, 0);
    pads.insert(pads.end(), end.begin(), end.end());
    attributes.push_back({"pads", pads});
  }
  return emit(r, "Col2Im", r.inputs(), attributes);
}

// ONNX's operator gives the indices alone, in the order of batch, class and score. Scores are gathered, and sorted where asked for.
Values non_max_suppression(Rewriting& r) {
  const auto& op = r.as<ops::NonMaxSuppression>();
  if (r.has(5)) {
    const Tensor sigma = r.constant(5);
    if (!sigma.defined() || element_as_f64(sigma, 0) != 0) r.inexpressible("soft_nms_sigma");
  }
  const auto vector = [&](std::size_t i, ElementType element) { return r.has(i) ? r.reshape(r.convert(r.in(i), element), {1}) : ValueId{}; };
  TensorType type = r.type(r.out(0));
  type.element = ElementType::i64;
  const ValueId boxes = r.convert(r.in(0), ElementType::f32), scores = r.convert(r.in(1), ElementType::f32);
  ValueId selected = emit_as(r, "NonMaxSuppression", {boxes, scores, vector(2, ElementType::i64), vector(3, ElementType::f32), vector(4, ElementType::f32)}, type,
                             {{"center_point_box", i64{op.box_encoding == ops::BoxEncoding::center}}});
  Values outputs(r.node().outputs.size());
  const bool sorted = op.sort_result_descending;
  ValueId best;
  if (sorted || (outputs.size() > 1 && r.wanted(1))) best = r.op(ops::GatherND{}, {scores, selected});
  if (sorted) {
    const ValueId count = r.op(ops::Squeeze{}, {r.op(ops::ShapeOf{}, {best}), r.i64({0})});
    const Values order = r.node(ops::TopK{.axis = 0, .mode = ops::TopKMode::max, .sort = ops::TopKSort::value, .index_element_type = ElementType::i64}, {best, count});
    best = order[0];
    selected = r.op(ops::Gather{}, {selected, order[1], r.i64_scalar(0)});
  }
  outputs[0] = r.convert(selected, op.output_type);
  if (outputs.size() > 1 && r.wanted(1)) {
    const ValueId places = r.convert(r.op(ops::Slice{}, {selected, r.i64({0}), r.i64({2}), r.i64({1}), r.i64({1})}), ElementType::f32);
    outputs[1] = r.op(ops::Concat{1}, {places, r.op(ops::Unsqueeze{}, {best, r.i64({1})})});
  }
  if (outputs.size() > 2 && r.wanted(2)) outputs[2] = r.convert(r.op(ops::Slice{}, {r.op(ops::ShapeOf{}, {selected}), r.i64({0}), r.i64({1}), r.i64({1})}), r.type(r.out(2)).element);
  return outputs;
}

Values affine(Rewriting& r) {
  if (r.level < 20) return affine_grid(r);
  return emit(r, "AffineGrid", r.inputs(), {{"align_corners", i64{r.as<ops::AffineGrid>().align_corners}}});
}

Values attention_or_parts(Rewriting& r) {
  const auto& op = r.as<ops::Attention>();
  const bool windows = op.left_window >= 0 || op.right_window >= 0;
  if (r.level < 23 || windows) return attention(r);
  OnnxAttributes attributes{{"is_causal", i64{op.is_causal}}};
  if (op.q_num_heads > 0) attributes.push_back({"q_num_heads", op.q_num_heads});
  if (op.kv_num_heads > 0) attributes.push_back({"kv_num_heads", op.kv_num_heads});
  if (op.scale != 0) attributes.push_back({"scale", op.scale});
  if (op.softcap != 0) attributes.push_back({"softcap", op.softcap});
  if (op.outputs == 4) attributes.push_back({"qk_matmul_output_mode", static_cast<i64>(op.qk_output)});
  return emit(r, "Attention", r.inputs(), attributes);
}

constexpr RuleRow kVisionRules[] = {
    {"AffineGrid", affine},
    {"Attention", attention_or_parts},
    {"Col2Im", col2im},
    {"CropAndResize", crop_and_resize},
    {"DetectionPostProcess", detection_post_process},
    {"GridSample", grid_sample},
    {"MulticlassNms", multiclass_nms},
    {"NonMaxSuppression", non_max_suppression},
    {"ROIAlign", roi_align},
    {"RegionYolo", region_yolo},
    {"Resize", resize},
    {"RotaryEmbedding", rotary_embedding},
};

}  // namespace

std::span<const RuleRow> vision_rules() { return kVisionRules; }

}  // namespace saccade::exporter::onnx
