// SPDX-License-Identifier: Apache-2.0
// Depthwise convolution, pooling, resize rows and lines of pictures against plain loops in double precision.
#include "kernels/testing.h"

namespace saccade::kernels {
namespace {

struct RowCase {
  Index h, w, c, kernel, stride, dilation, pad;
};

constexpr RowCase kRowCases[] = {
    {5, 7, 16, 3, 1, 1, 1},  {6, 14, 24, 3, 2, 1, 1}, {6, 13, 33, 3, 2, 1, 1}, {5, 1, 8, 3, 1, 1, 1},   {4, 2, 5, 3, 2, 1, 1},
    {9, 11, 40, 5, 1, 1, 2}, {9, 28, 17, 5, 2, 1, 2}, {8, 9, 48, 3, 1, 2, 2},  {9, 15, 7, 7, 1, 1, 3},   {9, 9, 130, 3, 3, 1, 0},
    {4, 6, 20, 3, 1, 1, 0},  {3, 3, 16, 5, 1, 1, 2},  {7, 20, 3, 2, 2, 1, 0},  {5, 10, 64, 1, 1, 1, 0},  {4, 19, 1, 3, 1, 1, 1},
    {3, 12, 15, 9, 1, 1, 4}, {3, 40, 96, 3, 1, 1, 1},
};

class ImageRowTest : public KernelTest {
 protected:
  struct Image {
    Floats pixels;
    Index pitch;
  };
  static Image image(const RowCase& q) {
    std::mt19937 random(static_cast<unsigned>(q.h * 7 + q.w));
    const Index pitch = q.c + 3;
    Image i{Floats(q.h * q.w * pitch), pitch};
    i.pixels.fill_rows(random, q.h * q.w, pitch, q.c);
    return i;
  }
  static Index out_size(const RowCase& q, Index size) { return (size + 2 * q.pad - q.dilation * (q.kernel - 1) - 1) / q.stride + 1; }
  static std::vector<const float*> rows(const RowCase& q, const Image& i, Index oy) {
    std::vector<const float*> r;
    for (Index k = 0; k < q.kernel; ++k) {
      const Index y = oy * q.stride + k * q.dilation - q.pad;
      r.push_back(y < 0 || y >= q.h ? nullptr : i.pixels.data() + y * q.w * i.pitch);
    }
    return r;
  }
  static Window window(const RowCase& q, const Image& i, const std::vector<const float*>& r) {
    return {.rows = r.data(), .pitch = i.pitch, .width = q.w, .kh = q.kernel, .kw = q.kernel, .stride = q.stride, .dilation = q.dilation,
            .pad_left = q.pad};
  }
  // visit(value, ky, kx) for the pixels of a window that exist.
  template <class Visit>
  static void each_pixel(const RowCase& q, const Image& i, Index oy, Index ox, Index c, Visit visit) {
    for (Index ky = 0; ky < q.kernel; ++ky) {
      for (Index kx = 0; kx < q.kernel; ++kx) {
        const Index y = oy * q.stride + ky * q.dilation - q.pad, x = ox * q.stride + kx * q.dilation - q.pad;
        if (y >= 0 && y < q.h && x >= 0 && x < q.w) visit(double{i.pixels[(y * q.w + x) * i.pitch + c]}, ky, kx);
      }
    }
  }
  static std::string describe(const RowCase& q) {
    return "h=" + std::to_string(q.h) + " w=" + std::to_string(q.w) + " c=" + std::to_string(q.c) + " k=" + std::to_string(q.kernel) +
           " s=" + std::to_string(q.stride) + " d=" + std::to_string(q.dilation);
  }
  // Nothing beyond the channels (masked) or the next multiple of 16 (full) was written.
  static void expect_untouched(const Floats& out, Index rows, Index pitch, Index from, const std::string& where) {
    for (Index r = 0; r < rows; ++r) {
      for (Index j = from; j < pitch; ++j) ASSERT_TRUE(std::isnan(out[r * pitch + j])) << where;
    }
    EXPECT_TRUE(out.guards_intact()) << where;
  }

