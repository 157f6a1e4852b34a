// SPDX-License-Identifier: Apache-2.0
// Convolutions of the same image in one step.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "ops/concat.h"
#include "ops/pool.h"
#include "plan/testing.h"

namespace saccade::plan {
namespace {

constexpr const char* kKey = "siblings ";

std::shared_ptr<const Compilation> compile(const Net& net, Isa isa, const Answers& answers = {}) {
  std::vector<Shape> shapes;
  for (const ValueId v : net.graph.inputs()) shapes.push_back(net.graph.type(v).shape.shape());
  return program(net.graph, isa, false, answers)->compile(shapes);
}

// Answers that leave every convolution alone.
Answers apart(const Net& net, Isa isa) {
  Answers answers;
  for (bool more = true; more;) {
    more = false;
    const auto made = compile(net, isa, answers);
    for (const Choice& c : made->plan->choices)
      if (c.key.starts_with(kKey)) more |= answers.emplace(c.key, false).second;
  }
  return answers;
}

std::vector<Tensor> run(const Net& net, Isa isa, const Tensor& image, const Answers& answers, ThreadPool* pool) {
  Workspace workspace(pool);
  std::vector<Tensor> out;
  workspace.run(*program(net.graph, isa, false, answers), std::vector<Tensor>{image}, out);
  return out;
}

void expect_same_bits(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_EQ(std::memcmp(a[i].raw(), b[i].raw(), a[i].size_bytes()), 0) << "output " << i;
}

// As the reference has it, and bit for bit what every convolution gives on its own, on one thread and on two.
void expect_siblings(const Net& net, const Tensor& image, const std::string& kernel, double tolerance = 2e-5) {
  static ThreadPool pool(ThreadPoolOptions{2, {}, false});
  expect_parity(net, {image}, tolerance);
  for (Isa isa : levels()) {
    if (kernel.starts_with("winograd") && isa == Isa::scalar) continue;
    const auto joined = compile(net, isa), separate = compile(net, isa, apart(net, isa));
    EXPECT_NE(find_step(*joined->plan, kernel), nullptr) << print(*joined->plan);
    EXPECT_EQ(find_step(*separate->plan, "siblings"), nullptr) << print(*separate->plan);
    const auto want = run(net, isa, image, apart(net, isa), nullptr);
    expect_same_bits(want, run(net, isa, image, {}, nullptr));
    expect_same_bits(want, run(net, isa, image, {}, &pool));
  }
}

double sum(const Plan& plan, double Step::*member) {
  double total = 0;
  for (const auto& step : plan.steps) total += (*step).*member;
  return total;
}

TEST(Siblings, DenseWithEpiloguesOfTheirOwn) {
  struct Case {
    std::int64_t n, c, h, w, k, stride, pad;
  };
  for (const Case& c : {Case{1, 40, 19, 19, 1, 1, 0}, Case{2, 14, 13, 10, 3, 2, 1}, Case{1, 120, 5, 5, 1, 1, 0}, Case{1, 96, 2, 2, 1, 1, 0},
                        Case{3, 64, 1, 1, 1, 1, 0}, Case{1, 128, 40, 30, 1, 1, 0}, Case{1, 20, 8, 40, 1, 2, 0}}) {
    Net net;
    const ValueId x = net.input(Shape{c.n, c.c, c.h, c.w});
    net.output(net.conv(x, 12, c.k, c.stride, c.pad));
    net.output(net.relu(net.conv(x, 273, c.k, c.stride, c.pad)));
    net.output(net.unary(UnaryKind::Sigmoid, net.conv(x, 1, c.k, c.stride, c.pad)));
    net.output(net.unary(UnaryKind::HSwish, net.conv(x, 24, c.k, c.stride, c.pad)));
    expect_siblings(net, random_tensor({c.n, c.c, c.h, c.w}, 5), c.k == 1 ? "dense 1x1, 4 siblings" : "dense 3x3, 4 siblings");
  }
}

TEST(Siblings, LargeWeightsForFewRows) {
  for (std::int64_t size : {1, 3, 5, 11}) {
    Net net;
    const ValueId x = net.input(Shape{1, 1024, size, size});
    for (std::int64_t channels : {256, 24, 546}) net.output(net.relu(net.conv(x, channels, 1)));
    expect_parity(net, {random_tensor({1, 1024, size, size}, 5)});
    EXPECT_NE(find_step(*compile(net, Isa::scalar)->plan, "dense 1x1, 3 siblings"), nullptr);
  }
}

TEST(Siblings, WinogradTransformsTheImageOnce) {
  struct Case {
    std::int64_t n, c, h, w;
    std::string kernel = "winograd 3x3";
  };
  for (const Case& c : {Case{1, 32, 40, 40}, Case{2, 33, 11, 9}, Case{1, 64, 7, 30}, Case{1, 48, 2, 30, "winograd 3x3 by 2x2"}}) {
    Net net;
    const ValueId x = net.input(Shape{c.n, c.c, c.h, c.w});
    net.output(net.unary(UnaryKind::Swish, net.conv(x, 64, 3, 1, 1)));
    net.output(net.relu(net.conv(x, 80, 3, 1, 1)));
    net.output(net.relu(net.binary(BinaryKind::Add, net.conv(x, c.c, 3, 1, 1), x)));
    net.output(net.conv(x, 20, 3, 2, 1));  // reads the image in another way
    expect_siblings(net, random_tensor({c.n, c.c, c.h, c.w}, 9), c.kernel + ", 3 siblings", 3e-5);
    for (Isa isa : levels())
      if (isa != Isa::scalar) {
        const auto joined = compile(net, isa), separate = compile(net, isa, apart(net, isa));
        EXPECT_LE(joined->plan->scratch_bytes, separate->plan->scratch_bytes);
        const auto exact = program(net.graph, isa, true)->compile(std::vector<Shape>{{c.n, c.c, c.h, c.w}});
        EXPECT_NE(find_step(*exact->plan, "dense 3x3, 3 siblings"), nullptr) << print(*exact->plan);
      }
  }
}

TEST(Siblings, ReportTheirWorkAndTraffic) {
  Net net;
  const ValueId x = net.relu(net.input(Shape{1, 32, 30, 30}));
  for (std::int64_t channels : {20, 40}) net.output(net.relu(net.conv(x, channels, 1)));
  const auto joined = compile(net, Isa::scalar), separate = compile(net, Isa::scalar, apart(net, Isa::scalar));
  EXPECT_EQ(sum(*joined->plan, &Step::flops), sum(*separate->plan, &Step::flops));
  const Step* step = find_step(*joined->plan, "2 siblings");
  ASSERT_NE(step, nullptr);
  EXPECT_EQ(step->name, "conv, conv");
  EXPECT_EQ(step->kind, "Convolution+Add+Relu, Convolution+Add+Relu");
  // image, results, weights of whole panels
  EXPECT_GE(step->bytes, 4.0 * (30 * 30 * (32 + 20 + 40) + 32 * (20 + 40)));
  EXPECT_LE(step->bytes, 4.0 * (30 * 30 * (32 + 20 + 40) + 32 * (32 + 48)));
}

TEST(Siblings, HeadsWriteTheirPartsOfTheOutputs) {
  Net net;
  std::vector<ValueId> boxes, scores;
  ValueId x = net.input(Shape{1, 8, 24, 24});
  for (int level = 0; level < 4; ++level) {
    x = net.relu(net.conv(x, 24, 3, 2, 1));
    boxes.push_back(net.reshape(net.transpose(net.conv(x, 12, 1), {0, 2, 3, 1}), {1, -1, 4}));
    scores.push_back(net.reshape(net.transpose(net.unary(UnaryKind::Sigmoid, net.conv(x, 273, 1)), {0, 2, 3, 1}), {1, -1, 91}));
  }
  net.output(net.edit(Concat{1}, boxes));
  net.output(net.edit(Concat{1}, scores));
  expect_siblings(net, random_tensor({1, 8, 24, 24}, 5), "dense 1x1, 2 siblings");
  const auto plan = compile(net, Isa::scalar);
  for (const char* copy : {"copy: concat", "copy: reshape", "copy: output"})
    EXPECT_EQ(find_step(*plan->plan, copy), nullptr) << print(*plan->plan);
}

TEST(Siblings, BranchesOfAnInceptionBlock) {
  Net net;
  const ValueId x = net.relu(net.conv(net.input(Shape{1, 8, 14, 14}), 48, 1));
  MaxPool max;
  max.window = {{1, 1}, {}, {1, 1}, {1, 1}, AutoPad::explicit_};
  max.kernel = {3, 3};
  std::vector<ValueId> parts{net.relu(net.conv(x, 20, 1))};
  parts.push_back(net.relu(net.conv(net.relu(net.conv(x, 24, 1)), 28, 3, 1, 1)));
  parts.push_back(net.relu(net.conv(net.relu(net.conv(x, 8, 1)), 16, 5, 1, 2)));
  parts.push_back(net.relu(net.conv(net.edit(max, {x}), 12, 1)));
  net.output(net.conv(net.edit(Concat{1}, parts), 10, 1));
  expect_parity(net, {random_tensor({1, 8, 14, 14}, 5)});
  const auto plan = compile(net, Isa::scalar);
  EXPECT_NE(find_step(*plan->plan, "dense 1x1, 3 siblings"), nullptr) << print(*plan->plan);
  EXPECT_EQ(find_step(*plan->plan, "copy: concat"), nullptr) << print(*plan->plan);
}

// The shortcut goes with the block's first convolution; the addition goes to the last one.
TEST(Siblings, ShortcutOfAResidualBlock) {
  for (bool shortcut_first : {false, true}) {
    Net net;
    const ValueId x = net.relu(net.conv(net.input(Shape{1, 8, 20, 20}), 32, 1));
    ValueId shortcut;
    if (shortcut_first) shortcut = net.conv(x, 64, 1, 2);
    const ValueId y = net.conv(net.relu(net.conv(net.relu(net.conv(x, 16, 1, 2)), 16, 3, 1, 1)), 64, 1);
    if (!shortcut_first) shortcut = net.conv(x, 64, 1, 2);
    net.output(net.relu(net.binary(BinaryKind::Add, y, shortcut)));
    expect_parity(net, {random_tensor({1, 8, 20, 20}, 5)});
    const auto plan = compile(net, Isa::scalar);
    EXPECT_NE(find_step(*plan->plan, "dense 1x1, 2 siblings"), nullptr) << print(*plan->plan);
    EXPECT_EQ(find_step(*plan->plan, "map"), nullptr) << print(*plan->plan);
  }
}

TEST(Siblings, WaitForOperandsThatExistInTime) {
  for (bool early : {false, true}) {
    Net net;
    const ValueId image = net.input(Shape{1, 16, 9, 9}), x = net.relu(image);
    const ValueId a = net.conv(x, 16, 1), b = net.conv(x, 16, 1);
    ValueId operand;
    if (early) operand = net.unary(UnaryKind::Sin, image);
    net.output(net.binary(BinaryKind::Multiply, a, net.unary(UnaryKind::Exp, net.unary(UnaryKind::Tanh, image))));
    if (!early) operand = net.unary(UnaryKind::Sin, image);
    net.output(net.binary(BinaryKind::Add, b, operand));
    expect_parity(net, {random_tensor({1, 16, 9, 9}, 5)});
    const auto plan = compile(net, Isa::scalar);
    EXPECT_EQ(find_step(*plan->plan, "siblings") != nullptr, early) << print(*plan->plan);
  }
}

TEST(Siblings, OfOneImageAreCounted) {
  Net net;
  const ValueId x = net.relu(net.input(Shape{1, 5, 4, 4}));
  for (int i = 0; i < 40; ++i) net.output(net.conv(x, i % 3 + 1, 1));
  expect_parity(net, {random_tensor({1, 5, 4, 4}, 5)});
  const auto plan = compile(net, Isa::scalar);
  for (const char* kernel : {"16 siblings", "8 siblings"}) EXPECT_NE(find_step(*plan->plan, kernel), nullptr) << print(*plan->plan);
}

// Nothing of these may end up in one step in a way that one result needs another.
TEST(Siblings, ThatNeedEachOtherStayApart) {
  MaxPool max;
  max.window = {{1, 1}, {}, {1, 1}, {1, 1}, AutoPad::explicit_};
  max.kernel = {3, 3};
  for (int form = 0; form < 4; ++form) {
    Net net;
    const ValueId x = net.input(Shape{1, 16, 9, 9});
    const ValueId a = net.conv(x, 16, 1), b = net.conv(x, 16, 1);
    if (form == 0) net.output(net.binary(BinaryKind::Add, a, b));
    if (form == 1) net.output(net.binary(BinaryKind::Multiply, net.relu(b), net.unary(UnaryKind::Sigmoid, a)));
    if (form == 2) net.output(net.relu(net.binary(BinaryKind::Add, b, net.edit(max, {a}))));
    if (form == 3)
      net.output(net.binary(BinaryKind::Add, net.binary(BinaryKind::Add, a, net.conv(net.relu(b), 16, 1)), net.conv(x, 16, 1)));
    expect_parity(net, {random_tensor({1, 16, 9, 9}, 5)});
  }
}

TEST(Siblings, WhoseResultsWouldFillTheMemoryStayApart) {
  Net net;
  const ValueId x = net.relu(net.conv(net.input(Shape{1, 8, 30, 30}), 16, 1));
  ValueId y = net.relu(net.conv(x, 16, 1));
  for (int i = 0; i < 3; ++i) y = net.relu(net.conv(y, 16, 3, 1, 1));
  net.output(net.conv(net.edit(Concat{1}, {y, net.relu(net.conv(x, 64, 1))}), 4, 1));
  expect_parity(net, {random_tensor({1, 8, 30, 30}, 5)}, 5e-5);
  const auto plan = compile(net, Isa::scalar);
  EXPECT_EQ(find_step(*plan->plan, "siblings"), nullptr) << print(*plan->plan);
  const auto& choices = plan->plan->choices;
  const auto choice = std::find_if(choices.begin(), choices.end(), [](const Choice& c) { return c.key.starts_with(kKey); });
  ASSERT_NE(choice, choices.end());
  EXPECT_FALSE(choice->taken);
  EXPECT_EQ(choice->key, "siblings 16>16+64 1x1/1 30x30 n1");
}

}  // namespace
}  // namespace saccade::plan
