// SPDX-License-Identifier: Apache-2.0
// DetectionOutput. Scores are compared with the threshold before anything else is done with them, since nearly all fail.
#include "ops/detection_output.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/inference.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;

constexpr i64 kMaxRows = i64{1} << 24;

struct PriorBoxCorners {
  double x1, y1, x2, y2;

  double area() const { return x2 < x1 || y2 < y1 ? 0 : (x2 - x1) * (y2 - y1); }
  void clip() {
    for (double* v : {&x1, &y1, &x2, &y2}) *v = std::clamp(*v, 0.0, 1.0);
  }
};

// The boxes of a class that stay, coordinate by coordinate, so that one is compared with many at a time.
class Kept {
 public:
  void clear() { size_ = 0; }

  // Whether one of them overlaps the box by more than the threshold: intersection > threshold · union.
  bool overlaps(const PriorBoxCorners& b, double threshold) const {
    const double area = b.area();
    for (std::size_t start = 0; start < size_; start += kBlock) {
      const double *x1 = x1_.data() + start, *y1 = y1_.data() + start, *x2 = x2_.data() + start, *y2 = y2_.data() + start, *areas = areas_.data() + start;
      int hits = 0;
      for (std::size_t i = 0; i < kBlock; ++i) {
        const double w = std::min(b.x2, x2[i]) - std::max(b.x1, x1[i]), h = std::min(b.y2, y2[i]) - std::max(b.y1, y1[i]);
        const double common = (w > 0 ? w : 0) * (h > 0 ? h : 0);
        hits += common > threshold * (area + areas[i] - common) ? 1 : 0;
      }
      if (hits > 0) return true;
    }
    return false;
  }

  void add(const PriorBoxCorners& b) {
    if (size_ % kBlock == 0)  // the rest of a block overlaps nothing
      for (auto* list : {&x1_, &y1_, &x2_, &y2_, &areas_}) {
        const double nowhere = list == &areas_ ? 0 : list == &x1_ || list == &y1_ ? kInfinity : -kInfinity;
        list->resize(std::max(list->size(), size_ + kBlock));
        std::fill_n(list->begin() + static_cast<std::ptrdiff_t>(size_), kBlock, nowhere);
      }
    x1_[size_] = b.x1;
    y1_[size_] = b.y1;
    x2_[size_] = b.x2;
    y2_[size_] = b.y2;
    areas_[size_++] = b.area();
  }

 private:
  static constexpr std::size_t kBlock = 8;
  static constexpr double kInfinity = std::numeric_limits<double>::infinity();
  std::vector<double> x1_, y1_, x2_, y2_, areas_;
  std::size_t size_ = 0;
};

// The number of priors, classes and images that shapes tell; -1 where they do not.
struct Sizes {
  i64 images = -1, priors = -1, classes = -1, prior_batch = -1;
};

i64 static_or(const PartialShape& shape, std::size_t d) { return shape.ranked() && shape[d].is_static() ? shape[d].size() : -1; }

Sizes sizes_of(const DetectionOutput& op, std::span<const PartialShape> shapes) {
  const i64 pitch = op.normalized ? 4 : 5;
  Sizes s;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    if (!shapes[i].ranked()) continue;
    SACCADE_CHECK(shapes[i].rank() == (i == 2 ? 3u : 2u), invalid_model, "input {} of shape {}", i, to_string(shapes[i]));
    if (i == 2) continue;
    const i64 images = static_or(shapes[i], 0);
    SACCADE_CHECK(images < 0 || s.images < 0 || images == s.images, invalid_model, "inputs for {} and for {} images", s.images, images);
    s.images = std::max(s.images, images);
  }
  if (const i64 numbers = static_or(shapes[2], 2); numbers >= 0) {
    SACCADE_CHECK(numbers % pitch == 0 && numbers > 0, invalid_model, "priors of shape {}; a box has {} numbers", to_string(shapes[2]), pitch);
    s.priors = numbers / pitch;
  }
  const i64 rows = static_or(shapes[2], 1), wanted = op.variance_encoded_in_target ? 1 : 2;
  SACCADE_CHECK(rows < 0 || rows == wanted, invalid_model, "priors of shape {} {} variances", to_string(shapes[2]), wanted == 2 ? "without" : "with");
  s.prior_batch = static_or(shapes[2], 0);
  SACCADE_CHECK(s.prior_batch < 0 || s.prior_batch == 1 || s.images < 0 || s.prior_batch == s.images, invalid_model, "priors of {} images for {}", s.prior_batch, s.images);
  const i64 scores = static_or(shapes[1], 1);
  if (s.priors > 0 && scores >= 0) {
    SACCADE_CHECK(scores % s.priors == 0 && scores > 0, invalid_model, "{} scores for {} priors", scores, s.priors);
    s.classes = scores / s.priors;
  }
  const auto check = [&](std::size_t i, i64 each) {
    const i64 numbers = i < shapes.size() ? static_or(shapes[i], 1) : -1;
    SACCADE_CHECK(numbers < 0 || s.priors < 0 || each < 0 || (numbers % each == 0 && numbers / each == s.priors), invalid_model, "input {} of shape {} for {} priors", i,
                  to_string(shapes[i]), s.priors);
  };
  const i64 deltas = op.share_location ? 4 : s.classes < 0 ? -1 : 4 * s.classes;
  check(0, deltas);
  check(3, 2);
  check(4, deltas);
  return s;
}

