// SPDX-License-Identifier: Apache-2.0
// The list of patterns.
#include "import/tensorflow/patterns.h"

namespace saccade::tensorflow {

std::span<const Pattern> all_patterns() {
  static constexpr Pattern patterns[] = {
      {"fuse_multiclass_nms", fuse_multiclass_nms},
  };
  return patterns;
}

void apply_patterns(Network& network) {
  for (const Pattern& pattern : all_patterns()) pattern.apply(network);
  for (const int i : network.order())
    for (const NetworkPtr& body : network[i].bodies) apply_patterns(*body);
}

}  // namespace saccade::tensorflow
