// SPDX-License-Identifier: Apache-2.0
// The objects of rendered scenes: each class is a small drawing with variants, colors, shading and
// animation of its own.
#pragma once

#include <cstdint>
#include <opencv2/core.hpp>
#include <span>
#include <string_view>

namespace saccade::vision {

/// The classes, in the order of their ids in truth boxes and in the bundled detector's outputs.
enum class SceneClass { ball, box, sign, star, car, person };
inline constexpr int kSceneClassCount = 6;

/// The names of the classes, indexed by SceneClass.
std::span<const std::string_view> scene_class_names();

/// How one object looks at one moment. Lengths in pixels, angles in radians.
struct SpritePose {
  SceneClass kind = SceneClass::ball;
  uint64_t looks = 0;     ///< seed of variant, colors and texture: the object's identity
  cv::Point2f centre;     ///< in the frame, may lie outside it
  float height = 100.0f;  ///< of the upright object
  float rotation = 0.0f;  ///< in the image plane, clockwise
  float phase = 0.0f;     ///< of walking, rolling or tumbling: one cycle per 2 pi
  bool mirrored = false;
  float blur = 0.0f;  ///< Gaussian sigma
};

/// A drawn object, aligned to the frame's pixel grid.
struct Sprite {
  cv::Mat color;     ///< 8UC3 BGR, multiplied by coverage
  cv::Mat coverage;  ///< 8UC1, 255 = opaque
  cv::Point origin;  ///< frame position of the top left pixel
  cv::Rect2f box;    ///< of all drawn parts, in the frame, to half a pixel; not clipped
};

/// Draws one object. Pure: the same pose gives the same pixels. Thread safe.
Sprite draw_sprite(const SpritePose& pose);

}  // namespace saccade::vision
