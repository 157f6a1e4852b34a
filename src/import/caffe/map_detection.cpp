// SPDX-License-Identifier: Apache-2.0
// Layers of detectors: those of the SSD fork, of Faster R-CNN and R-FCN, and YOLO's.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "import/caffe/map.h"
#include "ops/concat.h"
#include "ops/detection_output.h"
#include "ops/elementwise.h"
#include "ops/pool.h"
#include "ops/prior_box.h"
#include "ops/proposal.h"
#include "ops/psroi_pooling.h"
#include "ops/reshape.h"
#include "ops/slice.h"
#include "ops/tile.h"
#include "ops/yolo.h"

namespace saccade::caffe {
namespace {

using ops::Binary;
using ops::BinaryKind;
using Values = std::vector<ValueId>;
using i64 = std::int64_t;

// The image that priors refer to: its stated size, else the second bottom's.
ValueId image_sizes(LayerContext& c, Parameters& p) {
  const i64 size = p.integer("img_size", 0), h = p.integer("img_h", size), w = p.integer("img_w", size);
  return h > 0 && w > 0 ? c.i64({h, w}) : c.sizes(c.in(1), {2, 3});
}

Values as_priors(LayerContext& c, Op op, Parameters& p) {
  const ValueId boxes = c.op(std::move(op), {c.sizes(c.in(0), {2, 3}), image_sizes(c, p)});
  return {c.op(ops::Unsqueeze{}, {boxes, c.i64({0})})};
}

void check_variance(LayerContext& c, const std::vector<double>& variance) {
  if (variance.size() > 1 && variance.size() != 4) c.invalid("{} variances; one or four are possible", variance.size());
}

// Widths and heights of all boxes of a cell in the order of PriorBox.
ops::PriorBoxClustered clustered(LayerContext& c, const ops::PriorBox& prior, double step_w, double step_h) {
  ops::PriorBoxClustered out{.clip = prior.clip, .step_w = step_w, .step_h = step_h, .offset = prior.offset, .variance = prior.variance};
  const auto add = [&](double w, double h) {
    out.width.push_back(w);
    out.height.push_back(h);
  };
  std::vector<double> ratios;
  for (const double ratio : prior.aspect_ratio) {
    if (!(ratio > 0)) c.invalid("an aspect ratio of {}", ratio);
    const auto known = [&](double r) { return std::abs(r - ratio) < 1e-6; };
    if (known(1) || std::any_of(ratios.begin(), ratios.end(), known)) continue;
    ratios.push_back(ratio);
    if (prior.flip) ratios.push_back(1 / ratio);
  }
  for (std::size_t s = 0; s < prior.min_size.size(); ++s) {
    add(prior.min_size[s], prior.min_size[s]);
    if (s < prior.max_size.size()) add(std::sqrt(prior.min_size[s] * prior.max_size[s]), std::sqrt(prior.min_size[s] * prior.max_size[s]));
    for (const double ratio : ratios) add(prior.min_size[s] * std::sqrt(ratio), prior.min_size[s] / std::sqrt(ratio));
  }
  return out;
}

Values prior_box(LayerContext& c) {
  Parameters& p = c.parameters("prior_box_param");
  ops::PriorBox op{.min_size = p.reals("min_size"), .max_size = p.reals("max_size"), .aspect_ratio = p.reals("aspect_ratio"), .clip = p.flag("clip", false), .flip = p.flag("flip", true)};
  op.density = p.reals("density");
  op.fixed_ratio = p.reals("fixed_ratio");
  op.fixed_size = p.reals("fixed_size");
  op.variance = p.reals("variance");
  check_variance(c, op.variance);
  op.offset = p.real("offset", 0.5);
  op.step = p.real("step", 0);
  const double step_w = p.real("step_w", op.step), step_h = p.real("step_h", op.step);
  if (op.min_size.empty() && op.fixed_size.empty()) c.invalid("no min_size");
  // the operator knows one step for both axes, and without a step only an offset of a half
  if (step_w == step_h && (step_w != 0 || op.offset == 0.5)) {
    op.step = step_w;
    return as_priors(c, op, p);
  }
  if (!op.fixed_size.empty()) c.unsupported("fixed_size with step_w {}, step_h {} and offset {}", step_w, step_h, op.offset);
  return as_priors(c, clustered(c, op, step_w, step_h), p);
}

Values prior_box_clustered(LayerContext& c) {
  Parameters& p = c.parameters("prior_box_param");
  ops::PriorBoxClustered op{.width = p.reals("width"), .height = p.reals("height"), .clip = p.flag("clip", false), .step_w = p.real("step_w", 0), .step_h = p.real("step_h", 0)};
  op.step = p.real("step", 0);
  op.offset = p.real("offset", 0.5);
  op.variance = p.reals("variance");
  check_variance(c, op.variance);
  p.ignore({"flip", "min_size", "max_size", "aspect_ratio"});
  return as_priors(c, op, p);
}

// CORNER_SIZE moves corners by parts of the prior's size, where the operator's corner moves them by parts of the image.
ValueId scaled_deltas(LayerContext& c, const ops::DetectionOutput& op, i64 classes) {
  const ValueId boxes = c.op(ops::Slice{}, {c.in(2), c.i64({0}), c.i64({1}), c.i64({1}), c.i64({1})});  // [1, 1, p·4]
  const ValueId rows = c.op(ops::Reshape{}, {boxes, c.i64({-1, 4})});
  const auto corners = [&](i64 from) { return c.op(ops::Slice{}, {rows, c.i64({from}), c.i64({from + 2}), c.i64({1}), c.i64({1})}); };
  const ValueId sizes = c.op(Binary{BinaryKind::Subtract}, {corners(2), corners(0)});
  ValueId factors = c.op(ops::Concat{1}, {sizes, sizes});  // [p, 4]
  if (!op.share_location) factors = c.op(ops::Tile{}, {factors, c.i64({1, classes})});
  return c.op(Binary{BinaryKind::Multiply}, {c.in(0), c.op(ops::Reshape{}, {factors, c.i64({1, -1})})});
}

Values detection_output(LayerContext& c) {
  Parameters& p = c.parameters("detection_output_param");
  p.ignore({"save_output_param", "visualize", "visualize_threshold", "save_file"});
  Parameters nms = p.message("nms_param");
  ops::DetectionOutput op;
  const i64 classes = p.integer("num_classes", 0);
  op.share_location = p.flag("share_location", true);
  op.background_label_id = p.integer("background_label_id", 0);
  op.variance_encoded_in_target = false;
  op.keep_top_k = {p.integer("keep_top_k", -1)};
  op.confidence_threshold = p.real("confidence_threshold", -std::numeric_limits<float>::max());
  op.nms_threshold = nms.real("nms_threshold", 0.3);
  op.top_k = nms.integer("top_k", -1);
  op.objectness_score = p.real("objectness_score", 0);
  op.clip_before_nms = p.flag("clip_before_nms", false);
  op.clip_after_nms = p.flag("clip_after_nms", false);
  op.decrease_label_id = p.flag("decrease_label_id", false);
  op.normalized = p.flag("normalized", true);
  op.input_height = p.integer("input_height", 1);
  op.input_width = p.integer("input_width", 1);
  if (nms.real("eta", 1) != 1) c.unsupported("nms_param.eta");
  if (classes < 1) c.invalid("num_classes is {}", classes);
  const std::size_t code = p.choice("code_type", {"CORNER", "CENTER_SIZE", "CORNER_SIZE"}, 0, 1);
  op.code_type = code == 1 ? ops::BoxCode::center_size : ops::BoxCode::corner;
  const bool encoded = p.flag("variance_encoded_in_target", false);
  if (code == 2 && !op.normalized) c.unsupported("code_type CORNER_SIZE with priors in pixels");
  std::vector<ValueId> inputs = c.inputs();
  if (inputs.size() != 3 && inputs.size() != 5) c.invalid("{} bottoms; 3 or 5 are possible", inputs.size());
  if (code == 2) inputs[0] = scaled_deltas(c, op, classes);
  op.variance_encoded_in_target = encoded;
  // with variances in the targets the priors' second row is there all the same
  if (encoded) inputs[2] = c.op(ops::Slice{}, {inputs[2], c.i64({0}), c.i64({1}), c.i64({1}), c.i64({1})});
  return {c.op(op, inputs)};
}

Values propose(LayerContext& c, ops::Proposal op) {
  if (op.ratio.empty()) op.ratio = {0.5, 1, 2};
  if (op.scale.empty()) op.scale = {8, 16, 32};
  return c.node(op, {c.in(0), c.in(1), c.op(ops::Reshape{}, {c.in(2), c.i64({-1})})});
}

Values proposal(LayerContext& c) {
  Parameters& p = c.parameters("proposal_param");
  ops::Proposal op{.base_size = p.integer("base_size", 16), .pre_nms_topn = p.integer("pre_nms_topn", 6000), .post_nms_topn = p.integer("post_nms_topn", 300), .nms_thresh = p.real("nms_thresh", 0.7)};
  op.feat_stride = p.integer("feat_stride", 16);
  op.min_size = p.integer("min_size", 16);
  op.ratio = p.reals("ratio");
  op.scale = p.reals("scale");
  return propose(c, op);
}

// The number after 'key': in a Python dictionary or a YAML line.
double python_number(std::string_view text, std::string_view key, double otherwise) {
  const auto at = text.find(key);
  if (at == std::string_view::npos) return otherwise;
  const auto colon = text.find(':', at);
  if (colon == std::string_view::npos) return otherwise;
  std::string_view rest = text.substr(colon + 1);
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  double number = otherwise;
  std::from_chars(rest.data(), rest.data() + rest.size(), number);
  return number;
}

// py-faster-rcnn's proposal layer, whose other settings stand in its configuration: these are the defaults for testing.
Values python(LayerContext& c) {
  Parameters& p = c.parameters("python_param");
  p.ignore({"share_in_parallel"});
  const std::string_view module = p.text("module"), layer = p.text("layer"), settings = p.text("param_str");
  if (layer != "ProposalLayer") c.unsupported("the Python class {}.{}; only the ProposalLayer of Faster R-CNN is known", module.substr(0, 60), layer.substr(0, 60));
  ops::Proposal op;
  const double stride = python_number(settings, "feat_stride", 16);
  if (!(stride >= 1 && stride < 65536)) c.invalid("feat_stride is {}", stride);
  op.feat_stride = static_cast<i64>(stride);
  const auto scales = settings.find("scales");
  if (scales != std::string_view::npos) {
    const auto open = settings.find_first_of("[(", scales), close = settings.find_first_of("])", scales);
    if (open == std::string_view::npos || close == std::string_view::npos || close < open) c.invalid("param_str without a list of scales");
    std::string_view list = settings.substr(open + 1, close - open - 1);
    while (!list.empty()) {
      double number = 0;
      const auto [end, error] = std::from_chars(list.data(), list.data() + list.size(), number);
      if (error == std::errc()) {
        op.scale.push_back(number);
        list.remove_prefix(static_cast<std::size_t>(end - list.data()));
      } else {
        list.remove_prefix(1);
      }
    }
  }
  return propose(c, op);
}

Values roi_pooling(LayerContext& c) {
  Parameters& p = c.parameters("roi_pooling_param");
  return {c.op(ops::RoiPooling{{p.integer("pooled_h", 0), p.integer("pooled_w", 0)}, p.real("spatial_scale", 1), ops::RoiPoolingMethod::max}, {c.in(0), c.in(1)})};
}

Values psroi_pooling(LayerContext& c) {
  Parameters& p = c.parameters("psroi_pooling_param");
  return {c.op(ops::PsRoiPooling{.output_dim = p.integer("output_dim", 0), .group_size = p.integer("group_size", 0), .spatial_scale = p.real("spatial_scale", 1)}, {c.in(0), c.in(1)})};
}

Values region(LayerContext& c) {
  const import::TextMessage& message = *c.layer().message;
  Parameters& p = c.parameters(message.has("region_yolo_param") ? "region_yolo_param" : "region_param");
  ops::RegionYolo op{.coords = p.integer("coords", 4), .classes = p.integer("classes", 20), .num = p.integer("num", 1), .do_softmax = p.flag("do_softmax", p.flag("softmax", true))};
  op.mask = p.integers("mask");
  op.anchors = p.reals("anchors");
  p.ignore({"bias_match", "jitter", "rescore", "object_scale", "noobject_scale", "class_scale", "coord_scale", "absolute", "thresh", "random", "biases"});
  Parameters& flatten = c.parameters("flatten_param");
  op.axis = p.integer("axis", flatten.integer("axis", 1));
  op.end_axis = p.integer("end_axis", flatten.integer("end_axis", 3));
  return {c.op(op, {c.in(0)})};
}

constexpr Row kDetectionRows[] = {
    {"DetectionOutput", detection_output}, {"PSROIPooling", psroi_pooling}, {"PriorBox", prior_box}, {"PriorBoxClustered", prior_box_clustered}, {"Proposal", proposal}, {"Python", python},
    {"ROIPooling", roi_pooling}, {"Region", region}, {"RegionYolo", region},
};

}  // namespace

std::span<const Row> detection_rows() { return kDetectionRows; }

}  // namespace saccade::caffe
