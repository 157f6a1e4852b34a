// SPDX-License-Identifier: Apache-2.0
// Normalisation by means and variances, stored or computed.
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

/// Where epsilon is added to a variance: under the root, or to the root.
enum class EpsMode { inside_sqrt, outside_sqrt };

/// (data [n,c,…], gamma [c], beta [c], mean [c], variance [c]) → gamma·(data − mean)/√(variance + epsilon) + beta (BatchNormInference-5).
struct BatchNormInference {
  double epsilon = 1e-5;

  static constexpr std::string_view kName = "BatchNormInference";
  void fields(FieldVisitor& v) { v("epsilon", epsilon); }
};

/// (x, scale?, bias?) → (x − mean)/√(variance + epsilon)·scale + bias, statistics over the dimensions from `axis` on; scale and bias
/// broadcast to x. With `statistics` also the mean and 1/√(variance + epsilon), in f32 unless x is f64, reduced dimensions kept as ones.
/// Ours; IR: MVN, Multiply, Add.
struct LayerNormalization {
  std::int64_t axis = -1;
  double epsilon = 1e-5;
  bool statistics = false;

  static constexpr std::string_view kName = "LayerNormalization";
  void fields(FieldVisitor& v) {
    v("axis", axis);
    v("epsilon", epsilon);
    v("statistics", statistics);
  }
};

/// (x, scale?) → x/√(mean(x²) + epsilon)·scale, the mean over the dimensions from `axis` on; scale broadcasts to x. Ours; IR: Power,
/// ReduceMean, Sqrt, Divide, Multiply.
struct RmsNormalization {
  std::int64_t axis = -1;
  double epsilon = 1e-5;

  static constexpr std::string_view kName = "RMSNormalization";
  void fields(FieldVisitor& v) {
    v("axis", axis);
    v("epsilon", epsilon);
  }
};

/// (data [n,c,…], scale [c], bias [c]) → each group of channels normalised by its mean and variance, times scale plus bias
/// (GroupNormalization-12).
struct GroupNormalization {
  std::int64_t num_groups = 1;
  double epsilon = 1e-5;

  static constexpr std::string_view kName = "GroupNormalization";
  void fields(FieldVisitor& v) {
    v("num_groups", num_groups);
    v("epsilon", epsilon);
  }
};

/// (data [n,c,…], scale [c], bias [c]) → each channel normalised by its mean and variance, times scale plus bias. Ours; IR:
/// GroupNormalization with as many groups as channels.
struct InstanceNormalization {
  double epsilon = 1e-5;

  static constexpr std::string_view kName = "InstanceNormalization";
  void fields(FieldVisitor& v) { v("epsilon", epsilon); }
};

/// (data, axes i32|i64) → data − mean over the axes, divided by the standard deviation if normalize_variance (MVN-6).
struct MVN {
  bool normalize_variance = true;
  double eps = 1e-9;
  EpsMode eps_mode = EpsMode::inside_sqrt;

  static constexpr std::string_view kName = "MVN";
  void fields(FieldVisitor& v) {
    v("normalize_variance", normalize_variance);
    v("eps", eps);
    v("eps_mode", eps_mode, {"inside_sqrt", "outside_sqrt"});
  }
};

enum class NormalizeL2Mode { add, max };

/// (data, axes i32|i64) → data/√(Σx² + eps) or data/√max(Σx², eps), sums over the axes; no axes: each element by itself (NormalizeL2-1).
struct NormalizeL2 {
  double eps = 1e-12;
  NormalizeL2Mode eps_mode = NormalizeL2Mode::add;

  static constexpr std::string_view kName = "NormalizeL2";
  void fields(FieldVisitor& v) {
    v("eps", eps);
    v("eps_mode", eps_mode, {"add", "max"});
  }
};

/// (data) → data divided by its L1 (p = 1) or L2 (p = 2) norm along an axis; zero where the norm is zero. Ours; IR: ReduceL1 or ReduceL2,
/// Select, Divide.
struct LpNormalization {
  std::int64_t axis = -1;
  std::int64_t p = 2;

  static constexpr std::string_view kName = "LpNormalization";
  void fields(FieldVisitor& v) {
    v("axis", axis);
    v("p", p);
  }
};

/// (data, axes i64) → data/(bias + alpha/size^axes · Σx²)^beta, the sum over a window of `size` around the element along each axis (LRN-1).
struct LRN {
  double alpha = 1e-4, beta = 0.75, bias = 1;
  std::int64_t size = 1;

  static constexpr std::string_view kName = "LRN";
  void fields(FieldVisitor& v) {
    v("alpha", alpha);
    v("beta", beta);
    v("bias", bias);
    v("size", size);
  }
};

std::vector<Fact> infer(const BatchNormInference& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const BatchNormInference& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const LayerNormalization& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const LayerNormalization& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const RmsNormalization& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const RmsNormalization& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const GroupNormalization& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const GroupNormalization& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const InstanceNormalization& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const InstanceNormalization& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const MVN& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const MVN& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const NormalizeL2& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const NormalizeL2& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const LpNormalization& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const LpNormalization& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const LRN& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const LRN& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
