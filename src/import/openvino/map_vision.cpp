// SPDX-License-Identifier: Apache-2.0
// Pools, interpolation, regions, the last stages of detectors, attention.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "import/openvino/map.h"
#include "ops/attention.h"
#include "ops/detection_output.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/grid_sample.h"
#include "ops/matmul.h"
#include "ops/pad.h"
#include "ops/pool.h"
#include "ops/prior_box.h"
#include "ops/proposal.h"
#include "ops/psroi_pooling.h"
#include "ops/range.h"
#include "ops/reshape.h"
#include "ops/resize.h"
#include "ops/roi_align.h"
#include "ops/topk.h"
#include "ops/trilu.h"
#include "tensor/numeric.h"

namespace saccade::openvino {
namespace {

using i64 = std::int64_t;
using ops::BinaryKind;

constexpr i64 kMostGathered = i64{1} << 24;

Values max_pool(LayerContext& c) {
  ops::MaxPool op = *c.filled(ops::MaxPool{}).as<ops::MaxPool>();
  op.indices = c.outputs() > 1;
  return c.node(op, {c.in(0)});
}

Values avg_pool(LayerContext& c) {
  ops::AvgPool op = *c.filled(ops::AvgPool{}).as<ops::AvgPool>();
  op.exclude_pad = c.flag("exclude-pad", true);
  return {c.op(op, {c.in(0)})};
}

// Pools whose windows are as equal as can be: the mean is a product with a matrix a dimension.
Values adaptive_avg_pool(LayerContext& c) {
  const auto target = c.integers(1);
  const PartialShape shape = c.shape(0);
  if (!target || !shape.ranked() || shape.rank() != target->size() + 2) c.unsupported("an output size that is not known before a run");
  const auto rank = static_cast<i64>(shape.rank());
  ValueId y = c.in(0);
  for (std::size_t k = 0; k < target->size(); ++k) {
    if (!shape[2 + k].is_static()) c.unsupported("sizes that are not known before a run");
    const i64 n = shape[2 + k].size(), m = (*target)[k];
    if (m < 1 || n < 1 || m > (i64{1} << 26) / n) c.invalid("{} outputs of {}", m, n);
    std::vector<double> matrix(static_cast<std::size_t>(n * m));
    for (i64 o = 0; o < m; ++o) {
      const i64 first = o * n / m, last = ((o + 1) * n + m - 1) / m;
      for (i64 i = first; i < last; ++i) matrix[static_cast<std::size_t>(i * m + o)] = 1.0 / static_cast<double>(last - first);
    }
    std::vector<i64> order(static_cast<std::size_t>(rank));
    std::iota(order.begin(), order.end(), 0);
    std::swap(order[2 + k], order.back());
    const bool last = 2 + static_cast<i64>(k) == rank - 1;
    if (!last) y = c.transposed(y, order);
    y = c.op(ops::MatMul{}, {y, c.constant_of(from_f64(c.element(0), {n, m}, matrix))});
    if (!last) y = c.transposed(y, order);
  }
  return {y};
}

// Windows that differ in size: their elements are gathered, a shorter window repeats its first one.
Values gathered_max_pool(LayerContext& c, const std::vector<i64>& target, const PartialShape& shape, ElementType index_type) {
  std::vector<std::vector<i64>> axes;  // of every output along an axis, as many indices as the longest window has
  i64 outputs = 1, longest = 1, inputs = 1;
  for (std::size_t k = 0; k < target.size(); ++k) {
    const i64 n = shape[2 + k].size(), m = target[k];
    if (m < 1 || n < 1 || m > kMostGathered || n > kMostGathered) c.invalid("{} outputs of {}", m, n);
    i64 most = 1;
    for (i64 o = 0; o < m; ++o) most = std::max(most, ((o + 1) * n + m - 1) / m - o * n / m);
    if (outputs > kMostGathered / m || longest > kMostGathered / most || outputs * m > kMostGathered / (longest * most)) c.unsupported("windows of more than {} elements in all", kMostGathered);
    axes.emplace_back();
    for (i64 o = 0; o < m; ++o)
      for (i64 i = 0; i < most; ++i) {
        const i64 first = o * n / m, last = ((o + 1) * n + m - 1) / m;
        axes.back().push_back(first + i < last ? first + i : first);
      }
    outputs *= m;
    longest *= most;
    inputs *= n;
  }
  std::vector<i64> places{0}, next;  // [outputs, longest], built up axis by axis
  i64 done = 1, window = 1;
  for (std::size_t k = 0; k < target.size(); ++k) {
    const i64 m = target[k], each = static_cast<i64>(axes[k].size()) / m;
    next.clear();
    for (i64 a = 0; a < done; ++a)
      for (i64 o = 0; o < m; ++o)
        for (i64 b = 0; b < window; ++b)
          for (i64 i = 0; i < each; ++i) next.push_back(places[static_cast<std::size_t>(a * window + b)] * shape[2 + k].size() + axes[k][static_cast<std::size_t>(o * each + i)]);
    places.swap(next);
    done *= m;
    window *= each;
  }
  std::vector<i64> starts, out_shape{0, 0};
  for (i64 o = 0; o < outputs; ++o) starts.push_back(o * longest);
  out_shape.insert(out_shape.end(), target.begin(), target.end());
  const ValueId table = c.i64(places);
  const ValueId windows = c.op(ops::Gather{}, {c.reshaped(c.in(0), {0, 0, inputs}, true), c.reshaped(table, {outputs, longest}), c.i64_scalar(2)});
  const Values best = c.node(ops::TopK{.axis = 3, .stable = true}, {windows, c.i64_scalar(1)});
  const ValueId at = c.binary(BinaryKind::Add, best[1], c.reshaped(c.i64(starts), {1, 1, outputs, 1}));
  const ValueId indices = c.op(ops::Gather{}, {table, at, c.i64_scalar(0)});
  return {c.reshaped(best[0], out_shape, true), c.converted(c.reshaped(indices, out_shape, true), index_type)};
}

Values adaptive_max_pool(LayerContext& c) {
  const auto target = c.integers(1);
  const PartialShape shape = c.shape(0);
  if (!target || !shape.ranked() || shape.rank() != target->size() + 2) c.unsupported("an output size that is not known before a run");
  ops::MaxPool op;
  op.indices = true;
  op.axis = 2;
  op.index_element_type = c.type_attribute("index_element_type", ElementType::i64);
  bool equal = true;
  for (std::size_t k = 0; k < target->size(); ++k) {
    if (!shape[2 + k].is_static()) c.unsupported("sizes that are not known before a run");
    if ((*target)[k] < 1 || shape[2 + k].size() % (*target)[k] != 0) equal = false;
  }
  if (!equal) return gathered_max_pool(c, *target, shape, op.index_element_type);
  for (std::size_t k = 0; k < target->size(); ++k) {
    op.kernel.push_back(shape[2 + k].size() / (*target)[k]);
  }
  op.window.strides = op.kernel;
  return c.node(op, {c.in(0)});
}

ops::ResizeCoordinates coordinates(LayerContext& c, std::string_view name) {
  constexpr std::pair<std::string_view, ops::ResizeCoordinates> kNames[] = {{"half_pixel", ops::ResizeCoordinates::half_pixel},
                                                                            {"pytorch_half_pixel", ops::ResizeCoordinates::pytorch_half_pixel},
                                                                            {"align_corners", ops::ResizeCoordinates::align_corners},
                                                                            {"asymmetric", ops::ResizeCoordinates::asymmetric},
                                                                            {"tf_half_pixel_for_nn", ops::ResizeCoordinates::tf_half_pixel_for_nn}};
  for (const auto& [known, value] : kNames)
    if (known == name) return value;
  c.unsupported("coordinate_transformation_mode '{}'", shown(name));
}

ops::ResizeNearest nearest(LayerContext& c, std::string_view name) {
  constexpr std::pair<std::string_view, ops::ResizeNearest> kNames[] = {{"round_prefer_floor", ops::ResizeNearest::round_prefer_floor},
                                                                        {"round_prefer_ceil", ops::ResizeNearest::round_prefer_ceil},
                                                                        {"floor", ops::ResizeNearest::floor},
                                                                        {"ceil", ops::ResizeNearest::ceil},
                                                                        {"simple", ops::ResizeNearest::simple}};
  for (const auto& [known, value] : kNames)
    if (known == name) return value;
  c.unsupported("nearest_mode '{}'", shown(name));
}

// Zeros around the data before it is resized.
ValueId padded(LayerContext& c) {
  auto begin = c.ints("pads_begin"), end = c.ints("pads_end");
  const auto any = [](const std::vector<i64>& v) { return std::any_of(v.begin(), v.end(), [](i64 p) { return p != 0; }); };
  if (!any(begin) && !any(end)) return c.in(0);
  begin.resize(c.rank(0), 0);
  end.resize(c.rank(0), 0);
  return c.op(ops::Pad{}, {c.in(0), c.i64(begin), c.i64(end)});
}

void read_policy(LayerContext& c, ops::Resize& op) {
  const std::string mode = c.s("mode");
  op.coordinates = coordinates(c, c.s("coordinate_transformation_mode", "half_pixel"));
  op.nearest = nearest(c, c.s("nearest_mode", "round_prefer_floor"));
  op.antialias = c.flag("antialias", false);
  op.cubic_coeff_a = c.f("cube_coeff", -0.75);
  if (mode == "nearest") {
    op.mode = ops::ResizeMode::nearest;
    op.antialias = false;
  } else if (mode == "linear" || mode == "linear_onnx") {
    op.mode = ops::ResizeMode::linear;
    if (mode == "linear_onnx") op.antialias = false;
    // its filter leaves out what lies beside the data
    op.exclude_outside = op.antialias;
  } else if (mode == "cubic") {
    op.mode = ops::ResizeMode::cubic;
    if (op.antialias) c.unsupported("antialias with the mode cubic");
  } else if (mode == "BILINEAR_PILLOW" || mode == "bilinear_pillow" || mode == "BICUBIC_PILLOW" || mode == "bicubic_pillow") {
    op.mode = mode[2] == 'L' || mode[2] == 'l' ? ops::ResizeMode::linear : ops::ResizeMode::cubic;
    op.antialias = op.exclude_outside = true;
    op.coordinates = ops::ResizeCoordinates::half_pixel;
  } else {
    c.unsupported("mode '{}'", shown(mode));
  }
  const std::string shape = c.s("shape_calculation_mode", "sizes");
  if (shape == "sizes") op.shape_calculation = ops::ResizeShape::sizes;
  else if (shape == "scales") op.shape_calculation = ops::ResizeShape::scales;
  else c.unsupported("shape_calculation_mode '{}'", shown(shape));
}

Values interpolate(LayerContext& c, std::size_t target, std::size_t axes_input) {
  ops::Resize op;
  read_policy(c, op);
  if (c.has(axes_input)) {
    const auto axes = c.integers(axes_input);
    if (!axes) c.unsupported("axes that are not known before a run");
    op.axes = *axes;
  }
  return {c.op(op, {padded(c), c.in(target)})};
}

Values interpolate_4(LayerContext& c) {
  const bool scales = c.s("shape_calculation_mode", "sizes") == "scales";
  return interpolate(c, scales ? 2 : 1, 3);
}
Values interpolate_11(LayerContext& c) { return interpolate(c, 1, 2); }

Values interpolate_1(LayerContext& c) {
  ops::Resize op;
  op.axes = c.ints("axes");
  const std::string mode = c.s("mode");
  op.antialias = c.flag("antialias", false);
  op.coordinates = c.flag("align_corners", true) ? ops::ResizeCoordinates::align_corners : ops::ResizeCoordinates::asymmetric;
  op.nearest = ops::ResizeNearest::simple;
  if (mode == "nearest") {
    op.mode = ops::ResizeMode::nearest;
    op.antialias = false;
  } else if (mode == "linear") {
    op.mode = ops::ResizeMode::linear;
    op.exclude_outside = op.antialias;
  } else if (mode == "cubic" && !op.antialias) {
    op.mode = ops::ResizeMode::cubic;
  } else {
    c.unsupported("mode '{}'", shown(mode));
  }
  return {c.op(op, {padded(c), c.in(1)})};
}

Values roi_pooling(LayerContext& c) {
  ops::RoiPooling op = *c.filled(ops::RoiPooling{}).as<ops::RoiPooling>();
  for (const char* name : {"output_roi", "output_size"})
    if (op.output_roi.empty()) op.output_roi = c.ints(name);
  if (op.output_roi.empty()) op.output_roi = {c.i("pooled_h"), c.i("pooled_w")};
  c.ignore({"output_roi", "output_size", "pooled_h", "pooled_w"});
  return {c.op(op, {c.in(0), c.in(1)})};
}

Values detection_output(LayerContext& c) {
  c.ignore({"num_classes", "eta", "visualize"});
  return {c.op(c.filled(ops::DetectionOutput{}), c.inputs())};
}

Values proposal(LayerContext& c) {
  c.ignore({"for_deformable"});
  Values out = c.node(c.filled(ops::Proposal{}), {c.in(0), c.in(1), c.in(2)});
  return out;
}

Values psroi_pooling(LayerContext& c) {
  c.ignore({"no_trans", "trans_std", "part_size", "pooled_width", "pooled_height"});
  return {c.op(c.filled(ops::PsRoiPooling{}), {c.in(0), c.in(1)})};
}

Values prior_box_clustered(LayerContext& c) {
  c.ignore({"img_h", "img_w", "flip"});
  return same<ops::PriorBoxClustered>(c);
}

// PriorBox's layer and image sizes come as two inputs.
Values prior_box(LayerContext& c) {
  c.ignore({"img_h", "img_w", "img_size"});
  return same<ops::PriorBox>(c);
}

Values roi_align(LayerContext& c) {
  ops::RoiAlign op = *c.filled(ops::RoiAlign{}).as<ops::RoiAlign>();
  if (op.mode == ops::RoiAlignMode::max) op.mode = ops::RoiAlignMode::max_sample;
  return {c.op(op, {c.in(0), c.in(1), c.in(2)})};
}

// (Q, K, V, mask?, scale?)
Values attention(LayerContext& c) {
  ops::Attention op;
  op.is_causal = c.flag("causal", false);
  if (c.count() > 5) c.unsupported("a sink");
  ValueId q = c.in(0), k = c.in(1), v = c.in(2), mask = c.maybe(3);
  const std::size_t rank = c.rank(q);
  if (rank != 4 || c.rank(k) != 4 || c.rank(v) != 4) c.unsupported("queries of rank {}", rank);
  if (c.has(4)) {
    const auto scale = c.reals(4);
    if (!scale || scale->size() != 1) c.unsupported("a scale that is not known before a run");
    op.scale = (*scale)[0];
    if (op.scale == 0) c.unsupported("a scale of 0");
  }
  // a mask of one element stands for none
  if (mask.valid() && c.rank(mask) == 0) {
    const auto value = c.reals(3);
    if (!value || (*value)[0] != 0) c.unsupported("a scalar mask");
    mask = {};
  }
  // OpenVINO's causal order leaves a mask unread
  if (op.is_causal) mask = {};
  const auto heads = [&](ValueId x) { return c.type(x).shape[1]; };
  if (!heads(q).is_static() || !heads(k).is_static() || (heads(q).size() != heads(k).size() && heads(k).size() != 1)) c.unsupported("different numbers of heads");
  Values inputs{q, k, v};
  if (mask.valid()) inputs.push_back(mask);
  return {c.op(op, inputs)};
}

constexpr Row kVisionRows[] = {
    {"AdaptiveAvgPool", 8, adaptive_avg_pool},
    {"AdaptiveMaxPool", 8, adaptive_max_pool},
    {"AvgPool", 1, avg_pool},
    {"DetectionOutput", 1, detection_output},
    {"GridSample", 9, same<ops::GridSample>},
    {"Interpolate", 1, interpolate_1},
    {"Interpolate", 4, interpolate_4},
    {"Interpolate", 11, interpolate_11},
    {"MaxPool", 1, max_pool},
    {"PSROIPooling", 1, psroi_pooling},
    {"PriorBox", 1, prior_box},
    {"PriorBoxClustered", 1, prior_box_clustered},
    {"Proposal", 1, proposal},
    {"ROIAlign", 3, roi_align},
    {"ROIPooling", 1, roi_pooling},
    {"ScaledDotProductAttention", 13, attention},
};

}  // namespace

std::span<const Row> vision_rows() { return kVisionRows; }

}  // namespace saccade::openvino
