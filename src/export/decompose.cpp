// SPDX-License-Identifier: Apache-2.0
// Grids of samples, attention and YOLO's heads in simpler operators.
#include "export/decompose.h"

#include <cmath>

#include "export/decompose_tools.h"
#include "ops/attention.h"
#include "ops/crop_and_resize.h"
#include "ops/detection_post_process.h"
#include "ops/gather.h"
#include "ops/grid_sample.h"
#include "ops/matmul.h"
#include "ops/multiclass_nms.h"
#include "ops/non_max_suppression.h"
#include "ops/range.h"
#include "ops/reshape.h"
#include "ops/softmax.h"
#include "ops/transpose.h"
#include "ops/broadcast.h"
#include "ops/yolo.h"
#include "tensor/numeric.h"

namespace saccade::exporter {

// The image of each box, sampled on the box's grid; samples beside the image are replaced. The grids of all boxes on a single image are
// sampled as one, so that it need not be repeated for every box.
Values crop_and_resize(Rewriting& r) {
  const auto& op = r.as<ops::CropAndResize>();
  const PartialShape shape = r.type(0).shape;
  if (r.rank(0) != 4) r.inexpressible("data of rank {}", r.rank(0));
  if (op.method == ops::CropMethod::nearest) r.inexpressible("the method nearest");
  const PartialShape boxes = r.type(1).shape;
  const bool single = shape[0].is_static() && shape[0].size() == 1 && shape[1].is_static() && shape[1].size() > 0 && boxes.ranked() && boxes[0].is_static() && boxes[0].size() > 0;
  ValueId grid[2], inside;
  for (const i64 k : {0, 1}) {  // y, x
    const i64 count = op.crop_size.at(static_cast<std::size_t>(k));
    const graph::Dimension size = shape[static_cast<std::size_t>(2 + k)];
    const ValueId first = slice(r, r.in(1), 1, k, k + 1), last = slice(r, r.in(1), 1, 2 + k, 3 + k);
    ValueId scale;  // size − 1
    if (size.is_static()) scale = r.scalar(ElementType::f32, static_cast<double>(size.size() - 1));
    else scale = r.convert(r.subtract(r.op(ops::Gather{}, {r.shape_of(r.in(0)), r.i64_scalar(2 + k), r.i64_scalar(0)}), r.i64_scalar(1)), ElementType::f32);
    ValueId place;  // in pixels, [r, count]
    if (count > 1) {
      Tensor steps(ElementType::f32, {1, count});
      for (i64 i = 0; i < count; ++i) steps.data<float>()[i] = static_cast<float>(i);
      const ValueId step = r.divide(r.multiply(r.subtract(last, first), scale), r.scalar(ElementType::f32, static_cast<double>(count - 1)));
      place = r.add(r.multiply(first, scale), r.multiply(r.constant_of(steps), step));
    } else {
      place = r.multiply(r.multiply(r.add(first, last), r.scalar(ElementType::f32, 0.5)), scale);
    }
    const ValueId within = binary(r, BinaryKind::LogicalAnd, binary(r, BinaryKind::GreaterEqual, place, r.scalar(ElementType::f32, 0)), binary(r, BinaryKind::LessEqual, place, scale));
    const i64 axis = k == 0 ? 2 : 1;
    const ValueId here = r.op(ops::Unsqueeze{}, {within, r.i64({axis})});
    inside = k == 0 ? here : binary(r, BinaryKind::LogicalAnd, inside, here);
    // the place of a single pixel is 0 whatever it is divided by
    const ValueId half = binary(r, BinaryKind::Maximum, r.multiply(scale, r.scalar(ElementType::f32, 0.5)), r.scalar(ElementType::f32, 0.5));
    const ValueId normal = r.subtract(r.divide(place, half), r.scalar(ElementType::f32, 1));
    grid[k] = r.op(ops::Unsqueeze{}, {r.op(ops::Unsqueeze{}, {normal, r.i64({axis})}), r.i64({3})});
  }
  const ValueId full = r.i64({1, op.crop_size[0], op.crop_size[1], 1});
  const auto spread = [&](ValueId v) { return r.op(ops::Broadcast{ops::BroadcastMode::bidirectional}, {v, full}); };
  ValueId places = joined(r, 3, {spread(grid[1]), spread(grid[0])}), images = r.in(0);
  if (single) places = r.op(ops::Reshape{}, {places, r.i64({1, boxes[0].size() * op.crop_size[0], op.crop_size[1], 2})});
  else images = r.op(ops::Gather{}, {images, r.convert(r.in(2), ElementType::i64), r.i64_scalar(0)});
  ValueId samples = r.op(ops::GridSample{true, ops::GridSampleMode::bilinear, ops::GridSamplePadding::border}, {r.convert(images, ElementType::f32), places});
  if (single) samples = r.op(ops::Transpose{}, {r.op(ops::Reshape{}, {samples, r.i64({shape[1].size(), boxes[0].size(), op.crop_size[0], op.crop_size[1]})}), r.i64({1, 0, 2, 3})});
  return {r.convert(select(r, r.op(ops::Unsqueeze{}, {inside, r.i64({1})}), samples, r.scalar(ElementType::f32, op.extrapolation_value)), r.type(r.out(0)).element)};
}

// (x, y, 1) of every place of the output, times the matrix.
Values affine_grid(Rewriting& r) {
  const auto size = r.integers(1);
  if (!size) r.inexpressible("a size that is not known before a run");
  const auto& op = r.as<ops::AffineGrid>();
  const std::size_t dims = size->size() - 2;
  i64 places = 1;
  for (std::size_t d = 2; d < size->size(); ++d) places *= (*size)[d];
  const auto columns = static_cast<i64>(dims + 1);
  std::vector<double> grid(static_cast<std::size_t>(places * columns));
  for (i64 p = 0; p < places; ++p) {
    i64 rest = p;
    for (std::size_t d = dims; d-- > 0;) {
      const i64 n = (*size)[2 + d], i = rest % n;
      rest /= n;
      const double at = op.align_corners ? (n > 1 ? -1 + 2.0 * static_cast<double>(i) / static_cast<double>(n - 1) : 0) : (2.0 * static_cast<double>(i) + 1) / static_cast<double>(n) - 1;
      grid[static_cast<std::size_t>(p * columns) + (dims - 1 - d)] = at;
    }
    grid[static_cast<std::size_t>(p * columns) + dims] = 1;
  }
  const ValueId base = r.constant_of(from_f64(r.element(0), {1, places, columns}, grid));
  const ValueId flat = r.op(ops::MatMul{false, true}, {base, r.in(0)});
  std::vector<i64> shape{-1};
  shape.insert(shape.end(), size->begin() + 2, size->end());
  shape.push_back(static_cast<i64>(dims));
  return {r.op(ops::Reshape{}, {flat, r.i64(shape)})};
}

namespace {

// [b,s,heads·d] as [b,heads,s,d].
ValueId headed(Rewriting& r, ValueId v, i64 heads) {
  if (r.rank(v) == 4) return v;
  constexpr std::int64_t kHeadsFirst[] = {0, 2, 1, 3};
  return r.transpose(r.op(ops::Reshape{.special_zero = true}, {v, r.i64({0, 0, heads, -1})}), kHeadsFirst);
}

}  // namespace

Values attention(Rewriting& r) {
  const auto& op = r.as<ops::Attention>();
  for (std::size_t i = 1; i < r.node().outputs.size(); ++i)
    if (r.wanted(i)) r.inexpressible("more outputs than one");
  if (r.has(4) || r.has(5) || r.has(6)) r.inexpressible("a past");
  if (op.left_window >= 0 || op.right_window >= 0) r.inexpressible("a window of keys");
  const bool rank3 = r.rank(0) == 3;
  ValueId q = headed(r, r.in(0), op.q_num_heads), k = headed(r, r.in(1), op.kv_num_heads), v = headed(r, r.in(2), op.kv_num_heads);
  const PartialShape qs = r.type(q).shape, ks = r.type(k).shape;
  if (!qs[1].is_static() || !ks[1].is_static()) r.inexpressible("numbers of heads that are not known before a run");
  if (const i64 hq = qs[1].size(), hk = ks[1].size(); hq != hk) {
    // every head of the keys serves hq / hk heads of the queries
    std::vector<i64> from;
    for (i64 h = 0; h < hq; ++h) from.push_back(h / (hq / hk));
    k = r.op(ops::Gather{}, {k, r.i64(from), r.i64_scalar(1)});
    v = r.op(ops::Gather{}, {v, r.i64(from), r.i64_scalar(1)});
  }
  ValueId scale;
  if (op.scale != 0) scale = r.like(q, op.scale);
  else if (qs[3].is_static()) scale = r.like(q, 1 / std::sqrt(static_cast<double>(qs[3].size())));
  else r.inexpressible("a head size that is not known before a run");
  ValueId product = r.multiply(r.op(ops::MatMul{false, true}, {q, k}), scale);
  if (op.softcap > 0) product = r.multiply(r.op(ops::Unary::of(ops::UnaryKind::Tanh), {r.divide(product, r.like(q, op.softcap))}), r.like(q, op.softcap));
  const double lowest = r.element(0) == ElementType::f16 ? -65504 : -1e30;
  if (r.has(3)) {
    const TensorType mask = r.type(3);
    const graph::Dimension keys = ks[2], masked = mask.shape.ranked() && mask.shape.rank() > 0 ? mask.shape[mask.shape.rank() - 1] : graph::Dimension::unknown();
    if (!(masked.is_static() && masked.size() == 1) && !(masked == keys && masked.is_static())) r.inexpressible("a mask that may be shorter than the keys");
    if (r.element(3) == ElementType::boolean) product = select(r, r.in(3), product, r.like(q, lowest));
    else product = r.add(product, r.in(3));
  }
  if (op.is_causal) {
    const auto range = [&](ValueId of) { return r.op(ops::Range{}, {r.i64_scalar(0), r.op(ops::Gather{}, {r.shape_of(of), r.i64_scalar(2), r.i64_scalar(0)}), r.i64_scalar(1)}); };
    product = select(r, binary(r, BinaryKind::GreaterEqual, r.reshape(range(q), {-1, 1}), range(k)), product, r.like(q, lowest));
  }
  ValueId weights = r.op(ops::Softmax{-1}, {product});
  if (r.has(3) || op.is_causal) {
    // a query that sees no key gets nothing, not the mean of all
    product = binary(r, BinaryKind::Maximum, product, r.like(q, lowest));
    weights = select(r, binary(r, BinaryKind::Greater, product, r.like(q, lowest / 2)), r.op(ops::Softmax{-1}, {product}), r.like(q, 0));
  }
  ValueId y = r.op(ops::MatMul{}, {weights, v});
  if (rank3) {
    constexpr std::int64_t kBack[] = {0, 2, 1, 3};
    y = r.op(ops::Reshape{.special_zero = true}, {r.transpose(y, kBack), r.i64({0, 0, -1})});
  }
  Values outputs(r.node().outputs.size());
  outputs[0] = y;
  return outputs;
}

// Pairs of elements turned by an angle.
Values rotary_embedding(Rewriting& r) {
  const auto& op = r.as<ops::RotaryEmbedding>();
  const bool rank3 = r.rank(0) == 3;
  const ValueId x = headed(r, r.in(0), op.num_heads);  // [b,h,s,d]
  if (!r.type(x).shape[3].is_static()) r.inexpressible("a head size that is not known before a run");
  const i64 d = r.type(x).shape[3].size(), n = op.rotary_embedding_dim > 0 ? op.rotary_embedding_dim : d;
  const auto table = [&](std::size_t i) {
    const ValueId t = r.has(3) ? r.op(ops::Gather{}, {r.in(i), r.in(3), r.i64_scalar(0)}) : r.in(i);  // [b,s,n/2]
    return r.op(ops::Unsqueeze{}, {t, r.i64({1})});
  };
  const ValueId cosine = table(1), sine = table(2);
  const ValueId turned = slice(r, x, 3, 0, n);
  const auto part = [&](i64 k) {
    if (!op.interleaved) return slice(r, turned, 3, k * (n / 2), (k + 1) * (n / 2));
    return r.op(ops::Slice{}, {turned, r.i64({k}), r.i64({n}), r.i64({2}), r.i64({3})});
  };
  const ValueId a = part(0), b = part(1);
  const ValueId real = r.subtract(r.multiply(a, cosine), r.multiply(b, sine)), imaginary = r.add(r.multiply(a, sine), r.multiply(b, cosine));
  ValueId y;
  if (op.interleaved) {
    const ValueId pairs = joined(r, 4, {r.op(ops::Unsqueeze{}, {real, r.i64({4})}), r.op(ops::Unsqueeze{}, {imaginary, r.i64({4})})});
    y = r.op(ops::Reshape{.special_zero = true}, {pairs, r.i64({0, 0, 0, n})});
  } else {
    y = joined(r, 3, {real, imaginary});
  }
  if (n < d) y = joined(r, 3, {y, slice(r, x, 3, n, d)});
  if (rank3) {
    constexpr std::int64_t kBack[] = {0, 2, 1, 3};
    y = r.op(ops::Reshape{.special_zero = true}, {r.transpose(y, kBack), r.i64({0, 0, -1})});
  }
  return {y};
}

// Of every region the first two coordinates and the objectness through a sigmoid, the classes through a softmax or a sigmoid.
Values region_yolo(Rewriting& r) {
  const auto& op = r.as<ops::RegionYolo>();
  const PartialShape shape = r.type(0).shape;
  if (!shape.is_static() || shape.rank() != 4) r.inexpressible("sizes that are not known before a run");
  const i64 n = shape[0].size(), h = shape[2].size(), w = shape[3].size(), regions = op.do_softmax ? op.num : static_cast<i64>(op.mask.size());
  const ValueId x = r.reshape(r.in(0), {n, regions, op.coords + 1 + op.classes, h * w});
  const auto part = [&](i64 from, i64 to) { return slice(r, x, 2, from, to); };
  const auto sigmoid = [&](ValueId v) { return r.op(ops::Unary::of(ops::UnaryKind::Sigmoid), {v}); };
  Values parts{sigmoid(part(0, 2))};
  if (op.coords > 2) parts.push_back(part(2, op.coords));
  parts.push_back(sigmoid(part(op.coords, op.coords + 1)));
  if (op.classes > 0) {
    const ValueId classes = part(op.coords + 1, op.coords + 1 + op.classes);
    parts.push_back(op.do_softmax ? r.op(ops::Softmax{2}, {classes}) : sigmoid(classes));
  }
  const TensorType out = r.type(r.out(0));
  if (!out.is_static()) r.inexpressible("sizes that are not known before a run");
  return {r.op(ops::Reshape{}, {joined(r, 2, parts), r.i64(out.shape.shape())})};
}

}  // namespace saccade::exporter
