// SPDX-License-Identifier: Apache-2.0
// The optimising pipeline: what an imported graph goes through before it is planned. Meaning is kept, up to the rounding of
// constants, which are computed in f64 and rounded once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace saccade::passes {

struct PipelineOptions {
  /// Only these passes, if any are named.
  std::vector<std::string> only;
  /// Passes left out, besides those of SACCADE_SKIP_PASS.
  std::vector<std::string> skip;
  /// At most so many rewrites; negative: all, or what SACCADE_STOP_AFTER says.
  std::int64_t stop_after = -1;
  /// Verify the graph after every pass that changed it.
  bool verify = false;
};

/// What passes did and why they did not.
struct PassLog {
  struct Entry {
    std::string pass, node, text;
    bool done = false;  // else refused, and `text` is the reason
  };
  struct Time {
    std::string_view pass;
    double ms = 0;
    std::int64_t rewrites = 0;
  };
  std::vector<Entry> entries;
  std::vector<Time> times;  // one a pass, in the order of the pipeline
};

/// Runs the pipeline until it finds nothing more to do, bodies of If, Loop and Scan first. Throws Error(invalid_argument) for a
/// name that is no pass, Error(invalid_model) where the graph turns out to contradict itself.
void optimise(graph::Graph& graph, const PipelineOptions& options = {}, PassLog* log = nullptr);

/// The names of all passes, in order.
std::vector<std::string_view> pass_names();

/// A table of what was done and what was not, for people.
std::string to_string(const PassLog& log);

}  // namespace saccade::passes
