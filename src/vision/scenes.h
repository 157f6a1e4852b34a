// SPDX-License-Identifier: Apache-2.0
// Rendered scenes: objects of six classes moving over procedural backgrounds, with the exact truth
// about where each of them is. The bundled detector is trained on them and the demo shows them.
#pragma once

#include <cstdint>
#include <opencv2/core.hpp>
#include <vector>

#include "vision/scene_sprites.h"

namespace saccade::vision {

struct SceneOptions {
  int width = 960;    ///< pixels, at least 64
  int height = 540;   ///< pixels, at least 64; all lengths in the scene scale with it
  uint64_t seed = 1;  ///< decides everything else
  int objects = 0;    ///< how many; 0 lets the seed choose 1 to 8
};

/// One object in one frame.
struct SceneBox {
  SceneClass kind = SceneClass::ball;
  int object = 0;        ///< the same through all frames of a scene
  cv::Rect2f box;        ///< pixels; the whole object, also what others hide, clipped to the frame
  float visible = 1.0f;  ///< share of its pixels inside the frame and not covered by others
};

struct SceneFrame {
  cv::Mat image;                 ///< 8UC3 BGR
  std::vector<SceneBox> truth;   ///< objects of which at least `kSceneVisibleShare` can be seen
  std::vector<SceneBox> hidden;  ///< the others of which anything can be seen
};

/// Objects less visible than this are not part of the truth.
inline constexpr float kSceneVisibleShare = 0.4f;

/// One shot: a background, some objects with their paths, a camera with its noise. Immutable, so
/// frames may be rendered in any order and from several threads.
class Scene {
 public:
  /// Throws saccade::Error (invalid argument) if the frame is smaller than 64 x 64.
  explicit Scene(const SceneOptions& options);

  /// The frame at a time in seconds. Pure: the same time gives the same pixels.
  SceneFrame render(double seconds) const;

 private:
  struct Actor {
    SceneClass kind = SceneClass::ball;
    uint64_t looks = 0;
    cv::Point2f home, swing;  // in frame heights: the middle of the path and its reach
    cv::Point2f pace, start;  // radians per second and at time 0, along x and y
    float speed = 0;          // frame heights per second, of those that cross the frame
    float lane = 0;           // start of the crossing
    float height = 0.2f;      // frame heights
    float breathing = 0;      // how much the size changes
    float rotation = 0, spin = 0;
    float tempo = 1, phase = 0;
    float blur = 0;
    bool mirrored = false;
  };

  Actor cast(uint64_t seed) const;
  SpritePose pose(const Actor& actor, double seconds) const;

  SceneOptions options_;
  std::vector<Actor> actors_;  // back to front
  cv::Mat background_, vignette_, grain_;
  cv::Point2f pan_, pan_pace_;
  float gain_ = 1, contrast_ = 1, blur_ = 0, shadow_ = 0;
  cv::Scalar tint_;
};

}  // namespace saccade::vision