// Rows of the result for each image, or -1.
i64 rows_per_image(const DetectionOutput& op, const Sizes& s) {
  i64 rows = 1;
  const auto times = [&](i64 n) { rows = n < 0 || rows < 0 ? -1 : n > kMaxRows || rows * n > kMaxRows ? kMaxRows + 1 : rows * n; };
  if (op.keep_top_k[0] > 0) {
    times(op.keep_top_k[0]);
  } else {
    times(op.keep_top_k[0] == -1 && op.top_k > 0 ? op.top_k : s.priors);
    times(s.classes);
  }
  SACCADE_CHECK(rows <= kMaxRows, invalid_model, "a result of more than {} rows", kMaxRows);
  return rows;
}

void check_attributes(const DetectionOutput& op, std::size_t inputs) {
  SACCADE_CHECK(inputs == 3 || inputs == 5, invalid_model, "{} inputs; 3 or 5 are possible", inputs);
  SACCADE_CHECK(!op.keep_top_k.empty(), invalid_model, "keep_top_k is empty");
  SACCADE_CHECK(op.normalized || (op.input_width > 0 && op.input_height > 0), invalid_model, "an image of {} by {}", op.input_width, op.input_height);
}

template <class T>
struct Detection {
  T score;
  std::int32_t prior, label;

  bool operator<(const Detection& other) const {  // comes before
    return score != other.score ? score > other.score : prior != other.prior ? prior < other.prior : label < other.label;
  }
};

// The inputs of one image.
template <class T>
struct Image {
  const T *deltas, *scores, *priors, *objectness, *first_deltas;
};

template <class T>
class Detector {
 public:
  Detector(const DetectionOutput& op, const Sizes& sizes)
      : op_(op), priors_(sizes.priors), classes_(sizes.classes), pitch_(op.normalized ? 4 : 5), threshold_(static_cast<T>(op.confidence_threshold)), objectness_(static_cast<T>(op.objectness_score)) {
    if (op.share_location) {
      decoded_.resize(static_cast<std::size_t>(priors_));
      is_decoded_.resize(static_cast<std::size_t>(priors_));
    }
  }

  // What is found on the image, ordered by class, then score; box() gives their boxes.
  const std::vector<Detection<T>>& run(const Image<T>& image) {
    image_ = image;
    std::fill(is_decoded_.begin(), is_decoded_.end(), char{0});
    found_.clear();
    if (op_.decrease_label_id)
      best_class_each();
    else
      every_class();
    const i64 keep = op_.keep_top_k[0];
    if (keep > -1 && static_cast<i64>(found_.size()) > keep) {
      std::partial_sort(found_.begin(), found_.begin() + keep, found_.end());
      found_.resize(static_cast<std::size_t>(keep));
    }
    std::stable_sort(found_.begin(), found_.end(), [](const auto& a, const auto& b) { return a.label < b.label; });
    return found_;
  }

  PriorBoxCorners box(const Detection<T>& c) {
    if (!op_.share_location) return decode(c.prior, c.label);
    const auto p = static_cast<std::size_t>(c.prior);
    if (!is_decoded_[p]) {
      decoded_[p] = decode(c.prior, 0);
      is_decoded_[p] = 1;
    }
    return decoded_[p];
  }

 private:
  bool is_background(i64 prior) const { return image_.objectness != nullptr && image_.objectness[prior * 2 + 1] < objectness_; }
  T score(i64 prior, i64 label) const { return image_.scores[prior * classes_ + label]; }

