// SPDX-License-Identifier: Apache-2.0
// Layers of every operator set and of old versions, held against the graph that they mean.
#include <gtest/gtest.h>

#include "graph/text.h"
#include "import/importer.h"
#include "ops/evaluate_graph.h"
#include "ops/registry.h"
#include "saccade/error.h"
#include "support/ir_writer.h"
#include "tensor/numeric.h"

namespace saccade {
namespace {

using testing::Dims;
using testing::IrFiles;
using testing::IrLayer;
using testing::IrNet;
using testing::IrOut;

using Build = std::function<IrOut(IrNet&, IrOut)>;  // from the input %x to the output

struct Case {
  std::string name;
  std::string input;  // "f32[1,2,4,4]"
  Build build;
  std::string expected;  // the expression in graph text, of %x
  int version = 11;
};

std::string text(const graph::Graph& graph) { return graph::print(graph, {.canonical = true}); }

Dims dims_of(const std::string& type) {
  Dims dims;
  const std::string inside = type.substr(type.find('[') + 1, type.find(']') - type.find('[') - 1);
  std::string number;
  for (char c : inside + ",")
    if (c != ',') number += c;
    else if (!number.empty()) dims.push_back(std::stoll(number)), number.clear();
  return dims;
}

void check(const Case& test) {
  SCOPED_TRACE(test.name);
  IrNet net(test.version);
  const std::string element = test.input.substr(0, test.input.find('['));
  const IrOut x = test.version >= 10 ? net.parameter("x", dims_of(test.input), element) : net.add({"Input", "", "", {}, {{dims_of(test.input)}}, "x"});
  IrOut y = test.build(net, x);
  if (test.version >= 10) net.result(y);
  const IrFiles files(net.xml(), net.bin());
  try {
    const auto graph = import::read_model(files.path());
    const bool is_body = test.expected.find("return") != std::string::npos;
    const std::string expected = "graph(%x: " + test.input + ") { " + (is_body ? "" : "return ") + test.expected + " }";
    EXPECT_EQ(text(*graph), text(graph::parse(expected, ops::find_op)));
  } catch (const Error& e) {
    ADD_FAILURE() << e.what();
  }
}

IrOut one(IrNet& net, IrOut x, std::string type, std::string version, std::string data = {}) { return net.add({std::move(type), std::move(version), std::move(data), {x}}); }

Case plain(std::string type, std::string version, std::string expected, std::string data = {}, std::string input = "f32[2,3]") {
  return {type + " " + version, std::move(input), [=](IrNet& net, IrOut x) { return one(net, x, type, version, data); }, std::move(expected)};
}

TEST(OpenvinoRows, Elementwise) {
  for (const char* name : {"Abs", "Acos", "Asin", "Atan", "Ceiling", "Cos", "Cosh", "Erf", "Exp", "Floor", "Log", "Negative", "Sigmoid", "Sign", "Sin", "Sinh", "Sqrt", "Tan", "Tanh"})
    check(plain(name, "opset1", std::string(name) + "(%x)"));
  for (const char* name : {"Acosh", "Asinh", "Atanh", "HSwish", "Mish", "SoftPlus"}) check(plain(name, "opset4", std::string(name) + "(%x)"));
  check(plain("ReLU", "opset1", "Relu(%x)"));
  check(plain("Clamp", "opset1", "Clamp(%x) {min=-1 max=6}", "min=\"-1\" max=\"6.0\""));
  check(plain("Elu", "opset1", "Elu(%x) {alpha=0.5}", "alpha=\"0.5\""));
  check(plain("HSigmoid", "opset5", "HSigmoid(%x)"));
  check(plain("Round", "opset5", "Round(%x)", "mode=\"half_to_even\""));
  check(plain("Round", "opset5", "Multiply(Sign(%x), Floor(Add(Abs(%x), f32{0.5})))", "mode=\"half_away_from_zero\""));
  check(plain("Gelu", "opset2", "GeluErf(%x)"));
  check(plain("Gelu", "opset7", "GeluTanh(%x)", "approximation_mode=\"TANH\""));
  check(plain("Swish", "opset4", "Swish(%x) {beta=1}"));
  check(plain("SoftSign", "opset9", "SoftSign(%x)"));
  check(plain("IsNaN", "opset10", "IsNaN(%x)"));
  check(plain("IsInf", "opset10", "IsInf(%x) {detect_negative=0}", "detect_negative=\"0\" detect_positive=\"1\""));
  check(plain("IsFinite", "opset10", "LogicalNot(LogicalOr(IsNaN(%x), IsInf(%x)))"));
  check(plain("LogicalNot", "opset1", "LogicalNot(%x)", "", "boolean[2]"));
  check(plain("BitwiseNot", "opset13", "BitwiseNot(%x)", "", "i32[2]"));
  check(plain("Convert", "opset1", "Convert(%x) {destination_type=i32}", "destination_type=\"i32\""));
  for (const char* name : {"Add", "Subtract", "Multiply", "Maximum", "Minimum", "Power", "Mod", "FloorMod", "SquaredDifference", "Equal", "NotEqual", "Less", "LessEqual", "Greater", "GreaterEqual"})
    check({name, "f32[2,3]", [=](IrNet& net, IrOut x) { return net.add({name, "opset1", "auto_broadcast=\"numpy\"", {x, net.f32({3}, {1, 2, 3})}}); }, std::string(name) + "(%x, f32[3]{1,2,3})"});
  for (const char* name : {"LogicalAnd", "LogicalOr", "LogicalXor"})
    check({name, "boolean[2]", [=](IrNet& net, IrOut x) { return net.add({name, "opset1", "", {x, x}}); }, std::string(name) + "(%x, %x)"});
  check({"Divide flooring", "i32[2]", [](IrNet& net, IrOut x) { return net.add({"Divide", "opset1", "m_pythondiv=\"true\"", {x, x}}); }, "FloorDivide(%x, %x)"});
  check({"Divide truncating", "i32[2]", [](IrNet& net, IrOut x) { return net.add({"Divide", "opset1", "m_pythondiv=\"false\"", {x, x}}); }, "Divide(%x, %x)"});
  check({"Selu", "f32[2]", [](IrNet& net, IrOut x) { return net.add({"Selu", "opset1", "", {x, net.f32({}, {2}), net.f32({}, {3})}}); }, "Selu(%x) {alpha=2 gamma=3}"});
  check({"HardSigmoid", "f32[2]", [](IrNet& net, IrOut x) { return net.add({"HardSigmoid", "opset1", "", {x, net.f32({}, {2}), net.f32({}, {3})}}); }, "HardSigmoid(%x) {alpha=2 beta=3}"});
  check({"Swish with beta", "f32[2]", [](IrNet& net, IrOut x) { return net.add({"Swish", "opset4", "", {x, net.f32({}, {2})}}); }, "Swish(%x) {beta=2}"});
  check({"a slope a channel", "f32[1,2,3,3]", [](IrNet& net, IrOut x) { return net.add({"PReLU", "opset1", "", {x, net.f32({2}, {1, 2})}}); }, "Prelu(%x, Reshape(f32[2]{1,2}, i64[3]{-1,1,1}))"});
  check({"FakeQuantize", "f32[2]", [](IrNet& net, IrOut x) { return net.add({"FakeQuantize", "opset1", "levels=\"256\" auto_broadcast=\"numpy\"", {x, net.f32({}, {0}), net.f32({}, {1}), net.f32({}, {2}), net.f32({}, {3})}}); },
         "FakeQuantize(%x, f32{0}, f32{1}, f32{2}, f32{3}) {levels=256}"});
}

TEST(OpenvinoRows, OldVersionsOfOperators) {
  check(plain("SoftMax", "opset1", "Softmax(%x) {axis=1}"));
  check(plain("SoftMax", "opset8", "Softmax(%x) {axis=-1}", "axis=\"-1\""));
  check(plain("LogSoftmax", "opset5", "LogSoftmax(%x) {axis=0}", "axis=\"0\""));
  check(plain("ShapeOf", "opset1", "ShapeOf(%x)"));
  check(plain("ShapeOf", "opset3", "ShapeOf(%x) {output_type=i32}", "output_type=\"i32\""));
  check(plain("MVN", "opset2", "MVN(%x, i64[2]{1,2}) {eps=1e-3}", "across_channels=\"true\" normalize_variance=\"true\" eps=\"0.001\"", "f32[1,2,3]"));
  check(plain("MVN", "opset2", "MVN(%x, i64[1]{2}) {eps=1e-3 normalize_variance=false}", "across_channels=\"false\" normalize_variance=\"false\" eps=\"0.001\"", "f32[1,2,3]"));
  check({"BatchNormInference 1", "f32[1,2,3]",
         [](IrNet& net, IrOut x) {
           const auto c = [&](float v) { return net.f32({2}, {v, v}); };
           return net.add({"BatchNormInference", "opset1", "epsilon=\"0.5\"", {c(1), c(2), x, c(3), c(4)}});
         },
         "BatchNormInference(%x, f32[2]{1,1}, f32[2]{2,2}, f32[2]{3,3}, f32[2]{4,4}) {epsilon=0.5}"});
  check({"BatchNormInference 5", "f32[1,2,3]",
         [](IrNet& net, IrOut x) {
           const auto c = [&](float v) { return net.f32({2}, {v, v}); };
           return net.add({"BatchNormInference", "opset5", "epsilon=\"0.5\"", {x, c(1), c(2), c(3), c(4)}});
         },
         "BatchNormInference(%x, f32[2]{1,1}, f32[2]{2,2}, f32[2]{3,3}, f32[2]{4,4}) {epsilon=0.5}"});
  for (const char* version : {"opset1", "opset7", "opset8"})
    check({"Gather", "f32[3,2]", [=](IrNet& net, IrOut x) { return net.add({"Gather", version, "", {x, net.i64({0, 2}), net.i64_scalar(0)}}); }, "Gather(%x, i64[2]{0,2}, i64{0})"});
  check({"GatherND 5 joins the batch", "f32[2,2,3]", [](IrNet& net, IrOut x) { return net.add({"GatherND", "opset5", "batch_dims=\"2\"", {x, net.constant<std::int64_t>("i64", {2, 2, 1}, {0, 1, 2, 0})}}); },
         "Reshape(GatherND(%x, i64[2,2,1]{0,1,2,0}) {batch_dims=2}, i64[1]{-1})"});
  check({"Broadcast 1", "f32[3]", [](IrNet& net, IrOut x) { return net.add({"Broadcast", "opset1", "mode=\"explicit\"", {x, net.i64({3, 2}), net.i64({0})}}); },
         "Broadcast(%x, i64[2]{3,2}, i64[1]{0}) {mode=explicit}"});
  for (const char* version : {"opset1", "opset3"})
    check({"TopK", "f32[2,3]", [=](IrNet& net, IrOut x) { return net.add({"TopK", version, "axis=\"1\" mode=\"max\" sort=\"value\"", {x, net.i64_scalar(2)}, {{{2, 2}}, {{2, 2}, "I32"}}}); },
           "%a, %b = TopK(%x, i64{2}) {axis=1 index_element_type=i32 stable=false} return %a"});
  check({"Range 1", "f32[2]", [](IrNet& net, IrOut x) { return net.add({"Add", "opset1", "", {x, net.add({"Range", "opset1", "", {net.f32({}, {0}), net.f32({}, {2}), net.f32({}, {1})}})}}); },
         "Add(%x, Range(f32{0}, f32{2}, f32{1}) {output_type=f32})"});
  check({"Interpolate 1", "f32[1,2,4,4]", [](IrNet& net, IrOut x) { return net.add({"Interpolate", "opset1", "axes=\"2,3\" mode=\"linear\" align_corners=\"1\" antialias=\"0\" pads_begin=\"0\" pads_end=\"0\"", {x, net.i64({8, 8})}}); },
         "Resize(%x, i64[2]{8,8}) {axes=[2,3] mode=linear coordinates=align_corners nearest=simple}"});
  check({"Interpolate 4 by sizes", "f32[1,2,4,4]",
         [](IrNet& net, IrOut x) {
           return net.add({"Interpolate", "opset4",
                           "mode=\"nearest\" shape_calculation_mode=\"sizes\" coordinate_transformation_mode=\"asymmetric\" nearest_mode=\"floor\" antialias=\"false\" pads_begin=\"0,0,0,0\" pads_end=\"0,0,0,0\" cube_coeff=\"-0.75\"",
                           {x, net.i64({8, 8}), net.f32({2}, {2, 2}), net.i64({2, 3})}});
         },
         "Resize(%x, i64[2]{8,8}) {axes=[2,3] coordinates=asymmetric nearest=floor}"});
  check({"Interpolate 4 by scales, padded", "f32[1,1,4,4]",
         [](IrNet& net, IrOut x) {
           return net.add({"Interpolate", "opset4", "mode=\"linear_onnx\" shape_calculation_mode=\"scales\" pads_begin=\"0,0,1,0\" pads_end=\"0\"", {x, net.i64({8, 8}), net.f32({2}, {2, 2}), net.i64({2, 3})}});
         },
         "Resize(Pad(%x, i64[4]{0,0,1,0}, i64[4]{all 0}), f32[2]{2,2}) {axes=[2,3] mode=linear shape_calculation=scales}"});
  check({"Interpolate 11", "f32[1,2,4,4]", [](IrNet& net, IrOut x) { return net.add({"Interpolate", "opset11", "mode=\"cubic\" shape_calculation_mode=\"sizes\" coordinate_transformation_mode=\"half_pixel\" cube_coeff=\"-0.5\"", {x, net.i64({8, 8}), net.i64({2, 3})}}); },
         "Resize(%x, i64[2]{8,8}) {axes=[2,3] mode=cubic cubic_coeff_a=-0.5}"});
  check({"MaxPool 1", "f32[1,2,4,4]", [](IrNet& net, IrOut x) { return one(net, x, "MaxPool", "opset1", "kernel=\"2,2\" strides=\"2,2\" pads_begin=\"0,0\" pads_end=\"0,0\" rounding_type=\"ceil\" auto_pad=\"explicit\""); },
         "MaxPool(%x) {kernel=[2,2] strides=[2,2] pads_begin=[0,0] pads_end=[0,0] rounding_type=ceil}"});
  check({"AvgPool 1", "f32[1,2,4,4]", [](IrNet& net, IrOut x) { return one(net, x, "AvgPool", "opset1", "kernel=\"2,2\" strides=\"2,2\" pads_begin=\"0,0\" pads_end=\"0,0\" exclude-pad=\"false\""); },
         "AvgPool(%x) {kernel=[2,2] strides=[2,2] pads_begin=[0,0] pads_end=[0,0] exclude_pad=false}"});
}

TEST(OpenvinoRows, PutTogether) {
  const auto sliced = [](std::string begin_mask, std::string end_mask, std::string shrink, std::string added) {
    return [=](IrNet& net, IrOut x) {
      return net.add({"StridedSlice", "opset1", fmt::format("begin_mask=\"{}\" end_mask=\"{}\" shrink_axis_mask=\"{}\" new_axis_mask=\"{}\" ellipsis_mask=\"\"", begin_mask, end_mask, shrink, added), {x, net.i64({0, 1}), net.i64({0, 3}), net.i64({1, 1})}});
    };
  };
  check({"ranges", "f32[4,5]", sliced("1,0", "1,0", "0,0", "0,0"), "Slice(%x, i64[1]{1}, i64[1]{3}, i64[1]{1}, i64[1]{1})"});
  check({"an index", "f32[4,5]", sliced("0,0", "0,0", "1,0", "0,0"), "Squeeze(Slice(%x, i64[2]{0,1}, i64[2]{1,3}, i64[2]{1,1}, i64[2]{0,1}), i64[1]{0})"});
  check({"a new axis", "f32[4,5]", sliced("0,0", "0,0", "0,0", "1,0"), "Unsqueeze(Slice(%x, i64[1]{1}, i64[1]{3}, i64[1]{1}, i64[1]{0}), i64[1]{0})"});
  check({"ShuffleChannels", "f32[1,4,2]", [](IrNet& net, IrOut x) { return one(net, x, "ShuffleChannels", "opset1", "axis=\"1\" group=\"2\""); }, "Reshape(Transpose(Reshape(%x, i64[4]{1,2,2,2}), i64[4]{0,2,1,3}), i64[3]{1,4,2})"});
  check({"GRN", "f32[1,4,2]", [](IrNet& net, IrOut x) { return one(net, x, "GRN", "opset1", "bias=\"0.5\""); }, "NormalizeL2(%x, i64[1]{1}) {eps=0.5}"});
  check({"Bucketize", "f32[2]", [](IrNet& net, IrOut x) { return net.add({"Bucketize", "opset3", "output_type=\"i32\" with_right_bound=\"true\"", {x, net.f32({2}, {1, 2})}}); },
         "ReduceSum(Convert(Greater(Unsqueeze(%x, i64[1]{-1}), f32[2]{1,2})) {destination_type=i32}, i64[1]{-1})"});
  check({"SliceScatter", "f32[5]", [](IrNet& net, IrOut x) { return net.add({"SliceScatter", "opset15", "", {x, net.f32({2}, {1, 2}), net.i64({1}), net.i64({4}), net.i64({2})}}); },
         "ScatterUpdate(%x, i64[2]{1,3}, f32[2]{1,2}, i64{0})"});
  check({"an even LRN", "f32[1,4,2]", [](IrNet& net, IrOut x) { return net.add({"LRN", "opset1", "alpha=\"4\" beta=\"1\" bias=\"1\" size=\"4\"", {x, net.i64({1})}}); }, "LRN(%x, i64[1]{1}) {alpha=3 beta=1 size=3}"});
  check({"AdaptiveAvgPool", "f32[1,1,4]", [](IrNet& net, IrOut x) { return net.add({"AdaptiveAvgPool", "opset8", "", {x, net.i64({2})}}); }, "MatMul(%x, f32[4,2]{0.5,0,0.5,0,0,0.5,0,0.5})"});
  check({"ScaledDotProductAttention", "f32[1,2,3,4]", [](IrNet& net, IrOut x) { return net.add({"ScaledDotProductAttention", "opset13", "causal=\"true\"", {x, x, x}}); }, "Attention(%x, %x, %x) {is_causal=true}"});
}

TEST(OpenvinoRows, StagesOfDetectors) {
  const auto values = [](std::size_t n) { return std::vector<float>(n, 1.0f); };
  check({"TopKROIs", "f32[3,4]", [&](IrNet& net, IrOut x) { return net.add({"ExperimentalDetectronTopKROIs", "opset6", "max_rois=\"2\"", {x, net.f32({3}, {1, 2, 3})}}); },
         "ExperimentalDetectronTopKROIs(%x, f32[3]{1,2,3}) {max_rois=2}"});
  check({"ROIFeatureExtractor", "f32[1,2,4,4]",
         [&](IrNet& net, IrOut x) {
           return net.add({"ExperimentalDetectronROIFeatureExtractor", "opset6", "output_size=\"2\" sampling_ratio=\"1\" pyramid_scales=\"4\" aligned=\"true\"", {net.f32({1, 4}, {0, 0, 8, 8}), x}, {{{1, 2, 2, 2}}, {{1, 4}}}});
         },
         "%a, %b = ExperimentalDetectronROIFeatureExtractor(f32[1,4]{0,0,8,8}, %x) {output_size=2 sampling_ratio=1 pyramid_scales=[4] aligned=true} return %a"});
  check({"MatrixNms", "f32[1,2,4]",
         [&](IrNet& net, IrOut x) {
           return net.add({"MatrixNms", "opset8", "sort_result_type=\"classid\" sort_result_across_batch=\"true\" output_type=\"i32\" decay_function=\"gaussian\" gaussian_sigma=\"3\" keep_top_k=\"7\"", {x, net.f32({1, 1, 2}, values(2))}, {{{-1, 6}}, {{-1, 1}, "I32"}, {{1}, "I32"}}});
         },
         "%a, %b, %c = MatrixNms(%x, f32[1,1,2]{1,1}) {sort_result_type=classid sort_result_across_batch=true output_type=i32 decay_function=gaussian gaussian_sigma=3 keep_top_k=7} return %a"});
  check({"CTCGreedyDecoder", "f32[2,1,3]", [&](IrNet& net, IrOut x) { return net.add({"CTCGreedyDecoder", "opset1", "ctc_merge_repeated=\"false\"", {x, net.f32({2, 1}, values(2))}}); },
         "CTCGreedyDecoder(%x, f32[2,1]{1,1}) {ctc_merge_repeated=false}"});
}

TEST(OpenvinoRows, PicturesAsCamerasGiveThem) {
  const auto run = [](const char* type, Dims dims, std::vector<std::uint8_t> bytes) {
    IrNet net(11);
    net.result(one(net, net.parameter("x", dims, "u8"), type, "opset8"));
    const IrFiles files(net.xml(), net.bin());
    const Tensor picture = Tensor::from<std::uint8_t>(Shape(dims.begin(), dims.end()), std::span<const std::uint8_t>(bytes));
    return to_i64(ops::evaluate(*import::read_model(files.path()), std::vector<Tensor>{picture})[0]);
  };
  const std::vector<std::int64_t> red{254, 0, 0, 160, 0, 0, 254, 0, 0, 254, 0, 0}, blue{0, 0, 254, 0, 0, 160, 0, 0, 254, 0, 0, 254};
  EXPECT_EQ(run("NV12toRGB", {1, 3, 2, 1}, {81, 0, 81, 81, 90, 240}), red);
  EXPECT_EQ(run("I420toBGR", {1, 3, 2, 1}, {81, 0, 81, 81, 90, 240}), blue);
}

TEST(OpenvinoRows, WindowsThatDifferInSize) {
  IrNet net(11);
  const IrOut pool = net.add({"AdaptiveMaxPool", "opset8", "index_element_type=\"i32\"", {net.parameter("x", {1, 1, 2, 5}, "f32"), net.i64({1, 3})}, {{{1, 1, 1, 3}}, {{1, 1, 1, 3}, "I32"}}});
  net.result(pool);
  net.result({pool.layer, 1});
  const IrFiles files(net.xml(), net.bin());
  const auto out = ops::evaluate(*import::read_model(files.path()), std::vector<Tensor>{Tensor::from<float>({1, 1, 2, 5}, std::vector<float>{1, 7, 2, 0, 5, 3, 7, 4, 9, 5})});
  EXPECT_EQ(to_i64(out[0]), (std::vector<std::int64_t>{7, 9, 9}));
  EXPECT_EQ(to_i64(out[1]), (std::vector<std::int64_t>{1, 8, 8}));
}

TEST(OpenvinoRows, LayersOfOldVersions) {
  const auto legacy = [](std::string type, std::string data, std::string inner = {}, Dims out = {1, 2, 4, 4}) {
    return [=](IrNet& net, IrOut x) { return net.add({type, "", data, {x}, {{out}}, "", inner}); };
  };
  const std::string input = "f32[1,2,4,4]";
  check({"ReLU", input, legacy("ReLU", "negative_slope=\"0.0\""), "Relu(%x)", 7});
  check({"ReLU with a slope", input, legacy("ReLU", "negative_slope=\"0.5\""), "LeakyRelu(%x) {alpha=0.5}", 7});
  check({"Power", input, legacy("Power", "power=\"2\" scale=\"3\" shift=\"1\""), "Power(Add(Multiply(%x, f32{3}), f32{1}), f32{2})", 6});
  check({"Permute", input, legacy("Permute", "order=\"0,2,3,1\""), "Transpose(%x, i64[4]{0,2,3,1})", 5});
  check({"Flatten", input, legacy("Flatten", "axis=\"1\""), "Reshape(%x, i64[2]{0,-1}) {special_zero=true}", 3});
  check({"Reshape", input, legacy("Reshape", "axis=\"0\" dim=\"0,-1,2\" num_axes=\"-1\""), "Reshape(%x, i64[3]{0,-1,2}) {special_zero=true}", 3});
  check({"Pooling", input, legacy("Pooling", "kernel=\"2,2\" strides=\"2,2\" pads_begin=\"0,0\" pads_end=\"0,0\" pool-method=\"avg\" exclude-pad=\"true\" rounding_type=\"floor\""),
         "AvgPool(%x) {kernel=[2,2] strides=[2,2] dilations=[1,1] pads_begin=[0,0] pads_end=[0,0]}", 6});
  check({"Pooling of version 2", input, legacy("Pooling", "kernel-x=\"3\" kernel-y=\"2\" stride-x=\"1\" stride-y=\"2\" pad-x=\"1\" pad-y=\"0\" pool-method=\"max\" rounding-type=\"ceil\""),
         "MaxPool(%x) {kernel=[2,3] strides=[2,1] dilations=[1,1] pads_begin=[0,1] pads_end=[0,1] rounding_type=ceil_torch}", 2});
  check({"Norm", input, legacy("Norm", "alpha=\"0.1\" beta=\"0.75\" local-size=\"5\" region=\"across\" k=\"2\""), "LRN(%x, i64[1]{1}) {alpha=0.1 beta=0.75 bias=2 size=5}", 5});
  check({"Activation", input, legacy("Activation", "type=\"tanh\""), "Tanh(%x)", 6});
  check({"Clamp", input, legacy("Clamp", "min=\"0\" max=\"6\""), "Clamp(%x) {min=0 max=6}", 6});
  check({"SoftMax", input, legacy("SoftMax", "axis=\"1\""), "Softmax(%x) {axis=1}", 6});
  check({"Tile", input, legacy("Tile", "axis=\"1\" tiles=\"3\""), "Tile(%x, i64[4]{1,3,1,1})", 6});
  check({"Eltwise", input, [](IrNet& net, IrOut x) { return net.add({"Eltwise", "", "operation=\"sum\" coeff=\"2,1\"", {x, x}}); }, "Add(Multiply(%x, f32{2}), %x)", 6});
  check({"Concat", input, [](IrNet& net, IrOut x) { return net.add({"Concat", "", "axis=\"1\"", {x, x}}); }, "Concat(%x, %x) {axis=1}", 6});
  check({"Interp", input, legacy("Interp", "align_corners=\"1\" height=\"8\" width=\"8\" pad_beg=\"0\" pad_end=\"0\"", "", {1, 2, 8, 8}),
         "Resize(%x, i64[2]{8,8}) {axes=[2,3] mode=linear coordinates=align_corners}", 6});
  check({"Resample", input, legacy("Resample", "type=\"caffe.ResampleParameter.NEAREST\" factor=\"2\" antialias=\"0\"", "", {1, 2, 8, 8}), "Resize(%x, i64[2]{8,8}) {axes=[2,3] coordinates=asymmetric nearest=floor}", 5});
  check({"ScaleShift", "f32[1,2,1,1]",
         [](IrNet& net, IrOut x) {
           const auto w = net.blob(std::vector<float>{2, 3}), b = net.blob(std::vector<float>{4, 5});
           return net.add({"ScaleShift", "", "", {x}, {{{1, 2, 1, 1}}}, "", fmt::format("<blobs><weights offset=\"{}\" size=\"8\"/><biases offset=\"{}\" size=\"8\"/></blobs>", w, b)});
         },
         "Add(Multiply(%x, f32[1,2,1,1]{2,3}), f32[1,2,1,1]{4,5})", 3});
  check({"Convolution", "f32[1,1,2,2]",
         [](IrNet& net, IrOut x) {
           const auto w = net.blob(std::vector<float>{2, 3}), b = net.blob(std::vector<float>{4, 5});
           return net.add({"Convolution", "", "kernel=\"1,1\" output=\"2\" group=\"1\" strides=\"1,1\" dilations=\"1,1\" pads_begin=\"0,0\" pads_end=\"0,0\"", {x}, {{{1, 2, 2, 2}}}, "",
                           fmt::format("<blobs><weights offset=\"{}\" size=\"8\"/><biases offset=\"{}\" size=\"8\"/></blobs>", w, b)});
         },
         "Add(Convolution(%x, f32[2,1,1,1]{2,3}) {strides=[1,1] dilations=[1,1] pads_begin=[0,0] pads_end=[0,0]}, f32[1,2,1,1]{4,5})", 6});
  check({"FullyConnected", "f32[1,2,1,1]",
         [](IrNet& net, IrOut x) {
           const auto w = net.blob(std::vector<float>{2, 3}), b = net.blob(std::vector<float>{4});
           return net.add({"FullyConnected", "", "out-size=\"1\"", {x}, {{{1, 1}}}, "", fmt::format("<blobs><weights offset=\"{}\" size=\"8\"/><biases offset=\"{}\" size=\"4\"/></blobs>", w, b)});
         },
         "Add(MatMul(Reshape(%x, i64[2]{-1,2}), f32[1,2]{2,3}) {transpose_b=true}, f32[1,1]{4})", 6});
  check({"PriorBox", "f32[1,2,4,4]", [](IrNet& net, IrOut x) { return net.add({"PriorBox", "", "min_size=\"4\" max_size=\"\" aspect_ratio=\"2\" flip=\"1\" clip=\"0\" step=\"0\" offset=\"0.5\" variance=\"0.1\"", {x, x}}); },
         "Unsqueeze(PriorBox(Slice(ShapeOf(%x), i64[1]{2}, i64[1]{4}, i64[1]{1}), Slice(ShapeOf(%x), i64[1]{2}, i64[1]{4}, i64[1]{1})) {min_size=[4] aspect_ratio=[2] flip=true offset=0.5 variance=[0.1]}, i64[1]{0})", 5});
}

}  // namespace
}  // namespace saccade
