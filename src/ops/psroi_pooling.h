// SPDX-License-Identifier: Apache-2.0
// PSROIPooling: position-sensitive pooling over regions, of R-FCN.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Fact;
using graph::FieldVisitor;

enum class PsRoiMode { average, bilinear };

/// (data [n,c,h,w], regions [r,5] of batch index, x1, y1, x2, y2) → [r, output_dim, group_size, group_size]. average: the mean of each bin,
/// every bin from channels of its own (c = output_dim · group_size²), corners rounded to pixels and inclusive, an empty bin is 0.
/// bilinear: the mean over spatial_bins_x · spatial_bins_y samples, each from channels of its own, corners in [0, 1] times spatial_scale
/// (PSROIPooling-1).
struct PsRoiPooling {
  std::int64_t output_dim = 1, group_size = 1;
  double spatial_scale = 1;
  std::int64_t spatial_bins_x = 1, spatial_bins_y = 1;
  PsRoiMode mode = PsRoiMode::average;

  static constexpr std::string_view kName = "PSROIPooling";
  void fields(FieldVisitor& v) {
    v("output_dim", output_dim);
    v("group_size", group_size);
    v("spatial_scale", spatial_scale);
    v("spatial_bins_x", spatial_bins_x);
    v("spatial_bins_y", spatial_bins_y);
    v("mode", mode, {"average", "bilinear"});
  }
};

std::vector<Fact> infer(const PsRoiPooling& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const PsRoiPooling& op, std::span<const Tensor> inputs);

/// (data [n, output_dim · group_size², h, w], regions [r,5] of batch index, x1, y1, x2, y2, shifts [r, 2·k, part_size, part_size]?) →
/// [r, output_dim, group_size, group_size]: the mean over spatial_bins_x · spatial_bins_y samples of each bin, every bin from channels of its
/// own; the bins of output_dim / k channels are moved by shifts · trans_std of the region's size. Samples beside the data do not
/// count (DeformablePSROIPooling-1).
struct DeformablePsRoiPooling {
  std::int64_t output_dim = 1, group_size = 1;
  double spatial_scale = 1;
  std::int64_t spatial_bins_x = 1, spatial_bins_y = 1;
  double trans_std = 1;
  std::int64_t part_size = 1;

  static constexpr std::string_view kName = "DeformablePSROIPooling";
  void fields(FieldVisitor& v) {
    v("output_dim", output_dim);
    v("group_size", group_size);
    v("spatial_scale", spatial_scale);
    v("spatial_bins_x", spatial_bins_x);
    v("spatial_bins_y", spatial_bins_y);
    v("trans_std", trans_std);
    v("part_size", part_size);
  }
};

std::vector<Fact> infer(const DeformablePsRoiPooling& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const DeformablePsRoiPooling& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
