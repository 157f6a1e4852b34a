// SPDX-License-Identifier: Apache-2.0
// Reshape, Squeeze, Unsqueeze.
#include "ops/reshape.h"

#include <algorithm>

#include "ops/contents.h"

namespace saccade::ops {
namespace {

// The size of the dimension that takes the rest: all of `in` over all of `out`. Equal symbols cancel; unknown ones that remain
// leave the result unknown.
Dimension quotient(const PartialShape& in, const std::vector<Dimension>& out) {
  if (!in.ranked()) return Dimension::unknown();
  std::vector<Dimension> above = in.dimensions(), below = out;
  for (auto& d : below) {
    if (d.is_static() || d.symbol.empty()) continue;
    const auto same = std::find_if(above.begin(), above.end(), [&](const Dimension& a) { return a.symbol == d.symbol; });
    if (same == above.end()) return Dimension::unknown();
    *same = Dimension::fixed(1);
    d = Dimension::fixed(1);
  }
  Dimension result = Dimension::fixed(1);
  std::int64_t divisor = 1;
  for (const auto& d : below) {
    if (!d.is_static() || d.size() == 0 || __builtin_mul_overflow(divisor, d.size(), &divisor)) return Dimension::unknown();
  }
  std::int64_t fixed = 1;
  for (const auto& d : above) {
    if (!d.is_static())
      result = result.is_static() ? d : Dimension::unknown();
    else if (__builtin_mul_overflow(fixed, d.size(), &fixed))
      return Dimension::unknown();
  }
  if (!result.is_static()) return fixed == divisor ? result : Dimension::unknown();
  SACCADE_CHECK(fixed % divisor == 0, invalid_model, "shape {} does not divide into {}", to_string(in), to_string(PartialShape(out)));
  return Dimension::fixed(fixed / divisor);
}

PartialShape reshaped(const Reshape& op, const PartialShape& in, const std::vector<Dimension>& entries) {
  std::vector<Dimension> out(entries.size());
  std::size_t rest = entries.size(), open = 0, last_open = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const Dimension& e = entries[i];
    if (!e.is_static()) {
      out[i] = e.min < 0 ? Dimension::unknown() : as_size(e);
      if (out[i].symbol.empty()) {
        ++open;
        last_open = i;
      }
    } else if (e.size() == 0 && op.special_zero) {
      SACCADE_CHECK(!in.ranked() || i < in.rank(), invalid_model, "entry {} copies a dimension that the input of shape {} lacks", i, to_string(in));
      out[i] = in.ranked() ? in[i] : Dimension::unknown();
    } else if (e.size() == -1) {
      SACCADE_CHECK(rest == entries.size(), invalid_model, "a shape with two entries of -1");
      rest = i;
    } else {
      SACCADE_CHECK(e.size() >= 0, invalid_model, "a shape with the entry {}", e.size());
      out[i] = e;
    }
  }
  if (rest == entries.size() && open == 1) rest = last_open;  // as good as -1: the number of elements decides
  if (rest < entries.size()) {
    std::vector<Dimension> others = out;
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(rest));
    out[rest] = quotient(in, others);
  }
  PartialShape shape(std::move(out));
  if (shape.is_static() && in.is_static())
    SACCADE_CHECK(element_count(shape.shape()) == element_count(in.shape()), invalid_model, "shape {} cannot become {}", to_string(in), to_string(shape));
  return shape;
}

// Which dimensions Squeeze removes.
std::vector<char> squeezed(const Shape& shape, const Tensor* axes) {
  std::vector<char> gone(shape.size(), 0);
  if (!axes) {
    for (std::size_t d = 0; d < shape.size(); ++d) gone[d] = shape[d] == 1;
    return gone;
  }
  for (auto d : normal_axes(to_i64(*axes), shape.size())) {
    SACCADE_CHECK(shape[d] == 1, invalid_model, "dimension {} of shape {} is not 1", d, to_string(shape));
    gone[d] = 1;
  }
  return gone;
}

