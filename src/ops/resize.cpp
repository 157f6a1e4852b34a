// SPDX-License-Identifier: Apache-2.0
// Resize: each axis by itself, as a table of taps per output index.
#include "ops/resize.h"

#include <algorithm>
#include <cmath>

#include "ops/inference.h"
#include "ops/widened.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;

constexpr i64 kMaxResizedExtent = i64{1} << 31;

struct AxisTarget {
  i64 input = 0, output = 0;
  double scale = 1;
  // Sizes alone are given: coordinates are quotients of integers, so that ties are exact.
  bool exact = false;
  double start = 0, end = 1;  // of the region to crop

  double divide(double x) const { return exact ? x * static_cast<double>(input) / static_cast<double>(output) : x / scale; }
  // The output size before rounding.
  double length() const { return exact ? static_cast<double>(output) : scale * static_cast<double>(input); }
};

i64 rounded_size(double size) {
  SACCADE_CHECK(size >= 0 && size < static_cast<double>(kMaxResizedExtent), invalid_model, "an output size of {}", size);
  return static_cast<i64>(size);
}

// Sizes and scales of the resized axes from the second input.
std::vector<AxisTarget> targets_of(const Resize& op, const std::vector<i64>& input, const std::vector<double>& target) {
  std::vector<AxisTarget> out(input.size());
  double common = 0;
  for (std::size_t i = 0; i < input.size(); ++i) {
    AxisTarget& t = out[i];
    t.input = input[i];
    SACCADE_CHECK(t.input < kMaxResizedExtent, invalid_model, "a size of {}", t.input);
    if (op.shape_calculation == ResizeShape::scales) {
      SACCADE_CHECK(target[i] > 0 && std::isfinite(target[i]), invalid_model, "a scale of {}", target[i]);
      t.scale = target[i];
      t.output = rounded_size(std::floor(static_cast<double>(t.input) * t.scale));
      continue;
    }
    t.output = rounded_size(target[i]);
    t.exact = true;
    t.scale = t.input > 0 ? static_cast<double>(t.output) / static_cast<double>(t.input) : 1;
    common = i == 0 ? t.scale : op.aspect == ResizeAspect::not_larger ? std::min(common, t.scale) : std::max(common, t.scale);
  }
  if (op.shape_calculation == ResizeShape::sizes && op.aspect != ResizeAspect::stretch) {
    for (AxisTarget& t : out) {
      t.scale = common;
      t.exact = false;
      t.output = rounded_size(std::floor(common * static_cast<double>(t.input) + 0.5));
    }
  }
  return out;
}

double source_place(const Resize& op, const AxisTarget& t, i64 index) {
  const auto x = static_cast<double>(index), size = static_cast<double>(t.input);
  const double length = t.length();
  switch (op.coordinates) {
    case ResizeCoordinates::half_pixel:
      return t.divide(x + 0.5) - 0.5;
    case ResizeCoordinates::half_pixel_symmetric: {
      const double adjustment = static_cast<double>(t.output) / length;
      return size / 2 * (1 - adjustment) + t.divide(x + 0.5) - 0.5;
    }
    case ResizeCoordinates::pytorch_half_pixel:
      return t.output > 1 ? t.divide(x + 0.5) - 0.5 : 0;
    case ResizeCoordinates::align_corners:
      return length == 1 || t.output <= 1 ? 0 : x * (size - 1) / (length - 1);
    case ResizeCoordinates::asymmetric:
      return t.divide(x);
    case ResizeCoordinates::tf_half_pixel_for_nn:
      return t.divide(x + 0.5);
    case ResizeCoordinates::tf_crop_and_resize:
      if (t.output <= 1) return 0.5 * (t.start + t.end) * (size - 1);
      return t.start * (size - 1) + x * (t.end - t.start) * (size - 1) / (length - 1);
  }
  return 0;
}

