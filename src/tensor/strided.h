// SPDX-License-Identifier: Apache-2.0
// The one strided copy, on which all data movers stand: Transpose, Concat, Slice, Pad, Tile, broadcast.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "saccade/tensor.h"

namespace saccade {

using Strides = std::vector<std::int64_t>;

/// Row-major strides of a shape, in elements.
Strides dense_strides(const Shape& shape);

/// Copies dims-shaped elements of `element_bytes` (1, 2, 4 or 8) from src to dst; strides are in elements and may be zero
/// (broadcast, src only) or negative. dst and src must not overlap.
void strided_copy(void* dst, const Strides& dst_strides, const void* src, const Strides& src_strides, const Shape& dims, std::size_t element_bytes);

/// The shape that NumPy broadcasting gives; throws Error(invalid_model) where the shapes do not fit.
Shape broadcast_shapes(const Shape& a, const Shape& b);
/// Strides with which a dense tensor of `shape` is read as `target` by NumPy broadcasting: zero along repeated dimensions.
Strides broadcast_strides(const Shape& shape, const Shape& target);
/// A dense copy of the tensor broadcast to `target`, or the tensor itself if it has that shape.
Tensor broadcast_to(const Tensor& tensor, const Shape& target);

/// An odometer over the indices of `dims`, last fastest.
class IndexWalk {
 public:
  explicit IndexWalk(const Shape& dims) : dims_(dims), index_(dims.size(), 0) {}
  const Shape& index() const { return index_; }
  std::int64_t operator[](std::size_t d) const { return index_[d]; }
  /// Steps on; false after the last index.
  bool next() {
    for (std::size_t d = dims_.size(); d-- > 0;) {
      if (++index_[d] < dims_[d]) return true;
      index_[d] = 0;
    }
    return false;
  }
  /// The element offset of this index under `strides`.
  std::int64_t offset(const Strides& strides) const {
    std::int64_t o = 0;
    for (std::size_t d = 0; d < index_.size(); ++d) o += index_[d] * strides[d];
    return o;
  }

 private:
  Shape dims_, index_;
};

}  // namespace saccade
