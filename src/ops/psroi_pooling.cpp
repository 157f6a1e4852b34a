// SPDX-License-Identifier: Apache-2.0
// PSROIPooling.
#include "ops/psroi_pooling.h"

#include <algorithm>
#include <cmath>

#include "ops/inference.h"
#include "ops/widened.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;

constexpr i64 kMaxPooledSize = i64{1} << 16;

i64 channels_needed(const PsRoiPooling& op) {
  for (const i64 size : {op.output_dim, op.group_size, op.spatial_bins_x, op.spatial_bins_y})
    SACCADE_CHECK(size >= 1 && size <= kMaxPooledSize, invalid_model, "an attribute of {}; 1 to {} are possible", size, kMaxPooledSize);
  return op.output_dim * (op.mode == PsRoiMode::average ? op.group_size * op.group_size : op.spatial_bins_x * op.spatial_bins_y);
}

i64 pixel(double place, i64 size) { return static_cast<i64>(std::clamp(place, 0.0, static_cast<double>(size))); }

struct Plane {
  const double* data;
  i64 h, w;

  double mean(i64 top, i64 left, i64 bottom, i64 right) const {
    if (bottom <= top || right <= left) return 0;
    double sum = 0;
    for (i64 y = top; y < bottom; ++y)
      for (i64 x = left; x < right; ++x) sum += data[y * w + x];
    return sum / static_cast<double>((bottom - top) * (right - left));
  }

  double sample(double y, double x) const {
    if (!(x >= 0 && y >= 0 && x < static_cast<double>(w) && y < static_cast<double>(h))) return 0;
    const auto left = static_cast<i64>(x), top = static_cast<i64>(y);
    const i64 right = std::min(static_cast<i64>(std::ceil(x)), w - 1), bottom = std::min(static_cast<i64>(std::ceil(y)), h - 1);
    const double fx = x - static_cast<double>(left), fy = y - static_cast<double>(top);
    const double above = data[top * w + left] + (data[top * w + right] - data[top * w + left]) * fx;
    const double below = data[bottom * w + left] + (data[bottom * w + right] - data[bottom * w + left]) * fx;
    return above + (below - above) * fy;
  }
};

struct Span {
  double start, size;
};

// One output of mode average: bin (by, bx) of a region of group·group bins.
double average_bin(const Plane& plane, const Span& rows, const Span& columns, i64 by, i64 bx, i64 group) {
  const auto edge = [&](const Span& s, i64 bin) { return s.start + static_cast<double>(bin) * s.size / static_cast<double>(group); };
  const i64 top = pixel(std::floor(edge(rows, by)), plane.h), left = pixel(std::floor(edge(columns, bx)), plane.w);
  return plane.mean(top, left, pixel(std::ceil(edge(rows, by + 1)), plane.h), pixel(std::ceil(edge(columns, bx + 1)), plane.w));
}

// Where output `bin` of `group` samples spatial bin `part` of `parts`, in pixels.
double sample_place(const Span& s, i64 part, i64 parts, i64 bin, i64 group, i64 size) {
  const double width = s.size / static_cast<double>(parts), start = s.start + static_cast<double>(part) * width;
  const double within = group > 1 ? static_cast<double>(bin) * width / static_cast<double>(group - 1) : width / 2;
  return (start + within) * static_cast<double>(size - 1);
}

}  // namespace

std::vector<Fact> infer(const PsRoiPooling& op, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 2);
  check_same_element(inputs, 0, 1);
  SACCADE_CHECK(is_float(inputs[0].type.element), invalid_model, "data of element type {}", to_string(inputs[0].type.element));
  const i64 channels = channels_needed(op);
  const PartialShape &x = inputs[0].type.shape, &rois = inputs[1].type.shape;
  SACCADE_CHECK((!x.ranked() || x.rank() == 4) && (!rois.ranked() || rois.rank() == 2), invalid_model, "PSROIPooling over {} with regions {}", to_string(x), to_string(rois));
  SACCADE_CHECK(!x.ranked() || !x[1].is_static() || x[1].size() == channels, invalid_model, "data of shape {} where {} channels are needed", to_string(x), channels);
  PartialShape out = PartialShape::of_rank(4);
  if (rois.ranked()) out[0] = rois[0];
  out[1] = Dimension::fixed(op.output_dim);
  out[2] = out[3] = Dimension::fixed(op.group_size);
  return {Fact(inputs[0].type.element, std::move(out))};
}