  void every_class() {
    candidates_.clear();
    starts_.assign(static_cast<std::size_t>(classes_) + 1, 0);
    for (i64 p = 0; p < priors_; ++p) {
      const bool empty = is_background(p);
      const T* row = image_.scores + p * classes_;
      for (i64 c = 0; c < classes_; ++c) {
        const T s = empty ? T{0} : row[c];
        if (!(s > threshold_) || c == op_.background_label_id) continue;
        candidates_.push_back({s, static_cast<std::int32_t>(p), static_cast<std::int32_t>(c)});
        ++starts_[static_cast<std::size_t>(c) + 1];
      }
    }
    for (std::size_t c = 1; c < starts_.size(); ++c) starts_[c] += starts_[c - 1];
    sorted_.resize(candidates_.size());
    next_ = starts_;
    for (const auto& c : candidates_) sorted_[next_[static_cast<std::size_t>(c.label)]++] = c;
    for (std::size_t c = 0; c + 1 < starts_.size(); ++c) {
      auto begin = sorted_.begin() + static_cast<std::ptrdiff_t>(starts_[c]), end = sorted_.begin() + static_cast<std::ptrdiff_t>(starts_[c + 1]);
      end = best(begin, end);
      kept_.clear();
      for (auto at = begin; at != end; ++at) keep_if_apart(*at);
    }
  }

  void best_class_each() {
    candidates_.clear();
    for (i64 p = 0; p < priors_; ++p) {
      const bool empty = is_background(p);
      T most = -1;
      i64 label = 0;
      for (i64 c = 1; c < classes_; ++c) {
        if (c == op_.background_label_id) continue;
        const T s = empty ? T{0} : score(p, c);
        if (s > most) {
          most = s;
          label = c;
        }
      }
      if (label > 0 && most >= threshold_) candidates_.push_back({most, static_cast<std::int32_t>(p), static_cast<std::int32_t>(label)});
    }
    candidates_.erase(best(candidates_.begin(), candidates_.end()), candidates_.end());
    std::stable_sort(candidates_.begin(), candidates_.end(), [](const auto& a, const auto& b) { return a.label < b.label; });
    std::int32_t label = -1;
    for (const auto& c : candidates_) {
      if (c.label != label) kept_.clear();
      label = c.label;
      keep_if_apart(c);
    }
  }

  // Sorts the top_k best to the front and returns where they end.
  template <class It>
  It best(It begin, It end) const {
    if (op_.top_k > -1 && end - begin > op_.top_k) {
      std::nth_element(begin, begin + op_.top_k, end);
      end = begin + op_.top_k;
    }
    std::sort(begin, end);
    return end;
  }

  void keep_if_apart(const Detection<T>& c) {
    const PriorBoxCorners b = box(c);
    if (kept_.overlaps(b, op_.nms_threshold)) return;
    kept_.add(b);
    found_.push_back(c);
  }

  PriorBoxCorners decode(i64 prior, i64 label) const {
    const T* at = image_.priors + prior * pitch_ + pitch_ - 4;
    PriorBoxCorners b{static_cast<double>(at[0]), static_cast<double>(at[1]), static_cast<double>(at[2]), static_cast<double>(at[3])};
    double variance[4] = {1, 1, 1, 1};
    if (!op_.variance_encoded_in_target)
      for (int i = 0; i < 4; ++i) variance[i] = static_cast<double>(image_.priors[priors_ * pitch_ + prior * 4 + i]);
    const i64 place = (op_.share_location ? prior : prior * classes_ + label) * 4;
    if (image_.first_deltas != nullptr) b = moved(b, variance, image_.first_deltas + place);
    return moved(b, variance, image_.deltas + place);
  }

  PriorBoxCorners moved(PriorBoxCorners b, const double* variance, const T* delta) const {
    if (!op_.normalized) {
      const auto w = static_cast<double>(op_.input_width), h = static_cast<double>(op_.input_height);
      b = {b.x1 / w, b.y1 / h, b.x2 / w, b.y2 / h};
    }
    double d[4];
    for (int i = 0; i < 4; ++i) d[i] = variance[i] * static_cast<double>(delta[i]);
    if (op_.code_type == BoxCode::corner) {
      b = {b.x1 + d[0], b.y1 + d[1], b.x2 + d[2], b.y2 + d[3]};
    } else {
      const double w = b.x2 - b.x1, h = b.y2 - b.y1, x = (b.x1 + b.x2) / 2 + d[0] * w, y = (b.y1 + b.y2) / 2 + d[1] * h;
      const double half_w = std::exp(d[2]) * w / 2, half_h = std::exp(d[3]) * h / 2;
      b = {x - half_w, y - half_h, x + half_w, y + half_h};
    }
    if (op_.clip_before_nms) b.clip();
    return b;
  }

