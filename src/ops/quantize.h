// SPDX-License-Identifier: Apache-2.0
// Quantize and Dequantize, with ONNX semantics.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Cost;
using graph::Fact;
using graph::FieldVisitor;

/// (x, scale, zero_point?) → saturate(round(x / scale) + zero_point), ties to even, in destination_type. scale and zero_point: scalars,
/// one value per index of the axis, or, with block_size > 0, one per block of that many elements along the axis. Destinations: u8 i8
/// u16 i16 u4 i4 u2 i2 and the 8- and 4-bit floats, which take no zero point but 0 and saturate unless told otherwise.
struct Quantize {
  std::int64_t axis = 1;
  std::int64_t block_size = 0;
  ElementType destination_type = ElementType::u8;
  bool saturate = true;
  /// The type in which x / scale is computed and rounded once; f32 unless the model asks otherwise.
  ElementType precision = ElementType::f32;

  static constexpr std::string_view kName = "Quantize";
  void fields(FieldVisitor& v) {
    v("axis", axis);
    v("block_size", block_size);
    v("destination_type", destination_type);
    v("saturate", saturate);
    v("precision", precision);
  }
};

/// (x, scale, zero_point?) → (x - zero_point) · scale in destination_type; scale and zero_point as for Quantize. x may also be i32.
struct Dequantize {
  std::int64_t axis = 1;
  std::int64_t block_size = 0;
  ElementType destination_type = ElementType::f32;

  static constexpr std::string_view kName = "Dequantize";
  void fields(FieldVisitor& v) {
    v("axis", axis);
    v("block_size", block_size);
    v("destination_type", destination_type);
  }
};

std::vector<Fact> infer(const Quantize& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Quantize& op, std::span<const Tensor> inputs);
Cost cost(const Quantize& op, std::span<const Fact> inputs, std::span<const Fact> outputs);

std::vector<Fact> infer(const Dequantize& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Dequantize& op, std::span<const Tensor> inputs);
Cost cost(const Dequantize& op, std::span<const Fact> inputs, std::span<const Fact> outputs);

}  // namespace saccade::ops
