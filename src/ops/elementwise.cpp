// SPDX-License-Identifier: Apache-2.0
// Elementwise operators: formulas from elementwise.def over f64 or i64, rounded once to the element type.
#include "ops/elementwise.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/contents.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;
using u64 = std::uint64_t;

i64 wrap_add(i64 x, i64 y) { return static_cast<i64>(static_cast<u64>(x) + static_cast<u64>(y)); }
i64 wrap_subtract(i64 x, i64 y) { return static_cast<i64>(static_cast<u64>(x) - static_cast<u64>(y)); }
i64 wrap_multiply(i64 x, i64 y) { return static_cast<i64>(static_cast<u64>(x) * static_cast<u64>(y)); }
i64 wrap_negate(i64 x) { return wrap_subtract(0, x); }
// Division by zero has no defined result in any dialect; zero keeps constant folding from trapping.
i64 divide_truncating(i64 x, i64 y) { return y == 0 ? 0 : y == -1 ? wrap_negate(x) : x / y; }
i64 modulo_truncating(i64 x, i64 y) { return y == 0 || y == -1 ? 0 : x % y; }
i64 divide_flooring(i64 x, i64 y) {
  const i64 q = divide_truncating(x, y);
  return y != 0 && modulo_truncating(x, y) != 0 && ((x < 0) != (y < 0)) ? q - 1 : q;
}
i64 modulo_flooring(i64 x, i64 y) {
  const i64 m = modulo_truncating(x, y);
  return m != 0 && ((m < 0) != (y < 0)) ? m + y : m;
}
double modulo_flooring(double x, double y) {
  const double m = std::fmod(x, y);
  if (m == 0) return std::copysign(0.0, y);
  return (m < 0) != (y < 0) ? m + y : m;
}
i64 power_integer(i64 x, i64 y) {
  if (y < 0) return x == 1 ? 1 : x == -1 ? (y % 2 ? -1 : 1) : 0;
  i64 result = 1;
  for (; y > 0; y >>= 1) {
    if (y & 1) result = wrap_multiply(result, x);
    x = wrap_multiply(x, x);
  }
  return result;
}
i64 shift_left(i64 x, i64 y) { return y < 0 || y > 63 ? 0 : static_cast<i64>(static_cast<u64>(x) << y); }
i64 shift_right(i64 x, i64 y) { return y < 0 || y > 63 ? (x < 0 ? -1 : 0) : x >> y; }
double minimum(double x, double y) { return std::isnan(x) || x < y ? x : y; }
double maximum(double x, double y) { return std::isnan(x) || x > y ? x : y; }
double clamp_real(double x, double low, double high) { return x < low ? low : x > high ? high : x; }
i64 clamp_integer(i64 x, double a, double b) {
  const auto bound = [](double v) {
    return v <= -0x1p63 ? std::numeric_limits<i64>::min() : v >= 0x1p63 ? std::numeric_limits<i64>::max() : static_cast<i64>(v);
  };
  const i64 low = bound(std::ceil(a)), high = bound(std::floor(b));
  return x < low ? low : x > high ? high : x;
}
double softplus(double x) { return x > 30 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }

enum class Result { same, boolean };

struct UnaryRow {
  std::string_view name, a, b;
  double default_a, default_b;
  double (*real)(double x, double a, double b);
  i64 (*integer)(i64 x, double a, double b);
  Result result;
};

struct BinaryRow {
  std::string_view name;
  double (*real)(double x, double y);
  i64 (*integer)(i64 x, i64 y);
  Result result;
};

