// SPDX-License-Identifier: Apache-2.0
// MatMul: batched products of matrices.
#include "ops/matmul.h"

#include <algorithm>

#include "ops/accumulate.h"
#include "ops/inference.h"
#include "ops/widened.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;

// Rows × columns of one operand as the product takes it.
struct Matrix {
  i64 rows, columns;
};

Matrix matrix_of(const Shape& shape, bool transposed, bool is_a) {
  if (shape.size() == 1) return is_a ? Matrix{1, shape[0]} : Matrix{shape[0], 1};
  const i64 r = shape[shape.size() - 2], c = shape[shape.size() - 1];
  return transposed ? Matrix{c, r} : Matrix{r, c};
}

Shape batch_of(const Shape& shape) { return shape.size() <= 2 ? Shape{} : Shape(shape.begin(), shape.end() - 2); }

template <class T>
void transpose_all(std::vector<T>& values, i64 rows, i64 columns) {
  if (values.empty()) return;
  std::vector<T> out(values.size());
  const std::size_t matrices = values.size() / static_cast<std::size_t>(rows * columns);
  for (std::size_t m = 0; m < matrices; ++m) {
    const T* from = values.data() + m * static_cast<std::size_t>(rows * columns);
    T* to = out.data() + m * static_cast<std::size_t>(rows * columns);
    for (i64 r = 0; r < rows; ++r)
      for (i64 c = 0; c < columns; ++c) to[c * rows + r] = from[r * columns + c];
  }
  values.swap(out);
}

template <class T>
Tensor multiply(const MatMul& op, const Tensor& a, const Tensor& b) {
  const Matrix ma = matrix_of(a.shape(), op.transpose_a, true), mb = matrix_of(b.shape(), op.transpose_b, false);
  SACCADE_CHECK(ma.columns == mb.rows, invalid_model, "MatMul of shapes {} and {}: {} against {}", to_string(a.shape()),
                to_string(b.shape()), ma.columns, mb.rows);
  const Shape batch = broadcast_shapes(batch_of(a.shape()), batch_of(b.shape()));
  Shape shape = batch;
  if (a.shape().size() > 1) shape.push_back(ma.rows);
  if (b.shape().size() > 1) shape.push_back(mb.columns);
  std::vector<T> out(wide_count(shape)), x = widen<T>(a), y = widen<T>(b);
  if (out.empty() || x.empty()) return narrow<T>(a.type(), std::move(shape), out);
  if (op.transpose_a && a.shape().size() > 1) transpose_all(x, ma.columns, ma.rows);
  if (op.transpose_b && b.shape().size() > 1) transpose_all(y, mb.columns, mb.rows);
  const Strides sa = broadcast_strides(batch_of(a.shape()), batch), sb = broadcast_strides(batch_of(b.shape()), batch);
  const i64 m = ma.rows, k = ma.columns, n = mb.columns;
  IndexWalk walk(batch);
  T* to = out.data();
  do {
    const T *left = x.data() + walk.offset(sa) * m * k, *right = y.data() + walk.offset(sb) * k * n;
    for (i64 low = 0; low < n; low += kAccumulateBlock)
      for (i64 r = 0; r < m; ++r) accumulate(to + r * n + low, std::min(kAccumulateBlock, n - low), right + low, n, 1, left + r * k, k);
    to += m * n;
  } while (walk.next());
  return narrow<T>(a.type(), std::move(shape), out);
}

}  // namespace

std::vector<Fact> infer(const MatMul& op, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 2);
  check_same_element(inputs, 0, 1);
  const PartialShape &a = inputs[0].type.shape, &b = inputs[1].type.shape;
  if (!a.ranked() || !b.ranked()) return {Fact(inputs[0].type.element, PartialShape())};
  SACCADE_CHECK(a.rank() >= 1 && b.rank() >= 1, invalid_model, "MatMul of a scalar");
  const auto last = [](const PartialShape& s, std::size_t back) { return s[s.rank() - back]; };
  const Dimension ka = a.rank() == 1 ? a[0] : last(a, op.transpose_a ? 2 : 1), kb = b.rank() == 1 ? b[0] : last(b, op.transpose_b ? 1 : 2);
  SACCADE_CHECK(!ka.is_static() || !kb.is_static() || ka.size() == kb.size(), invalid_model, "MatMul of {} and {}: {} against {}",
                to_string(a), to_string(b), ka.size(), kb.size());
  const auto batch = [](const PartialShape& s) {
    return PartialShape(s.rank() <= 2 ? std::vector<Dimension>()
                                      : std::vector<Dimension>(s.dimensions().begin(), s.dimensions().end() - 2));
  };
  std::vector<Dimension> dims = broadcast(batch(a), batch(b)).dimensions();
  if (a.rank() > 1) dims.push_back(last(a, op.transpose_a ? 1 : 2));
  if (b.rank() > 1) dims.push_back(last(b, op.transpose_b ? 2 : 1));
  return {Fact(inputs[0].type.element, PartialShape(std::move(dims)))};
}

std::vector<Tensor> evaluate(const MatMul& op, std::span<const Tensor> inputs) {
  SACCADE_CHECK(inputs[0].rank() >= 1 && inputs[1].rank() >= 1, invalid_model, "MatMul of a scalar");
  if (is_float(inputs[0].type())) return {multiply<double>(op, inputs[0], inputs[1])};
  return {multiply<std::uint64_t>(op, inputs[0], inputs[1])};
}

Cost cost(const MatMul& op, std::span<const Fact> inputs, std::span<const Fact> outputs) {
  Cost c;
  const PartialShape& a = inputs[0].type.shape;
  if (!outputs[0].type.is_static() || !a.is_static() || a.rank() == 0) return c;
  const Dimension& k = a.rank() == 1 ? a[0] : a[a.rank() - (op.transpose_a ? 2 : 1)];
  c.macs = static_cast<double>(element_count(outputs[0].type.shape.shape())) * static_cast<double>(k.size());
  return c;
}

}  // namespace saccade::ops
