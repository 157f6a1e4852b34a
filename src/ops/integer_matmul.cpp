// SPDX-License-Identifier: Apache-2.0
// ConvolutionInteger and MatMulInteger: zero points subtracted, then the float products, whose sums of 17-bit products are exact.
#include "ops/integer_matmul.h"

#include <cmath>

#include "ops/convolve.h"
#include "ops/matmul.h"
#include "ops/widened.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;

void check_byte(std::span<const Fact> inputs, std::size_t i) {
  if (!has(inputs, i)) return;
  const ElementType type = inputs[i].type.element;
  SACCADE_CHECK(type == ElementType::u8 || type == ElementType::i8, invalid_model, "input {} of element type {}; u8 or i8 is needed", i,
                to_string(type));
}

// The values less their zero point, which is one, or one per index of `axis`.
std::vector<double> centred(const Tensor& tensor, const Tensor* zero_point, std::size_t axis) {
  std::vector<double> x = to_f64(tensor);
  if (!zero_point) return x;
  const std::vector<double> zero = to_f64(*zero_point);
  if (zero.size() == 1) {
    for (double& v : x) v -= zero[0];
    return x;
  }
  const Shape& shape = tensor.shape();
  SACCADE_CHECK(axis < shape.size() && static_cast<i64>(zero.size()) == shape[axis], invalid_model,
                "{} zero points for a tensor of shape {}", zero.size(), to_string(shape));
  i64 inner = 1;
  for (std::size_t d = axis + 1; d < shape.size(); ++d) inner *= shape[d];
  for (std::size_t i = 0; i < x.size(); ++i) x[i] -= zero[i / static_cast<std::size_t>(inner) % zero.size()];
  return x;
}

// Zero points of a matrix operand: per row (a) or per column (b), perhaps for each matrix of a batch.
Tensor centred_matrix(const Tensor& tensor, const Tensor* zero_point, bool per_row) {
  const Shape& shape = tensor.shape();
  const std::vector<double> x = to_f64(tensor);
  if (!zero_point || zero_point->size() == 1 || shape.size() < 2)
    return from_f64(ElementType::f64, shape, centred(tensor, zero_point, shape.size() - 1));
  Shape zero_shape = zero_point->shape();
  if (zero_shape.size() == 1 && per_row) zero_shape.push_back(1);
  const Tensor zero = broadcast_to(zero_point->reshaped(zero_shape), shape);
  std::vector<double> z = to_f64(zero);
  for (std::size_t i = 0; i < x.size(); ++i) z[i] = x[i] - z[i];
  return from_f64(ElementType::f64, shape, z);
}

Tensor wrapped(const Tensor& sums) {
  const std::vector<i64> values = to_i64(sums);
  return from_i64(ElementType::i32, sums.shape(), values);
}

}  // namespace

std::vector<Fact> infer(const ConvolutionInteger& op, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 4);
  for (std::size_t i = 0; i < 4; ++i) check_byte(inputs, i);
  SACCADE_CHECK(op.group >= 1, invalid_model, "group is {}", op.group);
  const PartialShape &x = inputs[0].type.shape, &w = inputs[1].type.shape;
  if (!x.ranked() || !w.ranked()) return {Fact(ElementType::i32, PartialShape())};
  SACCADE_CHECK(x.rank() == w.rank() && x.rank() >= 3 && x.rank() <= 5, invalid_model, "data of rank {} and weights of rank {}", x.rank(),
                w.rank());
  check_window(op.window, x.rank() - 2);
  if (x[1].is_static() && w[1].is_static())
    SACCADE_CHECK(x[1].size() % op.group == 0 && x[1].size() / op.group == w[1].size(), invalid_model,
                  "{} channels in {} groups for weights of {}", x[1].size(), op.group, w[1].size());
  std::vector<Dimension> dims{x[0], w[0]};
  for (std::size_t d = 2; d < x.rank(); ++d)
    dims.push_back(w[d].is_static() ? window_output(op.window, d - 2, x[d], w[d].size()) : Dimension::unknown());
  return {Fact(ElementType::i32, PartialShape(std::move(dims)))};
}

std::vector<Tensor> evaluate(const ConvolutionInteger& op, std::span<const Tensor> inputs) {
  const Shape &x = inputs[0].shape(), &w = inputs[1].shape();
  SACCADE_CHECK(x.size() == w.size() && x.size() >= 3 && x.size() <= 5, invalid_model, "shapes {} and {} do not suit a convolution",
                to_string(x), to_string(w));
  SACCADE_CHECK(op.group >= 1 && x[1] % op.group == 0 && w[0] % op.group == 0 && x[1] / op.group == w[1], invalid_model,
                "{} channels in {} groups for weights {}", x[1], op.group, to_string(w));
  ConvolutionSizes s{x[0], op.group, w[1], w[0] / op.group, {x.begin() + 2, x.end()}, {w.begin() + 2, w.end()}};
  const ResolvedWindow r = resolve(op.window, s.input, s.kernel);
  Shape shape{x[0], w[0]};
  shape.insert(shape.end(), r.output.begin(), r.output.end());
  std::vector<double> out(wide_count(shape));
  convolve<double>(s, r, centred(inputs[0], has(inputs, 2) ? &inputs[2] : nullptr, 1),
                   centred(inputs[1], has(inputs, 3) ? &inputs[3] : nullptr, 0), out);
  std::vector<i64> sums(out.begin(), out.end());
  return {from_i64(ElementType::i32, std::move(shape), sums)};
}

Cost cost(const ConvolutionInteger&, std::span<const Fact> inputs, std::span<const Fact> outputs) {
  Cost c;
  if (!outputs[0].type.is_static() || !inputs[1].type.is_static()) return c;
  const Shape y = outputs[0].type.shape.shape();
  c.macs = static_cast<double>(element_count(inputs[1].type.shape.shape())) * static_cast<double>(y[0]);
  for (std::size_t d = 2; d < y.size(); ++d) c.macs *= static_cast<double>(y[d]);
  return c;
}

std::vector<Fact> infer(const MatMulInteger&, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 4);
  for (std::size_t i = 0; i < 4; ++i) check_byte(inputs, i);
  const Fact operands[] = {Fact(ElementType::f64, inputs[0].type.shape), Fact(ElementType::f64, inputs[1].type.shape)};
  return {Fact(ElementType::i32, infer(MatMul{}, operands)[0].type.shape)};
}

std::vector<Tensor> evaluate(const MatMulInteger&, std::span<const Tensor> inputs) {
  const Tensor operands[] = {centred_matrix(inputs[0], has(inputs, 2) ? &inputs[2] : nullptr, true),
                             centred_matrix(inputs[1], has(inputs, 3) ? &inputs[3] : nullptr, false)};
  return {wrapped(evaluate(MatMul{}, operands)[0])};
}

Cost cost(const MatMulInteger&, std::span<const Fact> inputs, std::span<const Fact> outputs) { return cost(MatMul{}, inputs, outputs); }

}  // namespace saccade::ops