std::vector<char> inserted(std::span<const std::int64_t> axes, std::size_t rank) {
  std::vector<char> is_new(rank + axes.size(), 0);
  for (auto d : normal_axes(axes, is_new.size())) SACCADE_CHECK(!is_new[d]++, invalid_model, "axis {} appears twice", d);
  return is_new;
}

}  // namespace

std::vector<Fact> infer(const Reshape& op, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 2);
  PartialShape shape;
  if (const auto entries = known_dimensions(inputs, 1))
    shape = reshaped(op, inputs[0].type.shape, *entries);
  else if (const auto length = known_length(inputs, 1))
    shape = PartialShape::of_rank(*length);
  return with_contents(op, inputs, {0}, {Fact(inputs[0].type.element, shape)});
}

std::vector<Tensor> evaluate(const Reshape& op, std::span<const Tensor> inputs) {
  std::vector<Dimension> entries;
  for (auto v : to_i64(inputs[1])) entries.push_back(Dimension::fixed(v));
  const PartialShape shape = reshaped(op, PartialShape(inputs[0].shape()), entries);
  SACCADE_CHECK(shape.is_static(), invalid_model, "the shape {} leaves a dimension of an empty tensor open", to_string(i64_vector(to_i64(inputs[1])).shape()));
  return {inputs[0].reshaped(shape.shape())};
}

std::vector<Fact> infer(const Squeeze& op, std::span<const Fact> inputs) {
  check_arity(inputs, 1, 2);
  const PartialShape& in = inputs[0].type.shape;
  PartialShape shape;
  if (in.ranked()) {
    if (!has(inputs, 1)) {
      if (std::all_of(in.dimensions().begin(), in.dimensions().end(), [](const Dimension& d) { return d.is_static() || d.min > 1; })) {
        std::vector<Dimension> dims;
        for (const auto& d : in.dimensions())
          if (!(d.is_static() && d.size() == 1)) dims.push_back(d);
        shape = PartialShape(std::move(dims));
      }
    } else if (const auto axes = known_integers(inputs, 1)) {
      std::vector<char> gone(in.rank(), 0);
      for (auto d : normal_axes(*axes, in.rank())) {
        SACCADE_CHECK(in[d].min <= 1 && in[d].max >= 1, invalid_model, "dimension {} of shape {} is not 1", d, to_string(in));
        gone[d] = 1;
      }
      std::vector<Dimension> dims;
      for (std::size_t d = 0; d < in.rank(); ++d)
        if (!gone[d]) dims.push_back(in[d]);
      shape = PartialShape(std::move(dims));
    }
  }
  return with_contents(op, inputs, {0}, {Fact(inputs[0].type.element, shape)});
}

std::vector<Tensor> evaluate(const Squeeze&, std::span<const Tensor> inputs) {
  const auto gone = squeezed(inputs[0].shape(), has(inputs, 1) ? &inputs[1] : nullptr);
  Shape shape;
  for (std::size_t d = 0; d < gone.size(); ++d)
    if (!gone[d]) shape.push_back(inputs[0].shape()[d]);
  return {inputs[0].reshaped(shape)};
}

std::vector<Fact> infer(const Unsqueeze& op, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 2);
  const PartialShape& in = inputs[0].type.shape;
  PartialShape shape;
  if (in.ranked()) {
    if (const auto axes = known_integers(inputs, 1)) {
      const auto is_new = inserted(*axes, in.rank());
      std::vector<Dimension> dims;
      std::size_t next = 0;
      for (char n : is_new) dims.push_back(n ? Dimension::fixed(1) : in[next++]);
      shape = PartialShape(std::move(dims));
    } else if (const auto length = known_length(inputs, 1)) {
      shape = PartialShape::of_rank(in.rank() + *length);
    }
  }
  return with_contents(op, inputs, {0}, {Fact(inputs[0].type.element, shape)});
}

std::vector<Tensor> evaluate(const Unsqueeze&, std::span<const Tensor> inputs) {
  const auto is_new = inserted(to_i64(inputs[1]), inputs[0].shape().size());
  Shape shape;
  std::size_t next = 0;
  for (char n : is_new) shape.push_back(n ? 1 : inputs[0].shape()[next++]);
  return {inputs[0].reshaped(shape)};
}

}  // namespace saccade::ops
