// SPDX-License-Identifier: Apache-2.0
// Col2Im: columns added back to an image.
#include "ops/col2im.h"

#include "ops/convolve.h"
#include "ops/inference.h"
#include "ops/widened.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;

constexpr i64 kMaxImageExtent = i64{1} << 31;

ResolvedWindow resolve_columns(const Col2Im& op, const std::vector<i64>& size, const std::vector<i64>& kernel) {
  SACCADE_CHECK(size.size() == kernel.size() && !size.empty(), invalid_model, "{} sizes for a kernel of {} dimensions", size.size(),
                kernel.size());
  for (i64 s : size) SACCADE_CHECK(s >= 0 && s < kMaxImageExtent, invalid_model, "an output size of {}", s);
  const Window window{op.strides, op.dilations, op.pads_begin, op.pads_end};
  check_window(window, size.size());
  return resolve(window, size, kernel);
}

i64 product(const std::vector<i64>& values) {
  i64 p = 1;
  for (i64 v : values)
    SACCADE_CHECK(v >= 0 && !__builtin_mul_overflow(p, v, &p), invalid_model, "sizes {} are out of range", to_string(Shape(values)));
  return p;
}

template <class T>
Tensor add_columns(const Tensor& in, const std::vector<i64>& size, const ResolvedWindow& r) {
  const Shape& x = in.shape();
  const i64 taps = product(r.kernel), channels = x[1] / taps, places = x[2], plane = product(size);
  Shape shape{x[0], channels};
  shape.insert(shape.end(), size.begin(), size.end());
  std::vector<T> out(wide_count(shape));
  const std::vector<T> data = widen<T>(in);
  if (out.empty() || data.empty()) return narrow<T>(in.type(), std::move(shape), out);
  const Strides strides = dense_strides(Shape(size));
  for (i64 n = 0; n < x[0] * channels; ++n) {
    const T* from = data.data() + n * taps * places;
    T* to = out.data() + n * plane;
    IndexWalk tap(r.kernel);
    do {
      IndexWalk place(r.output);
      do {
        const T value = *from++;
        i64 offset = 0;
        bool inside = true;
        for (std::size_t d = 0; d < size.size(); ++d) {
          const i64 at = place[d] * r.strides[d] - r.pads_begin[d] + tap[d] * r.dilations[d];
          inside &= at >= 0 && at < size[d];
          offset += at * strides[d];
        }
        if (inside) to[offset] += value;
      } while (place.next());
    } while (tap.next());
  }
  return narrow<T>(in.type(), std::move(shape), out);
}

}  // namespace

std::vector<Fact> infer(const Col2Im& op, std::span<const Fact> inputs) {
  check_arity(inputs, 3, 3);
  const PartialShape& x = inputs[0].type.shape;
  SACCADE_CHECK(!x.ranked() || x.rank() == 3, invalid_model, "columns of shape {}", to_string(x));
  const auto size = known_dimensions(inputs, 1);
  const auto kernel = known_integers(inputs, 2);
  if (!size) return {Fact(inputs[0].type.element, PartialShape())};
  PartialShape out = PartialShape::of_rank(2 + size->size());
  if (x.ranked()) out[0] = x[0];
  for (std::size_t d = 0; d < size->size(); ++d) {
    SACCADE_CHECK((*size)[d].max >= 0, invalid_model, "an output size of {}", (*size)[d].max);
    if ((*size)[d].min >= 0) out[2 + d] = (*size)[d];
  }
  if (kernel && x.ranked() && x[1].is_static()) {
    const i64 taps = product(*kernel);
    SACCADE_CHECK(taps > 0 && x[1].size() % taps == 0, invalid_model, "columns of shape {} for a kernel of {} taps", to_string(x), taps);
    out[1] = Dimension::fixed(x[1].size() / taps);
    if (const auto whole = known_integers(inputs, 1)) {
      const ResolvedWindow r = resolve_columns(op, *whole, *kernel);
      SACCADE_CHECK(!x[2].is_static() || x[2].size() == product(r.output), invalid_model, "columns of shape {}, {} places are needed",
                    to_string(x), product(r.output));
    }
  }
  return {Fact(inputs[0].type.element, std::move(out))};
}

std::vector<Tensor> evaluate(const Col2Im& op, std::span<const Tensor> inputs) {
  const Shape& x = inputs[0].shape();
  const std::vector<i64> size = to_i64(inputs[1]);
  const ResolvedWindow r = resolve_columns(op, size, to_i64(inputs[2]));
  const i64 taps = product(r.kernel);
  SACCADE_CHECK(x.size() == 3 && x[1] % taps == 0 && x[2] == product(r.output), invalid_model,
                "columns of shape {} for {} taps at {} places", to_string(x), taps, product(r.output));
  if (is_float(inputs[0].type())) return {add_columns<double>(inputs[0], size, r)};
  return {add_columns<std::uint64_t>(inputs[0], size, r)};
}

}  // namespace saccade::ops
