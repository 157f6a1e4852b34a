// SPDX-License-Identifier: Apache-2.0
// The stages of Detectron's detectors.
#include "ops/detectron.h"

#include "ops/boxes.h"
#include "ops/inference.h"
#include "ops/roi_align.h"
#include "ops/widened.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;

constexpr i64 kMostRegions = i64{1} << 24;
const double kMostLogSize = std::log(1000.0 / 16);

void check_count(std::string_view name, i64 count, i64 least = 1) {
  SACCADE_CHECK(count >= least && count <= kMostRegions, invalid_model, "{} is {}; {} to {} are possible", name, count, least,
                kMostRegions);
}

void check_rank(const Fact& fact, std::size_t rank, const char* what) {
  SACCADE_CHECK(!fact.type.shape.ranked() || fact.type.shape.rank() == rank, invalid_model, "{} of shape {}, rank {} is needed", what,
                to_string(fact.type.shape), rank);
}

// All floats, of one type.
ElementType check_floats(std::span<const Fact> inputs) {
  for (std::size_t i = 1; i < inputs.size(); ++i) check_same_element(inputs, 0, i);
  SACCADE_CHECK(is_float(inputs[0].type.element), invalid_model, "data of element type {}", to_string(inputs[0].type.element));
  return inputs[0].type.element;
}

void check_shape(const Tensor& tensor, const Shape& shape, const char* what) {
  SACCADE_CHECK(tensor.shape() == shape, invalid_model, "{} of shape {}, {} is needed", what, to_string(tensor.shape()), to_string(shape));
}

struct ImageSize {
  double height, width;
};

// A box moved by deltas (dx, dy, log of width, log of height).
Corners moved(const Corners& b, const double (&delta)[4], double offset, double most_log_size) {
  const double w = b.width(offset), h = b.height(offset);
  const double centre_x = b.x1 + w / 2 + delta[0] * w, centre_y = b.y1 + h / 2 + delta[1] * h;
  const double half_w = std::exp(std::min(delta[2], most_log_size)) * w / 2, half_h = std::exp(std::min(delta[3], most_log_size)) * h / 2;
  return {centre_x - half_w, centre_y - half_h, centre_x + half_w - offset, centre_y + half_h - offset};
}

Corners clipped(const Corners& b, double most_x, double most_y) {
  const auto clip = [](double x, double most) { return std::max(0.0, std::min(x, most)); };
  return {clip(b.x1, most_x), clip(b.y1, most_y), clip(b.x2, most_x), clip(b.y2, most_y)};
}

struct AnchorGrid {
  i64 anchors, h, w;
};

struct ProposalRules {
  double offset, min_width, min_height;
  bool drop_small;  // out of the best `before`; else small ones sink to the score 0 ahead of that
  i64 before;
  Suppression suppression;
};

// anchors [h,w,a,4], deltas [4a,h,w], scores [a,h,w].
std::vector<ScoredBox> propose(const AnchorGrid& grid, const ProposalRules& rules, const ImageSize& image, const double* anchors,
                               const double* deltas, const double* scores) {
  std::vector<ScoredBox> found;
  const i64 area = grid.h * grid.w;
  found.reserve(static_cast<std::size_t>(area * grid.anchors));
  const auto is_small = [&](const ScoredBox& b) {
    return !(b.box.width(rules.offset) >= rules.min_width && b.box.height(rules.offset) >= rules.min_height);
  };
  for (i64 place = 0; place < area; ++place)
    for (i64 a = 0; a < grid.anchors; ++a) {
      const i64 index = place * grid.anchors + a;
      const double* d = deltas + 4 * a * area + place;
      const Corners box = moved(corners_at(anchors + 4 * index), {d[0], d[area], d[2 * area], d[3 * area]}, rules.offset, kMostLogSize);
      const double score = scores[a * area + place];
      found.push_back({clipped(box, image.width - rules.offset, image.height - rules.offset), std::isnan(score) ? 0 : score, index});
      if (!rules.drop_small && is_small(found.back())) found.back().score = 0;
    }
  sort_by_score(found);
  if (static_cast<i64>(found.size()) > rules.before) found.resize(static_cast<std::size_t>(rules.before));
  if (rules.drop_small) std::erase_if(found, is_small);
  return suppress(found, rules.suppression);
}

