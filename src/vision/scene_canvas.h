// SPDX-License-Identifier: Apache-2.0
// Drawing for the objects of rendered scenes: filled shapes with coverage, in the object's own coordinates.
#pragma once

#include <opencv2/core.hpp>
#include <vector>

#include "vision/scene_random.h"

namespace saccade::vision::canvas {

using Point = cv::Point2f;
using Points = std::vector<Point>;

inline constexpr float kPi = 3.14159265f;

/// A BGR color under a light: 0 black, 1 as it is.
cv::Scalar lit(const cv::Scalar& color, float light);
cv::Scalar mixed(const cv::Scalar& a, const cv::Scalar& b, double share_of_b);

/// Color and coverage under one transform. Drawing coordinates: the object's centre is (0, 0), its
/// height is 1, y points down. Color is drawn over black, so it comes out multiplied by coverage.
class Canvas {
 public:
  /// A square of `side` pixels; `centre` and `scale` in pixels, `rotation` in radians, clockwise.
  Canvas(int side, Point centre, float scale, float rotation, bool mirrored);

  Point to_pixels(Point p) const { return centre_ + axis_x_ * p.x + axis_y_ * p.y; }
  float scale() const { return scale_; }
  Point centre() const { return centre_; }
  cv::Mat& color() { return color_; }
  cv::Mat& coverage() { return coverage_; }

  void polygon(const Points& points, const cv::Scalar& color);
  void ellipse(Point centre, float radius_x, float radius_y, const cv::Scalar& color);
  /// A line with round ends.
  void stroke(Point from, Point to, float thickness, const cv::Scalar& color);
  /// Lights the upper left and darkens the lower right, and grains the surface a little.
  void shade(float strength, float grain, SceneRandom& random);

 private:
  cv::Mat color_, coverage_;
  Point centre_, axis_x_, axis_y_;
  float scale_;
};

/// Points of an ellipse turned by `turn`, from one angle to another, in radians.
Points arc(Point centre, float radius_x, float radius_y, float turn, float from, float to);
/// The outline of a polygon whose corners are rounded with a radius.
Points rounded(const Points& corners, float radius);
Points rectangle(float left, float top, float right, float bottom);
Points scaled(Points points, float factor, Point about = {});

}  // namespace saccade::vision::canvas
