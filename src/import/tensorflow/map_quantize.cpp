// SPDX-License-Identifier: Apache-2.0
// Simulated quantisation, and weights that are stored quantised.
#include <algorithm>
#include <cmath>

#include "import/tensorflow/map.h"
#include "ops/convert.h"
#include "ops/elementwise.h"
#include "ops/fake_quantize.h"
#include "tensor/numeric.h"

namespace saccade::tensorflow {
namespace {

using ops::Binary;
using ops::BinaryKind;
using Values = std::vector<ValueId>;
using i64 = std::int64_t;

// The range moved so that zero is on the grid, in f32 as TensorFlow computes it.
std::pair<float, float> nudged(float low, float high, float first, float last) {
  const float scale = (high - low) / (last - first);
  const float zero = first - low / scale;
  const float place = zero < first ? first : zero > last ? last : std::round(zero);
  return {(first - place) * scale, (last - place) * scale};
}

struct Grid {
  float first = 0, last = 255;
};

Grid read_grid(NodeContext& c) {
  const i64 bits = c.i("num_bits", 8);
  if (bits < 2 || bits > 16) c.invalid("num_bits is {}", bits);
  return {c.flag("narrow_range", false) ? 1.0f : 0.0f, static_cast<float>((1 << bits) - 1)};
}

// `low` and `high` hold one number, or one a channel.
Values fake_quantize(NodeContext& c, const std::vector<double>& low, const std::vector<double>& high, Shape shape) {
  const Grid grid = read_grid(c);
  if (low.size() != high.size() || low.empty()) c.invalid("{} minima and {} maxima", low.size(), high.size());
  std::vector<double> from, to;
  bool none = true;
  for (std::size_t i = 0; i < low.size(); ++i) {
    const auto a = static_cast<float>(low[i]), b = static_cast<float>(high[i]);
    if (!(a <= b) || !std::isfinite(a) || !std::isfinite(b)) c.invalid("a range from {} to {}", a, b);
    none &= a == 0 && b == 0;
    const auto [l, h] = a == b ? std::pair{a, b} : nudged(a, b, grid.first, grid.last);
    from.push_back(static_cast<double>(l));
    to.push_back(static_cast<double>(h));
  }
  if (none) return {c.op(Binary{BinaryKind::Multiply}, {c.in(0), c.scalar(ElementType::f32, 0)})};
  const ValueId l = c.constant_of(from_f64(ElementType::f32, shape, from)), h = c.constant_of(from_f64(ElementType::f32, shape, to));
  return {c.op(ops::FakeQuantize{static_cast<i64>(grid.last - grid.first) + 1}, {c.in(0), l, h, l, h})};
}

Values fake_quant_args(NodeContext& c) { return fake_quantize(c, {c.f("min", -6)}, {c.f("max", 6)}, {}); }

Values fake_quant_vars(NodeContext& c) {
  const Tensor *low = c.constant(1), *high = c.constant(2);
  if (low == nullptr || high == nullptr) c.unsupported("a range that is not constant");
  if (low->shape() != high->shape() || low->rank() > 1) c.invalid("minima of shape {} and maxima of shape {}", to_string(low->shape()), to_string(high->shape()));
  return fake_quantize(c, to_f64(*low), to_f64(*high), low->shape());
}

float one_number(NodeContext& c, std::size_t i) {
  const Tensor* t = c.constant(i);
  if (t == nullptr) c.unsupported("a range that is not constant");
  if (t->size() != 1) c.unsupported("a range for every channel");
  return static_cast<float>(element_as_f64(*t, 0));
}

Values dequantize(NodeContext& c) {
  const std::string mode = c.s("mode", "MIN_COMBINED");
  const ElementType to = c.type("dtype", ElementType::f32), from = c.element(0);
  if (c.i("axis", -1) != -1) c.unsupported("a range for every channel");
  if (from != ElementType::u8 && from != ElementType::i8 && from != ElementType::i16 && from != ElementType::u16) c.unsupported("quantised data of type {}", to_string(from));
  const bool narrow = c.flag("narrow_range", false);
  const float low = one_number(c, 1), high = one_number(c, 2);
  const int bits = 8 * static_cast<int>(size_in_bytes(from));
  const float steps = static_cast<float>(i64{1} << bits), half = is_signed(from) ? steps / 2 : 0;
  float scale = 0, shift = 0, offset = 0;  // (x + shift)·scale + offset
  if (mode == "MIN_COMBINED") {
    scale = (high - low) / (steps - 1);
    shift = half;
    offset = low;
  } else if (mode == "MIN_FIRST") {
    scale = static_cast<float>(static_cast<double>(high - low) / static_cast<double>(steps - 1));
    shift = half;
    offset = scale == 0 ? low : std::round(low / scale) * scale;
  } else if (mode == "SCALED") {
    const float last = steps - half - 1;
    scale = is_signed(from) ? std::max(low / -(half - (narrow ? 1.0f : 0.0f)), high / last) : high / last;
  } else {
    c.invalid("mode is '{}'", shown(mode));
  }
  const auto number = [&](float value) { return c.scalar(ElementType::f32, static_cast<double>(value)); };
  ValueId x = c.op(ops::Convert{ElementType::f32}, {c.in(0)});
  if (shift != 0) x = c.op(Binary{BinaryKind::Add}, {x, number(shift)});
  x = c.op(Binary{BinaryKind::Multiply}, {x, number(scale)});
  if (offset != 0) x = c.op(Binary{BinaryKind::Add}, {x, number(offset)});
  if (to != ElementType::f32) x = c.op(ops::Convert{to}, {x});
  return {x};
}

constexpr Row kQuantizeRows[] = {
    {"Dequantize", dequantize},
    {"FakeQuantWithMinMaxArgs", fake_quant_args},
    {"FakeQuantWithMinMaxVars", fake_quant_vars},
    {"FakeQuantWithMinMaxVarsPerChannel", fake_quant_vars},
};

}  // namespace

std::span<const Row> quantize_rows() { return kQuantizeRows; }

}  // namespace saccade::tensorflow
