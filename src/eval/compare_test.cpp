// SPDX-License-Identifier: Apache-2.0
// Comparing tensors, detections and models.
#include "eval/compare.h"

#include <gtest/gtest.h>

#include <limits>

#include "graph/text.h"
#include "ops/registry.h"
#include "saccade/error.h"

namespace saccade::eval {
namespace {

TEST(Compare, MeasuresInDeviationsOfEachGroup) {
  // two channels: one of numbers about 1, one about 1000
  const Tensor b = Tensor::from<float>({1, 2, 1, 2}, {-1, 1, -1000, 1000}), a = Tensor::from<float>({1, 2, 1, 2}, {-1, 1.5f, -1000, 1000});
  const Difference d = compare("y", a, b);
  EXPECT_FLOAT_EQ(static_cast<float>(d.max_abs), 0.5f);
  EXPECT_NEAR(d.deviation, 0.5, 1e-6);  // of the first channel's deviation of 1, which is as much as a thousandth of the largest
  EXPECT_FALSE(d.within(1e-4));
  EXPECT_TRUE(compare("y", b, b).within(0));
}

TEST(Compare, IntegersShapesAndNaN) {
  const Difference d = compare("i", Tensor::from<std::int64_t>({4}, {1, 2, 3, 4}), Tensor::from<std::int64_t>({4}, {1, 2, 3, 5}));
  EXPECT_TRUE(d.integer);
  EXPECT_EQ(d.deviation, 0.25);
  EXPECT_EQ(compare("s", Tensor::from<float>({2}, {0, 0}), Tensor::from<float>({1}, {0})).mismatch, "[2] instead of [1]");
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(compare("n", Tensor::from<float>({2}, {nan, 1}), Tensor::from<float>({2}, {nan, nan})).not_finite, 1);
}

TEST(Compare, MatchesDetectionsAsSets) {
  const Tensor a = Tensor::from<float>({1, 1, 3, 7}, {0, 1, 0.9f, 0, 0, 1, 1, 0, 2, 0.8f, 0, 0, 0.5f, 0.5f, -1, 0, 0, 0, 0, 0, 0});
  const Tensor b = Tensor::from<float>({1, 1, 3, 7}, {0, 2, 0.8f, 0, 0, 0.5f, 0.5f, 0, 1, 0.9002f, 0, 0, 1, 1, 0, 1, 0.1f, 0, 0, 1, 1});
  const Matching m = match_rows(a, b, 1e-3);
  EXPECT_EQ(m.expected, 3);
  EXPECT_EQ(m.found, 2);
  EXPECT_EQ(m.matched, 2);
}

std::shared_ptr<const graph::Graph> parse(const char* text) { return std::make_shared<graph::Graph>(graph::parse(text, ops::find_op)); }

TEST(Diff, NamesTheFirstValueFromWhichModelsPart) {
  const auto a = parse("graph(%x: f32[1,4]) { %a = Relu(%x) %b = Multiply(%a, f32{2}) %c = Add(%b, f32{1}) return %c as \"y\" }");
  const auto b = parse("graph(%x: f32[1,4]) { %a = Relu(%x) %b = Multiply(%a, f32{3}) %c = Add(%b, f32{1}) return %c as \"y\" }");
  const auto same = diff(a, a, random_inputs(*a));
  EXPECT_TRUE(same.within);
  EXPECT_EQ(same.first, -1);
  EXPECT_EQ(same.values.size(), 3u);
  const auto parted = diff(a, b, random_inputs(*a));
  EXPECT_FALSE(parted.within);
  ASSERT_GE(parted.first, 0);
  EXPECT_EQ(parted.values[static_cast<std::size_t>(parted.first)].name, "b");
}

TEST(Diff, TurnsChannels) {
  const auto a = parse("graph(%x: f32[1,2,3,4]) { return ReduceSum(%x, i64[3]{1,2,3}) as \"y\" }");
  const auto b = parse("graph(%image: f32[1,3,4,2]) { return ReduceSum(%image, i64[3]{1,2,3}) as \"sum\" }");
  EXPECT_TRUE(diff(a, b, random_inputs(*a)).within);
}

TEST(Diff, VerifiesAgainstArrays) {
  const auto a = parse("graph(%x: f32[2]) { return Negative(%x) as \"y\" }");
  NamedTensors reference{{"x", Tensor::from<float>({2}, {1, 2})}, {"y", Tensor::from<float>({2}, {-1, -2})}};
  EXPECT_TRUE(verify(a, reference).within);
  reference["y"] = Tensor::from<float>({2}, {-1, 2});
  EXPECT_FALSE(verify(a, reference).within);
  reference.erase("y");
  EXPECT_THROW(verify(a, reference), Error);
  EXPECT_THROW(verify(a, {{"y", Tensor::from<float>({2}, {-1, -2})}}), Error);
}

}  // namespace
}  // namespace saccade::eval