void write(const Corners& b, double* to) { to[0] = b.x1, to[1] = b.y1, to[2] = b.x2, to[3] = b.y2; }

}  // namespace

std::vector<Fact> infer(const DetectronPriorGrid& op, std::span<const Fact> inputs) {
  check_arity(inputs, 3, 3);
  const ElementType element = check_floats(inputs);
  check_rank(inputs[0], 2, "priors");
  check_rank(inputs[1], 4, "features");
  check_rank(inputs[2], 4, "an image");
  check_count("h", op.h, 0);
  check_count("w", op.w, 0);
  const PartialShape &priors = inputs[0].type.shape, &features = inputs[1].type.shape;
  const auto size = [&](i64 given, std::size_t axis) {
    return given > 0 ? Dimension::fixed(given) : features.ranked() ? features[axis] : Dimension::unknown();
  };
  const Dimension h = size(op.h, 2), w = size(op.w, 3), count = priors.ranked() ? priors[0] : Dimension::unknown(),
                  four = Dimension::fixed(4);
  return {Fact(element, op.flatten ? PartialShape({h * w * count, four}) : PartialShape({h, w, count, four}))};
}

std::vector<Tensor> evaluate(const DetectronPriorGrid& op, std::span<const Tensor> inputs) {
  const Shape &priors = inputs[0].shape(), &features = inputs[1].shape(), &image = inputs[2].shape();
  SACCADE_CHECK(priors.size() == 2 && priors[1] == 4 && features.size() == 4 && image.size() == 4, invalid_model,
                "priors {}, features {} and an image {}", to_string(priors), to_string(features), to_string(image));
  const i64 h = op.h > 0 ? op.h : features[2], w = op.w > 0 ? op.w : features[3], count = priors[0];
  const Shape grid{h, w, count, 4};
  std::vector<double> out(wide_count(grid));
  const std::vector<double> prior = to_f64(inputs[0]);
  const double step_x = op.stride_x != 0 ? op.stride_x : static_cast<double>(image[3]) / static_cast<double>(w),
               step_y = op.stride_y != 0 ? op.stride_y : static_cast<double>(image[2]) / static_cast<double>(h);
  std::size_t to = 0;
  for (i64 y = 0; to < out.size() && y < h; ++y)
    for (i64 x = 0; x < w; ++x)
      for (i64 p = 0; p < 4 * count; ++p)
        out[to++] = prior[static_cast<std::size_t>(p)] + (static_cast<double>(p % 2 == 0 ? x : y) + 0.5) * (p % 2 == 0 ? step_x : step_y);
  return {from_f64(inputs[0].type(), op.flatten ? Shape{h * w * count, 4} : grid, out)};
}

std::vector<Fact> infer(const DetectronProposals& op, std::span<const Fact> inputs) {
  check_arity(inputs, 4, 4);
  const ElementType element = check_floats(inputs);
  check_rank(inputs[1], 2, "anchors");
  check_rank(inputs[2], 3, "deltas");
  check_rank(inputs[3], 3, "scores");
  check_count("pre_nms_count", op.pre_nms_count);
  check_count("post_nms_count", op.post_nms_count);
  return {Fact(element, PartialShape(Shape{op.post_nms_count, 4})), Fact(element, PartialShape(Shape{op.post_nms_count}))};
}

std::vector<Tensor> evaluate(const DetectronProposals& op, std::span<const Tensor> inputs) {
  check_count("pre_nms_count", op.pre_nms_count);
  check_count("post_nms_count", op.post_nms_count);
  const Shape& s = inputs[3].shape();
  SACCADE_CHECK(s.size() == 3 && inputs[0].size() >= 3, invalid_model, "scores {} and image info {}", to_string(s),
                to_string(inputs[0].shape()));
  check_shape(inputs[1], {s[0] * s[1] * s[2], 4}, "anchors");
  check_shape(inputs[2], {4 * s[0], s[1], s[2]}, "deltas");
  const std::vector<double> info = to_f64(inputs[0]), anchors = to_f64(inputs[1]), deltas = to_f64(inputs[2]), scores = to_f64(inputs[3]);
  const ProposalRules rules{1, op.min_size, op.min_size, false, op.pre_nms_count, {op.nms_threshold, 0, 1, op.post_nms_count}};
  const auto found = propose({s[0], s[1], s[2]}, rules, {info[0], info[1]}, anchors.data(), deltas.data(), scores.data());
  std::vector<double> boxes(static_cast<std::size_t>(4 * op.post_nms_count)), probabilities(static_cast<std::size_t>(op.post_nms_count));
  for (std::size_t i = 0; i < found.size(); ++i) {
    write(found[i].box, &boxes[4 * i]);
    probabilities[i] = found[i].score;
  }
  return {from_f64(inputs[0].type(), {op.post_nms_count, 4}, boxes), from_f64(inputs[0].type(), {op.post_nms_count}, probabilities)};
}

