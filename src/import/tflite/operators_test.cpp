// SPDX-License-Identifier: Apache-2.0
// TFLite's operators one by one, on numbers small enough to be checked by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "import/importer.h"
#include "ops/evaluate_graph.h"
#include "saccade/error.h"
#include "support/tflite_writer.h"
#include "tensor/numeric.h"

namespace saccade {
namespace {

using namespace saccade::testing;
using Doubles = std::vector<double>;

/// An operand: an f32 input, or an i32 or f32 constant.
struct Operand {
  std::vector<std::int32_t> shape;
  Doubles values;
  enum { input, i32, f32, absent } kind = input;
};
Operand x(std::vector<std::int32_t> shape, Doubles values) { return {std::move(shape), std::move(values)}; }
Operand ints(Doubles values) { return {{static_cast<std::int32_t>(values.size())}, std::move(values), Operand::i32}; }
Operand integer(double value) { return {{}, {value}, Operand::i32}; }
Operand table(std::vector<std::int32_t> shape, Doubles values) { return {std::move(shape), std::move(values), Operand::i32}; }
Operand real(std::vector<std::int32_t> shape, Doubles values) { return {std::move(shape), std::move(values), Operand::f32}; }

const Operand kAbsent{{}, {}, Operand::absent};

struct Case {
  const char* name;
  int code;
  std::vector<Operand> operands;
  Shape shape;
  Doubles values;
  std::vector<TfliteOption> options = {};
  int outputs = 1;
  std::int8_t type = kTfF32;
};

const Doubles kSix{1, 2, 3, 4, 5, 6}, kImage{1, 2, 3, 4, 5, 6, 7, 8, 9};
const TfliteOption kSame = byte_option(0, 0), kValid = byte_option(0, 1);
const std::vector<TfliteOption> kPool2{kValid, int_option(1, 1), int_option(2, 1), int_option(3, 2), int_option(4, 2)};

// A cell that adds what it sees, in both directions.
std::vector<Operand> bidirectional_lstm() {
  const Operand zero = real({1, 1}, {0}), none = real({1}, {0}), open = real({1}, {100});
  std::vector<Operand> out{x({1, 2, 1}, {0, 100})};
  for (int direction = 0; direction < 2; ++direction)
    for (const Operand& o : {zero, zero, real({1, 1}, {1}), zero, zero, zero, zero, zero, kAbsent, kAbsent, kAbsent, open, open, none, open, kAbsent, kAbsent}) out.push_back(o);
  for (int state = 0; state < 4; ++state) out.push_back(zero);
  return out;
}

std::vector<Case> cases() {
  const Operand six = x({2, 3}, kSix), image = x({1, 3, 3, 1}, kImage);
  const Operand pair = real({1, 1, 2, 1}, {10, 1});  // O H W I
  return {
      {"ADD", 0, {six, real({3}, {1, 0, -9})}, {2, 3}, {2, 2, 0, 5, 5, 0}, {byte_option(0, 1)}},
      {"MUL", 18, {six, six}, {2, 3}, {1, 4, 6, 6, 6, 6}, {byte_option(0, 3)}},
      {"SUB", 41, {six, real({}, {3})}, {2, 3}, {-1, -1, 0, 1, 1, 1}, {byte_option(0, 2)}},
      {"DIV", 42, {six, real({}, {2})}, {2, 3}, {.5, 1, 1.5, 2, 2.5, 3}},
      {"LEAKY_RELU", 98, {x({2}, {-2, 2})}, {2}, {-.5, 2}, {real_option(0, .25)}},
      {"RELU_0_TO_1", 152, {x({3}, {-2, .5, 2})}, {3}, {0, .5, 1}},
      {"CAST", 53, {x({3}, {-2.5, .5, 2})}, {3}, {-2, 0, 2}, {}, 1, kTfI32},
      {"CAST to boolean", 53, {x({3}, {-.5, 0, 2})}, {3}, {1, 0, 1}, {}, 1, kTfBool},
      {"FAKE_QUANT", 80, {x({3}, {-9, .4, 9})}, {3}, {-1, .5, .5}, {real_option(0, -1), real_option(1, .5), int_option(2, 2)}},
      {"PRELU", 54, {x({1, 1, 2}, {-2, -2}), real({1, 2}, {.5, 2})}, {1, 1, 2}, {-1, -4}},
      {"MEAN", 40, {six, ints({1})}, {2}, {2, 5}},
      {"SUM keeps", 74, {six, ints({0})}, {1, 3}, {5, 7, 9}, {byte_option(0, 1)}},
      {"ARG_MAX", 56, {six, integer(1)}, {2}, {2, 2}, {}, 1, kTfI64},
      {"TOPK_V2", 48, {six, integer(2)}, {2, 2}, {3, 2, 6, 5}, {}, 2},
      {"BUCKETIZE", 147, {x({3}, {-1, 1, 5})}, {3}, {0, 1, 2}, {{TfliteOption::reals, 0}}, 1, kTfI32},
      {"CONV_2D valid",
       3,
       {image, pair, real({1}, {.5})},
       {1, 3, 2, 1},
       {12.5, 23.5, 45.5, 56.5, 78.5, 89.5},
       {kValid, int_option(1, 1), int_option(2, 1)}},
      {"CONV_2D same", 3, {image, pair}, {1, 3, 3, 1}, {12, 23, 30, 45, 56, 60, 78, 89, 90}, {kSame, int_option(1, 1), int_option(2, 1)}},
      {"DEPTHWISE_CONV_2D",
       4,
       {x({1, 1, 2, 2}, {1, 2, 3, 4}), real({1, 1, 2, 2}, {1, 10, 100, 1000})},
       {1, 1, 1, 2},
       {301, 4020},
       {kValid, int_option(1, 1), int_option(2, 1)}},
      {"TRANSPOSE_CONV",
       67,
       {ints({1, 1, 4, 1}), pair, x({1, 1, 2, 1}, {1, 2})},
       {1, 1, 4, 1},
       {10, 1, 20, 2},
       {kSame, int_option(1, 2), int_option(2, 1)}},
      {"TRANSPOSE_CONV with a rest",
       67,
       {ints({1, 1, 5, 1}), pair, x({1, 1, 2, 1}, {1, 2})},
       {1, 1, 5, 1},
       {10, 1, 20, 2, 0},
       {kValid, int_option(1, 2), int_option(2, 1)}},
      {"AVERAGE_POOL_2D", 1, {image}, {1, 2, 2, 1}, {3, 4, 6, 7}, kPool2},
      {"MAX_POOL_2D", 17, {image}, {1, 2, 2, 1}, {5, 6, 8, 9}, kPool2},
      {"L2_POOL_2D",
       12,
       {x({1, 1, 2, 1}, {1, 7})},
       {1, 1, 1, 1},
       {5},
       {kValid, int_option(1, 1), int_option(2, 1), int_option(3, 2), int_option(4, 1)}},
      {"FULLY_CONNECTED", 9, {x({1, 2, 2}, {1, 2, 3, 4}), real({1, 2}, {1, 10}), real({1}, {.5})}, {2, 1}, {21.5, 43.5}},
      {"FULLY_CONNECTED keeps", 9, {x({1, 2, 2}, {1, 2, 3, 4}), real({1, 2}, {1, 10})}, {1, 2, 1}, {21, 43}, {byte_option(2, 1)}},
      {"SOFTMAX", 25, {x({2}, {0, 1})}, {2}, {.119203, .880797}, {real_option(0, 2)}},
      {"L2_NORMALIZATION", 11, {x({1, 2}, {3, 4})}, {1, 2}, {.6, .8}},
      {"LOCAL_RESPONSE_NORMALIZATION",
       13,
       {x({1, 1, 1, 2}, {1, 2})},
       {1, 1, 1, 2},
       {1 / 6., 2 / 6.},
       {int_option(0, 1), real_option(1, 1), real_option(2, 1), real_option(3, 1)}},
      {"RESIZE_BILINEAR", 23, {x({1, 1, 2, 1}, {0, 4}), ints({1, 4})}, {1, 1, 4, 1}, {0, 1, 3, 4}, {byte_option(3, 1)}},
      {"RESIZE_BILINEAR of old", 23, {x({1, 1, 2, 1}, {0, 4}), ints({1, 4})}, {1, 1, 4, 1}, {0, 2, 4, 4}},
      {"RESIZE_NEAREST_NEIGHBOR", 97, {x({1, 1, 2, 1}, {0, 4}), ints({1, 3})}, {1, 1, 3, 1}, {0, 0, 4}},
      {"RESHAPE by options", 22, {six}, {3, 2}, kSix, {ints_option(0, {3, -1})}},
      {"SQUEEZE", 43, {x({1, 2, 1}, {1, 2})}, {1, 2}, {1, 2}, {ints_option(0, {2})}},
      {"EXPAND_DIMS", 70, {six, integer(1)}, {2, 1, 3}, kSix},
      {"TRANSPOSE", 39, {six, ints({1, 0})}, {3, 2}, {1, 4, 2, 5, 3, 6}},
      {"CONCATENATION", 2, {six, six}, {2, 6}, {1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6}, {int_option(0, 1)}},
      {"PACK", 83, {x({2}, {1, 2}), x({2}, {3, 4})}, {2, 2}, {1, 3, 2, 4}, {int_option(0, 2), int_option(1, 1)}},
      {"UNPACK", 88, {six}, {2}, {1, 4}, {int_option(0, 3), int_option(1, 1)}, 3},
      {"SPLIT", 49, {integer(1), six}, {2, 1}, {1, 4}, {int_option(0, 3)}, 3},
      {"SPLIT_V", 102, {six, ints({2, 1}), integer(1)}, {2, 2}, {1, 2, 4, 5}, {int_option(0, 2)}, 2},
      {"SLICE", 65, {six, ints({1, 1}), ints({-1, 2})}, {1, 2}, {5, 6}},
      {"STRIDED_SLICE", 45, {six, ints({0, 9}), ints({9, 0}), ints({1, -2})}, {2, 2}, {3, 1, 6, 4}, {int_option(0, 2), int_option(1, 3)}},
      {"STRIDED_SLICE shrinks",
       45,
       {six, ints({-1, 0}), ints({0, 0}), ints({1, 1})},
       {3},
       {4, 5, 6},
       {int_option(0, 2), int_option(1, 2), int_option(4, 1)}},
      {"STRIDED_SLICE inserts",
       45,
       {six, ints({0, 0, 1}), ints({0, 0, 2}), ints({1, 1, 1})},
       {1, 2, 1},
       {2, 5},
       {int_option(2, 2), int_option(3, 1)}},
      {"PAD", 34, {x({2}, {1, 2}), table({1, 2}, {1, 2})}, {5}, {0, 1, 2, 0, 0}},
      {"PADV2", 60, {x({2}, {1, 2}), table({1, 2}, {1, 0}), real({}, {7})}, {3}, {7, 1, 2}},
      {"MIRROR_PAD", 100, {x({2}, {1, 2}), table({1, 2}, {1, 1})}, {4}, {2, 1, 2, 1}},
      {"MIRROR_PAD symmetric", 100, {x({2}, {1, 2}), table({1, 2}, {1, 1})}, {4}, {1, 1, 2, 2}, {byte_option(0, 1)}},
      {"SPACE_TO_DEPTH", 26, {x({1, 2, 2, 1}, {1, 2, 3, 4})}, {1, 1, 1, 4}, {1, 2, 3, 4}, {int_option(0, 2)}},
      {"DEPTH_TO_SPACE", 5, {x({1, 1, 1, 4}, {1, 2, 3, 4})}, {1, 2, 2, 1}, {1, 2, 3, 4}, {int_option(0, 2)}},
      {"SPACE_TO_BATCH_ND", 38, {x({1, 2, 1, 1}, {1, 2}), ints({2, 1}), table({2, 2}, {0, 0, 0, 0})}, {2, 1, 1, 1}, {1, 2}},
      {"BATCH_TO_SPACE_ND", 37, {x({2, 1, 1, 1}, {1, 2}), ints({2, 1}), table({2, 2}, {0, 1, 0, 0})}, {1, 1, 1, 1}, {1}},
      {"TILE", 69, {x({2}, {1, 2}), ints({2})}, {4}, {1, 2, 1, 2}},
      {"SHAPE", 77, {six}, {2}, {2, 3}, {}, 1, kTfI32},
      {"RANK", 110, {six}, {}, {2}, {}, 1, kTfI32},
      {"FILL", 94, {ints({2}), real({}, {3})}, {2}, {3, 3}},
      {"BROADCAST_TO", 130, {x({2}, {1, 2}), ints({2, 2})}, {2, 2}, {1, 2, 1, 2}},
      {"REVERSE_V2", 105, {six, ints({1})}, {2, 3}, {3, 2, 1, 6, 5, 4}},
      {"REVERSE_SEQUENCE", 112, {six, ints({2, 1})}, {2, 3}, {2, 1, 3, 4, 5, 6}, {int_option(0, 1)}},
      {"CUMSUM", 128, {six, integer(1)}, {2, 3}, {0, 1, 3, 0, 4, 9}, {byte_option(0, 1)}},
      {"RANGE", 96, {real({}, {1}), real({}, {4}), real({}, {1.5})}, {2}, {1, 2.5}},
      {"GATHER", 36, {six, ints({2, 0})}, {2, 2}, {3, 1, 6, 4}, {int_option(0, 1)}},
      {"GATHER_ND", 107, {six, table({1, 2}, {1, 1})}, {1}, {5}},
      {"EMBEDDING_LOOKUP", 7, {ints({1, 1}), six}, {2, 3}, {4, 5, 6, 4, 5, 6}},
      {"SCATTER_ND", 122, {table({2, 1}, {1, 1}), x({2}, {3, 4}), ints({3})}, {3}, {0, 7, 0}},
      {"SPARSE_TO_DENSE", 68, {ints({2, 0}), ints({3}), real({}, {5}), real({}, {1})}, {3}, {5, 1, 5}},
      {"ONE_HOT", 85, {ints({1, 0}), integer(2), real({}, {3}), real({}, {-1})}, {2, 2}, {-1, 3, 3, -1}, {int_option(0, -1)}},
      {"WHERE", 109, {x({3}, {0, 2, 1})}, {2, 1}, {1, 2}, {}, 1, kTfI64},
      {"UNIQUE", 103, {x({4}, {3, 1, 3, 2})}, {3}, {3, 1, 2}, {}, 2},
      {"SEGMENT_SUM", 125, {x({3, 1}, {1, 2, 4}), ints({0, 0, 2})}, {3, 1}, {3, 0, 4}},
      {"UNSORTED_SEGMENT_MAX", 154, {x({3}, {1, 2, 4}), ints({1, 0, 1}), integer(2)}, {2}, {2, 4}},
      {"MATRIX_DIAG", 113, {x({2}, {1, 2})}, {2, 2}, {1, 0, 0, 2}},
      {"MATRIX_SET_DIAG", 115, {six, x({2}, {8, 9})}, {2, 3}, {8, 2, 3, 4, 9, 6}},
      {"DYNAMIC_UPDATE_SLICE", 151, {six, x({1, 2}, {8, 9}), ints({5, 1})}, {2, 3}, {1, 2, 3, 4, 8, 9}},
      {"UNIDIRECTIONAL_SEQUENCE_RNN",
       35,
       {x({1, 2, 1}, {1, 2}), real({1, 1}, {1}), real({1, 1}, {10}), real({1}, {.5}), real({1, 1}, {0})},
       {1, 2, 1},
       {1.5, 17.5},
       {byte_option(1, 1)}},
      {"BIDIRECTIONAL_SEQUENCE_RNN",
       46,
       {x({1, 2, 1}, {1, 2}), real({1, 1}, {1}), real({1, 1}, {10}), real({1}, {.5}), real({1, 1}, {0}), real({1, 1}, {1}), real({1, 1}, {10}), real({1}, {.5}), real({1, 1}, {0})},
       {1, 2, 2},
       {1.5, 26.5, 17.5, 2.5},
       {byte_option(1, 1), byte_option(2, 1)}},
      {"BIDIRECTIONAL_SEQUENCE_LSTM", 52, bidirectional_lstm(), {1, 2, 2}, {0, std::tanh(1.0), std::tanh(1.0), std::tanh(1.0)}, {byte_option(0, 4), byte_option(3, 1), byte_option(4, 0)}},
      {"SVDF", 27, {x({1, 2}, {1, 2}), real({2, 2}, {1, 0, 0, 1}), real({2, 3}, {9, 9, 10, 9, 9, 100}), real({2}, {.5, -300}), real({1, 6}, {0, 0, 0, 0, 0, 0})}, {1, 2}, {10.5, 0}, {int_option(0, 1), byte_option(1, 1)}},
      {"SVDF of rank 2", 27, {x({1, 2}, {1, 2}), real({2, 2}, {1, 0, 0, 1}), real({2, 1}, {10, 100}), kAbsent, real({1, 2}, {0, 0})}, {1, 1}, {210}, {int_option(0, 2)}},
  };
}

class TfliteOperators : public ::testing::TestWithParam<Case> {};

TEST_P(TfliteOperators, Computes) {
  const Case& c = GetParam();
  TfliteGraph g;
  std::vector<Tensor> inputs;
  std::vector<std::int32_t> operands, outputs;
  for (const Operand& o : c.operands) {
    if (o.kind == Operand::absent) {
      operands.push_back(-1);
      continue;
    }
    operands.push_back(static_cast<std::int32_t>(g.tensors.size()));
    const std::vector<float> values(o.values.begin(), o.values.end());
    const std::vector<std::int32_t> integers(o.values.begin(), o.values.end());
    const std::string name = "in" + std::to_string(g.tensors.size());
    if (o.kind == Operand::input) {
      g.inputs.push_back(operands.back());
      inputs.push_back(Tensor::from<float>(Shape(o.shape.begin(), o.shape.end()), values));
      g.tensors.push_back({name, kTfF32, o.shape});
    } else {
      g.tensors.push_back({name, o.kind == Operand::i32 ? kTfI32 : kTfF32, o.shape,
                           o.kind == Operand::i32 ? tflite_bytes(integers) : tflite_bytes(values)});
    }
  }
  for (int i = 0; i < c.outputs; ++i) {
    outputs.push_back(static_cast<std::int32_t>(g.tensors.size()));
    const bool indices = i > 0 && (c.code == 48 || c.code == 103);
    g.tensors.push_back({"out" + std::to_string(i), indices ? std::int8_t{kTfI32} : c.type, {}});
  }
  auto options = c.options;
  if (c.code == 147) options[0].list = {0, 2};
  g.operators = {{c.code, operands, outputs, options}};
  g.outputs = outputs;
  const auto graph = import::read_model_bytes(tflite_model({.graphs = {g}}));
  const Tensor out = ops::evaluate(*graph, inputs).at(0);
  EXPECT_EQ(out.shape(), c.shape);
  EXPECT_THAT(to_f64(out), ::testing::Pointwise(::testing::DoubleNear(1e-5), c.values));
}

INSTANTIATE_TEST_SUITE_P(All, TfliteOperators, ::testing::ValuesIn(cases()), [](const auto& info) {
  std::string name = info.param.name;
  for (char& ch : name)
    if (!std::isalnum(static_cast<unsigned char>(ch))) ch = '_';
  return name;
});

}  // namespace
}  // namespace saccade
