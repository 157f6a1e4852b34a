// SPDX-License-Identifier: Apache-2.0
// Normalisation operators. Means and variances are taken in f64, in two passes.
#include "ops/normalization.h"

#include <algorithm>
#include <cmath>

#include "ops/inference.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;

void check_float(std::span<const Fact> inputs, std::size_t i = 0) {
  SACCADE_CHECK(is_float(inputs[i].type.element), invalid_model, "input {} of element type {}", i, to_string(inputs[i].type.element));
}

// Inputs 1 … n-1 hold one entry per channel of input 0.
std::vector<Fact> infer_per_channel(std::span<const Fact> inputs, std::size_t count) {
  check_arity(inputs, count, count);
  check_float(inputs);
  const PartialShape& x = inputs[0].type.shape;
  SACCADE_CHECK(!x.ranked() || x.rank() >= 2, invalid_model, "data of rank {}", x.rank());
  Fact out(inputs[0].type);
  for (std::size_t i = 1; i < count; ++i) {
    check_same_element(inputs, 0, i);
    const PartialShape& s = inputs[i].type.shape;
    if (!s.ranked()) continue;
    SACCADE_CHECK(s.rank() == 1, invalid_model, "input {} of rank {}, 1 is needed", i, s.rank());
    if (x.ranked()) out.type.shape[1] = meet(out.type.shape[1], s[0]);
  }
  return {out};
}

struct Channels {
  i64 batch, channels, inner;
};
Channels channels_of(std::span<const Tensor> inputs) {
  const Shape& x = inputs[0].shape();
  SACCADE_CHECK(x.size() >= 2, invalid_model, "data of rank {}", x.size());
  for (std::size_t i = 1; i < inputs.size(); ++i)
    SACCADE_CHECK(inputs[i].shape() == Shape{x[1]}, invalid_model, "input {} of shape {} for {} channels", i, to_string(inputs[i].shape()),
                  x[1]);
  i64 inner = 1;
  for (std::size_t d = 2; d < x.size(); ++d) inner *= x[d];
  return {x[0], x[1], inner};
}

struct Moments {
  double mean = 0, variance = 0;
};
Moments moments(const double* x, i64 count) {
  Moments m;
  for (i64 i = 0; i < count; ++i) m.mean += x[i];
  m.mean /= static_cast<double>(count);
  for (i64 i = 0; i < count; ++i) m.variance += (x[i] - m.mean) * (x[i] - m.mean);
  m.variance /= static_cast<double>(count);
  return m;
}

// Groups of `group` channels, normalised, then scaled and shifted per channel.
std::vector<Tensor> normalize_channels(std::span<const Tensor> inputs, i64 groups, double epsilon) {
  const Channels s = channels_of(inputs);
  SACCADE_CHECK(groups >= 1 && s.channels % groups == 0, invalid_model, "{} channels in {} groups", s.channels, groups);
  std::vector<double> x = to_f64(inputs[0]);
  const std::vector<double> scale = to_f64(inputs[1]), bias = to_f64(inputs[2]);
  const i64 per = s.channels / groups, count = per * s.inner;
  if (x.empty()) return {inputs[0]};
  for (i64 g = 0; g < s.batch * groups; ++g) {
    double* group = x.data() + g * count;
    const Moments m = moments(group, count);
    const double inverse = 1 / std::sqrt(m.variance + epsilon);
    for (i64 i = 0; i < count; ++i) {
      const auto channel = static_cast<std::size_t>(g % groups * per + i / s.inner);
      group[i] = (group[i] - m.mean) * inverse * scale[channel] + bias[channel];
    }
  }
  return {from_f64(inputs[0].type(), inputs[0].shape(), x)};
}

// Sums over some axes: for each element the index of its sum.
class NormalizedGroups {
 public:
  NormalizedGroups(const Shape& shape, const std::vector<std::size_t>& axes) : shape_(shape) {
    Shape kept = shape;
    for (std::size_t a : axes) kept[a] = 1;
    strides_ = broadcast_strides(kept, shape);
    count_ = static_cast<std::size_t>(element_count(kept));
    const std::size_t total = static_cast<std::size_t>(element_count(shape));
    each_ = count_ ? static_cast<double>(total / count_) : 0;
  }
  std::size_t count() const { return count_; }
  double each() const { return each_; }
  // f(element, group) over all elements; demands that there are some.
  template <class F>
  void walk(F&& f) const {
    IndexWalk index(shape_);
    std::size_t i = 0;
    do f(i++, static_cast<std::size_t>(index.offset(strides_)));
    while (index.next());
  }