  void check_depthwise(const RowCase& q, Lanes lanes, const Epilogue& epilogue, bool with_other) {
    const Image in = image(q);
    const Index taps = q.kernel * q.kernel, ow = out_size(q, q.w), oh = out_size(q, q.h);
    std::mt19937 random(11);
    Floats weights(q.c * taps), packed(taps * rounded_up(q.c, 16)), other(ow * (q.c + 2));
    weights.fill(random);
    other.fill_rows(random, ow, q.c + 2, q.c);
    table().depthwise_pack({.src = weights.data(), .channels = q.c, .kh = q.kernel, .kw = q.kernel, .stride_c = taps, .stride_ky = q.kernel,
                            .stride_kx = 1, .dst = packed.data()});
    EXPECT_TRUE(packed.guards_intact());
    Epilogue e = epilogue;
    if (with_other) {
      e.other = other.data();
      e.other_pitch = q.c + 2;
    }
    for (Index oy = 0; oy < oh; ++oy) {
      const Index out_pitch = rounded_up(q.c, 16) + 4;
      Floats out(ow * out_pitch);
      const auto r = rows(q, in, oy);
      table().depthwise_row({.in = window(q, in, r), .weights = packed.data(), .channels = q.c, .out = out.data(), .out_pitch = out_pitch,
                             .out_width = ow, .lanes = lanes, .epilogue = e});
      for (Index ox = 0; ox < ow; ++ox) {
        for (Index c = 0; c < q.c; ++c) {
          double v = 0;
          each_pixel(q, in, oy, ox, c, [&](double x, Index ky, Index kx) { v += x * weights[c * taps + ky * q.kernel + kx]; });
          ASSERT_NEAR(reference(e, v, c, e.other ? other[ox * (q.c + 2) + c] : 0), out[ox * out_pitch + c], 1e-5) << describe(q);
        }
      }
      expect_untouched(out, ow, out_pitch, lanes == Lanes::full ? rounded_up(q.c, 16) : q.c, describe(q));
      if (HasFatalFailure()) return;
    }
  }
};

TEST_P(ImageRowTest, Depthwise) {
  for (const RowCase& q : kRowCases) {
    check_depthwise(q, Lanes::masked, {}, false);
    check_depthwise(q, Lanes::full, {.first = {Fn::clip, 0, 0.5}}, false);
    if (HasFatalFailure()) return;
  }
}

TEST_P(ImageRowTest, DepthwiseEpilogues) {
  std::mt19937 random(4);
  Floats bias(130), scale(130), slope(130);
  bias.fill(random);
  scale.fill(random);
  slope.fill(random);
  for (const RowCase& q : {RowCase{5, 9, 20, 3, 1, 1, 1}, {5, 9, 32, 5, 2, 1, 2}, {5, 9, 7, 3, 1, 2, 2}}) {
    for (Fn fn : {Fn::relu, Fn::hard_swish, Fn::silu, Fn::prelu}) {
      const Activation act{fn, 0, 0, slope.data()};
      check_depthwise(q, Lanes::masked, {.bias = bias.data(), .first = act}, false);
      check_depthwise(q, Lanes::full, {.scale = scale.data(), .bias = bias.data(), .first = act}, false);
      for (bool before : {false, true}) {
        check_depthwise(q, Lanes::masked, {.bias = bias.data(), .first = act, .combine = Combine::add, .before = before, .second = {Fn::relu}}, true);
        check_depthwise(q, Lanes::masked, {.scale = scale.data(), .combine = Combine::mul, .before = before, .second = act}, true);
      }
      if (HasFatalFailure()) return;
    }
  }
}

// Each product alone is less than half of the bias's last place.
TEST_P(ImageRowTest, LargeBiasKeepsTheSum) {
  for (Index kernel : {3, 4}) {  // one that has a form of its own, one that has not
    const Index c = 20, taps = kernel * kernel, width = 8 + kernel - 1;
    Floats in(kernel * width * c), weights(c * taps), packed(taps * 32), bias(c), out(8 * c);
    for (Index i = 0; i < kernel * width * c; ++i) in[i] = 1;
    for (Index i = 0; i < c * taps; ++i) weights[i] = 0.75f;
    for (Index i = 0; i < c; ++i) bias[i] = 16777216.f;
    table().depthwise_pack({.src = weights.data(), .channels = c, .kh = kernel, .kw = kernel, .stride_c = taps, .stride_ky = kernel,
                            .stride_kx = 1, .dst = packed.data()});
    std::vector<const float*> lines;
    for (Index y = 0; y < kernel; ++y) lines.push_back(in.data() + y * width * c);
    table().depthwise_row({.in = {.rows = lines.data(), .pitch = c, .width = width, .kh = kernel, .kw = kernel}, .weights = packed.data(),
                           .channels = c, .out = out.data(), .out_pitch = c, .out_width = 8, .lanes = Lanes::masked, .epilogue = {.bias = bias.data()}});
    for (Index i = 0; i < 8 * c; ++i) ASSERT_EQ(kernel == 3 ? 16777222.f : 16777228.f, out[i]) << kernel << ' ' << i;
  }
}

// The channel-blocked line buffer: [C / 16][width][16].
TEST_P(ImageRowTest, DepthwiseFromBlockedRows) {
  const Index c = 48, w = 13, block = 16 * (w + 2);
  std::mt19937 random(4);
  Floats plain(3 * w * c), blocked(3 * 3 * block), weights(c * 9), packed(9 * c), a(w * c), b(w * c);
  plain.fill(random);
  weights.fill(random);
  for (Index y = 0; y < 3; ++y) {
    for (Index x = 0; x < w; ++x) {
      for (Index i = 0; i < c; ++i) blocked[y * 3 * block + i / 16 * block + x * 16 + i % 16] = plain[(y * w + x) * c + i];
    }
  }
  table().depthwise_pack({.src = weights.data(), .channels = c, .kh = 3, .kw = 3, .stride_c = 9, .stride_ky = 3, .stride_kx = 1, .dst = packed.data()});
  const float* plain_rows[3] = {plain.data(), plain.data() + w * c, plain.data() + 2 * w * c};
  const float* blocked_rows[3] = {blocked.data(), blocked.data() + 3 * block, blocked.data() + 6 * block};
  DepthwiseArgs args{.in = {.rows = plain_rows, .pitch = c, .width = w, .kh = 3, .kw = 3, .pad_left = 1}, .weights = packed.data(),
                     .channels = c, .out = a.data(), .out_pitch = c, .out_width = w};
  table().depthwise_row(args);
  args.in.rows = blocked_rows;
  args.in.pitch = 16;
  args.in.block_pitch = block;
  args.out = b.data();
  table().depthwise_row(args);
  for (Index i = 0; i < w * c; ++i) ASSERT_EQ(a[i], b[i]);
}

TEST_P(ImageRowTest, Pooling) {
  std::vector<RowCase> cases(std::begin(kRowCases), std::end(kRowCases));
  cases.insert(cases.end(), {{2, 500, 20, 5, 1, 1, 2}, {15, 260, 9, 13, 1, 1, 6}});  // wider than what is done by columns at a time
  for (const RowCase& q : cases) {
    const Image in = image(q);
    const Index ow = out_size(q, q.w), oh = out_size(q, q.h), out_pitch = rounded_up(q.c, 16) + 1;
    std::vector<float> counts(static_cast<std::size_t>(ow), static_cast<float>(q.kernel));
    for (Index oy = 0; oy < oh; ++oy) {
      for (Lanes lanes : {Lanes::masked, Lanes::full}) {
        for (int kind = 0; kind < 3; ++kind) {  // max, average of what exists, average that counts padding
          Floats out(ow * out_pitch);
          const auto r = rows(q, in, oy);
          table().pool_row({.kind = kind == 0 ? Pool::max : Pool::average, .in = window(q, in, r), .channels = q.c, .out = out.data(),
                            .out_pitch = out_pitch, .out_width = ow, .counts = kind == 2 ? counts.data() : nullptr,
                            .row_count = kind == 2 ? static_cast<float>(q.kernel) : 0, .lanes = lanes});
          for (Index ox = 0; ox < ow; ++ox) {
            for (Index c = 0; c < q.c; ++c) {
              double top = -INFINITY, sum = 0, count = 0;
              each_pixel(q, in, oy, ox, c, [&](double x, Index, Index) {
                top = std::max(top, x);
                sum += x;
                ++count;
              });
              const double expected = kind == 0 ? top : sum / (kind == 1 ? count : static_cast<double>(q.kernel * q.kernel));
              ASSERT_NEAR(expected, out[ox * out_pitch + c], 1e-6) << describe(q);
            }
          }
          expect_untouched(out, ow, out_pitch, lanes == Lanes::full ? rounded_up(q.c, 16) : q.c, describe(q));
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

TEST_P(ImageRowTest, Resize) {
  for (Index c : {1, 3, 8, 15, 16, 17, 40}) {
    const Index w = 9, ow = 14, pitch = c + 2, out_pitch = rounded_up(c, 16) + 1;
    for (int taps : {1, 2, 4}) {
      for (Lanes lanes : {Lanes::masked, Lanes::full}) {
        std::mt19937 random(static_cast<unsigned>(taps));
        Floats in(taps * w * pitch), out(ow * out_pitch);
        in.fill_rows(random, taps * w, pitch, c);
        ResizeArgs args{.pitch = pitch, .channels = c, .out = out.data(), .out_pitch = out_pitch, .out_width = ow, .lanes = lanes};
        std::vector<std::int32_t> columns;
        std::vector<float> weights;
        for (Index x = 0; x < ow * taps; ++x) {
          columns.push_back(static_cast<std::int32_t>((x * 5 + 1) % w));
          weights.push_back(taps == 1 ? 1.f : static_cast<float>(x % 7) / 7 - 0.2f);
        }
        for (int t = 0; t < taps; ++t) {
          args.rows[t] = in.data() + t * w * pitch;
          args.row_weights[t] = taps == 1 ? 1.f : 0.3f * static_cast<float>(t) - 0.1f;
        }
        args.columns = columns.data();
        args.column_weights = weights.data();
        (taps == 1 ? table().resize_nearest_row : taps == 2 ? table().resize_linear_row : table().resize_cubic_row)(args);
        for (Index x = 0; x < ow; ++x) {
          for (Index i = 0; i < c; ++i) {
            double v = 0;
            for (int t = 0; t < taps; ++t) {
              for (int k = 0; k < taps; ++k) {
                const auto at = static_cast<std::size_t>(x * taps + k);
                v += double{args.row_weights[t]} * weights[at] * args.rows[t][columns[at] * pitch + i];
              }
            }
            ASSERT_NEAR(v, out[x * out_pitch + i], 1e-5) << c << " " << taps;
          }
        }
        expect_untouched(out, ow, out_pitch, lanes == Lanes::full ? rounded_up(c, 16) : c, "resize");
      }
    }
  }
}

TEST_P(ImageRowTest, Mix) {
  for (Index n : {1, 3, 7, 8, 9, 15, 16, 17, 40, 100}) {
    std::mt19937 random(5);
    Floats a(n), b(n), out(n);
    a.fill_rows(random, 1, n, n);
    b.fill_rows(random, 1, n, n);
    table().mix_rows({.rows = {a.data(), b.data()}, .weights = {0.3f, -1.7f}, .n = n, .out = out.data()});
    for (Index i = 0; i < n; ++i) ASSERT_NEAR(0.3 * a[i] - 1.7 * b[i], out[i], 1e-6) << n;
    EXPECT_TRUE(out.guards_intact()) << n;
  }
}

// Every width around the four lanes of a pixel, every number of channels, planar and not, in every order and with every way to
// choose columns.
TEST_P(ImageRowTest, PictureLines) {
  constexpr std::int32_t kOrders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 1, 3}, {1, 1, 0, 2}};
  std::mt19937 random(5);
  const auto check = [&]<class T>(T, Index width, Index source_channels, Index channels, bool planar, Index taps, bool two_lines) {
    const Index plane = planar ? width + 3 : 0, size = planar ? source_channels * plane : width * source_channels;
    std::vector<T> lines[2];
    for (auto& line : lines)
      for (Index i = 0; i < size; ++i) line.push_back(static_cast<T>(random() % 256));
    const Index out_width = taps == 0 ? width : width + 4;
    std::vector<std::int32_t> columns;
    std::vector<float> weights;
    for (Index i = 0; i < out_width * taps; ++i) {
      columns.push_back(static_cast<std::int32_t>(random() % static_cast<unsigned>(width)));
      weights.push_back(static_cast<float>(random() % 100) / 100);
    }
    Floats scratch(2 * (width * source_channels + 4)), out(out_width * channels);
    PictureArgs args{.from = sizeof(T) == 1 ? Scalar::u8 : Scalar::f32, .lines = {lines[0].data(), two_lines ? lines[1].data() : nullptr}, .line_weights = {0.3f, 0.7f},
                     .width = width, .source_channels = source_channels, .plane = plane, .taps = taps, .columns = columns.data(), .column_weights = weights.data(),
                     .channels = channels, .before = {-1, 2, -3, 4}, .scale = {0.1f, 0.2f, 0.3f, 0.4f}, .after = {1, 2, 3, 4}, .scratch = scratch.data(),
                     .out = out.data(), .out_width = out_width};
    for (Index c = 0; c < channels; ++c) args.order[c] = kOrders[random() % 4][c] % static_cast<std::int32_t>(source_channels);
    table().picture_line(args);
    const auto source = [&](Index x, Index c) {
      const auto at = static_cast<std::size_t>(planar ? c * plane + x : x * source_channels + c);
      return two_lines ? lines[0][at] * 0.3 + lines[1][at] * 0.7 : static_cast<double>(lines[0][at]);
    };
    for (Index x = 0; x < out_width; ++x) {
      for (Index c = 0; c < channels; ++c) {
        double p = taps == 0 ? source(x, args.order[c]) : 0;
        for (Index t = 0; t < taps; ++t) {
          const auto at = static_cast<std::size_t>(x * taps + t);
          p += source(columns[at], args.order[c]) * (taps == 1 ? 1 : weights[at]);
        }
        ASSERT_NEAR((p + args.before[c]) * args.scale[c] + args.after[c], out[x * channels + c], 1e-4)
            << width << " " << source_channels << ">" << channels << (planar ? " planar " : " ") << taps << " taps";
      }
    }
    ASSERT_TRUE(out.guards_intact());
    ASSERT_TRUE(scratch.guards_intact());
  };
  for (Index width : {1, 2, 3, 4, 5, 8, 17, 33}) {
    for (Index source_channels = 1; source_channels <= 4; ++source_channels) {
      for (Index channels = 1; channels <= 4; ++channels) {
        for (Index taps : {0, 1, 2}) {
          for (bool planar : {false, true}) {
            check(std::uint8_t{}, width, source_channels, channels, planar, taps, taps == 2);
            check(float{}, width, source_channels, channels, planar, taps, taps != 2);
            if (HasFatalFailure()) return;
          }
        }
      }
    }
  }
}

SACCADE_KERNEL_SUITE(ImageRowTest);

}  // namespace
}  // namespace saccade::kernels