std::vector<Fact> infer(const GenerateProposals& op, std::span<const Fact> inputs) {
  check_arity(inputs, 4, 4);
  const ElementType element = check_floats(inputs);
  check_rank(inputs[0], 2, "image info");
  for (std::size_t i = 1; i < 4; ++i) check_rank(inputs[i], 4, "an input");
  check_count("pre_nms_count", op.pre_nms_count);
  check_count("post_nms_count", op.post_nms_count);
  SACCADE_CHECK(is_integer(op.roi_num_type), invalid_model, "counts of element type {}", to_string(op.roi_num_type));
  const Dimension found = Dimension::unknown(), images = inputs[3].type.shape.ranked() ? inputs[3].type.shape[0] : Dimension::unknown();
  return {Fact(element, PartialShape({found, Dimension::fixed(4)})), Fact(element, PartialShape(std::vector{found})),
          Fact(op.roi_num_type, PartialShape(std::vector{images}))};
}

std::vector<Tensor> evaluate(const GenerateProposals& op, std::span<const Tensor> inputs) {
  check_count("pre_nms_count", op.pre_nms_count);
  check_count("post_nms_count", op.post_nms_count);
  const Shape &info_shape = inputs[0].shape(), &s = inputs[3].shape();
  SACCADE_CHECK(s.size() == 4 && info_shape.size() == 2 && info_shape[0] == s[0] && (info_shape[1] == 3 || info_shape[1] == 4),
                invalid_model, "scores {} and image info {}", to_string(s), to_string(info_shape));
  check_shape(inputs[1], {s[2], s[3], s[1], 4}, "anchors");
  check_shape(inputs[2], {s[0], 4 * s[1], s[2], s[3]}, "deltas");
  const std::vector<double> info = to_f64(inputs[0]), anchors = to_f64(inputs[1]), deltas = to_f64(inputs[2]), scores = to_f64(inputs[3]);
  const i64 each = s[1] * s[2] * s[3];
  std::vector<double> boxes, probabilities;
  std::vector<i64> counts;
  for (i64 n = 0; n < s[0]; ++n) {
    const double* image = info.data() + n * info_shape[1];
    const double offset = op.normalized ? 0 : 1;
    const ProposalRules rules{offset,
                              op.min_size * image[info_shape[1] - 1],
                              op.min_size * image[2],
                              true,
                              op.pre_nms_count,
                              {op.nms_threshold, offset, op.nms_eta, op.post_nms_count}};
    const auto found =
        propose({s[1], s[2], s[3]}, rules, {image[0], image[1]}, anchors.data(), deltas.data() + 4 * n * each, scores.data() + n * each);
    for (const ScoredBox& b : found) {
      boxes.insert(boxes.end(), {b.box.x1, b.box.y1, b.box.x2, b.box.y2});
      probabilities.push_back(b.score);
    }
    counts.push_back(static_cast<i64>(found.size()));
  }
  const auto total = static_cast<i64>(probabilities.size());
  return {from_f64(inputs[0].type(), {total, 4}, boxes), from_f64(inputs[0].type(), {total}, probabilities),
          from_i64(op.roi_num_type, {s[0]}, counts)};
}

std::vector<Fact> infer(const DetectronTopRois& op, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 2);
  const ElementType element = check_floats(inputs);
  check_rank(inputs[0], 2, "regions");
  check_rank(inputs[1], 1, "scores");
  check_count("max_rois", op.max_rois, 0);
  return {Fact(element, PartialShape(Shape{op.max_rois, 4}))};
}