 private:
  Shape shape_;
  Strides strides_;
  std::size_t count_ = 0;
  double each_ = 0;
};

std::vector<std::size_t> distinct_axes(const Tensor& axes, std::size_t rank) {
  auto out = normal_axes(to_i64(axes), rank);
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::vector<Fact> infer_with_axes(std::span<const Fact> inputs) {
  check_arity(inputs, 2, 2);
  check_float(inputs);
  SACCADE_CHECK(is_integer(inputs[1].type.element), invalid_model, "axes of element type {}", to_string(inputs[1].type.element));
  if (const auto axes = known_integers(inputs, 1); axes && inputs[0].type.shape.ranked()) normal_axes(*axes, inputs[0].type.shape.rank());
  return {Fact(inputs[0].type)};
}

// The dimensions from `axis` on as one line, for LayerNormalization and RMSNormalization.
struct Lines {
  i64 count, length;
};
Lines lines_of(const Shape& shape, std::size_t axis) {
  Lines l{1, 1};
  for (std::size_t d = 0; d < shape.size(); ++d) (d < axis ? l.count : l.length) *= shape[d];
  return l;
}

void check_broadcast(std::span<const Fact> inputs, std::size_t i) {
  if (!has(inputs, i)) return;
  check_float(inputs, i);
  const PartialShape &x = inputs[0].type.shape, &s = inputs[i].type.shape;
  if (!x.ranked() || !s.ranked()) return;
  SACCADE_CHECK(s.rank() <= x.rank(), invalid_model, "input {} of shape {} for data {}", i, to_string(s), to_string(x));
  broadcast(x, s);
}

// Multiplies (or adds) a tensor broadcast over x.
template <class F>
void apply_broadcast(std::vector<double>& x, const Shape& shape, const Tensor& other, F&& f) {
  SACCADE_CHECK(broadcast_shapes(shape, other.shape()) == shape, invalid_model, "a parameter of shape {} for data {}",
                to_string(other.shape()), to_string(shape));
  const std::vector<double> values = to_f64(other);
  const Strides strides = broadcast_strides(other.shape(), shape);
  IndexWalk walk(shape);
  std::size_t i = 0;
  do {
    x[i] = f(x[i], values[static_cast<std::size_t>(walk.offset(strides))]);
    ++i;
  } while (walk.next());
}

ElementType statistics_type(ElementType type) { return type == ElementType::f64 ? ElementType::f64 : ElementType::f32; }

}  // namespace

std::vector<Fact> infer(const BatchNormInference&, std::span<const Fact> inputs) { return infer_per_channel(inputs, 5); }

std::vector<Tensor> evaluate(const BatchNormInference& op, std::span<const Tensor> inputs) {
  const Channels s = channels_of(inputs);
  std::vector<double> x = to_f64(inputs[0]);
  const std::vector<double> gamma = to_f64(inputs[1]), beta = to_f64(inputs[2]), mean = to_f64(inputs[3]), variance = to_f64(inputs[4]);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t c = i / static_cast<std::size_t>(s.inner) % static_cast<std::size_t>(s.channels);
    x[i] = (x[i] - mean[c]) / std::sqrt(variance[c] + op.epsilon) * gamma[c] + beta[c];
  }
  return {from_f64(inputs[0].type(), inputs[0].shape(), x)};
}

std::vector<Fact> infer(const GroupNormalization& op, std::span<const Fact> inputs) {
  auto out = infer_per_channel(inputs, 3);
  const PartialShape& x = out[0].type.shape;
  SACCADE_CHECK(op.num_groups >= 1 && (!x.ranked() || !x[1].is_static() || x[1].size() % op.num_groups == 0), invalid_model,
                "data {} in {} groups", to_string(x), op.num_groups);
  return out;
}
std::vector<Tensor> evaluate(const GroupNormalization& op, std::span<const Tensor> inputs) {
  return normalize_channels(inputs, op.num_groups, op.epsilon);
}

std::vector<Fact> infer(const InstanceNormalization&, std::span<const Fact> inputs) { return infer_per_channel(inputs, 3); }
std::vector<Tensor> evaluate(const InstanceNormalization& op, std::span<const Tensor> inputs) {
  SACCADE_CHECK(inputs[0].rank() >= 2, invalid_model, "data of rank {}", inputs[0].rank());
  return normalize_channels(inputs, std::max<i64>(inputs[0].shape()[1], 1), op.epsilon);
}

