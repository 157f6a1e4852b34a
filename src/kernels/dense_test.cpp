// SPDX-License-Identifier: Apache-2.0
// The dense kernel against plain loops in double precision: sizes around the tiles, poisoned padding, guards.
#include "kernels/testing.h"

namespace saccade::kernels {
namespace {

class DenseTest : public KernelTest {
 protected:
  Floats pack(const std::vector<float>& weights, Index n, Index ky, Index kx, Index c) const {  // OIHW
    const DenseShape shape = table().dense_shape(ky * kx * c, n);
    Floats packed(shape.packed_floats);
    table().dense_pack({.src = weights.data(), .n = n, .ky = ky, .kx = kx, .c = c, .stride_n = c * ky * kx, .stride_ky = kx,
                        .stride_kx = 1, .stride_c = ky * kx, .dst = packed.data()});
    EXPECT_TRUE(packed.guards_intact());
    return packed;
  }
  static std::vector<float> numbers(std::size_t count, unsigned seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> number(-1, 1);
    std::vector<float> v(count);
    for (float& x : v) x = number(random);
    return v;
  }
  static void expect_close(double expected, float actual, Index k, const std::string& where) {
    ASSERT_NEAR(expected, actual, 2e-6 * std::sqrt(static_cast<double>(k) + 1) * (1 + std::fabs(expected))) << where;
  }

