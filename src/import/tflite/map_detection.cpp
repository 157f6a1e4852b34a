// SPDX-License-Identifier: Apache-2.0
// The tails of TFLite's detectors.
#include <flatbuffers/flexbuffers.h>

#include <cmath>

#include "import/tflite/map.h"
#include "ops/detection_post_process.h"
#include "ops/gather.h"
#include "ops/non_max_suppression.h"
#include "ops/pad.h"
#include "ops/split.h"

namespace saccade::tflite {
namespace {

using ops::UnaryKind;

class CustomOptions {
 public:
  explicit CustomOptions(OperatorContext& c) : c_(c) {
    const auto bytes = c.info().custom_options;
    const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
    if (bytes.size() < 3 || !flexbuffers::VerifyBuffer(data, bytes.size())) c.invalid("options that cannot be read");
    const auto root = flexbuffers::GetRoot(data, bytes.size());
    if (!root.IsMap()) c.invalid("options that are no map");
    map_ = root.AsMap();
  }

  bool has(const char* key) const { return !map_[key].IsNull(); }
  std::int64_t integer(const char* key) const {
    if (!map_[key].IsNumeric()) c_.invalid("the option {} is missing", key);
    return map_[key].AsInt64();
  }
  double real(const char* key) const {
    if (!map_[key].IsNumeric()) c_.invalid("the option {} is missing", key);
    return map_[key].AsFloat();
  }
  bool flag(const char* key) const { return map_[key].IsBool() ? map_[key].AsBool() : map_[key].IsNumeric() && map_[key].AsInt64() != 0; }

 private:
  OperatorContext& c_;
  flexbuffers::Map map_ = flexbuffers::Map::EmptyMap();
};

// Encodings [1, n, 4…] as y, x, h, w against anchors [n, 4] in the same form, to corners [1, n, 4].
ValueId decoded(OperatorContext& c, const CustomOptions& options) {
  const ValueId anchors = c.real(2), code = c.real(0);
  if (c.rank(anchors) != 2 || c.rank(code) != 3) c.invalid("encodings of rank {} and anchors of rank {}", c.rank(code), c.rank(anchors));
  const auto pair = [&](const char* y, const char* x) {
    const float values[] = {static_cast<float>(options.real(y)), static_cast<float>(options.real(x))};
    for (float v : values)
      if (!(v != 0) || !std::isfinite(v)) c.invalid("a scale of {}", v);
    return c.constant(Tensor::from<float>({2}, values));
  };
  const ValueId centre = c.slice(anchors, 1, 0, 2), size = c.slice(anchors, 1, 2, 4);
  const ValueId place = c.add(c.multiply(c.divide(c.slice(code, 2, 0, 2), pair("y_scale", "x_scale")), size), centre);
  const ValueId half = c.multiply(c.unary(UnaryKind::Exp, c.divide(c.slice(code, 2, 2, 4), pair("h_scale", "w_scale"))),
                                  c.multiply(size, c.scalar(ElementType::f32, 0.5)));
  return c.concat({c.subtract(place, half), c.add(place, half)}, 2);
}

Values detection_post_process(OperatorContext& c) {
  const CustomOptions options(c);
  ops::DetectionPostProcess op;
  op.max_detections = options.integer("max_detections");
  op.max_classes_per_detection = options.integer("max_classes_per_detection");
  op.detections_per_class = options.has("detections_per_class") ? options.integer("detections_per_class") : 100;
  op.num_classes = options.integer("num_classes");
  op.regular = options.flag("use_regular_nms");
  op.score_threshold = options.real("nms_score_threshold");
  op.iou_threshold = options.real("nms_iou_threshold");
  return c.node(op, {decoded(c, options), c.real(1)});
}

// (boxes [n, 4], scores [n], most, iou, score threshold, sigma?) → indices padded to `most`, [scores likewise,] their number.
Values suppression(OperatorContext& c, bool soft) {
  const ValueId boxes = c.unsqueeze(c.real(0), {0}), scores = c.unsqueeze(c.real(1), {0, 1});
  const auto scalar = [&](ValueId v) { return c.rank(v) == 0 ? v : c.reshape(v, {}); };
  Values inputs{boxes, scores, scalar(c.index(2)), scalar(c.real(3)), scalar(c.real(4))};
  if (soft) inputs.push_back(scalar(c.real(5)));
  const Values found = c.node(ops::NonMaxSuppression{}, inputs);
  const ValueId count = c.op(ops::Gather{}, {c.shape_of(found[0]), c.i64_scalar(0), c.i64_scalar(0)});
  const ValueId missing = c.reshape(c.subtract(scalar(c.index(2)), count), {1});
  const auto column = [&](ValueId table) {
    const ValueId list = c.squeeze(c.slice(table, 1, 2, 3), {1});
    return c.op(ops::Pad{}, {list, c.i64({0}), missing, c.like(list, 0)});
  };
  if (!soft) return {column(found[0]), count};
  return {column(found[0]), column(found[1]), count};
}

Values suppression_4(OperatorContext& c) { return suppression(c, false); }
Values suppression_5(OperatorContext& c) { return suppression(c, true); }

constexpr Row kDetectionRows[] = {
    {120, "NON_MAX_SUPPRESSION_V4", suppression_4},
    {121, "NON_MAX_SUPPRESSION_V5", suppression_5},
    {kCustom, "TFLite_Detection_PostProcess", detection_post_process},
};

}  // namespace

std::span<const Row> detection_rows() { return kDetectionRows; }

}  // namespace saccade::tflite