std::vector<Fact> infer(const LayerNormalization& op, std::span<const Fact> inputs) {
  check_arity(inputs, 1, 3);
  check_float(inputs);
  check_broadcast(inputs, 1);
  check_broadcast(inputs, 2);
  std::vector<Fact> out{Fact(inputs[0].type)};
  PartialShape kept = inputs[0].type.shape;
  if (kept.ranked()) {
    const std::size_t axis = normal_axis(op.axis, kept.rank());
    for (std::size_t d = axis; d < kept.rank(); ++d) kept[d] = Dimension::fixed(1);
  }
  if (op.statistics) out.insert(out.end(), 2, Fact(statistics_type(inputs[0].type.element), kept));
  return out;
}

std::vector<Tensor> evaluate(const LayerNormalization& op, std::span<const Tensor> inputs) {
  const Shape& shape = inputs[0].shape();
  const std::size_t axis = normal_axis(op.axis, shape.size());
  Shape kept = shape;
  std::fill(kept.begin() + static_cast<std::ptrdiff_t>(axis), kept.end(), 1);
  std::vector<double> x = to_f64(inputs[0]);
  std::vector<double> means, inverses;
  if (!x.empty()) {
    const Lines l = lines_of(shape, axis);
    for (i64 n = 0; n < l.count; ++n) {
      double* line = x.data() + n * l.length;
      const Moments m = moments(line, l.length);
      const double inverse = 1 / std::sqrt(m.variance + op.epsilon);
      for (i64 i = 0; i < l.length; ++i) line[i] = (line[i] - m.mean) * inverse;
      means.push_back(m.mean);
      inverses.push_back(inverse);
    }
    if (has(inputs, 1)) apply_broadcast(x, shape, inputs[1], [](double v, double s) { return v * s; });
    if (has(inputs, 2)) apply_broadcast(x, shape, inputs[2], [](double v, double b) { return v + b; });
  }
  std::vector<Tensor> out{from_f64(inputs[0].type(), shape, x)};
  if (op.statistics) {
    means.resize(static_cast<std::size_t>(element_count(kept)));
    inverses.resize(means.size());
    const ElementType type = statistics_type(inputs[0].type());
    out.push_back(from_f64(type, kept, means));
    out.push_back(from_f64(type, kept, inverses));
  }
  return out;
}

std::vector<Fact> infer(const RmsNormalization& op, std::span<const Fact> inputs) {
  check_arity(inputs, 1, 2);
  check_float(inputs);
  check_broadcast(inputs, 1);
  if (inputs[0].type.shape.ranked()) normal_axis(op.axis, inputs[0].type.shape.rank());
  return {Fact(inputs[0].type)};
}

std::vector<Tensor> evaluate(const RmsNormalization& op, std::span<const Tensor> inputs) {
  const Shape& shape = inputs[0].shape();
  const Lines l = lines_of(shape, normal_axis(op.axis, shape.size()));
  std::vector<double> x = to_f64(inputs[0]);
  if (x.empty()) return {inputs[0]};
  for (i64 n = 0; n < l.count; ++n) {
    double* line = x.data() + n * l.length;
    double sum = 0;
    for (i64 i = 0; i < l.length; ++i) sum += line[i] * line[i];
    const double root = std::sqrt(sum / static_cast<double>(l.length) + op.epsilon);
    for (i64 i = 0; i < l.length; ++i) line[i] /= root;
  }
  if (has(inputs, 1)) apply_broadcast(x, shape, inputs[1], [](double v, double s) { return v * s; });
  return {from_f64(inputs[0].type(), shape, x)};
}

std::vector<Fact> infer(const MVN&, std::span<const Fact> inputs) { return infer_with_axes(inputs); }

std::vector<Tensor> evaluate(const MVN& op, std::span<const Tensor> inputs) {
  const Shape& shape = inputs[0].shape();
  const NormalizedGroups groups(shape, distinct_axes(inputs[1], shape.size()));
  std::vector<double> x = to_f64(inputs[0]);
  if (x.empty()) return {inputs[0]};
  std::vector<double> mean(groups.count()), variance(groups.count());
  groups.walk([&](std::size_t i, std::size_t g) { mean[g] += x[i]; });
  for (double& m : mean) m /= groups.each();
  groups.walk([&](std::size_t i, std::size_t g) {
    x[i] -= mean[g];
    variance[g] += x[i] * x[i];
  });
  if (op.normalize_variance) {
    for (double& v : variance)
      v = op.eps_mode == EpsMode::inside_sqrt ? std::sqrt(v / groups.each() + op.eps) : std::sqrt(v / groups.each()) + op.eps;
    groups.walk([&](std::size_t i, std::size_t g) { x[i] /= variance[g]; });
  }
  return {from_f64(inputs[0].type(), shape, x)};
}

