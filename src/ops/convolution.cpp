// SPDX-License-Identifier: Apache-2.0
// The convolutions: shapes, and evaluation row by row in the wide type.
#include "ops/convolution.h"

#include "ops/convolve.h"
#include "ops/widened.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;

// Where the parts of a weights shape stand: [groups?, first, second, kernel…].
struct WeightsLayout {
  std::size_t groups, output, input, kernel;  // positions; `groups` only where it is less than `output` and `input`
  bool grouped;
};
constexpr WeightsLayout kPlain{0, 0, 1, 2, false}, kGrouped{0, 1, 2, 3, true}, kBackprop{0, 1, 0, 2, false},
    kGroupedBackprop{0, 2, 1, 3, true};

// The number of spatial dimensions, or 0 where it is not known.
std::size_t spatial_rank(std::span<const Fact> inputs, std::size_t weights, std::size_t leading) {
  const PartialShape &x = inputs[0].type.shape, &w = inputs[weights].type.shape;
  if (!x.ranked() && !w.ranked()) return 0;
  if (x.ranked() && w.ranked())
    SACCADE_CHECK(x.rank() + leading == w.rank() + 2, invalid_model, "weights of rank {} do not suit data of rank {}", w.rank(), x.rank());
  const std::size_t rank = x.ranked() ? x.rank() : w.rank() + 2 - std::min(w.rank() + 2, leading);
  SACCADE_CHECK(rank >= 3 && rank <= 5, invalid_model, "data of rank {}; 1 to 3 spatial dimensions are possible", rank);
  return rank - 2;
}

Dimension dimension_at(const PartialShape& shape, std::size_t d) { return shape.ranked() ? shape[d] : Dimension::unknown(); }

void check_equal(const Dimension& a, const Dimension& b, std::string_view what) {
  SACCADE_CHECK(!a.is_static() || !b.is_static() || a.size() == b.size(), invalid_model, "{} channels in the data, {} in the weights ({})",
                a.size(), b.size(), what);
}

// Checks the channels and gives [n, o].
std::vector<Dimension> leading_dimensions(std::span<const Fact> inputs, const WeightsLayout& layout) {
  const PartialShape &x = inputs[0].type.shape, &w = inputs[1].type.shape;
  Dimension in = dimension_at(w, layout.input), out = dimension_at(w, layout.output);
  if (layout.grouped) {
    const Dimension groups = dimension_at(w, layout.groups);
    in = groups * in;
    out = groups * out;
  }
  check_equal(dimension_at(x, 1), in, "Convolution");
  return {dimension_at(x, 0), out};
}

std::vector<Fact> infer_forward(const Window& window, std::span<const Fact> inputs, const WeightsLayout& layout) {
  check_arity(inputs, 2, 2);
  check_same_element(inputs, 0, 1);
  const std::size_t spatial = spatial_rank(inputs, 1, layout.kernel);
  if (spatial == 0) return {Fact(inputs[0].type.element, PartialShape())};
  check_window(window, spatial);
  auto dims = leading_dimensions(inputs, layout);
  for (std::size_t d = 0; d < spatial; ++d) {
    const Dimension kernel = dimension_at(inputs[1].type.shape, layout.kernel + d);
    dims.push_back(kernel.is_static() ? window_output(window, d, dimension_at(inputs[0].type.shape, 2 + d), kernel.size())
                                      : Dimension::unknown());
  }
  return {Fact(inputs[0].type.element, PartialShape(std::move(dims)))};
}

std::vector<Fact> infer_backward(const Window& window, const std::vector<i64>& output_padding, std::span<const Fact> inputs,
                                 const WeightsLayout& layout) {
  check_arity(inputs, 2, 3);
  check_same_element(inputs, 0, 1);
  const std::size_t spatial = spatial_rank(inputs, 1, layout.kernel);
  if (spatial == 0) return {Fact(inputs[0].type.element, PartialShape())};
  check_window(window, spatial);
  auto dims = leading_dimensions(inputs, layout);
  const auto target = known_dimensions(inputs, 2);
  if (target)
    SACCADE_CHECK(target->size() == spatial, invalid_model, "output_shape has {} entries for {} spatial dimensions", target->size(),
                  spatial);
  for (std::size_t d = 0; d < spatial; ++d) {
    const Dimension kernel = dimension_at(inputs[1].type.shape, layout.kernel + d), size = dimension_at(inputs[0].type.shape, 2 + d);
    if (has(inputs, 2)) {
      const Dimension known = target ? (*target)[d] : Dimension::unknown();
      SACCADE_CHECK(!known.is_static() || known.size() >= 0, invalid_model, "output_shape holds {}", known.size());
      dims.push_back(known.is_static() ? known : Dimension::unknown());
    } else if (kernel.is_static() && size.is_static()) {
      dims.push_back(Dimension::fixed(backprop_axis(window, output_padding, d, size.size(), kernel.size(), -1).output));
    } else {
      dims.push_back(Dimension::unknown());
    }
  }
  return {Fact(inputs[0].type.element, PartialShape(std::move(dims)))};
}

ConvolutionSizes sizes_of(const Shape& x, const Shape& w, const WeightsLayout& layout) {
  SACCADE_CHECK(x.size() >= 3 && x.size() <= 5 && w.size() + 2 == x.size() + layout.kernel, invalid_model,
                "shapes {} and {} do not suit a convolution", to_string(x), to_string(w));
  ConvolutionSizes s;
  s.batch = x[0];
  s.groups = layout.grouped ? w[layout.groups] : 1;
  s.outputs = w[layout.output];
  s.inputs = w[layout.input];
  SACCADE_CHECK(x[1] == s.groups * s.inputs, invalid_model, "{} channels in the data, {} groups of {} in the weights", x[1], s.groups,
                s.inputs);
  s.input.assign(x.begin() + 2, x.end());
  s.kernel.assign(w.begin() + static_cast<std::ptrdiff_t>(layout.kernel), w.end());
  return s;
}

