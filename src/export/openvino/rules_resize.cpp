// SPDX-License-Identifier: Apache-2.0
// Resize as Interpolate where that has the policy, else, for known sizes, as a product with the matrix of each axis.
#include <algorithm>
#include <numeric>

#include "export/openvino/rules.h"
#include "ops/convert.h"
#include "ops/matmul.h"
#include "ops/resize.h"
#include "tensor/numeric.h"

namespace saccade::exporter::openvino {
namespace {

using ops::Resize;
using ops::ResizeCoordinates;
using ops::ResizeMode;
using ops::ResizeShape;

std::string_view coordinates_name(ResizeCoordinates c) {
  switch (c) {
    case ResizeCoordinates::half_pixel: return "half_pixel";
    case ResizeCoordinates::pytorch_half_pixel: return "pytorch_half_pixel";
    case ResizeCoordinates::align_corners: return "align_corners";
    case ResizeCoordinates::asymmetric: return "asymmetric";
    case ResizeCoordinates::tf_half_pixel_for_nn: return "tf_half_pixel_for_nn";
    default: return "";
  }
}

std::string_view nearest_name(ops::ResizeNearest n) {
  constexpr std::string_view kNames[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil", "simple"};
  return kNames[static_cast<std::size_t>(n)];
}

std::vector<std::int64_t> axes_of(const Resize& op, std::size_t rank) {
  std::vector<std::int64_t> axes = op.axes;
  if (axes.empty()) {
    axes.resize(rank);
    std::iota(axes.begin(), axes.end(), 0);
  }
  for (auto& a : axes)
    if (a < 0) a += static_cast<std::int64_t>(rank);
  return axes;
}

// Resampling is linear along each axis: y = M·x, and M is what the operator makes of the unit matrix.
Values as_products(Rewriting& r, const Resize& op, const std::vector<std::int64_t>& axes) {
  const TensorType from = r.type(0), to = r.type(r.out(0));
  if (!r.constant(1).defined() || (r.has(2) && !r.constant(2).defined()) || !is_float(from.element)) r.inexpressible("this policy for sizes that are not known before a run");
  const auto rank = static_cast<std::int64_t>(r.rank(0));
  const std::vector<double> targets = to_f64(r.constant(1)), roi = r.has(2) ? to_f64(r.constant(2)) : std::vector<double>();
  ValueId y = r.in(0);
  for (std::size_t k = 0; k < axes.size(); ++k) {
    const auto axis = static_cast<std::size_t>(axes[k]);
    if (!from.shape[axis].is_static() || !to.shape.ranked() || !to.shape[axis].is_static()) r.inexpressible("this policy for sizes that are not known before a run");
    const std::int64_t n = from.shape[axis].size();
    Resize one = op;
    one.axes = {1};
    one.aspect = ops::ResizeAspect::stretch;
    std::vector<Tensor> inputs(3);
    inputs[0] = Tensor(ElementType::f64, {n, n});
    for (std::int64_t i = 0; i < n; ++i) inputs[0].data<double>()[i * n + i] = 1;
    if (op.shape_calculation == ResizeShape::sizes) inputs[1] = Tensor::from<std::int64_t>({1}, {to.shape[axis].size()});
    else inputs[1] = Tensor::from<double>({1}, {targets.at(k)});
    if (!roi.empty()) inputs[2] = Tensor::from<double>({2}, {roi.at(k), roi.at(axes.size() + k)});
    // rows: the weights of one input element in every output element
    const Tensor matrix = ops::convert(evaluate(one, inputs)[0], from.element);
    std::vector<std::int64_t> order(static_cast<std::size_t>(rank));
    std::iota(order.begin(), order.end(), 0);
    std::swap(order[axis], order.back());
    const bool last = axes[k] == rank - 1;
    if (!last) y = r.transpose(y, order);
    y = r.op(ops::MatMul{}, {y, r.constant_of(matrix)});
    if (!last) y = r.transpose(y, order);
  }
  return {y};
}

// Whether widened filters make no difference: no axis shrinks.
bool never_shrinks(Rewriting& r, const std::vector<std::int64_t>& axes) {
  const TensorType from = r.type(0), to = r.type(r.out(0));
  return to.shape.ranked() && std::all_of(axes.begin(), axes.end(), [&](std::int64_t a) {
    const auto axis = static_cast<std::size_t>(a);
    return from.shape[axis].is_static() && to.shape[axis].is_static() && to.shape[axis].size() >= from.shape[axis].size();
  });
}

// OpenVINO's linear_onnx takes two axes, or three.
bool linear_axes(std::vector<std::int64_t>& axes, std::size_t rank) {
  if (rank != 4 && rank != 5) return false;
  std::vector<std::int64_t> spatial(rank - 2);
  std::iota(spatial.begin(), spatial.end(), 2);
  return axes == spatial;
}

Values resize(Rewriting& r) {
  const auto& op = r.as<Resize>();
  const std::size_t rank = r.rank(0);
  std::vector<std::int64_t> axes = axes_of(op, rank);
  const std::string_view coordinates = coordinates_name(op.coordinates);
  const bool antialias = op.antialias && op.mode != ResizeMode::nearest && !never_shrinks(r, axes);
  const bool fits = !coordinates.empty() && !antialias && op.aspect == ops::ResizeAspect::stretch && !op.exclude_outside && is_float(r.element(0));
  const bool linear = op.mode == ResizeMode::linear;
  if (!fits || (linear && !linear_axes(axes, rank))) return as_products(r, op, axes);
  const std::string zeros = [&] {
    std::string text = "0";
    for (std::size_t i = 1; i < rank; ++i) text += ",0";
    return text;
  }();
  const std::string_view mode = op.mode == ResizeMode::nearest ? "nearest" : linear ? "linear_onnx" : "cubic";
  const bool sizes = op.shape_calculation == ResizeShape::sizes;
  IrLayer layer{"Interpolate", r.level >= 11 ? 11 : 4,
                {"mode", std::string(mode), "shape_calculation_mode", sizes ? "sizes" : "scales", "coordinate_transformation_mode", std::string(coordinates), "nearest_mode",
                 std::string(nearest_name(op.nearest)), "antialias", "false", "pads_begin", zeros, "pads_end", zeros, "cube_coeff", fmt::format("{}", op.cubic_coeff_a)},
                {r.type(r.out(0))}};
  ValueId target = r.convert(r.in(1), sizes ? ElementType::i64 : ElementType::f32);
  if (layer.opset == 11) return r.node(layer, {r.in(0), target, r.i64(axes)});
  // both stand there, one is read
  const auto n = static_cast<std::int64_t>(axes.size());
  if (sizes) return r.node(layer, {r.in(0), target, r.constant_of(Tensor::from<float>({n}, std::vector<float>(axes.size(), 1.0f))), r.i64(axes)});
  return r.node(layer, {r.in(0), r.i64(std::vector<std::int64_t>(axes.size(), 1)), target, r.i64(axes)});
}

constexpr RuleRow kResizeRules[] = {{"Resize", resize}};

}  // namespace

std::span<const RuleRow> resize_rules() { return kResizeRules; }

}  // namespace saccade::exporter::openvino
