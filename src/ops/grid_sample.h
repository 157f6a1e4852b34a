// SPDX-License-Identifier: Apache-2.0
// GridSample and AffineGrid: sampling images at given places.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Cost;
using graph::Fact;
using graph::FieldVisitor;

enum class GridSampleMode { bilinear, bicubic, nearest };
enum class GridSamplePadding { zeros, border, reflection };

/// (data [n,c,h,w], grid [n,oh,ow,2] of (x, y) in [−1, 1]) → [n,c,oh,ow] (GridSample-9). Ours: also [n,c,d,h,w] with grids [n,od,oh,ow,3]
/// of (x, y, z), except bicubic.
struct GridSample {
  bool align_corners = false;
  GridSampleMode mode = GridSampleMode::bilinear;
  GridSamplePadding padding_mode = GridSamplePadding::zeros;

  static constexpr std::string_view kName = "GridSample";
  void fields(FieldVisitor& v) {
    v("align_corners", align_corners);
    v("mode", mode, {"bilinear", "bicubic", "nearest"});
    v("padding_mode", padding_mode, {"zeros", "border", "reflection"});
  }
};

/// (theta [n,2,3] or [n,3,4], size i64[4 or 5] of n,c,(d,)h,w) → [n,(d,)h,w,2 or 3]: the grid of normalised places that theta maps onto.
/// Ours; IR: a constant grid and MatMul.
struct AffineGrid {
  bool align_corners = false;

  static constexpr std::string_view kName = "AffineGrid";
  void fields(FieldVisitor& v) { v("align_corners", align_corners); }
};

std::vector<Fact> infer(const GridSample& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const GridSample& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const AffineGrid& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const AffineGrid& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
