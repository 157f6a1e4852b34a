// SPDX-License-Identifier: Apache-2.0
// The one comparison of results: tensors by output and group of channels, integers, detections as sets; and of two models value by value.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "saccade/tensor.h"

namespace saccade::eval {

/// How one tensor differs from its reference.
struct Difference {
  std::string name;
  std::string operation;  // of the node that gives it; empty for outputs
  std::string mismatch;   // why they cannot be compared: shapes; empty: they can
  bool integer = false;
  double max_abs = 0;       // largest |a − b|
  double max_relative = 0;  // largest |a − b| / |b|, over the elements of at least a thousandth of the largest
  double cosine = 1;
  /// Floats: the largest of max|a − b| / max(std, max|b| / 1000) over the groups of channels. Integers: the share of unequal elements.
  double deviation = 0;
  std::int64_t elements = 0, not_finite = 0;  // elements that are a number in one of them only

  bool within(double tolerance) const { return mismatch.empty() && not_finite == 0 && deviation <= tolerance; }
};

/// `b` is the reference. Groups: the second dimension of tensors of rank 4 or more, the last of rank 3 (up to 256), else all.
/// Integers and booleans of one kind are compared exactly; of different element types, as numbers.
Difference compare(const std::string& name, const Tensor& a, const Tensor& b);

/// Detections of one model, as sets; found by names (detection_boxes …) or the shape [1,1,n,7].
struct Matching {
  std::int64_t expected = 0, found = 0, matched = 0;  // matched: one to one, class equal, IoU ≥ .99, score within the tolerance
  double share() const { return std::max(expected, found) == 0 ? 1 : static_cast<double>(matched) / static_cast<double>(std::max(expected, found)); }
};

/// Rows [1,1,n,7] of image, class, score, box; a row of image −1 ends them.
Matching match_rows(const Tensor& a, const Tensor& b, double score_tolerance);
/// Boxes [n,m,4], classes and scores [n,m], counts [n], as the TensorFlow Object Detection API gives them.
struct DetectionTensors {
  Tensor boxes, classes, scores, count;
};
Matching match_detections(const DetectionTensors& a, const DetectionTensors& b, double score_tolerance);

/// What a model is run on: tensors by the names of its inputs.
using NamedTensors = std::map<std::string, Tensor>;

struct ModelDifference {
  std::vector<Difference> outputs;
  std::vector<Difference> values;  // of both models, in the order of `a`; empty unless asked for
  std::ptrdiff_t first = -1;       // of `values`: the first beyond the tolerance from which none within it is computed, or -1
  bool has_detections = false;
  Matching detections;
  bool within = true;  // all outputs, or the detections where there are any
};

struct DiffOptions {
  double tolerance = 1e-4;
  double score_tolerance = 1e-3;
  std::string device = "CPU";
  bool layers = true;  // also values inside, matched by name
};

/// Runs both on the same inputs (by name, else by position; one that the second lacks the channels' place of, [1,h,w,c] for [1,c,h,w], is
/// transposed). Outputs are matched by name, else by position. Throws Error(invalid_argument) where an input is missing or does not fit.
ModelDifference diff(const std::shared_ptr<const graph::Graph>& a, const std::shared_ptr<const graph::Graph>& b, const NamedTensors& inputs, const DiffOptions& options = {});

/// Runs a model on inputs and compares with expected outputs, both taken from `reference` by name.
ModelDifference verify(const std::shared_ptr<const graph::Graph>& model, const NamedTensors& reference, const DiffOptions& options = {});

/// Random inputs for a model, seeded: floats even between 0 and 1, bytes even, other integers 1; unknown sizes are 1.
NamedTensors random_inputs(const graph::Graph& graph, unsigned seed = 1);

}  // namespace saccade::eval
