// SPDX-License-Identifier: Apache-2.0
// Comparing operators through their attributes.
#include "graph/op.h"

#include "graph/text.h"

namespace saccade::graph {

bool Op::operator==(const Op& other) const {
  if (self_ == other.self_) return true;
  return name() == other.name() && attributes_text(*this) == attributes_text(other);
}

}  // namespace saccade::graph