std::vector<Fact> infer(const NormalizeL2&, std::span<const Fact> inputs) { return infer_with_axes(inputs); }

std::vector<Tensor> evaluate(const NormalizeL2& op, std::span<const Tensor> inputs) {
  const Shape& shape = inputs[0].shape();
  const NormalizedGroups groups(shape, distinct_axes(inputs[1], shape.size()));
  std::vector<double> x = to_f64(inputs[0]);
  if (x.empty()) return {inputs[0]};
  std::vector<double> sums(groups.count());
  groups.walk([&](std::size_t i, std::size_t g) { sums[g] += x[i] * x[i]; });
  for (double& s : sums) s = std::sqrt(op.eps_mode == NormalizeL2Mode::add ? s + op.eps : std::max(s, op.eps));
  groups.walk([&](std::size_t i, std::size_t g) { x[i] /= sums[g]; });
  return {from_f64(inputs[0].type(), shape, x)};
}

std::vector<Fact> infer(const LpNormalization& op, std::span<const Fact> inputs) {
  check_arity(inputs, 1, 1);
  check_float(inputs);
  SACCADE_CHECK(op.p == 1 || op.p == 2, invalid_model, "p is {}; 1 and 2 are possible", op.p);
  if (inputs[0].type.shape.ranked()) normal_axis(op.axis, inputs[0].type.shape.rank());
  return {Fact(inputs[0].type)};
}

std::vector<Tensor> evaluate(const LpNormalization& op, std::span<const Tensor> inputs) {
  const Shape& shape = inputs[0].shape();
  const NormalizedGroups groups(shape, {normal_axis(op.axis, shape.size())});
  std::vector<double> x = to_f64(inputs[0]);
  if (x.empty()) return {inputs[0]};
  std::vector<double> norms(groups.count());
  groups.walk([&](std::size_t i, std::size_t g) { norms[g] += op.p == 1 ? std::abs(x[i]) : x[i] * x[i]; });
  if (op.p == 2)
    for (double& n : norms) n = std::sqrt(n);
  groups.walk([&](std::size_t i, std::size_t g) { x[i] = norms[g] == 0 ? 0 : x[i] / norms[g]; });
  return {from_f64(inputs[0].type(), shape, x)};
}

std::vector<Fact> infer(const LRN& op, std::span<const Fact> inputs) {
  SACCADE_CHECK(op.size >= 1, invalid_model, "size is {}", op.size);
  return infer_with_axes(inputs);
}

std::vector<Tensor> evaluate(const LRN& op, std::span<const Tensor> inputs) {
  const Shape& shape = inputs[0].shape();
  std::vector<double> x = to_f64(inputs[0]), sums = x;
  if (x.empty()) return {inputs[0]};
  for (double& s : sums) s *= s;
  double scale = op.alpha;
  for (std::size_t axis : distinct_axes(inputs[1], shape.size())) {
    scale /= static_cast<double>(op.size);
    const i64 before = (op.size - 1) / 2, after = op.size - 1 - before, count = shape[axis];
    i64 inner = 1;
    for (std::size_t d = axis + 1; d < shape.size(); ++d) inner *= shape[d];
    std::vector<double> line(static_cast<std::size_t>(count));
    for (i64 start = 0; start < static_cast<i64>(sums.size()); start += count * inner)
      for (i64 i = 0; i < inner; ++i) {
        double* first = sums.data() + start + i;
        for (i64 k = 0; k < count; ++k) line[static_cast<std::size_t>(k)] = first[k * inner];
        for (i64 k = 0; k < count; ++k) {
          double sum = 0;
          const i64 end = after >= count - k ? count - 1 : k + after;
          for (i64 j = std::max<i64>(0, before >= k ? 0 : k - before); j <= end; ++j) sum += line[static_cast<std::size_t>(j)];
          first[k * inner] = sum;
        }
      }
  }
  for (std::size_t i = 0; i < x.size(); ++i) x[i] /= std::pow(op.bias + scale * sums[i], op.beta);
  return {from_f64(inputs[0].type(), shape, x)};
}

}  // namespace saccade::ops
