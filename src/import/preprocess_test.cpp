// SPDX-License-Identifier: Apache-2.0
// Preparation built into graphs, in mo's order, and graphs cut at values.
#include "import/preprocess.h"

#include <gtest/gtest.h>

#include "graph/text.h"
#include "import/cut.h"
#include "ops/evaluate_graph.h"
#include "ops/registry.h"
#include "saccade/error.h"
#include "tensor/numeric.h"

namespace saccade::import {
namespace {

std::vector<double> run(const graph::Graph& graph, const Tensor& input) {
  const Tensor inputs[] = {input};
  return to_f64(ops::evaluate(graph, inputs)[0]);
}

graph::Graph parse(const std::string& text) { return graph::parse(text, ops::find_op); }

TEST(Preprocess, ReversesThenSubtractsThenDivides) {
  auto graph = parse("graph(%x: f32[1,3,1,1]) { return Relu(%x) as \"y\" }");
  embed(graph, {{.input = "x", .mean = {1, 2, 3}, .scale = {2, 4, 8}, .reverse_channels = true}});
  EXPECT_EQ(run(graph, Tensor::from<float>({1, 3, 1, 1}, {11, 22, 33})), (std::vector<double>{(33 - 1) / 2.0, (22 - 2) / 4.0, (11 - 3) / 8.0}));
  EXPECT_EQ(graph.metadata.at("rt_info/conversion_parameters/mean_values"), "x[1,2,3]");
  EXPECT_EQ(graph.metadata.at("rt_info/conversion_parameters/reverse_input_channels"), "True");
  EXPECT_EQ(graph.inputs().size(), 1u);
}

TEST(Preprocess, TakesAnotherLayoutAndType) {
  auto graph = parse("graph(%x: f32[1,2,1,3]) { return Relu(%x) as \"y\" }");
  embed(graph, {{.input = "x", .mean = {10}, .source_layout = "NCHW", .target_layout = "NHWC", .type = ElementType::u8}});
  EXPECT_EQ(graph::to_string(graph.type(graph.inputs()[0])), "u8[1,1,3,2]");
  EXPECT_EQ(run(graph, Tensor::from<std::uint8_t>({1, 1, 3, 2}, {11, 12, 13, 14, 15, 16})), (std::vector<double>{1, 3, 5, 2, 4, 6}));
  EXPECT_EQ(graph.metadata.at("layout/x"), "[N,H,W,C]");
}

TEST(Preprocess, ResizesPictures) {
  auto graph = parse("graph(%x: f32[1,1,1,2]) { return Relu(%x) as \"y\" }");
  embed(graph, {{.input = "x", .mean = {10}, .source_layout = "NCHW", .target_layout = "NHWC", .type = ElementType::u8, .picture_size = {{2, 4}}}});
  EXPECT_EQ(graph::to_string(graph.type(graph.inputs()[0])), "u8[1,2,4,1]");
  EXPECT_EQ(run(graph, Tensor::from<std::uint8_t>({1, 2, 4, 1}, {10, 20, 30, 40, 50, 60, 70, 80})), (std::vector<double>{25, 45}));
  auto any = parse("graph(%x: f32[1,3,8,8]) { return Relu(%x) as \"y\" }");
  embed(any, {{.input = "x", .source_layout = "NCHW", .picture_size = {{-1, -1}}}});
  EXPECT_EQ(graph::to_string(any.type(any.inputs()[0])), "f32[1,3,?,?]");
  EXPECT_EQ(graph::to_string(any.type(any.outputs()[0].value)), "f32[1,3,8,8]");
  for (const auto& size : {std::array<std::int64_t, 2>{0, 8}, {8, -2}, {8, 1 << 20}})
    EXPECT_THROW(embed(any, {{.input = "x", .source_layout = "NCHW", .picture_size = size}}), Error);
  auto open = parse("graph(%x: f32[1,3,?,8]) { return Relu(%x) as \"y\" }");
  EXPECT_THROW(embed(open, {{.input = "x", .source_layout = "NCHW", .picture_size = {{9, 9}}}}), Error);
  EXPECT_THROW(embed(any, {{.input = "x", .picture_size = {{9, 9}}}}), Error);
}

TEST(Preprocess, FindsTheLayoutOfPictures) {
  const auto layout = [](const Shape& shape) { return picture_layout({ElementType::f32, graph::PartialShape(shape)}, "x"); };
  EXPECT_EQ(layout({1, 3, 8, 8}), "NCHW");
  EXPECT_EQ(layout({1, 8, 8, 3}), "NHWC");
  EXPECT_EQ(layout({1, 1, 8, 3}), "NHWC");
  EXPECT_EQ(layout({1, 8, 8, 4}), "NHWC");
  EXPECT_THROW(layout({1, 8, 8, 5}), Error);
  EXPECT_THROW(layout({3, 8, 8}), Error);
}

TEST(Preprocess, FindsTheChannels) {
  const auto axis = [](const Shape& shape, const char* layout, std::int64_t n) { return channel_axis(graph::PartialShape(shape), layout, n, "x"); };
  EXPECT_EQ(axis({1, 3, 8, 8}, "", 3), 1u);
  EXPECT_EQ(axis({1, 8, 8, 3}, "", 3), 3u);
  EXPECT_EQ(axis({1, 3, 8, 3}, "NCHW", 3), 1u);
  EXPECT_EQ(axis({1, 3, 8, 3}, "N...C", 3), 3u);
  EXPECT_EQ(axis({1, 3, 8, 3}, "?C??", 3), 1u);
  EXPECT_THROW(axis({1, 4, 8, 8}, "", 3), Error);
  EXPECT_THROW(axis({1, 3, 8, 8}, "NHWC", 3), Error);
}

TEST(Preprocess, RefusesWhatDoesNotFit) {
  auto graph = parse("graph(%x: f32[1,3,2,2]) { return Relu(%x) as \"y\" }");
  EXPECT_THROW(embed(graph, {{.input = "z", .mean = {1}}}), Error);
  EXPECT_THROW(embed(graph, {{.input = "x", .mean = {1, 2, 3, 4, 5}}}), Error);
  EXPECT_THROW(embed(graph, {{.input = "x", .scale = {0}}}), Error);
  EXPECT_THROW(embed(graph, {{.input = "x", .source_layout = "NCHW", .target_layout = "NHWD"}}), Error);
}

TEST(Cut, TakesThePartBetweenValues) {
  const auto graph = parse(
      "graph(%x: f32[2], %unused: f32[1]) { %a = Relu(%x) @\"first\" %b = Add(%a, f32{1}) @\"second\" %c, %d = Split(%b, i64{0}) {num_splits=2} @\"third\" return Negative(%d) as \"y\" }");
  const auto middle = cut(graph, {"a"}, {"b"});
  EXPECT_EQ(run(*middle, Tensor::from<float>({2}, {-3, 4})), (std::vector<double>{-2, 5}));
  EXPECT_EQ(middle->inputs().size(), 1u);
  EXPECT_EQ((*middle)[middle->inputs()[0]].name, "a");
  EXPECT_EQ(run(*cut(graph, {"0:second"}, {"third:1"}), Tensor::from<float>({2}, {-3, 4})), std::vector<double>{5});
  EXPECT_EQ(cut(graph, {}, {"a"})->inputs().size(), 2u);
  try {
    cut(graph, {}, {"thirt"});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::not_found);
  }
}

}  // namespace
}  // namespace saccade::import
