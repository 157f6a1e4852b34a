// SPDX-License-Identifier: Apache-2.0
// Normalisations that exporters wrote out in parts get their names back.
//   d = %x − ReduceMean(%x, last axes);  d / Sqrt(ReduceMean(d²) + eps)          →  LayerNormalization(%x)
//   the same over dimension 1, or MVN(%x)                                        →  LayerNormalization between two Transposes
//   MVN(%x, all dimensions behind the channels)                                  →  InstanceNormalization(%x, 1, 0)
//   %x / Sqrt(ReduceMean(%x²) + eps)                                             →  RmsNormalization(%x)
//   Reshape(InstanceNormalization(Reshape(%x, [n,g,…]), s, b), shape of %x)      →  GroupNormalization(%x, s, b)
//   Multiply, Add of constants after any of these                                →  into their scale and bias
#include <cmath>

#include "ops/normalization.h"
#include "ops/reshape.h"
#include "ops/transpose.h"
#include "passes/all.h"
#include "passes/values.h"
#include "tensor/strided.h"

namespace saccade::passes {
namespace {

using ops::Binary;
using ops::BinaryKind;
using ops::GroupNormalization;
using ops::InstanceNormalization;
using ops::LayerNormalization;
using ops::ReduceKind;
using ops::RmsNormalization;
using ops::UnaryKind;

// a / √b in its spellings.
Pattern over_root(const Pattern& a, const Pattern& b) {
  const Pattern root = one_of({unary(UnaryKind::Sqrt, b), binary(BinaryKind::Power, b, number(0.5))});
  const Pattern inverse = one_of({unary(UnaryKind::Rsqrt, b), binary(BinaryKind::Power, b, number(-0.5)), unary(UnaryKind::Reciprocal, root), number(1) / root});
  return one_of({a / root, a * inverse});
}

// The first of the last dimensions that these axes are.
std::optional<std::int64_t> trailing(const Graph& g, ValueId axes, std::size_t rank) {
  const auto list = integers(g, axes);
  if (!list || list->empty() || list->size() > rank) return std::nullopt;
  std::vector<char> found(rank, 0);
  for (std::int64_t a : *list) {
    if (a < 0) a += static_cast<std::int64_t>(rank);
    if (a < 0 || a >= static_cast<std::int64_t>(rank)) return std::nullopt;
    found[static_cast<std::size_t>(a)] = 1;
  }
  for (std::size_t d = rank - list->size(); d < rank; ++d)
    if (!found[d]) return std::nullopt;
  return static_cast<std::int64_t>(rank - list->size());
}

// Whether the axes are dimension 1 alone, and there are others behind it.
bool channels_only(const Graph& g, ValueId axes, std::size_t rank) {
  const auto list = integers(g, axes);
  return list && list->size() == 1 && rank >= 3 && (list->front() == 1 || list->front() == 1 - static_cast<std::int64_t>(rank));
}

// LayerNormalization over dimension 1: the plan keeps channels innermost, so the transposes cost nothing.
ValueId over_channels(Edit& edit, ValueId x, std::size_t rank, double epsilon, std::string name) {
  std::vector<std::int64_t> to{0}, back{0, static_cast<std::int64_t>(rank) - 1};
  for (std::size_t d = 2; d < rank; ++d) {
    to.push_back(static_cast<std::int64_t>(d));
    back.push_back(static_cast<std::int64_t>(d) - 1);
  }
  to.push_back(1);
  const ValueId last = edit(ops::Transpose{}, {x, edit.constant(i64_vector(to))});
  const ValueId normal = edit(LayerNormalization{.axis = static_cast<std::int64_t>(rank) - 1, .epsilon = epsilon}, {last}, std::move(name));
  return edit(ops::Transpose{}, {normal, edit.constant(i64_vector(back))});
}

bool keeps(const Match& m, const Pattern& reduce) { return m.op<ops::Reduce>(reduce).keep_dims; }

Rule layer_norm() {
  const Pattern x = any(), axes = constant(), axes2 = constant(), epsilon = constant();
  const Pattern mean = reduce(ReduceKind::Mean, x, axes);
  const Pattern d = x - mean;
  const Pattern squared = one_of({unary(UnaryKind::Square, d), d * d, binary(BinaryKind::Power, d, number(2)), binary(BinaryKind::SquaredDifference, x, mean)});
  const Pattern variance = reduce(ReduceKind::Mean, squared, axes2);
  const Pattern root = over_root(d, variance + epsilon);
  return {root, [=](const Match& m, Edit& edit) -> Outcome {
    const auto& shape = m.type(x).shape;
    const auto eps = single(m.graph(), m[epsilon]);
    if (!is_float(m.type(x).element) || !shape.ranked() || !eps || *eps < 0 || !keeps(m, mean) || !keeps(m, variance)) return pass_over();
    if (channels_only(m.graph(), m[axes], shape.rank()) && channels_only(m.graph(), m[axes2], shape.rank()))
      return over_channels(edit, m[x], shape.rank(), *eps, m.node(root).name);
    const auto first = trailing(m.graph(), m[axes], shape.rank()), second = trailing(m.graph(), m[axes2], shape.rank());
    if (!first || first != second) return no("the axes are not the last ones");
    return edit(LayerNormalization{.axis = *first, .epsilon = *eps}, {m[x]}, m.node(root).name);
  }};
}

Rule mean_variance_norm() {
  const Pattern x = any(), axes = constant();
  const Pattern root = op<ops::MVN>({x, axes});
  return {root, [=](const Match& m, Edit& edit) -> Outcome {
    const auto& type = m.type(x);
    const auto& mvn = m.op<ops::MVN>(root);
    if (!is_float(type.element) || !type.shape.ranked()) return pass_over();
    if (!mvn.normalize_variance || mvn.eps_mode != ops::EpsMode::inside_sqrt) return no("only the mean is removed, or epsilon is added to the root");
    const std::size_t rank = type.shape.rank();
    const double epsilon = mvn.eps;
    const std::string name = m.node(root).name;
    if (channels_only(m.graph(), m[axes], rank)) return over_channels(edit, m[x], rank, epsilon, name);
    const auto first = trailing(m.graph(), m[axes], rank);
    if (!first) return no("the axes are not the last ones");
    const auto channels = rank >= 3 && *first == 2 ? known_size(type, 1) : std::nullopt;
    if (!channels) return edit(LayerNormalization{.axis = *first, .epsilon = epsilon}, {m[x]}, name);
    const std::vector<double> ones(static_cast<std::size_t>(*channels), 1.0), zeros(ones.size(), 0.0);
    return edit(InstanceNormalization{.epsilon = epsilon}, {m[x], edit.constant(from_f64(type.element, {*channels}, ones)), edit.constant(from_f64(type.element, {*channels}, zeros))}, name);
  }};
}

Rule rms_norm() {
  const Pattern x = any(), axes = constant(), epsilon = constant();
  const Pattern squared = one_of({unary(UnaryKind::Square, x), x * x, binary(BinaryKind::Power, x, number(2))});
  const Pattern mean = reduce(ReduceKind::Mean, squared, axes);
  const Pattern root = over_root(x, mean + epsilon);
  return {root, [=](const Match& m, Edit& edit) -> Outcome {
    const auto& shape = m.type(x).shape;
    const auto eps = single(m.graph(), m[epsilon]);
    if (!is_float(m.type(x).element) || !shape.ranked() || !eps || *eps < 0 || !keeps(m, mean)) return pass_over();
    const auto first = trailing(m.graph(), m[axes], shape.rank());
    if (!first) return no("the axes are not the last ones");
    return edit(RmsNormalization{.axis = *first, .epsilon = *eps}, {m[x]}, m.node(root).name);
  }};
}

// One value per channel from one per group.
Tensor per_channel(const Tensor& per_group, std::int64_t channels) {
  const auto values = to_f64(per_group);
  std::vector<double> out;
  for (std::int64_t c = 0; c < channels; ++c) out.push_back(values[static_cast<std::size_t>(c * per_group.size() / channels)]);
  return from_f64(per_group.type(), {channels}, out);
}

Rule group_norm() {
  const Pattern x = any(), scale = constant(), bias = constant();
  const Pattern grouped = op<ops::Reshape>({x, any()}).once();
  const Pattern norm = op<InstanceNormalization>({grouped, scale, bias}).once();
  const Pattern root = op<ops::Reshape>({norm, any()});
  return {root, [=](const Match& m, Edit& edit) -> Outcome {
    const auto &in = m.type(x), &mid = m.type(grouped);
    const auto channels = known_size(in, 1), groups = known_size(mid, 1);
    if (!channels || !groups || *groups < 1 || *channels % *groups != 0 || !same_shape(in.shape, m.type(root).shape)) return pass_over();
    if (in.shape.rank() < 2 || !same_shape(graph::PartialShape({in.shape[0]}), graph::PartialShape({mid.shape[0]}))) return pass_over();
    const GroupNormalization group{.num_groups = *groups, .epsilon = m.op<InstanceNormalization>(norm).epsilon};
    const Tensor gamma = per_channel(m.constant(scale), *channels), beta = per_channel(m.constant(bias), *channels);
    return edit(group, {m[x], edit.constant(gamma), edit.constant(beta)}, m.node(norm).name);
  }};
}

// The constant in the shape that a normalisation takes, broadcast to it.
std::optional<Tensor> parameter(const Match& m, const Pattern& norm, const Tensor& c) {
  const auto& type = m.type(norm);
  if (!type.shape.ranked() || c.rank() > static_cast<std::int64_t>(type.shape.rank())) return std::nullopt;
  const graph::Op& op = m.node(norm).op;
  if (op.is<GroupNormalization>() || op.is<InstanceNormalization>()) {
    const auto channels = known_size(type, 1);
    if (!channels) return std::nullopt;
    auto values = along_axis(c, type.shape.rank(), 1, *channels);
    if (!values) return std::nullopt;
    values->resize(static_cast<std::size_t>(*channels), values->front());
    return from_f64(c.type(), {*channels}, *values);
  }
  const auto rank = static_cast<std::int64_t>(type.shape.rank());
  const std::int64_t axis = op.is<LayerNormalization>() ? op.as<LayerNormalization>()->axis : op.as<RmsNormalization>()->axis;
  Shape wanted;
  for (std::int64_t d = axis < 0 ? axis + rank : axis; d < rank; ++d) {
    const auto size = known_size(type, static_cast<std::size_t>(d));
    if (!size) return std::nullopt;
    wanted.push_back(*size);
  }
  Shape given = c.shape();
  while (given.size() > wanted.size() && given.front() == 1) given.erase(given.begin());
  if (given.size() > wanted.size()) return std::nullopt;
  for (std::size_t d = 0; d < given.size(); ++d)
    if (given[d] != 1 && given[d] != wanted[d + wanted.size() - given.size()]) return std::nullopt;
  return broadcast_to(c.reshaped(given), wanted);
}

Tensor combined(const Tensor& a, const Tensor& b, BinaryKind kind) {
  const auto x = to_f64(a), y = to_f64(b);
  std::vector<double> out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) out[i] = kind == BinaryKind::Add ? x[i] + y[i] : x[i] * y[i];
  return from_f64(a.type(), a.shape(), out);
}

bool is_normalization(const graph::Op& o) { return o.is<GroupNormalization>() || o.is<InstanceNormalization>() || o.is<RmsNormalization>() || (o.is<LayerNormalization>() && !o.as<LayerNormalization>()->statistics); }

// Products go into scale and bias, sums into the bias.
Rule affine(BinaryKind kind) {
  const Pattern norm = node(is_normalization).once(), c = constant();
  const Pattern root = binary(kind, norm, c);
  return {root, [=](const Match& m, Edit& edit) -> Outcome {
    const Graph& g = m.graph();
    const Node& n = m.node(norm);
    const graph::Op op = n.op;
    const std::string name = n.name;
    if (kind == BinaryKind::Add && op.is<RmsNormalization>()) return pass_over();
    if (!same_shape(m.type(norm).shape, m.type(root).shape)) return pass_over();
    const auto p = parameter(m, norm, m.constant(c));
    if (!p) return no("the constant does not fit the scale and bias");
    std::vector<ValueId> inputs = n.inputs;
    inputs.resize(op.is<RmsNormalization>() ? 2 : 3);
    std::vector<std::optional<Tensor>> next(3);
    for (std::size_t i = 1; i < inputs.size(); ++i) {
      if (!inputs[i].valid()) continue;
      const Tensor& t = g.constant(inputs[i]);
      if (!t.defined() || t.shape() != p->shape()) return no("scale or bias are not constants of that shape");
      next[i] = t;
    }
    if (kind == BinaryKind::Multiply) {
      next[1] = next[1] ? combined(*next[1], *p, kind) : *p;
      if (next[2]) next[2] = combined(*next[2], *p, kind);
    } else {
      next[2] = next[2] ? combined(*next[2], *p, kind) : *p;
    }
    for (std::size_t i = 1; i < inputs.size(); ++i)
      if (next[i]) inputs[i] = edit.constant(*next[i]);
    while (!inputs.back().valid()) inputs.pop_back();
    return edit(op, std::move(inputs), name);
  }};
}

}  // namespace

Pass fuse_normalizations() { return {"fuse_normalizations", {layer_norm(), mean_variance_norm(), rms_norm(), group_norm(), affine(BinaryKind::Multiply), affine(BinaryKind::Add)}, {}}; }

}  // namespace saccade::passes
