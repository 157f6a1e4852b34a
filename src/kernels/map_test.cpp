// SPDX-License-Identifier: Apache-2.0
// Elementwise kernels and conversions: accuracy in units in the last place, special values, sizes around the vectors.
#include "kernels/testing.h"

namespace saccade::kernels {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

class MapTest : public KernelTest {
 protected:
  std::vector<float> apply(const Activation& act, const std::vector<float>& in) const {
    std::vector<float> out(in.size());
    table().unary({.fn = act, .n = static_cast<Index>(in.size()), .in = in.data(), .out = out.data()});
    return out;
  }
  // Distance in ulps of the reference, where results below the smallest normal count as it.
  static double ulps(double expected, float actual) {
    if (std::isnan(expected)) return std::isnan(actual) ? 0 : 1e9;
    const float rounded = static_cast<float>(expected);
    if (std::isinf(rounded) || std::isinf(actual)) return rounded == actual || std::nextafter(rounded, 0.f) == actual ? 0 : 1e9;
    const double unit = std::max(static_cast<double>(std::nextafter(std::fabs(rounded), kInf)) - std::fabs(rounded),
                                 static_cast<double>(std::numeric_limits<float>::min()) * 1.2e-7);
    return std::fabs(expected - actual) / unit;
  }
};

struct Accuracy {
  Activation act;
  float low, high;
  double ulps;
};

TEST_P(MapTest, Accuracy) {
  const std::vector<float> slope(4096, 0.25f);
  const bool fused = table().lanes > 4;
  for (const Accuracy& q : {
           Accuracy{{Fn::exp}, -87, 88.7f, 1}, {{Fn::expm1}, -20, 88, 2}, {{Fn::expm1}, -0.5, 0.5, 2}, {{Fn::log}, 1e-30f, 3, 1},
           {{Fn::log}, 0.5, 2, 1.5}, {{Fn::log}, 1, 1e30f, 1}, {{Fn::log1p}, -0.9f, 5, 3}, {{Fn::log1p}, -1e-3f, 1e-3f, 2},
           {{Fn::sigmoid}, -20, 80, 3}, {{Fn::sigmoid}, -80, -20, 6}, {{Fn::silu}, -20, 80, 3}, {{Fn::silu}, -80, -20, 6}, {{Fn::tanh}, -10, 10, 3}, {{Fn::tanh}, -0.1f, 0.1f, 3},
           {{Fn::softplus}, -80, 80, 3}, {{Fn::mish}, -40, 40, 4}, {{Fn::erf}, -5, 5, 3}, {{Fn::gelu_erf}, -4, 6, 40},
           {{Fn::gelu_tanh}, -3, 6, 12}, {{Fn::elu, 1.5f}, -20, 5, 3}, {{Fn::selu, 1.67f, 1.05f}, -20, 5, 4}, {{Fn::hard_swish}, -5, 5, 4},
           {{Fn::hard_sigmoid, 0.2f, 0.5f}, -2.2f, 5, 4}, {{Fn::leaky_relu, 0.1f}, -5, 5, 1}, {{Fn::sqrt}, 0, 100, 1}, {{Fn::rsqrt}, 1e-3f, 100, 2},
           {{Fn::reciprocal}, 0.1f, 100, 1}, {{Fn::square}, -9, 9, 1}, {{Fn::floor}, -9, 9, 0}, {{Fn::ceil}, -9, 9, 0}, {{Fn::trunc}, -9, 9, 0},
           {{Fn::round_even}, -9, 9, 0}, {{Fn::pow, 2.5f}, 0, 50, 2}, {{Fn::pow, 2}, -50, 50, 1}, {{Fn::pow, 3}, -50, 50, 2},
           {{Fn::prelu, 0, 0, slope.data()}, -3, 3, 1}, {{Fn::relu}, -3, 3, 0}, {{Fn::clip, -1, 2}, -3, 3, 0}, {{Fn::abs}, -3, 3, 0},
           {{Fn::neg}, -3, 3, 0}, {{Fn::sign}, -3, 3, 0}, {{Fn::none}, -3, 3, 0}}) {
    std::mt19937 random(9);
    std::vector<float> in(4096);
    std::uniform_real_distribution<float> number(q.low, q.high);
    for (float& x : in) x = number(random);
    const std::vector<float> out = apply(q.act, in);
    double worst = 0;
    std::size_t at = 0;
    for (std::size_t i = 0; i < in.size(); ++i) {
      const double u = ulps(reference(q.act, in[i], static_cast<Index>(i)), out[i]);
      if (u > worst) {
        worst = u;
        at = i;
      }
    }
    EXPECT_LE(worst, fused ? q.ulps : q.ulps + 2) << "fn " << static_cast<int>(q.act.fn) << " of " << in[at] << " is " << out[at];
  }
}

TEST_P(MapTest, SinesAreAbsolutelyExact) {
  std::vector<float> in;
  for (float x = -1999; x < 2000; x += 0.37f) in.push_back(x);
  for (float x : {3e3f, -1e5f, 1e9f, -3e30f, 0.f, 1e-20f}) in.push_back(x);
  for (Fn fn : {Fn::sin, Fn::cos}) {
    const std::vector<float> out = apply({fn}, in);
    for (std::size_t i = 0; i < in.size(); ++i) ASSERT_NEAR(reference({fn}, in[i]), out[i], 1.5e-7) << in[i];
  }
}

TEST_P(MapTest, HalvesRoundToEven) {
  const std::vector<float> in = {0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 8388607.5f, 1e10f, -1e10f, 0.49999997f};
  const std::vector<float> out = apply({Fn::round_even}, in), expected = {0, 2, 2, -0.f, -2, 8388608.f, 1e10f, -1e10f, 0};
  for (std::size_t i = 0; i < in.size(); ++i) EXPECT_EQ(expected[i], out[i]) << in[i];
}

TEST_P(MapTest, SpecialValues) {
  struct Case {
    Fn fn;
    float at_minus_inf, at_inf;
  };
  for (const Case& q : {Case{Fn::exp, 0, kInf}, {Fn::expm1, -1, kInf}, {Fn::log, NAN, kInf}, {Fn::log1p, NAN, kInf}, {Fn::sigmoid, 0, 1},
                        {Fn::tanh, -1, 1}, {Fn::softplus, 0, kInf}, {Fn::erf, -1, 1}, {Fn::gelu_erf, 0, kInf}, {Fn::gelu_tanh, 0, kInf},
                        {Fn::relu, 0, kInf}, {Fn::floor, -kInf, kInf}, {Fn::round_even, -kInf, kInf}, {Fn::abs, kInf, kInf},
                        {Fn::sign, -1, 1}, {Fn::sqrt, NAN, kInf}, {Fn::sin, NAN, NAN}, {Fn::cos, NAN, NAN}, {Fn::square, kInf, kInf}}) {
    const std::vector<float> out = apply({q.fn}, {-kInf, kInf, NAN, 0.f});
    EXPECT_TRUE(std::abs(out[0] - q.at_minus_inf) < 1e-38f || out[0] == q.at_minus_inf || (std::isnan(out[0]) && std::isnan(q.at_minus_inf))) << static_cast<int>(q.fn) << " " << out[0];
    EXPECT_TRUE(out[1] == q.at_inf || (std::isnan(out[1]) && std::isnan(q.at_inf))) << static_cast<int>(q.fn) << " " << out[1];
    EXPECT_TRUE(std::isnan(out[2])) << static_cast<int>(q.fn) << " of NaN is " << out[2];
  }
  EXPECT_EQ(-kInf, apply({Fn::log}, {0.f})[0]);
  EXPECT_EQ(-kInf, apply({Fn::log1p}, {-1.f})[0]);
  EXPECT_TRUE(std::isnan(apply({Fn::log}, {-1.f})[0]));
  EXPECT_EQ(kInf, apply({Fn::exp}, {89.f})[0]);
  EXPECT_EQ(0.f, apply({Fn::exp}, {-110.f})[0]);
}

TEST_P(MapTest, RowsAndTails) {
  for (Index n : {0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33, 100}) {
    for (Fn fn : {Fn::relu, Fn::silu}) {
      const Index rows = n < 8 ? 531 : 3;  // narrow ones are gathered, block by block
      std::mt19937 random(1);
      Floats in(rows * (n + 2)), out(rows * (n + 5));
      in.fill_rows(random, rows, n + 2, n);
      table().unary({.fn = {fn}, .rows = rows, .n = n, .in = in.data(), .in_pitch = n + 2, .out = out.data(), .out_pitch = n + 5});
      for (Index r = 0; r < rows; ++r) {
        for (Index i = 0; i < n; ++i) ASSERT_NEAR(reference({fn}, in[r * (n + 2) + i]), out[r * (n + 5) + i], 1e-6);
        for (Index i = n; i < n + 5; ++i) ASSERT_TRUE(std::isnan(out[r * (n + 5) + i])) << n;
      }
      EXPECT_TRUE(out.guards_intact());
    }
  }
}

double reference(Binary op, double a, double b) {
  switch (op) {
    case Binary::add: return a + b;
    case Binary::sub: return a - b;
    case Binary::mul: return a * b;
    case Binary::div: return a / b;
    case Binary::min: return std::min(a, b);
    case Binary::max: return std::max(a, b);
    case Binary::pow: return std::pow(a, b);
    case Binary::squared_difference: return (a - b) * (a - b);
    case Binary::floor_mod: return a - std::floor(a / b) * b;
    case Binary::prelu: return a < 0 ? a * b : a;
  }
  return 0;
}

TEST_P(MapTest, Binary) {
  for (Binary op : {Binary::add, Binary::sub, Binary::mul, Binary::div, Binary::min, Binary::max, Binary::pow, Binary::squared_difference,
                    Binary::floor_mod, Binary::prelu}) {
    for (Index n : {1, 2, 4, 5, 8, 16, 19, 35}) {
      for (Index a_step : {0, 1}) {
        for (Index b_step : {0, 1}) {
          for (bool repeat_b : {false, true}) {
            const Index rows = n < 8 ? 258 : 3, a_pitch = a_step ? n : 1, b_pitch = repeat_b ? 0 : b_step ? n + 1 : 1;
            const float low = op == Binary::pow ? 0.1f : -2;
            std::mt19937 random(2);
            Floats a(rows * n), b(rows * (n + 1)), out(rows * (n + 1));
            a.fill(random, low, 2);
            b.fill(random, op == Binary::div ? 0.5f : low, 2);
            table().binary({.op = op, .rows = rows, .n = n, .a = a.data(), .a_pitch = a_pitch, .a_step = a_step, .b = b.data(), .b_pitch = b_pitch,
                            .b_step = b_step, .out = out.data(), .out_pitch = n + 1});
            for (Index r = 0; r < rows; ++r) {
              for (Index i = 0; i < n; ++i) {
                const double expected = reference(op, a[r * a_pitch + i * a_step], b[r * b_pitch + i * b_step]);
                ASSERT_NEAR(expected, out[r * (n + 1) + i], 1e-6 * (1 + std::fabs(expected))) << static_cast<int>(op) << " n=" << n;
              }
              ASSERT_TRUE(std::isnan(out[r * (n + 1) + n]));
            }
            EXPECT_TRUE(out.guards_intact());
          }
        }
      }
    }
  }
}

TEST_P(MapTest, BinaryThenAndNan) {
  const std::vector<float> a = {NAN, 1, -3, 2}, b = {1, NAN, 2, -5};
  std::vector<float> out(4);
  BinaryArgs args{.op = Binary::max, .n = 4, .a = a.data(), .b = b.data(), .out = out.data()};
  table().binary(args);
  EXPECT_TRUE(std::isnan(out[0]) && std::isnan(out[1]));
  EXPECT_EQ(2, out[2]);
  args.op = Binary::min;
  table().binary(args);
  EXPECT_TRUE(std::isnan(out[0]) && std::isnan(out[1]));
  args.op = Binary::add;
  args.then = {Fn::relu};
  table().binary(args);
  EXPECT_EQ(0, out[2]);
  EXPECT_EQ(0, out[3]);
}

TEST_P(MapTest, CompareAndSelect) {
  for (Index n : {1, 7, 16, 21}) {
    std::mt19937 random(3);
    std::vector<float> a(static_cast<std::size_t>(n)), b = a, out(a.size());
    std::vector<std::uint8_t> truth(a.size() + 1, 77);
    for (std::size_t i = 0; i < a.size(); ++i) {
      a[i] = static_cast<float>(random() % 3);
      b[i] = static_cast<float>(random() % 3);
    }
    for (Compare op : {Compare::equal, Compare::not_equal, Compare::less, Compare::less_equal, Compare::greater, Compare::greater_equal}) {
      table().compare({.compare = op, .n = n, .a = a.data(), .b = b.data(), .out_u8 = truth.data()});
      for (std::size_t i = 0; i < a.size(); ++i) {
        const bool expected = op == Compare::equal       ? a[i] == b[i]
                              : op == Compare::not_equal ? a[i] != b[i]
                              : op == Compare::less      ? a[i] < b[i]
                              : op == Compare::less_equal ? a[i] <= b[i]
                              : op == Compare::greater   ? a[i] > b[i]
                                                         : a[i] >= b[i];
        ASSERT_EQ(expected ? 1 : 0, truth[i]);
      }
      EXPECT_EQ(77, truth.back());
    }
    table().select({.n = n, .condition = truth.data(), .a = a.data(), .b = b.data(), .b_step = 0, .out = out.data()});
    for (std::size_t i = 0; i < a.size(); ++i) ASSERT_EQ(truth[i] ? a[i] : b[0], out[i]);
  }
}

TEST_P(MapTest, ScaleShift) {
  for (Index n : {1, 8, 13, 40}) {
    std::mt19937 random(3);
    Floats in(2 * n), scale(n), shift(n), out(2 * (n + 1));
    in.fill(random);
    scale.fill(random);
    shift.fill(random);
    for (int which = 0; which < 4; ++which) {
      const float* s = which & 1 ? scale.data() : nullptr;
      const float* t = which & 2 ? shift.data() : nullptr;
      table().scale_shift({.rows = 2, .n = n, .in = in.data(), .in_pitch = n, .scale = s, .shift = t, .out = out.data(), .out_pitch = n + 1,
                           .then = {Fn::relu}});
      for (Index r = 0; r < 2; ++r) {
        for (Index i = 0; i < n; ++i) {
          ASSERT_NEAR(std::max(0.0, double{in[r * n + i]} * (s ? s[i] : 1.f) + (t ? t[i] : 0.f)), out[r * (n + 1) + i], 1e-6);
        }
      }
      EXPECT_TRUE(out.guards_intact());
    }
  }
}

template <class T>
std::vector<T> converted(const KernelTable& table, Scalar from, Scalar to, const void* src, std::size_t n) {
  std::vector<T> dst(n);
  table.convert({.from = from, .to = to, .src = src, .dst = dst.data(), .n = static_cast<Index>(n)});
  return dst;
}

TEST_P(MapTest, ConvertIntegers) {
  const std::vector<float> in = {0, 1.9f, -1.9f, 127.5f, 128, -128.9f, -129, 255.9f, 256, 1e10f, -1e10f, 1e20f, -1e20f, NAN, kInf, -kInf, -0.5f};
  const auto u8 = converted<std::uint8_t>(table(), Scalar::f32, Scalar::u8, in.data(), in.size());
  const auto i8 = converted<std::int8_t>(table(), Scalar::f32, Scalar::i8, in.data(), in.size());
  const auto i32 = converted<std::int32_t>(table(), Scalar::f32, Scalar::i32, in.data(), in.size());
  const auto i64 = converted<std::int64_t>(table(), Scalar::f32, Scalar::i64, in.data(), in.size());
  for (std::size_t i = 0; i < in.size(); ++i) {
    const auto expected = [&](double low, double high) { return std::isnan(in[i]) ? 0 : std::trunc(std::fmin(std::fmax(in[i], low), high)); };
    EXPECT_EQ(expected(0, 255), u8[i]) << in[i];
    EXPECT_EQ(expected(-128, 127), i8[i]) << in[i];
    EXPECT_EQ(expected(-2147483648.0, 2147483647.0), i32[i]) << in[i];
    if (std::fabs(in[i]) < 9e18f) {
      EXPECT_EQ(static_cast<std::int64_t>(std::trunc(in[i])), i64[i]) << in[i];
    }
  }
  EXPECT_EQ(INT64_MAX, i64[11]);
  EXPECT_EQ(INT64_MIN, i64[12]);
  const auto back = converted<float>(table(), Scalar::i32, Scalar::f32, i32.data(), i32.size());
  for (std::size_t i = 0; i < in.size(); ++i) EXPECT_EQ(static_cast<float>(i32[i]), back[i]);
  const auto from_u8 = converted<float>(table(), Scalar::u8, Scalar::f32, u8.data(), u8.size());
  for (std::size_t i = 0; i < in.size(); ++i) EXPECT_EQ(static_cast<float>(u8[i]), from_u8[i]);
}

// Every f16 to f32 and back; halfway cases to even.
TEST_P(MapTest, ConvertHalves) {
  std::vector<std::uint16_t> all(65536);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint16_t>(i);
  const auto floats = converted<float>(table(), Scalar::f16, Scalar::f32, all.data(), all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    const int exponent = static_cast<int>(i >> 10 & 31), mantissa = static_cast<int>(i & 1023);
    double v = exponent == 31 ? (mantissa ? NAN : INFINITY) : exponent ? std::ldexp(1024 + mantissa, exponent - 25) : std::ldexp(mantissa, -24);
    if (i & 0x8000) v = -v;
    ASSERT_TRUE(std::isnan(v) ? std::isnan(floats[i]) : v == floats[i]) << i;
  }
  const auto back = converted<std::uint16_t>(table(), Scalar::f32, Scalar::f16, floats.data(), floats.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!std::isnan(floats[i])) {
      ASSERT_EQ(all[i], back[i]) << i;
    }
  }
  const std::vector<float> edge = {65519.f, 65520.f, 1 + 0x1p-11f, 1 + 3 * 0x1p-11f, 0x1p-25f, 0x1.8p-25f, 1e-10f, -65536.f, 1e30f};
  const auto halves = converted<std::uint16_t>(table(), Scalar::f32, Scalar::f16, edge.data(), edge.size());
  EXPECT_EQ((std::vector<std::uint16_t>{0x7bff, 0x7c00, 0x3c00, 0x3c02, 0, 1, 0, 0xfc00, 0x7c00}), halves);
  const std::vector<float> b = {1 + 0x1p-8f, 1 + 3 * 0x1p-8f, NAN, -kInf, 3.4e38f};
  const auto bf = converted<std::uint16_t>(table(), Scalar::f32, Scalar::bf16, b.data(), b.size());
  EXPECT_EQ(0x3f80, bf[0]);
  EXPECT_EQ(0x3f82, bf[1]);
  EXPECT_EQ(0x7fc0, bf[2] & 0x7fff);
  EXPECT_EQ(0xff80, bf[3]);
  EXPECT_EQ(0x7f80, bf[4]);
  const auto from_bf = converted<float>(table(), Scalar::bf16, Scalar::f32, bf.data(), bf.size());
  EXPECT_EQ(1.015625f, from_bf[1]);
}

SACCADE_KERNEL_SUITE(MapTest);

}  // namespace
}  // namespace saccade::kernels