std::vector<Tensor> evaluate(const DetectronTopRois& op, std::span<const Tensor> inputs) {
  check_count("max_rois", op.max_rois, 0);
  check_shape(inputs[0], {inputs[1].size(), 4}, "regions");
  const std::vector<double> rois = to_f64(inputs[0]), scores = to_f64(inputs[1]);
  std::vector<ScoredBox> sorted;
  for (std::size_t i = 0; i < scores.size(); ++i) sorted.push_back({corners_at(&rois[4 * i]), scores[i], 0});
  sort_by_score(sorted);
  std::vector<double> out(static_cast<std::size_t>(4 * op.max_rois));
  for (std::size_t i = 0; i < std::min(sorted.size(), static_cast<std::size_t>(op.max_rois)); ++i) write(sorted[i].box, &out[4 * i]);
  return {from_f64(inputs[0].type(), {op.max_rois, 4}, out)};
}

std::vector<Fact> infer(const DetectronRoiFeatures& op, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 64);
  const ElementType element = check_floats(inputs);
  check_rank(inputs[0], 2, "regions");
  SACCADE_CHECK(op.pyramid_scales.size() == inputs.size() - 1, invalid_model, "{} pyramid_scales for {} levels", op.pyramid_scales.size(),
                inputs.size() - 1);
  check_count("output_size", op.output_size);
  Dimension channels = Dimension::unknown();
  for (std::size_t i = 1; i < inputs.size(); ++i) {
    check_rank(inputs[i], 4, "features");
    SACCADE_CHECK(op.pyramid_scales[i - 1] > 0, invalid_model, "a pyramid scale of {}", op.pyramid_scales[i - 1]);
    if (inputs[i].type.shape.ranked()) channels = meet(channels, inputs[i].type.shape[1]);
  }
  const Dimension count = inputs[0].type.shape.ranked() ? inputs[0].type.shape[0] : Dimension::unknown(),
                  size = Dimension::fixed(op.output_size);
  return {Fact(element, PartialShape({count, channels, size, size})), Fact(element, PartialShape({count, Dimension::fixed(4)}))};
}

std::vector<Tensor> evaluate(const DetectronRoiFeatures& op, std::span<const Tensor> inputs) {
  const Shape& r = inputs[0].shape();
  const std::size_t levels = inputs.size() - 1;
  SACCADE_CHECK(r.size() == 2 && r[1] == 4 && inputs[1].rank() == 4, invalid_model, "regions {} of features {}", to_string(r),
                to_string(inputs[1].shape()));
  const std::vector<double> rois = to_f64(inputs[0]);
  std::vector<std::vector<i64>> of_level(levels);
  for (i64 i = 0; i < r[0]; ++i) {
    const Corners b = corners_at(&rois[static_cast<std::size_t>(4 * i)]);
    const double area = b.width(0) * b.height(0);
    if (!(area > 0)) continue;
    const double level = std::floor(2 + std::log2(std::sqrt(area) / 224 + 1e-6));
    of_level[static_cast<std::size_t>(std::clamp(level, 0.0, static_cast<double>(levels - 1)))].push_back(i);
  }
  const i64 channels = inputs[1].shape()[1], each = channels * op.output_size * op.output_size;
  const Shape shape{r[0], channels, op.output_size, op.output_size};
  std::vector<double> out(wide_count(shape));
  for (std::size_t l = 0; l < levels; ++l) {
    const Tensor& features = inputs[l + 1];
    SACCADE_CHECK(features.rank() == 4 && features.shape()[0] == 1 && features.shape()[1] == channels, invalid_model,
                  "features {} of {} channels", to_string(features.shape()), channels);
    std::vector<double> chosen;
    for (const i64 i : of_level[l]) chosen.insert(chosen.end(), rois.begin() + 4 * i, rois.begin() + 4 * i + 4);
    const auto count = static_cast<i64>(of_level[l].size());
    if (count == 0) continue;
    RoiAlign align{op.output_size, op.output_size, op.sampling_ratio, 1 / static_cast<double>(op.pyramid_scales[l])};
    align.aligned_mode = op.aligned ? RoiAlignAligned::half_pixel : RoiAlignAligned::asymmetric;
    const Tensor given[] = {features, from_f64(features.type(), {count, 4}, chosen),
                            from_i64(ElementType::i64, {count}, std::vector<i64>(static_cast<std::size_t>(count)))};
    const std::vector<double> found = to_f64(evaluate(align, given)[0]);
    for (i64 k = 0; k < count; ++k)
      std::copy_n(found.begin() + k * each, each, out.begin() + of_level[l][static_cast<std::size_t>(k)] * each);
  }
  return {from_f64(inputs[0].type(), shape, out), inputs[0]};
}