std::vector<Tensor> evaluate(const PsRoiPooling& op, std::span<const Tensor> inputs) {
  const Shape &x = inputs[0].shape(), &r = inputs[1].shape();
  const i64 channels = channels_needed(op);
  SACCADE_CHECK(x.size() == 4 && r.size() == 2 && r[1] == 5 && x[1] == channels, invalid_model, "PSROIPooling over {} with regions {}; {} channels are needed", to_string(x), to_string(r), channels);
  const i64 h = x[2], w = x[3], group = op.group_size;
  const Shape shape{r[0], op.output_dim, group, group};
  std::vector<double> out(wide_count(shape));
  const std::vector<double> data = to_f64(inputs[0]), rois = to_f64(inputs[1]);
  std::size_t to = 0;
  for (i64 n = 0; n < r[0]; ++n) {
    const double* roi = rois.data() + n * 5;
    SACCADE_CHECK(roi[0] >= 0 && roi[0] < static_cast<double>(x[0]), invalid_model, "region {} is in batch {} of {}", n, roi[0], x[0]);
    const double* image = data.data() + static_cast<i64>(roi[0]) * channels * h * w;
    const auto plane = [&](i64 channel) { return Plane{image + channel * h * w, h, w}; };
    const bool average = op.mode == PsRoiMode::average;
    const auto span = [&](double low, double high) {
      const double start = (average ? std::round(low) : low) * op.spatial_scale, end = (average ? std::round(high) + 1 : high) * op.spatial_scale;
      return Span{start, end - start};
    };
    const Span columns = span(roi[1], roi[3]), rows = span(roi[2], roi[4]);
    for (i64 c = 0; c < op.output_dim; ++c)
      for (i64 by = 0; by < group; ++by)
        for (i64 bx = 0; bx < group; ++bx, ++to) {
          if (h == 0 || w == 0) continue;
          if (average) {
            out[to] = average_bin(plane((c * group + by) * group + bx), rows, columns, by, bx, group);
            continue;
          }
          double sum = 0;
          for (i64 sy = 0; sy < op.spatial_bins_y; ++sy)
            for (i64 sx = 0; sx < op.spatial_bins_x; ++sx)
              sum += plane((sy * op.spatial_bins_x + sx) * op.output_dim + c)
                         .sample(sample_place(rows, sy, op.spatial_bins_y, by, group, h), sample_place(columns, sx, op.spatial_bins_x, bx, group, w));
          out[to] = sum / static_cast<double>(op.spatial_bins_x * op.spatial_bins_y);
        }
  }
  return {from_f64(inputs[0].type(), shape, out)};
}

namespace {

void check_attributes(const DeformablePsRoiPooling& op) {
  for (const i64 size : {op.output_dim, op.group_size, op.spatial_bins_x, op.spatial_bins_y, op.part_size})
    SACCADE_CHECK(size >= 1 && size <= kMaxPooledSize, invalid_model, "an attribute of {}; 1 to {} are possible", size, kMaxPooledSize);
}

struct Total {
  double sum = 0;
  i64 count = 0;
};

// The samples of a bin that starts at (y, x).
Total sampled(const DeformablePsRoiPooling& op, const Plane& plane, double y, double x, double step_y, double step_x) {
  Total total;
  for (i64 i = 0; i < op.spatial_bins_y; ++i)
    for (i64 j = 0; j < op.spatial_bins_x; ++j) {
      const double at_y = y + static_cast<double>(i) * step_y, at_x = x + static_cast<double>(j) * step_x;
      if (!(at_x >= -0.5 && at_y >= -0.5 && at_x <= static_cast<double>(plane.w) - 0.5 && at_y <= static_cast<double>(plane.h) - 0.5)) continue;
      total.sum += plane.sample(std::clamp(at_y, 0.0, static_cast<double>(plane.h - 1)), std::clamp(at_x, 0.0, static_cast<double>(plane.w - 1)));
      ++total.count;
    }
  return total;
}

}  // namespace

