// SPDX-License-Identifier: Apache-2.0
// Graphs that are written here: constants, names, cuts, functions, text form; what each kind of broken file is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "import/tensorflow/tensorflow_test.h"

namespace saccade::tensorflow {
namespace {

using namespace ::testing;

TEST(TensorFlow, ConstantsInEveryForm) {
  const std::vector<float> filled{1, 2, 2, 2};
  const std::string file = graph_def({
      constant("raw", tensor({2, 2}, std::vector<float>{1, 2, 3, 4})),
      constant("list", Message().integer(1, kFloat).bytes(2, shape_proto({2, 2})).reals(5, {1, 2})),
      constant("empty", Message().integer(1, kFloat).bytes(2, shape_proto({0}))),
      constant("half", tensor_list(kHalf, {2}, 13, {0x3c00, 0x4000})),
      constant("bytes", tensor_list(kUint8, {3}, 7, {1, 255})),
      constant("truth", tensor_list(kBool, {2}, 11, {0, 1})),
      constant("long", tensor_list(kInt64, {}, 10, {std::int64_t{1} << 40})),
  });
  const auto results = run(file, {}, {"raw", "list", "empty", "half", "bytes", "truth", "long"});
  EXPECT_THAT(to_f64(results.at("raw")), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(to_f64(results.at("list")), ElementsAre(1, 2, 2, 2));
  EXPECT_EQ(results.at("empty").size(), 0);
  EXPECT_THAT(to_f64(results.at("half")), ElementsAre(1, 2));
  EXPECT_THAT(to_f64(results.at("bytes")), ElementsAre(1, 255, 255));
  EXPECT_THAT(to_f64(results.at("truth")), ElementsAre(0, 1));
  EXPECT_THAT(to_f64(results.at("long")), ElementsAre(static_cast<double>(std::int64_t{1} << 40)));
  EXPECT_EQ(results.at("half").type(), ElementType::f16);
}

TEST(TensorFlow, NamesAndDefaultOutputs) {
  const std::string file = graph_def({
      placeholder("x", kFloat, {-1, 4}),
      scalar("axis", 1),
      node("parts", "Split", {"axis", "x"}, {attr("T", kFloat), attr("num_split", 2)}),
      node("check", "NoOp", {"^parts"}),
      node("first", "Identity", {"parts:0", "^check"}),
      node("second", "StopGradient", {"parts:1"}),
      node("pivot", "Identity", {"x"}),
      node("sum", "AddV2", {"first", "second", "^pivot"}),
  });
  const auto model = read(file);
  ASSERT_EQ(model->outputs().size(), 1u);
  EXPECT_EQ(model->outputs()[0].name, "sum");
  EXPECT_EQ((*model)[model->inputs()[0]].name, "x");
  EXPECT_EQ(to_string(model->type(model->inputs()[0])), "f32[?,4]");
  const auto results = run(file, {f32({1, 4}, {1, 2, 3, 4})});
  EXPECT_THAT(to_f64(results.at("sum")), ElementsAre(4, 6));
  const auto ports = run(file, {f32({1, 4}, {1, 2, 3, 4})}, {"parts:1", "parts:0"});
  EXPECT_THAT(to_f64(ports.at("parts:1")), ElementsAre(3, 4));
  EXPECT_THAT(to_f64(ports.at("parts")), ElementsAre(1, 2));
}

TEST(TensorFlow, CutInputs) {
  const std::string file = graph_def({
      placeholder("x", kFloat, {2}),
      node("decode", "DecodeJpeg", {"x"}),
      node("a", "AddV2", {"decode", "x"}, {attr("T", kFloat)}),
      node("y", "Mul", {"a", "x"}, {attr("T", kFloat)}),
  });
  EXPECT_THAT(message([&] { read(file); }), AllOf(HasSubstr("DecodeJpeg"), HasSubstr("--input")));
  import::ReadOptions options;
  options.inputs = {"x", "a"};
  auto results = run(file, {f32({2}, {3, 4}), f32({2}, {1, 2})}, {}, options);
  EXPECT_THAT(to_f64(results.at("y")), ElementsAre(3, 8));
  options.inputs = {"0:y", "x"};
  results = run(file, {f32({2}, {5, 6}), f32({2}, {2, 2})}, {}, options);
  EXPECT_THAT(to_f64(results.at("y")), ElementsAre(10, 12));
  options.inputs = {"dekode"};
  EXPECT_THAT(message([&] { read(file, options); }), HasSubstr("the nearest is 'decode'"));
  options.inputs = {};
  options.outputs = {"z"};
  EXPECT_THAT(message([&] { read(file, options); }), HasSubstr("the graph has no node 'z'"));
}

TEST(TensorFlow, EverythingUnsupportedIsListed) {
  const std::string file = graph_def({
      placeholder("x", kFloat, {2}),
      node("a", "FooBar", {"x"}),
      node("b", "Baz", {"a"}),
      node("engine", "TRTEngineOp", {"x"}),
      node("table", "HashTableV2"),
      node("look", "LookupTableFindV2", {"table", "x", "x"}),
      node("y", "AddN", {"b", "engine", "look"}),
  });
  EXPECT_THAT(message([&] { read(file); }), AllOf(HasSubstr("FooBar: not supported (node 'a')"), HasSubstr("Baz"), HasSubstr("TensorRT"), HasSubstr("look-up tables")));
  const std::string unread = graph_def({placeholder("x", kFloat, {2}), node("y", "Relu", {"x"}, {attr("T", kFloat), attr("_class", "loc"), attr("strange", 1)})});
  EXPECT_THAT(message([&] { read(unread); }), HasSubstr("attribute 'strange'"));
}

TEST(TensorFlow, BrokenGraphs) {
  EXPECT_THAT(message([&] { read(graph_def({placeholder("x", kFloat, {2}), node("y", "Relu", {"z"})})); }), HasSubstr("input 'z' of Relu 'y' is produced by nothing"));
  EXPECT_THAT(message([&] { read(graph_def({placeholder("x", kFloat, {2}), placeholder("x", kFloat, {2})})); }), HasSubstr("two nodes are called 'x'"));
  EXPECT_THAT(message([&] { read(graph_def({node("a", "Relu", {"b"}), node("b", "Relu", {"a"}), node("y", "Relu", {"a"})})); }), HasSubstr("cycle"));
  EXPECT_THAT(message([&] { read(graph_def({constant("c", tensor_raw(kFloat, {3}, "12345678")), node("y", "Relu", {"c"})})); }), HasSubstr("does not take the 8 bytes"));
  EXPECT_THAT(message([&] { read(graph_def({constant("c", tensor_list(kFloat, {1 << 20, 1 << 20}, 5, {})), node("y", "Relu", {"c"})})); }), HasSubstr("filled with one value"));
  EXPECT_THAT(message([&] { read(graph_def({placeholder("x", kFloat, {2}), node("y", "Relu", {"x:7"})})); }), HasSubstr("output 7"));
}

TEST(TensorFlow, FunctionsAreInlined) {
  const Function twice{"twice", {"a"}, {{"r", "sum:z:0"}}, {node("sum", "AddV2", {"a", "a"})}};
  const Function four{"four", {"a"}, {{"r", "again:output:0"}, {"same", "a"}}, {node("once", "twice", {"a"}), node("again", "PartitionedCall", {"once:r:0"}, {function_attr("f", "twice")})}};
  const std::string file = graph_def({placeholder("x", kFloat, {2}), node("call", "StatefulPartitionedCall", {"x"}, {function_attr("f", "four"), attr("config", "")}),
                                  node("y", "Sub", {"call:0", "call:1"})},
                                 {twice, four});
  EXPECT_THAT(to_f64(run(file, {f32({2}, {1, 5})}).at("y")), ElementsAre(3, 15));
  const Function self{"self", {"a"}, {{"r", "c:output:0"}}, {node("c", "PartitionedCall", {"a"}, {function_attr("f", "self")})}};
  EXPECT_THAT(message([&] { read(graph_def({placeholder("x", kFloat, {2}), node("y", "PartitionedCall", {"x"}, {function_attr("f", "self")})}, {self})); }), HasSubstr("'self' calls itself"));
  EXPECT_THAT(message([&] { read(graph_def({placeholder("x", kFloat, {2}), node("y", "PartitionedCall", {"x"}, {function_attr("f", "none")})}, {self})); }), HasSubstr("no function 'none'"));
}

TEST(TensorFlow, FunctionsThatDoubleAtEveryLevelAreStopped) {
  std::vector<Function> functions{{"f0", {"a"}, {{"r", "n:activations:0"}}, {node("n", "Relu", {"a"})}}};
  for (int i = 1; i < 40; ++i) {
    const std::string inner = "f" + std::to_string(i - 1);
    functions.push_back({"f" + std::to_string(i), {"a"}, {{"r", "v:r:0"}}, {node("u", inner, {"a"}), node("v", inner, {"u:r:0"})}});
  }
  EXPECT_THAT(message([&] { read(graph_def({placeholder("x", kFloat, {2}), node("y", "f39", {"x"})}, functions)); }), HasSubstr("unfold into more than"));
}

TEST(TensorFlow, TextGraph) {
  const std::string text = R"(
node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } attr { key: "shape" value { shape { dim { size: -1 } dim { size: 2 } } } } }
node {
  name: "w" op: "Const"
  attr { key: "dtype" value { type: DT_FLOAT } }
  attr { key: "value" value { tensor { dtype: DT_FLOAT tensor_shape { dim { size: 2 } } tensor_content: "\000\000\200?\000\000\000@" } } }
}
node { name: "y" op: "Mul" input: "x" input: "w" input: "^w" attr { key: "T" value { type: DT_FLOAT } } }
versions { producer: 27 }
)";
  EXPECT_THAT(to_f64(run(text, {f32({1, 2}, {3, 5})}).at("y")), ElementsAre(3, 10));
  EXPECT_THAT(message([&] { read("node { name: \"x\" op: \"Placeholder\" attr { key: \"dtype\" value { type: DT_FLOTE } } }"); }), HasSubstr("'DT_FLOTE' is no type"));
}

