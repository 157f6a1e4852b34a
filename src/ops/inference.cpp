// SPDX-License-Identifier: Apache-2.0
// Shared parts of `infer`.
#include "ops/inference.h"

#include <algorithm>

namespace saccade::ops {

void check_arity(std::span<const Fact> inputs, std::size_t required, std::size_t at_most) {
  SACCADE_CHECK(inputs.size() <= at_most, invalid_model, "{} inputs, at most {} are allowed", inputs.size(), at_most);
  for (std::size_t i = 0; i < required; ++i) SACCADE_CHECK(has(inputs, i), invalid_model, "input {} is missing", i);
}

std::optional<std::vector<std::int64_t>> known_integers(std::span<const Fact> inputs, std::size_t i) {
  if (!has(inputs, i)) return std::nullopt;
  if (inputs[i].constant.defined()) return to_i64(inputs[i].constant);
  if (inputs[i].contents.empty()) return std::nullopt;
  std::vector<std::int64_t> out;
  for (const auto& d : inputs[i].contents) {
    if (!d.is_static()) return std::nullopt;
    out.push_back(d.size());
  }
  return out;
}

std::optional<std::vector<Dimension>> known_dimensions(std::span<const Fact> inputs, std::size_t i) {
  if (!has(inputs, i)) return std::nullopt;
  const Fact& fact = inputs[i];
  if (!fact.contents.empty()) return fact.contents;
  if (fact.constant.defined()) {
    std::vector<Dimension> out;
    for (auto v : to_i64(fact.constant)) out.push_back(Dimension::fixed(v));
    return out;
  }
  if (!fact.type.shape.is_static() || fact.type.shape.rank() > 1) return std::nullopt;
  const std::int64_t count = element_count(fact.type.shape.shape());
  if (count > 64) return std::nullopt;
  return std::vector<Dimension>(static_cast<std::size_t>(count), Dimension{-Dimension::kUnbounded, Dimension::kUnbounded, {}});
}

Fact shape_fact(ElementType element, const std::vector<Dimension>& entries, bool scalar) {
  Fact fact(element, scalar ? PartialShape(Shape{}) : PartialShape(Shape{static_cast<std::int64_t>(entries.size())}));
  if (entries.size() > 64) return fact;
  if (std::all_of(entries.begin(), entries.end(), [](const Dimension& d) { return d.is_static(); })) {
    std::vector<std::int64_t> sizes;
    for (const auto& d : entries) sizes.push_back(d.size());
    fact.constant = from_i64(element, fact.type.shape.shape(), sizes);
  } else {
    fact.contents = entries;
  }
  return fact;
}

std::size_t normal_axis(std::int64_t axis, std::size_t rank) {
  const auto r = static_cast<std::int64_t>(rank);
  SACCADE_CHECK(axis >= -r && axis < r, invalid_model, "axis {} is outside of rank {}", axis, rank);
  return static_cast<std::size_t>(axis < 0 ? axis + r : axis);
}

std::vector<std::size_t> normal_axes(std::span<const std::int64_t> axes, std::size_t rank) {
  std::vector<std::size_t> out;
  for (auto a : axes) out.push_back(normal_axis(a, rank));
  return out;
}

void check_same_element(std::span<const Fact> inputs, std::size_t a, std::size_t b) {
  if (!has(inputs, a) || !has(inputs, b)) return;
  SACCADE_CHECK(inputs[a].type.element == inputs[b].type.element, invalid_model, "inputs {} and {} differ in element type: {} and {}", a, b,
                to_string(inputs[a].type.element), to_string(inputs[b].type.element));
}

void Window::fields(FieldVisitor& v) {
  v("strides", strides);
  v("dilations", dilations);
  v("pads_begin", pads_begin);
  v("pads_end", pads_end);
  v("auto_pad", auto_pad, {"explicit", "same_upper", "same_lower", "valid"});
}

namespace {

constexpr std::int64_t kMaxWindowExtent = std::int64_t{1} << 31;

std::int64_t at(const std::vector<std::int64_t>& v, std::size_t axis, std::int64_t otherwise) { return axis < v.size() ? v[axis] : otherwise; }

struct AxisWindow {
  std::int64_t stride, dilation, extent, begin, end;
};

AxisWindow axis_window(const Window& w, std::size_t axis, std::int64_t kernel) {
  const AxisWindow a{at(w.strides, axis, 1), at(w.dilations, axis, 1), 0, at(w.pads_begin, axis, 0), at(w.pads_end, axis, 0)};
  SACCADE_CHECK(a.stride >= 1 && a.dilation >= 1 && kernel >= 1, invalid_model, "a window's kernel, strides and dilations must be at least 1");
  SACCADE_CHECK(a.stride < kMaxWindowExtent && a.dilation < kMaxWindowExtent && kernel < kMaxWindowExtent && a.begin > -kMaxWindowExtent && a.begin < kMaxWindowExtent && a.end > -kMaxWindowExtent &&
                    a.end < kMaxWindowExtent, invalid_model,
                "a window's attributes are out of range");
  AxisWindow out = a;
  out.extent = (kernel - 1) * a.dilation + 1;
  return out;
}

// Output size and begin/end padding of one axis.
std::int64_t axis_output(const Window& w, AxisWindow& a, std::int64_t input, bool ceil) {
  SACCADE_CHECK(input >= 0 && input < std::int64_t{1} << 60, invalid_model, "a window over {} positions", input);
  if (w.auto_pad == AutoPad::same_upper || w.auto_pad == AutoPad::same_lower) {
    const std::int64_t output = (input + a.stride - 1) / a.stride;
    const std::int64_t total = std::max<std::int64_t>(0, (output - 1) * a.stride + a.extent - input);
    a.begin = w.auto_pad == AutoPad::same_upper ? total / 2 : total - total / 2;
    a.end = total - a.begin;
    return output;
  }
  if (w.auto_pad == AutoPad::valid) a.begin = a.end = 0;
  const std::int64_t room = input + a.begin + a.end - a.extent;
  SACCADE_CHECK(room >= 0, invalid_model, "a window of {} does not fit into {} + {} + {} padding", a.extent, input, a.begin, a.end);
  std::int64_t output = (ceil ? room + a.stride - 1 : room) / a.stride + 1;
  if (ceil && (output - 1) * a.stride >= input + a.begin) --output;
  return output;
}

}  // namespace

ResolvedWindow resolve(const Window& w, std::span<const std::int64_t> input, std::span<const std::int64_t> kernel, bool ceil) {
  SACCADE_CHECK(input.size() == kernel.size(), invalid_model, "a window of rank {} over {} spatial dimensions", kernel.size(), input.size());
  ResolvedWindow r;
  for (std::size_t d = 0; d < kernel.size(); ++d) {
    AxisWindow a = axis_window(w, d, kernel[d]);
    r.output.push_back(axis_output(w, a, input[d], ceil));
    r.kernel.push_back(kernel[d]);
    r.strides.push_back(a.stride);
    r.dilations.push_back(a.dilation);
    r.pads_begin.push_back(a.begin);
    r.pads_end.push_back(a.end);
  }
  return r;
}

Dimension window_output(const Window& w, std::size_t axis, const Dimension& input, std::int64_t kernel, bool ceil) {
  AxisWindow a = axis_window(w, axis, kernel);
  if (input.is_static()) return Dimension::fixed(axis_output(w, a, input.size(), ceil));
  if (a.stride == 1 && w.auto_pad != AutoPad::valid) {
    if (w.auto_pad != AutoPad::explicit_) return input;
    if (a.begin + a.end == a.extent - 1) return input;
  }
  return Dimension::unknown();
}

}  // namespace saccade::ops
