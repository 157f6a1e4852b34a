// SPDX-License-Identifier: Apache-2.0
// Convolution and MatMul of quantised integers with exact 32-bit sums.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"
#include "ops/inference.h"

namespace saccade::ops {

using graph::Cost;
using graph::Fact;
using graph::FieldVisitor;

/// (x u8|i8 [n,c,s…], weights u8|i8 [o,c/group,k…], x_zero_point?, weights_zero_point? scalar or [o]) → i32 [n,o,y…]: the convolution of
/// x − x_zero_point and weights − weights_zero_point, wrapping. Padding counts as x_zero_point. Ours; IR: Convert, Subtract,
/// (Group)Convolution in f64.
struct ConvolutionInteger {
  Window window;
  std::int64_t group = 1;

  static constexpr std::string_view kName = "ConvolutionInteger";
  void fields(FieldVisitor& v) {
    window.fields(v);
    v("group", group);
  }
};

/// (a u8|i8 […,m,k], b u8|i8 […,k,n], a_zero_point?, b_zero_point?) → i32 […,m,n], wrapping. Zero points: a scalar or one element; a's also
/// [m] or […,m,1], b's also [n] or […,1,n]. Shapes as MatMul. Ours; IR: Convert, Subtract, MatMul in f64.
struct MatMulInteger {
  static constexpr std::string_view kName = "MatMulInteger";
  void fields(FieldVisitor&) {}
};

std::vector<Fact> infer(const ConvolutionInteger& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const ConvolutionInteger& op, std::span<const Tensor> inputs);
Cost cost(const ConvolutionInteger& op, std::span<const Fact> inputs, std::span<const Fact> outputs);

std::vector<Fact> infer(const MatMulInteger& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const MatMulInteger& op, std::span<const Tensor> inputs);
Cost cost(const MatMulInteger& op, std::span<const Fact> inputs, std::span<const Fact> outputs);

}  // namespace saccade::ops
