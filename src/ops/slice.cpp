// SPDX-License-Identifier: Apache-2.0
// Slice: one strided copy.
#include "ops/slice.h"

#include <algorithm>

#include "ops/contents.h"

namespace saccade::ops {
namespace {

// The size of a slice of a dimension that is not known, where something can still be said.
Dimension open_slice(const Dimension& size, const Dimension& start, const Dimension& stop, std::int64_t step) {
  if (!start.is_static() || (step != 1 && step != -1)) return Dimension::unknown();
  const std::int64_t a = start.size();
  if (step == -1) return a == -1 && stop.is_static() && stop.size() <= -Dimension::kUnbounded / 2 ? size : Dimension::unknown();
  if (!stop.is_static()) {
    // x[0:n] where n is the dimension itself
    return a == 0 && !stop.symbol.empty() && stop.symbol == size.symbol ? size : Dimension::unknown();
  }
  const std::int64_t b = stop.size();
  const bool to_the_end = b >= size.max || b >= Dimension::kUnbounded / 2 || (b >= (std::int64_t{1} << 31) - 1);
  if (to_the_end) {
    if (a >= 0) return plus(size, -a);
    return size.min >= -a ? Dimension::fixed(-a) : Dimension::unknown();
  }
  if (b >= 0) {
    if (a < 0) return Dimension::unknown();
    if (size.min >= b) return Dimension::fixed(std::max<std::int64_t>(0, b - a));
    return {0, std::max<std::int64_t>(0, b - a), {}};
  }
  if (a >= 0) return size.min >= -b ? plus(size, b - a) : Dimension::unknown();
  return size.min >= std::max(-a, -b) ? Dimension::fixed(std::max<std::int64_t>(0, b - a)) : Dimension::unknown();
}

std::vector<std::size_t> slice_axes(const std::vector<std::int64_t>* axes, std::size_t count, std::size_t rank) {
  std::vector<std::size_t> out;
  if (axes) {
    out = normal_axes(*axes, rank);
    SACCADE_CHECK(out.size() == count, invalid_model, "{} axes for {} ranges", out.size(), count);
    auto sorted = out;
    std::sort(sorted.begin(), sorted.end());
    SACCADE_CHECK(std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end(), invalid_model, "an axis appears twice");
  } else {
    SACCADE_CHECK(count <= rank, invalid_model, "{} ranges for rank {}", count, rank);
    for (std::size_t i = 0; i < count; ++i) out.push_back(i);
  }
  return out;
}

}  // namespace

SliceRange resolve_slice(std::int64_t start, std::int64_t stop, std::int64_t step, std::int64_t size) {
  SACCADE_CHECK(step != 0, invalid_model, "a slice with step 0");
  const auto absolute = [size](std::int64_t v, std::int64_t low, std::int64_t high) {
    if (v < 0) v = v < -size ? low : v + size;
    return std::clamp(v, low, high);
  };
  // a backward slice starts at the last element at most and may end "before the first"
  const std::int64_t low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1;
  const std::int64_t a = absolute(start, low, high), b = absolute(stop, low, high);
  if (step > 0) return {a, step, b <= a ? 0 : (b - a - 1) / step + 1};
  if (a <= b) return {std::max<std::int64_t>(a, 0), step, 0};
  return {a, step, step == std::numeric_limits<std::int64_t>::min() ? 1 : (a - b - 1) / -step + 1};
}

std::vector<Fact> infer(const Slice& op, std::span<const Fact> inputs) {
  check_arity(inputs, 4, 5);
  const TensorType& data = inputs[0].type;
  PartialShape shape = data.shape;
  if (shape.ranked()) {
    const auto starts = known_dimensions(inputs, 1), stops = known_dimensions(inputs, 2);
    const auto steps = known_integers(inputs, 3), axes = known_integers(inputs, 4);
    std::size_t count = starts ? starts->size() : stops ? stops->size() : steps ? steps->size() : 0;
    if ((has(inputs, 4) && !axes) || (!starts && !stops && !steps)) {
      shape = PartialShape::of_rank(data.shape.rank());
    } else {
      const auto dims = slice_axes(axes ? &*axes : nullptr, count, data.shape.rank());
      SACCADE_CHECK((!starts || starts->size() == count) && (!stops || stops->size() == count) && (!steps || steps->size() == count), invalid_model,
                    "start, stop and step of a slice differ in length");
      for (std::size_t i = 0; i < count; ++i) {
        Dimension& d = shape[dims[i]];
        if (!starts || !stops || !steps)
          d = Dimension::unknown();
        else if (d.is_static() && (*starts)[i].is_static() && (*stops)[i].is_static())
          d = Dimension::fixed(resolve_slice((*starts)[i].size(), (*stops)[i].size(), (*steps)[i], d.size()).count);
        else if (!d.is_static())
          d = open_slice(d, (*starts)[i], (*stops)[i], (*steps)[i]);
        else
          d = {0, d.max, {}};
      }
    }
  }
  return with_contents(op, inputs, {0}, {Fact(data.element, shape)});
}

std::vector<Tensor> evaluate(const Slice&, std::span<const Tensor> inputs) {
  const Tensor& data = inputs[0];
  const auto starts = to_i64(inputs[1]), stops = to_i64(inputs[2]), steps = to_i64(inputs[3]);
  SACCADE_CHECK(starts.size() == stops.size() && starts.size() == steps.size(), invalid_model, "start, stop and step of a slice differ in length");
  std::vector<std::int64_t> axes;
  if (has(inputs, 4)) axes = to_i64(inputs[4]);
  const auto dims = slice_axes(has(inputs, 4) ? &axes : nullptr, starts.size(), data.shape().size());
  Shape shape = data.shape();
  Strides strides = dense_strides(shape);
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const SliceRange r = resolve_slice(starts[i], stops[i], steps[i], shape[dims[i]]);
    shape[dims[i]] = r.count;
    offset += r.begin * strides[dims[i]];
    if (r.count > 1) strides[dims[i]] *= r.step;
  }
  Tensor out(data.type(), shape);
  const std::size_t bytes = size_in_bytes(data.type());
  if (out.size()) strided_copy(out.raw(), dense_strides(shape), static_cast<const char*>(data.raw()) + offset * static_cast<std::int64_t>(bytes), strides, shape, bytes);
  return {out};
}

}  // namespace saccade::ops
