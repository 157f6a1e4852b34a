// SPDX-License-Identifier: Apache-2.0
// Keras' normalisations.
#include <algorithm>
#include <cmath>

#include "import/keras/layer.h"
#include "ops/normalization.h"
#include "tensor/numeric.h"

namespace saccade::keras {
namespace {

using ops::UnaryKind;
using Ints = std::vector<std::int64_t>;

// Axes as positive numbers; `otherwise` if the configuration names none.
Ints axes_of(const LayerContext& c, Ints otherwise) {
  const auto rank = static_cast<std::int64_t>(c.rank(c.x()));
  Ints axes = c.given("axis") ? c.list("axis") : std::move(otherwise);
  for (auto& a : axes) {
    if (a < -rank || a >= rank) c.invalid("axis {} of an input of rank {}", a, rank);
    if (a < 0) a += rank;
  }
  std::sort(axes.begin(), axes.end());
  return axes;
}

Values batch_normalization(LayerContext& c) {
  if (c.flag("renorm", false)) c.unsupported("renorm");
  const Ints axes = axes_of(c, {-1});
  if (axes.size() != 1 || axes[0] == 0) c.unsupported("several axes, or the batch as axis");
  int index = 0;
  const bool scaled = c.flag("scale", true), centred = c.flag("center", true);
  std::optional<ValueId> gamma, beta;
  if (scaled) gamma = c.weight({"gamma"}, index++);
  if (centred) beta = c.weight({"beta"}, index++);
  const ValueId mean = c.weight({"moving_mean"}, index), variance = c.weight({"moving_variance"}, index + 1);
  const auto filled = [&](double value) {
    Tensor t(c.element(mean), c.edit.graph().constant(mean).shape());
    for (std::int64_t i = 0; i < t.size(); ++i) set_element_f64(t, i, value);
    return c.constant(std::move(t));
  };
  if (!gamma) gamma = filled(1);
  if (!beta) beta = filled(0);
  const auto rank = static_cast<std::int64_t>(c.rank(c.x()));
  const ops::BatchNormInference op{c.f("epsilon", 1e-3)};
  const auto normalised = [&](ValueId x) { return c.op(op, {x, *gamma, *beta, mean, variance}); };
  if (axes[0] == 1) return {normalised(c.x())};
  if (axes[0] == rank - 1) return {c.channels_last(normalised(c.channels_first(c.x())))};
  Ints order(static_cast<std::size_t>(rank));
  for (std::int64_t d = 0; d < rank; ++d) order[static_cast<std::size_t>(d)] = d;
  std::swap(order[1], order[static_cast<std::size_t>(axes[0])]);
  return {c.transpose(normalised(c.transpose(c.x(), order)), order)};
}

Values layer_normalization(LayerContext& c) {
  const Ints axes = axes_of(c, {-1});
  const auto rank = static_cast<std::int64_t>(c.rank(c.x()));
  for (std::size_t k = 0; k < axes.size(); ++k)
    if (axes[k] != rank - static_cast<std::int64_t>(axes.size() - k)) c.unsupported("axes that are not the last ones");
  const double epsilon = c.f("epsilon", 1e-3);
  int index = 0;
  ValueId gamma, beta;
  if (c.flag("scale", true)) gamma = c.weight({"gamma"}, index++);
  if (c.flag("rms_scaling", false)) return {c.op(ops::RmsNormalization{axes[0], epsilon}, {c.x(), gamma})};
  if (c.flag("center", true)) beta = c.weight({"beta"}, index);
  return {c.op(ops::LayerNormalization{axes[0], epsilon}, {c.x(), gamma, beta})};
}

Values rms_normalization(LayerContext& c) {
  const Ints axes = axes_of(c, {-1});
  if (axes.size() != 1 || axes[0] != static_cast<std::int64_t>(c.rank(c.x())) - 1) c.unsupported("axes other than the last");
  return {c.op(ops::RmsNormalization{axes[0], c.f("epsilon", 1e-6)}, {c.x(), c.weight({"scale"}, 0)})};
}

Values group_normalization(LayerContext& c) {
  const Ints axes = axes_of(c, {-1});
  const auto rank = static_cast<std::int64_t>(c.rank(c.x()));
  if (axes.size() != 1 || (axes[0] != 1 && axes[0] != rank - 1)) c.unsupported("an axis that is neither the first nor the last");
  const bool last = axes[0] == rank - 1;
  const ValueId x = last ? c.channels_first(c.x()) : c.x();
  const auto& channels = c.shape(x)[1];
  if (!channels.is_static()) c.unsupported("an unknown number of channels");
  const std::int64_t groups = c.i("groups", 32);
  int index = 0;
  const auto plain = [&](double value) {
    return c.constant(from_f64(c.element(x), {channels.size()}, std::vector<double>(static_cast<std::size_t>(channels.size()), value)));
  };
  const ValueId gamma = c.flag("scale", true) ? c.weight({"gamma"}, index++) : plain(1);
  const ValueId beta = c.flag("center", true) ? c.weight({"beta"}, index) : plain(0);
  const ValueId y = c.op(ops::GroupNormalization{groups == -1 ? channels.size() : groups, c.f("epsilon", 1e-3)}, {x, gamma, beta});
  return {last ? c.channels_last(y) : y};
}

Values unit_normalization(LayerContext& c) {
  return {c.op(ops::NormalizeL2{1e-12, ops::NormalizeL2Mode::max}, {c.x(), c.i64(axes_of(c, {-1}))})};
}

// (x − mean) / max(√variance, 1e-7), or back.
Values normalization(LayerContext& c) {
  const ValueId x = is_float(c.element(c.x())) ? c.x() : c.convert(c.x(), ElementType::f32);
  const ElementType type = c.element(x);
  const Ints axes = c.given("axis") ? axes_of(c, {}) : Ints{};
  // statistics have the sizes of the axes that are kept
  const auto shaped = [&](ValueId v) {
    if (axes.empty()) return c.reshape(v, std::vector<std::int64_t>(c.rank(x), 1));
    Ints dims(c.rank(x), 1);
    for (auto a : axes) {
      const auto& d = c.shape(x)[static_cast<std::size_t>(a)];
      if (!d.is_static()) c.unsupported("an axis of unknown size");
      dims[static_cast<std::size_t>(a)] = d.size();
    }
    return c.reshape(v, dims);
  };
  ValueId mean, variance;
  if (c.given("mean") && c.given("variance")) {
    const auto m = c.reals("mean"), v = c.reals("variance");
    mean = c.constant(from_f64(type, {static_cast<std::int64_t>(m.size())}, m));
    variance = c.constant(from_f64(type, {static_cast<std::int64_t>(v.size())}, v));
  } else {
    mean = c.weight({"mean"}, 0);
    variance = c.weight({"variance"}, 1);
  }
  const ValueId deviation = c.binary(ops::BinaryKind::Maximum, c.unary(UnaryKind::Sqrt, shaped(variance)), c.scalar(type, 1e-7));
  if (c.flag("invert", false)) return {c.add(shaped(mean), c.multiply(x, deviation))};
  return {c.divide(c.subtract(x, shaped(mean)), deviation)};
}

Values rescaling(LayerContext& c) {
  const ValueId x = is_float(c.element(c.x())) ? c.x() : c.convert(c.x(), ElementType::f32);
  const auto values = [&](const char* key, double otherwise) {
    auto list = c.reals(key);
    if (list.empty()) list = {otherwise};
    const Shape shape = list.size() == 1 ? Shape{} : Shape{static_cast<std::int64_t>(list.size())};
    return c.constant(from_f64(c.element(x), shape, list));
  };
  const auto offset = c.reals("offset");
  const ValueId y = c.multiply(x, values("scale", 1));
  return {std::all_of(offset.begin(), offset.end(), [](double o) { return o == 0; }) ? y : c.add(y, values("offset", 0))};
}

// ConvNeXt's own layer.
Values layer_scale(LayerContext& c) { return {c.multiply(c.x(), c.weight({"gamma", "Variable"}, 0))}; }

constexpr Row kNormalizationRows[] = {
    {"BatchNormalization", batch_normalization},
    {"BatchNormalizationV1", batch_normalization},
    {"GroupNormalization", group_normalization},
    {"LayerNormalization", layer_normalization},
    {"LayerScale", layer_scale},
    {"Normalization", normalization},
    {"RMSNormalization", rms_normalization},
    {"Rescaling", rescaling},
    {"SyncBatchNormalization", batch_normalization},
    {"UnitNormalization", unit_normalization},
};

}  // namespace

std::span<const Row> normalization_rows() { return kNormalizationRows; }

}  // namespace saccade::keras
