// SPDX-License-Identifier: Apache-2.0
// PriorBox and PriorBoxClustered: the boxes of one cell, repeated over the grid.
#include "ops/prior_box.h"

#include <algorithm>
#include <cmath>

#include "ops/inference.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;

constexpr i64 kMaxBoxes = i64{1} << 26, kMaxPriorSize = i64{1} << 24;
constexpr double kSameRatio = 1e-6;

// A box about the centre of a cell, in pixels. edge_clip: what leaves the image on the box's own side is cut off.
struct CellBox {
  double dx, dy, half_w, half_h;
  bool edge_clip;
};

std::vector<double> distinct_ratios(const PriorBox& op) {
  std::vector<double> ratios{1};
  for (const double ratio : op.aspect_ratio) {
    SACCADE_CHECK(ratio > 0 && std::isfinite(ratio), invalid_model, "an aspect ratio of {}", ratio);
    if (std::any_of(ratios.begin(), ratios.end(), [&](double known) { return std::abs(known - ratio) < kSameRatio; })) continue;
    ratios.push_back(ratio);
    if (op.flip) ratios.push_back(1 / ratio);
  }
  return ratios;
}

// `square`: of a whole number of pixels.
void add_dense_boxes(double size, double density, double ratio, bool square, std::vector<CellBox>& boxes) {
  const auto count = static_cast<i64>(density);
  SACCADE_CHECK(count >= 1 && count <= 4096 && size >= 0 && size <= static_cast<double>(kMaxPriorSize), invalid_model, "a fixed size of {} with a density of {}", size, density);
  const double shift = std::floor(size / static_cast<double>(count)), half = std::floor(std::floor(size) / 2), root = std::sqrt(ratio);
  SACCADE_CHECK(static_cast<i64>(boxes.size()) + count * count <= kMaxBoxes, invalid_model, "more than {} boxes a cell", kMaxBoxes);
  for (i64 row = 0; row < count; ++row)
    for (i64 column = 0; column < count; ++column)
      boxes.push_back({shift / 2 + static_cast<double>(column) * shift - half, shift / 2 + static_cast<double>(row) * shift - half,
                       square ? std::floor(size) / 2 : size / 2 * root, square ? std::floor(size) / 2 : size / 2 / root, true});
}

std::vector<CellBox> cell_boxes(const PriorBox& op, double image_height) {
  const std::vector<double> ratios = distinct_ratios(op);
  std::vector<CellBox> boxes;
  for (std::size_t s = 0; s < op.fixed_size.size(); ++s) {
    SACCADE_CHECK(s < op.density.size(), invalid_model, "{} fixed sizes with {} densities", op.fixed_size.size(), op.density.size());
    SACCADE_CHECK(std::isfinite(op.density[s]) && std::isfinite(op.fixed_size[s]) && std::abs(op.density[s]) < 1e6, invalid_model, "a density of {}", op.density[s]);
    for (const double ratio : op.fixed_ratio) {
      SACCADE_CHECK(ratio > 0 && std::isfinite(ratio), invalid_model, "a fixed ratio of {}", ratio);
      add_dense_boxes(op.fixed_size[s], op.density[s], ratio, false, boxes);
    }
    if (op.fixed_ratio.empty())
      for (const double ratio : ratios) add_dense_boxes(op.fixed_size[s], op.density[s], ratio, std::abs(ratio - 1) < kSameRatio, boxes);
  }
  const auto size = [&](std::size_t s) { return op.min_size[s] * (op.scale_all_sizes ? 1 : image_height); };
  for (std::size_t s = 0; s < op.min_size.size(); ++s) {
    const auto add = [&](double half_w, double half_h) { boxes.push_back({0, 0, half_w, half_h, false}); };
    const auto add_largest = [&] {
      if (s >= op.max_size.size()) return;
      const double half = std::sqrt(size(s) * op.max_size[s]) / 2;
      add(half, half);
    };
    add(size(s) / 2, size(s) / 2);
    if (op.min_max_aspect_ratios_order) add_largest();
    if (op.scale_all_sizes || s + 1 == op.min_size.size())
      for (const double ratio : ratios) {
        if (std::abs(ratio - 1) < kSameRatio) continue;
        const double base = size(op.scale_all_sizes ? s : 0) / 2;
        add(base * std::sqrt(ratio), base / std::sqrt(ratio));
      }
    if (!op.min_max_aspect_ratios_order) add_largest();
  }
  return boxes;
}

struct PriorGrid {
  i64 height, width, image_height, image_width;
};

PriorGrid read_grid(std::span<const Tensor> inputs) {
  std::vector<i64> sizes[2];
  for (std::size_t i = 0; i < 2; ++i) {
    sizes[i] = to_i64(inputs[i]);
    SACCADE_CHECK(sizes[i].size() == 2, invalid_model, "input {} of {} elements, two sizes are needed", i, sizes[i].size());
    for (const i64 size : sizes[i]) SACCADE_CHECK(size >= static_cast<i64>(i) && size <= kMaxPriorSize, invalid_model, "input {} holds a size of {}", i, size);
  }
  return {sizes[0][0], sizes[0][1], sizes[1][0], sizes[1][1]};
}

i64 box_count(i64 height, i64 width, std::size_t per_cell) {
  i64 count = 0;
  SACCADE_CHECK(height >= 0 && width >= 0 && !__builtin_mul_overflow(height, width, &count) && !__builtin_mul_overflow(count, static_cast<i64>(per_cell), &count) && count <= kMaxBoxes,
                invalid_model, "{} boxes a cell over {} by {} cells", per_cell, height, width);
  return count;
}

