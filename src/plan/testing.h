// SPDX-License-Identifier: Apache-2.0
// Building graphs in few words and comparing their plans with the reference executor.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/cpu.h"
#include "base/thread_pool.h"
#include "graph/edit.h"
#include "graph/text.h"
#include "ops/attention.h"
#include "ops/concat.h"
#include "ops/control_flow.h"
#include "ops/convert.h"
#include "ops/convolution.h"
#include "ops/elementwise.h"
#include "ops/evaluate_graph.h"
#include "ops/matmul.h"
#include "ops/non_zero.h"
#include "ops/normalization.h"
#include "ops/pad.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/registry.h"
#include "ops/reshape.h"
#include "ops/select.h"
#include "ops/slice.h"
#include "ops/softmax.h"
#include "ops/split.h"
#include "ops/transpose.h"
#include "plan/program.h"
#include "tensor/numeric.h"

namespace saccade::plan {

using graph::Edit;
using graph::Graph;
using graph::ValueId;
using namespace ops;

inline Tensor random_tensor(Shape shape, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  Tensor t(ElementType::f32, std::move(shape));
  for (float& v : t.values<float>()) v = normal(generator);
  return t;
}

// A graph under construction with the shorthand that tests need.
struct Net {
  Graph graph;
  Edit edit{graph};
  unsigned seed = 1;

  ValueId input(graph::PartialShape shape, std::string name = "x") { return edit.input(std::move(name), {ElementType::f32, std::move(shape)}); }
  ValueId ints(std::vector<std::int64_t> v) { return edit.constant(i64_vector(v)); }
  ValueId scalar(std::int64_t v) { return edit.constant(Tensor::scalar<std::int64_t>(v)); }
  // of a size that keeps activations around 1
  ValueId weights(Shape shape) {
    Tensor t = random_tensor(std::move(shape), ++seed);
    const float scale = 1 / std::sqrt(static_cast<float>(t.size()) / static_cast<float>(t.shape()[0]));
    for (float& v : t.values<float>()) v *= scale;
    return edit.constant(t);
  }
  std::int64_t channels(ValueId v) { return graph.type(v).shape[1].size(); }

  ValueId conv(ValueId x, std::int64_t out, std::int64_t k, std::int64_t stride = 1, std::int64_t pad = 0, std::int64_t dilation = 1) {
    Convolution op;
    op.window = {{stride, stride}, {dilation, dilation}, {pad, pad}, {pad, pad}, AutoPad::explicit_};
    const ValueId y = edit(op, {x, weights({out, channels(x), k, k})}, "conv");
    return edit(Binary{BinaryKind::Add}, {y, weights({1, out, 1, 1})}, "bias");
  }
  ValueId grouped(ValueId x, std::int64_t groups, std::int64_t out_per_group, std::int64_t k, std::int64_t stride, std::int64_t pad) {
    GroupConvolution op;
    op.window = {{stride, stride}, {1, 1}, {pad, pad}, {pad, pad}, AutoPad::explicit_};
    return edit(op, {x, weights({groups, out_per_group, channels(x) / groups, k, k})}, "group");
  }
  ValueId unary(UnaryKind kind, ValueId x) { return edit(Unary::of(kind), {x}); }
  ValueId binary(BinaryKind kind, ValueId a, ValueId b) { return edit(Binary{kind}, {a, b}); }
  ValueId relu(ValueId x) { return unary(UnaryKind::Relu, x); }
  ValueId transpose(ValueId x, std::vector<std::int64_t> order) { return edit(Transpose{}, {x, ints(order)}); }
  ValueId reshape(ValueId x, std::vector<std::int64_t> shape) { return edit(Reshape{}, {x, ints(shape)}); }
  void output(ValueId v) { edit.output(v, "out" + std::to_string(graph.outputs().size())); }
};

inline std::vector<Isa> levels() {
  std::vector<Isa> out;
  for (Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512})
    if (isa <= highest_isa()) out.push_back(isa);
  return out;
}

// Largest |a − b| over the deviation of a.
inline double distance(const Tensor& a, const Tensor& b) {
  const auto x = to_f64(a), y = to_f64(b);
  double sum = 0, square = 0, worst = 0, peak = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    sum += x[i];
    square += x[i] * x[i];
    peak = std::max(peak, std::fabs(x[i]));
    worst = std::max(worst, std::isnan(x[i]) != std::isnan(y[i]) ? INFINITY : std::isnan(x[i]) ? 0 : std::fabs(x[i] - y[i]));
  }
  const double n = std::max<double>(1, static_cast<double>(x.size()));
  const double deviation = std::sqrt(std::max(0.0, square / n - sum / n * (sum / n)));
  const double unit = std::max({deviation, 1e-3 * peak, 1e-30});
  return worst / unit;
}

inline std::shared_ptr<Program> program(const Graph& graph, Isa isa, bool exact = false, Answers answers = {}) {
  auto machine = std::make_shared<Machine>(kernels::select(isa), exact);
  machine->answers = std::move(answers);
  return std::make_shared<Program>(std::move(machine), std::make_shared<Graph>(graph));
}

// Runs on every level, with one thread and with two, twice in the same workspace.
inline void expect_parity(const Net& net, const std::vector<Tensor>& inputs, double tolerance = 2e-5, const Answers& answers = {}) {
  const auto want = ops::evaluate(net.graph, inputs);
  static ThreadPool pool(ThreadPoolOptions{2, {}, false});
  for (Isa isa : levels())
    for (ThreadPool* p : {static_cast<ThreadPool*>(nullptr), &pool}) {
      auto prog = program(net.graph, isa, false, answers);
      Workspace workspace(p);
      std::vector<Tensor> got;
      for (int round = 0; round < 2; ++round) workspace.run(*prog, inputs, got);
      ASSERT_EQ(got.size(), want.size());
      for (std::size_t i = 0; i < got.size(); ++i) {
        ASSERT_EQ(to_string(got[i].shape()), to_string(want[i].shape()));
        ASSERT_EQ(got[i].type(), want[i].type());
        EXPECT_LT(distance(want[i], got[i]), tolerance) << "output " << i << " at level " << to_string(isa) << "\n" << graph::print(net.graph, {8, true});
      }
    }
}

inline const Step* find_step(const Plan& plan, std::string_view kernel) {
  for (const auto& s : plan.steps)
    if (s->kernel.find(kernel) != std::string::npos) return s.get();
  return nullptr;
}

}  // namespace saccade::plan
