// SPDX-License-Identifier: Apache-2.0
// The reductions, over f64 or i64.
#include "ops/reduce.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "ops/contents.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;
using u64 = std::uint64_t;

constexpr std::array<std::string_view, kReduceKinds> kNames = {"ReduceSum",    "ReduceMean",   "ReduceMax",       "ReduceMin",       "ReduceProd",       "ReduceL1",
                                                               "ReduceL2",     "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare", "ReduceLogicalAnd", "ReduceLogicalOr"};

bool logical(ReduceKind kind) { return kind == ReduceKind::LogicalAnd || kind == ReduceKind::LogicalOr; }

std::vector<char> reduced_dimensions(std::span<const i64> axes, std::size_t rank) {
  std::vector<char> reduced(rank, 0);
  for (auto d : normal_axes(axes, rank)) SACCADE_CHECK(!reduced[d]++, invalid_model, "axis {} appears twice", d);
  return reduced;
}

// Calls f(input position, output position) for all elements in order.
template <class F>
void walk(const Shape& shape, const Strides& to, F&& f) {
  if (shape.empty()) return f(std::size_t{0}, std::size_t{0});
  Shape outer(shape.begin(), shape.end() - 1);
  IndexWalk index(outer);
  std::size_t at = 0;
  do {
    i64 target = index.offset(to);
    for (i64 i = 0; i < shape.back(); ++i, target += to.back()) f(at++, static_cast<std::size_t>(target));
  } while (index.next());
}

// `to` maps input indices to outputs (stride 0 along reduced dimensions), n elements fall on each of `count` outputs.
std::vector<double> reduce_real(ReduceKind kind, const std::vector<double>& x, const Shape& shape, const Strides& to, std::size_t count, double n) {
  constexpr double inf = std::numeric_limits<double>::infinity();
  double first = 0;
  switch (kind) {
    case ReduceKind::Max: first = -inf; break;
    case ReduceKind::Min: first = inf; break;
    case ReduceKind::Prod:
    case ReduceKind::LogicalAnd: first = 1; break;
    default: break;
  }
  std::vector<double> out(count, first);
  std::vector<double> peak;
  if (kind == ReduceKind::LogSumExp) {
    peak.assign(count, -inf);
    if (!x.empty()) walk(shape, to, [&](std::size_t i, std::size_t o) { peak[o] = std::max(peak[o], x[i]); });
    for (auto& p : peak)
      if (!std::isfinite(p)) p = 0;
  }
  if (!x.empty()) switch (kind) {
      case ReduceKind::Sum:
      case ReduceKind::Mean:
      case ReduceKind::LogSum: walk(shape, to, [&](std::size_t i, std::size_t o) { out[o] += x[i]; }); break;
      case ReduceKind::Max: walk(shape, to, [&](std::size_t i, std::size_t o) { out[o] = std::isnan(x[i]) || x[i] > out[o] ? x[i] : out[o]; }); break;
      case ReduceKind::Min: walk(shape, to, [&](std::size_t i, std::size_t o) { out[o] = std::isnan(x[i]) || x[i] < out[o] ? x[i] : out[o]; }); break;
      case ReduceKind::Prod: walk(shape, to, [&](std::size_t i, std::size_t o) { out[o] *= x[i]; }); break;
      case ReduceKind::L1: walk(shape, to, [&](std::size_t i, std::size_t o) { out[o] += std::fabs(x[i]); }); break;
      case ReduceKind::L2:
      case ReduceKind::SumSquare: walk(shape, to, [&](std::size_t i, std::size_t o) { out[o] += x[i] * x[i]; }); break;
      case ReduceKind::LogSumExp: walk(shape, to, [&](std::size_t i, std::size_t o) { out[o] += std::exp(x[i] - peak[o]); }); break;
      case ReduceKind::LogicalAnd: walk(shape, to, [&](std::size_t i, std::size_t o) { out[o] = out[o] != 0 && x[i] != 0; }); break;
      case ReduceKind::LogicalOr: walk(shape, to, [&](std::size_t i, std::size_t o) { out[o] = out[o] != 0 || x[i] != 0; }); break;
    }
  for (std::size_t o = 0; o < count; ++o) {
    if (kind == ReduceKind::Mean) out[o] /= n;
    if (kind == ReduceKind::L2) out[o] = std::sqrt(out[o]);
    if (kind == ReduceKind::LogSum) out[o] = std::log(out[o]);
    if (kind == ReduceKind::LogSumExp) out[o] = std::log(out[o]) + peak[o];
  }
  return out;
}

// Whether the kind has a formula in integers; the others go through f64.
bool integral(ReduceKind kind) { return kind != ReduceKind::L2 && kind != ReduceKind::LogSum && kind != ReduceKind::LogSumExp; }

// The ends of the range of an integer type, as i64 bit patterns.
std::pair<i64, i64> range_of(ElementType type) {
  if (type == ElementType::boolean) return {0, 1};
  if (type == ElementType::u64) return {0, -1};
  if (type == ElementType::i64) return {std::numeric_limits<i64>::min(), std::numeric_limits<i64>::max()};
  const int bits = type == ElementType::u2 || type == ElementType::i2 ? 2 : type == ElementType::u4 || type == ElementType::i4 ? 4 : static_cast<int>(8 * size_in_bytes(type));
  if (is_signed(type)) return {-(i64{1} << (bits - 1)), (i64{1} << (bits - 1)) - 1};
  return {0, (i64{1} << bits) - 1};
}

