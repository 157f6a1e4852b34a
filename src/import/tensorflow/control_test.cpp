// SPDX-License-Identifier: Apache-2.0
// Loops and choices of both generations, with TensorArrays and TensorLists.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "import/tensorflow/tensorflow_test.h"
#include "ops/control_flow.h"

namespace saccade::tensorflow {
namespace {

using namespace ::testing;

Tensor i32(std::int32_t value) { return Tensor::scalar(value); }

bool has(const graph::Graph& g, std::string_view op) {
  for (const auto id : g.order())
    if (g[id].op.name() == op) return true;
  return false;
}

// ---- frames

std::string enter(const std::string& name, const std::string& input, bool is_constant = false) {
  return node(name, "Enter", {input}, {attr("T", kFloat), attr("frame_name", "frame"), attr("is_constant", is_constant), attr("parallel_iterations", 10)});
}

// The nodes of a variable but for what leads to next_NAME's input.
Strings variable(const std::string& name, const std::string& initial, const std::string& next) {
  return {enter("enter_" + name, initial), node("merge_" + name, "Merge", {"enter_" + name, "next_" + name}), node("switch_" + name, "Switch", {"merge_" + name, "while/LoopCond"}),
          node("body_" + name, "Identity", {"switch_" + name + ":1"}), node("next_" + name, "NextIteration", {next}), node("exit_" + name, "Exit", {"switch_" + name + ":0"})};
}

Strings joined(std::vector<Strings> parts) {
  Strings all;
  for (auto& p : parts) all.insert(all.end(), p.begin(), p.end());
  return all;
}

// while (i < n) { i += 1; sum = sum * x; }
TEST(TensorFlowControl, Frame) {
  const std::string file = graph_def(joined({{placeholder("n", kInt32, {}), placeholder("x", kFloat, {2}), scalar("zero", 0), scalar("one", 1, {"^body_i"}),
                                          constant("start", tensor({2}, std::vector<float>{1, 1})), enter("enter_n", "n", true), enter("enter_x", "x", true)},
                                         variable("i", "zero", "add"), variable("sum", "start", "mul"),
                                         {node("less", "Less", {"merge_i", "enter_n"}), node("while/LoopCond", "LoopCond", {"less"}), node("add", "AddV2", {"body_i", "one"}),
                                          node("mul", "Mul", {"body_sum", "enter_x"}), node("y", "Identity", {"exit_sum"}), node("count", "Identity", {"exit_i"})}}));
  for (const int n : {0, 1, 5}) {
    const auto results = run(file, {i32(n), f32({2}, {2, 3})}, {"y", "count"});
    EXPECT_THAT(to_f64(results.at("y")), ElementsAre(std::pow(2, n), std::pow(3, n)));
    EXPECT_THAT(to_f64(results.at("count")), ElementsAre(n));
  }
}

// while (sum < limit) sum = sum + x: only the condition says when it ends
TEST(TensorFlowControl, FrameWithoutACount) {
  const std::string file = graph_def(joined({{placeholder("x", kFloat, {}), constant("start", tensor({}, std::vector<float>{0})), constant("limit", tensor({}, std::vector<float>{10}), {"^merge_sum"}),
                                          enter("enter_x", "x", true)},
                                         variable("sum", "start", "add"),
                                         {node("less", "Less", {"merge_sum", "limit"}), node("while/LoopCond", "LoopCond", {"less"}), node("add", "AddV2", {"body_sum", "enter_x"}),
                                          node("y", "Identity", {"exit_sum"})}}));
  EXPECT_THAT(to_f64(run(file, {f32({}, {3})}).at("y")), ElementsAre(12));
  EXPECT_THAT(to_f64(run(file, {f32({}, {20})}).at("y")), ElementsAre(20));
}

// tf.map_fn of TensorFlow 1: y[i] = condition ? x[i] * 2 : x[i] + 1, with a condition of its own in every iteration
Strings map_in_a_frame() {
  return joined({{placeholder("x", kFloat, {-1, 2}), node("shape", "Shape", {"x"}), scalar("zero", 0), scalar("one", 1), constant("vector0", tensor({1}, std::vector<std::int32_t>{0})),
                  constant("vector1", tensor({1}, std::vector<std::int32_t>{1})), node("n", "StridedSlice", {"shape", "vector0", "vector1", "vector1"}, {attr("shrink_axis_mask", 1)}),
                  node("in", "TensorArrayV3", {"n"}, {attr("dtype", kFloat), attr("element_shape", 0)}), node("out", "TensorArrayV3", {"n"}, {attr("dtype", kFloat)}),
                  node("range", "Range", {"zero", "n", "one"}), node("scatter", "TensorArrayScatterV3", {"in", "range", "x", "in:1"}, {attr("T", kFloat)}),
                  enter("enter_n", "n", true), enter("enter_in", "in", true), enter("enter_items", "scatter", true), enter("enter_out", "out", true)},
                 variable("i", "zero", "add"), variable("flow", "out:1", "write"),
                 {node("less", "Less", {"merge_i", "enter_n"}), node("while/LoopCond", "LoopCond", {"less"}), scalar("step", 1, {"^body_i"}), node("add", "AddV2", {"body_i", "step"}),
                  node("item", "TensorArrayReadV3", {"enter_in", "body_i", "enter_items"}, {attr("dtype", kFloat)}),
                  constant("limit", tensor({}, std::vector<float>{0}), {"^body_i"}), scalar("all", 0, {"^body_i"}), node("total", "Sum", {"item", "all"}),
                  node("positive", "Greater", {"total", "limit"}), node("pivot", "Switch", {"positive", "positive"}), node("pivot_f", "Identity", {"pivot:0"}),
                  node("pivot_t", "Identity", {"pivot:1"}), node("id", "Identity", {"positive"}), node("item_t", "Switch", {"item", "id"}), node("item_f", "Switch", {"item", "id"}),
                  constant("two", tensor({}, std::vector<float>{2}), {"^pivot_t"}), node("double", "Mul", {"item_t:1", "two"}), constant("nine", tensor({2}, std::vector<float>{9, 9}), {"^pivot_f"}),
                  node("chosen", "Merge", {"nine", "double"}), node("write", "TensorArrayWriteV3", {"enter_out", "body_i", "chosen", "body_flow"}, {attr("T", kFloat)}),
                  node("size", "TensorArraySizeV3", {"out", "exit_flow"}), node("all_items", "Range", {"zero", "size", "one"}),
                  node("y", "TensorArrayGatherV3", {"out", "all_items", "exit_flow"}, {attr("dtype", kFloat), shape_attr("element_shape", shape_proto({2}))})}});
}

TEST(TensorFlowControl, MapInAFrame) {
  // the attribute element_shape of a TensorArray must be a shape
  EXPECT_THAT(message([] { read(graph_def(map_in_a_frame())); }), HasSubstr("attribute 'element_shape' is an integer"));
  Strings nodes = map_in_a_frame();
  for (auto& n : nodes)
    if (n.find("element_shape") != std::string::npos && n.find("TensorArrayV3") != std::string::npos) n = node("in", "TensorArrayV3", {"n"}, {attr("dtype", kFloat)});
  const std::string file = graph_def(nodes);
  const auto model = read(file);
  EXPECT_TRUE(has(*model, "Loop"));
  EXPECT_EQ(to_string(model->type(model->outputs()[0].value)), "f32[?,2]");
  EXPECT_THAT(to_f64(run(*model, {f32({3, 2}, {1, 2, -1, -2, 5, 6})}).at("y")), ElementsAre(2, 4, 9, 9, 10, 12));
  EXPECT_EQ(run(*model, {f32({0, 2}, {})}).at("y").shape(), (Shape{0, 2}));
}

TEST(TensorFlowControl, ChoiceAtTheTop) {
  const std::string file = graph_def({placeholder("p", kBool, {}), placeholder("x", kFloat, {2}), node("s", "Switch", {"x", "p"}), node("a", "Neg", {"s:1"}), node("b", "Relu", {"s:0"}),
                                  node("y", "Merge", {"b", "a"})});
  const auto model = read(file);
  EXPECT_TRUE(has(*model, "If"));
  EXPECT_THAT(to_f64(run(*model, {Tensor::scalar(true), f32({2}, {-1, 2})}).at("y")), ElementsAre(1, -2));
  EXPECT_THAT(to_f64(run(*model, {Tensor::scalar(false), f32({2}, {-1, 2})}).at("y")), ElementsAre(0, 2));
}

TEST(TensorFlowControl, LoopsThatAreNotClosed) {
  const Strings broken = joined({{placeholder("x", kFloat, {}), constant("limit", tensor({}, std::vector<float>{10}))},
                                 variable("v", "x", "body_v"),
                                 {node("less", "Less", {"merge_v", "limit"}), node("while/LoopCond", "LoopCond", {"less"}), node("y", "Identity", {"body_v"})}});
  EXPECT_THAT(message([&] { read(graph_def(broken)); }), HasSubstr("cycle"));
  EXPECT_THAT(message([&] {
                read(graph_def({placeholder("x", kFloat, {}), node("c", "LoopCond", {"x"}), node("s", "Switch", {"x", "c"}), node("y", "Exit", {"s"}), node("z", "Relu", {"y"})}));
              }),
              HasSubstr("gets its value from Placeholder 'x'"));
  EXPECT_THAT(message([&] { read(graph_def({placeholder("x", kFloat, {}), placeholder("z", kFloat, {}), node("y", "Merge", {"x", "z"}), node("out", "Relu", {"y"})})); }),
              HasSubstr("chooses by no condition"));
}

// ---- functions

std::string while_node(const std::string& name, const Strings& inputs, const std::string& condition = "cond", const std::string& body = "body") {
  return node(name, "StatelessWhile", inputs, {function_attr("cond", condition), function_attr("body", body), attr("parallel_iterations", 10)});
}

// y[i] = y[i - 1] + x[i], a TensorList that is filled item by item
TEST(TensorFlowControl, SumsWithTensorLists) {
  const Function cond{"cond", {"i", "n", "out", "in", "sum"}, {{"r", "less:z:0"}}, {node("less", "Less", {"i", "n"})}};
  const Function body{"body",
                      {"i", "n", "out", "in", "sum"},
                      {{"i2", "next:z:0"}, {"n2", "keep:output:0"}, {"out2", "set:output_handle:0"}, {"in2", "in"}, {"sum2", "more:z:0"}},
                      {scalar("one", 1), node("next", "AddV2", {"i", "one:output:0"}), node("keep", "Identity", {"n"}), constant("shape", tensor({1}, std::vector<std::int32_t>{2})),
                       node("item", "TensorListGetItem", {"in", "i", "shape:output:0"}, {attr("element_dtype", kFloat)}), node("more", "AddV2", {"sum", "item:item:0"}),
                       node("set", "TensorListSetItem", {"out", "i", "more:z:0"}, {attr("element_dtype", kFloat)})}};
  const std::string file = graph_def({placeholder("x", kFloat, {-1, 2}), node("shape", "Shape", {"x"}), constant("v0", tensor({1}, std::vector<std::int32_t>{0})),
                                  constant("v1", tensor({1}, std::vector<std::int32_t>{1})), node("n", "StridedSlice", {"shape", "v0", "v1", "v1"}, {attr("shrink_axis_mask", 1)}), scalar("zero", 0),
                                  scalar("unknown", -1), constant("item_shape", tensor({1}, std::vector<std::int32_t>{2})), constant("start", tensor({2}, std::vector<float>{10, 20})),
                                  node("in", "TensorListFromTensor", {"x", "item_shape"}, {attr("element_dtype", kFloat)}),
                                  node("out", "TensorListReserve", {"unknown", "n"}, {attr("element_dtype", kFloat), attr("shape_type", kInt32)}), while_node("loop", {"zero", "n", "out", "in", "start"}),
                                  node("y", "TensorListStack", {"loop:2", "item_shape"}, {attr("element_dtype", kFloat), attr("num_elements", -1)})},
                                 {cond, body});
  const auto model = read(file);
  EXPECT_TRUE(has(*model, "Loop"));
  for (const auto id : model->order())
    if (const auto* loop = (*model)[id].op.as<ops::Loop>()) {
      EXPECT_EQ(loop->num_carried, 2) << "the list must be a scan output";
    }
  EXPECT_THAT(to_f64(run(*model, {f32({2, 2}, {1, 2, 3, 4})}).at("y")), ElementsAre(11, 22, 14, 26));
}

// Items written from the last to the first, while the list is read too: it is carried.
TEST(TensorFlowControl, ListWrittenInAnyOrder) {
  const Function cond{"cond", {"i", "list", "x"}, {{"r", "more:z:0"}}, {scalar("zero", 0), node("more", "GreaterEqual", {"i", "zero:output:0"})}};
  const Function body{"body",
                      {"i", "list", "x"},
                      {{"i2", "next:z:0"}, {"list2", "set:output_handle:0"}, {"x2", "sum:z:0"}},
                      {scalar("one", 1), node("next", "Sub", {"i", "one:output:0"}), node("set", "TensorListSetItem", {"list", "i", "x"}, {attr("element_dtype", kFloat)}),
                       constant("shape", tensor({1}, std::vector<std::int32_t>{1})), node("item", "TensorListGetItem", {"set:output_handle:0", "i", "shape:output:0"}, {attr("element_dtype", kFloat)}),
                       node("sum", "AddV2", {"x", "item:item:0"})}};
  const std::string file = graph_def({placeholder("x", kFloat, {1}), scalar("last", 2), scalar("n", 3), scalar("unknown", -1),
                                  node("list", "TensorListReserve", {"unknown", "n"}, {attr("element_dtype", kFloat)}), while_node("loop", {"last", "list", "x"}),
                                  node("y", "TensorListStack", {"loop:1", "unknown"}, {attr("element_dtype", kFloat)})},
                                 {cond, body});
  EXPECT_THAT(to_f64(run(file, {f32({1}, {1})}).at("y")), ElementsAre(4, 2, 1));
}

TEST(TensorFlowControl, ListThatGrows) {
  const Function cond{"cond", {"i", "list", "x"}, {{"r", "less:z:0"}}, {scalar("n", 3), node("less", "Less", {"i", "n:output:0"})}};
  const Function body{"body",
                      {"i", "list", "x"},
                      {{"i2", "next:z:0"}, {"list2", "push:output_handle:0"}, {"x2", "sum:z:0"}},
                      {scalar("one", 1), node("next", "AddV2", {"i", "one:output:0"}), node("push", "TensorListPushBack", {"list", "x"}, {attr("element_dtype", kFloat)}),
                       node("sum", "AddV2", {"x", "x"})}};
  const std::string file = graph_def({placeholder("x", kFloat, {1}), scalar("zero", 0), scalar("unknown", -1), node("list", "EmptyTensorList", {"unknown", "unknown"}, {attr("element_dtype", kFloat)}),
                                  while_node("loop", {"zero", "list", "x"}), node("y", "TensorListStack", {"loop:1", "unknown"}, {attr("element_dtype", kFloat)}),
                                  node("length", "TensorListLength", {"loop:1"})},
                                 {cond, body});
  const auto results = run(file, {f32({1}, {1})}, {"y", "length"});
  EXPECT_THAT(to_f64(results.at("y")), ElementsAre(1, 2, 4));
  EXPECT_THAT(to_f64(results.at("length")), ElementsAre(3));
}

TEST(TensorFlowControl, IfAndCase) {
  const Function negate{"negate", {"a"}, {{"r", "n:y:0"}}, {node("n", "Neg", {"a"})}};
  const Function same{"same", {"a"}, {{"r", "a"}}, {}};
  const Function twice{"twice", {"a"}, {{"r", "n:z:0"}}, {node("n", "AddV2", {"a", "a"})}};
  const std::string choice = graph_def({placeholder("p", kBool, {}), placeholder("x", kFloat, {1}),
                                    node("y", "StatelessIf", {"p", "x"}, {function_attr("then_branch", "negate"), function_attr("else_branch", "same")})},
                                   {negate, same});
  EXPECT_THAT(to_f64(run(choice, {Tensor::scalar(true), f32({1}, {3})}).at("y")), ElementsAre(-3));
  EXPECT_THAT(to_f64(run(choice, {Tensor::scalar(false), f32({1}, {3})}).at("y")), ElementsAre(3));
  const std::string cases = graph_def({placeholder("k", kInt32, {}), placeholder("x", kFloat, {1}), node("y", "Case", {"k", "x"}, {functions_attr("branches", {"negate", "same", "twice"})})},
                                  {negate, same, twice});
  for (const auto& [k, expected] : std::vector<std::pair<int, double>>{{0, -3}, {1, 3}, {2, 6}, {7, 6}, {-1, 6}})
    EXPECT_THAT(to_f64(run(cases, {i32(k), f32({1}, {3})}).at("y")), ElementsAre(expected)) << k;
}

// A condition that is known takes only its own branch into the graph; the other one need not even be supported.
TEST(TensorFlowControl, KnownCondition) {
  const Function good{"good", {"a"}, {{"r", "n:y:0"}}, {node("n", "Neg", {"a"})}};
  const Function bad{"bad", {"a"}, {{"r", "n:y:0"}}, {node("n", "FooBar", {"a"})}};
  const std::string truth = tensor_raw(kBool, {}, std::string_view("\x01", 1));
  const std::string file = graph_def({constant("p", truth), placeholder("x", kFloat, {1}), node("y", "If", {"p", "x"}, {function_attr("then_branch", "good"), function_attr("else_branch", "bad")})},
                                 {good, bad});
  EXPECT_THAT(to_f64(run(file, {f32({1}, {3})}).at("y")), ElementsAre(-3));
}

TEST(TensorFlowControl, WhatBodiesLackIsListed) {
  const Function cond{"cond", {"i"}, {{"r", "less:z:0"}}, {scalar("n", 3), node("less", "Less", {"i", "n:output:0"})}};
  const Function body{"body", {"i"}, {{"i2", "b:y:0"}}, {node("a", "FooBar", {"i"}), node("b", "Baz", {"a:y:0"})}};
  EXPECT_THAT(message([&] { read(graph_def({scalar("zero", 0), while_node("loop", {"zero"}), node("y", "Neg", {"loop"})}, {cond, body})); }), AllOf(HasSubstr("FooBar"), HasSubstr("Baz")));
  EXPECT_THAT(message([&] { read(graph_def({scalar("zero", 0), while_node("loop", {"zero", "zero"}), node("y", "Neg", {"loop"})}, {cond, body})); }), HasSubstr("a loop of 2 variables"));
}

}  // namespace
}  // namespace saccade::tensorflow
