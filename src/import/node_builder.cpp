// SPDX-License-Identifier: Apache-2.0
// Building nodes, with constants computed at once where that is free.
#include "import/node_builder.h"

#include <algorithm>
#include <array>

#include "ops/broadcast.h"
#include "ops/concat.h"
#include "ops/convert.h"
#include "ops/convolution.h"
#include "ops/quantize.h"
#include "ops/reshape.h"
#include "ops/shape_of.h"
#include "ops/slice.h"
#include "ops/transpose.h"
#include "tensor/numeric.h"

namespace saccade::import {

std::size_t NodeBuilder::rank(ValueId value) const {
  if (!shape(value).ranked()) unsupported("an operand of unknown rank");
  return shape(value).rank();
}

bool NodeBuilder::is_fixed(ValueId value, int& budget) const {
  if (--budget < 0) return false;
  const graph::Graph& g = edit.graph();
  if (g[value].is_constant()) return true;
  const graph::Node* producer = g.producer(value);
  return producer &&
         std::all_of(producer->inputs.begin(), producer->inputs.end(), [&](ValueId in) { return !in.valid() || is_fixed(in, budget); });
}

const Tensor* NodeBuilder::fixed(ValueId value) const {
  int budget = 64;
  return value.valid() && edit.graph().constant(value).defined() && is_fixed(value, budget) ? &edit.graph().constant(value) : nullptr;
}

std::optional<std::vector<std::int64_t>> NodeBuilder::fixed_integers(ValueId value) const {
  const Tensor* tensor = fixed(value);
  return tensor ? std::optional(to_i64(*tensor)) : std::nullopt;
}

ValueId NodeBuilder::scalar(ElementType element, double value) const {
  Tensor tensor(element, {});
  set_element_f64(tensor, 0, value);
  return constant(std::move(tensor));
}

ValueId NodeBuilder::i64(std::span<const std::int64_t> values) const { return constant(i64_vector(values)); }

ValueId NodeBuilder::clamp(ValueId x, double low, double high) const { return op(ops::Unary{ops::UnaryKind::Clamp, low, high}, {x}); }

ValueId NodeBuilder::convert(ValueId x, ElementType type) const {
  if (element(x) == type) return x;
  if (edit.graph()[x].is_constant() && is_integer(type) && is_integer(element(x)))
    return constant(ops::convert(edit.graph().constant(x), type));
  return op(ops::Convert{type}, {x});
}

ValueId NodeBuilder::reduce(ops::ReduceKind kind, ValueId x, std::span<const std::int64_t> axes, bool keep_dims) const {
  return op(ops::Reduce{kind, keep_dims}, {x, i64(axes)});
}

ValueId NodeBuilder::reshape(ValueId x, std::span<const std::int64_t> dims, bool zero_copies) const {
  return op(ops::Reshape{.special_zero = zero_copies}, {x, i64(dims)});
}

ValueId NodeBuilder::unsqueeze(ValueId x, std::initializer_list<std::int64_t> axes) const { return op(ops::Unsqueeze{}, {x, i64(axes)}); }
ValueId NodeBuilder::squeeze(ValueId x, std::initializer_list<std::int64_t> axes) const { return op(ops::Squeeze{}, {x, i64(axes)}); }

ValueId NodeBuilder::concat(Values values, std::int64_t axis) const {
  return values.size() == 1 ? values[0] : op(ops::Concat{axis}, std::move(values));
}

ValueId NodeBuilder::slice(ValueId x, std::int64_t axis, std::int64_t start, std::int64_t stop) const {
  return op(ops::Slice{}, {x, i64({start}), i64({stop}), i64({1}), i64({axis})});
}

ValueId NodeBuilder::shape_of(ValueId x) const { return op(ops::ShapeOf{}, {x}); }

ValueId NodeBuilder::filled(ValueId value, ValueId dims) const { return op(ops::Broadcast{}, {value, convert(dims, ElementType::i64)}); }

ValueId NodeBuilder::transpose(ValueId x, std::span<const std::int64_t> order) const {
  bool identity = true;
  for (std::size_t d = 0; d < order.size(); ++d) identity &= order[d] == static_cast<std::int64_t>(d);
  if (identity) return x;
  const graph::Graph& g = edit.graph();
  if (g[x].is_constant()) {
    const std::array<Tensor, 2> inputs{g.constant(x), i64_vector(order)};
    return constant(Op(ops::Transpose{}).evaluate(inputs)[0]);
  }
  if (const graph::Node* producer = g.producer(x); producer && !producer->inputs.empty() && g[producer->inputs[0]].is_constant()) {
    const Values inputs = producer->inputs;
    if (const auto* c = producer->op.as<ops::Convert>()) {
      const ops::Convert definition = *c;
      return op(definition, {transpose(inputs[0], order)});
    }
    if (const auto* d = producer->op.as<ops::Dequantize>(); d && d->block_size == 0) {
      ops::Dequantize definition = *d;
      const auto at = std::find(order.begin(), order.end(), definition.axis);
      if (at != order.end()) definition.axis = at - order.begin();
      Values moved = inputs;
      moved[0] = transpose(inputs[0], order);
      return op(definition, moved);
    }
  }
  return op(ops::Transpose{}, {x, i64(order)});
}

ValueId NodeBuilder::swapped(ValueId x, bool first) const {
  const auto n = static_cast<std::int64_t>(rank(x));
  if (n < 2) invalid("an image of rank {}", n);
  std::vector<std::int64_t> to_first{0, n - 1}, to_last{0};
  for (std::int64_t d = 1; d < n - 1; ++d) to_first.push_back(d);
  for (std::int64_t d = 2; d < n; ++d) to_last.push_back(d);
  to_last.push_back(1);
  const auto& order = first ? to_first : to_last;
  const auto& opposite = first ? to_last : to_first;
  const graph::Node* producer = edit.graph().producer(x);
  if (producer && producer->op.is<ops::Transpose>()) {
    const auto known = fixed_integers(producer->inputs[1]);
    if (known && *known == opposite) return producer->inputs[0];
  }
  return transpose(x, order);
}

ValueId NodeBuilder::channels_first(ValueId x) const { return swapped(x, true); }
ValueId NodeBuilder::channels_last(ValueId x) const { return swapped(x, false); }

ValueId NodeBuilder::along_channels(ValueId vector, std::size_t spatial) const {
  std::vector<std::int64_t> dims(spatial + 1, 1);
  dims[0] = -1;
  return reshape(vector, dims);
}

ValueId NodeBuilder::convolve(ValueId image, ValueId weights, const ops::Window& window, std::int64_t groups) const {
  if (groups == 1) return op(ops::Convolution{window}, {image, weights});
  const PartialShape& w = shape(weights);
  if (!w.is_static()) unsupported("weights of unknown shape in a grouped convolution");
  std::vector<std::int64_t> dims{groups};
  for (std::size_t d = 0; d < w.rank(); ++d) dims.push_back(w[d].size());
  if (groups < 1 || dims[1] % groups != 0) invalid("weights of shape {} in {} groups", graph::to_string(w), groups);
  dims[1] /= groups;
  ValueId grouped;
  if (edit.graph()[weights].is_constant()) {
    grouped = constant(edit.graph().constant(weights).reshaped(dims));
  } else {
    const graph::Node* producer = edit.graph().producer(weights);
    const auto* dequantize = producer ? producer->op.as<ops::Dequantize>() : nullptr;
    // scales that run over the groups stay scales over the first dimension
    if (dequantize && dequantize->block_size == 0 && edit.graph()[producer->inputs[0]].is_constant() &&
        (rank(producer->inputs[1]) == 0 || (dequantize->axis == 0 && dims[1] == 1))) {
      const ops::Dequantize definition = *dequantize;
      Values inputs = producer->inputs;
      inputs[0] = constant(edit.graph().constant(inputs[0]).reshaped(dims));
      grouped = op(definition, inputs);
    } else {
      grouped = reshape(weights, dims);
    }
  }
  return op(ops::GroupConvolution{window}, {image, grouped});
}

}  // namespace saccade::import
