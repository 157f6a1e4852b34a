// SPDX-License-Identifier: Apache-2.0
// The last stages of detectors in simpler operators.
#include <limits>

#include "export/decompose.h"
#include "export/decompose_tools.h"
#include "ops/detection_post_process.h"
#include "ops/gather.h"
#include "ops/multiclass_nms.h"
#include "ops/non_max_suppression.h"
#include "ops/range.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/scatter.h"
#include "ops/tile.h"
#include "ops/topk.h"
#include "ops/broadcast.h"

namespace saccade::exporter {
namespace {

constexpr double kNone = -1e30;  // the score of what was not taken

// Corners as four values of shape [..., 1], cut off at the window, which broadcasts.
ValueId clipped(Rewriting& r, ValueId boxes, ValueId window) {
  Values corners;
  for (i64 k = 0; k < 4; ++k) {
    const ValueId c = slice(r, boxes, -1, k, k + 1), low = slice(r, window, -1, k % 2, k % 2 + 1), high = slice(r, window, -1, 2 + k % 2, 3 + k % 2);
    corners.push_back(binary(r, BinaryKind::Minimum, binary(r, BinaryKind::Maximum, c, low), high));
  }
  return joined(r, -1, corners);
}

// (y2 − y1) · (x2 − x1) without the last axis.
ValueId area(Rewriting& r, ValueId boxes) {
  const ValueId h = r.subtract(slice(r, boxes, -1, 2, 3), slice(r, boxes, -1, 0, 1)), w = r.subtract(slice(r, boxes, -1, 3, 4), slice(r, boxes, -1, 1, 2));
  return r.op(ops::Squeeze{}, {r.multiply(h, w), r.i64({-1})});
}

// A size as a scalar: a constant where it is known, else taken from the shape.
struct Size {
  ValueId scalar;
  i64 known = -1;
};

Size size_of(Rewriting& r, ValueId v, i64 axis) {
  const graph::Dimension d = r.type(v).shape[static_cast<std::size_t>(axis)];
  if (d.is_static()) return {r.i64_scalar(d.size()), d.size()};
  return {r.op(ops::Gather{}, {r.shape_of(v), r.i64_scalar(axis), r.i64_scalar(0)})};
}

ValueId as_vector(Rewriting& r, ValueId scalar) { return r.reshape(scalar, {1}); }

// What NonMaxSuppression took, each score at its (image, class, box): [n,c,b], the shape of `like`.
ValueId scattered(Rewriting& r, ValueId like, ValueId places, ValueId scores) {
  const ValueId nothing = r.op(ops::Broadcast{}, {r.scalar(ElementType::f32, kNone), r.shape_of(like)});
  return r.op(ops::ScatterNDUpdate{}, {nothing, places, r.op(ops::Squeeze{}, {slice(r, scores, 1, 2, 3), r.i64({1})})});
}

// [n, c·b], and at least so many columns.
ValueId flattened(Rewriting& r, ValueId table, i64 least) {
  const PartialShape shape = r.type(table).shape;
  const bool enough = shape[1].is_static() && shape[2].is_static() && shape[1].size() * shape[2].size() >= least;
  const ValueId flat = r.op(ops::Reshape{.special_zero = true}, {table, r.i64({0, -1})});
  if (enough) return flat;
  const ValueId more = r.op(ops::Broadcast{}, {r.scalar(ElementType::f32, kNone), joined(r, 0, {as_vector(r, size_of(r, table, 0).scalar), r.i64({least})})});
  return joined(r, 1, {flat, more});
}

Values best_of(Rewriting& r, ValueId table, i64 count) {
  return r.node(ops::TopK{.axis = 1, .mode = ops::TopKMode::max, .sort = ops::TopKSort::value, .index_element_type = ElementType::i64}, {table, r.i64_scalar(count)});
}

// Some runtimes drop a box whose IoU is the threshold; ours stays.
double above(double threshold) { return std::min(std::nextafter(static_cast<float>(threshold), 2.0f), 1.0f); }

}  // namespace

// Every class of every image is an entry of the batch where boxes differ by class, else a class of the layer. What it takes is put
// at its place in a table [n, c·b] of scores, from which TopK picks the best; of equal ones the first, as it shall be.
Values multiclass_nms(Rewriting& r) {
  const auto& op = r.as<ops::MulticlassNms>();
  const TensorType boxes_type = r.type(0), scores_type = r.type(1);
  if (r.rank(0) != 4 || r.rank(1) != 3 || !boxes_type.shape[2].is_static()) r.inexpressible("boxes of which is not known before a run whether classes share them");
  const bool shared = boxes_type.shape[2].size() == 1;
  const ElementType element = scores_type.element;
  constexpr std::int64_t kClassFirst[] = {0, 2, 1}, kBoxClassFirst[] = {0, 2, 1, 3};
  const ValueId scores = r.transpose(r.convert(r.in(1), ElementType::f32), kClassFirst);    // [n,c,b]
  const ValueId boxes = r.transpose(r.convert(r.in(0), ElementType::f32), kBoxClassFirst);  // [n,q,b,4]
  const Size c = size_of(r, scores, 1), b = size_of(r, scores, 2);
  ValueId usable = scores;
  if (r.has(3)) {
    const ValueId places = r.op(ops::Range{}, {r.i64_scalar(0), b.scalar, r.i64_scalar(1)});
    const ValueId valid = binary(r, BinaryKind::Less, places, r.reshape(r.convert(r.in(3), ElementType::i64), {-1, 1, 1}));
    usable = select(r, valid, scores, r.scalar(ElementType::f32, kNone));
  }
  const ValueId width = as_vector(r, b.scalar);
  const ValueId in_boxes = shared ? r.op(ops::Squeeze{}, {boxes, r.i64({1})}) : r.op(ops::Reshape{}, {boxes, joined(r, 0, {r.i64({-1}), width, r.i64({4})})});
  const ValueId in_scores = shared ? usable : r.op(ops::Reshape{}, {usable, joined(r, 0, {r.i64({-1, 1}), width})});
  const Values taken = r.node(ops::NonMaxSuppression{ops::BoxEncoding::corner, false, ElementType::i64},
                              {in_boxes, in_scores, r.i64_scalar(op.max_per_class), r.scalar(ElementType::f32, above(op.iou_threshold)), r.scalar(ElementType::f32, std::max(op.score_threshold, kNone / 2))});
  // (image, class, box) and its score
  ValueId places = taken[0];
  if (!shared) {
    const ValueId entry = slice(r, places, 1, 0, 1);
    places = joined(r, 1, {r.op(Binary{BinaryKind::Divide}, {entry, c.scalar}), r.op(Binary{BinaryKind::Mod}, {entry, c.scalar}), slice(r, places, 1, 2, 3)});
  }
  ValueId table = scattered(r, scores, places, taken[1]);
  ValueId window, final_boxes = boxes;
  if (r.has(2)) {
    window = r.reshape(r.convert(r.in(2), ElementType::f32), {-1, 1, 1, 4});
    final_boxes = clipped(r, boxes, window);
    const ValueId kept = binary(r, BinaryKind::Greater, area(r, final_boxes), r.like(boxes, 0));  // [n,q,b]
    const ValueId positive = binary(r, BinaryKind::GreaterEqual, table, r.scalar(ElementType::f32, 0));
    table = select(r, binary(r, BinaryKind::LogicalAnd, kept, positive), table, r.scalar(ElementType::f32, kNone));
  }
  const Values best = best_of(r, flattened(r, table, op.max_total), op.max_total);
  const ValueId present = binary(r, BinaryKind::Greater, best[0], r.scalar(ElementType::f32, kNone / 2));  // [n,m]
  const ValueId box = r.op(Binary{BinaryKind::Mod}, {best[1], b.scalar});
  const ValueId kind = r.op(Binary{BinaryKind::Mod}, {r.op(Binary{BinaryKind::Divide}, {best[1], b.scalar}), c.scalar});
  const auto masked = [&](ValueId v) {
    ValueId mask = present;
    for (std::size_t k = 2; k < r.rank(v); ++k) mask = r.op(ops::Unsqueeze{}, {mask, r.i64({-1})});
    return select(r, mask, v, r.like(v, 0));
  };
  const Size n = size_of(r, scores, 0);
  // Rows of all images in one, each image's behind those of the one before; OpenVINO's Gather with batch dimensions is not to be relied on.
  const auto gathered = [&](ValueId v, ValueId index, ValueId rows, std::size_t first) {
    const PartialShape shape = r.type(v).shape;
    std::vector<i64> target{-1};
    for (std::size_t d = first; d < r.rank(v); ++d) {
      if (!shape[d].is_static()) r.inexpressible("fields whose sizes are not known before a run");
      target.push_back(shape[d].size());
    }
    if (n.known != 1) index = r.add(index, r.multiply(r.reshape(r.op(ops::Range{}, {r.i64_scalar(0), n.scalar, r.i64_scalar(1)}), {-1, 1}), rows));
    return r.op(ops::Gather{}, {r.op(ops::Reshape{}, {v, r.i64(target)}), index, r.i64_scalar(0)});
  };
  ValueId out_boxes = shared ? gathered(final_boxes, box, b.scalar, 3) : gathered(final_boxes, r.add(r.multiply(kind, b.scalar), box), r.multiply(b.scalar, c.scalar), 3);
  if (op.change_coordinate_frame && window.valid()) {
    const ValueId w = r.reshape(window, {-1, 1, 4}), origin = slice(r, w, 2, 0, 2), size = r.subtract(slice(r, w, 2, 2, 4), origin);
    out_boxes = r.divide(r.subtract(out_boxes, joined(r, 2, {origin, origin})), joined(r, 2, {size, size}));
  }
  Values outputs{masked(r.convert(out_boxes, boxes_type.element)), masked(r.convert(best[0], element)), masked(r.convert(kind, element)),
                 r.op(ops::Reduce{ops::ReduceKind::Sum}, {r.convert(present, ElementType::i32), r.i64({1})})};
  for (std::size_t i = 4; i < r.count(); ++i) outputs.push_back(masked(gathered(r.in(i), box, b.scalar, 2)));
  return outputs;
}

// Boxes compete in their class, or by their best class whatever it is; then as above.
Values detection_post_process(Rewriting& r) {
  const auto& op = r.as<ops::DetectionPostProcess>();
  const TensorType scores_type = r.type(1);
  if (r.rank(0) != 3 || r.rank(1) != 3 || !scores_type.shape[2].is_static()) r.inexpressible("a number of classes that is not known before a run");
  const i64 all = scores_type.shape[2].size(), c = op.num_classes, most = op.max_detections, rows = op.max_classes_per_detection;
  if (c < 1 || c > all) r.inexpressible("{} classes of {}", c, all);
  const ValueId boxes = r.convert(r.in(0), ElementType::f32), scores = slice(r, r.convert(r.in(1), ElementType::f32), 2, all - c, all);  // [1,n,c]
  // a score equal to the threshold counts
  const float threshold = std::nextafter(static_cast<float>(op.score_threshold), -std::numeric_limits<float>::infinity());
  constexpr std::int64_t kClassFirst[] = {0, 2, 1};
  const ValueId n = size_of(r, scores, 1).scalar;
  const ValueId competing = op.regular ? r.transpose(scores, kClassFirst) : r.op(ops::Unsqueeze{}, {r.op(ops::Reduce{ops::ReduceKind::Max}, {scores, r.i64({2})}), r.i64({1})});
  const Values taken = r.node(ops::NonMaxSuppression{ops::BoxEncoding::corner, false, ElementType::i64},
                              {boxes, competing, r.i64_scalar(op.regular ? op.detections_per_class : most), r.scalar(ElementType::f32, above(op.iou_threshold)), r.scalar(ElementType::f32, std::max<double>(threshold, kNone / 2))});
  const Values best = best_of(r, flattened(r, scattered(r, competing, taken[0], taken[1]), most), most);
  const ValueId present = r.reshape(binary(r, BinaryKind::Greater, best[0], r.scalar(ElementType::f32, kNone / 2)), {-1});  // [most]
  const ValueId index = r.reshape(best[1], {-1}), box = r.op(Binary{BinaryKind::Mod}, {index, n});
  const ValueId chosen = r.op(ops::Gather{}, {r.reshape(boxes, {-1, 4}), box, r.i64_scalar(0)});  // [most,4]
  const ValueId count = r.reshape(r.op(ops::Reduce{ops::ReduceKind::Sum}, {r.convert(present, ElementType::f32), r.i64({0})}), {1});
  const ValueId zero = r.scalar(ElementType::f32, 0), column = r.reshape(present, {-1, 1});
  ValueId kind, score, corners = chosen;
  if (op.regular) {
    kind = r.reshape(r.convert(r.op(Binary{BinaryKind::Divide}, {index, n}), ElementType::f32), {-1, 1});
    score = r.reshape(best[0], {-1, 1});
  } else {
    const ValueId of_box = r.op(ops::Gather{}, {r.reshape(scores, {-1, c}), box, r.i64_scalar(0)});
    const Values top = r.node(ops::TopK{.axis = 1, .mode = ops::TopKMode::max, .sort = ops::TopKSort::value, .index_element_type = ElementType::i64}, {of_box, r.i64_scalar(std::min(rows, c))});
    score = top[0];
    kind = r.convert(top[1], ElementType::f32);
    if (rows > 1) {
      if (rows > c) r.inexpressible("{} classes a box of {}", rows, c);
      corners = r.reshape(r.op(ops::Tile{}, {r.op(ops::Unsqueeze{}, {chosen, r.i64({1})}), r.i64({1, rows, 1})}), {most * rows, 4});
    }
  }
  // [most, rows] flat, and more rows than there are boxes in the regular case
  const auto finished = [&](ValueId v) {
    ValueId flat = r.reshape(select(r, column, v, zero), {1, -1});
    if (op.regular && rows > 1) flat = joined(r, 1, {flat, r.constant_of(Tensor(ElementType::f32, {1, most * (rows - 1)}))});
    return flat;
  };
  ValueId mask = column;
  if (!op.regular && rows > 1) mask = r.reshape(r.op(ops::Tile{}, {column, r.i64({1, rows})}), {most * rows, 1});
  ValueId out_boxes = r.op(ops::Unsqueeze{}, {select(r, mask, corners, zero), r.i64({0})});
  if (op.regular && rows > 1) out_boxes = joined(r, 1, {out_boxes, r.constant_of(Tensor(ElementType::f32, {1, most * (rows - 1), 4}))});
  return {out_boxes, finished(kind), finished(score), count};
}

}  // namespace saccade::exporter
