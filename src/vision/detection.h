// SPDX-License-Identifier: Apache-2.0
// What a detector finds.
#pragma once

#include <array>
#include <vector>

namespace saccade::vision {

/// One object: a box between two corners (pixels of the network's input or of the picture, as said where it is used),
/// the class as the network numbers it, and a score between 0 and 1.
struct Detection {
  float x1 = 0, y1 = 0, x2 = 0, y2 = 0;
  float score = 0;
  int class_id = 0;
  std::vector<std::array<float, 2>> points;  ///< landmarks x, y, where the network has any

  float width() const { return x2 - x1; }
  float height() const { return y2 - y1; }
};
using Detections = std::vector<Detection>;

}  // namespace saccade::vision
