// SPDX-License-Identifier: Apache-2.0
// Products of matrices: MatMul and Einsum.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Cost;
using graph::Fact;
using graph::FieldVisitor;

/// (a […,m,k], b […,k,n]) → […,m,n], leading dimensions broadcast. An operand of rank 1 is a row (a) or a column (b) that the result does
/// not keep. The transposes swap the last two dimensions of operands of rank 2 or more (MatMul-1).
struct MatMul {
  bool transpose_a = false, transpose_b = false;

  static constexpr std::string_view kName = "MatMul";
  void fields(FieldVisitor& v) {
    v("transpose_a", transpose_a);
    v("transpose_b", transpose_b);
  }
};

/// (operands…) → their product summed as the equation says: letters, "...", repeated letters for diagonals, and the implicit form without
/// "->" (Einsum-7).
struct Einsum {
  std::string equation;

  static constexpr std::string_view kName = "Einsum";
  void fields(FieldVisitor& v) { v("equation", equation); }
};

std::vector<Fact> infer(const MatMul& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const MatMul& op, std::span<const Tensor> inputs);
Cost cost(const MatMul& op, std::span<const Fact> inputs, std::span<const Fact> outputs);

std::vector<Fact> infer(const Einsum& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Einsum& op, std::span<const Tensor> inputs);
Cost cost(const Einsum& op, std::span<const Fact> inputs, std::span<const Fact> outputs);

}  // namespace saccade::ops
