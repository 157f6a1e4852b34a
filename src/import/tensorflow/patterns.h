// SPDX-License-Identifier: Apache-2.0
// Patterns: what many nodes of a network mean together, recognised by structure and replaced by one node with a `custom`
// builder before the graph is built. Calls have been inlined and control flow has one form by then.
#pragma once

#include <span>
#include <string_view>

#include "import/tensorflow/network.h"

namespace saccade::tensorflow {

/// Changes the network where it matches and returns the number of replacements. What a pattern does not know it leaves as it is.
struct Pattern {
  std::string_view name;
  int (*apply)(Network&);
};

// The patterns, one in each pattern_<what>.cpp.
int fuse_multiclass_nms(Network& network);

/// In the order in which they are applied.
std::span<const Pattern> all_patterns();

/// Applies them to the network and then to the bodies that are left.
void apply_patterns(Network& network);

}  // namespace saccade::tensorflow
