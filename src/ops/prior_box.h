// SPDX-License-Identifier: Apache-2.0
// The anchors of SSD detectors: PriorBox and PriorBoxClustered.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Fact;
using graph::FieldVisitor;

/// (layer size integer[2] of h, w, image size integer[2] of h, w) → f32 [2, 4·h·w·n]: row 0 holds n boxes (x1, y1, x2, y2 in parts of the
/// image) for every cell, row 1 their variances. Sizes are in pixels of the image (PriorBox-8).
struct PriorBox {
  std::vector<double> min_size, max_size, aspect_ratio, density, fixed_ratio, fixed_size;
  bool clip = false;
  /// Every aspect ratio also upside down.
  bool flip = false;
  /// The distance of cells in pixels; 0: the image divided by the layer, with boxes in the middle of the cells whatever `offset` is.
  /// Without scale_all_sizes in parts of the image's height, -1 for the same as 0 but with the offset.
  double step = 0;
  double offset = 0;
  /// None (0.1), one, or four.
  std::vector<double> variance;
  /// false: min_size in parts of the image's height, and aspect ratios only for the first of them, after the last.
  bool scale_all_sizes = true;
  /// The box of max_size comes before those of the aspect ratios.
  bool min_max_aspect_ratios_order = true;

  static constexpr std::string_view kName = "PriorBox";
  void fields(FieldVisitor& v) {
    v("min_size", min_size);
    v("max_size", max_size);
    v("aspect_ratio", aspect_ratio);
    v("density", density);
    v("fixed_ratio", fixed_ratio);
    v("fixed_size", fixed_size);
    v("clip", clip);
    v("flip", flip);
    v("step", step);
    v("offset", offset);
    v("variance", variance);
    v("scale_all_sizes", scale_all_sizes);
    v("min_max_aspect_ratios_order", min_max_aspect_ratios_order);
  }
};

/// (layer size integer[2], image size integer[2]) → f32 [2, 4·h·w·n], as PriorBox, with the n boxes of a cell listed (PriorBoxClustered-1).
struct PriorBoxClustered {
  std::vector<double> width, height;
  bool clip = true;
  /// Distances of cells in pixels; `step` stands for one that is 0, and if both are 0 the image is divided by the layer.
  double step_w = 0, step_h = 0, step = 0;
  double offset = 0;
  std::vector<double> variance;

  static constexpr std::string_view kName = "PriorBoxClustered";
  void fields(FieldVisitor& v) {
    v("width", width);
    v("height", height);
    v("clip", clip);
    v("step_w", step_w);
    v("step_h", step_h);
    v("step", step);
    v("offset", offset);
    v("variance", variance);
  }
};

std::vector<Fact> infer(const PriorBox& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const PriorBox& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const PriorBoxClustered& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const PriorBoxClustered& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