// A text graph of OpenCV's with its weights in a frozen graph of the same name: padding by SpaceToBatchND, layers of its own.
TEST(TensorFlow, OpenCVTextGraph) {
  const auto folder = std::filesystem::temp_directory_path() / ("saccade_opencv_" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "m.pbtxt") << R"(
node { name: "data" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } }
node { name: "block" op: "Const" attr { key: "value" value { tensor { dtype: DT_INT32 tensor_shape { dim { size: 2 } } int_val: 1 int_val: 1 } } } }
node { name: "pads" op: "Const" attr { key: "value" value { tensor { dtype: DT_INT32 tensor_shape { dim { size: 2 } dim { size: 2 } } int_val: 1 int_val: 0 int_val: 0 int_val: 0 } } } }
node { name: "pad" op: "SpaceToBatchND" input: "data:0" input: "block" input: "pads" }
node { name: "scaled" op: "Mul" input: "pad" input: "w" }
node { name: "unpad" op: "BatchToSpaceND" input: "scaled" }
node { name: "flat" op: "Flatten" input: "unpad" }
node { name: "norm" op: "L2Normalize" input: "flat" }
node { name: "y" op: "Softmax" input: "flat" attr { key: "axis" value { i: 1 } } }
node { name: "priors" op: "PriorBox" input: "pad" input: "data" attr { key: "min_size" value { i: 2 } } attr { key: "offset" value { f: 0.5 } } attr { key: "variance" value { f: 0.1 } } }
)";
  std::ofstream(folder / "m.pb", std::ios::binary) << graph_def({constant("w", tensor({1}, std::vector<float>{2})), node("unused", "FooBar")});
  for (const char* file : {"m.pb", "m.pbtxt"}) {
    const auto results = run(*import::read_model(folder / file, {.outputs = {"flat", "norm", "y", "priors"}}), {f32({1, 1, 1, 2}, {3, 4})});
    EXPECT_THAT(to_f64(results.at("flat")), ElementsAre(0, 0, 6, 8)) << file;
    EXPECT_THAT(to_f64(results.at("norm")), Pointwise(DoubleNear(1e-6), std::vector<double>{0, 0, 0.6, 0.8}));
    EXPECT_EQ(results.at("y").shape(), (Shape{1, 4}));
    EXPECT_EQ(results.at("priors").shape(), (Shape{1, 2, 8}));
  }
  std::filesystem::remove(folder / "m.pb");
  EXPECT_THAT(message([&] { import::read_model(folder / "m.pbtxt"); }), HasSubstr("without its weights"));
  std::filesystem::remove_all(folder);
}

TEST(TensorFlow, KindsAreToldApart) {
  const std::string model = graph_def({placeholder("x", kFloat, {2}), node("y", "Relu", {"x"})});
  const auto kind = [](const std::string& bytes) { return looks_like({bytes.data(), bytes.size()}); };
  EXPECT_EQ(kind(model), Kind::graph);
  EXPECT_EQ(kind(meta_graph(model)), Kind::meta_graph);
  EXPECT_EQ(kind(saved_model(meta_graph(model))), Kind::saved_model);
  EXPECT_EQ(kind(checkpoint({}).index), Kind::checkpoint);
  EXPECT_EQ(kind(tar({{"a/frozen_inference_graph.pb", model}})), Kind::archive);
  EXPECT_EQ(kind("\x0a\x05lenet\x12"), std::nullopt);
}

}  // namespace
}  // namespace saccade::tensorflow
