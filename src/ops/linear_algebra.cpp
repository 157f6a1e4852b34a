// SPDX-License-Identifier: Apache-2.0
// Det, by elimination with pivots.
#include "ops/linear_algebra.h"

#include <cmath>
#include <utility>

#include "ops/inference.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;

// Destroys the matrix.
double determinant(double* m, i64 n) {
  double det = 1;
  for (i64 c = 0; c < n; ++c) {
    i64 pivot = c;
    for (i64 r = c + 1; r < n; ++r)
      if (std::abs(m[r * n + c]) > std::abs(m[pivot * n + c])) pivot = r;
    if (m[pivot * n + c] == 0) return 0;
    if (pivot != c) {
      for (i64 k = c; k < n; ++k) std::swap(m[pivot * n + k], m[c * n + k]);
      det = -det;
    }
    det *= m[c * n + c];
    for (i64 r = c + 1; r < n; ++r) {
      const double factor = m[r * n + c] / m[c * n + c];
      for (i64 k = c + 1; k < n; ++k) m[r * n + k] -= factor * m[c * n + k];
    }
  }
  return det;
}

}  // namespace

std::vector<Fact> infer(const Det&, std::span<const Fact> inputs) {
  check_arity(inputs, 1, 1);
  SACCADE_CHECK(is_float(inputs[0].type.element), invalid_model, "matrices of element type {}", to_string(inputs[0].type.element));
  const PartialShape& x = inputs[0].type.shape;
  if (!x.ranked()) return {Fact(inputs[0].type)};
  SACCADE_CHECK(x.rank() >= 2, invalid_model, "matrices of shape {}", to_string(x));
  meet(x[x.rank() - 1], x[x.rank() - 2]);
  return {Fact(inputs[0].type.element, PartialShape(std::vector<Dimension>(x.dimensions().begin(), x.dimensions().end() - 2)))};
}

std::vector<Tensor> evaluate(const Det&, std::span<const Tensor> inputs) {
  const Shape& x = inputs[0].shape();
  SACCADE_CHECK(x.size() >= 2 && x[x.size() - 1] == x[x.size() - 2], invalid_model, "matrices of shape {}", to_string(x));
  const Shape shape(x.begin(), x.end() - 2);
  const i64 n = x.back();
  std::vector<double> data = to_f64(inputs[0]), out(static_cast<std::size_t>(element_count(shape)));
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = determinant(data.data() + static_cast<i64>(i) * n * n, n);
  return {from_f64(inputs[0].type(), shape, out)};
}

}  // namespace saccade::ops