  const DetectionOutput& op_;
  const i64 priors_, classes_, pitch_;
  const T threshold_, objectness_;
  Image<T> image_{};
  std::vector<Detection<T>> candidates_, sorted_, found_;
  std::vector<std::size_t> starts_, next_;
  Kept kept_;  // of the class at hand
  std::vector<PriorBoxCorners> decoded_;
  std::vector<char> is_decoded_;
};

template <class T>
void set(Tensor& out, i64 at, T value) {
  if (out.type() == ElementType::f32)
    out.data<float>()[at] = static_cast<float>(value);
  else
    set_element_f64(out, at, static_cast<double>(value));
}

// `data`: the inputs' elements as T, nullptr for one that is absent.
template <class T>
Tensor detect(const DetectionOutput& op, const Sizes& s, ElementType type, const std::vector<const T*>& data) {
  const i64 per_image = rows_per_image(op, s);
  SACCADE_CHECK(per_image == 0 || s.images <= kMaxRows / per_image, invalid_model, "a result of more than {} rows", kMaxRows);
  const i64 rows = per_image * s.images, deltas = s.priors * 4 * (op.share_location ? 1 : s.classes);
  const i64 prior_numbers = s.priors * (op.normalized ? 4 : 5) * (op.variance_encoded_in_target ? 1 : 2);
  Tensor out(type, {1, 1, rows, 7});
  Detector<T> detector(op, s);
  i64 row = 0;
  for (i64 n = 0; n < s.images; ++n) {
    const auto part = [&](std::size_t i, i64 numbers) { return i < data.size() ? data[i] + n * numbers : nullptr; };
    for (const auto& found : detector.run({part(0, deltas), part(1, s.priors * s.classes), data[2] + (s.prior_batch == 1 ? 0 : n * prior_numbers), part(3, 2 * s.priors), part(4, deltas)})) {
      PriorBoxCorners b = detector.box(found);
      if (op.clip_after_nms) b.clip();
      const i64 at = row++ * 7;
      set(out, at, n);
      set(out, at + 1, found.label - (op.decrease_label_id ? 1 : 0));
      set(out, at + 2, found.score);
      set(out, at + 3, b.x1);
      set(out, at + 4, b.y1);
      set(out, at + 5, b.x2);
      set(out, at + 6, b.y2);
    }
  }
  if (row < rows) set(out, row * 7, -1);
  return out;
}

}  // namespace

std::vector<Fact> infer(const DetectionOutput& op, std::span<const Fact> inputs) {
  check_attributes(op, inputs.size());
  check_arity(inputs, inputs.size(), 5);
  SACCADE_CHECK(is_float(inputs[0].type.element), invalid_model, "deltas of element type {}", to_string(inputs[0].type.element));
  std::vector<PartialShape> shapes;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    check_same_element(inputs, 0, i);
    shapes.push_back(inputs[i].type.shape);
  }
  const Sizes s = sizes_of(op, shapes);
  const i64 per_image = rows_per_image(op, s);
  PartialShape out = PartialShape::of_rank(4);
  out[0] = out[1] = Dimension::fixed(1);
  if (per_image >= 0 && s.images >= 0) {
    SACCADE_CHECK(per_image == 0 || s.images <= kMaxRows / per_image, invalid_model, "a result of more than {} rows", kMaxRows);
    out[2] = Dimension::fixed(per_image * s.images);
  }
  out[3] = Dimension::fixed(7);
  return {Fact(inputs[0].type.element, std::move(out))};
}

std::vector<Tensor> evaluate(const DetectionOutput& op, std::span<const Tensor> inputs) {
  check_attributes(op, inputs.size());
  std::vector<PartialShape> shapes;
  for (const Tensor& input : inputs) shapes.emplace_back(input.shape());
  const Sizes s = sizes_of(op, shapes);
  const ElementType type = inputs[0].type();
  if (type == ElementType::f32) {
    std::vector<const float*> data;
    for (const Tensor& input : inputs) data.push_back(input.data<float>());
    return {detect(op, s, type, data)};
  }
  std::vector<std::vector<double>> wide;
  std::vector<const double*> data;
  for (const Tensor& input : inputs) wide.push_back(to_f64(input));
  for (const auto& values : wide) data.push_back(values.data());
  return {detect(op, s, type, data)};
}

}  // namespace saccade::ops
