// SPDX-License-Identifier: Apache-2.0
// MulticlassNms. Candidates of all classes are visited together, from the best score on, and only as many are sorted as the result needs:
// detectors ask for a hundred boxes out of a hundred thousand scores.
#include "ops/multiclass_nms.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>

#include "ops/convert.h"
#include "ops/inference.h"
#include "ops/widened.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;

constexpr i64 kMostResults = i64{1} << 24;
constexpr std::size_t kFields = 4;  // the first input that is a field

template <class T>
struct ClassBox {
  T y1, x1, y2, x2;
  T area() const { return (y2 - y1) * (x2 - x1); }
};

template <class T>
ClassBox<T> ordered(const T* b) {
  return {std::min(b[0], b[2]), std::min(b[1], b[3]), std::max(b[0], b[2]), std::max(b[1], b[3])};
}

template <class T>
T overlap(const ClassBox<T>& a, const ClassBox<T>& b) {
  const T area_a = a.area(), area_b = b.area();
  if (area_a <= 0 || area_b <= 0) return 0;
  const T h = std::max(std::min(a.y2, b.y2) - std::max(a.y1, b.y1), T{0}), w = std::max(std::min(a.x2, b.x2) - std::max(a.x1, b.x1), T{0});
  const T both = h * w;
  return both / (area_a + area_b - both);
}

template <class T>
ClassBox<T> clipped(const T* b, const T* window) {
  const auto clip = [](T x, T low, T high) { return std::max(std::min(x, high), low); };
  return {clip(b[0], window[0], window[2]), clip(b[1], window[1], window[3]), clip(b[2], window[0], window[2]), clip(b[3], window[1], window[3])};
}

template <class T>
struct ClassCandidate {
  T score;
  i64 box, cls = 0;  // until they are sorted, `box` counts classes too
};

// Hands out the candidates of one image in order: score downwards, then class, then box. They are sorted in lots, of which the
// first is as large as a result usually needs.
template <class T>
class Candidates {
  using ClassCandidate = ops::ClassCandidate<T>;

 public:
  Candidates(const T* scores, i64 boxes, i64 classes, T threshold) : scores_(scores), count_(boxes * classes), classes_(classes), threshold_(threshold) {}

  const ClassCandidate* next() {
    if (at_ == lot_.size() && !refill()) return nullptr;
    return &lot_[at_++];
  }

 private:
  bool is_below(T score) const { return first_ || score < above_; }

  // A score that about as many as are wanted exceed, judged by a sample of those that wait.
  T guess() {
    constexpr i64 kSample = 4096;
    if (count_ <= 4 * kSample) return threshold_;
    sample_.clear();
    std::uint64_t state = 1;
    for (i64 i = 0; i < kSample; ++i) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      const T score = scores_[static_cast<i64>((state >> 33) % static_cast<std::uint64_t>(count_))];
      if (score > threshold_ && is_below(score)) sample_.push_back(score);
    }
    const auto rank = static_cast<std::ptrdiff_t>(static_cast<i64>(wanted_) * kSample / count_ + 4);
    if (rank >= static_cast<std::ptrdiff_t>(sample_.size())) return threshold_;
    std::nth_element(sample_.begin(), sample_.begin() + rank, sample_.end(), std::greater<T>());
    return sample_[static_cast<std::size_t>(rank)];
  }

  // All that wait with a score above `least`.
  void collect(T least) {
    constexpr i64 kBlock = 32;
    lot_.clear();
    const auto visit = [&](i64 begin, i64 end) {
      for (i64 i = begin; i < end; ++i)
        if (scores_[i] > least && is_below(scores_[i])) lot_.push_back({scores_[i], i});
    };
    i64 begin = 0;
    for (; begin + kBlock <= count_; begin += kBlock) {
      int above = 0;  // most blocks have none
      for (i64 i = 0; i < kBlock; ++i) above |= scores_[begin + i] > least;
      if (above) visit(begin, begin + kBlock);
    }
    visit(begin, count_);
  }

  bool refill() {
    at_ = 0;
    T least = guess();
    collect(least);
    if (lot_.empty() && least > threshold_) collect(least = threshold_);
    if (lot_.empty()) return false;
    if (lot_.size() > 4 * wanted_) {  // only the best of them, and all that are equal to the last
      const auto last = lot_.begin() + static_cast<std::ptrdiff_t>(wanted_) - 1;
      std::nth_element(lot_.begin(), last, lot_.end(), [](const ClassCandidate& a, const ClassCandidate& b) { return a.score > b.score; });
      const T lowest = last->score;
      std::erase_if(lot_, [lowest](const ClassCandidate& c) { return c.score < lowest; });
    }
    for (ClassCandidate& c : lot_) c.cls = c.box % classes_, c.box /= classes_;
    std::sort(lot_.begin(), lot_.end(), [](const ClassCandidate& a, const ClassCandidate& b) {
      return a.score > b.score || (a.score == b.score && (a.cls < b.cls || (a.cls == b.cls && a.box < b.box)));
    });
    above_ = lot_.back().score;
    first_ = false;
    wanted_ *= 4;
    return true;
  }

  const T* scores_;
  i64 count_, classes_;
  T threshold_, above_ = 0;  // the scores from that on were handed out
  bool first_ = true;
  std::size_t wanted_ = 512, at_ = 0;
  std::vector<T> sample_;
  std::vector<ClassCandidate> lot_;
};