#define SACCADE_VIA_FLOAT static_cast<i64>(f(static_cast<double>(x)))
// NOLINTBEGIN
template <int>
struct UnaryFormula;
#define SACCADE_UNARY(Name, A, DA, B, DB, REAL, INTEGER, RESULT)                                                   \
  template <>                                                                                                      \
  struct UnaryFormula<static_cast<int>(UnaryKind::Name)> {                                                         \
    static double real([[maybe_unused]] double x, [[maybe_unused]] double a, [[maybe_unused]] double b) {          \
      return static_cast<double>(REAL);                                                                            \
    }                                                                                                              \
    static i64 integer([[maybe_unused]] i64 x, [[maybe_unused]] double a, [[maybe_unused]] double b) {             \
      [[maybe_unused]] const auto f = [&](double v) { return real(v, a, b); };                                     \
      return static_cast<i64>(INTEGER);                                                                            \
    }                                                                                                              \
  };
#define SACCADE_BINARY(...)
#include "ops/elementwise.def"
#undef SACCADE_UNARY
#undef SACCADE_BINARY
#undef SACCADE_VIA_FLOAT

#define SACCADE_VIA_FLOAT static_cast<i64>(real(static_cast<double>(x), static_cast<double>(y)))
template <int>
struct BinaryFormula;
#define SACCADE_UNARY(...)
#define SACCADE_BINARY(Name, REAL, INTEGER, RESULT)                                                                            \
  template <>                                                                                                                  \
  struct BinaryFormula<static_cast<int>(BinaryKind::Name)> {                                                                   \
    static double real([[maybe_unused]] double x, [[maybe_unused]] double y) { return static_cast<double>(REAL); }             \
    static i64 integer([[maybe_unused]] i64 x, [[maybe_unused]] i64 y) { return static_cast<i64>(INTEGER); }                   \
  };
#include "ops/elementwise.def"
#undef SACCADE_UNARY
#undef SACCADE_BINARY
// NOLINTEND

