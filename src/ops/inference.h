// SPDX-License-Identifier: Apache-2.0
// What `infer` functions share: checks of inputs, reading known contents, window arithmetic.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "graph/op.h"
#include "tensor/numeric.h"
#include "tensor/strided.h"

namespace saccade::ops {

using graph::Cost;
using graph::Dimension;
using graph::Fact;
using graph::FieldVisitor;
using graph::PartialShape;
using graph::TensorType;

/// Checks the number of inputs and that the first `required` are present.
void check_arity(std::span<const Fact> inputs, std::size_t required, std::size_t at_most);
inline bool has(std::span<const Fact> inputs, std::size_t i) { return i < inputs.size() && inputs[i].present; }
inline bool has(std::span<const Tensor> inputs, std::size_t i) { return i < inputs.size() && inputs[i].defined(); }

/// The whole contents of an integer input, where known.
std::optional<std::vector<std::int64_t>> known_integers(std::span<const Fact> inputs, std::size_t i);
/// The contents of a rank-0 or rank-1 integer input with unknown entries, where at least their number is known.
std::optional<std::vector<Dimension>> known_dimensions(std::span<const Fact> inputs, std::size_t i);
/// A fact whose contents are these dimensions (a whole constant if all are static).
Fact shape_fact(ElementType element, const std::vector<Dimension>& entries, bool scalar = false);

/// An axis in [-rank, rank) as one in [0, rank); throws Error(invalid_model) outside.
std::size_t normal_axis(std::int64_t axis, std::size_t rank);
std::vector<std::size_t> normal_axes(std::span<const std::int64_t> axes, std::size_t rank);
void check_same_element(std::span<const Fact> inputs, std::size_t a, std::size_t b);

/// The padding rule of a window operator.
enum class AutoPad { explicit_, same_upper, same_lower, valid };

/// A sliding window over the trailing spatial dimensions: attributes that Convolution, pooling and their kin share.
/// Empty vectors stand for ones (strides, dilations) or zeros (pads).
struct Window {
  std::vector<std::int64_t> strides, dilations, pads_begin, pads_end;
  AutoPad auto_pad = AutoPad::explicit_;
  void fields(FieldVisitor& v);
  bool operator==(const Window&) const = default;
};

/// The window with every default filled in for concrete sizes and the padding resolved.
struct ResolvedWindow {
  std::vector<std::int64_t> kernel, strides, dilations, pads_begin, pads_end, output;
};
/// `ceil`: output sizes round up (pooling); a last window that would start in the end padding is dropped.
ResolvedWindow resolve(const Window& window, std::span<const std::int64_t> input, std::span<const std::int64_t> kernel, bool ceil = false);
/// The output size of one dimension with a possibly unknown input.
Dimension window_output(const Window& window, std::size_t axis, const Dimension& input, std::int64_t kernel, bool ceil = false);

}  // namespace saccade::ops
