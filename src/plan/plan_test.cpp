// SPDX-License-Identifier: Apache-2.0
// Plans against the reference executor: the same graphs, every level of kernels that runs here.
#include "plan/testing.h"

namespace saccade::plan {
namespace {

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

TEST(Plan, BatchesOfSmallImages) {
  for (std::int64_t channels : {16, 24, 48}) {
    Net net;
    const ValueId x = net.relu(net.input(Shape{7, channels, 3, 2}));
    const ValueId sum = net.relu(net.binary(BinaryKind::Add, net.conv(x, channels, 1), x));
    net.output(net.conv(net.edit(Concat{1}, {sum, net.conv(sum, 20, 1)}), 9, 1));
    expect_parity(net, {random_tensor({7, channels, 3, 2}, 3)});
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

TEST(Plan, ShuffledChannelsStayInnermost) {
  // ShuffleNet's units: channels of two or three groups are shuffled and split, one part passes on, one is worked on; parts of whole
  // shuffled tuples are copied to where they belong
  struct Case {
    std::int64_t groups, first;
    bool by_parts;
  };
  for (const Case& q : {Case{2, 6, true}, {2, 8, true}, {3, 6, true}, {2, 5, false}, {3, 4, false}}) {
    Net net;
    const ValueId x = net.input(Shape{2, 4, 5, 7});
    ValueId y = net.edit(Concat{1}, {net.relu(net.conv(x, 6, 1)), net.relu(net.conv(x, 6, 1))});
    for (int unit = 0; unit < 2; ++unit) {
      const ValueId shuffled = net.reshape(net.transpose(net.reshape(y, {2, q.groups, 12 / q.groups, 5, 7}), {0, 2, 1, 3, 4}), {2, 12, 5, 7});
      const auto parts = net.edit.node(VariadicSplit{}, {shuffled, net.scalar(1), net.ints({q.first, 12 - q.first})});
      y = net.edit(Concat{1}, {parts[0], net.relu(net.conv(parts[1], 12 - q.first, 3, 1, 1))});
    }
    net.output(net.conv(y, 3, 1));
    expect_parity(net, {random_tensor({2, 4, 5, 7}, 5)});
    auto compilation = program(net.graph, Isa::scalar)->compile(std::vector<Shape>{{2, 4, 5, 7}});
    const auto turned = std::count_if(compilation->plan->steps.begin(), compilation->plan->steps.end(), [](const auto& s) { return s->kernel == "copy: dimension 1 innermost"; });
    EXPECT_EQ(turned, 1) << "more than the input\n" << print(*compilation->plan);
    EXPECT_EQ(find_step(*compilation->plan, "copy: reshape, split") != nullptr, q.by_parts) << print(*compilation->plan);
    EXPECT_EQ(find_step(*compilation->plan, "copy: concat") == nullptr, q.by_parts) << print(*compilation->plan);
  }
}

TEST(Plan, ExpectationOfSoftmaxReadsHeadsAsTheyLie) {
  Net net;  // YOLOv8's distribution focal loss: [1,c,h,w] → [1,4,c/4,hw] → softmax over c/4 → its mean
  const ValueId head = net.reshape(net.conv(net.input(Shape{1, 5, 6, 7}), 32, 1), {1, 32, 42});
  const ValueId sides = net.transpose(net.reshape(head, {1, 4, 8, 42}), {0, 2, 1, 3});
  net.output(net.reshape(net.conv(net.edit(Softmax{1}, {sides}), 1, 1), {1, 4, 42}));
  expect_parity(net, {random_tensor({1, 5, 6, 7}, 5)});
  auto compilation = program(net.graph, Isa::scalar)->compile(std::vector<Shape>{{1, 5, 6, 7}});
  EXPECT_NE(find_step(*compilation->plan, "softmax rows"), nullptr) << print(*compilation->plan);
  EXPECT_EQ(find_step(*compilation->plan, "order"), nullptr) << print(*compilation->plan);
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