double nearest_place(const Resize& op, const AxisTarget& t, double x) {
  switch (op.nearest) {
    case ResizeNearest::round_prefer_floor:
      return std::ceil(x - 0.5);
    case ResizeNearest::round_prefer_ceil:
      return std::floor(x + 0.5);
    case ResizeNearest::floor:
      return std::floor(x);
    case ResizeNearest::ceil:
      return std::ceil(x);
    case ResizeNearest::simple:
      return t.scale < 1 ? std::ceil(x) : std::floor(x);
  }
  return x;
}

// Keys' cubic convolution kernel.
double cubic_kernel(double distance, double a) {
  const double d = std::abs(distance);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  if (d < 2) return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return 0;
}

// Which inputs, with which weights, make one output of an axis: `count` entries an output, in `index` and `weight`.
struct ResizeTaps {
  i64 count = 1;
  std::vector<i64> index;
  std::vector<double> weight;
  std::vector<char> outside;  // outputs that the extrapolation value takes
};

ResizeTaps make_taps(const Resize& op, const AxisTarget& t) {
  ResizeTaps taps;
  const bool narrow = op.antialias && t.scale < 1;
  const double factor = narrow ? t.scale : 1, reach = op.mode == ResizeMode::cubic ? 2 : 1;
  SACCADE_CHECK(reach / factor < 0x1p28, invalid_model, "a scale of {}", t.scale);
  const i64 start = static_cast<i64>(std::floor(-reach / factor)) + 1;
  taps.count = op.mode == ResizeMode::nearest ? 1 : 2 - 2 * start;
  SACCADE_CHECK(taps.count * std::max<i64>(t.output, 1) <= i64{1} << 33, out_of_memory, "a filter of {} taps for {} outputs", taps.count,
                t.output);
  const auto inside = [&](double place) { return static_cast<i64>(std::clamp(place, 0.0, static_cast<double>(t.input - 1))); };
  std::vector<double> weights(static_cast<std::size_t>(taps.count));
  for (i64 o = 0; o < t.output; ++o) {
    const double x = source_place(op, t, o);
    taps.outside.push_back(op.coordinates == ResizeCoordinates::tf_crop_and_resize && (x < 0 || x > static_cast<double>(t.input - 1)));
    if (op.mode == ResizeMode::nearest) {
      taps.index.push_back(inside(nearest_place(op, t, x)));
      taps.weight.push_back(1);
      continue;
    }
    const double base = std::floor(x), ratio = x - base;
    double sum = 0, inner = 0;
    for (i64 k = 0; k < taps.count; ++k) {
      const double distance = (static_cast<double>(start + k) - ratio) * factor;
      double& w = weights[static_cast<std::size_t>(k)];
      w = op.mode == ResizeMode::cubic ? cubic_kernel(distance, op.cubic_coeff_a) : std::max(0.0, 1 - std::abs(distance));
      const double place = base + static_cast<double>(start + k);
      sum += w;
      if (place >= 0 && place <= static_cast<double>(t.input - 1)) inner += w;
    }
    const bool exclude = op.exclude_outside && inner != 0;
    const double whole = exclude ? inner : narrow ? sum : 1;
    for (i64 k = 0; k < taps.count; ++k) {
      const double place = base + static_cast<double>(start + k);
      const bool out = place < 0 || place > static_cast<double>(t.input - 1);
      taps.index.push_back(inside(place));
      taps.weight.push_back(exclude && out ? 0 : weights[static_cast<std::size_t>(k)] / whole);
    }
  }
  return taps;
}

