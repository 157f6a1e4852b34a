// SPDX-License-Identifier: Apache-2.0
// The arithmetic of the convolutions on wide elements, apart from their operators.
#pragma once

#include <cstdint>
#include <vector>

#include "ops/inference.h"

namespace saccade::ops {

/// Sizes of a convolution whose weights are [groups, …, …, kernel…]; inputs and outputs are channels of one group.
struct ConvolutionSizes {
  std::int64_t batch = 0, groups = 1, inputs = 0, outputs = 0;
  std::vector<std::int64_t> input, kernel;  // spatial, one to three
};

/// One axis of a transposed convolution, resolved.
struct BackpropAxis {
  std::int64_t stride, dilation, begin, end, output;
};
/// `target`: the output size that output_shape asks for, or -1.
BackpropAxis backprop_axis(const Window& window, const std::vector<std::int64_t>& output_padding, std::size_t axis, std::int64_t input,
                           std::int64_t kernel, std::int64_t target);

/// Throws Error(invalid_model) if the window lists more axes than there are.
void check_window(const Window& window, std::size_t spatial);

/// out (zeros) += the convolution of x [batch, groups·inputs, input…] and w [groups, outputs, inputs, kernel…]; T: double or u64.
template <class T>
void convolve(const ConvolutionSizes& sizes, const ResolvedWindow& window, const std::vector<T>& x, const std::vector<T>& w,
              std::vector<T>& out);

/// out (zeros) += the transposed convolution of x and w [groups, inputs, outputs, kernel…].
template <class T>
void convolve_transposed(const ConvolutionSizes& sizes, const ResolvedWindow& window, const std::vector<T>& x, const std::vector<T>& w,
                         std::vector<T>& out);

}  // namespace saccade::ops
