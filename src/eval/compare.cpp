// SPDX-License-Identifier: Apache-2.0
// Comparing tensors and detections.
#include "eval/compare.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "tensor/numeric.h"

namespace saccade::eval {
namespace {

constexpr double kIou = 0.99;

// The elements of one group: `count` runs of `length` elements, `pitch` apart.
struct Groups {
  std::int64_t groups = 1, runs = 1, length = 1;

  explicit Groups(const Shape& shape) {
    const std::int64_t size = element_count(shape);
    length = size;
    if (size == 0) return;
    if (shape.size() >= 4) {
      groups = shape[1];
      runs = shape[0];
      length = size / (groups * runs);
    } else if (shape.size() == 3 && shape[2] <= 256) {
      groups = shape[2];
      runs = size / groups;
      length = 1;
    }
  }
  std::int64_t at(std::int64_t group, std::int64_t run) const { return (run * groups + group) * length; }
};

double group_deviation(const std::vector<double>& a, const std::vector<double>& b, const Shape& shape, double largest) {
  const Groups g(shape);
  double worst = 0;
  for (std::int64_t group = 0; group < g.groups; ++group) {
    double sum = 0, square = 0, difference = 0;
    for (std::int64_t run = 0; run < g.runs; ++run)
      for (std::int64_t i = 0; i < g.length; ++i) {
        const auto at = static_cast<std::size_t>(g.at(group, run) + i);
        if (!std::isfinite(b[at]) || !std::isfinite(a[at])) continue;
        sum += b[at];
        square += b[at] * b[at];
        difference = std::max(difference, std::abs(a[at] - b[at]));
      }
    const double n = static_cast<double>(g.runs * g.length);
    const double deviation = std::sqrt(std::max(0.0, square / n - sum / n * (sum / n)));
    const double unit = std::max(deviation, 1e-3 * largest);
    if (difference > 0) worst = std::max(worst, unit > 0 ? difference / unit : difference);
  }
  return worst;
}

struct Detection {
  double image, label, score, box[4];
  double area() const { return std::max(0.0, box[2] - box[0]) * std::max(0.0, box[3] - box[1]); }
};

bool same_box(const Detection& a, const Detection& b) {
  const double w = std::min(a.box[2], b.box[2]) - std::max(a.box[0], b.box[0]), h = std::min(a.box[3], b.box[3]) - std::max(a.box[1], b.box[1]);
  const double common = std::max(w, 0.0) * std::max(h, 0.0), all = a.area() + b.area() - common;
  if (all > 0) return common / all >= kIou;
  double distance = 0;  // boxes without area
  for (int i = 0; i < 4; ++i) distance = std::max(distance, std::abs(a.box[i] - b.box[i]));
  return distance <= 1e-4;
}

Matching match(const std::vector<Detection>& a, const std::vector<Detection>& b, double tolerance) {
  Matching m{static_cast<std::int64_t>(b.size()), static_cast<std::int64_t>(a.size()), 0};
  std::vector<char> taken(a.size(), 0);
  for (const Detection& want : b)
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (taken[i] || a[i].image != want.image || a[i].label != want.label || std::abs(a[i].score - want.score) > tolerance || !same_box(a[i], want)) continue;
      taken[i] = 1;
      ++m.matched;
      break;
    }
  return m;
}

std::vector<Detection> rows_of(const Tensor& tensor) {
  const auto values = to_f64(tensor);
  std::vector<Detection> rows;
  for (std::size_t r = 0; r + 7 <= values.size() && values[r] >= 0; r += 7) rows.push_back({values[r], values[r + 1], values[r + 2], {values[r + 3], values[r + 4], values[r + 5], values[r + 6]}});
  return rows;
}

std::vector<Detection> detections_of(const DetectionTensors& t) {
  const auto boxes = to_f64(t.boxes), classes = to_f64(t.classes), scores = to_f64(t.scores), counts = to_f64(t.count);
  SACCADE_CHECK(scores.size() == classes.size() && boxes.size() == 4 * scores.size() && !counts.empty() && scores.size() % counts.size() == 0, invalid_argument, "detections of shapes {}, {}, {}, {}",
                to_string(t.boxes.shape()), to_string(t.classes.shape()), to_string(t.scores.shape()), to_string(t.count.shape()));
  const std::size_t each = scores.size() / counts.size();
  std::vector<Detection> found;
  for (std::size_t n = 0; n < counts.size(); ++n)
    for (std::size_t i = 0; i < each && static_cast<double>(i) < counts[n]; ++i) {
      const std::size_t at = n * each + i;
      found.push_back({static_cast<double>(n), classes[at], scores[at], {boxes[4 * at], boxes[4 * at + 1], boxes[4 * at + 2], boxes[4 * at + 3]}});
    }
  return found;
}

}  // namespace

Difference compare(const std::string& name, const Tensor& a, const Tensor& b) {
  Difference d;
  d.name = name;
  d.elements = b.size();
  if (a.shape() != b.shape()) {
    d.mismatch = fmt::format("{} instead of {}", to_string(a.shape()), to_string(b.shape()));
    return d;
  }
  d.integer = !is_float(a.type()) && !is_float(b.type());
  const auto x = to_f64(a), y = to_f64(b);
  double largest = 0, xx = 0, yy = 0, xy = 0;
  for (const double v : y)
    if (std::isfinite(v)) largest = std::max(largest, std::abs(v));
  std::int64_t unequal = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i] != y[i] && !(std::isnan(x[i]) && std::isnan(y[i]))) ++unequal;
    if (!std::isfinite(x[i]) || !std::isfinite(y[i])) {
      if (x[i] != y[i] && std::isnan(x[i]) != std::isnan(y[i])) ++d.not_finite;
      continue;
    }
    const double difference = std::abs(x[i] - y[i]);
    d.max_abs = std::max(d.max_abs, difference);
    if (difference > 0 && std::abs(y[i]) >= 1e-3 * largest) d.max_relative = std::max(d.max_relative, difference / std::abs(y[i]));
    xx += x[i] * x[i];
    yy += y[i] * y[i];
    xy += x[i] * y[i];
  }
  d.cosine = xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : xx == yy ? 1 : 0;
  d.deviation = d.integer ? (x.empty() ? 0 : static_cast<double>(unequal) / static_cast<double>(x.size())) : group_deviation(x, y, b.shape(), largest);
  return d;
}

Matching match_rows(const Tensor& a, const Tensor& b, double score_tolerance) { return match(rows_of(a), rows_of(b), score_tolerance); }

Matching match_detections(const DetectionTensors& a, const DetectionTensors& b, double score_tolerance) { return match(detections_of(a), detections_of(b), score_tolerance); }

}  // namespace saccade::eval