std::vector<Fact> infer(const DetectronDetections& op, std::span<const Fact> inputs) {
  check_arity(inputs, 4, 4);
  const ElementType element = check_floats(inputs);
  for (std::size_t i = 0; i < 4; ++i) check_rank(inputs[i], 2, "an input");
  check_count("num_classes", op.num_classes);
  check_count("post_nms_count", op.post_nms_count);
  check_count("max_detections_per_image", op.max_detections_per_image);
  SACCADE_CHECK(op.deltas_weights.size() == 4, invalid_model, "{} deltas_weights", op.deltas_weights.size());
  const i64 m = op.max_detections_per_image;
  return {Fact(element, PartialShape(Shape{m, 4})), Fact(ElementType::i32, PartialShape(Shape{m})), Fact(element, PartialShape(Shape{m}))};
}

std::vector<Tensor> evaluate(const DetectronDetections& op, std::span<const Tensor> inputs) {
  const i64 m = op.max_detections_per_image, classes = op.num_classes;
  const Shape& r = inputs[0].shape();
  SACCADE_CHECK(r.size() == 2 && r[1] == 4 && inputs[3].size() >= 3, invalid_model, "regions {} and image info {}", to_string(r),
                to_string(inputs[3].shape()));
  const i64 moved_classes = op.class_agnostic_box_regression ? 2 : classes;
  check_shape(inputs[1], {r[0], 4 * moved_classes}, "deltas");
  check_shape(inputs[2], {r[0], classes}, "scores");
  const std::vector<double> rois = to_f64(inputs[0]), deltas = to_f64(inputs[1]), scores = to_f64(inputs[2]);
  const std::vector<double>& weights = op.deltas_weights;
  std::vector<ScoredBox> all;  // index: the class
  for (i64 c = 1; c < classes; ++c) {
    std::vector<ScoredBox> found;
    for (i64 i = 0; i < r[0]; ++i) {
      const Corners roi = corners_at(&rois[static_cast<std::size_t>(4 * i)]);
      const double score = scores[static_cast<std::size_t>(i * classes + c)];
      if (!(roi.width(0) > 0 && roi.height(0) > 0) || !(score > op.score_threshold)) continue;
      const double* d = &deltas[static_cast<std::size_t>(4 * (i * moved_classes + std::min(c, moved_classes - 1)))];
      const Corners box = moved(roi, {d[0] / weights[0], d[1] / weights[1], d[2] / weights[2], d[3] / weights[3]}, 1, op.max_delta_log_wh);
      found.push_back({clipped(box, INFINITY, INFINITY), score, c});
    }
    sort_by_score(found);
    const auto kept = suppress(found, {op.nms_threshold, 1, 1, op.post_nms_count});
    all.insert(all.end(), kept.begin(), kept.end());
  }
  if (static_cast<i64>(all.size()) > m) {
    sort_by_score(all);
    all.resize(static_cast<std::size_t>(m));
  }
  std::vector<double> boxes(static_cast<std::size_t>(4 * m)), probabilities(static_cast<std::size_t>(m));
  std::vector<i64> labels(static_cast<std::size_t>(m));
  for (std::size_t i = 0; i < all.size(); ++i) {
    write(all[i].box, &boxes[4 * i]);
    labels[i] = all[i].index;
    probabilities[i] = all[i].score;
  }
  const ElementType element = inputs[0].type();
  return {from_f64(element, {m, 4}, boxes), from_i64(ElementType::i32, {m}, labels), from_f64(element, {m}, probabilities)};
}

}  // namespace saccade::ops