// One image: its boxes that stay, in order.
template <class T>
struct Image {
  const T* boxes;
  i64 shared;  // q
  const T* scores;
  i64 count, classes;  // boxes that are valid
  const T* window;     // nullptr: none
};

template <class T>
struct Kept {
  i64 box, cls;
  ClassBox<T> corners;      // for the overlap
  std::ptrdiff_t previous;  // of the class
};

template <class T>
std::vector<ClassCandidate<T>> select(const MulticlassNms& op, const Image<T>& image) {
  std::vector<ClassCandidate<T>> out;
  if (op.max_total == 0 || op.max_per_class == 0) return out;
  Candidates<T> candidates(image.scores, image.count, image.classes, static_cast<T>(op.score_threshold));
  std::vector<Kept<T>> kept;
  std::vector<std::ptrdiff_t> last(static_cast<std::size_t>(image.classes), -1);
  std::vector<i64> taken(static_cast<std::size_t>(image.classes));
  const T limit = static_cast<T>(op.iou_threshold);
  while (const ClassCandidate<T>* c = candidates.next()) {
    const auto cls = static_cast<std::size_t>(c->cls);
    if (taken[cls] >= op.max_per_class) continue;
    const T* corners = image.boxes + (c->box * image.shared + (image.shared == 1 ? 0 : c->cls)) * 4;
    const ClassBox<T> box = ordered(corners);
    bool suppressed = false;
    for (std::ptrdiff_t k = last[cls]; k >= 0 && !suppressed; k = kept[static_cast<std::size_t>(k)].previous)
      suppressed = overlap(box, kept[static_cast<std::size_t>(k)].corners) > limit;
    if (suppressed) continue;
    kept.push_back({c->box, c->cls, box, last[cls]});
    last[cls] = static_cast<std::ptrdiff_t>(kept.size()) - 1;
    ++taken[cls];
    if (image.window != nullptr && (!(clipped(corners, image.window).area() > 0) || c->score < 0)) continue;
    out.push_back(*c);
    if (static_cast<i64>(out.size()) == op.max_total) break;
  }
  return out;
}

template <class T>
void write_box(const MulticlassNms& op, const Image<T>& image, const ClassCandidate<T>& c, T* to) {
  const T* corners = image.boxes + (c.box * image.shared + (image.shared == 1 ? 0 : c.cls)) * 4;
  if (image.window == nullptr) {
    std::copy_n(corners, 4, to);
    return;
  }
  const ClassBox<T> box = clipped(corners, image.window);
  to[0] = box.y1, to[1] = box.x1, to[2] = box.y2, to[3] = box.x2;
  if (!op.change_coordinate_frame) return;
  const T* w = image.window;
  const T high = T{1} / (w[2] - w[0]), wide = T{1} / (w[3] - w[1]);
  for (int i = 0; i < 4; ++i) to[i] = (to[i] - w[i % 2]) * (i % 2 ? wide : high);
}

struct Sizes {
  i64 images, boxes, shared, classes;
};

Sizes sizes_of(std::span<const Tensor> inputs) {
  const Shape &b = inputs[0].shape(), &s = inputs[1].shape();
  SACCADE_CHECK(b.size() == 4 && s.size() == 3 && b[3] == 4 && b[0] == s[0] && b[1] == s[1] && (b[2] == 1 || b[2] == s[2]), invalid_model,
                "boxes {} and scores {}", to_string(b), to_string(s));
  if (has(inputs, 2))
    SACCADE_CHECK((inputs[2].shape() == Shape{b[0], 4}), invalid_model, "windows {} for {} images", to_string(inputs[2].shape()), b[0]);
  if (has(inputs, 3)) SACCADE_CHECK(inputs[3].shape() == Shape{b[0]}, invalid_model, "counts {} for {} images", to_string(inputs[3].shape()), b[0]);
  for (std::size_t i = kFields; i < inputs.size(); ++i) {
    const Shape& f = inputs[i].shape();
    SACCADE_CHECK(f.size() >= 2 && f[0] == b[0] && f[1] == b[1], invalid_model, "a field of shape {} for boxes {}", to_string(f), to_string(b));
  }
  return {b[0], b[1], b[2], s[2]};
}

