// SPDX-License-Identifier: Apache-2.0
// Procedural backgrounds of rendered scenes.
#pragma once

#include <cstdint>
#include <opencv2/core.hpp>

namespace saccade::vision {

/// Paints a background, 8UC3 BGR: sky and hills, a skyline, noise, stripes, tiles, planks or soft
/// lights, mostly with some clutter over it. Which, and how, comes from the seed alone. Thread safe.
cv::Mat paint_background(cv::Size size, uint64_t seed);

}  // namespace saccade::vision
