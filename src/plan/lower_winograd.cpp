// SPDX-License-Identifier: Apache-2.0
// 3×3 convolutions by Winograd's F(4,3) or F(2,3), or F(2,3) with stride 2, in blocks of tiles whose transformed values stay in the
// cache: transform the inputs, 36, 16 or 25 products of matrices, transform the outputs.
#include <algorithm>
#include <array>

#include "plan/parallel.h"
#include "plan/winograd.h"

namespace saccade::plan {

namespace {

constexpr Index kBlockBytes = 384 * 1024;    // of the second-level cache: what a block's values may take
constexpr Index kStayingBytes = 256 * 1024;  // transformed weights that stay there from one block to the next

// Inputs, each way, of a tile of m×m outputs.
Index reach_of(Index m, Index stride) { return (m - 1) * stride + 3; }
// Its products, a channel pair.
Index positions_of(Index m, Index stride) { return reach_of(m, stride) * reach_of(m, stride); }

Index tiles_along(Index outputs, Index m) { return (outputs + m - 1) / m; }

class WinogradStep final : public Step {
 public:
  // One convolution of the image.
  struct Branch {
    Index o;
    Place out, other;
    kernels::Epilogue epilogue;
    kernels::Lanes lanes;
    Index packed_floats;
    Tensor weights;  // dense packing of each position
  };
  Place in;
  Geometry g{};  // of all branches but for `o`
  std::vector<Branch> branches;
  Index m = 0;       // outputs of a tile, each way
  Index widest = 0;  // channels of a branch
  Index tile_rows = 0, tile_columns = 0;
  Index block_tiles = 0;  // consecutive tiles in raster order, image after image

  void run(const Run& run) const override {
    const Index tiles = g.n * tile_rows * tile_columns, blocks = (tiles + block_tiles - 1) / block_tiles;
    if (run.pool != nullptr && blocks < 2 * run.pool->threads()) {
      for (Index i = 0; i < blocks; ++i) together(run, {i * block_tiles, std::min(tiles, (i + 1) * block_tiles)});
      return;
    }
    run.parallel(blocks, 1, flops * 0.006, [&](Index begin, Index end, std::byte* scratch) {
      for (Index i = begin; i < end; ++i) {
        const Block block{i * block_tiles, std::min(tiles, (i + 1) * block_tiles)};
        const Values in = inputs(scratch);
        transform_inputs(run, block, block.first, block.last, in);
        for (const Branch& branch : branches) {
          // the last products of a position take the place of the inputs of the position before: nobody needs these any more
          const Values out = &branch == &branches.back() ? products_over_inputs(scratch) : products(scratch);
          multiply(run, branch, block, 0, positions(), in, out);
          transform_outputs(run, branch, block, block.first, block.last, out);
        }
      }
    });
  }

  // The memory of a block: its inputs behind room for the products of a position, and the products of one branch at a time.
  std::size_t scratch() const { return static_cast<std::size_t>(4 * (2 * positions() + 1) * slot()); }

 private:
  struct Block {
    Index first, last;  // tiles
  };
  // Of a block's tiles: [position][tile][channel].
  struct Values {
    float* first;
    Index position_pitch;
  };
  Index positions() const { return positions_of(m, g.sh); }
  Index c_pitch() const { return padded(g.c); }
  // The floats of a position. One line of the cache more keeps the 36 streams of a tile out of the same cache sets.
  Index slot() const { return block_tiles * std::max(c_pitch(), padded(widest)) + 16; }
  Values inputs(std::byte* scratch) const { return {reinterpret_cast<float*>(scratch) + slot(), slot()}; }
  Values products_over_inputs(std::byte* scratch) const { return {reinterpret_cast<float*>(scratch), slot()}; }
  Values products(std::byte* scratch) const { return {reinterpret_cast<float*>(scratch) + (positions() + 1) * slot(), slot()}; }

  // All threads on one block, in the first one's memory.
  void together(const Run& run, const Block& block) const {
    const Index tiles = block.last - block.first;
    const Values in = inputs(run.scratch), out = products(run.scratch);
    const double block_work = flops * 0.006 * static_cast<double>(tiles) / static_cast<double>(g.n * tile_rows * tile_columns);
    run.parallel(tiles, 1, block_work * 0.2,
                 [&](Index begin, Index end) { transform_inputs(run, block, block.first + begin, block.first + end, in); });
    for (const Branch& branch : branches) {
      const double work = block_work / static_cast<double>(branches.size());
      run.parallel(positions(), 1, work, [&](Index begin, Index end) { multiply(run, branch, block, begin, end, in, out); });
      run.parallel(tiles, 1, work * 0.2, [&](Index begin, Index end) {
        transform_outputs(run, branch, block, block.first + begin, block.first + end, out);
      });
    }
  }

