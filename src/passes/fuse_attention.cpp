// SPDX-License-Identifier: Apache-2.0
// Attention written out in parts gets its name back.
//   MatMul(Softmax(MatMul(%q, %k, transpose_b)·c + %bias), %v)  →  Attention(%q, %k, %v, %bias) {scale=c}
// The factor and the bias, a constant, may be absent; the factor may also stand on %q alone. Queries of rank 3 are taken
// as one head. Only f32 and f64: narrower types are rounded after each stage, and the stages are others.
#include <cmath>

#include "ops/attention.h"
#include "ops/matmul.h"
#include "ops/reshape.h"
#include "ops/softmax.h"
#include "ops/transpose.h"
#include "passes/all.h"
#include "passes/values.h"

namespace saccade::passes {
namespace {

using graph::PartialShape;
using ops::MatMul;

bool is_last(std::int64_t axis, std::size_t rank) { return axis == -1 || axis == static_cast<std::int64_t>(rank) - 1; }

// Batch and heads are the same on both sides: MatMul would broadcast them, Attention does not.
bool same_batches(const PartialShape& a, const PartialShape& b) {
  if (!a.ranked() || !b.ranked() || a.rank() != b.rank()) return false;
  std::vector<graph::Dimension> x, y;
  for (std::size_t d = 0; d + 2 < a.rank(); ++d) {
    x.push_back(a[d]);
    y.push_back(b[d]);
  }
  return same_shape(PartialShape(x), PartialShape(y));
}

bool all_finite(const Tensor& t) {
  for (double v : to_f64(t))
    if (!std::isfinite(v)) return false;
  return true;
}

ValueId swapped(Edit& edit, ValueId value, std::size_t rank) {
  std::vector<std::int64_t> order;
  for (std::size_t d = 0; d < rank; ++d) order.push_back(static_cast<std::int64_t>(d));
  std::swap(order[rank - 1], order[rank - 2]);
  return edit(ops::Transpose{}, {value, edit.constant(i64_vector(order))});
}

Rule attention() {
  const Pattern q = any(), k = any(), v = any(), factor = constant(), divisor = constant(), bias = constant();
  const Pattern product = op<MatMul>({q, k}).once();
  const Pattern scaled = one_of({(product * factor).once(), (product / divisor).once(), product});
  const Pattern biased = one_of({(scaled + bias).once(), scaled});
  const Pattern softmax = op<ops::Softmax>({biased}).once();
  const Pattern root = op<MatMul>({softmax, v});
  return {root, [=](const Match& m, Edit& edit) -> Outcome {
    const auto &qt = m.type(q), &kt = m.type(k), &vt = m.type(v);
    if ((qt.element != ElementType::f32 && qt.element != ElementType::f64) || !qt.shape.ranked()) return pass_over();
    const std::size_t rank = qt.shape.rank();
    if (rank != 3 && rank != 4) return pass_over();
    if (!same_batches(qt.shape, kt.shape) || !same_batches(qt.shape, vt.shape)) return no("the batches or heads of q, k and v are not known to be the same");
    if (m.op<MatMul>(product).transpose_a || m.op<MatMul>(root).transpose_a) return pass_over();
    if (!is_last(m.op<ops::Softmax>(softmax).axis, rank)) return pass_over();
    double scale = 1;
    if (m.has(factor) || m.has(divisor)) {
      const auto number = single(m.graph(), m[m.has(factor) ? factor : divisor]);
      if (!number) return no("the scale differs between elements");
      scale = m.has(factor) ? *number : 1 / *number;
    }
    if (!std::isfinite(scale) || scale == 0) return pass_over();  // a scale of 0 stands for the default one
    std::vector<ValueId> inputs{m[q], m.op<MatMul>(product).transpose_b ? m[k] : swapped(edit, m[k], rank), m.op<MatMul>(root).transpose_b ? swapped(edit, m[v], rank) : m[v]};
    const std::string name = m.node(root).name;
    if (m.has(bias)) {
      const Tensor& t = m.constant(bias);
      // a row that hides every key is zero for Attention, not a number for Softmax
      if (!all_finite(t)) return no("the bias hides keys");
      if (!same_shape(m.type(scaled).shape, m.type(biased).shape) || t.rank() == 0) return no("the bias does not broadcast to the products");
      Shape shape = t.shape();
      if (rank == 3 && shape.size() == 3) shape.insert(shape.begin() + 1, 1);
      inputs.push_back(edit.constant(t.reshaped(shape)));
    }
    if (rank == 3) {
      const ValueId axis = edit.constant(i64_vector(std::vector<std::int64_t>{1}));
      for (std::size_t i = 0; i < 3; ++i) inputs[i] = edit(ops::Unsqueeze{}, {inputs[i], axis});
      return edit(ops::Squeeze{}, {edit(ops::Attention{.scale = scale}, std::move(inputs), name), axis});
    }
    return edit(ops::Attention{.scale = scale}, std::move(inputs), name);
  }};
}

}  // namespace

Pass fuse_attention() { return {"fuse_attention", {attention()}, {}}; }

}  // namespace saccade::passes
