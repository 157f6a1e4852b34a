// SPDX-License-Identifier: Apache-2.0
// Strided copies: dimensions are merged where both sides allow, then rows are copied, in square blocks when the two
// sides disagree on which dimension is contiguous.
#include "tensor/strided.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace saccade {
namespace {

struct Axis {
  std::int64_t size, dst, src;
};

// One plane of a transposing copy: blocks keep both the read and the written lines in L1. Bytes go through a buffer, so that whole
// lines are read and written.
template <class T>
void copy_plane(T* dst, const T* src, const Axis& a, const Axis& b) {
  constexpr std::int64_t kBuffer = sizeof(T) == 1 ? 64 : 1;
  T buffer[kBuffer][kBuffer];
  const bool buffered = sizeof(T) == 1 && b.dst == 1 && a.size >= kBuffer / 2 && b.size >= kBuffer / 2;
  const std::int64_t block = buffered ? kBuffer : 16;
  for (std::int64_t i0 = 0; i0 < a.size; i0 += block)
    for (std::int64_t j0 = 0; j0 < b.size; j0 += block) {
      const std::int64_t rows = std::min(a.size - i0, block), columns = std::min(b.size - j0, block);
      T* d = dst + i0 * a.dst + j0 * b.dst;
      const T* s = src + i0 * a.src + j0 * b.src;
      if (buffered) {
        for (std::int64_t j = 0; j < columns; ++j)
          for (std::int64_t i = 0; i < rows; ++i) buffer[i][j] = s[i * a.src + j * b.src];
        for (std::int64_t i = 0; i < rows; ++i) std::memcpy(d + i * a.dst, buffer[i], static_cast<std::size_t>(columns) * sizeof(T));
      } else {
        for (std::int64_t i = 0; i < rows; ++i)
          for (std::int64_t j = 0; j < columns; ++j) d[i * a.dst + j * b.dst] = s[i * a.src + j * b.src];
      }
    }
}

template <class T>
void copy_rows(T* dst, const T* src, const std::vector<Axis>& axes) {
  const std::size_t rank = axes.size();
  const Axis inner = axes.back();
  const Axis outer = rank > 1 ? axes[rank - 2] : Axis{1, 0, 0};
  const std::size_t walked = rank > 1 ? rank - 2 : 0;
  std::vector<std::int64_t> index(walked, 0);
  const bool transposed = inner.src != 1 && inner.src != 0 && outer.src == 1 && outer.size > 1;
  for (;;) {
    if (transposed) {
      copy_plane(dst, src, outer, inner);
    } else {
      for (std::int64_t i = 0; i < outer.size; ++i) {
        T* d = dst + i * outer.dst;
        const T* s = src + i * outer.src;
        if (inner.dst == 1 && inner.src == 1)
          std::memcpy(d, s, static_cast<std::size_t>(inner.size) * sizeof(T));
        else if (inner.dst == 1 && inner.src == 0)
          std::fill_n(d, inner.size, *s);
        else
          for (std::int64_t j = 0; j < inner.size; ++j) d[j * inner.dst] = s[j * inner.src];
      }
    }
    std::size_t d = walked;
    while (d-- > 0) {
      dst += axes[d].dst;
      src += axes[d].src;
      if (++index[d] < axes[d].size) break;
      dst -= axes[d].dst * axes[d].size;
      src -= axes[d].src * axes[d].size;
      index[d] = 0;
    }
    if (d == static_cast<std::size_t>(-1)) return;
  }
}

}  // namespace

Strides dense_strides(const Shape& shape) {
  Strides strides(shape.size());
  std::int64_t step = 1;
  for (std::size_t d = shape.size(); d-- > 0;) {
    strides[d] = step;
    step *= shape[d];
  }
  return strides;
}

void strided_copy(void* dst, const Strides& dst_strides, const void* src, const Strides& src_strides, const Shape& dims, std::size_t element_bytes) {
  SACCADE_ASSERT(dst_strides.size() == dims.size() && src_strides.size() == dims.size());
  std::vector<Axis> axes;
  for (std::size_t d = 0; d < dims.size(); ++d) {
    if (dims[d] == 0) return;
    if (dims[d] == 1) continue;
    const Axis axis{dims[d], dst_strides[d], src_strides[d]};
    if (!axes.empty() && axes.back().dst == axis.dst * axis.size && axes.back().src == axis.src * axis.size)
      axes.back() = {axes.back().size * axis.size, axis.dst, axis.src};
    else
      axes.push_back(axis);
  }
  if (axes.empty()) axes.push_back({1, 1, 1});
  // the destination's contiguous dimension goes innermost, the source's next to it
  std::stable_sort(axes.begin(), axes.end(), [](const Axis& a, const Axis& b) { return std::abs(a.dst) > std::abs(b.dst); });
  if (axes.size() > 2 && axes.back().src != 1)
    for (std::size_t d = 0; d + 2 < axes.size(); ++d)
      if (axes[d].src == 1) {
        std::rotate(axes.begin() + static_cast<std::ptrdiff_t>(d), axes.begin() + static_cast<std::ptrdiff_t>(d) + 1, axes.end() - 1);
        break;
      }
  switch (element_bytes) {
    case 1: return copy_rows(static_cast<std::uint8_t*>(dst), static_cast<const std::uint8_t*>(src), axes);
    case 2: return copy_rows(static_cast<std::uint16_t*>(dst), static_cast<const std::uint16_t*>(src), axes);
    case 4: return copy_rows(static_cast<std::uint32_t*>(dst), static_cast<const std::uint32_t*>(src), axes);
    case 8: return copy_rows(static_cast<std::uint64_t*>(dst), static_cast<const std::uint64_t*>(src), axes);
    default: SACCADE_ASSERT(false);
  }
}

Shape broadcast_shapes(const Shape& a, const Shape& b) {
  const std::size_t rank = std::max(a.size(), b.size());
  Shape out(rank);
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int64_t x = i + a.size() >= rank ? a[i + a.size() - rank] : 1, y = i + b.size() >= rank ? b[i + b.size() - rank] : 1;
    SACCADE_CHECK(x == y || x == 1 || y == 1, invalid_model, "shapes {} and {} do not broadcast", to_string(a), to_string(b));
    out[i] = x == 1 ? y : x;
  }
  return out;
}

Strides broadcast_strides(const Shape& shape, const Shape& target) {
  SACCADE_CHECK(shape.size() <= target.size(), invalid_model, "shape {} does not broadcast to {}", to_string(shape), to_string(target));
  Strides strides(target.size(), 0);
  const std::size_t shift = target.size() - shape.size();
  std::int64_t step = 1;
  for (std::size_t d = shape.size(); d-- > 0;) {
    SACCADE_CHECK(shape[d] == target[d + shift] || shape[d] == 1, invalid_model, "shape {} does not broadcast to {}", to_string(shape), to_string(target));
    strides[d + shift] = shape[d] == 1 ? 0 : step;
    step *= shape[d];
  }
  return strides;
}

Tensor broadcast_to(const Tensor& tensor, const Shape& target) {
  if (tensor.shape() == target) return tensor;
  const Strides strides = broadcast_strides(tensor.shape(), target);
  Tensor out(tensor.type(), target);
  strided_copy(out.raw(), dense_strides(target), tensor.raw(), strides, target, size_in_bytes(tensor.type()));
  return out;
}

}  // namespace saccade