  void transform_inputs(const Run& run, const Block& block, Index begin, Index end, const Values& in_values) const {
    for_rows(begin, end, [&](Index b, Index row, Index column, Index count, Index tile) {
      const float* image = run.floats(in) + b * batch_stride(in);
      kernels::WinogradInput a;
      a.outputs = m;
      a.stride = g.sh;
      for (Index y = 0; y < reach_of(m, g.sh); ++y) {
        const Index iy = row * m * g.sh - g.pt + y;
        a.rows[y] = iy < 0 || iy >= g.h ? nullptr : image + iy * line(in);
      }
      a.pitch = pixel(in);
      a.x = column * m * g.sw - g.pl;
      a.width = g.w;
      a.tiles = count;
      a.channels = g.c;
      a.out = in_values.first + (tile - block.first) * c_pitch();
      a.position_pitch = in_values.position_pitch;
      a.tile_pitch = c_pitch();
      run.k.winograd_input(a);
    });
  }

  void multiply(const Run& run, const Branch& branch, const Block& block, Index begin, Index end, const Values& in_values, const Values& out_values) const {
    kernels::DenseArgs d;
    d.rows.pitch = c_pitch();
    d.k = g.c;
    d.n = branch.o;
    d.out_pitch = padded(branch.o);
    d.lanes = kernels::Lanes::full;
    const bool stream_weights = 4 * positions() * branch.packed_floats > kStayingBytes;
    for (Index p = begin; p < end; ++p) {
      d.rows.base = in_values.first + p * in_values.position_pitch;
      d.weights = branch.weights.data<float>() + p * branch.packed_floats;
      if (stream_weights) d.next_weights = branch.weights.data<float>() + (p + 1 < end ? p + 1 : begin) * branch.packed_floats;
      d.out = out_values.first + p * out_values.position_pitch;
      run.k.dense(d, {0, block.last - block.first, 0, branch.o});
    }
  }

  void transform_outputs(const Run& run, const Branch& branch, const Block& block, Index begin, Index end, const Values& values) const {
    const Place &out = branch.out, &other = branch.other;
    for_rows(begin, end, [&](Index b, Index row, Index column, Index count, Index tile) {
      float* const result = run.floats(out) + b * batch_stride(out);
      const float* const second = other.valid() ? run.floats(other) + (other.dims[0] == 1 ? 0 : b * batch_stride(other)) : nullptr;
      kernels::WinogradOutput a;
      a.outputs = m;
      a.stride = g.sh;
      a.tile_pitch = padded(branch.o);
      a.position_pitch = values.position_pitch;
      a.in = values.first + (tile - block.first) * a.tile_pitch;
      a.tiles = count;
      a.channels = branch.o;
      a.out = result + row * m * line(out) + column * m * pixel(out);
      a.out_pitch = pixel(out);
      a.out_line_pitch = line(out);
      a.rows = std::min(m, g.oh - row * m);
      a.width = g.ow - column * m;
      a.lanes = branch.lanes;
      a.epilogue = branch.epilogue;
      if (second != nullptr)
        a.epilogue.other = a.epilogue.other_pitch == 0 ? second : second + row * m * line(other) + column * m * pixel(other);
      run.k.winograd_output(a);
    });
  }