constexpr UnaryRow kUnary[] = {
#define SACCADE_UNARY(Name, A, DA, B, DB, REAL, INTEGER, RESULT) \
  {#Name, A, B, DA, DB, UnaryFormula<static_cast<int>(UnaryKind::Name)>::real, UnaryFormula<static_cast<int>(UnaryKind::Name)>::integer, Result::RESULT},
#define SACCADE_BINARY(...)
#include "ops/elementwise.def"
#undef SACCADE_UNARY
#undef SACCADE_BINARY
};

constexpr BinaryRow kBinary[] = {
#define SACCADE_UNARY(...)
#define SACCADE_BINARY(Name, REAL, INTEGER, RESULT) \
  {#Name, BinaryFormula<static_cast<int>(BinaryKind::Name)>::real, BinaryFormula<static_cast<int>(BinaryKind::Name)>::integer, Result::RESULT},
#include "ops/elementwise.def"
#undef SACCADE_UNARY
#undef SACCADE_BINARY
};

const UnaryRow& row(const Unary& op) { return kUnary[static_cast<std::size_t>(op.kind)]; }
const BinaryRow& row(const Binary& op) { return kBinary[static_cast<std::size_t>(op.kind)]; }

ElementType result_type(Result result, ElementType input) { return result == Result::boolean ? ElementType::boolean : input; }

// u64 operands are ordered and divided as unsigned numbers; everything else is the same for both in two's complement.
bool unsigned_result(BinaryKind kind, u64 x, u64 y, i64& out) {
  switch (kind) {
    case BinaryKind::Divide:
    case BinaryKind::FloorDivide: out = static_cast<i64>(y ? x / y : 0); return true;
    case BinaryKind::Mod:
    case BinaryKind::FloorMod: out = static_cast<i64>(y ? x % y : 0); return true;
    case BinaryKind::Minimum: out = static_cast<i64>(std::min(x, y)); return true;
    case BinaryKind::Maximum: out = static_cast<i64>(std::max(x, y)); return true;
    case BinaryKind::Less: out = x < y; return true;
    case BinaryKind::LessEqual: out = x <= y; return true;
    case BinaryKind::Greater: out = x > y; return true;
    case BinaryKind::GreaterEqual: out = x >= y; return true;
    case BinaryKind::Power: {
      u64 result = 1;
      for (; y > 0; y >>= 1, x *= x)
        if (y & 1) result *= x;
      out = static_cast<i64>(result);
      return true;
    }
    case BinaryKind::BitwiseRightShift: out = static_cast<i64>(y > 63 ? 0 : x >> y); return true;
    default: return false;
  }
}

// Shape arithmetic on partly known contents, exact where both entries are known.
std::vector<Dimension> combine(const Binary& op, const std::vector<Dimension>& x, const std::vector<Dimension>& y) {
  const std::size_t n = std::max(x.size(), y.size());
  std::vector<Dimension> out;
  for (std::size_t i = 0; i < n; ++i) {
    const Dimension& a = x[x.size() == 1 ? 0 : i];
    const Dimension& b = y[y.size() == 1 ? 0 : i];
    if (a.is_static() && b.is_static())
      out.push_back(Dimension::fixed(row(op).integer(a.size(), b.size())));
    else if (op.kind == BinaryKind::Multiply && ((a.is_static() && a.size() == 1) || (b.is_static() && b.size() == 1)))
      out.push_back(a.is_static() ? b : a);
    else if ((op.kind == BinaryKind::Divide || op.kind == BinaryKind::FloorDivide) && b.is_static() && b.size() == 1)
      out.push_back(a);
    else if ((op.kind == BinaryKind::Add || op.kind == BinaryKind::Subtract) && b.is_static() && b.size() == 0)
      out.push_back(a);
    else
      out.push_back({-Dimension::kUnbounded, Dimension::kUnbounded, {}});
  }
  return out;
}

// A comparison of partly known contents that holds, or fails, whatever the unknown entries are; else undefined.
Tensor decided(BinaryKind kind, const std::vector<Dimension>& x, const std::vector<Dimension>& y, const Shape& shape) {
  std::vector<i64> out;
  for (std::size_t i = 0; i < std::max(x.size(), y.size()); ++i) {
    const Dimension &a = x[x.size() == 1 ? 0 : i], &b = y[y.size() == 1 ? 0 : i];
    const bool same = a.is_static() ? b.is_static() && a.size() == b.size() : !a.symbol.empty() && a.symbol == b.symbol;
    const bool below = a.max < b.min, above = a.min > b.max;
    if (!same && !below && !above) return {};
    switch (kind) {
      case BinaryKind::Equal: out.push_back(same); break;
      case BinaryKind::NotEqual: out.push_back(!same); break;
      case BinaryKind::Less: out.push_back(below); break;
      case BinaryKind::LessEqual: out.push_back(below || same); break;
      case BinaryKind::Greater: out.push_back(above); break;
      case BinaryKind::GreaterEqual: out.push_back(above || same); break;
      default: return {};
    }
  }
  return from_i64(ElementType::boolean, shape, out);
}

template <class T, class F>
void broadcast_apply(const Tensor& a, const Tensor& b, const std::vector<T>& x, const std::vector<T>& y, const Shape& shape, F&& f) {
  const std::size_t n = static_cast<std::size_t>(element_count(shape));
  if (a.shape() == b.shape()) {
    for (std::size_t i = 0; i < n; ++i) f(i, x[i], y[i]);
    return;
  }
  if (n == 0) return;
  const Strides sa = broadcast_strides(a.shape(), shape), sb = broadcast_strides(b.shape(), shape);
  IndexWalk walk(shape);
  std::size_t i = 0;
  do {
    f(i++, x[static_cast<std::size_t>(walk.offset(sa))], y[static_cast<std::size_t>(walk.offset(sb))]);
  } while (walk.next());
}

}  // namespace

Unary Unary::of(UnaryKind kind) {
  const UnaryRow& r = kUnary[static_cast<std::size_t>(kind)];
  return {kind, r.default_a, r.default_b};
}

std::string_view Unary::name() const { return row(*this).name; }
std::string_view Binary::name() const { return row(*this).name; }

void Unary::fields(FieldVisitor& v) {
  if (!row(*this).a.empty()) v(row(*this).a, a);
  if (!row(*this).b.empty()) v(row(*this).b, b);
}

double apply(const Unary& op, double x) { return row(op).real(x, op.a, op.b); }

std::vector<Fact> infer(const Unary& op, std::span<const Fact> inputs) {
  check_arity(inputs, 1, 1);
  return with_contents(op, inputs, {}, {Fact(result_type(row(op).result, inputs[0].type.element), inputs[0].type.shape)});
}

std::vector<Tensor> evaluate(const Unary& op, std::span<const Tensor> inputs) {
  const Tensor& in = inputs[0];
  const UnaryRow& r = row(op);
  const ElementType type = result_type(r.result, in.type());
  if (is_float(in.type())) {
    auto x = to_f64(in);
    for (auto& v : x) v = r.real(v, op.a, op.b);
    return {from_f64(type, in.shape(), x)};
  }
  auto x = to_i64(in);
  for (auto& v : x) v = r.integer(v, op.a, op.b);
  return {from_i64(type, in.shape(), x)};
}

Cost cost(const Unary&, std::span<const Fact>, std::span<const Fact> outputs) {
  Cost c;
  if (outputs[0].type.is_static()) c.ops = static_cast<double>(element_count(outputs[0].type.shape.shape()));
  return c;
}

std::vector<Fact> infer(const Binary& op, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 2);
  check_same_element(inputs, 0, 1);
  Fact out(result_type(row(op).result, inputs[0].type.element), broadcast(inputs[0].type.shape, inputs[1].type.shape));
  if (inputs[0].constant.defined() && inputs[1].constant.defined()) return with_contents(op, inputs, {}, {out});
  if (!is_integer(inputs[0].type.element) || !out.type.shape.is_static() || out.type.shape.rank() > 1) return {out};
  const auto x = known_dimensions(inputs, 0), y = known_dimensions(inputs, 1);
  if (!x || !y || x->empty() || y->empty() || std::max(x->size(), y->size()) > 64) return {out};
  if (row(op).result == Result::boolean) {
    out.constant = decided(op.kind, *x, *y, out.type.shape.shape());
    return {out};
  }
  Fact known = shape_fact(out.type.element, combine(op, *x, *y), out.type.shape.rank() == 0);
  out.constant = known.constant;
  out.contents = known.contents;
  return {out};
}

