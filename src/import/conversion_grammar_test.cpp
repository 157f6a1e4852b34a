// SPDX-License-Identifier: Apache-2.0
// The arguments of conversion tools: what they mean and what is refused.
#include "import/conversion_grammar.h"

#include <gtest/gtest.h>

#include "saccade/error.h"

namespace saccade::import {
namespace {

TEST(ConversionGrammar, Inputs) {
  const auto inputs = parse_inputs("a[1 10]{i32},seq->150, 0:n[3 4],n2:1[2]{i32}->[20 15],b[1,?,1..5,-1],flag->True,c{FP16}");
  ASSERT_EQ(inputs.size(), 7u);
  EXPECT_EQ(inputs[0].name, "a");
  EXPECT_EQ(graph::to_string(*inputs[0].shape), "[1,10]");
  EXPECT_EQ(inputs[0].type, ElementType::i32);
  EXPECT_FALSE(inputs[0].frozen);
  EXPECT_EQ(inputs[1].values, std::vector<double>{150});
  EXPECT_TRUE(inputs[1].frozen && inputs[1].scalar);
  EXPECT_EQ(inputs[2].name, "0:n");
  EXPECT_EQ(inputs[3].name, "n2:1");
  EXPECT_EQ(inputs[3].values, (std::vector<double>{20, 15}));
  EXPECT_FALSE(inputs[3].scalar);
  EXPECT_EQ(graph::to_string(*inputs[4].shape), "[1,?,1..5,?]");
  EXPECT_EQ(inputs[5].values, std::vector<double>{1});
  EXPECT_EQ(inputs[6].type, ElementType::f16);
  EXPECT_FALSE(inputs[6].shape.has_value());
  EXPECT_EQ(parse_inputs("[1,3,8,8]{u8}")[0].name, "");
}

TEST(ConversionGrammar, ShapesNumbersAndLayouts) {
  const auto shapes = parse_shapes("[1,3,227,227],(2,..4),[]");
  ASSERT_EQ(shapes.size(), 3u);
  EXPECT_EQ(graph::to_string(shapes[1]), "[2,0..4]");
  EXPECT_EQ(shapes[2].rank(), 0u);
  EXPECT_EQ(graph::to_string(parse_shapes("1,3,8,8")[0]), "[1,3,8,8]");
  const auto means = parse_numbers("data[1,2.5,-3],info[4]");
  ASSERT_EQ(means.size(), 2u);
  EXPECT_EQ(means[0].input, "data");
  EXPECT_EQ(means[0].numbers, (std::vector<double>{1, 2.5, -3}));
  EXPECT_EQ(parse_numbers("(1,2),(3,4)")[1].numbers, (std::vector<double>{3, 4}));
  EXPECT_EQ(parse_numbers("127.5")[0].numbers, std::vector<double>{127.5});
  const auto layouts = parse_layouts("a(nhwc->nchw),b[n,h,w,c]->[n,c,h,w],c([?,c,...])");
  ASSERT_EQ(layouts.size(), 3u);
  EXPECT_EQ(layouts[0].source + ">" + layouts[0].target, "NHWC>NCHW");
  EXPECT_EQ(layouts[1].input + layouts[1].target, "bNCHW");
  EXPECT_EQ(layouts[2].source, "?C...");
  EXPECT_EQ(parse_layouts("nchw")[0].input, "");
  EXPECT_EQ(parse_layouts("[n,h,w,c]->[n,c,h,w]")[0].target, "NCHW");
}

TEST(ConversionGrammar, RefusesNonsense) {
  for (const char* text : {"a[1", "a]1[", "a[1,x]", "a{complex}", "a->", "a->[x]", "a[5..2]", "a[-2]", "a[1.5]", "a[99999999999999999999]"}) EXPECT_THROW(parse_inputs(text), Error) << text;
  for (const char* text : {"[1],2", "[1..x]"}) EXPECT_THROW(parse_shapes(text), Error) << text;
  for (const char* text : {"a[]", "[1,b]", "x[1"}) EXPECT_THROW(parse_numbers(text), Error) << text;
  EXPECT_THROW(parse_layouts("n-c"), Error);
  EXPECT_THROW(parse_frozen("a[1]"), Error);
}

}  // namespace
}  // namespace saccade::import
