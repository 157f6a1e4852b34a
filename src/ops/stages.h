// SPDX-License-Identifier: Apache-2.0
// Softmax in the narrow float types, where ONNX defines it by a function body whose every stage yields the element type.
// Models in these types are checked against that to less than their precision, so the oracle rounds where the body does.
#pragma once

#include <cstddef>

#include "tensor/half.h"

namespace saccade::ops {

/// Rounds f16 and bf16 stages; leaves those of wider types alone.
class Stages {
 public:
  explicit Stages(ElementType type);
  double operator()(double x) const;
  /// Sums are made in bf16 term by term, in f16 widely.
  bool rounds_partial_sums() const { return type_ == ElementType::bf16; }

 private:
  ElementType type_;
};

/// Softmax of count elements, step apart, in place; the quotients are not rounded yet.
void softmax_line(double* line, std::size_t step, std::size_t count, const Stages& stages);

}  // namespace saccade::ops
