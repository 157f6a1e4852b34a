// SPDX-License-Identifier: Apache-2.0
// Place: where a value of the plan lies in memory, as a strided view of a buffer. Transpose, Split, Slice, Squeeze and
// most Reshapes are nothing but another Place of the same memory.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "saccade/tensor.h"
#include "tensor/strided.h"

namespace saccade::plan {

using saccade::to_string;

/// Index into Plan::buffers.
using BufferId = std::int32_t;

/// A strided view. Strides and offset count elements; dims are in the graph's order.
struct Place {
  BufferId buffer = -1;
  ElementType type = ElementType::f32;
  std::int64_t offset = 0;
  Shape dims;
  Strides strides;

  bool valid() const { return buffer >= 0; }
  bool operator==(const Place&) const = default;
};

/// Strides of a buffer of its own: `order` lists the dimensions from the outermost to the innermost; the innermost row
/// takes `pitch` elements (at least its size).
Strides ordered_strides(const Shape& dims, const std::vector<int>& order, std::int64_t pitch);
/// Row-major without gaps; dimensions of size 1 do not count.
bool is_dense(const Place& place);
/// The elements between the first and one past the last, plus one pitch of padding lanes.
std::int64_t span_elements(const Shape& dims, const Strides& strides);

/// The strides under which the same memory reads as `to`, if that is possible without a copy.
std::optional<Strides> view_strides(const Shape& dims, const Strides& strides, const Shape& to);
/// The place under another shape, if that is possible without a copy.
std::optional<Place> viewed(const Place& place, Shape dims);
/// Whether the elements of both lie alike, each in a buffer of its own.
bool lie_alike(const Place& a, const Place& b);
/// The coarsest shape of which both are groupings of neighbouring dimensions; empty if there is none.
Shape common_refinement(const Shape& a, const Shape& b);
Place transposed(const Place& place, const std::vector<std::int64_t>& order);
/// count elements from `begin` along an axis, each `step` apart (step may be negative).
Place sliced(const Place& place, std::size_t axis, std::int64_t begin, std::int64_t count, std::int64_t step = 1);
/// "b3+16 f32[1,24,75,75] strides [..]"
std::string to_string(const Place& place);

/// Loops over several places of the same logical shape, merged as far as all of them allow: the innermost last.
struct LoopNest {
  Shape dims;
  std::vector<Strides> strides;  ///< one per operand, as long as dims
};
/// Visits the indices of the first `loops` loops of a nest, the last of them fastest; allocates nothing up to 12 loops. The sizes
/// are not copied.
class OuterWalk {
 public:
  OuterWalk(const Shape& dims, std::size_t loops) : dims_(dims.data()), loops_(loops) {
    if (loops_ > few_.size()) many_.resize(loops_);
  }
  OuterWalk(const OuterWalk&) = delete;
  OuterWalk& operator=(const OuterWalk&) = delete;

  /// Steps on; false after the last index.
  bool next() {
    std::int64_t* index = at();
    for (std::size_t d = loops_; d-- > 0;) {
      if (++index[d] < dims_[d]) return true;
      index[d] = 0;
    }
    return false;
  }
  /// The element offset of this index under the strides of the nest's loops.
  std::int64_t offset(const Strides& strides) {
    const std::int64_t* index = at();
    std::int64_t sum = 0;
    for (std::size_t d = 0; d < loops_; ++d) sum += index[d] * strides[d];
    return sum;
  }

 private:
  std::int64_t* at() { return many_.empty() ? few_.data() : many_.data(); }

  const std::int64_t* dims_;
  std::size_t loops_;
  std::array<std::int64_t, 12> few_{};
  std::vector<std::int64_t> many_;
};
/// Operands are given by their strides over `dims`; dimensions are ordered by the first operand's strides (outermost first).
LoopNest merge_loops(const Shape& dims, const std::vector<Strides>& operands);
/// The entries of a shape or of strides at these dimensions.
Shape select_dims(const std::vector<std::int64_t>& values, const std::vector<std::size_t>& dims);
/// The product of dimensions [begin, end).
std::int64_t product(const Shape& dims, std::size_t begin, std::size_t end);

/// Rounded up to whole groups of 16 channels.
inline std::int64_t padded(std::int64_t n) { return (n + 15) / 16 * 16; }

}  // namespace saccade::plan
