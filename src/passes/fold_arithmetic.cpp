// SPDX-License-Identifier: Apache-2.0
// Two sums or two products with constants in a row become one; the constant is computed in f64. Left alone where the sum of the
// constants cancels, as (%x + 2^23) − 2^23, which rounds on purpose.
//   Add(Add(%x, a), b)             →  Add(%x, a + b)
//   Multiply(Multiply(%x, a), b)   →  Multiply(%x, a · b)
#include <cmath>

#include "passes/all.h"
#include "passes/values.h"
#include "tensor/strided.h"

namespace saccade::passes {
namespace {

using ops::Binary;
using ops::BinaryKind;

// Biases of convolutions are far below, constants that round by cancelling far above.
constexpr double kOnPurpose = 4096;

// Both constants broadcast to each other and combined.
std::optional<Tensor> combined(const Tensor& a, const Tensor& b, BinaryKind kind, std::string& reason) {
  const Shape shape = broadcast_shapes(a.shape(), b.shape());
  if (element_count(shape) > std::max(a.size(), b.size())) {
    reason = "the combined constant would be larger";
    return std::nullopt;
  }
  const auto x = to_f64(broadcast_to(a, shape)), y = to_f64(broadcast_to(b, shape));
  std::vector<double> out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    out[i] = kind == BinaryKind::Add ? x[i] + y[i] : x[i] * y[i];
    const double larger = std::max(std::fabs(x[i]), std::fabs(y[i]));
    if (kind == BinaryKind::Add && larger >= kOnPurpose && std::fabs(out[i]) * 4 < larger) {
      reason = "the constants cancel";
      return std::nullopt;
    }
  }
  Tensor rounded = from_f64(a.type(), shape, out);
  for (std::int64_t i = 0; i < rounded.size(); ++i) {
    const double v = element_as_f64(rounded, i), exact = out[static_cast<std::size_t>(i)];
    if (!std::isfinite(v) || (v == 0) != (exact == 0)) {
      reason = "the combined constant is out of range";
      return std::nullopt;
    }
  }
  return rounded;
}

Rule in_a_row(BinaryKind kind) {
  const Pattern x = any().where([](const Graph& g, ValueId v) { return !g.constant(v).defined(); });
  const Pattern a = constant(), b = constant();
  const Pattern inner = binary(kind, x, a).once();
  const Pattern root = binary(kind, inner, b);
  return {root, [=](const Match& m, Edit& edit) -> Outcome {
    if (!is_float(m.type(root).element)) return pass_over();
    std::string reason;
    auto c = combined(m.constant(a), m.constant(b), kind, reason);
    if (!c) return no(reason);
    return edit(Binary{kind}, {m[x], edit.constant(std::move(*c))}, m.node(root).name);
  }};
}

}  // namespace

Pass fold_arithmetic() { return {"fold_arithmetic", {in_a_row(BinaryKind::Add), in_a_row(BinaryKind::Multiply)}, {}}; }

}  // namespace saccade::passes
