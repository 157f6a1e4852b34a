// SPDX-License-Identifier: Apache-2.0
// ROIAlign.
#include "ops/roi_align.h"

#include <algorithm>
#include <cmath>

#include "ops/inference.h"
#include "ops/widened.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;

constexpr i64 kMaxPooled = i64{1} << 20, kMaxSamples = i64{1} << 15;

void check_attributes(const RoiAlign& op) {
  SACCADE_CHECK(op.pooled_h >= 1 && op.pooled_w >= 1 && op.pooled_h <= kMaxPooled && op.pooled_w <= kMaxPooled, invalid_model,
                "a pooled size of {} by {}", op.pooled_h, op.pooled_w);
  SACCADE_CHECK(op.sampling_ratio >= 0 && op.sampling_ratio <= kMaxSamples, invalid_model, "sampling_ratio is {}", op.sampling_ratio);
}

// One sample along one axis: two neighbours and the weight of the second.
struct Sample {
  i64 low, high;
  double fraction;
};

// The samples of one bin along one axis that meet the data; `all`: how many there are in total.
struct Bin {
  std::vector<Sample> samples;
  double all = 0;
};

Bin sample_bin(double start, double bin_size, i64 grid_ratio, i64 size) {
  Bin bin;
  bin.all = grid_ratio > 0 ? static_cast<double>(grid_ratio) : std::ceil(bin_size);
  if (!(bin.all >= 1) || !std::isfinite(start)) return {};
  const double step = bin_size / bin.all, limit = static_cast<double>(size);
  // only those within [-1, size] count; one more on either side guards against rounding
  double first = 0, last = bin.all - 1;
  if (step > 0) {
    first = std::max(first, std::floor((-1 - start) / step - 0.5) - 1);
    last = std::min(last, std::ceil((limit - start) / step - 0.5) + 1);
  }
  if (first >= 0x1p52) return bin;  // places so far away are further apart than pixels
  for (double i = first; i <= last; ++i) {
    double x = start + (i + 0.5) * step;
    if (x < -1 || x > limit) continue;
    x = std::max(x, 0.0);
    i64 low = static_cast<i64>(x), high = low + 1;
    if (low >= size - 1) {
      low = high = size - 1;
      x = static_cast<double>(low);
    }
    bin.samples.push_back({low, high, x - static_cast<double>(low)});
  }
  return bin;
}

}  // namespace

std::vector<Fact> infer(const RoiAlign& op, std::span<const Fact> inputs) {
  check_arity(inputs, 3, 3);
  check_same_element(inputs, 0, 1);
  check_attributes(op);
  SACCADE_CHECK(is_float(inputs[0].type.element), invalid_model, "data of element type {}", to_string(inputs[0].type.element));
  SACCADE_CHECK(is_integer(inputs[2].type.element), invalid_model, "batch indices of element type {}", to_string(inputs[2].type.element));
  const PartialShape &x = inputs[0].type.shape, &rois = inputs[1].type.shape, &batch = inputs[2].type.shape;
  SACCADE_CHECK((!x.ranked() || x.rank() == 4) && (!rois.ranked() || rois.rank() == 2) && (!batch.ranked() || batch.rank() == 1),
                invalid_model, "ROIAlign over {} with regions {} of batches {}", to_string(x), to_string(rois), to_string(batch));
  PartialShape out = PartialShape::of_rank(4);
  if (rois.ranked()) out[0] = rois[0];
  if (batch.ranked()) out[0] = meet(out[0], batch[0]);
  if (x.ranked()) out[1] = x[1];
  out[2] = Dimension::fixed(op.pooled_h);
  out[3] = Dimension::fixed(op.pooled_w);
  return {Fact(inputs[0].type.element, std::move(out))};
}

std::vector<Tensor> evaluate(const RoiAlign& op, std::span<const Tensor> inputs) {
  check_attributes(op);
  const Shape &x = inputs[0].shape(), &r = inputs[1].shape();
  SACCADE_CHECK(x.size() == 4 && r.size() == 2 && r[1] == 4 && inputs[2].shape() == Shape{r[0]}, invalid_model,
                "ROIAlign over {} with regions {} of batches {}", to_string(x), to_string(r), to_string(inputs[2].shape()));
  const i64 c = x[1], h = x[2], w = x[3];
  const Shape shape{r[0], c, op.pooled_h, op.pooled_w};
  std::vector<double> out(wide_count(shape));
  const std::vector<double> data = to_f64(inputs[0]), rois = to_f64(inputs[1]);
  const std::vector<i64> batches = to_i64(inputs[2]);
  if (out.empty() || data.empty()) return {from_f64(inputs[0].type(), shape, out)};
  const bool shifted = op.aligned_mode != RoiAlignAligned::asymmetric;
  const double offset = shifted ? 0.5 : 0;
  for (i64 n = 0; n < r[0]; ++n) {
    const i64 batch = batches[static_cast<std::size_t>(n)];
    SACCADE_CHECK(batch >= 0 && batch < x[0], invalid_model, "region {} is in batch {} of {}", n, batch, x[0]);
    const double* roi = rois.data() + n * 4;
    const double left = roi[0] * op.spatial_scale - offset, top = roi[1] * op.spatial_scale - offset;
    double width = roi[2] * op.spatial_scale - offset - left, height = roi[3] * op.spatial_scale - offset - top;
    if (!shifted) {
      width = std::max(width, 1.0);
      height = std::max(height, 1.0);
    }
    const double bin_w = width / static_cast<double>(op.pooled_w), bin_h = height / static_cast<double>(op.pooled_h);
    std::vector<Bin> columns;
    for (i64 b = 0; b < op.pooled_w; ++b) columns.push_back(sample_bin(left + static_cast<double>(b) * bin_w, bin_w, op.sampling_ratio, w));
    for (i64 by = 0; by < op.pooled_h; ++by) {
      const Bin row = sample_bin(top + static_cast<double>(by) * bin_h, bin_h, op.sampling_ratio, h);
      for (i64 ch = 0; ch < c; ++ch) {
        const double* plane = data.data() + (batch * c + ch) * h * w;
        for (i64 bx = 0; bx < op.pooled_w; ++bx) {
          const Bin& column = columns[static_cast<std::size_t>(bx)];
          const double met = static_cast<double>(row.samples.size()) * static_cast<double>(column.samples.size());
          const bool least_zero = op.mode == RoiAlignMode::max_sample || met < row.all * column.all || met == 0;  // samples beside the data are zero
          double sum = 0, best = least_zero ? 0 : -INFINITY;
          for (const Sample& y : row.samples)
            for (const Sample& u : column.samples) {
              const double v[] = {
                  (1 - y.fraction) * (1 - u.fraction) * plane[y.low * w + u.low], (1 - y.fraction) * u.fraction * plane[y.low * w + u.high],
                  y.fraction * (1 - u.fraction) * plane[y.high * w + u.low], y.fraction * u.fraction * plane[y.high * w + u.high]};
              sum += v[0] + v[1] + v[2] + v[3];
              best = op.mode == RoiAlignMode::max ? std::max({best, v[0], v[1], v[2], v[3]}) : std::max(best, v[0] + v[1] + v[2] + v[3]);
            }
          out[static_cast<std::size_t>(((n * c + ch) * op.pooled_h + by) * op.pooled_w + bx)] =
              op.mode != RoiAlignMode::avg ? best : sum / std::max(row.all * column.all, 1.0);
        }
      }
    }
  }
  return {from_f64(inputs[0].type(), shape, out)};
}

}  // namespace saccade::ops
