// SPDX-License-Identifier: Apache-2.0
// The layers of OpenCV's text graphs, which TensorFlow does not have. Data are channels-last, as everywhere in the file.
#include "import/tensorflow/map.h"
#include "ops/detection_output.h"
#include "ops/gather.h"
#include "ops/normalization.h"
#include "ops/prior_box.h"
#include "ops/reshape.h"
#include "ops/shape_of.h"
#include "ops/slice.h"
#include "ops/softmax.h"
#include "tensor/numeric.h"

namespace saccade::tensorflow {
namespace {

using Values = std::vector<ValueId>;
using i64 = std::int64_t;

// An attribute that may be written as a float, an integer, a list or a tensor.
std::vector<double> numbers(NodeContext& c, std::string_view name) {
  const AttrValue* a = c.node_in_file().def == nullptr ? nullptr : c.node_in_file().def->find(name);
  if (a == nullptr) return {};
  switch (a->kind) {
    case AttrValue::Kind::real: return {c.f(name)};
    case AttrValue::Kind::integer: return {static_cast<double>(c.i(name))};
    case AttrValue::Kind::boolean: return {c.flag(name, false) ? 1.0 : 0.0};
    case AttrValue::Kind::tensor: return to_f64(c.t(name));
    case AttrValue::Kind::list: {
      std::vector<double> values = c.floats(name);
      for (const i64 v : c.ints(name)) values.push_back(static_cast<double>(v));
      return values;
    }
    default: c.invalid("attribute '{}' holds no numbers", name);
  }
}

double number_or(NodeContext& c, std::string_view name, double otherwise) {
  const auto values = numbers(c, name);
  if (values.size() > 1) c.invalid("attribute '{}' has {} values", name, values.size());
  return values.empty() ? otherwise : values[0];
}

i64 integer(NodeContext& c, std::string_view name, i64 otherwise) { return static_cast<i64>(number_or(c, name, static_cast<double>(otherwise))); }

// Height and width.
ValueId image_size(NodeContext& c, std::size_t input) {
  if (c.rank(input) != 4) c.invalid("input {} of rank {}", input, c.rank(input));
  return c.op(ops::Slice{}, {c.op(ops::ShapeOf{}, {c.in(input)}), c.i64({1}), c.i64({3}), c.i64({1}), c.i64({0})});
}

Values prior_box(NodeContext& c) {
  const auto finish = [&](Op op) {
    const ValueId boxes = c.op(std::move(op), {image_size(c, 0), image_size(c, 1)});
    return Values{c.op(ops::Unsqueeze{}, {boxes, c.i64({0})})};
  };
  const bool clip = number_or(c, "clip", 0) != 0, flip = number_or(c, "flip", 0) != 0;
  const double step = number_or(c, "step", 0), step_h = number_or(c, "step_h", step), step_w = number_or(c, "step_w", step);
  const double offset = number_or(c, "offset", 0.5);
  const auto variance = numbers(c, "variance");
  if (variance.size() > 1 && variance.size() != 4) c.invalid("{} variances", variance.size());
  const auto widths = numbers(c, "width"), heights = numbers(c, "height"), ratios = numbers(c, "aspect_ratio"), least = numbers(c, "min_size"), most = numbers(c, "max_size");
  if (!widths.empty()) {
    if (widths.size() != heights.size()) c.invalid("{} widths and {} heights", widths.size(), heights.size());
    return finish(ops::PriorBoxClustered{.width = widths, .height = heights, .clip = clip, .step_w = step_w, .step_h = step_h, .offset = offset, .variance = variance});
  }
  if (least.empty()) c.invalid("no min_size");
  if (step_w != step_h || (step_w == 0 && offset != 0.5)) c.unsupported("steps of {} and {} with an offset of {}", step_w, step_h, offset);
  return finish(ops::PriorBox{.min_size = least, .max_size = most, .aspect_ratio = ratios, .clip = clip, .flip = flip, .step = step_w, .offset = offset, .variance = variance});
}

Values detection_output(NodeContext& c) {
  ops::DetectionOutput op{.normalized = true};
  op.background_label_id = integer(c, "background_label_id", 0);
  op.share_location = number_or(c, "share_location", 1) != 0;
  op.keep_top_k = {integer(c, "keep_top_k", -1)};
  op.top_k = integer(c, "top_k", -1);
  op.nms_threshold = number_or(c, "nms_threshold", 0.3);
  op.confidence_threshold = number_or(c, "confidence_threshold", -std::numeric_limits<float>::max());
  op.clip_before_nms = number_or(c, "clip", 0) != 0;
  op.variance_encoded_in_target = number_or(c, "variance_encoded_in_target", 0) != 0;
  c.ignore({"num_classes"});
  const std::string code = c.s("code_type", "CORNER");
  if (code != "CORNER" && code != "CENTER_SIZE") c.unsupported("code_type '{}'", code);
  op.code_type = code == "CORNER" ? ops::BoxCode::corner : ops::BoxCode::center_size;
  if (number_or(c, "normalized_bbox", 1) == 0) c.unsupported("normalized_bbox = false");
  ValueId deltas = c.in(0);
  if (number_or(c, "loc_pred_transposed", 0) != 0) {  // y before x
    const ValueId rows = c.op(ops::Reshape{}, {deltas, c.i64({-1, 4})});
    deltas = c.op(ops::Reshape{}, {c.op(ops::Gather{}, {rows, c.i64({1, 0, 3, 2}), c.i64_scalar(1)}), c.op(ops::ShapeOf{}, {deltas})});
  }
  return {c.op(op, {deltas, c.in(1), c.in(2)})};
}

Values flatten(NodeContext& c) { return {c.op(ops::Reshape{true}, {c.in(0), c.i64({0, -1})})}; }

Values l2_normalize(NodeContext& c) {
  std::vector<i64> axes{-1};
  if (c.has(1)) {
    const auto given = c.integers(1);
    if (!given) c.unsupported("axes that are not constant");
    axes = *given;
  }
  return {c.op(ops::NormalizeL2{number_or(c, "eps", 1e-10), ops::NormalizeL2Mode::max}, {c.in(0), c.i64(axes)})};
}

Values softmax(NodeContext& c) { return {c.op(ops::Softmax{c.i("axis")}, {c.in(0)})}; }

Values reshape_opencv(NodeContext& c) { return {c.op(ops::Reshape{true}, {c.in(0), c.in(1)})}; }

Values batch_to_space(NodeContext& c) {
  // OpenCV writes it so behind a SpaceToBatchND that stands for padding
  const Network& network = c.network();
  Port p = c.node_in_file().inputs[0];
  for (int steps = 0; steps < 8 && network.at(p).op != "SpaceToBatchND" && !network.at(p).inputs.empty(); ++steps) p = network.at(p).inputs[0];
  const auto block = network.at(p).op == "SpaceToBatchND" && network.at(p).inputs.size() > 1 ? network.constant(network.at(p).inputs[1]) : std::nullopt;
  if (!block) c.unsupported("a BatchToSpaceND without block shape and without a SpaceToBatchND before it");
  for (const i64 b : to_i64(*block))
    if (b != 1) c.unsupported("a BatchToSpaceND without block shape behind one that is not 1");
  return {c.in(0)};
}

constexpr Row kOpencvRows[] = {
    {"DetectionOutput", detection_output},
    {"Flatten", flatten},
    {"L2Normalize", l2_normalize},
    {"OpenCV.BatchToSpaceND", batch_to_space},
    {"OpenCV.Reshape", reshape_opencv},
    {"OpenCV.Softmax", softmax},
    {"PriorBox", prior_box},
};

}  // namespace

std::span<const Row> opencv_rows() { return kOpencvRows; }

}  // namespace saccade::tensorflow
