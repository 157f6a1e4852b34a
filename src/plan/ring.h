// SPDX-License-Identifier: Apache-2.0
// The lines of an image between two stages of a region that are alive: a product makes them when they are needed.
#pragma once

#include <memory>

#include "plan/conv.h"

namespace saccade::plan {

/// As many lines as the windows of a strip of output rows reach, in groups of 16 channels, [line][C / 16][W][16], so that a window
/// reads one stretch for each group. Immutable after planning; the memory is the caller's.
struct Ring {
  std::unique_ptr<DenseStep> product;
  Index width = 0;  ///< columns of the image
  Index lines = 0;  ///< in memory
  Index line = 0;   ///< floats

  /// For an image of `channels`×h×w whose windows reach over `reach` lines.
  static Ring of(Index channels, Index h, Index w, Index reach);
  /// The product that makes the lines of `conv` from `image`.
  void fill_from(Lowering& l, const Convolution& conv, const Place& image);
  Index floats() const { return lines * line; }
  /// Makes lines [next, until) of image b; `next` becomes `until`.
  void advance(const Run& run, Index b, float* memory, Index& next, Index until) const;
  const float* at(const float* memory, Index y) const { return memory + y % lines * line; }
};

/// Image b of a batch, or the only one that there is for all.
inline const float* image_of(const Run& run, const Place& p, Index b) { return run.floats(p) + (p.dims[0] == 1 ? 0 : b * batch_stride(p)); }

/// What a region's lines and weights should fit in.
Index second_level_bytes();

/// The node that is the only one to read the value, as its first input; null: there is none, or the value is an output.
const graph::Node* only_user(const Lowering& l, graph::ValueId v);

}  // namespace saccade::plan
