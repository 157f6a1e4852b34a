// SPDX-License-Identifier: Apache-2.0
// GridSample and AffineGrid.
#include "ops/grid_sample.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "ops/inference.h"
#include "ops/widened.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;

constexpr double kFar = 1e9;  // beyond every index, and safe to convert

// Reflects x at the borders until it is between them.
double reflect(double x, double low, double high) {
  const double range = high - low;
  if (!(range > 0)) return low;
  const double distance = std::abs(x - low), turns = std::floor(distance / range), rest = distance - turns * range;
  return std::fmod(turns, 2) == 0 ? low + rest : high - rest;
}

struct Sampler {
  const GridSample& op;
  std::array<i64, 3> size{1, 1, 1};  // z, y, x
  const double* plane = nullptr;

  double place(double n, i64 length) const {
    const auto l = static_cast<double>(length);
    const double x = op.align_corners ? (n + 1) / 2 * (l - 1) : ((n + 1) * l - 1) / 2;
    return x != x ? -1 : x;
  }
  double reflected(double x, i64 length) const {
    const auto l = static_cast<double>(length);
    return op.align_corners ? reflect(x, 0, l - 1) : std::clamp(reflect(x, -0.5, l - 0.5), 0.0, l - 1);
  }
  // Moves a place into the data as the padding says; zeros leaves it.
  double padded(double x, i64 length) const {
    switch (op.padding_mode) {
      case GridSamplePadding::zeros:
        return std::clamp(x, -kFar, kFar);
      case GridSamplePadding::border:
        return std::clamp(x, 0.0, static_cast<double>(length - 1));
      case GridSamplePadding::reflection:
        return reflected(x, length);
    }
    return x;
  }
  double pixel(i64 z, i64 y, i64 x) const {
    if (z < 0 || y < 0 || x < 0 || z >= size[0] || y >= size[1] || x >= size[2]) return 0;
    return plane[(z * size[1] + y) * size[2] + x];
  }

  double nearest(const std::array<double, 3>& p) const {
    std::array<i64, 3> at;
    for (std::size_t d = 0; d < 3; ++d)
      at[d] = static_cast<i64>(std::nearbyint(padded(std::nearbyint(std::clamp(p[d], -kFar, kFar)), size[d])));
    return pixel(at[0], at[1], at[2]);
  }
  double linear(const std::array<double, 3>& p) const {
    std::array<i64, 3> low;
    std::array<double, 3> fraction;
    for (std::size_t d = 0; d < 3; ++d) {
      const double x = padded(p[d], size[d]);
      low[d] = static_cast<i64>(std::floor(x));
      fraction[d] = x - std::floor(x);
    }
    double sum = 0;
    for (int corner = 0; corner < 8; ++corner) {
      double weight = 1;
      std::array<i64, 3> at;
      for (std::size_t d = 0; d < 3; ++d) {
        const i64 up = corner >> d & 1;
        weight *= up ? fraction[d] : 1 - fraction[d];
        at[d] = low[d] + up;
      }
      if (weight != 0) sum += weight * pixel(at[0], at[1], at[2]);
    }
    return sum;
  }
  // In two dimensions; each of the 16 places is padded by itself.
  double cubic(const std::array<double, 3>& p) const {
    constexpr double a = -0.75;
    const auto weights = [&](double f) {
      std::array<double, 4> w;
      const auto far = [&](double d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
      const auto near = [&](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
      w = {far(f + 1), near(f), near(1 - f), far(2 - f)};
      return w;
    };
    const double y = std::clamp(p[1], -kFar, kFar), x = std::clamp(p[2], -kFar, kFar), y0 = std::floor(y), x0 = std::floor(x);
    const auto wy = weights(y - y0), wx = weights(x - x0);
    double sum = 0;
    for (int j = 0; j < 4; ++j)
      for (int i = 0; i < 4; ++i)
        sum += wy[static_cast<std::size_t>(j)] * wx[static_cast<std::size_t>(i)] *
               pixel(0, static_cast<i64>(std::nearbyint(padded(y0 - 1 + j, size[1]))),
                     static_cast<i64>(std::nearbyint(padded(x0 - 1 + i, size[2]))));
    return sum;
  }
};

}  // namespace

std::vector<Fact> infer(const GridSample& op, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 2);
  const PartialShape &x = inputs[0].type.shape, &g = inputs[1].type.shape;
  SACCADE_CHECK(is_float(inputs[1].type.element), invalid_model, "a grid of element type {}", to_string(inputs[1].type.element));
  const PartialShape& known = x.ranked() ? x : g;
  if (!known.ranked()) return {Fact(inputs[0].type.element, PartialShape())};
  const std::size_t rank = known.rank();
  SACCADE_CHECK(rank == 4 || rank == 5, invalid_model, "data of rank {}; 4 and 5 are possible", rank);
  SACCADE_CHECK(!x.ranked() || !g.ranked() || g.rank() == rank, invalid_model, "a grid of rank {} for data of rank {}", g.rank(), rank);
  SACCADE_CHECK(rank == 4 || op.mode != GridSampleMode::bicubic, unsupported, "bicubic GridSample of volumes");
  PartialShape out = PartialShape::of_rank(rank);
  if (x.ranked()) {
    out[0] = x[0];
    out[1] = x[1];
  }
  if (g.ranked()) {
    SACCADE_CHECK(!g[rank - 1].is_static() || g[rank - 1].size() == static_cast<i64>(rank) - 2, invalid_model, "a grid of shape {}",
                  to_string(g));
    for (std::size_t d = 2; d < rank; ++d) out[d] = g[d - 1];
  }
  return {Fact(inputs[0].type.element, std::move(out))};
}