template <class T>
std::vector<Tensor> run(const MulticlassNms& op, std::span<const Tensor> inputs, ElementType type) {
  const Sizes n = sizes_of(inputs);
  wide_count({n.images, op.max_total, 4});
  std::vector<Tensor> out{Tensor(type, {n.images, op.max_total, 4}), Tensor(type, {n.images, op.max_total}), Tensor(type, {n.images, op.max_total}),
                          Tensor(ElementType::i32, {n.images})};
  for (std::size_t i = kFields; i < inputs.size(); ++i) {
    Shape shape = inputs[i].shape();
    shape[1] = op.max_total;
    wide_count(shape);
    out.emplace_back(inputs[i].type(), shape);
  }
  for (i64 image = 0; image < n.images; ++image) {
    i64 count = n.boxes;
    if (has(inputs, 3)) count = std::clamp<i64>(element_as_i64(inputs[3], image), 0, n.boxes);
    const Image<T> in{inputs[0].data<T>() + image * n.boxes * n.shared * 4, n.shared, inputs[1].data<T>() + image * n.boxes * n.classes, count, n.classes,
                      has(inputs, 2) ? inputs[2].data<T>() + image * 4 : nullptr};
    const std::vector<ClassCandidate<T>> found = select(op, in);
    for (std::size_t k = 0; k < found.size(); ++k) {
      const i64 at = image * op.max_total + static_cast<i64>(k);
      write_box(op, in, found[k], out[0].data<T>() + at * 4);
      out[1].data<T>()[at] = found[k].score;
      out[2].data<T>()[at] = static_cast<T>(found[k].cls);
      for (std::size_t i = kFields; i < inputs.size(); ++i) {
        const std::size_t row = inputs[i].size_bytes() / static_cast<std::size_t>(n.images * n.boxes);
        std::memcpy(static_cast<char*>(out[i].raw()) + static_cast<std::size_t>(at) * row,
                    static_cast<const char*>(inputs[i].raw()) + static_cast<std::size_t>(image * n.boxes + found[k].box) * row, row);
      }
    }
    out[3].data<std::int32_t>()[image] = static_cast<std::int32_t>(found.size());
  }
  return out;
}

}  // namespace

std::vector<Fact> infer(const MulticlassNms& op, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 64);
  SACCADE_CHECK(op.max_total >= 0 && op.max_total <= kMostResults && op.max_per_class >= 0, invalid_model, "{} boxes of {} a class", op.max_total,
                op.max_per_class);
  SACCADE_CHECK(!op.change_coordinate_frame || has(inputs, 2), invalid_model, "a change of the coordinate frame without a window");
  check_same_element(inputs, 0, 1);
  const ElementType type = inputs[0].type.element;
  SACCADE_CHECK(is_float(type), invalid_model, "boxes of element type {}", to_string(type));
  if (has(inputs, 2)) check_same_element(inputs, 0, 2);
  if (has(inputs, 3)) SACCADE_CHECK(is_integer(inputs[3].type.element), invalid_model, "counts of element type {}", to_string(inputs[3].type.element));
  const PartialShape &boxes = inputs[0].type.shape, &scores = inputs[1].type.shape;
  SACCADE_CHECK((!boxes.ranked() || boxes.rank() == 4) && (!scores.ranked() || scores.rank() == 3), invalid_model, "boxes {} and scores {}",
                to_string(boxes), to_string(scores));
  Dimension images = Dimension::unknown(), count = Dimension::unknown();
  if (boxes.ranked()) {
    SACCADE_CHECK(!boxes[3].is_static() || boxes[3].size() == 4, invalid_model, "boxes of shape {}", to_string(boxes));
    images = boxes[0], count = boxes[1];
  }
  if (scores.ranked()) images = meet(images, scores[0]), count = meet(count, scores[1]);
  const Dimension most = Dimension::fixed(op.max_total);
  std::vector<Fact> out{Fact(type, PartialShape({images, most, Dimension::fixed(4)})), Fact(type, PartialShape({images, most})),
                        Fact(type, PartialShape({images, most})), Fact(ElementType::i32, PartialShape(std::vector{images}))};
  for (std::size_t i = kFields; i < inputs.size(); ++i) {
    SACCADE_CHECK(inputs[i].present, invalid_model, "field {} is missing", i - kFields);
    PartialShape field = inputs[i].type.shape;
    if (field.ranked()) {
      SACCADE_CHECK(field.rank() >= 2, invalid_model, "a field of shape {}", to_string(field));
      field[0] = meet(field[0], images);
      meet(field[1], count);
      field[1] = most;
    }
    out.emplace_back(inputs[i].type.element, std::move(field));
  }
  return out;
}

std::vector<Tensor> evaluate(const MulticlassNms& op, std::span<const Tensor> inputs) {
  const ElementType type = inputs[0].type();
  if (type == ElementType::f32) return run<float>(op, inputs, type);
  if (type == ElementType::f64) return run<double>(op, inputs, type);
  std::vector<Tensor> wide(inputs.begin(), inputs.end());
  for (std::size_t i = 0; i < std::min<std::size_t>(3, wide.size()); ++i)
    if (wide[i].defined()) wide[i] = convert(wide[i], ElementType::f32);
  std::vector<Tensor> out = run<float>(op, wide, ElementType::f32);
  for (std::size_t i = 0; i < 3; ++i) out[i] = convert(out[i], type);
  return out;
}

}  // namespace saccade::ops
