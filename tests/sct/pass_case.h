// SPDX-License-Identifier: Apache-2.0
// The cases of tests/passes/*.sct: a graph, and what passes must make of it. tests/README.md has the format.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/text.h"

namespace saccade::sct {

struct PassCase {
  std::string file, title;
  std::size_t line = 0;
  std::vector<std::string> passes;  // empty: the whole pipeline
  std::map<std::string, std::int64_t> sizes;  // of symbols, for the comparison of results
  std::string unchecked;                      // why results are not compared
  double tolerance = 1e-5;
  graph::Graph before, after;
  bool unchanged = false;
  struct Refusal {
    std::string pass, reason;
  };
  std::vector<Refusal> refusals;
};

std::vector<PassCase> read_pass_cases(const std::string& file);

/// What is wrong, or an empty text. The passes' result is compared with the expected graph, must not change when optimised again,
/// and must compute what the graph before computes, on random input.
std::string run(const PassCase& test);

/// A random tensor for a graph input: unknown dimensions take the size of their symbol, else 5, within their bounds.
Tensor random_input(const graph::TensorType& type, std::uint64_t seed, const std::map<std::string, std::int64_t>& sizes);

}  // namespace saccade::sct