std::vector<Tensor> evaluate(const GridSample& op, std::span<const Tensor> inputs) {
  const Shape &x = inputs[0].shape(), &g = inputs[1].shape();
  const std::size_t rank = x.size(), spatial = rank - 2;
  SACCADE_CHECK((rank == 4 || rank == 5) && g.size() == rank && g[0] == x[0] && g[rank - 1] == static_cast<i64>(spatial), invalid_model,
                "a grid of shape {} for data {}", to_string(g), to_string(x));
  SACCADE_CHECK(rank == 4 || op.mode != GridSampleMode::bicubic, unsupported, "bicubic GridSample of volumes");
  Shape shape{x[0], x[1]};
  shape.insert(shape.end(), g.begin() + 1, g.end() - 1);
  std::vector<double> out(wide_count(shape));
  const std::vector<double> data = to_f64(inputs[0]), grid = to_f64(inputs[1]);
  if (out.empty()) return {Tensor(inputs[0].type(), shape)};
  SACCADE_CHECK(!data.empty(), invalid_model, "sampling data of shape {}", to_string(x));
  Sampler s{op};
  for (std::size_t d = 0; d < spatial; ++d) s.size[3 - spatial + d] = x[2 + d];
  const i64 plane = s.size[0] * s.size[1] * s.size[2], points = static_cast<i64>(out.size()) / (x[0] * x[1]);
  for (i64 n = 0; n < x[0]; ++n)
    for (i64 k = 0; k < points; ++k) {
      const double* at = grid.data() + (n * points + k) * static_cast<i64>(spatial);
      std::array<double, 3> p{0, 0, 0};
      for (std::size_t d = 0; d < spatial; ++d) p[2 - d] = s.place(at[d], s.size[2 - d]);  // the grid lists x first
      for (i64 c = 0; c < x[1]; ++c) {
        s.plane = data.data() + (n * x[1] + c) * plane;
        out[static_cast<std::size_t>((n * x[1] + c) * points + k)] = op.mode == GridSampleMode::nearest    ? s.nearest(p)
                                                                     : op.mode == GridSampleMode::bilinear ? s.linear(p)
                                                                                                           : s.cubic(p);
      }
    }
  return {from_f64(inputs[0].type(), shape, out)};
}

std::vector<Fact> infer(const AffineGrid&, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 2);
  SACCADE_CHECK(is_float(inputs[0].type.element), invalid_model, "theta of element type {}", to_string(inputs[0].type.element));
  const PartialShape& theta = inputs[0].type.shape;
  SACCADE_CHECK(!theta.ranked() || theta.rank() == 3, invalid_model, "theta of rank {}", theta.rank());
  const auto size = known_dimensions(inputs, 1);
  if (!size) return {Fact(inputs[0].type.element, PartialShape())};
  SACCADE_CHECK(size->size() == 4 || size->size() == 5, invalid_model, "{} sizes; 4 and 5 are possible", size->size());
  const std::size_t spatial = size->size() - 2;
  std::vector<Dimension> dims{(*size)[0]};
  dims.insert(dims.end(), size->begin() + 2, size->end());
  for (Dimension& d : dims) {
    SACCADE_CHECK(d.max >= 0, invalid_model, "a size of {}", d.max);
    if (d.min < 0) d = Dimension::unknown();
  }
  dims.push_back(Dimension::fixed(static_cast<i64>(spatial)));
  if (theta.ranked()) dims[0] = meet(dims[0], theta[0]);
  return {Fact(inputs[0].type.element, PartialShape(std::move(dims)))};
}

std::vector<Tensor> evaluate(const AffineGrid& op, std::span<const Tensor> inputs) {
  const std::vector<i64> size = to_i64(inputs[1]);
  SACCADE_CHECK(size.size() == 4 || size.size() == 5, invalid_model, "{} sizes; 4 and 5 are possible", size.size());
  const std::size_t spatial = size.size() - 2;
  const auto width = static_cast<i64>(spatial);
  SACCADE_CHECK((inputs[0].shape() == Shape{size[0], width, width + 1}), invalid_model, "theta of shape {} for sizes {}",
                to_string(inputs[0].shape()), to_string(Shape(size)));
  for (i64 v : size) SACCADE_CHECK(v >= 0, invalid_model, "a size of {}", v);
  Shape space(size.begin() + 2, size.end()), shape{size[0]};
  shape.insert(shape.end(), space.begin(), space.end());
  shape.push_back(width);
  const std::vector<double> theta = to_f64(inputs[0]);
  std::vector<double> out(wide_count(shape));
  if (out.empty()) return {Tensor(inputs[0].type(), shape)};
  const auto normalised = [&](i64 index, i64 count) {
    const auto i = static_cast<double>(index), c = static_cast<double>(count);
    if (op.align_corners) return count > 1 ? 2 * i / (c - 1) - 1 : 0.0;
    return (2 * i + 1) / c - 1;
  };
  std::size_t to = 0;
  for (i64 n = 0; n < size[0]; ++n) {
    IndexWalk walk(space);
    do {
      for (i64 row = 0; row < width; ++row) {
        const double* t = theta.data() + (n * width + row) * (width + 1);
        double sum = t[width];
        for (std::size_t d = 0; d < spatial; ++d) sum += t[d] * normalised(walk[spatial - 1 - d], space[spatial - 1 - d]);
        out[to++] = sum;
      }
    } while (walk.next());
  }
  return {from_f64(inputs[0].type(), shape, out)};
}

}  // namespace saccade::ops
