// SPDX-License-Identifier: Apache-2.0
// Quantize, Dequantize.
#include "ops/quantize.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/contents.h"
#include "tensor/half.h"

namespace saccade::ops {
namespace {

// Where the scale of an element is: its index is (outer · groups + axis index / block) · inner + inner index for blocks, the axis
// index for one value per index, 0 for a scalar.
struct ScaleMap {
  std::int64_t inner = 1, size = 1, block = 1, groups = 1;
  enum { one, per_axis, per_block } kind = one;

  std::size_t operator()(std::int64_t i) const {
    switch (kind) {
      case one: return 0;
      case per_axis: return static_cast<std::size_t>(i / inner % size);
      default: return static_cast<std::size_t>((i / (inner * size) * groups + i / inner % size / block) * inner + i % inner);
    }
  }
};

ScaleMap scale_map(const Shape& shape, const Shape& scale, std::int64_t axis_attribute, std::int64_t block_size) {
  ScaleMap map;
  const bool single = element_count(scale) == 1;
  if (single && block_size == 0) return map;
  SACCADE_CHECK(!shape.empty(), invalid_model, "a scalar with scales of shape {}", to_string(scale));
  const std::size_t axis = normal_axis(axis_attribute, shape.size());
  for (std::size_t d = axis + 1; d < shape.size(); ++d) map.inner *= shape[d];
  map.size = shape[axis];
  if (block_size == 0) {
    SACCADE_CHECK(scale.size() == 1 && scale[0] == shape[axis], invalid_model, "scales of shape {} for axis {} of shape {}", to_string(scale), axis, to_string(shape));
    map.kind = ScaleMap::per_axis;
    return map;
  }
  SACCADE_CHECK(block_size > 0 && scale.size() == shape.size(), invalid_model, "scales of shape {} for blocks of {} in shape {}", to_string(scale), block_size, to_string(shape));
  for (std::size_t d = 0; d < shape.size(); ++d) {
    const std::int64_t expected = d == axis ? shape[d] / block_size + (shape[d] % block_size != 0 ? 1 : 0) : shape[d];
    SACCADE_CHECK(scale[d] == expected, invalid_model, "scales of shape {} for blocks of {} in shape {}", to_string(scale), block_size, to_string(shape));
  }
  map.kind = ScaleMap::per_block;
  map.block = block_size;
  map.groups = scale[axis];
  return map;
}

void check_zero_point(std::span<const Tensor> inputs, ElementType type) {
  if (!has(inputs, 2)) return;
  SACCADE_CHECK(inputs[2].type() == type && inputs[2].size() == inputs[1].size(), invalid_model, "a zero point {}{} for scales of shape {} and quantised type {}",
                to_string(inputs[2].type()), to_string(inputs[2].shape()), to_string(inputs[1].shape()), to_string(type));
}

double rounded_to(ElementType type, double value) {
  if (type == ElementType::f32) return static_cast<double>(static_cast<float>(value));
  if (type == ElementType::f64) return value;
  const double one[] = {value};
  return element_as_f64(from_f64(type, {}, one), 0);
}

struct Limits {
  double low, high;
};
Limits limits_of(ElementType type) {
  switch (type) {
    case ElementType::u8: return {0, 255};
    case ElementType::i8: return {-128, 127};
    case ElementType::u16: return {0, 65535};
    case ElementType::i16: return {-32768, 32767};
    case ElementType::u4: return {0, 15};
    case ElementType::i4: return {-8, 7};
    case ElementType::u2: return {0, 3};
    case ElementType::i2: return {-2, 1};
    case ElementType::i32: return {-2147483648.0, 2147483647.0};
    default: fail(ErrorCode::unsupported, "quantisation to {}", to_string(type));
  }
}

bool small_float(ElementType type) { return is_float(type) && size_in_bytes(type) == 1; }

Cost elementwise_cost(std::span<const Fact> outputs) {
  Cost c;
  if (outputs[0].type.is_static()) c.ops = static_cast<double>(element_count(outputs[0].type.shape.shape()));
  return c;
}

void check_scale(std::span<const Fact> inputs, std::int64_t axis, std::int64_t block_size) {
  SACCADE_CHECK(is_float(inputs[1].type.element), invalid_model, "a scale of type {}", to_string(inputs[1].type.element));
  SACCADE_CHECK(block_size >= 0, invalid_model, "blocks of {}", block_size);
  if (inputs[0].type.is_static() && inputs[1].type.is_static()) scale_map(inputs[0].type.shape.shape(), inputs[1].type.shape.shape(), axis, block_size);
}

}  // namespace

std::vector<Fact> infer(const Quantize& op, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 3);
  check_scale(inputs, op.axis, op.block_size);
  if (has(inputs, 2)) SACCADE_CHECK(inputs[2].type.element == op.destination_type, invalid_model, "a zero point of type {} for {}", to_string(inputs[2].type.element), to_string(op.destination_type));
  if (!small_float(op.destination_type)) limits_of(op.destination_type);
  return {Fact(op.destination_type, inputs[0].type.shape)};
}

