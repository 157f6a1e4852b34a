// SPDX-License-Identifier: Apache-2.0
// The elementwise operators: Unary and Binary with a kind, rows of elementwise.def.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Cost;
using graph::Fact;
using graph::FieldVisitor;

enum class UnaryKind : std::uint8_t {
#define SACCADE_UNARY(Name, ...) Name,
#define SACCADE_BINARY(...)
#include "ops/elementwise.def"
#undef SACCADE_UNARY
#undef SACCADE_BINARY
};

enum class BinaryKind : std::uint8_t {
#define SACCADE_UNARY(...)
#define SACCADE_BINARY(Name, ...) Name,
#include "ops/elementwise.def"
#undef SACCADE_UNARY
#undef SACCADE_BINARY
};

inline constexpr int kUnaryKinds = 0
#define SACCADE_UNARY(...) +1
#define SACCADE_BINARY(...)
#include "ops/elementwise.def"
#undef SACCADE_UNARY
#undef SACCADE_BINARY
    ;
inline constexpr int kBinaryKinds = 0
#define SACCADE_UNARY(...)
#define SACCADE_BINARY(...) +1
#include "ops/elementwise.def"
#undef SACCADE_UNARY
#undef SACCADE_BINARY
    ;

/// y = f(x), elementwise. `a` and `b` are the kind's attributes; Unary::of fills in the defaults.
struct Unary {
  UnaryKind kind = UnaryKind::Relu;
  double a = 0, b = 0;

  /// With the kind's default attributes.
  static Unary of(UnaryKind kind);
  std::string_view name() const;
  void fields(FieldVisitor& v);
};

/// z = f(x, y), elementwise with NumPy broadcasting; both operands of one element type. Order and logic give boolean.
struct Binary {
  BinaryKind kind = BinaryKind::Add;

  std::string_view name() const;
  void fields(FieldVisitor&) {}
};

std::vector<Fact> infer(const Unary& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Unary& op, std::span<const Tensor> inputs);
Cost cost(const Unary& op, std::span<const Fact> inputs, std::span<const Fact> outputs);

std::vector<Fact> infer(const Binary& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Binary& op, std::span<const Tensor> inputs);
Cost cost(const Binary& op, std::span<const Fact> inputs, std::span<const Fact> outputs);

/// One value through a unary formula, as `evaluate` computes it.
double apply(const Unary& op, double x);

}  // namespace saccade::ops
