// SPDX-License-Identifier: Apache-2.0
// The kernels of one level, by which its sources call each other and table.cpp fills the level's KernelTable.
#pragma once

#include "kernels/table.h"

namespace saccade::kernels::SACCADE_ISA {

/// out[i] = act(in[i]) for i < n, slope indexed by i; in place is fine.
void apply_row(const Activation& act, const float* in, float* out, Index n);

/// A block of raw sums, rows × width, whose epilogue is more than a tile does in registers.
struct FinishArgs {
  const Epilogue* epilogue;
  float* sums;               // aligned to 64 bytes, overwritten
  Index rows, width;         // width is a multiple of the lanes
  Index n0, valid;           // first channel, channels that exist
  Index stored;              // channels to store: valid or width
  float* const* out;         // channel 0 of each row
  const float* const* other; // first channel of each row, or null
  Index block_pitch;
  bool bias_done;            // the sums hold the bias already
};
void finish_rows(const FinishArgs& args);

/// The epilogue in place, on rows of n channels that are stored already; their sums hold the bias unless there is a scale.
/// Without `with_first` the first activation is done.
void finish_pixels(const Epilogue& e, bool with_first, float* out, Index pitch, Index rows, Index n);

// The two forms of the dense kernel, with panels of kPanelVectors. (Templates would be weak symbols, which levels must not have.)
DenseShape dense_shape_0(Index k_total, Index n);
DenseShape dense_shape_1(Index k_total, Index n);
void dense_pack_0(const DensePack&);
void dense_pack_1(const DensePack&);
void dense_0(const DenseArgs&, const DenseBand&);
void dense_1(const DenseArgs&, const DenseBand&);
void winograd_input(const WinogradInput&);
void winograd_output(const WinogradOutput&);
void depthwise_pack(const DepthwisePack&);
void depthwise_row(const DepthwiseArgs&);
void pool_row(const PoolArgs&);
void resize_nearest_row(const ResizeArgs&);
void resize_linear_row(const ResizeArgs&);
void resize_cubic_row(const ResizeArgs&);
void mix_rows(const MixArgs&);
void unary(const UnaryArgs&);
void binary(const BinaryArgs&);
void compare(const BinaryArgs&);
void select(const SelectArgs&);
void scale_shift(const ScaleShiftArgs&);
void convert(const ConvertArgs&);
void reduce_rows(const ReduceArgs&);
void reduce_columns(const ReduceArgs&);
void softmax_rows(const SoftmaxArgs&);
void softmax_columns(const SoftmaxArgs&);
void argmax_rows(const ArgMaxArgs&);
void argmax_columns(const ArgMaxArgs&);
void moments_rows(const MomentsArgs&);
void moments_columns(const MomentsArgs&);
void normalize_rows(const NormalizeArgs&);
void transpose(const TransposeArgs&);
void copy_rows(const CopyArgs&);
void picture_line(const PictureArgs&);

}  // namespace saccade::kernels::SACCADE_ISA
