// SPDX-License-Identifier: Apache-2.0
// Pass: a value that says what it looks for and what it puts there. The driver (passes/driver.h) does the rest.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/edit.h"
#include "passes/pattern.h"

namespace saccade::passes {

using graph::Edit;

/// What a rule makes of a match: a value that takes the root's place, a reason not to, or nothing.
struct Outcome {
  ValueId value;
  std::string reason;

  Outcome() = default;
  Outcome(ValueId v) : value(v) {}
};

/// The pattern fits, but the rewrite would not be right or useful; `--explain` shows the reason.
inline Outcome no(std::string reason) {
  Outcome out;
  out.reason = std::move(reason);
  return out;
}
/// The pattern fits, but there is nothing to say.
inline Outcome pass_over() { return {}; }

struct Rule {
  Pattern root;
  /// May add nodes before it decides; what is not used is removed.
  std::function<Outcome(const Match& match, Edit& edit)> build;
};

/// What a whole-graph pass is given besides the graph.
class PassContext {
 public:
  virtual ~PassContext() = default;
  /// Asks for one more rewrite, which the log gets as `what`; false once the driver has been told to stop.
  virtual bool rewrite(const std::string& what) = 0;
  virtual void refuse(const Node& node, const std::string& reason) = 0;
};

struct Pass {
  std::string_view name;
  std::vector<Rule> rules;                             // either these …
  std::function<void(Graph&, PassContext&)> whole;     // … or this
};

}  // namespace saccade::passes
