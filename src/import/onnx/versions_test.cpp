// SPDX-License-Identifier: Apache-2.0
// Elementwise operators whose meaning changed between opset versions: one case a change.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "saccade/error.h"
#include "support/onnx_case.h"

namespace saccade {
namespace {

using namespace saccade::testing;
using ::testing::HasSubstr;
using ::testing::Pointwise;

const Input kMatrix{kFloat, {2, 3}, {1, 2, 3, 4, 5, 6}};
const Input kColumn{kFloat, {2}, {10, 20}};
const Input kRow{kFloat, {3}, {10, 20, 30}};

TEST(OnnxVersions, Elementwise) {
  const std::int64_t one = 1, zero = 0;
  const double huge = std::numeric_limits<float>::infinity();
  const Case cases[] = {
      {"Add-1 aligns at an axis",
       6,
       {"Add", {"a", "b"}, {"y"}, {attribute("broadcast", one), attribute("axis", zero)}},
       {kMatrix, kColumn},
       kFloat,
       {11, 12, 13, 24, 25, 26}},
      {"Add-1 aligns at the end by default",
       6,
       {"Add", {"a", "b"}, {"y"}, {attribute("broadcast", one)}},
       {kMatrix, kRow},
       kFloat,
       {11, 22, 33, 14, 25, 36}},
      {"Mul-1 with a negative axis",
       6,
       {"Mul", {"a", "b"}, {"y"}, {attribute("broadcast", one), attribute("axis", std::int64_t{-1})}},
       {kMatrix, kRow},
       kFloat,
       {10, 40, 90, 40, 100, 180}},
      {"Add-7 broadcasts as NumPy", 7, {"Add", {"a", "b"}, {"y"}}, {kMatrix, kRow}, kFloat, {11, 22, 33, 14, 25, 36}},
      {"Pow-1", 6, {"Pow", {"a", "b"}, {"y"}, {attribute("broadcast", one)}}, {kMatrix, {kFloat, {}, {2}}}, kFloat, {1, 4, 9, 16, 25, 36}},
      {"Pow-12 with an integer exponent", 12, {"Pow", {"a", "b"}, {"y"}}, {kMatrix, {kInt64, {}, {2}}}, kFloat, {1, 4, 9, 16, 25, 36}},
      {"Pow-12 of integers with a float exponent",
       12,
       {"Pow", {"a", "b"}, {"y"}},
       {{kInt32, {2}, {4, 9}}, {kFloat, {}, {0.5}}},
       kInt32,
       {2, 3}},
      {"Less-1",
       6,
       {"Less", {"a", "b"}, {"y"}, {attribute("broadcast", one), attribute("axis", zero)}},
       {kMatrix, {kFloat, {2}, {2, 6}}},
       kBool,
       {1, 0, 0, 1, 1, 0}},
      {"PRelu-6 has a slope a channel",
       6,
       {"PRelu", {"a", "b"}, {"y"}},
       {{kFloat, {1, 2, 2}, {-1, -2, -3, 4}}, kColumn},
       kFloat,
       {-10, -20, -60, 4}},
      {"PRelu-7 broadcasts as NumPy",
       7,
       {"PRelu", {"a", "b"}, {"y"}},
       {{kFloat, {1, 2, 2}, {-1, -2, -3, 4}}, kColumn},
       kFloat,
       {-10, -40, -30, 4}},
      {"Clip-6", 6, {"Clip", {"a"}, {"y"}, {attribute("min", 2.f), attribute("max", 4.f)}}, {kMatrix}, kFloat, {2, 2, 3, 4, 4, 4}},
      {"Clip-6 without bounds keeps infinities", 6, {"Clip", {"a"}, {"y"}}, {{kFloat, {2}, {huge, -huge}}}, kFloat, {huge, -huge}},
      {"Clip-11 with a bound that is computed", 11, {"Clip", {"a", "b"}, {"y"}}, {kMatrix, {kFloat, {}, {3}}}, kFloat, {3, 3, 3, 4, 5, 6}},
      {"Clip-12 of integers",
       12,
       {"Clip", {"a", "b"}, {"y"}},
       {{kInt8, {3}, {-7, 0, 7}}},
       kInt8,
       {-2, 0, 7},
       {tensor_raw("b", kInt8, {}, "\xfe")}},
      {"Clip-13 with its bounds swapped takes the upper one",
       13,
       {"Clip", {"a", "b", "c"}, {"y"}},
       {kRow},
       kFloat,
       {5, 5, 5},
       {tensor_f32("b", {}, {9}), tensor_f32("c", {}, {5})}},
      {"Dropout-6", 6, {"Dropout", {"a"}, {"y"}, {attribute("is_test", one)}}, {kRow}, kFloat, {10, 20, 30}},
      {"Dropout-7", 7, {"Dropout", {"a"}, {"y"}, {attribute("ratio", 0.5f)}}, {kRow}, kFloat, {10, 20, 30}},
      {"Dropout-7 has a mask of the data's type", 7, {"Dropout", {"a"}, {"unused", "y"}}, {kRow}, kFloat, {1, 1, 1}},
      {"Dropout-10 has a mask of booleans", 10, {"Dropout", {"a"}, {"unused", "y"}}, {kRow}, kBool, {1, 1, 1}},
      {"Dropout-13 outside of training",
       13,
       {"Dropout", {"a", "", "c"}, {"y"}},
       {kRow},
       kFloat,
       {10, 20, 30},
       {tensor_raw("c", kBool, {}, std::string_view("\0", 1))}},
      {"Dropout-13 that drops nothing",
       13,
       {"Dropout", {"a", "b", "c"}, {"y"}},
       {kRow},
       kFloat,
       {10, 20, 30},
       {tensor_f32("b", {}, {0}), tensor_raw("c", kBool, {}, "\1")}},
      {"Max-1 of one", 6, {"Max", {"a"}, {"y"}}, {kRow}, kFloat, {10, 20, 30}},
      {"Max-8 broadcasts", 8, {"Max", {"a", "b"}, {"y"}}, {kRow, {kFloat, {}, {15}}}, kFloat, {15, 20, 30}},
      {"Mean-8 of three", 8, {"Mean", {"a", "a", "b"}, {"y"}}, {{kFloat, {2}, {1, 2}}, {kFloat, {2}, {4, 8}}}, kFloat, {2, 4}},
      {"Selu-6 has other defaults than Selu-1", 6, {"Selu", {"a"}, {"y"}}, {{kFloat, {1}, {1}}}, kFloat, {1.05070102214813232421875}},
      {"Selu-1", 5, {"Selu", {"a"}, {"y"}}, {{kFloat, {1}, {1}}}, kFloat, {static_cast<double>(1.0507f)}},
      {"Mod-10 takes the divisor's sign",
       10,
       {"Mod", {"a", "b"}, {"y"}},
       {{kInt32, {2}, {-7, 7}}, {kInt32, {2}, {3, -3}}},
       kInt32,
       {2, -2}},
      {"Mod-10 with fmod takes the dividend's sign",
       10,
       {"Mod", {"a", "b"}, {"y"}, {attribute("fmod", one)}},
       {{kInt32, {2}, {-7, 7}}, {kInt32, {2}, {3, -3}}},
       kInt32,
       {-1, 1}},
      {"Div-7 of integers truncates", 7, {"Div", {"a", "b"}, {"y"}}, {{kInt32, {2}, {-7, 7}}, {kInt32, {}, {2}}}, kInt32, {-3, 3}},
      {"BitShift-11",
       11,
       {"BitShift", {"a", "b"}, {"y"}, {attribute("direction", "LEFT")}},
       {{kInt32, {2}, {1, 3}}, {kInt32, {2}, {4, 1}}},
       kInt32,
       {16, 6}},
      {"Relu-6 of an old exporter",
       6,
       {"Relu", {"a"}, {"y"}, {attribute("consumed_inputs", std::vector<std::int64_t>{0})}},
       {{kFloat, {2}, {-1, 1}}},
       kFloat,
       {0, 1}},
      {"Where-9", 9, {"Where", {"a", "b", "c"}, {"y"}}, {{kBool, {2}, {1, 0}}, kColumn, {kFloat, {}, {7}}}, kFloat, {10, 7}},
      {"IsInf-10 of one sign",
       10,
       {"IsInf", {"a"}, {"y"}, {attribute("detect_negative", zero)}},
       {{kFloat, {3}, {huge, -huge, 1}}},
       kBool,
       {1, 0, 0}},
      {"Constant-12 of integers",
       12,
       {"Constant", {}, {"y"}, {attribute("value_ints", std::vector<std::int64_t>{3, 4})}},
       {},
       kInt64,
       {3, 4}},
      {"Constant-12 of a float", 12, {"Constant", {}, {"y"}, {attribute("value_float", 2.5f)}}, {}, kFloat, {2.5}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    try {
      EXPECT_THAT(run(c), Pointwise(::testing::FloatEq(), c.expected));
    } catch (const Error& e) {
      ADD_FAILURE() << e.what();
    }
  }
}

TEST(OnnxVersions, TrainingIsUnsupported) {
  for (const Case& c :
       {Case{"Dropout-6", 6, {"Dropout", {"a"}, {"y"}}, {kRow}, kFloat, {}},
        Case{"Dropout-13", 13, {"Dropout", {"a", "", "c"}, {"y"}}, {kRow}, kFloat, {}, {tensor_raw("c", kBool, {}, "\1")}}}) {
    try {
      run(c);
      ADD_FAILURE() << c.what;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::unsupported);
      EXPECT_THAT(e.message(), HasSubstr("training mode"));
    }
  }
}

TEST(OnnxVersions, OperatorsThatAreYoungerThanTheModelAreUnsupported) {
  EXPECT_THROW(run({"Gelu", 19, {"Gelu", {"a"}, {"y"}}, {kRow}, kFloat, {}}), Error);
  EXPECT_THROW(run({"Where", 8, {"Where", {"a", "b", "b"}, {"y"}}, {{kBool, {3}, {1, 1, 1}}, kRow}, kFloat, {}}), Error);
}

}  // namespace
}  // namespace saccade
