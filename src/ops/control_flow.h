// SPDX-License-Identifier: Apache-2.0
// If, Loop and Scan. Bodies are closed graphs: what they capture comes in as explicit inputs.
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

/// (condition boolean scalar, inputs of then_body…, inputs of else_body…) → the outputs of the chosen body.
struct If {
  graph::GraphPtr then_body, else_body;

  static constexpr std::string_view kName = "If";
  void fields(FieldVisitor& v) {
    v("then_body", then_body);
    v("else_body", else_body);
  }
};

/// (trip_count? i64 scalar, condition? boolean scalar, num_carried values…, captures…) → carried values, then scan outputs.
/// The body takes (iteration i64 scalar, condition boolean scalar, carried…, captures…) and gives (condition, carried…, scan slices…);
/// slices are stacked along a new first axis. It runs while fewer than trip_count iterations are done and the condition holds.
struct Loop {
  graph::GraphPtr body;
  std::int64_t num_carried = 0;

  static constexpr std::string_view kName = "Loop";
  void fields(FieldVisitor& v) {
    v("body", body);
    v("num_carried", num_carried);
  }
};

/// (num_states initial states…, num_scan_inputs tensors…, captures…) → final states, then scan outputs. The body takes (states…,
/// slices…, captures…) and gives (states…, scan slices…), once for every index of the scan inputs' axes. Axes default to 0,
/// directions to 0 (forward; 1 is backward).
struct Scan {
  graph::GraphPtr body;
  std::int64_t num_states = 0, num_scan_inputs = 0;
  std::vector<std::int64_t> input_axes, input_directions, output_axes, output_directions;

  static constexpr std::string_view kName = "Scan";
  void fields(FieldVisitor& v) {
    v("body", body);
    v("num_states", num_states);
    v("num_scan_inputs", num_scan_inputs);
    v("input_axes", input_axes);
    v("input_directions", input_directions);
    v("output_axes", output_axes);
    v("output_directions", output_directions);
  }
};

std::vector<Fact> infer(const If& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const If& op, std::span<const Tensor> inputs);
Cost cost(const If& op, std::span<const Fact> inputs, std::span<const Fact> outputs);

std::vector<Fact> infer(const Loop& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Loop& op, std::span<const Tensor> inputs);
Cost cost(const Loop& op, std::span<const Fact> inputs, std::span<const Fact> outputs);

std::vector<Fact> infer(const Scan& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Scan& op, std::span<const Tensor> inputs);
Cost cost(const Scan& op, std::span<const Fact> inputs, std::span<const Fact> outputs);

/// Throws Error(invalid_model) if a loop that has begun, of at most that many trips, can be seen to go on for ever.
void check_ends(const Loop& op, std::int64_t trips);

/// The facts of a body's outputs if its inputs were these: a copy is inferred again.
std::vector<Fact> body_facts(const graph::Graph& body, std::span<const Fact> inputs);

}  // namespace saccade::ops