template <class T>
std::vector<T> resample(const std::vector<T>& x, i64 outer, i64 input, i64 inner, const ResizeTaps& taps, i64 output) {
  std::vector<T> y(static_cast<std::size_t>(outer * output * inner));
  for (i64 n = 0; n < outer; ++n)
    for (i64 o = 0; o < output; ++o) {
      T* to = y.data() + (n * output + o) * inner;
      for (i64 k = 0; k < taps.count; ++k) {
        const T* from = x.data() + (n * input + taps.index[static_cast<std::size_t>(o * taps.count + k)]) * inner;
        if (taps.count == 1) {
          std::copy_n(from, inner, to);
          continue;
        }
        const double w = taps.weight[static_cast<std::size_t>(o * taps.count + k)];
        if (w == 0) continue;
        for (i64 i = 0; i < inner; ++i) to[i] += static_cast<T>(w * static_cast<double>(from[i]));
      }
    }
  return y;
}

std::vector<std::size_t> axes_of(const Resize& op, std::size_t rank) {
  std::vector<std::size_t> axes;
  if (op.axes.empty())
    for (std::size_t d = 0; d < rank; ++d) axes.push_back(d);
  else
    axes = normal_axes(op.axes, rank);
  for (std::size_t a = 0; a < axes.size(); ++a)
    for (std::size_t b = 0; b < a; ++b) SACCADE_CHECK(axes[a] != axes[b], invalid_model, "axis {} is given twice", axes[a]);
  return axes;
}

std::vector<double> exact_sizes(const std::vector<i64>& sizes) { return {sizes.begin(), sizes.end()}; }

template <class T>
Tensor run(const Resize& op, const Tensor& in, const std::vector<std::size_t>& axes, const std::vector<AxisTarget>& targets, Shape shape) {
  std::vector<T> x = widen<T>(in);
  Shape current = in.shape();
  std::vector<std::pair<std::size_t, std::vector<char>>> outside;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const AxisTarget& t = targets[i];
    const ResizeTaps taps = make_taps(op, t);
    if (std::find(taps.outside.begin(), taps.outside.end(), 1) != taps.outside.end()) outside.emplace_back(axes[i], taps.outside);
    i64 outer = 1, inner = 1;
    for (std::size_t d = 0; d < current.size(); ++d) (d < axes[i] ? outer : inner) *= d == axes[i] ? 1 : current[d];
    current[axes[i]] = t.output;
    wide_count(current);
    x = resample<T>(x, outer, t.input, inner, taps, t.output);
  }
  for (const auto& [axis, marks] : outside) {
    i64 inner = 1;
    for (std::size_t d = axis + 1; d < shape.size(); ++d) inner *= shape[d];
    for (std::size_t i = 0; i < x.size(); ++i)
      if (marks[i / static_cast<std::size_t>(inner) % marks.size()]) x[i] = static_cast<T>(op.extrapolation_value);
  }
  if constexpr (std::is_same_v<T, double>) {
    if (!is_float(in.type()))
      for (double& v : x) v = std::nearbyint(v);
  }
  return narrow<T>(in.type(), std::move(shape), x);
}

}  // namespace

