// SPDX-License-Identifier: Apache-2.0
// Convolutions as the plan sees them: what a node asks for, and the steps that run it alone or as a part of a region.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "plan/dense_step.h"

namespace saccade::plan {

/// A convolution over f32 images with constant weights, and what follows it.
struct Convolution {
  graph::ValueId input;
  Tensor weights;  ///< [O, C / groups, spatial…]
  Index groups = 1;
  Geometry g{};
  Chain chain;

  bool depthwise() const { return groups == g.c && groups == g.o; }
  /// One pixel to one pixel.
  bool pointwise() const { return groups == 1 && g.kh == 1 && g.kw == 1 && g.sh == 1 && g.sw == 1 && g.pt + g.pl + g.pb + g.pr == 0; }
  /// Few channels: a kernel row is read as one stretch of a copy with a halo.
  bool merges_taps() const { return g.c <= 4 && groups == 1 && g.kw > 1 && g.dw == 1; }
  /// The input as an image whose channels are contiguous unless taps are merged.
  Place input_place(Lowering& l) const;
};

/// The node as a convolution, if the kernels can run it.
std::optional<Convolution> convolution_of(Lowering& l, const graph::Node& node, bool allow_other);

/// A convolution whose operands and result lie somewhere.
struct PlacedConvolution {
  Convolution conv;
  Place in, out, other;  ///< as images with contiguous channels
  kernels::Epilogue epilogue;
  std::optional<Pixels> write;  ///< where the pixels of `out` belong, if not one after the other
};
PlacedConvolution placed(Lowering& l, const Convolution& conv);
/// The same for one that reads `in`, and whose output may go where the movers behind it would take it.
PlacedConvolution placed_behind(Lowering& l, const Convolution& conv, Place in);

/// Names the step, which runs all of them and knows its kernel and its work, after their chains and emits it.
void emit_convolutions(Lowering& l, const std::vector<PlacedConvolution>& convolutions, std::unique_ptr<Step> step);

/// Depthwise convolution, row by row.
class DepthwiseStep final : public Step {
 public:
  kernels::DepthwiseArgs args;
  Tensor weights;
  Place in, out, other;
  Geometry g{};

  void run(const Run& run) const override;
};

/// The input rows that output row `oy` of a depthwise convolution is the first to need; an image of null: none.
void rows_ahead(const Geometry& g, const float* image, Index line, Index oy, const float* (&rows)[2]);

/// The image that a convolution which merges taps reads: channels last, as far as its windows reach, its padding written out.
Place stem_image(Lowering& l, const Geometry& g);

/// One group [o_begin, o_begin + o) of the output channels from in-channels [c_begin, c_begin + c).
struct Group {
  Index index, c_begin, c, o_begin, o;
};

/// The steps with kernel and work, not yet emitted. The dense one may emit the copy that it reads.
std::unique_ptr<DenseStep> make_dense(Lowering& l, const Tensor& weights, Place in, Place out, const Place& other, Geometry g, const Group& group,
                                      const kernels::Epilogue& epilogue);
std::unique_ptr<DepthwiseStep> make_depthwise(Lowering& l, const Tensor& weights, const Place& in, const Place& out, const Place& other, const Geometry& g,
                                              const kernels::Epilogue& epilogue);

/// Lowers the node together with the depthwise and pointwise convolutions behind it as one step that streams rows, if that
/// is estimated to be faster; false: nothing was done.
bool lower_region(Lowering& l, const graph::Node& node);
/// Whether lower_region would.
bool begins_region(Lowering& l, const graph::Node& node);

/// Lowers the convolution, run as winograd_tile() said, together with those behind it that read the same image in the same way, if
/// that is estimated to be faster; false: nothing was done.
bool lower_siblings(Lowering& l, const Convolution& first, Index winograd);

}  // namespace saccade::plan
