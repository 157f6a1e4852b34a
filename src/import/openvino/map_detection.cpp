// SPDX-License-Identifier: Apache-2.0
// Stages of detectors and text recognisers that are operators of their own, and pictures as cameras give them.
#include "import/openvino/map.h"
#include "ops/concat.h"
#include "ops/ctc.h"
#include "ops/detectron.h"
#include "ops/elementwise.h"
#include "ops/matrix_nms.h"
#include "ops/psroi_pooling.h"
#include "ops/rotated.h"
#include "ops/slice.h"
#include "ops/tile.h"

namespace saccade::openvino {
namespace {

using i64 = std::int64_t;
using ops::BinaryKind;

Values detectron_detections(LayerContext& c) {
  const Op op = c.filled(ops::DetectronDetections{});
  if (op.as<ops::DetectronDetections>()->class_agnostic_box_regression) c.unsupported("class_agnostic_box_regression");
  return c.node(op, c.inputs());
}

Values deformable_psroi_pooling(LayerContext& c) {
  if (const std::string mode = c.s("mode", "bilinear_deformable"); mode != "bilinear_deformable") c.unsupported("mode '{}'", shown(mode));
  return same<ops::DeformablePsRoiPooling>(c);
}

// Pixels of half the height and width, each twice in both directions.
ValueId doubled(LayerContext& c, ValueId v, i64 h, i64 w, i64 channels) {
  const ValueId apart = c.reshaped(v, {0, h, 1, w, 1, channels}, true);
  return c.reshaped(c.op(ops::Tile{}, {apart, c.i64({1, 1, 2, 1, 2, 1})}), {0, 2 * h, 2 * w, channels}, true);
}

ValueId cut(LayerContext& c, ValueId v, i64 axis, i64 from, i64 to) {
  return c.op(ops::Slice{}, {v, c.i64({from}), c.i64({to}), c.i64({1}), c.i64({axis})});
}

struct Planes {
  ValueId y, u, v;  // [n,h,w,1]
};

// One picture of h + h/2 rows, or planes apart: y and (u, v) together, or three.
Planes planes(LayerContext& c, bool interleaved) {
  const PartialShape shape = c.shape(0);
  if (!shape.ranked() || shape.rank() != 4 || !shape[1].is_static() || !shape[2].is_static())
    c.unsupported("a size that is not known before a run");
  const bool one = c.count() == 1;
  const i64 w = shape[2].size(), h = one ? shape[1].size() / 3 * 2 : shape[1].size(), half_h = h / 2, half_w = w / 2;
  if (w % 2 != 0 || h % 2 != 0 || h < 2 || w < 2 || (one && shape[1].size() % 3 != 0)) c.invalid("a picture of shape {}", to_string(shape));
  if (!one && c.count() != (interleaved ? 2u : 3u)) c.invalid("{} planes", c.count());
  const ValueId y = one ? cut(c, c.in(0), 1, 0, h) : c.in(0), rest = one ? cut(c, c.in(0), 1, h, h + half_h) : ValueId{};
  if (interleaved) {
    const ValueId uv = doubled(c, one ? c.reshaped(rest, {0, half_h, half_w, 2}, true) : c.in(1), half_h, half_w, 2);
    return {y, cut(c, uv, 3, 0, 1), cut(c, uv, 3, 1, 2)};
  }
  if (!one) return {y, doubled(c, c.in(1), half_h, half_w, 1), doubled(c, c.in(2), half_h, half_w, 1)};
  const ValueId both = c.reshaped(rest, {0, 2, half_h * half_w}, true);
  return {y, doubled(c, cut(c, both, 1, 0, 1), half_h, half_w, 1), doubled(c, cut(c, both, 1, 1, 2), half_h, half_w, 1)};
}

template <bool interleaved, bool blue_first>
Values from_yuv(LayerContext& c) {
  const ElementType element = c.element(0);
  const Planes p = planes(c, interleaved);
  const ElementType type = is_float(element) ? element : ElementType::f32;
  const auto shifted = [&](ValueId v, double zero, double factor) {
    const ValueId x = c.binary(BinaryKind::Subtract, c.converted(v, type), c.scalar(type, zero));
    return c.binary(BinaryKind::Multiply, x, c.scalar(type, factor));
  };
  const ValueId y = shifted(p.y, 16, 1.164);
  const ValueId red = c.binary(BinaryKind::Add, y, shifted(p.v, 128, 1.596)), blue = c.binary(BinaryKind::Add, y, shifted(p.u, 128, 2.018));
  const ValueId green =
      c.binary(BinaryKind::Subtract, c.binary(BinaryKind::Subtract, y, shifted(p.v, 128, 0.813)), shifted(p.u, 128, 0.391));
  const ValueId out = c.op(ops::Unary{ops::UnaryKind::Clamp, 0, 255},
                           {c.op(ops::Concat{3}, blue_first ? Values{blue, green, red} : Values{red, green, blue})});
  return {element == type ? out : c.converted(c.op(ops::Unary::of(ops::UnaryKind::Round), {out}), element)};
}

constexpr Row kDetectionRows[] = {
    {"CTCGreedyDecoder", 1, same<ops::CtcGreedyDecoder>},
    {"CTCGreedyDecoderSeqLen", 6, same<ops::CtcGreedyDecoderSeqLen>},
    {"DeformablePSROIPooling", 1, deformable_psroi_pooling},
    {"ExperimentalDetectronDetectionOutput", 6, detectron_detections},
    {"ExperimentalDetectronGenerateProposalsSingleImage", 6, same<ops::DetectronProposals>},
    {"ExperimentalDetectronPriorGridGenerator", 6, same<ops::DetectronPriorGrid>},
    {"ExperimentalDetectronROIFeatureExtractor", 6, same<ops::DetectronRoiFeatures>},
    {"ExperimentalDetectronTopKROIs", 6, same<ops::DetectronTopRois>},
    {"GenerateProposals", 9, same<ops::GenerateProposals>},
    {"I420toBGR", 8, from_yuv<false, true>},
    {"I420toRGB", 8, from_yuv<false, false>},
    {"MatrixNms", 8, same<ops::MatrixNms>},
    {"MulticlassNms", 8, same<ops::MulticlassNmsRows>},
    {"NMSRotated", 13, same<ops::NmsRotated>},
    {"NV12toBGR", 8, from_yuv<true, true>},
    {"NV12toRGB", 8, from_yuv<true, false>},
    {"ROIAlignRotated", 15, same<ops::RoiAlignRotated>},
};

}  // namespace

std::span<const Row> detection_rows() { return kDetectionRows; }

}  // namespace saccade::openvino
