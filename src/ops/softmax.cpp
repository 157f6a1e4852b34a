// SPDX-License-Identifier: Apache-2.0
// Softmax, LogSoftmax and Hardmax along an axis.
#include "ops/softmax.h"

#include <algorithm>
#include <cmath>

#include "ops/inference.h"
#include "ops/stages.h"

namespace saccade::ops {
namespace {

std::vector<Fact> infer_same(std::int64_t axis, std::span<const Fact> inputs) {
  check_arity(inputs, 1, 1);
  SACCADE_CHECK(is_float(inputs[0].type.element), invalid_model, "data of element type {}", to_string(inputs[0].type.element));
  const PartialShape& shape = inputs[0].type.shape;
  if (shape.ranked()) normal_axis(axis, shape.rank());
  return {Fact(inputs[0].type)};
}

// Calls f(first, step, count) for every line along the axis.
template <class F>
std::vector<Tensor> along_axis(std::int64_t axis, const Tensor& in, F&& f) {
  const Shape& shape = in.shape();
  const std::size_t a = normal_axis(axis, shape.size());
  std::vector<double> x = to_f64(in);
  if (x.empty()) return {from_f64(in.type(), shape, x)};
  std::size_t inner = 1;
  for (std::size_t d = a + 1; d < shape.size(); ++d) inner *= static_cast<std::size_t>(shape[d]);
  const std::size_t count = static_cast<std::size_t>(shape[a]), outer = x.size() / (inner * count);
  for (std::size_t o = 0; o < outer; ++o)
    for (std::size_t i = 0; i < inner; ++i) f(x.data() + o * count * inner + i, inner, count);
  return {from_f64(in.type(), shape, x)};
}

double maximum(const double* line, std::size_t step, std::size_t count) {
  double m = line[0];
  for (std::size_t i = 1; i < count; ++i) m = std::max(m, line[i * step]);
  return m;
}

Cost elementwise_cost(std::span<const Fact> outputs, double per_element) {
  Cost c;
  if (outputs[0].type.is_static()) c.ops = per_element * static_cast<double>(element_count(outputs[0].type.shape.shape()));
  return c;
}

}  // namespace

Stages::Stages(ElementType type) : type_(type == ElementType::f16 || type == ElementType::bf16 ? type : ElementType::f64) {}

double Stages::operator()(double x) const {
  if (type_ == ElementType::f16) return static_cast<double>(Half(x));
  if (type_ == ElementType::bf16) return static_cast<double>(BFloat16(x));
  return x;
}

void softmax_line(double* line, std::size_t step, std::size_t count, const Stages& stages) {
  const double m = maximum(line, step, count);
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    double& x = line[i * step];
    x = stages(std::exp(stages(x - m)));
    sum += x;
    if (stages.rounds_partial_sums()) sum = stages(sum);
  }
  sum = stages(sum);
  for (std::size_t i = 0; i < count; ++i) line[i * step] /= sum;
}

std::vector<Fact> infer(const Softmax& op, std::span<const Fact> inputs) { return infer_same(op.axis, inputs); }
std::vector<Fact> infer(const LogSoftmax& op, std::span<const Fact> inputs) { return infer_same(op.axis, inputs); }
std::vector<Fact> infer(const Hardmax& op, std::span<const Fact> inputs) { return infer_same(op.axis, inputs); }

std::vector<Tensor> evaluate(const Softmax& op, std::span<const Tensor> inputs) {
  const Stages stages(inputs[0].type());
  return along_axis(op.axis, inputs[0],
                    [&](double* line, std::size_t step, std::size_t count) { softmax_line(line, step, count, stages); });
}

std::vector<Tensor> evaluate(const LogSoftmax& op, std::span<const Tensor> inputs) {
  return along_axis(op.axis, inputs[0], [](double* line, std::size_t step, std::size_t count) {
    const double m = maximum(line, step, count);
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) sum += std::exp(line[i * step] - m);
    const double log_sum = std::log(sum);
    for (std::size_t i = 0; i < count; ++i) line[i * step] = line[i * step] - m - log_sum;
  });
}

std::vector<Tensor> evaluate(const Hardmax& op, std::span<const Tensor> inputs) {
  return along_axis(op.axis, inputs[0], [](double* line, std::size_t step, std::size_t count) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < count; ++i)
      if (line[i * step] > line[best * step]) best = i;
    for (std::size_t i = 0; i < count; ++i) line[i * step] = i == best ? 1 : 0;
  });
}

Cost cost(const Softmax&, std::span<const Fact>, std::span<const Fact> outputs) { return elementwise_cost(outputs, 4); }
Cost cost(const LogSoftmax&, std::span<const Fact>, std::span<const Fact> outputs) { return elementwise_cost(outputs, 4); }

}  // namespace saccade::ops