  // Calls fn(image, row, column, count, first tile) for the stretch of each row of tiles.
  template <class F>
  void for_rows(Index first, Index last, F fn) const {
    for (Index t = first; t < last;) {
      const Index row = t / tile_columns, column = t % tile_columns, count = std::min(last - t, tile_columns - column);
      fn(row / tile_rows, row % tile_rows, column, count, t);
      t += count;
    }
  }
};

using Line = std::array<double, 6>;  // as many as a tile reaches over count

// G g
Line transform(Index reach, double a, double b, double c) {
  if (reach == 4) return {a, (a + b + c) / 2, (a - b + c) / 2, c};
  if (reach == 5) return {a, a + c, c, b, b};
  return {a, (a + b + c) / 3, (-a + b - c) / 3, (-16 * a - 8 * b - 4 * c) / 15, (a - 2 * b + 4 * c) / 15, c};
}

// G g Gᵀ of one filter: transformed value (row, column) at out[(row·reach + column)·pitch].
void transform_filter(Index reach, const float* g, float* out, Index pitch) {
  std::array<Line, 3> columns;
  for (std::size_t x = 0; x < 3; ++x) columns[x] = transform(reach, g[x], g[3 + x], g[6 + x]);
  for (std::size_t r = 0; r < static_cast<std::size_t>(reach); ++r) {
    const Line y = transform(reach, columns[0][r], columns[1][r], columns[2][r]);
    for (std::size_t x = 0; x < static_cast<std::size_t>(reach); ++x, out += pitch) *out = static_cast<float>(y[x]);
  }
}

// All positions, packed one after the other.
Tensor transformed(Lowering& l, const Tensor& weights, const Geometry& g, Index m, Index packed) {
  const Index reach = reach_of(m, g.sh), positions = reach * reach;
  return l.packs.get(weights, fmt::format("{}/winograd of {}x{} {}", l.k.isa, reach, reach, l.k.dense_shape(g.c, g.o).nr), packed * positions, [&](float* dst) {
    // some panels at a time: all transformed filters at once would be the most memory that a network ever takes
    const Index nr = l.k.dense_shape(g.c, g.o).nr, most = std::min(g.o, 2 * nr);
    std::vector<float> plain(static_cast<std::size_t>(positions * most * g.c));  // [position][o][c]
    for (Index o = 0; o < g.o;) {
      const Index count = g.o - o >= 2 * nr ? nr : g.o - o, matrix = count * g.c;  // what is left is cut as the whole would be
      for (Index i = 0; i < matrix; ++i) transform_filter(reach, weights.data<float>() + 9 * (o * g.c + i), plain.data() + i, matrix);
      for (Index p = 0; p < positions; ++p)
        l.k.dense_pack({.src = plain.data() + p * matrix, .n = count, .c = g.c, .stride_n = g.c, .stride_c = 1, .dst = dst + p * packed + o * g.c});
      o += count;
    }
  });
}

// How many times as fast as the dense driver the algorithm is estimated to be.
double gain(const Lowering& l, const Geometry& g, Index m) {
  const auto tiles = static_cast<double>(g.n * tiles_along(g.oh, m) * tiles_along(g.ow, m)), c = static_cast<double>(g.c), o = static_cast<double>(g.o);
  const auto positions = static_cast<double>(positions_of(m, g.sh));
  // in cycles of a multiply-add of one vector: products, and transforms by the vectors that they load, compute and store
  const double lanes = l.k.lanes, direct = 9 * static_cast<double>(g.n * g.oh * g.ow) * c * o / lanes / 2;
  const double products = positions * tiles * c * o / lanes / 2, transforms = positions * tiles * (c * 4.7 + o * 3.6) / lanes;
  // weights that leave the cache between layers come at some bytes a cycle
  const double weights = positions * 4 * c * o > 512 * 1024 ? 4 * c * o / 6 : 0;
  return (direct * 1.1 + 9 * weights) / (products * 1.1 + transforms + positions * weights);
}

}  // namespace

Index winograd_tile(Lowering& l, const graph::Node& node, const Geometry& g, Index groups) {
  if (l.exact || groups != 1 || g.kh != 3 || g.kw != 3 || g.sh != g.sw || g.sh > 2 || g.dh != 1 || g.dw != 1 || l.k.lanes < 8) return 0;
  if (g.c < 16 || g.o < 16) return 0;
  const double large = g.sh == 1 ? gain(l, g, 4) : 0, small = gain(l, g, 2);
  const auto decide = [&](Index m, double times, bool taken) {
    return l.decide({.key = fmt::format("winograd{} {}>{} {}x{} n{}", g.sh == 2 ? " 2x2/2" : m == 2 ? " 2x2" : "", g.c, g.o, g.oh, g.ow, g.n),
                     .node = node.name, .taken = taken, .close = times > 0.5 && times < 2.5,
                     .why = fmt::format("tiles of {}x{} are estimated to be {:.2f} times as fast", m, m, times)});
  };
  if (g.sh == 1 && decide(4, large, large > 1 && large >= small)) return 4;
  return decide(2, small, small > 1) ? 2 : 0;
}

void lower_winograd(Lowering& l, const std::vector<PlacedConvolution>& convolutions, Index m) {
  auto step = std::make_unique<WinogradStep>();
  const Geometry& g = convolutions.front().conv.g;
  const Index positions = positions_of(m, g.sh);
  step->in = convolutions.front().in;
  step->g = g;
  step->m = m;
  step->reads = {step->in};
  for (const PlacedConvolution& p : convolutions) {
    const Index o = p.conv.g.o, packed_floats = l.k.dense_shape(g.c, o).packed_floats;
    const auto lanes = l.owns_padding(p.out, pixel(p.out)) ? kernels::Lanes::full : kernels::Lanes::masked;
    step->branches.push_back(
        {o, p.out, p.other, p.epilogue, lanes, packed_floats, transformed(l, p.conv.weights, p.conv.g, m, packed_floats)});
    step->widest = std::max(step->widest, o);
    step->flops += 2.0 * static_cast<double>(g.n * o * g.oh * g.ow * g.c * 9);
    if (p.other.valid()) step->reads.push_back(p.other);
    step->writes.push_back(p.out);
  }
  step->tile_rows = tiles_along(g.oh, m);
  step->tile_columns = tiles_along(g.ow, m);
  const Index tiles = g.n * step->tile_rows * step->tile_columns, tile_bytes = positions * 4 * (std::max(padded(g.c), padded(step->widest)) + (convolutions.size() > 1 ? padded(step->widest) : 0));
  // few tiles would leave the products waiting for their weights, the more so if these are larger than the cache
  const Index least = positions * 4 * g.c * step->widest > 4 * kBlockBytes ? 48 : 24;
  const Index most = std::min(tiles, std::max<Index>(kBlockBytes / tile_bytes, least)), blocks = (tiles + most - 1) / most;
  step->block_tiles = (tiles + blocks - 1) / blocks;
  step->scratch_bytes = step->scratch();
  step->kernel = m == 4 ? "winograd 3x3" : g.sh == 1 ? "winograd 3x3 by 2x2" : "winograd 3x3/2 by 2x2";
  emit_convolutions(l, convolutions, std::move(step));
}

}  // namespace saccade::plan
