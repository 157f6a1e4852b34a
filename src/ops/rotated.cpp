// SPDX-License-Identifier: Apache-2.0
// NMSRotated and ROIAlignRotated.
#include "ops/rotated.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "ops/inference.h"
#include "ops/selected_boxes.h"
#include "ops/widened.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;

constexpr i64 kMaxRotatedPooled = i64{1} << 16, kMaxRotatedSamples = i64{1} << 12;

struct Point {
  double x, y;
};

using Polygon = std::vector<Point>;

struct Turned {
  double x, y, w, h, angle;
  double area() const { return w * h; }
};

// Counter-clockwise where y points up.
Polygon polygon_of(const Turned& b) {
  const double c = std::cos(b.angle) / 2, s = std::sin(b.angle) / 2;
  Polygon out;
  for (const auto& [u, v] : {Point{-1, -1}, Point{1, -1}, Point{1, 1}, Point{-1, 1}})
    out.push_back({b.x + u * b.w * c - v * b.h * s, b.y + u * b.w * s + v * b.h * c});
  return out;
}

double area_of(const Polygon& p) {
  double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const Point &a = p[i], &b = p[(i + 1) % p.size()];
    sum += a.x * b.y - a.y * b.x;
  }
  return std::fabs(sum) / 2;
}

// What of `subject` lies within the convex `clip`, edge by edge.
double common_area(Polygon subject, const Polygon& clip) {
  for (std::size_t i = 0; i < clip.size() && !subject.empty(); ++i) {
    const Point &a = clip[i], &b = clip[(i + 1) % clip.size()];
    const auto side = [&](const Point& p) { return (b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x); };
    Polygon inside;
    for (std::size_t k = 0; k < subject.size(); ++k) {
      const Point &p = subject[k], &q = subject[(k + 1) % subject.size()];
      const double dp = side(p), dq = side(q);
      if (dp >= 0) inside.push_back(p);
      if ((dp > 0 && dq < 0) || (dp < 0 && dq > 0))
        inside.push_back({p.x + (q.x - p.x) * dp / (dp - dq), p.y + (q.y - p.y) * dp / (dp - dq)});
    }
    subject = std::move(inside);
  }
  return area_of(subject);
}

double overlap(const Turned& a, const Turned& b) {
  if (!(a.area() > 0) || !(b.area() > 0)) return 0;
  // relative to one of them: far from the origin products lose digits
  const Turned near{a.x - b.x, a.y - b.y, a.w, a.h, a.angle}, origin{0, 0, b.w, b.h, b.angle};
  const double common = common_area(polygon_of(near), polygon_of(origin));
  return common / (a.area() + b.area() - common);
}

double number(const Tensor& t) {
  SACCADE_CHECK(t.size() == 1, invalid_model, "an input of shape {}, a scalar is needed", to_string(t.shape()));
  return element_as_f64(t, 0);
}

}  // namespace

std::vector<Fact> infer(const NmsRotated& op, std::span<const Fact> inputs) {
  check_arity(inputs, 5, 5);
  SACCADE_CHECK(op.output_type == ElementType::i64 || op.output_type == ElementType::i32, invalid_model, "indices of element type {}",
                to_string(op.output_type));
  check_same_element(inputs, 0, 1);
  SACCADE_CHECK(is_float(inputs[0].type.element), invalid_model, "boxes of element type {}", to_string(inputs[0].type.element));
  const PartialShape &boxes = inputs[0].type.shape, &scores = inputs[1].type.shape;
  SACCADE_CHECK((!boxes.ranked() || (boxes.rank() == 3 && (!boxes[2].is_static() || boxes[2].size() == 5))) &&
                    (!scores.ranked() || scores.rank() == 3),
                invalid_model, "boxes {} and scores {}", to_string(boxes), to_string(scores));
  const PartialShape rows({Dimension::unknown(), Dimension::fixed(3)});
  return {Fact(op.output_type, rows), Fact(ElementType::f32, rows), Fact(op.output_type, PartialShape(Shape{1}))};
}

std::vector<Tensor> evaluate(const NmsRotated& op, std::span<const Tensor> inputs) {
  const Shape &b = inputs[0].shape(), &s = inputs[1].shape();
  SACCADE_CHECK(b.size() == 3 && s.size() == 3 && b[2] == 5 && b[0] == s[0] && b[1] == s[2], invalid_model, "boxes {} and scores {}",
                to_string(b), to_string(s));
  const double most = number(inputs[2]), threshold = number(inputs[3]), least = number(inputs[4]);
  const std::vector<double> numbers = to_f64(inputs[0]), scores = to_f64(inputs[1]);
  std::vector<SelectedBox> rows;
  for (i64 n = 0; n < b[0]; ++n) {
    std::vector<Turned> boxes;
    for (i64 i = 0; i < b[1]; ++i) {
      const double* p = numbers.data() + (n * b[1] + i) * 5;
      boxes.push_back({p[0], p[1], p[2], p[3], op.clockwise ? p[4] : -p[4]});
    }
    for (i64 c = 0; c < s[1]; ++c) {
      const double* of_class = scores.data() + (n * s[1] + c) * s[2];
      std::vector<i64> order, kept;
      for (i64 i = 0; i < s[2]; ++i)
        if (of_class[i] > least) order.push_back(i);
      std::stable_sort(order.begin(), order.end(), [&](i64 x, i64 y) { return of_class[x] > of_class[y]; });
      for (const i64 i : order) {
        if (static_cast<double>(kept.size()) >= most) break;
        if (std::any_of(kept.begin(), kept.end(),
                        [&](i64 k) { return overlap(boxes[static_cast<std::size_t>(i)], boxes[static_cast<std::size_t>(k)]) > threshold; }))
          continue;
        kept.push_back(i);
        rows.push_back({n, c, i, of_class[i]});
      }
    }
  }
  return selected_boxes(std::move(rows), op.sort_result_descending, op.output_type);
}