std::vector<Fact> infer(const Resize& op, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 3);
  const PartialShape& x = inputs[0].type.shape;
  SACCADE_CHECK(inputs[0].type.element != ElementType::boolean || op.mode == ResizeMode::nearest, invalid_model,
                "booleans can only be resized to the nearest");
  if (op.shape_calculation == ResizeShape::sizes)
    SACCADE_CHECK(is_integer(inputs[1].type.element), invalid_model, "sizes of element type {}", to_string(inputs[1].type.element));
  else
    SACCADE_CHECK(is_float(inputs[1].type.element), invalid_model, "scales of element type {}", to_string(inputs[1].type.element));
  SACCADE_CHECK(op.coordinates != ResizeCoordinates::tf_crop_and_resize || has(inputs, 2), invalid_model,
                "tf_crop_and_resize needs a region");
  if (!x.ranked()) return {Fact(inputs[0].type.element, PartialShape())};
  const auto axes = axes_of(op, x.rank());
  const PartialShape& count = inputs[1].type.shape;
  SACCADE_CHECK(!count.ranked() || (count.rank() == 1 && (!count[0].is_static() || count[0].size() == static_cast<i64>(axes.size()))),
                invalid_model, "a target of shape {} for {} axes", to_string(count), axes.size());
  PartialShape out = x;
  for (std::size_t a : axes) out[a] = Dimension::unknown();
  const bool uniform = op.shape_calculation == ResizeShape::sizes && op.aspect != ResizeAspect::stretch;
  std::vector<double> known;  // the target, where it is known as a whole
  if (op.shape_calculation == ResizeShape::scales) {
    if (inputs[1].constant.defined()) known = to_f64(inputs[1].constant);
  } else if (const auto sizes = known_dimensions(inputs, 1)) {
    SACCADE_CHECK(sizes->size() == axes.size(), invalid_model, "{} sizes for {} axes", sizes->size(), axes.size());
    if (!uniform)
      for (std::size_t i = 0; i < axes.size(); ++i) {
        SACCADE_CHECK((*sizes)[i].max >= 0, invalid_model, "an output size of {}", (*sizes)[i].max);
        if ((*sizes)[i].min >= 0) out[axes[i]] = (*sizes)[i];
      }
    else if (const auto whole = known_integers(inputs, 1))
      known = exact_sizes(*whole);
  }
  if (known.empty()) return {Fact(inputs[0].type.element, std::move(out))};
  SACCADE_CHECK(known.size() == axes.size(), invalid_model, "{} targets for {} axes", known.size(), axes.size());
  std::vector<i64> sizes;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (!uniform && !x[axes[i]].is_static()) {
      if (known[i] == 1) out[axes[i]] = x[axes[i]];
      continue;
    }
    if (!x[axes[i]].is_static()) return {Fact(inputs[0].type.element, std::move(out))};
    if (uniform)
      sizes.push_back(x[axes[i]].size());
    else
      out[axes[i]] = Dimension::fixed(targets_of(op, {x[axes[i]].size()}, {known[i]})[0].output);
  }
  if (uniform) {
    const auto targets = targets_of(op, sizes, known);
    for (std::size_t i = 0; i < axes.size(); ++i) out[axes[i]] = Dimension::fixed(targets[i].output);
  }
  return {Fact(inputs[0].type.element, std::move(out))};
}

std::vector<Tensor> evaluate(const Resize& op, std::span<const Tensor> inputs) {
  const Tensor& in = inputs[0];
  const auto axes = axes_of(op, in.shape().size());
  const std::vector<double> target = op.shape_calculation == ResizeShape::scales ? to_f64(inputs[1]) : exact_sizes(to_i64(inputs[1]));
  SACCADE_CHECK(target.size() == axes.size(), invalid_model, "{} targets for {} axes", target.size(), axes.size());
  std::vector<i64> sizes;
  for (std::size_t a : axes) sizes.push_back(in.shape()[a]);
  auto targets = targets_of(op, sizes, target);
  if (op.coordinates == ResizeCoordinates::tf_crop_and_resize) {
    SACCADE_CHECK(has(inputs, 2) && inputs[2].size() == static_cast<i64>(2 * axes.size()), invalid_model,
                  "tf_crop_and_resize needs a region of two entries per axis");
    const std::vector<double> roi = to_f64(inputs[2]);
    for (std::size_t i = 0; i < axes.size(); ++i) {
      targets[i].start = roi[i];
      targets[i].end = roi[axes.size() + i];
    }
  }
  Shape shape = in.shape();
  for (std::size_t i = 0; i < axes.size(); ++i) {
    SACCADE_CHECK(targets[i].input > 0 || targets[i].output == 0, invalid_model, "an empty axis cannot become one of {}",
                  targets[i].output);
    shape[axes[i]] = targets[i].output;
  }
  if (wide_count(shape) == 0) return {Tensor(in.type(), shape)};
  if (op.mode == ResizeMode::nearest && !is_float(in.type())) return {run<std::uint64_t>(op, in, axes, targets, shape)};
  return {run<double>(op, in, axes, targets, shape)};
}

}  // namespace saccade::ops