std::vector<Tensor> evaluate(const Quantize& op, std::span<const Tensor> inputs) {
  const ScaleMap map = scale_map(inputs[0].shape(), inputs[1].shape(), op.axis, op.block_size);
  check_zero_point(inputs, op.destination_type);
  auto x = to_f64(inputs[0]);
  const auto scale = to_f64(inputs[1]);
  const auto zero = has(inputs, 2) ? to_f64(inputs[2]) : std::vector<double>(scale.size(), 0.0);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = rounded_to(op.precision, x[i] / scale[map(static_cast<std::int64_t>(i))]);
  if (small_float(op.destination_type)) {
    Tensor out(op.destination_type, inputs[0].shape());
    const SmallFloat format = small_float_of(op.destination_type);
    for (std::size_t i = 0; i < x.size(); ++i)
      static_cast<std::uint8_t*>(out.raw())[i] = small_float_from_double(format, x[i] + zero[map(static_cast<std::int64_t>(i))], op.saturate);
    return {out};
  }
  const Limits limits = limits_of(op.destination_type);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double q = std::nearbyint(x[i]) + zero[map(static_cast<std::int64_t>(i))];
    x[i] = std::isnan(q) ? zero[map(static_cast<std::int64_t>(i))] : std::clamp(q, limits.low, limits.high);
  }
  return {from_f64(op.destination_type, inputs[0].shape(), x)};
}

Cost cost(const Quantize&, std::span<const Fact>, std::span<const Fact> outputs) { return elementwise_cost(outputs); }

std::vector<Fact> infer(const Dequantize& op, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 3);
  check_scale(inputs, op.axis, op.block_size);
  check_same_element(inputs, 0, 2);
  SACCADE_CHECK(is_float(op.destination_type), invalid_model, "Dequantize to {}", to_string(op.destination_type));
  return {Fact(op.destination_type, inputs[0].type.shape)};
}

std::vector<Tensor> evaluate(const Dequantize& op, std::span<const Tensor> inputs) {
  const ScaleMap map = scale_map(inputs[0].shape(), inputs[1].shape(), op.axis, op.block_size);
  check_zero_point(inputs, inputs[0].type());
  auto x = to_f64(inputs[0]);
  const auto scale = to_f64(inputs[1]);
  const auto zero = has(inputs, 2) ? to_f64(inputs[2]) : std::vector<double>(scale.size(), 0.0);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t s = map(static_cast<std::int64_t>(i));
    x[i] = (x[i] - zero[s]) * scale[s];
  }
  return {from_f64(op.destination_type, inputs[0].shape(), x)};
}

Cost cost(const Dequantize&, std::span<const Fact>, std::span<const Fact> outputs) { return elementwise_cost(outputs); }

}  // namespace saccade::ops
