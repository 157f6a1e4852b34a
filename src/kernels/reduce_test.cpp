// SPDX-License-Identifier: Apache-2.0
// Reductions, softmax, argmax, normalisation and data movement against plain loops.
#include "kernels/testing.h"

namespace saccade::kernels {
namespace {

constexpr Index kSizes[] = {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 100, 5000};
constexpr Reduce kReductions[] = {Reduce::sum, Reduce::mean, Reduce::max, Reduce::min, Reduce::prod, Reduce::l1, Reduce::l2, Reduce::sum_squares};

template <class Get>
double reduced(Reduce op, Index n, Get get) {
  double sum = 0, product = 1, top = -INFINITY, least = INFINITY, magnitude = 0, squares = 0;
  for (Index i = 0; i < n; ++i) {
    const double x = get(i);
    sum += x;
    product *= x;
    top = std::max(top, x);
    least = std::min(least, x);
    magnitude += std::fabs(x);
    squares += x * x;
  }
  switch (op) {
    case Reduce::sum: return sum;
    case Reduce::mean: return sum / static_cast<double>(n);
    case Reduce::max: return top;
    case Reduce::min: return least;
    case Reduce::prod: return product;
    case Reduce::l1: return magnitude;
    case Reduce::l2: return std::sqrt(squares);
    case Reduce::sum_squares: return squares;
  }
  return 0;
}

class ReduceTest : public KernelTest {};

TEST_P(ReduceTest, Rows) {
  for (Index n : kSizes) {
    std::mt19937 random(5);
    Floats in(3 * (n + 3)), out(6);
    in.fill_rows(random, 3, n + 3, n, -1, 1.1f);
    for (Reduce op : kReductions) {
      table().reduce_rows({.op = op, .rows = 3, .n = n, .in = in.data(), .pitch = n + 3, .out = out.data(), .out_pitch = 2});
      for (Index r = 0; r < 3; ++r) {
        const double expected = reduced(op, n, [&](Index i) { return double{in[r * (n + 3) + i]}; });
        ASSERT_NEAR(expected, out[2 * r], 2e-6 * std::max(1.0, std::fabs(expected))) << n << " op " << static_cast<int>(op);
      }
    }
    EXPECT_TRUE(std::isnan(out[1]) && out.guards_intact());
  }
}

TEST_P(ReduceTest, Columns) {
  for (Index n : {1, 3, 8, 16, 17, 40, 64, 65, 130}) {
    for (Index rows : {1, 2, 5, 300}) {
      std::mt19937 random(5);
      Floats in(rows * (n + 3)), out(n);
      in.fill_rows(random, rows, n + 3, n, -1, 1.1f);
      for (Reduce op : kReductions) {
        for (Index width : {Index{0}, Index{2}}) {
          table().reduce_columns({.op = op, .rows = rows, .n = n, .in = in.data(), .pitch = n + 3, .width = width, .line_pitch = 2 * (n + 3),
                                  .out = out.data()});
          for (Index i = 0; i < n; ++i) {
            const double expected = reduced(op, rows, [&](Index r) { return double{in[r * (n + 3) + i]}; });
            ASSERT_NEAR(expected, out[i], 1e-5 * std::max(1.0, std::fabs(expected))) << n << " rows " << rows << " op " << static_cast<int>(op);
          }
        }
      }
      EXPECT_TRUE(out.guards_intact());
    }
  }
}

TEST_P(ReduceTest, Softmax) {
  for (bool log_of_it : {false, true}) {
    for (Index n : kSizes) {
      std::mt19937 random(5);
      const Index rows = n < 16 ? 147 : 3, in_pitch = n + 1, out_pitch = n + 2;
      Floats in(rows * in_pitch), out(rows * out_pitch);
      in.fill_rows(random, rows, in_pitch, n, -50, 50);
      table().softmax_rows({.log = log_of_it, .rows = rows, .n = n, .in = in.data(), .in_pitch = in_pitch, .out = out.data(), .out_pitch = out_pitch});
      for (Index r = 0; r < rows; ++r) {
        double top = -INFINITY, sum = 0;
        for (Index i = 0; i < n; ++i) top = std::max(top, double{in[r * in_pitch + i]});
        for (Index i = 0; i < n; ++i) sum += std::exp(double{in[r * in_pitch + i]} - top);
        for (Index i = 0; i < n; ++i) {
          const double y = in[r * in_pitch + i] - top - std::log(sum);
          ASSERT_NEAR(log_of_it ? y : std::exp(y), out[r * out_pitch + i], log_of_it ? 2e-5 : 1e-6);
        }
        ASSERT_TRUE(std::isnan(out[r * out_pitch + n]));
      }
      Floats by_columns(n * 5);
      Floats columns(n * 4);  // n columns seen as rows of a 4-row table
      columns.fill_rows(random, 4, n, n, -50, 50);
      table().softmax_columns({.log = log_of_it, .rows = 4, .n = n, .in = columns.data(), .in_pitch = n, .out = by_columns.data(), .out_pitch = n});
      for (Index i = 0; i < n; ++i) {
        double top = -INFINITY, sum = 0;
        for (Index r = 0; r < 4; ++r) top = std::max(top, double{columns[r * n + i]});
        for (Index r = 0; r < 4; ++r) sum += std::exp(double{columns[r * n + i]} - top);
        for (Index r = 0; r < 4; ++r) {
          const double y = columns[r * n + i] - top - std::log(sum);
          ASSERT_NEAR(log_of_it ? y : std::exp(y), by_columns[r * n + i], log_of_it ? 2e-5 : 1e-6);
        }
      }
      ASSERT_TRUE(std::isnan(by_columns[4 * n]) && out.guards_intact());
    }
  }
}

TEST_P(ReduceTest, ArgMax) {
  for (Index n : {1, 2, 7, 8, 9, 16, 17, 21, 50, 64, 65, 70, 100}) {
    for (int flags = 0; flags < 16; ++flags) {
      const bool smallest = flags & 1, last = flags & 2, with_nan = flags & 4;
      std::mt19937 random(static_cast<unsigned>(n));
      const Index rows = flags & 8 ? 70 : 6;
      std::vector<float> in(static_cast<std::size_t>(rows * n));
      for (float& x : in) x = static_cast<float>(random() % 5);  // many ties
      if (with_nan)
        for (std::size_t i = 0; i < in.size(); ++i)
          if (random() % 8 == 0) in[i] = NAN;
      std::vector<std::int64_t> by_row(static_cast<std::size_t>(rows)), by_column(static_cast<std::size_t>(n));
      ArgMaxArgs args{.smallest = smallest, .last = last, .rows = rows, .n = n, .in = in.data(), .pitch = n, .out = by_row.data()};
      table().argmax_rows(args);
      args.out = by_column.data();
      table().argmax_columns(args);
      const auto best = [&](Index count, auto get) {
        Index at = 0;
        for (Index i = 1; i < count; ++i) {
          const float x = get(i), y = get(at);
          const int order = std::isnan(x) || std::isnan(y) ? std::isnan(x) - std::isnan(y) : (x > y) - (x < y);
          if ((smallest ? -order : order) > 0 || (last && order == 0)) at = i;
        }
        return at;
      };
      for (Index r = 0; r < rows; ++r) {
        EXPECT_EQ(best(n, [&](Index i) { return in[static_cast<std::size_t>(r * n + i)]; }), by_row[static_cast<std::size_t>(r)]);
      }
      for (Index i = 0; i < n; ++i) {
        EXPECT_EQ(best(rows, [&](Index r) { return in[static_cast<std::size_t>(r * n + i)]; }), by_column[static_cast<std::size_t>(i)]);
      }
      std::vector<std::int32_t> narrow(static_cast<std::size_t>(rows));
      args.to = Scalar::i32;
      args.out = narrow.data();
      table().argmax_rows(args);
      EXPECT_TRUE(std::equal(narrow.begin(), narrow.end(), by_row.begin()));
    }
  }
}

TEST_P(ReduceTest, MomentsAndNormalisation) {
  for (Index n : kSizes) {
    std::mt19937 random(5);
    const Index rows = 3, pitch = n + 2;
    Floats in(rows * pitch), out(rows * pitch), scale(n), shift(n), mean(rows), var(rows), column_mean(n), column_var(n);
    in.fill_rows(random, rows, pitch, n, 99, 101);  // far from zero: one pass over squares would lose it all
    scale.fill(random);
    shift.fill(random);
    table().moments_rows({.rows = rows, .n = n, .in = in.data(), .pitch = pitch, .mean = mean.data(), .var = var.data()});
    table().moments_columns({.rows = rows, .n = n, .in = in.data(), .pitch = pitch, .mean = column_mean.data(), .var = column_var.data()});
    const auto moments = [](Index count, auto get) {
      double m = 0, v = 0;
      for (Index i = 0; i < count; ++i) m += get(i);
      m /= static_cast<double>(count);
      for (Index i = 0; i < count; ++i) v += (get(i) - m) * (get(i) - m);
      return std::pair<double, double>(m, v / static_cast<double>(count));
    };
    for (bool rms : {false, true}) {
      table().normalize_rows({.rms = rms, .rows = rows, .n = n, .in = in.data(), .in_pitch = pitch, .epsilon = 1e-3f, .scale = scale.data(),
                              .shift = shift.data(), .out = out.data(), .out_pitch = pitch});
      for (Index r = 0; r < rows; ++r) {
        const auto [m, v] = moments(n, [&](Index i) { return double{in[r * pitch + i]}; });
        ASSERT_NEAR(m, mean[r], 1e-4) << n;
        ASSERT_NEAR(v, var[r], 1e-4) << n;
        for (Index i = 0; i < n; ++i) {
          const double x = in[r * pitch + i];
          const double y = rms ? x / std::sqrt(v + m * m + 1e-3) : (x - m) / std::sqrt(v + 1e-3);
          ASSERT_NEAR(y * scale[i] + shift[i], out[r * pitch + i], 1e-3) << n;
        }
        ASSERT_TRUE(std::isnan(out[r * pitch + n]));
      }
    }
    for (Index i = 0; i < n; ++i) {
      const auto [m, v] = moments(rows, [&](Index r) { return double{in[r * pitch + i]}; });
      ASSERT_NEAR(m, column_mean[i], 1e-4);
      ASSERT_NEAR(v, column_var[i], 1e-4);
    }
    EXPECT_TRUE(out.guards_intact() && mean.guards_intact() && column_var.guards_intact());
  }
}

TEST_P(ReduceTest, Transpose) {
  for (Index rows : {1, 3, 4, 5, 16, 17, 35}) {
    for (Index columns : {1, 3, 4, 7, 16, 21, 64}) {
      for (int affine = 0; affine < 3; ++affine) {
        std::mt19937 random(5);
        const Index src_pitch = columns + 1, dst_pitch = rows + 2;
        Floats src(rows * src_pitch), dst(columns * dst_pitch), scale(rows + columns), shift(rows + columns);
        src.fill_rows(random, rows, src_pitch, columns);
        scale.fill(random);
        shift.fill(random);
        table().transpose({.src = src.data(), .src_pitch = src_pitch, .dst = dst.data(), .dst_pitch = dst_pitch, .rows = rows, .columns = columns,
                           .scale = affine ? scale.data() : nullptr, .shift = affine ? shift.data() : nullptr, .scale_rows = affine == 1});
        for (Index i = 0; i < rows; ++i) {
          for (Index j = 0; j < columns; ++j) {
            const Index at = affine == 1 ? i : j;
            const double x = src[i * src_pitch + j];
            ASSERT_NEAR(affine ? x * scale[at] + shift[at] : x, dst[j * dst_pitch + i], affine ? 1e-6 : 0);
          }
        }
        for (Index j = 0; j < columns; ++j) ASSERT_TRUE(std::isnan(dst[j * dst_pitch + rows]));
        EXPECT_TRUE(dst.guards_intact());
      }
    }
  }
}

// Several matrices, rows without gaps: pairs and pixels of three have their own loops.
TEST_P(ReduceTest, TransposesOneAfterTheOther) {
  for (Index rows : {1, 2, 3, 5}) {
    for (Index columns : {1, 3, 4, 29, 32}) {
      const Index count = 3, src_step = rows * columns + 1, dst_step = rows * columns + 2;
      std::mt19937 random(5);
      Floats src(count * src_step), dst(count * dst_step);
      src.fill(random);
      table().transpose({.src = src.data(), .src_pitch = columns, .dst = dst.data(), .dst_pitch = rows, .rows = rows, .columns = columns,
                         .count = count, .src_step = src_step, .dst_step = dst_step});
      for (Index q = 0; q < count; ++q) {
        for (Index i = 0; i < rows; ++i) {
          for (Index j = 0; j < columns; ++j) ASSERT_EQ(src[q * src_step + i * columns + j], dst[q * dst_step + j * rows + i]) << rows << " " << columns;
        }
        ASSERT_TRUE(std::isnan(dst[q * dst_step + rows * columns]) && std::isnan(dst[q * dst_step + rows * columns + 1]));
      }
      EXPECT_TRUE(dst.guards_intact());
    }
  }
}

TEST_P(ReduceTest, CopyRows) {
  std::vector<char> src(200), dst(200, 'x');
  for (std::size_t i = 0; i < src.size(); ++i) src[i] = static_cast<char>(i);
  table().copy_rows({.src = src.data(), .src_pitch = 20, .dst = dst.data(), .dst_pitch = 30, .rows = 5, .bytes = 13});
  for (int r = 0; r < 5; ++r) {
    EXPECT_EQ(0, std::memcmp(src.data() + 20 * r, dst.data() + 30 * r, 13));
    EXPECT_EQ('x', dst[static_cast<std::size_t>(30 * r + 13)]);
  }
}

SACCADE_KERNEL_SUITE(ReduceTest);

}  // namespace
}  // namespace saccade::kernels