std::vector<i64> reduce_integer(ReduceKind kind, ElementType type, const std::vector<i64>& x, const Shape& shape, const Strides& to, std::size_t count, i64 n) {
  const bool is_unsigned = type == ElementType::u64;
  const auto range = range_of(type);
  const i64 first = kind == ReduceKind::Max ? range.first : kind == ReduceKind::Min ? range.second : kind == ReduceKind::Prod || kind == ReduceKind::LogicalAnd ? 1 : 0;
  std::vector<i64> out(count, first);
  const auto less = [&](i64 a, i64 b) { return is_unsigned ? static_cast<u64>(a) < static_cast<u64>(b) : a < b; };
  const auto add = [](i64 a, i64 b) { return static_cast<i64>(static_cast<u64>(a) + static_cast<u64>(b)); };
  const auto multiply = [](i64 a, i64 b) { return static_cast<i64>(static_cast<u64>(a) * static_cast<u64>(b)); };
  if (!x.empty()) switch (kind) {
      case ReduceKind::Max: walk(shape, to, [&](std::size_t i, std::size_t o) { out[o] = less(out[o], x[i]) ? x[i] : out[o]; }); break;
      case ReduceKind::Min: walk(shape, to, [&](std::size_t i, std::size_t o) { out[o] = less(x[i], out[o]) ? x[i] : out[o]; }); break;
      case ReduceKind::Prod: walk(shape, to, [&](std::size_t i, std::size_t o) { out[o] = multiply(out[o], x[i]); }); break;
      case ReduceKind::L1: walk(shape, to, [&](std::size_t i, std::size_t o) { out[o] = add(out[o], x[i] < 0 && !is_unsigned ? multiply(x[i], -1) : x[i]); }); break;
      case ReduceKind::SumSquare: walk(shape, to, [&](std::size_t i, std::size_t o) { out[o] = add(out[o], multiply(x[i], x[i])); }); break;
      case ReduceKind::LogicalAnd: walk(shape, to, [&](std::size_t i, std::size_t o) { out[o] = out[o] != 0 && x[i] != 0; }); break;
      case ReduceKind::LogicalOr: walk(shape, to, [&](std::size_t i, std::size_t o) { out[o] = out[o] != 0 || x[i] != 0; }); break;
      default: walk(shape, to, [&](std::size_t i, std::size_t o) { out[o] = add(out[o], x[i]); });
    }
  if (kind == ReduceKind::Mean && n > 0)
    for (auto& o : out) o = is_unsigned ? static_cast<i64>(static_cast<u64>(o) / static_cast<u64>(n)) : o / n;
  return out;
}

}  // namespace

std::string_view Reduce::name() const { return kNames[static_cast<std::size_t>(kind)]; }

std::vector<Fact> infer(const Reduce& op, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 2);
  SACCADE_CHECK(!logical(op.kind) || inputs[0].type.element == ElementType::boolean, invalid_model, "{} of {}", op.name(), to_string(inputs[0].type.element));
  const PartialShape& in = inputs[0].type.shape;
  PartialShape shape;
  if (in.ranked()) {
    if (const auto axes = known_integers(inputs, 1)) {
      const auto reduced = reduced_dimensions(*axes, in.rank());
      std::vector<Dimension> dims;
      for (std::size_t d = 0; d < in.rank(); ++d) {
        if (!reduced[d])
          dims.push_back(in[d]);
        else if (op.keep_dims)
          dims.push_back(Dimension::fixed(1));
      }
      shape = PartialShape(std::move(dims));
    } else if (op.keep_dims) {
      shape = PartialShape::of_rank(in.rank());
    } else if (const auto length = known_length(inputs, 1); length && *length <= in.rank()) {
      shape = PartialShape::of_rank(in.rank() - *length);
    }
  }
  return with_contents(op, inputs, {}, {Fact(inputs[0].type.element, shape)});
}

std::vector<Tensor> evaluate(const Reduce& op, std::span<const Tensor> inputs) {
  const Tensor& data = inputs[0];
  const Shape& in = data.shape();
  const auto reduced = reduced_dimensions(to_i64(inputs[1]), in.size());
  Shape kept = in, shape;
  std::int64_t n = 1;
  for (std::size_t d = 0; d < in.size(); ++d) {
    if (reduced[d]) {
      kept[d] = 1;
      n *= in[d];
    }
    if (!reduced[d] || op.keep_dims) shape.push_back(kept[d]);
  }
  Strides to = dense_strides(kept);
  for (std::size_t d = 0; d < in.size(); ++d)
    if (reduced[d]) to[d] = 0;
  const auto count = static_cast<std::size_t>(element_count(kept));
  if (is_float(data.type())) return {from_f64(data.type(), shape, reduce_real(op.kind, to_f64(data), in, to, count, static_cast<double>(n)))};
  if (!integral(op.kind)) return {from_f64(data.type(), shape, reduce_real(op.kind, to_f64(data), in, to, count, static_cast<double>(n)))};
  return {from_i64(data.type(), shape, reduce_integer(op.kind, data.type(), to_i64(data), in, to, count, n))};
}

Cost cost(const Reduce&, std::span<const Fact> inputs, std::span<const Fact>) {
  Cost c;
  if (inputs[0].type.is_static()) c.ops = static_cast<double>(element_count(inputs[0].type.shape.shape()));
  return c;
}

}  // namespace saccade::ops
