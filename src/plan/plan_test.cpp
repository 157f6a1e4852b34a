// SPDX-License-Identifier: Apache-2.0
// Plans against the reference executor: the same graphs, every level of kernels that runs here.
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
namespace {

using graph::Edit;
using graph::Graph;
using graph::ValueId;
using namespace ops;

Tensor random_tensor(Shape shape, unsigned seed) {
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

std::vector<Isa> levels() {
  std::vector<Isa> out;
  for (Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512})
    if (isa <= highest_isa()) out.push_back(isa);
  return out;
}

// Largest |a − b| over the deviation of a.
double distance(const Tensor& a, const Tensor& b) {
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

std::shared_ptr<Program> program(const Graph& graph, Isa isa, bool exact = false) {
  return std::make_shared<Program>(std::make_shared<Machine>(kernels::select(isa), exact), std::make_shared<Graph>(graph));
}

// Runs on every level, with one thread and with two, twice in the same workspace.
void expect_parity(const Net& net, const std::vector<Tensor>& inputs, double tolerance = 2e-5) {
  const auto want = ops::evaluate(net.graph, inputs);
  static ThreadPool pool(ThreadPoolOptions{2, {}, false});
  for (Isa isa : levels())
    for (ThreadPool* p : {static_cast<ThreadPool*>(nullptr), &pool}) {
      auto prog = program(net.graph, isa);
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

const Step* find_step(const Plan& plan, std::string_view kernel) {
  for (const auto& s : plan.steps)
    if (s->kernel.find(kernel) != std::string::npos) return s.get();
  return nullptr;
}

TEST(Plan, ConvolutionSweep) {
  for (std::int64_t c : {1, 3, 5, 16, 24})
    for (std::int64_t o : {1, 8, 17, 58})
      for (auto [k, stride, pad, dilation] : {std::array<std::int64_t, 4>{1, 1, 0, 1}, {3, 1, 1, 1}, {3, 2, 1, 1}, {1, 2, 0, 1}, {3, 1, 2, 2}, {5, 3, 2, 1}}) {
        Net net;
        const ValueId x = net.input(Shape{2, c, 11, 9});
        net.output(net.relu(net.conv(x, o, k, stride, pad, dilation)));
        expect_parity(net, {random_tensor({2, c, 11, 9}, 7)});
      }
}

TEST(Plan, WinogradSweep) {
  struct Case {
    std::int64_t n, c, o, h, w, pad;
  };
  for (const Case& c : {Case{1, 16, 16, 8, 8, 1}, Case{1, 17, 19, 9, 13, 1}, Case{2, 33, 32, 10, 11, 1}, Case{1, 16, 40, 14, 14, 0}, Case{1, 64, 20, 7, 30, 2}, Case{1, 20, 64, 31, 9, 1}}) {
    Net net;
    const ValueId x = net.input(Shape{c.n, c.c, c.h, c.w}), y = net.conv(x, c.o, 3, 1, c.pad);
    net.output(net.relu(y));
    net.output(net.unary(UnaryKind::Sigmoid, net.conv(x, c.o, 3, 1, c.pad)));
    if (c.pad == 1) {
      const ValueId shortcut = net.conv(x, c.o, 1);
      net.output(net.relu(net.binary(BinaryKind::Add, shortcut, net.conv(x, c.o, 3, 1, 1))));
    }
    const std::vector<Shape> shapes{{c.n, c.c, c.h, c.w}};
    for (Isa isa : levels())
      if (isa != Isa::scalar) {
        const auto fast = program(net.graph, isa)->compile(shapes), exact = program(net.graph, isa, true)->compile(shapes);
        EXPECT_NE(find_step(*fast->plan, "winograd"), nullptr) << print(*fast->plan);
        EXPECT_EQ(find_step(*exact->plan, "winograd"), nullptr);
      }
    expect_parity(net, {random_tensor({c.n, c.c, c.h, c.w}, 9)}, 3e-5);
  }
}

TEST(Plan, RowStreamedRegions) {
  struct Case {
    std::int64_t n, c, wide, h, w, k, stride, dilation, out;
    bool shortcut;
  };
  for (const Case& c : {Case{1, 16, 96, 48, 50, 3, 1, 1, 16, true}, Case{2, 9, 70, 47, 45, 3, 2, 1, 21, false}, Case{1, 20, 72, 40, 61, 5, 1, 1, 20, true},
                        Case{1, 12, 64, 39, 50, 3, 1, 2, 24, false}, Case{1, 3, 40, 50, 60, 3, 1, 1, 16, false}}) {
    Net net;
    const ValueId x = net.input(Shape{c.n, c.c, c.h, c.w});
    const ValueId expanded = net.unary(UnaryKind::HSwish, c.c == 3 ? net.conv(x, c.wide, 3, 1, 1) : net.conv(x, c.wide, 1));
    GroupConvolution depthwise;
    const std::int64_t pad = c.k / 2 * c.dilation;
    depthwise.window = {{c.stride, c.stride}, {c.dilation, c.dilation}, {pad, pad}, {pad, pad}, AutoPad::explicit_};
    const ValueId narrow = net.relu(net.binary(BinaryKind::Add, net.edit(depthwise, {expanded, net.weights({c.wide, 1, 1, c.k, c.k})}), net.weights({1, c.wide, 1, 1})));
    ValueId y = net.conv(narrow, c.out, 1);
    if (c.shortcut) y = net.binary(BinaryKind::Add, x, y);
    net.output(net.relu(y));
    const auto plan = program(net.graph, Isa::scalar)->compile(std::vector<Shape>{{c.n, c.c, c.h, c.w}});
    EXPECT_NE(find_step(*plan->plan, "rows: "), nullptr) << print(*plan->plan);
    expect_parity(net, {random_tensor({c.n, c.c, c.h, c.w}, 9)});
  }
}

TEST(Plan, DilatedDepthwise) {
  for (std::int64_t dilation : {2, 3, 7})
    for (std::int64_t pad : {0, 1, 5, 14}) {
      Net net;
      const std::int64_t reach = 2 * dilation + 1;
      if (23 + 2 * pad < reach) continue;
      GroupConvolution op;
      op.window = {{1, 1}, {dilation, dilation}, {pad, pad}, {pad, pad}, AutoPad::explicit_};
      const ValueId x = net.input(Shape{1, 19, 23, 25});
      net.output(net.relu(net.edit(op, {x, net.weights({19, 1, 1, 3, 3})})));
      net.output(net.unary(UnaryKind::Sigmoid, net.edit(op, {x, net.weights({19, 1, 1, 3, 3})})));
      expect_parity(net, {random_tensor({1, 19, 23, 25}, 9)});
    }
}

TEST(Plan, OneDimensionalConvolution) {
  Net net;
  const ValueId x = net.input(Shape{1, 6, 20});
  Convolution op;
  op.window = {{2}, {1}, {1}, {1}, AutoPad::explicit_};
  net.output(net.edit(op, {x, net.weights({10, 6, 3})}));
  expect_parity(net, {random_tensor({1, 6, 20}, 3)});
}

TEST(Plan, GroupsAndDepthwise) {
  for (std::int64_t groups : {2, 4, 24})
    for (std::int64_t per_group : {1, 2, 5})
      for (std::int64_t stride : {1, 2})
        for (std::int64_t k : {3, 5}) {
          Net net;
          const ValueId x = net.input(Shape{1, 24, 13, 10});
          const ValueId y = net.grouped(net.conv(x, 24, 1), groups, per_group, k, stride, k / 2);
          net.output(net.unary(UnaryKind::HSwish, y));
          expect_parity(net, {random_tensor({1, 24, 13, 10}, 5)});
        }
}

TEST(Plan, ResidualWithActivationIsOneStep) {
  Net net;
  const ValueId x = net.input(Shape{1, 20, 7, 7});
  const ValueId a = net.relu(net.conv(x, 20, 3, 1, 1));
  net.output(net.conv(net.relu(net.binary(BinaryKind::Add, a, net.conv(a, 20, 3, 1, 1))), 4, 1));
  expect_parity(net, {random_tensor({1, 20, 7, 7}, 5)});
  auto compilation = program(net.graph, Isa::scalar)->compile(std::vector<Shape>{{1, 20, 7, 7}});
  bool found = false;
  for (const auto& s : compilation->plan->steps) found |= s->kind == "Convolution+Add+Add+Relu";
  EXPECT_TRUE(found) << print(*compilation->plan);
}

// Each part is a column of the joined value, so that nothing has stride 1 in what the steps write.
TEST(Plan, ElementwiseStepsWriteSingleColumns) {
  Net net;
  const ValueId x = net.input(Shape{37, 3});
  auto parts = net.edit.node(Split{3}, {x, net.scalar(1)});
  parts[0] = net.unary(UnaryKind::Sigmoid, parts[0]);
  parts[1] = net.binary(BinaryKind::Multiply, parts[1], parts[2]);
  parts[2] = net.edit(Select{}, {net.binary(BinaryKind::Less, parts[0], parts[2]), parts[2], parts[1]});
  net.output(net.edit(Concat{1}, parts));
  expect_parity(net, {random_tensor({37, 3}, 4)});
}

TEST(Plan, ConcatOfOddBranchesWithoutCopies) {
  Net net;
  const ValueId x = net.input(Shape{1, 16, 6, 6});
  std::vector<ValueId> parts;
  for (int i = 0; i < 3; ++i) parts.push_back(net.relu(net.conv(x, 58, 1)));
  const ValueId joined = net.edit(Concat{1}, parts);
  net.output(net.conv(joined, 8, 1));
  expect_parity(net, {random_tensor({1, 16, 6, 6}, 5)});
  auto compilation = program(net.graph, Isa::scalar)->compile(std::vector<Shape>{{1, 16, 6, 6}});
  EXPECT_EQ(find_step(*compilation->plan, "copy: concat"), nullptr) << print(*compilation->plan);
}

TEST(Plan, SplitAndConcatShareOneBuffer) {
  Net net;  // YOLOv8's C2f
  const ValueId y = net.unary(UnaryKind::Swish, net.conv(net.input(Shape{1, 8, 9, 9}), 32, 1));
  const auto parts = net.edit.node(VariadicSplit{}, {y, net.scalar(1), net.ints({16, 16})});
  const ValueId h = net.binary(BinaryKind::Add, parts[1], net.unary(UnaryKind::Swish, net.conv(parts[1], 16, 3, 1, 1)));
  net.output(net.conv(net.edit(Concat{1}, {parts[0], parts[1], h}), 12, 1));
  expect_parity(net, {random_tensor({1, 8, 9, 9}, 5)});
  auto compilation = program(net.graph, Isa::scalar)->compile(std::vector<Shape>{{1, 8, 9, 9}});
  EXPECT_EQ(find_step(*compilation->plan, "copy: concat"), nullptr) << print(*compilation->plan);
}

TEST(Plan, DetectionHeadsWriteTheirPartOfTheOutput) {
  Net net;
  std::vector<ValueId> parts;
  ValueId x = net.input(Shape{1, 8, 12, 12});
  for (int level = 0; level < 3; ++level) {
    x = net.relu(net.conv(x, 24, 3, 2, 1));
    const ValueId head = net.conv(x, 6 * 21, 1);
    parts.push_back(net.reshape(net.transpose(head, {0, 2, 3, 1}), {1, -1, 21}));
  }
  net.output(net.unary(UnaryKind::Sigmoid, net.edit(Concat{1}, parts)));
  expect_parity(net, {random_tensor({1, 8, 12, 12}, 5)});
  auto compilation = program(net.graph, Isa::scalar)->compile(std::vector<Shape>{{1, 8, 12, 12}});
  EXPECT_EQ(find_step(*compilation->plan, "copy: concat"), nullptr) << print(*compilation->plan);
  EXPECT_EQ(find_step(*compilation->plan, "copy: reshape"), nullptr) << print(*compilation->plan);
}

TEST(Plan, AttentionOfRankThree) {
  Net net;
  const ValueId x = net.input(Shape{1, 10, 16});
  const auto project = [&](ValueId v) { return net.binary(BinaryKind::Add, net.edit(MatMul{}, {v, net.weights({16, 16})}), net.weights({16})); };
  const auto heads = [&](ValueId v) { return net.transpose(net.reshape(v, {1, 10, 4, 4}), {0, 2, 1, 3}); };
  const ValueId q = heads(project(x)), k = heads(project(x)), v = heads(project(x));
  const ValueId scores = net.edit(Softmax{-1}, {net.binary(BinaryKind::Multiply, net.edit(MatMul{false, true}, {q, k}), net.edit.constant(Tensor::scalar(0.5f)))});
  const ValueId mixed = net.reshape(net.transpose(net.edit(MatMul{}, {scores, v}), {0, 2, 1, 3}), {1, 10, 16});
  const ValueId sum = net.binary(BinaryKind::Add, x, project(mixed));
  net.output(net.edit(LayerNormalization{-1, 1e-5, false}, {sum, net.weights({16}), net.weights({16})}));
  expect_parity(net, {random_tensor({1, 10, 16}, 5)});
}

TEST(Plan, Attention) {
  struct Case {
    Shape q, k, v, mask;
    ops::Attention op;
  };
  ops::Attention scaled;
  scaled.scale = 0.3;
  ops::Attention flat;
  flat.q_num_heads = 6;
  flat.kv_num_heads = 3;
  for (const Case& c : {Case{{2, 3, 50, 17}, {2, 3, 33, 17}, {2, 3, 33, 5}, {}, {}}, Case{{1, 4, 1, 8}, {1, 2, 7, 8}, {1, 2, 7, 40}, {7}, scaled},
                        Case{{2, 2, 25, 16}, {2, 2, 64, 16}, {2, 2, 64, 16}, {2, 1, 25, 64}, {}}, Case{{1, 2, 24, 4}, {1, 2, 48, 4}, {1, 2, 48, 4}, {24, 1}, {}},
                        Case{{2, 31, 24}, {2, 19, 12}, {2, 19, 27}, {}, flat}}) {
    Net net;
    std::vector<Tensor> inputs{random_tensor(c.q, 1), random_tensor(c.k, 2), random_tensor(c.v, 3)};
    std::vector<ValueId> values{net.input(c.q, "q"), net.input(c.k, "k"), net.input(c.v, "v")};
    if (!c.mask.empty()) values.push_back(net.edit.constant(random_tensor(c.mask, 4)));
    net.output(net.edit(c.op, values));
    const auto plan = program(net.graph, Isa::scalar)->compile(std::vector<Shape>{c.q, c.k, c.v});
    EXPECT_EQ(plan->plan->steps.size(), 1u) << print(*plan->plan);
    EXPECT_NE(find_step(*plan->plan, "attention"), nullptr);
    expect_parity(net, inputs);
  }
}

TEST(Plan, HalfPrecisionIsComputedInSingle) {
  const auto text = R"(graph(%x: f16[1,3,9,9], %y: bf16[1,8,7,7]) {
    %c = Convolution(%x, f16[8,3,3,3]{random 1}) {strides=[1,1] pads_begin=[0,0] pads_end=[0,0]}
    %s = Softmax(Relu(Add(%c, f16[1,8,1,1]{random 2}))) {axis=1}
    %w = Multiply(Convert(%s) {destination_type=bf16}, %y)
    return %s, Convert(%w) {destination_type=f32}, CumSum(%s, i64{1})
  })";
  const Graph graph = graph::parse(text, ops::find_op);
  std::vector<Tensor> inputs{from_f64(ElementType::f16, {1, 3, 9, 9}, to_f64(random_tensor({1, 3, 9, 9}, 4))), from_f64(ElementType::bf16, {1, 8, 7, 7}, to_f64(random_tensor({1, 8, 7, 7}, 5)))};
  const auto want = ops::evaluate(graph, inputs);
  for (Isa isa : levels()) {
    auto prog = program(graph, isa);
    const auto compilation = prog->compile_for(inputs);
    EXPECT_NE(find_step(*compilation->plan, "dense"), nullptr) << print(*compilation->plan);
    Workspace workspace(nullptr);
    std::vector<Tensor> got;
    workspace.run(*prog, inputs, got);
    for (std::size_t i = 0; i < want.size(); ++i) {
      ASSERT_EQ(got[i].type(), want[i].type());
      EXPECT_LT(distance(want[i], got[i]), 2e-2) << "output " << i << " at level " << to_string(isa);
    }
  }
}

TEST(Plan, SmallTypesBecomeFloats) {
  for (ElementType type : {ElementType::u8, ElementType::i8, ElementType::i32, ElementType::i64, ElementType::boolean}) {
    Net net;
    const ValueId x = net.edit.input("x", {type, graph::PartialShape(Shape{1, 6, 7, 3})});
    const ValueId f = net.edit(ops::Convert{ElementType::f32}, {x});
    net.output(f);
    net.output(net.conv(net.transpose(f, {0, 3, 1, 2}), 5, 3));
    const Tensor values = random_tensor({1, 6, 7, 3}, 3);
    std::vector<double> scaled = to_f64(values);
    for (double& v : scaled) v = std::floor(std::abs(v) * 30);
    expect_parity(net, {from_f64(type, {1, 6, 7, 3}, scaled)});
  }
}

TEST(Plan, EqualWeightsArePackedOnceForAllModels) {
  const auto model = [] {
    auto net = std::make_unique<Net>();
    net->output(net->conv(net->input(Shape{1, 8, 5, 5}), 16, 3));
    return net;
  };
  const auto first = model(), second = model();
  const auto weights = [](const Net& net) { return net.graph.constant(net.graph[net.graph.order()[0]].inputs[1]); };
  ASSERT_NE(weights(*first).raw(), weights(*second).raw());
  int packings = 0;
  const auto pack = [&](float* to) { *to = static_cast<float>(++packings); };
  PackStore one, two;
  const Tensor a = one.get(weights(*first), "test", 32, pack), b = two.get(weights(*second), "test", 32, pack);
  EXPECT_EQ(a.raw(), b.raw());
  EXPECT_EQ(packings, 1);
  EXPECT_NE(one.get(weights(*first), "another form", 32, pack).raw(), a.raw());
  EXPECT_NE(one.get(random_tensor({16, 8, 3, 3}, 77), "test", 32, pack).raw(), a.raw());
}

TEST(Plan, PoolingPadReduceSoftmax) {
  Net net;
  const ValueId x = net.relu(net.conv(net.input(Shape{1, 3, 10, 13}), 18, 3, 1, 1));
  MaxPool max;
  max.window = {{2, 2}, {}, {1, 1}, {1, 1}, AutoPad::explicit_};
  max.kernel = {3, 3};
  const ValueId pooled = net.edit(max, {x});
  AvgPool avg;
  avg.window = {{1, 1}, {}, {1, 0}, {0, 1}, AutoPad::explicit_};
  avg.kernel = {2, 2};
  avg.exclude_pad = false;
  const ValueId averaged = net.edit(avg, {pooled});
  const ValueId padded = net.edit(Pad{}, {net.binary(BinaryKind::Multiply, averaged, net.conv(pooled, 18, 1)), net.ints({0, 0, 1, 2}), net.ints({0, 0, 0, 1})});
  const ValueId mean = net.edit(Reduce{ReduceKind::Mean, true}, {padded, net.ints({2, 3})});
  net.output(net.edit(Softmax{1}, {net.conv(mean, 7, 1)}));
  net.output(net.edit(Softmax{1}, {padded}));
  net.output(net.edit(Reduce{ReduceKind::Max, false}, {padded, net.ints({1})}));
  net.output(net.binary(BinaryKind::Multiply, padded, net.unary(UnaryKind::Sigmoid, net.conv(mean, 18, 1))));
  expect_parity(net, {random_tensor({1, 3, 10, 13}, 5)});
}

TEST(Plan, UnfoldAndFoldKeepChannelsInnermost) {
  Net net;  // MobileViT: [1,c,h,w] → [1,c,4,n] → back
  const ValueId x = net.conv(net.input(Shape{1, 5, 8, 6}), 24, 1);
  const ValueId unfolded = net.reshape(net.transpose(net.reshape(x, {1, 24, 4, 2, 3, 2}), {0, 1, 3, 5, 2, 4}), {1, 24, 4, 12});
  const ValueId worked = net.relu(net.conv(unfolded, 24, 1));
  const ValueId folded = net.reshape(net.transpose(net.reshape(worked, {1, 24, 2, 2, 4, 3}), {0, 1, 4, 2, 5, 3}), {1, 24, 8, 6});
  net.output(net.conv(folded, 3, 1));
  expect_parity(net, {random_tensor({1, 5, 8, 6}, 5)});
}

TEST(Plan, SlicesAndFocus) {
  Net net;  // YOLOX's focus
  const ValueId x = net.input(Shape{1, 3, 8, 10});
  std::vector<ValueId> parts;
  for (std::int64_t dy : {0, 1})
    for (std::int64_t dx : {0, 1}) parts.push_back(net.edit(Slice{}, {x, net.ints({dy, dx}), net.ints({1 << 30, 1 << 30}), net.ints({2, 2}), net.ints({2, 3})}));
  net.output(net.conv(net.edit(Concat{1}, parts), 16, 3, 1, 1));
  expect_parity(net, {random_tensor({1, 3, 8, 10}, 5)});
}

TEST(Plan, DynamicImageSizes) {
  Net net;
  using graph::Dimension;
  const ValueId x = net.input(graph::PartialShape(std::vector<Dimension>{Dimension::fixed(1), Dimension::fixed(3), Dimension::unknown("h"), Dimension::unknown("w")}));
  net.output(net.relu(net.conv(net.relu(net.conv(x, 8, 3, 2, 1)), 4, 1)));
  for (auto [h, w] : {std::pair<std::int64_t, std::int64_t>{8, 8}, {9, 12}, {8, 8}}) expect_parity(net, {random_tensor({1, 3, h, w}, 5)});
  Workspace workspace(nullptr);
  std::vector<Tensor> out;
  EXPECT_THROW(workspace.run(*program(net.graph, Isa::scalar), std::vector<Tensor>{random_tensor({1, 4, 8, 8}, 1)}, out), Error);
}

TEST(Plan, ShapesThatDependOnData) {
  Net net;
  const ValueId x = net.input(Shape{4, 5});
  const ValueId positive = net.edit(NonZero{}, {net.relu(x)});  // [2, n]
  net.output(net.transpose(positive, {1, 0}));
  net.output(net.binary(BinaryKind::Add, x, x));
  expect_parity(net, {random_tensor({4, 5}, 5)});
}

TEST(Plan, LoopRunsItsBodyAsAPlan) {
  Net body;
  const ValueId i = body.edit.input("i", {ElementType::i64, Shape{}});
  (void)i;
  const ValueId go = body.edit.input("go", {ElementType::boolean, Shape{}});
  const ValueId state = body.input(Shape{1, 6, 4, 4}, "state");
  const ValueId next = body.relu(body.conv(state, 6, 3, 1, 1));
  body.output(go);
  body.output(next);
  body.output(body.edit(Reduce{ReduceKind::Mean, false}, {next, body.ints({1, 2, 3})}));
  Net net;
  const ValueId x = net.input(Shape{1, 6, 4, 4});
  Loop loop;
  loop.body = std::make_shared<Graph>(body.graph);
  loop.num_carried = 1;
  const auto outputs = net.edit.node(loop, {net.scalar(3), ValueId{}, x});
  net.output(net.relu(outputs[0]));
  net.output(outputs[1]);
  expect_parity(net, {random_tensor({1, 6, 4, 4}, 5)});
}

TEST(Plan, ConstantAndPassedThroughOutputs) {
  Net net;
  const ValueId x = net.input(Shape{2, 3});
  net.output(x);
  net.output(net.weights({4}));
  net.output(net.reshape(x, {3, 2}));
  net.output(net.transpose(x, {1, 0}));
  expect_parity(net, {random_tensor({2, 3}, 5)});
}

TEST(Plan, Scalars) {
  Net net;
  const ValueId x = net.input(Shape{});
  const ValueId doubled = net.binary(BinaryKind::Add, x, net.edit.constant(Tensor::scalar(2.0f)));
  net.output(net.relu(net.binary(BinaryKind::Multiply, doubled, x)));
  net.output(net.edit(Reduce{ReduceKind::Sum, false}, {net.binary(BinaryKind::Divide, net.weights({3, 2}), x), net.ints({0, 1})}));
  expect_parity(net, {Tensor::scalar(1.5f)});
}

TEST(Plan, EmptyTensors) {
  Net net;
  const ValueId x = net.input(Shape{0, 3});
  net.output(net.relu(x));
  net.output(net.edit(Concat{0}, {x, net.weights({2, 3})}));
  expect_parity(net, {Tensor(ElementType::f32, {0, 3})});
}

}  // namespace
}  // namespace saccade::plan