Shape output_shape(const ConvolutionSizes& s, const std::vector<i64>& spatial) {
  Shape shape{s.batch, s.groups * s.outputs};
  shape.insert(shape.end(), spatial.begin(), spatial.end());
  return shape;
}

template <class T>
Tensor forward(const ConvolutionSizes& s, const ResolvedWindow& r, const Tensor& x, const Tensor& w) {
  Shape shape = output_shape(s, r.output);
  std::vector<T> out(wide_count(shape));
  convolve<T>(s, r, widen<T>(x), widen<T>(w), out);
  return narrow<T>(x.type(), std::move(shape), out);
}

std::vector<Tensor> evaluate_forward(const Window& window, std::span<const Tensor> inputs, const WeightsLayout& layout) {
  const ConvolutionSizes s = sizes_of(inputs[0].shape(), inputs[1].shape(), layout);
  const ResolvedWindow r = resolve(window, s.input, s.kernel);
  if (is_float(inputs[0].type())) return {forward<double>(s, r, inputs[0], inputs[1])};
  return {forward<std::uint64_t>(s, r, inputs[0], inputs[1])};
}

template <class T>
Tensor backward(const ConvolutionSizes& s, const ResolvedWindow& r, const Tensor& x, const Tensor& w) {
  Shape shape = output_shape(s, r.output);
  std::vector<T> out(wide_count(shape));
  convolve_transposed<T>(s, r, widen<T>(x), widen<T>(w), out);
  return narrow<T>(x.type(), std::move(shape), out);
}

std::vector<Tensor> evaluate_backward(const Window& window, const std::vector<i64>& output_padding, std::span<const Tensor> inputs,
                                      const WeightsLayout& layout) {
  const ConvolutionSizes s = sizes_of(inputs[0].shape(), inputs[1].shape(), layout);
  std::vector<i64> target(s.input.size(), -1);
  if (has(inputs, 2)) {
    target = to_i64(inputs[2]);
    SACCADE_CHECK(target.size() == s.input.size(), invalid_model, "output_shape has {} entries for {} spatial dimensions", target.size(),
                  s.input.size());
    for (i64 t : target) SACCADE_CHECK(t >= 0, invalid_model, "output_shape holds {}", t);
  }
  ResolvedWindow r;
  r.kernel = s.kernel;
  for (std::size_t d = 0; d < s.input.size(); ++d) {
    const BackpropAxis a = backprop_axis(window, output_padding, d, s.input[d], s.kernel[d], target[d]);
    r.strides.push_back(a.stride);
    r.dilations.push_back(a.dilation);
    r.pads_begin.push_back(a.begin);
    r.pads_end.push_back(a.end);
    r.output.push_back(a.output);
  }
  if (is_float(inputs[0].type())) return {backward<double>(s, r, inputs[0], inputs[1])};
  return {backward<std::uint64_t>(s, r, inputs[0], inputs[1])};
}

// `positions`: the tensor whose every spatial place takes a whole kernel.
Cost product_cost(const Fact& positions, const Fact& weights) {
  Cost c;
  if (!positions.type.is_static() || !weights.type.is_static()) return c;
  const Shape y = positions.type.shape.shape();
  double places = static_cast<double>(y[0]);
  for (std::size_t d = 2; d < y.size(); ++d) places *= static_cast<double>(y[d]);
  c.macs = places * static_cast<double>(element_count(weights.type.shape.shape()));
  return c;
}

}  // namespace

std::vector<Fact> infer(const Convolution& op, std::span<const Fact> inputs) { return infer_forward(op.window, inputs, kPlain); }
std::vector<Fact> infer(const GroupConvolution& op, std::span<const Fact> inputs) { return infer_forward(op.window, inputs, kGrouped); }
std::vector<Fact> infer(const ConvolutionBackpropData& op, std::span<const Fact> inputs) {
  return infer_backward(op.window, op.output_padding, inputs, kBackprop);
}
std::vector<Fact> infer(const GroupConvolutionBackpropData& op, std::span<const Fact> inputs) {
  return infer_backward(op.window, op.output_padding, inputs, kGroupedBackprop);
}

std::vector<Tensor> evaluate(const Convolution& op, std::span<const Tensor> inputs) { return evaluate_forward(op.window, inputs, kPlain); }
std::vector<Tensor> evaluate(const GroupConvolution& op, std::span<const Tensor> inputs) {
  return evaluate_forward(op.window, inputs, kGrouped);
}
std::vector<Tensor> evaluate(const ConvolutionBackpropData& op, std::span<const Tensor> inputs) {
  return evaluate_backward(op.window, op.output_padding, inputs, kBackprop);
}
std::vector<Tensor> evaluate(const GroupConvolutionBackpropData& op, std::span<const Tensor> inputs) {
  return evaluate_backward(op.window, op.output_padding, inputs, kGroupedBackprop);
}

Cost cost(const Convolution&, std::span<const Fact> inputs, std::span<const Fact> outputs) { return product_cost(outputs[0], inputs[1]); }
Cost cost(const GroupConvolution&, std::span<const Fact> inputs, std::span<const Fact> outputs) {
  return product_cost(outputs[0], inputs[1]);
}
Cost cost(const ConvolutionBackpropData&, std::span<const Fact> inputs, std::span<const Fact>) {
  return product_cost(inputs[0], inputs[1]);
}
Cost cost(const GroupConvolutionBackpropData&, std::span<const Fact> inputs, std::span<const Fact>) {
  return product_cost(inputs[0], inputs[1]);
}

}  // namespace saccade::ops