std::vector<Fact> infer(const DeformablePsRoiPooling& op, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 3);
  check_attributes(op);
  check_same_element(inputs, 0, 1);
  if (has(inputs, 2)) check_same_element(inputs, 0, 2);
  SACCADE_CHECK(is_float(inputs[0].type.element), invalid_model, "data of element type {}", to_string(inputs[0].type.element));
  const PartialShape &x = inputs[0].type.shape, &rois = inputs[1].type.shape;
  SACCADE_CHECK((!x.ranked() || x.rank() == 4) && (!rois.ranked() || rois.rank() == 2), invalid_model, "DeformablePSROIPooling over {} with regions {}", to_string(x), to_string(rois));
  const Dimension group = Dimension::fixed(op.group_size);
  return {Fact(inputs[0].type.element, PartialShape({rois.ranked() ? rois[0] : Dimension::unknown(), Dimension::fixed(op.output_dim), group, group}))};
}

std::vector<Tensor> evaluate(const DeformablePsRoiPooling& op, std::span<const Tensor> inputs) {
  check_attributes(op);
  const Shape &x = inputs[0].shape(), &r = inputs[1].shape();
  const i64 group = op.group_size, channels = op.output_dim * group * group, part = op.part_size;
  SACCADE_CHECK(x.size() == 4 && r.size() == 2 && r[1] == 5 && x[1] == channels, invalid_model, "DeformablePSROIPooling over {} with regions {}; {} channels are needed", to_string(x), to_string(r),
                channels);
  std::vector<double> shifts;
  i64 kinds = 1;
  if (has(inputs, 2)) {
    const Shape& s = inputs[2].shape();
    SACCADE_CHECK(s.size() == 4 && s[0] == r[0] && s[1] >= 2 && s[1] % 2 == 0 && s[2] == part && s[3] == part && op.output_dim % (s[1] / 2) == 0, invalid_model, "shifts of shape {}", to_string(s));
    kinds = s[1] / 2;
    shifts = to_f64(inputs[2]);
  }
  const i64 h = x[2], w = x[3];
  const Shape shape{r[0], op.output_dim, group, group};
  std::vector<double> out(wide_count(shape));
  const std::vector<double> data = to_f64(inputs[0]), rois = to_f64(inputs[1]);
  std::size_t to = 0;
  for (i64 n = 0; n < r[0]; ++n) {
    const double* roi = rois.data() + n * 5;
    SACCADE_CHECK(roi[0] >= 0 && roi[0] < static_cast<double>(x[0]), invalid_model, "region {} is in batch {} of {}", n, roi[0], x[0]);
    const double* image = data.data() + static_cast<i64>(roi[0]) * channels * h * w;
    const auto span = [&](double low, double high) {
      const double start = std::round(low) * op.spatial_scale - 0.5;
      return Span{start, std::max((std::round(high) + 1) * op.spatial_scale - 0.5 - start, 0.1)};
    };
    const Span columns = span(roi[1], roi[3]), rows = span(roi[2], roi[4]);
    const double bin_w = columns.size / static_cast<double>(group), bin_h = rows.size / static_cast<double>(group);
    for (i64 c = 0; c < op.output_dim; ++c)
      for (i64 by = 0; by < group; ++by)
        for (i64 bx = 0; bx < group; ++bx, ++to) {
          if (h == 0 || w == 0) continue;
          double top = rows.start + static_cast<double>(by) * bin_h, left = columns.start + static_cast<double>(bx) * bin_w;
          if (!shifts.empty()) {
            const i64 kind = c / (op.output_dim / kinds), part_y = by * part / group, part_x = bx * part / group;
            const double* shift = shifts.data() + (((n * kinds + kind) * 2) * part + part_y) * part + part_x;
            left += shift[0] * op.trans_std * columns.size;
            top += shift[part * part] * op.trans_std * rows.size;
          }
          const Plane plane{image + ((c * group + by) * group + bx) * h * w, h, w};
          const Total total = sampled(op, plane, top, left, bin_h / static_cast<double>(op.spatial_bins_y), bin_w / static_cast<double>(op.spatial_bins_x));
          out[to] = total.count == 0 ? 0 : total.sum / static_cast<double>(total.count);
        }
  }
  return {from_f64(inputs[0].type(), shape, out)};
}

}  // namespace saccade::ops
