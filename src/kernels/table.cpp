// SPDX-License-Identifier: Apache-2.0
// The tables of the level that this file is compiled for.
#include "kernels/table.h"

#include "kernels/dense_panels.h"
#include "kernels/level.h"
#include "simd/simd.h"

#define SACCADE_NAME_OF(level) #level
#define SACCADE_NAME(level) SACCADE_NAME_OF(level)

namespace saccade::kernels::SACCADE_ISA {
namespace {

constexpr KernelTable kTable = {
    .isa = SACCADE_NAME(SACCADE_ISA),
    .lanes = simd::kLanes,
    .panel_vectors = kPanelVectors[0],
    .dense_shape = dense_shape_0,
    .dense_pack = dense_pack_0,
    .dense = dense_0,
    .winograd_input = winograd_input,
    .winograd_output = winograd_output,
    .depthwise_pack = depthwise_pack,
    .depthwise_row = depthwise_row,
    .pool_row = pool_row,
    .resize_nearest_row = resize_nearest_row,
    .resize_linear_row = resize_linear_row,
    .resize_cubic_row = resize_cubic_row,
    .mix_rows = mix_rows,
    .unary = unary,
    .binary = binary,
    .compare = compare,
    .select = select,
    .scale_shift = scale_shift,
    .convert = convert,
    .reduce_rows = reduce_rows,
    .reduce_columns = reduce_columns,
    .softmax_rows = softmax_rows,
    .softmax_columns = softmax_columns,
    .argmax_rows = argmax_rows,
    .argmax_columns = argmax_columns,
    .moments_rows = moments_rows,
    .moments_columns = moments_columns,
    .normalize_rows = normalize_rows,
    .transpose = transpose,
    .copy_rows = copy_rows,
    .picture_line = picture_line,
};

constexpr KernelTable other_form(KernelTable table) {
  table.panel_vectors = kPanelVectors[1];
  table.dense_shape = dense_shape_1;
  table.dense_pack = dense_pack_1;
  table.dense = dense_1;
  return table;
}

}  // namespace

extern const KernelTable tables[kDenseForms];
constinit const KernelTable tables[kDenseForms] = {kTable, other_form(kTable)};

}  // namespace saccade::kernels::SACCADE_ISA