  // Rows at a pitch, one tap.
  void check_rows(Index m, Index n, Index k, Lanes lanes, const Epilogue& epilogue_in, bool split_band = false) {
    std::mt19937 random(static_cast<unsigned>(m * 131 + n * 17 + k));
    const Index in_pitch = k + 3, out_pitch = rounded_up(n, 16) + (lanes == Lanes::masked ? 5 : 0);
    Floats in(m * in_pitch + 1), out(m * out_pitch + 1), other(m * (n + 1) + 1);
    in.fill_rows(random, m, in_pitch, k);
    other.fill_rows(random, m, n + 1, n);
    const std::vector<float> weights = numbers(static_cast<std::size_t>(n * k), 7);
    Floats packed = pack(weights, n, 1, 1, k);
    Epilogue e = epilogue_in;
    if (e.combine != Combine::none) {
      e.other = other.data();
      e.other_pitch = n + 1;
    }
    DenseArgs args{.rows = {.base = in.data(), .pitch = in_pitch}, .k = k, .n = n, .weights = packed.data(), .out = out.data(),
                   .out_pitch = out_pitch, .lanes = lanes, .epilogue = e};
    if (split_band) {
      const Index nr = table().dense_shape(k, n).nr;
      const Index m_half = m / 2, n_half = n / 2 / nr * nr;
      for (const DenseBand& b : {DenseBand{0, m_half, 0, n_half}, DenseBand{0, m_half, n_half, n}, DenseBand{m_half, m, 0, n_half},
                                 DenseBand{m_half, m, n_half, n}}) {
        table().dense(args, b);
      }
    } else {
      table().dense(args, {0, m, 0, n});
    }
    const std::string where = "m=" + std::to_string(m) + " n=" + std::to_string(n) + " k=" + std::to_string(k);
    for (Index i = 0; i < m; ++i) {
      for (Index j = 0; j < n; ++j) {
        double v = 0;
        for (Index c = 0; c < k; ++c) v += double{in[i * in_pitch + c]} * weights[static_cast<std::size_t>(j * k + c)];
        expect_close(reference(e, v, j, e.other ? other[i * (n + 1) + j] : 0), out[i * out_pitch + j], k, where);
        if (HasFatalFailure()) return;
      }
      if (lanes == Lanes::masked) {
        for (Index j = n; j < out_pitch; ++j) ASSERT_TRUE(std::isnan(out[i * out_pitch + j])) << where << " wrote beyond channel " << j;
      }
    }
    EXPECT_TRUE(out.guards_intact()) << where;
  }
};

TEST_P(DenseTest, SizesAroundTheTiles) {
  for (Index m : {1, 2, 3, 5, 6, 7, 11, 12, 13, 25}) {
    for (Index n : {1, 3, 4, 7, 8, 9, 15, 16, 17, 24, 31, 33, 40, 48, 56, 64, 65, 80, 97, 144}) {
      check_rows(m, n, 19, m % 2 ? Lanes::masked : Lanes::full, {});
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(DenseTest, Depths) {
  for (Index k : {0, 1, 2, 3, 7, 8, 9, 64, 300}) {
    check_rows(1, 40, k, Lanes::masked, {});
    check_rows(13, 40, k, Lanes::masked, {});
    if (HasFatalFailure()) return;
  }
}

TEST_P(DenseTest, ManyStrips) {
  check_rows(1500, 20, 8, Lanes::full, {});
  check_rows(700, 33, 257, Lanes::masked, {});
}

TEST_P(DenseTest, NoRows) {
  DenseArgs args{.n = 16};
  table().dense(args, {0, 0, 0, 16});
}

TEST_P(DenseTest, Bands) {
  for (Index n : {16, 40, 80, 130, 208}) check_rows(21, n, 33, Lanes::masked, {}, true);
}

TEST_P(DenseTest, Epilogues) {
  const std::vector<float> bias = numbers(50, 1), scale = numbers(50, 2), slope = numbers(50, 3);
  std::vector<Epilogue> epilogues;
  for (Fn fn : {Fn::none, Fn::relu, Fn::clip, Fn::leaky_relu, Fn::prelu, Fn::hard_swish, Fn::silu, Fn::sigmoid, Fn::mish}) {
    const Activation act{fn, fn == Fn::clip ? -0.2f : 0.1f, 0.5f, slope.data()};
    epilogues.push_back({.bias = bias.data(), .first = act});
    for (bool before : {false, true}) {
      for (Combine combine : {Combine::add, Combine::mul}) {
        epilogues.push_back({.bias = bias.data(), .first = act, .combine = combine, .before = before});
        epilogues.push_back({.scale = scale.data(), .bias = bias.data(), .combine = combine, .before = before, .second = act});
        epilogues.push_back({.scale = scale.data(), .first = act, .combine = combine, .before = before, .second = {Fn::relu}});
      }
    }
  }
  for (float slope_of_all : {-0.5f, 0.f, 1.f, 1.5f}) epilogues.push_back({.bias = bias.data(), .first = {Fn::leaky_relu, slope_of_all}});
  for (const Epilogue& e : epilogues) {
    for (Index n : {16, 50}) {
      check_rows(7, n, 24, Lanes::full, e);
      check_rows(13, n, 24, Lanes::masked, e);
      if (HasFatalFailure()) return;
    }
  }
}

// Each product alone is less than half of the bias's last place.
TEST_P(DenseTest, LargeBiasKeepsTheSum) {
  const Index k = 56;
  const std::vector<float> bias(50, 16777216.f);
  for (Index m : {1, 2, 13}) {
    for (Index n : {8, 50}) {
      const std::vector<float> weights(static_cast<std::size_t>(n * k), 0.75f);
      Floats packed = pack(weights, n, 1, 1, k), in(m * k), out(m * n);
      for (Index i = 0; i < m * k; ++i) in[i] = 1;
      table().dense({.rows = {.base = in.data(), .pitch = k}, .k = k, .n = n, .weights = packed.data(), .out = out.data(), .out_pitch = n,
                     .lanes = Lanes::masked, .epilogue = {.bias = bias.data()}},
                    {0, m, 0, n});
      for (Index i = 0; i < m * n; ++i) ASSERT_EQ(16777258.f, out[i]) << m << ' ' << n;
    }
  }
}

TEST_P(DenseTest, NanStaysNan) {
  for (const Activation& act : {Activation{Fn::none}, Activation{Fn::relu}, Activation{Fn::clip, 0, 6}}) {
    const std::vector<float> weights = numbers(16 * 4, 7);
    Floats packed = pack(weights, 16, 1, 1, 4), in(4), out(16);
    table().dense({.rows = {.base = in.data(), .pitch = 4}, .k = 4, .n = 16, .weights = packed.data(), .out = out.data(), .out_pitch = 16,
                   .epilogue = {.first = act}},
                  {0, 1, 0, 16});
    for (Index i = 0; i < 16; ++i) EXPECT_TRUE(std::isnan(out[i]));
  }
}

struct ConvCase {
  Index h, w, c, n, kh, kw, stride, dilation, pad;
};

TEST_P(DenseTest, ImageRows) {
  for (const ConvCase& q : {ConvCase{7, 9, 5, 20, 3, 3, 1, 1, 1}, {8, 8, 16, 32, 3, 3, 2, 1, 1}, {9, 9, 4, 24, 5, 5, 1, 1, 2},
                            {9, 7, 3, 17, 3, 3, 1, 2, 2}, {6, 30, 8, 70, 1, 7, 1, 1, 3}, {40, 40, 3, 8, 3, 3, 1, 1, 1}}) {
    const Index oh = (q.h + 2 * q.pad - q.dilation * (q.kh - 1) - 1) / q.stride + 1;
    const Index ow = (q.w + 2 * q.pad - q.dilation * (q.kw - 1) - 1) / q.stride + 1;
    const Index pitch = q.c + 2, out_pitch = q.n + 1;
    std::mt19937 random(5);
    Floats in(q.h * q.w * pitch), out(oh * ow * out_pitch), zeros(q.c);
    in.fill_rows(random, q.h * q.w, pitch, q.c);
    for (Index i = 0; i < q.c; ++i) zeros[i] = 0;
    const std::vector<float> weights = numbers(static_cast<std::size_t>(q.n * q.c * q.kh * q.kw), 7);
    Floats packed = pack(weights, q.n, q.kh, q.kw, q.c);
    std::vector<std::int32_t> y, x;
    for (Index oy = 0; oy < oh; ++oy) {
      for (Index ky = 0; ky < q.kh; ++ky) {
        const Index iy = oy * q.stride + ky * q.dilation - q.pad;
        y.push_back(iy < 0 || iy >= q.h ? kOutside : static_cast<std::int32_t>(iy * q.w * pitch));
      }
    }
    for (Index kx = 0; kx < q.kw; ++kx) {
      for (Index ox = 0; ox < ow; ++ox) {
        const Index ix = ox * q.stride + kx * q.dilation - q.pad;
        x.push_back(ix < 0 || ix >= q.w ? kOutside : static_cast<std::int32_t>(ix * pitch));
      }
    }
    DenseArgs args{.rows = {.base = in.data(), .y = y.data(), .x = x.data(), .kh = q.kh, .kw = q.kw, .zeros = zeros.data()},
                   .width = ow, .k = q.c, .n = q.n, .weights = packed.data(), .out = out.data(), .out_pitch = out_pitch,
                   .out_line_pitch = ow * out_pitch};
    table().dense(args, {0, oh * ow / 2, 0, q.n});
    table().dense(args, {oh * ow / 2, oh * ow, 0, q.n});
    for (Index oy = 0; oy < oh; ++oy) {
      for (Index ox = 0; ox < ow; ++ox) {
        for (Index n = 0; n < q.n; ++n) {
          double v = 0;
          for (Index ky = 0; ky < q.kh; ++ky) {
            for (Index kx = 0; kx < q.kw; ++kx) {
              const Index iy = oy * q.stride + ky * q.dilation - q.pad, ix = ox * q.stride + kx * q.dilation - q.pad;
              if (iy < 0 || iy >= q.h || ix < 0 || ix >= q.w) continue;
              for (Index c = 0; c < q.c; ++c) {
                v += double{in[(iy * q.w + ix) * pitch + c]} *
                     weights[static_cast<std::size_t>(((n * q.c + c) * q.kh + ky) * q.kw + kx)];
              }
            }
          }
          expect_close(v, out[(oy * ow + ox) * out_pitch + n], q.c * q.kh * q.kw, "image");
          if (HasFatalFailure()) return;
        }
        EXPECT_TRUE(std::isnan(out[(oy * ow + ox) * out_pitch + q.n]));
      }
    }
    EXPECT_TRUE(out.guards_intact());
  }
}

// Two levels on both sides: a strided 1×1 convolution, writing every second pixel of every second line (a deconvolution phase).
TEST_P(DenseTest, TwoLevels) {
  const Index h = 5, w = 6, k = 10, n = 24;
  std::mt19937 random(3);
  Floats in(2 * h * 2 * w * k), out(2 * h * 2 * w * n), other(h * w * n);
  in.fill(random);
  other.fill(random);
  const std::vector<float> weights = numbers(static_cast<std::size_t>(n * k), 7);
  Floats packed = pack(weights, n, 1, 1, k);
  DenseArgs args{.rows = {.base = in.data(), .pitch = 2 * k, .line_pitch = 4 * w * k}, .width = w, .k = k, .n = n,
                 .weights = packed.data(), .out = out.data(), .out_pitch = 2 * n, .out_line_pitch = 4 * w * n,
                 .epilogue = {.combine = Combine::add, .other = other.data(), .other_pitch = n, .other_line_pitch = w * n}};
  table().dense(args, {0, h * w, 0, n});
  for (Index y = 0; y < h; ++y) {
    for (Index x = 0; x < w; ++x) {
      for (Index j = 0; j < n; ++j) {
        double v = other[(y * w + x) * n + j];
        for (Index c = 0; c < k; ++c) v += double{in[(2 * y * 2 * w + 2 * x) * k + c]} * weights[static_cast<std::size_t>(j * k + c)];
        expect_close(v, out[(2 * y * 2 * w + 2 * x) * n + j], k, "two levels");
        EXPECT_TRUE(std::isnan(out[(2 * y * 2 * w + 2 * x + 1) * n + j]));
      }
    }
  }
}

// Single pixels read from and put to places of their own: an image taken apart into 2×2 patches, and the reverse on the other side.
TEST_P(DenseTest, PixelsAnywhere) {
  const Index h = 6, w = 10;
  for (const Index n : {Index{7}, Index{24}, Index{40}}) {
    const Index k = 10, pitch = rounded_up(n, 16);
    std::mt19937 random(3);
    Floats in(h * w * k), out(h * w * pitch), other(h * w * n);
    in.fill(random);
    other.fill(random);
    const std::vector<float> weights = numbers(static_cast<std::size_t>(n * k), 7);
    Floats packed = pack(weights, n, 1, 1, k);
    std::vector<std::int32_t> from_y, from_x, to_y, to_x;
    const auto offset = [](Index v) { return static_cast<std::int32_t>(v); };
    for (Index y = 0; y < h; ++y) {
      from_y.push_back(offset((h - 1 - y) * w * k));
      to_y.push_back(offset((y % 2 * 2 * (h / 2 * w / 2) + y / 2 * (w / 2)) * pitch));
    }
    for (Index x = 0; x < w; ++x) {
      from_x.push_back(offset((x + 3) % w * k));
      to_x.push_back(offset((x % 2 * (h / 2 * w / 2) + x / 2) * pitch));
    }
    const DenseArgs args{.rows = {.base = in.data(), .y = from_y.data(), .x = from_x.data()},
                         .width = w,
                         .k = k,
                         .n = n,
                         .weights = packed.data(),
                         .out = out.data(),
                         .out_lines = to_y.data(),
                         .out_columns = to_x.data(),
                         .epilogue = {.combine = Combine::add, .other = other.data(), .other_pitch = n, .other_line_pitch = w * n}};
    table().dense(args, {0, 13, 0, n});
    table().dense(args, {13, h * w, 0, n});
    for (Index y = 0; y < h; ++y) {
      for (Index x = 0; x < w; ++x) {
        const auto* const row = in.data() + from_y[static_cast<std::size_t>(y)] + from_x[static_cast<std::size_t>(x)];
        const auto* const result = out.data() + to_y[static_cast<std::size_t>(y)] + to_x[static_cast<std::size_t>(x)];
        for (Index j = 0; j < n; ++j) {
          double v = other[(y * w + x) * n + j];
          for (Index c = 0; c < k; ++c) v += double{row[c]} * weights[static_cast<std::size_t>(j * k + c)];
          expect_close(v, result[j], k, "pixels");
        }
        for (Index j = n; j < pitch; ++j) EXPECT_TRUE(std::isnan(result[j]));
      }
    }
    EXPECT_TRUE(out.guards_intact());
  }
}

TEST_P(DenseTest, ChannelBlockedOutput) {
  const Index m = 9, k = 12, n = 48, block = 16 * 20;
  std::mt19937 random(3);
  Floats in(m * k), out(3 * block);
  in.fill(random);
  const std::vector<float> weights = numbers(static_cast<std::size_t>(n * k), 7);
  Floats packed = pack(weights, n, 1, 1, k);
  table().dense({.rows = {.base = in.data(), .pitch = k}, .k = k, .n = n, .weights = packed.data(), .out = out.data(), .out_pitch = 16,
                 .out_block_pitch = block, .lanes = Lanes::full},
                {0, m, 0, n});
  for (Index i = 0; i < m; ++i) {
    for (Index j = 0; j < n; ++j) {
      double v = 0;
      for (Index c = 0; c < k; ++c) v += double{in[i * k + c]} * weights[static_cast<std::size_t>(j * k + c)];
      expect_close(v, out[j / 16 * block + i * 16 + j % 16], k, "blocked");
    }
  }
}

// All orders of the weights in memory give the same panels.
TEST_P(DenseTest, PackingOrders) {
  for (Index n : {5, 16, 37, 100}) {
    for (Index k : {1, 6, 33}) {
      const std::vector<float> nk = numbers(static_cast<std::size_t>(n * k), 7), scale = numbers(static_cast<std::size_t>(n), 8);
      std::vector<float> kn(nk.size());
      for (Index i = 0; i < n; ++i) {
        for (Index j = 0; j < k; ++j) kn[static_cast<std::size_t>(j * n + i)] = nk[static_cast<std::size_t>(i * k + j)];
      }
      const DenseShape shape = table().dense_shape(k, n);
      Floats a(shape.packed_floats), b(shape.packed_floats), parts(shape.packed_floats);
      table().dense_pack({.src = nk.data(), .n = n, .c = k, .stride_n = k, .stride_c = 1, .scale = scale.data(), .dst = a.data()});
      DensePack from_kn{.src = kn.data(), .n = n, .c = k, .stride_n = 1, .stride_c = n, .scale = scale.data(), .dst = b.data()};
      table().dense_pack(from_kn);
      from_kn.dst = parts.data();
      for (Index n0 = 0; n0 < n; n0 += shape.nr) {
        from_kn.n_begin = n0;
        from_kn.n_end = std::min(n, n0 + shape.nr);
        table().dense_pack(from_kn);
      }
      EXPECT_EQ(0, std::memcmp(a.data(), b.data(), static_cast<std::size_t>(shape.packed_floats) * 4)) << n << " " << k;
      EXPECT_EQ(0, std::memcmp(a.data(), parts.data(), static_cast<std::size_t>(shape.packed_floats) * 4)) << n << " " << k;
      EXPECT_TRUE(a.guards_intact() && b.guards_intact());
    }
  }
}

// However a processor's tiles are chosen, the answers are the same.
TEST(DenseForms, AgreeBitForBit) {
  const std::vector<const KernelTable*> tables = runnable_tables();
  const std::size_t levels = tables.size() / kDenseForms;
  for (std::size_t level = 0; level < levels; ++level) {
    for (Index m : {1, 2, 7, 12, 13, 50, 161}) {
      for (Index n : {1, 8, 16, 17, 24, 32, 40, 56, 72, 80, 112, 144}) {
        for (Index k : {1, 19, 128, 300}) {
          std::mt19937 random(static_cast<unsigned>(m * n + k));
          Floats in(m * k);
          in.fill(random);
          std::vector<float> weights(static_cast<std::size_t>(n * k));
          for (float& w : weights) w = std::uniform_real_distribution<float>(-1, 1)(random);
          std::vector<float> first;
          for (int form = 0; form < kDenseForms; ++form) {
            const KernelTable& t = *tables[level + static_cast<std::size_t>(form) * levels];
            Floats packed(t.dense_shape(k, n).packed_floats), out(m * n);
            t.dense_pack({.src = weights.data(), .n = n, .c = k, .stride_n = k, .stride_c = 1, .dst = packed.data()});
            DenseArgs args{.rows = {.base = in.data(), .pitch = k}, .k = k, .n = n, .weights = packed.data(), .out = out.data(), .out_pitch = n};
            t.dense(args, {0, m, 0, n});
            if (form == 0) first.assign(out.data(), out.data() + m * n);
            ASSERT_EQ(0, std::memcmp(first.data(), out.data(), static_cast<std::size_t>(m * n) * 4)) << t.isa << " m=" << m << " n=" << n << " k=" << k;
            args.next_weights = packed.data();  // whether the tiles fetch them does not matter either
            t.dense(args, {0, m, 0, n});
            ASSERT_EQ(0, std::memcmp(first.data(), out.data(), static_cast<std::size_t>(m * n) * 4)) << t.isa << " m=" << m << " n=" << n << " k=" << k;
          }
        }
      }
    }
  }
}

TEST(DenseForms, AreProbed) {
  for (Isa isa : {Isa::scalar, highest_isa()}) {
    const DenseProbe& probe = probe_dense(isa);
    for (const double gflops : probe.gflops) EXPECT_GT(gflops, 0);
    ASSERT_TRUE(probe.chosen >= 0 && probe.chosen < kDenseForms);
    EXPECT_GE(probe.gflops[probe.chosen], probe.gflops[0]);
    EXPECT_EQ(&probe, &probe_dense(isa));
  }
}

SACCADE_KERNEL_SUITE(DenseTest);

}  // namespace
}  // namespace saccade::kernels