std::vector<Tensor> evaluate(const Binary& op, std::span<const Tensor> inputs) {
  const Tensor &a = inputs[0], &b = inputs[1];
  SACCADE_CHECK(a.type() == b.type(), invalid_model, "operands differ in element type: {} and {}", to_string(a.type()), to_string(b.type()));
  const BinaryRow& r = row(op);
  const Shape shape = broadcast_shapes(a.shape(), b.shape());
  const ElementType type = result_type(r.result, a.type());
  const std::size_t n = static_cast<std::size_t>(element_count(shape));
  if (is_float(a.type())) {
    std::vector<double> out(n);
    broadcast_apply(a, b, to_f64(a), to_f64(b), shape, [&](std::size_t i, double x, double y) { out[i] = r.real(x, y); });
    return {from_f64(type, shape, out)};
  }
  std::vector<i64> out(n);
  const bool is_unsigned = a.type() == ElementType::u64;
  broadcast_apply(a, b, to_i64(a), to_i64(b), shape, [&](std::size_t i, i64 x, i64 y) {
    if (!is_unsigned || !unsigned_result(op.kind, static_cast<u64>(x), static_cast<u64>(y), out[i])) out[i] = r.integer(x, y);
  });
  return {from_i64(type, shape, out)};
}

Cost cost(const Binary&, std::span<const Fact>, std::span<const Fact> outputs) {
  Cost c;
  if (outputs[0].type.is_static()) c.ops = static_cast<double>(element_count(outputs[0].type.shape.shape()));
  return c;
}

}  // namespace saccade::ops
