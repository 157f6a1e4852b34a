// SPDX-License-Identifier: Apache-2.0
// Convert and its kin: from one element type to another.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Fact;
using graph::FieldVisitor;

/// (data) → data in another element type. Floats to integers: truncated towards zero; what does not fit wraps as on x86 (a value
/// beyond i32, or i64 for u32 and the 64-bit types, becomes the smallest integer, whose low bits remain). Integers wrap. To boolean: x != 0. To floats:
/// rounded to nearest even; 8- and 4-bit floats saturate (Convert-1).
struct Convert {
  ElementType destination_type = ElementType::f32;

  static constexpr std::string_view kName = "Convert";
  void fields(FieldVisitor& v) { v("destination_type", destination_type); }
};

/// (data, like) → data in the element type of `like` (ConvertLike-1).
struct ConvertLike {
  static constexpr std::string_view kName = "ConvertLike";
  void fields(FieldVisitor&) {}
};

enum class Float8Rounding { nearest, up, down };

/// (data) → data in an 8-bit float type with ONNX's choices: saturate, or infinity and NaN beyond the range; rounding is for f8e8m0 only.
struct ConvertFloat8 {
  ElementType destination_type = ElementType::f8e4m3fn;
  bool saturate = true;
  Float8Rounding rounding = Float8Rounding::up;

  static constexpr std::string_view kName = "ConvertFloat8";
  void fields(FieldVisitor& v) {
    v("destination_type", destination_type);
    v("saturate", saturate);
    v("rounding", rounding, {"nearest", "up", "down"});
  }
};

/// (data) → the same bits read as another element type of equal size.
struct BitCast {
  ElementType destination_type = ElementType::f32;

  static constexpr std::string_view kName = "BitCast";
  void fields(FieldVisitor& v) { v("destination_type", destination_type); }
};

std::vector<Fact> infer(const Convert& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Convert& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const ConvertLike& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const ConvertLike& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const ConvertFloat8& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const ConvertFloat8& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const BitCast& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const BitCast& op, std::span<const Tensor> inputs);

/// The conversion that Convert specifies.
Tensor convert(const Tensor& tensor, ElementType type);

}  // namespace saccade::ops