std::vector<Fact> infer(const RoiAlignRotated& op, std::span<const Fact> inputs) {
  check_arity(inputs, 3, 3);
  check_same_element(inputs, 0, 1);
  SACCADE_CHECK(op.pooled_h >= 1 && op.pooled_w >= 1 && op.pooled_h <= kMaxRotatedPooled && op.pooled_w <= kMaxRotatedPooled, invalid_model,
                "a pooled size of {} by {}", op.pooled_h, op.pooled_w);
  SACCADE_CHECK(is_float(inputs[0].type.element) && is_integer(inputs[2].type.element), invalid_model,
                "data of element type {}, batch indices of {}", to_string(inputs[0].type.element), to_string(inputs[2].type.element));
  const PartialShape &x = inputs[0].type.shape, &rois = inputs[1].type.shape;
  SACCADE_CHECK((!x.ranked() || x.rank() == 4) && (!rois.ranked() || (rois.rank() == 2 && (!rois[1].is_static() || rois[1].size() == 5))),
                invalid_model, "ROIAlignRotated over {} with regions {}", to_string(x), to_string(rois));
  PartialShape out({rois.ranked() ? rois[0] : Dimension::unknown(), x.ranked() ? x[1] : Dimension::unknown(), Dimension::fixed(op.pooled_h),
                    Dimension::fixed(op.pooled_w)});
  return {Fact(inputs[0].type.element, std::move(out))};
}

std::vector<Tensor> evaluate(const RoiAlignRotated& op, std::span<const Tensor> inputs) {
  const Shape &x = inputs[0].shape(), &r = inputs[1].shape();
  SACCADE_CHECK(x.size() == 4 && r.size() == 2 && r[1] == 5 && inputs[2].shape() == Shape{r[0]}, invalid_model,
                "ROIAlignRotated over {} with regions {}", to_string(x), to_string(r));
  SACCADE_CHECK(op.sampling_ratio >= 0 && op.sampling_ratio <= kMaxRotatedSamples, invalid_model, "sampling_ratio is {}", op.sampling_ratio);
  const i64 c = x[1], h = x[2], w = x[3];
  const Shape shape{r[0], c, op.pooled_h, op.pooled_w};
  std::vector<double> out(wide_count(shape));
  const std::vector<double> data = to_f64(inputs[0]), rois = to_f64(inputs[1]);
  const std::vector<i64> batches = to_i64(inputs[2]);
  if (out.empty() || data.empty()) return {from_f64(inputs[0].type(), shape, out)};
  const auto samples = [&](double size, i64 bins) {
    const double count = op.sampling_ratio > 0 ? static_cast<double>(op.sampling_ratio) : std::ceil(size / static_cast<double>(bins));
    SACCADE_CHECK(count <= static_cast<double>(kMaxRotatedSamples), unsupported, "{} samples a bin", count);
    return static_cast<i64>(std::max(count, 0.0));
  };
  for (i64 n = 0; n < r[0]; ++n) {
    const i64 batch = batches[static_cast<std::size_t>(n)];
    SACCADE_CHECK(batch >= 0 && batch < x[0], invalid_model, "region {} is in batch {} of {}", n, batch, x[0]);
    const double* p = rois.data() + n * 5;
    const double angle = op.clockwise_mode ? -p[4] : p[4], cosine = std::cos(angle), sine = std::sin(angle);
    const double centre_x = p[0] * op.spatial_scale - 0.5, centre_y = p[1] * op.spatial_scale - 0.5, width = p[2] * op.spatial_scale,
                 height = p[3] * op.spatial_scale;
    const i64 rows = samples(height, op.pooled_h), columns = samples(width, op.pooled_w);
    const auto within = [](double size, i64 bins, i64 bin, i64 i, i64 count) {
      return -size / 2 +
             (static_cast<double>(bin) + (static_cast<double>(i) + 0.5) / static_cast<double>(count)) * size / static_cast<double>(bins);
    };
    for (i64 by = 0; by < op.pooled_h; ++by)
      for (i64 bx = 0; bx < op.pooled_w; ++bx)
        for (i64 i = 0; i < rows; ++i)
          for (i64 j = 0; j < columns; ++j) {
            const double v = within(height, op.pooled_h, by, i, rows), u = within(width, op.pooled_w, bx, j, columns);
            double px = u * cosine + v * sine + centre_x, py = v * cosine - u * sine + centre_y;
            if (!(py >= -1 && px >= -1 && py <= static_cast<double>(h) && px <= static_cast<double>(w))) continue;
            px = std::clamp(px, 0.0, static_cast<double>(w - 1));
            py = std::clamp(py, 0.0, static_cast<double>(h - 1));
            const i64 left = static_cast<i64>(px), top = static_cast<i64>(py), right = std::min(left + 1, w - 1),
                      bottom = std::min(top + 1, h - 1);
            const double fx = px - static_cast<double>(left), fy = py - static_cast<double>(top),
                         share = 1 / static_cast<double>(rows * columns);
            for (i64 ch = 0; ch < c; ++ch) {
              const double* plane = data.data() + (batch * c + ch) * h * w;
              const double above = plane[top * w + left] * (1 - fx) + plane[top * w + right] * fx,
                           below = plane[bottom * w + left] * (1 - fx) + plane[bottom * w + right] * fx;
              out[static_cast<std::size_t>(((n * c + ch) * op.pooled_h + by) * op.pooled_w + bx)] +=
                  share * (above * (1 - fy) + below * fy);
            }
          }
  }
  return {from_f64(inputs[0].type(), shape, out)};
}

}  // namespace saccade::ops
