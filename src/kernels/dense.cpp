// SPDX-License-Identifier: Apache-2.0
// The driver of the dense kernel:
//
//   for strip of rows (its input fits in the first-level cache, or in half of the second if the weights are large)
//     for panel of channels
//       for tile of rows in the strip: the register tile
//
// so that a panel, once in the cache, serves the whole strip. Meanwhile what comes next is fetched: the panel after this one, spread over
// the sums of all tiles since more misses at a time than the processor keeps open hold up everything behind them; the rows of the next
// strip; the lines that the next panel writes. Rows are spread evenly over the tiles of a strip: a remainder makes many tiles one row
// shorter rather than one tile very short.
#include "kernels/dense_panels.h"
#include "kernels/dense_tile.h"
#include "kernels/epilogue.h"
#include "kernels/level.h"

namespace saccade::kernels::SACCADE_ISA {
namespace {

constexpr Index kTable = 2048;   // row pointers of a strip, all taps
constexpr Index kStripRows = 512;
constexpr Index kSums = 2304;    // of tiles that wait for their epilogue
constexpr Index kFirstLevelBytes = 32 * 1024;
constexpr int kMaxVectors = kWidest;
constexpr Index kStripStep = kRegisters >= 32 ? 24 : 12;  // whole tiles of every form, so that all forms cut rows alike
constexpr int kMaxRows = 12;

constexpr int tile_rows(int vectors) {
  if (kRegisters >= 32) return vectors <= 2 ? 12 : vectors == 3 ? 8 : vectors == 4 ? 6 : 5;
  return vectors == 1 ? 12 : vectors == 2 ? 6 : kLanes > 4 ? 4 : 3;
}

struct Tiles {
  void (*of[2][kMaxVectors][kMaxRows])(TileArgs&, Index);  // [whether weights are fetched][vectors − 1][rows − 1]
};
constexpr Tiles make_tiles() {
  Tiles t{};
  rep<kMaxVectors>([&](auto v) {
    rep<tile_rows(v + 1)>([&](auto r) {
      constexpr bool can_fetch = r > 0 && r < 8;  // one row alone fetches its own; the pointers of more rows leave no register
      t.of[0][v][r] = &tiles<r + 1, v + 1, false>;
      t.of[1][v][r] = &tiles<r + 1, v + 1, can_fetch>;
    });
  });
  return t;
}
constexpr Tiles kTiles = make_tiles();

// A strip of output rows with everything the tiles need to find their data.
struct Strip {
  Index rows;
  Index stride;                      // of the pointer table, from tap to tap
  const float* in[kTable];           // [tap][row]
  float* out[kStripRows];
  const float* other[kStripRows];
};

void fill_strip(const DenseArgs& a, Index m_begin, Index rows, Strip& s) {
  s.rows = rows;
  s.stride = rows;
  const DenseRows& r = a.rows;
  const Index width = a.width > 0 ? a.width : INT64_MAX;
  const Epilogue& e = a.epilogue;
  for (Index done = 0; done < rows;) {  // one line, or its part in the strip, at a time
    const Index line = (m_begin + done) / width, x0 = (m_begin + done) % width;
    const Index count = smaller(rows - done, width - x0);
    if (a.out_lines) {
      float* const out = a.out + a.out_lines[line];
      for (Index i = 0; i < count; ++i) s.out[done + i] = out + a.out_columns[x0 + i];
    } else {
      float* const out = a.out + line * a.out_line_pitch + x0 * a.out_pitch;
      for (Index i = 0; i < count; ++i) s.out[done + i] = out + i * a.out_pitch;
    }
    if (e.combine != Combine::none) {
      const float* other = e.other + line * e.other_line_pitch + x0 * e.other_pitch;
      for (Index i = 0; i < count; ++i) s.other[done + i] = other + i * e.other_pitch;
    }
    if (!r.y) {
      const float* in = r.base + line * r.line_pitch + x0 * r.pitch;
      for (Index i = 0; i < count; ++i) s.in[done + i] = in + i * r.pitch;
    } else {
      const float** table = s.in + done;
      for (Index ky = 0; ky < r.kh; ++ky) {
        const std::int32_t y = r.y[line * r.kh + ky];
        for (Index kx = 0; kx < r.kw; ++kx, table += s.stride) {
          const std::int32_t* x = r.x + kx * width + x0;
          const float* const zeros = r.zeros;
          if (y == kOutside) {
            for (Index i = 0; i < count; ++i) table[i] = zeros;
          } else {
            const float* const base = r.base + y;
            for (Index i = 0; i < count; ++i) table[i] = x[i] == kOutside ? zeros : base + x[i];
          }
        }
      }
    }
    done += count;
  }
}

alignas(64) constexpr float kZeros[kMaxVectors * kLanes] = {};

struct Panel {
  Index n0, width;       // first channel, padded channels
  Index valid;           // channels that exist
  const float* weights;
  const float* weights_ahead = nullptr;  // the panel to come
  Ahead rows_ahead = {};                 // `lines` in all
  float* out_ahead = nullptr;            // what the next panel or strip writes of the first row
};

void run_panel(const DenseArgs& a, const Panel& p, const Strip& s, Index taps) {
  const Epilogue& e = a.epilogue;
  const int vectors = static_cast<int>(p.width / kLanes);
  const bool ragged = p.valid < p.width;
  alignas(64) float padded[kMaxVectors * kLanes];
  alignas(64) float sums[kSums];
  Index vector_at[kMaxVectors];
  const float* bias = e.bias && !e.scale ? e.bias + p.n0 : nullptr;
  if (bias && ragged) {
    for (Index j = 0; j < p.width; j += kLanes) store(padded + j, load_n(bias + j, larger(0, smaller(kLanes, p.valid - j))));
    bias = padded;
  }
  for (int j = 0; j < vectors; ++j) {
    const Index n = p.n0 + j * kLanes;
    vector_at[j] = n / 16 * a.out_block_pitch + n % 16;
  }
  const bool has_other = e.combine != Combine::none;

  TileArgs t;
  t.row_stride = s.stride;
  t.taps = taps;
  t.k = a.k;
  t.weights = p.weights;
  const bool late = taps * a.k > kShort;
  t.start = late || !bias ? kZeros : bias;
  t.bias = late ? bias : nullptr;
  t.vector_at = vector_at;
  t.before = e.before;
  t.sums = sums;
  t.leaks = is_leak(e.first);
  clip_bounds(e.first, t.low1, t.high1);
  if (t.leaks) t.low1 = e.first.a;
  clip_bounds(e.second, t.low2, t.high2);
  t.direct = (is_clip(e.first) || is_leak(e.first)) && is_clip(e.second) && !e.scale && e.combine != Combine::mul && (!ragged || (a.lanes == Lanes::full && !has_other)) &&
             (has_other || e.second.fn == Fn::none);

  const int most = tile_rows(vectors);
  const Index tiles = (s.rows + most - 1) / most;
  const Index small = s.rows / tiles, bigger = s.rows % tiles;  // `bigger` tiles have one row more than `small`
  t.rows = s.in;
  t.out = s.out;
  t.other = has_other ? s.other : nullptr;
  t.other_at = p.n0;
  t.weights_ahead = reinterpret_cast<const char*>(p.weights_ahead);
  t.weights_ahead_step = smaller(64, (8 * p.width + tiles - 1) / tiles);
  t.rows_ahead = {p.rows_ahead.next, (p.rows_ahead.lines + tiles - 1) / tiles};
  t.out_ahead = p.out_ahead;
  t.out_ahead_pitch = a.out_pitch;
  const auto& of = kTiles.of[p.weights_ahead != nullptr][vectors - 1];
  if (t.direct) {
    if (bigger > 0) of[small](t, bigger);
    of[small - 1](t, tiles - bigger);
    return;
  }
  // many tiles at once, for the epilogue's constants cost as much as some rows
  const Index at_once = kSums / (p.width * (small + 1));
  for (Index i = 0; i < tiles;) {
    const Index until = smaller(i < bigger ? bigger : tiles, i + at_once), rows = (until - i) * (i < bigger ? small + 1 : small);
    float* const* const out = t.out;
    const float* const* const other = t.other;
    t.sums = sums;
    of[i < bigger ? small : small - 1](t, until - i);
    finish_rows({.epilogue = &e, .sums = sums, .rows = rows, .width = p.width, .n0 = p.n0, .valid = p.valid,
                 .stored = a.lanes == Lanes::full ? p.width : p.valid, .out = out, .other = other, .block_pitch = a.out_block_pitch,
                 .bias_done = !e.scale});
    i = until;
  }
}

template <int kMain>
DenseShape shape(Index k_total, Index n) {
  return {Panels<kMain>::width(n), k_total * round_up(n, kLanes)};
}

template <int kMain>
void run(const DenseArgs& a, const DenseBand& band) {
  const Index rows = band.m_end - band.m_begin;
  if (rows <= 0 || a.n <= 0 || band.n_end <= band.n_begin) return;
  const Index taps = a.rows.y ? a.rows.kh * a.rows.kw : 1;
  const Index k_total = taps * a.k;
  const Index nr = Panels<kMain>::width(a.n);

  const Index row_bytes = 4 * larger(a.k, a.rows.y ? 0 : a.rows.pitch);
  Index strip = a.cache_bytes / larger(row_bytes, 1);
  // weights that stay in the second-level cache leave the first-level one to the rows
  if (k_total * a.n * 4 <= a.cache_bytes && !a.rows.y) strip = smaller(strip, kFirstLevelBytes / larger(row_bytes, 1));
  strip = larger(strip, 2 * kMaxRows);
  strip = smaller(smaller(strip, kStripRows), kTable / taps);
  const Index strips = (rows + strip - 1) / strip;
  if (strips > 1) strip = smaller(strip, round_up((rows + strips - 1) / strips, kStripStep));

  const bool even = a.width <= 0 && !a.rows.y;  // so that it is known where rows to come lie
  const Index panels = (band.n_end - band.n_begin + nr - 1) / nr;
  // one tile alone fetches its weights itself
  const bool from_afar = a.next_weights != nullptr || 4 * k_total * a.n > a.cache_bytes / 2;
  const bool fetch_weights = rows > 1 && from_afar && 4 * k_total * nr <= 2 * a.cache_bytes;
  Strip s;
  for (Index m = band.m_begin; m < band.m_end; m += strip) {
    fill_strip(a, m, smaller(strip, band.m_end - m), s);
    const Index next_rows = even ? smaller(strip, band.m_end - m - s.rows) : 0, row_lines = next_rows * a.rows.pitch / 16 / panels;
    const float* next = a.rows.base + (m + strip) * a.rows.pitch;
    for (Index n0 = 0; n0 < a.n;) {
      const Index width = Panels<kMain>::width_at(a.n, n0);
      if (n0 >= band.n_begin && n0 < band.n_end) {
        Panel p{n0, width, smaller(width, a.n - n0), a.weights + k_total * n0};
        const bool last = n0 + width >= band.n_end;
        if (!last && fetch_weights) p.weights_ahead = p.weights + k_total * width;
        if (last && fetch_weights && a.next_weights && next_rows == 0) p.weights_ahead = a.next_weights + k_total * band.n_begin;
        p.rows_ahead = {next, row_lines};
        next += row_lines * 16;
        if (even && !last) p.out_ahead = a.out + m * a.out_pitch + n0 + width;
        if (even && last && next_rows > 0) p.out_ahead = a.out + (m + strip) * a.out_pitch + band.n_begin;
        run_panel(a, p, s, taps);
      }
      n0 += width;
    }
  }
}

}  // namespace

DenseShape dense_shape_0(Index k_total, Index n) { return shape<kPanelVectors[0]>(k_total, n); }
DenseShape dense_shape_1(Index k_total, Index n) { return shape<kPanelVectors[1]>(k_total, n); }
void dense_0(const DenseArgs& a, const DenseBand& band) { run<kPanelVectors[0]>(a, band); }
void dense_1(const DenseArgs& a, const DenseBand& band) { run<kPanelVectors[1]>(a, band); }

}  // namespace saccade::kernels::SACCADE_ISA
