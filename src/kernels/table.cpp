// SPDX-License-Identifier: Apache-2.0
// The tables of the level that this file is compiled for.
#include "kernels/table.h"

#include "kernels/dense_panels.h"
#include "kernels/level.h"
#include "simd/simd.h"

#define SACCADE_NAME_OF(level) #level
#define SACCADE_NAME(level) SACCADE_NAME_OF(level)

namespace saccade::kernels::SACCADE_ISA {

template <int kMain>
constexpr KernelTable kTable = {
    .isa = SACCADE_NAME(SACCADE_ISA),
    .lanes = simd::kLanes,
    .panel_vectors = kMain,
    .dense_shape = dense_shape<kMain>,
    .dense_pack = dense_pack<kMain>,
    .dense = dense<kMain>,
    .winograd_input = winograd_input,
    .winograd_output = winograd_output,
    .depthwise_pack = depthwise_pack,
    .depthwise_row = depthwise_row,
    .pool_row = pool_row,
    .resize_nearest_row = resize_nearest_row,
    .resize_linear_row = resize_linear_row,
    .resize_cubic_row = resize_cubic_row,
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

extern const KernelTable tables[kDenseForms];
const KernelTable tables[kDenseForms] = {kTable<kPanelVectors[0]>, kTable<kPanelVectors[1]>};

}  // namespace saccade::kernels::SACCADE_ISA
