// SPDX-License-Identifier: Apache-2.0
// The dense convolution step and the arithmetic of images that the convolutions share.
#pragma once

#include <string>
#include <vector>

#include "plan/lowering.h"
#include "plan/parallel.h"

namespace saccade::plan {

using kernels::Index;

// A convolution over two spatial dimensions; one-dimensional ones have h = 1.
struct Geometry {
  Index n, c, h, w, o, oh, ow, kh, kw, sh, sw, dh, dw, pt, pl, pb, pr;

  bool operator==(const Geometry&) const = default;
};

/// Rank 3 (N, C, W) as rank 4 with H = 1.
Place as_image(Place place);
inline Index batch_stride(const Place& p) { return p.strides[0]; }
inline Index line(const Place& p) { return p.strides[2]; }
inline Index pixel(const Place& p) { return p.strides[3]; }
/// Whether the image's lines follow each other without a gap, so that it is one line of h·w pixels.
bool endless(const Place& place);
/// Whether the images of an endless batch follow each other without a gap too.
inline bool batch_follows(const Place& p) { return p.dims[0] == 1 || batch_stride(p) == pixel(p) * p.dims[2] * p.dims[3]; }

/// The size of a product of rows and weights that are packed in panels of nr channels.
struct ProductSize {
  Index m, n, nr, panels;
  std::size_t weight_bytes;
};

/// Rows that are whole tiles in most forms of the kernel.
inline constexpr Index kWholeTiles = 12;

/// Calls fn(rows begin, end, panels begin, end) on pieces of the product; `work` as in Run::parallel.
template <class F>
void cut_product(const Run& run, const ProductSize& p, double work, F&& fn) {
  // what the threads would all read is the smaller part: the weights or the rows
  if (p.m >= 24 && (p.n < 2 * p.m || p.n < 16 * p.nr)) {
    // each piece reads all weights, be it from beyond the second-level cache
    const int pieces = p.weight_bytes > std::size_t{256} << 10 ? 2 : 4;
    // what is left beside whole tiles goes with the last of them: few rows alone would read all weights for little, and one adds up
    // otherwise
    const Index tiles = p.m / kWholeTiles;
    run.parallel(
        tiles, 1, work, [&](Index begin, Index end) { fn(begin * kWholeTiles, end == tiles ? p.m : end * kWholeTiles, 0, p.panels); },
        pieces);
  } else {
    run.parallel(p.panels, 1, work, [&](Index begin, Index end) { fn(0, p.m, begin, end); });
  }
}

/// Rows of an image times packed weights, for every image of a batch.
class DenseStep final : public Step {
 public:
  kernels::DenseArgs args;
  std::vector<std::int32_t> y_offsets, x_offsets;    // what args.rows points to
  std::vector<std::int32_t> out_lines, out_columns;  // what args points to
  Tensor zeros, weights;
  Place in, out, other;
  Index batch = 1, m = 0, nr = 16;

  void run(const Run& run) const override;
  /// Rows times panels of image b.
  void multiply(const Run& run, Index b, Index m_begin, Index m_end, Index panel_begin, Index panel_end) const;
  Index panels() const { return (args.n + nr - 1) / nr; }
  /// Takes the offset tables as the image rows of args; `kh`·`kw` taps of args.k floats.
  void use_offsets(Index kh, Index kw);
  /// From one pixel to one pixel of a single image: takes them from where they lie, in the buffer of `in`.
  void read(const Pixels& pixels);
  /// Puts the pixels of a single image where they belong, in the buffer of `out`.
  void write(const Pixels& pixels);
};

/// The packed form of `source`, kept under `key`.
Tensor pack_dense(Lowering& l, const Tensor& source, const kernels::DensePack& form, Index k_total, const std::string& key);

/// Names the step, which knows its kernel and its work, after the chain and emits it.
void emit_convolution(Lowering& l, const Chain& chain, std::unique_ptr<Step> step);

}  // namespace saccade::plan