std::vector<Fact> infer_boxes(std::span<const Fact> inputs, std::size_t per_cell, std::size_t variances) {
  check_arity(inputs, 2, 2);
  SACCADE_CHECK(variances == 0 || variances == 1 || variances == 4, invalid_model, "{} variances; none, one or four are possible", variances);
  for (std::size_t i = 0; i < 2; ++i) {
    SACCADE_CHECK(is_integer(inputs[i].type.element), invalid_model, "sizes of element type {}", to_string(inputs[i].type.element));
    const PartialShape& shape = inputs[i].type.shape;
    SACCADE_CHECK(!shape.ranked() || (shape.rank() == 1 && (!shape[0].is_static() || shape[0].size() == 2)), invalid_model, "input {} of shape {}, two sizes are needed", i, to_string(shape));
  }
  PartialShape out = PartialShape::of_rank(2);
  out[0] = Dimension::fixed(2);
  const auto layer = known_integers(inputs, 0);
  if (layer && layer->size() == 2) out[1] = Dimension::fixed(4 * box_count((*layer)[0], (*layer)[1], per_cell));
  return {Fact(ElementType::f32, std::move(out))};
}

// Row 1: the variances of each of `boxes` boxes.
void fill_variances(float* row, i64 boxes, const std::vector<double>& variance) {
  for (i64 i = 0; i < 4 * boxes; ++i) row[i] = static_cast<float>(variance.empty() ? 0.1 : variance[static_cast<std::size_t>(variance.size() == 1 ? 0 : i % 4)]);
}

}  // namespace

std::vector<Fact> infer(const PriorBox& op, std::span<const Fact> inputs) { return infer_boxes(inputs, cell_boxes(op, 1).size(), op.variance.size()); }

std::vector<Tensor> evaluate(const PriorBox& op, std::span<const Tensor> inputs) {
  const PriorGrid grid = read_grid(inputs);
  const auto image_h = static_cast<double>(grid.image_height), image_w = static_cast<double>(grid.image_width);
  const std::vector<CellBox> boxes = cell_boxes(op, image_h);
  const i64 count = box_count(grid.height, grid.width, boxes.size());
  Tensor out(ElementType::f32, {2, 4 * count});
  if (count == 0) return {out};
  double step = op.step;
  if (!op.scale_all_sizes) step = step == -1 ? image_h / static_cast<double>(grid.height) : step * image_h;
  const bool divided = step == 0;
  const double step_x = divided ? image_w / static_cast<double>(grid.width) : step, step_y = divided ? image_h / static_cast<double>(grid.height) : step;
  const double offset = divided ? 0.5 : op.offset;
  float* to = out.data<float>();
  for (i64 y = 0; y < grid.height; ++y)
    for (i64 x = 0; x < grid.width; ++x)
      for (const CellBox& box : boxes) {
        const double centre_x = (static_cast<double>(x) + offset) * step_x + box.dx, centre_y = (static_cast<double>(y) + offset) * step_y + box.dy;
        double corners[] = {(centre_x - box.half_w) / image_w, (centre_y - box.half_h) / image_h, (centre_x + box.half_w) / image_w, (centre_y + box.half_h) / image_h};
        for (std::size_t i = 0; i < 4; ++i) {
          if (box.edge_clip) corners[i] = i < 2 ? std::max(corners[i], 0.0) : std::min(corners[i], 1.0);
          if (op.clip) corners[i] = std::clamp(corners[i], 0.0, 1.0);
          *to++ = static_cast<float>(corners[i]);
        }
      }
  fill_variances(to, count, op.variance);
  return {out};
}

std::vector<Fact> infer(const PriorBoxClustered& op, std::span<const Fact> inputs) {
  SACCADE_CHECK(op.width.size() == op.height.size(), invalid_model, "{} widths and {} heights", op.width.size(), op.height.size());
  return infer_boxes(inputs, op.width.size(), op.variance.size());
}

std::vector<Tensor> evaluate(const PriorBoxClustered& op, std::span<const Tensor> inputs) {
  const PriorGrid grid = read_grid(inputs);
  const i64 count = box_count(grid.height, grid.width, op.width.size());
  Tensor out(ElementType::f32, {2, 4 * count});
  if (count == 0) return {out};
  const auto image_h = static_cast<double>(grid.image_height), image_w = static_cast<double>(grid.image_width);
  double step_x = op.step_w == 0 ? op.step : op.step_w, step_y = op.step_h == 0 ? op.step : op.step_h;
  if (step_x == 0 && step_y == 0) {
    step_x = image_w / static_cast<double>(grid.width);
    step_y = image_h / static_cast<double>(grid.height);
  }
  float* to = out.data<float>();
  for (i64 y = 0; y < grid.height; ++y)
    for (i64 x = 0; x < grid.width; ++x)
      for (std::size_t s = 0; s < op.width.size(); ++s) {
        const double centre_x = (static_cast<double>(x) + op.offset) * step_x, centre_y = (static_cast<double>(y) + op.offset) * step_y;
        for (const double corner : {(centre_x - op.width[s] / 2) / image_w, (centre_y - op.height[s] / 2) / image_h, (centre_x + op.width[s] / 2) / image_w,
                                    (centre_y + op.height[s] / 2) / image_h})
          *to++ = static_cast<float>(op.clip ? std::clamp(corner, 0.0, 1.0) : corner);
      }
  fill_variances(to, count, op.variance);
  return {out};
}

}  // namespace saccade::ops
