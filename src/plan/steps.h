// SPDX-License-Identifier: Apache-2.0
// Steps that every family of operators uses: the strided copy and the fall back on `evaluate`.
#pragma once

#include <vector>

#include "graph/op.h"
#include "plan/plan.h"

namespace saccade::plan {

/// to[i] = from[i] for every index of their common dims. A step on its own, or a part of others.
class CopyStep final : public Step {
 public:
  CopyStep(Place from, Place to);
  void run(const Run& run) const override;

 private:
  enum class How { rows, transpose, strided };
  Place from_, to_;
  LoopNest nest_;  // destination, source
  LoopNest outer_; // without the two innermost loops, which are the kernel's
  std::size_t row_ = 0;  // the loop of the kernel's rows; one past the last where there is none
  How how_ = How::strided;
  std::size_t inner_ = 0, contiguous_ = 0;  // nest dimensions: the destination's and the source's contiguous ones
  std::size_t element_bytes_;
};

/// Runs an operator's `evaluate` on dense inputs. May throw and allocates.
class EvaluateStep final : public Step {
 public:
  EvaluateStep(graph::Op op, std::vector<Place> inputs, std::vector<Place> outputs);
  void run(const Run& run) const override;

 private:
  graph::Op op_;
  std::vector<Place> inputs_, outputs_;
};

/// Stores a tensor into a place of the same shape.
void store(const Run& run, const Tensor& tensor, const Place& to);

}  // namespace saccade::plan
