// SPDX-License-Identifier: Apache-2.0
// Quantisation: a Dequantize of a Quantize is a FakeQuantize; alone each is arithmetic. Integer products run in f32 or f64.
#include <cmath>

#include "export/openvino/rules.h"
#include "ops/convolution.h"
#include "ops/elementwise.h"
#include "ops/fake_quantize.h"
#include "ops/integer_matmul.h"
#include "ops/matmul.h"
#include "ops/quantize.h"
#include "ops/reshape.h"
#include "tensor/numeric.h"

namespace saccade::exporter::openvino {
namespace {

using ops::Unary;
using ops::UnaryKind;

struct Range {
  double low, high;
};

std::optional<Range> range_of(ElementType type) {
  switch (type) {
    case ElementType::u8: return Range{0, 255};
    case ElementType::i8: return Range{-128, 127};
    case ElementType::u16: return Range{0, 65535};
    case ElementType::i16: return Range{-32768, 32767};
    case ElementType::u4: return Range{0, 15};
    case ElementType::i4: return Range{-8, 7};
    case ElementType::u2: return Range{0, 3};
    case ElementType::i2: return Range{-2, 1};
    default: return std::nullopt;
  }
}

// Scales and zero points are one value, or one per index of the axis: shaped so that they broadcast to the data.
ValueId broadcastable(Rewriting& r, ValueId v, std::int64_t axis, std::int64_t block) {
  if (block != 0) r.inexpressible("scales by blocks");
  const TensorType type = r.type(v);
  if (!type.is_static()) r.inexpressible("scales of unknown shape");
  if (element_count(type.shape.shape()) == 1) return type.shape.rank() == 0 ? v : r.reshape(v, {});
  const std::size_t rank = r.rank(0);
  std::vector<std::int64_t> shape(rank, 1);
  const std::int64_t at = axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis;
  if (at < 0 || at >= static_cast<std::int64_t>(rank)) r.inexpressible("scales of shape {}", to_string(type.shape));
  shape[static_cast<std::size_t>(at)] = -1;
  return r.op(ops::Reshape{}, {v, r.i64(shape)});
}

Tensor broadcastable(Rewriting& r, const Tensor& tensor, std::int64_t axis) {
  if (tensor.size() == 1) return tensor.reshaped({});
  Shape shape(r.rank(0), 1);
  const auto rank = static_cast<std::int64_t>(shape.size());
  shape.at(static_cast<std::size_t>(axis < 0 ? axis + rank : axis)) = tensor.size();
  return tensor.reshaped(shape);
}

Values quantize(Rewriting& r) {
  const auto& op = r.as<ops::Quantize>();
  const auto range = range_of(op.destination_type);
  if (!range) r.inexpressible("{} as quantised type", to_string(op.destination_type));
  const ElementType work = ElementType::f32;
  const ValueId scale = r.convert(broadcastable(r, r.in(1), op.axis, op.block_size), work);
  ValueId q = r.op(Unary::of(UnaryKind::Round), {r.divide(r.convert(r.in(0), work), scale)});
  if (r.has(2)) q = r.add(q, broadcastable(r, r.convert(r.in(2), work), op.axis, op.block_size));
  Unary clamp = Unary::of(UnaryKind::Clamp);
  clamp.a = range->low;
  clamp.b = range->high;
  return {r.convert(r.op(clamp, {q}), op.destination_type)};
}

// The limits of the only FakeQuantize that does the same, but for ties: it rounds x/s + z, Quantize x/s.
Values as_fake_quantize(Rewriting& r, const graph::Node& quantize) {
  const auto& q = *quantize.op.as<ops::Quantize>();
  const auto& d = r.as<ops::Dequantize>();
  const auto constant = [&](ValueId v) { return v.valid() ? r.edit.graph().constant(v) : Tensor(); };
  const ValueId q_zero = quantize.inputs.size() > 2 ? quantize.inputs[2] : ValueId{}, d_zero = r.maybe(2);
  const Tensor qs = constant(quantize.inputs[1]), ds = constant(r.in(1)), qz = constant(q_zero), dz = constant(d_zero);
  const auto range = range_of(q.destination_type);
  const bool known = qs.defined() && ds.defined() && qz.defined() == q_zero.valid() && dz.defined() == d_zero.valid();
  if (!known || !range || range->high - range->low > 255 || q.block_size != 0 || d.block_size != 0 || r.element(0) != q.destination_type) return {};
  if (r.type(quantize.inputs[0]).element != d.destination_type || !is_float(d.destination_type)) return {};
  // a shorter range stays one only if nobody else sees the integers
  const auto limits = [&](const Tensor& scale, const Tensor& zero, std::int64_t axis, double edge) {
    std::vector<double> values = to_f64(scale);
    const std::vector<double> zeros = zero.defined() ? to_f64(zero) : std::vector<double>(values.size(), 0.0);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] *= edge - zeros[zeros.size() == 1 ? 0 : i];
    return r.constant_of(broadcastable(r, from_f64(d.destination_type, scale.shape(), values), axis));
  };
  for (const Tensor* t : {&qs, &ds})
    if (t->size() != 1 && (!r.type(0).shape.ranked() || t->rank() != 1)) return {};
  const double levels = range->high - range->low + 1;
  return {r.op(ops::FakeQuantize{static_cast<std::int64_t>(levels)}, {quantize.inputs[0], limits(qs, qz, q.axis, range->low), limits(qs, qz, q.axis, range->high), limits(ds, dz, d.axis, range->low),
                                                                      limits(ds, dz, d.axis, range->high)})};
}

Values dequantize(Rewriting& r) {
  const auto& op = r.as<ops::Dequantize>();
  if (const graph::Node* producer = r.edit.graph().producer(r.in(0)); producer != nullptr && producer->op.is<ops::Quantize>())
    if (Values fake = as_fake_quantize(r, *producer); !fake.empty()) return fake;
  const ElementType work = op.destination_type;
  ValueId x = r.convert(r.in(0), work);
  if (r.has(2)) x = r.subtract(x, broadcastable(r, r.convert(r.in(2), work), op.axis, op.block_size));
  return {r.multiply(x, r.convert(broadcastable(r, r.in(1), op.axis, op.block_size), work))};
}

ValueId centred(Rewriting& r, ValueId x, ValueId zero, std::size_t axis, ElementType work) {
  ValueId y = r.convert(x, work);
  if (!zero.valid()) return y;
  const TensorType type = r.type(zero);
  if (!type.is_static()) r.inexpressible("a zero point of unknown shape");
  zero = r.convert(zero, work);
  if (element_count(type.shape.shape()) == 1) return r.subtract(y, r.reshape(zero, {}));
  std::vector<std::int64_t> shape(r.rank(x), 1);
  shape[axis] = -1;
  return r.subtract(y, r.op(ops::Reshape{}, {zero, r.i64(shape)}));
}

Values convolution_integer(Rewriting& r) {
  const auto& op = r.as<ops::ConvolutionInteger>();
  const ElementType work = ElementType::f32;
  const ValueId x = centred(r, r.in(0), r.maybe(2), 1, work), w = centred(r, r.in(1), r.maybe(3), 0, work);
  ValueId y;
  if (op.group == 1) {
    y = r.op(ops::Convolution{op.window}, {x, w});
  } else {
    if (!r.type(1).is_static()) r.inexpressible("weights of unknown shape");
    Shape shape = r.type(1).shape.shape();
    shape[0] /= op.group;
    shape.insert(shape.begin(), op.group);
    y = r.op(ops::GroupConvolution{op.window}, {x, r.op(ops::Reshape{}, {w, r.i64(shape)})});
  }
  return {r.convert(y, ElementType::i32)};
}

Values matmul_integer(Rewriting& r) {
  const ElementType work = ElementType::f32;
  const auto operand = [&](std::size_t i, std::size_t zero, bool per_row) {
    ValueId z = r.maybe(zero);
    if (z.valid() && per_row && r.rank(z) == 1 && r.rank(i) >= 2 && !(r.type(z).is_static() && element_count(r.type(z).shape.shape()) == 1)) z = r.reshape(z, {-1, 1});
    ValueId x = r.convert(r.in(i), work);
    return z.valid() ? r.subtract(x, r.convert(z, work)) : x;
  };
  return {r.convert(r.op(ops::MatMul{}, {operand(0, 2, true), operand(1, 3, false)}), ElementType::i32)};
}

constexpr RuleRow kQuantizeRules[] = {
    {"ConvolutionInteger", convolution_integer},
    {"Dequantize", dequantize},
    {"MatMulInteger", matmul_integer},
    {"Quantize", quantize},
};

}  // namespace

std::span<const RuleRow> quantize_rules() { return kQuantizeRules; }

}  // namespace saccade::exporter::openvino
