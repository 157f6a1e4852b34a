// SPDX-License-Identifier: Apache-2.0
// Where a part of a network can go two ways that give the same answer, a rule of thumb says which is faster, and a measurement may know better.
#pragma once

#include <map>
#include <string>

namespace saccade::plan {

/// What was decided about a part of a plan.
struct Choice {
  std::string key;   ///< the question, for all parts of the same sizes: "winograd 64>64 56x56"
  std::string node;  ///< the first node of the part
  bool taken = false;
  bool close = false;    ///< the rule is not sure: worth a measurement
  bool measured = false; ///< decided by one
  std::string why;       ///< of the rule
};

/// Measured answers, by key.
using Answers = std::map<std::string, bool>;

}  // namespace saccade::plan
