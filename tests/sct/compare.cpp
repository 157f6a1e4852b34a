// SPDX-License-Identifier: Apache-2.0
// The one place that decides whether two tensors are equal enough.
#include "sct/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "graph/text.h"
#include "tensor/numeric.h"

namespace saccade::sct {

double default_tolerance(ElementType type) {
  switch (type) {
    case ElementType::f64: return 1e-9;
    case ElementType::f32: return 1e-5;
    case ElementType::f16: return 2e-3;
    case ElementType::bf16: return 1e-2;
    default: return 0;
  }
}

std::string difference(const Tensor& got, const Tensor& expected, double tolerance) {
  const auto show = [](const Tensor& t) { return graph::tensor_text(t, 64); };
  if (!got.defined()) return "no tensor";
  if (got.type() != expected.type() || got.shape() != expected.shape()) return fmt::format("got {}\nexpected {}", show(got), show(expected));
  if (!is_float(got.type())) {
    const auto a = to_i64(got), b = to_i64(expected);
    for (std::size_t i = 0; i < a.size(); ++i)
      if (a[i] != b[i]) return fmt::format("element {} is {}, not {}\ngot {}\nexpected {}", i, a[i], b[i], show(got), show(expected));
    return {};
  }
  const auto a = to_f64(got), b = to_f64(expected);
  double scale = 0;
  for (double v : b)
    if (std::isfinite(v)) scale = std::max(scale, std::fabs(v));
  for (std::size_t i = 0; i < a.size(); ++i) {
    const bool equal = std::isfinite(b[i]) ? std::isfinite(a[i]) && std::fabs(a[i] - b[i]) <= tolerance * scale : a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]));
    if (!equal) return fmt::format("element {} is {}, not {} (tolerance {} of {})\ngot {}\nexpected {}", i, a[i], b[i], tolerance, scale, show(got), show(expected));
  }
  return {};
}

}  // namespace saccade::sct
