// SPDX-License-Identifier: Apache-2.0
// Rasterising with OpenCV's antialiased polygons in fixed-point coordinates.
#include "vision/scene_canvas.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/imgproc.hpp>

namespace saccade::vision::canvas {
namespace {

constexpr int kShift = 4;  // fractional bits of coordinates

}  // namespace

cv::Scalar lit(const cv::Scalar& color, float light) {
  auto channel = [&](int i) { return std::clamp(color[i] * double(light), 0.0, 255.0); };
  return {channel(0), channel(1), channel(2)};
}

cv::Scalar mixed(const cv::Scalar& a, const cv::Scalar& b, double share_of_b) { return a * (1 - share_of_b) + b * share_of_b; }

Canvas::Canvas(int side, Point centre, float scale, float rotation, bool mirrored)
    : color_(side, side, CV_8UC3, cv::Scalar::all(0)), coverage_(side, side, CV_8UC1, cv::Scalar::all(0)), centre_(centre), scale_(scale) {
  float c = std::cos(rotation) * scale, s = std::sin(rotation) * scale, m = mirrored ? -1.0f : 1.0f;
  axis_x_ = {m * c, m * s};
  axis_y_ = {-s, c};
}

void Canvas::polygon(const Points& points, const cv::Scalar& color) {
  std::vector<cv::Point> fixed;
  fixed.reserve(points.size());
  for (Point p : points) {
    Point q = to_pixels(p) * float(1 << kShift);
    fixed.emplace_back(cvRound(q.x), cvRound(q.y));
  }
  cv::fillPoly(color_, fixed, color, cv::LINE_AA, kShift);
  cv::fillPoly(coverage_, fixed, cv::Scalar::all(255), cv::LINE_AA, kShift);
}

void Canvas::ellipse(Point centre, float radius_x, float radius_y, const cv::Scalar& color) {
  polygon(arc(centre, radius_x, radius_y, 0, 0, 2 * kPi), color);
}

void Canvas::stroke(Point from, Point to, float thickness, const cv::Scalar& color) {
  Point along = to - from;
  float angle = std::atan2(along.y, along.x), radius = thickness / 2;
  Points outline = arc(to, radius, radius, angle, -kPi / 2, kPi / 2);
  Points back = arc(from, radius, radius, angle, kPi / 2, 3 * kPi / 2);
  outline.insert(outline.end(), back.begin(), back.end());
  polygon(outline, color);
}

void Canvas::shade(float strength, float grain, SceneRandom& random) {
  std::array<float, 1024> speckle;
  for (float& value : speckle) value = grain * (random.unit() - 0.5f);
  for (int y = 0; y < color_.rows; ++y) {
    auto* row = color_.ptr<cv::Vec3b>(y);
    const uint8_t* cover = coverage_.ptr<uint8_t>(y);
    for (int x = 0; x < color_.cols; ++x) {
      if (cover[x] == 0) continue;
      float slope = (float(x) - centre_.x) * 0.5f + (float(y) - centre_.y);
      float light = 1.0f - strength * slope / scale_ + speckle[size_t(((x / 2) * 37 + (y / 2) * 101 + (x / 2) * (y / 2) * 7) & 1023)];
      for (int c = 0; c < 3; ++c) row[x][c] = uint8_t(std::clamp(float(row[x][c]) * light, 0.0f, float(cover[x])));
    }
  }
}

Points arc(Point centre, float radius_x, float radius_y, float turn, float from, float to) {
  constexpr int steps = 40;
  Points points;
  float c = std::cos(turn), s = std::sin(turn);
  for (int i = 0; i <= steps; ++i) {
    float a = from + (to - from) * float(i) / steps, x = std::cos(a) * radius_x, y = std::sin(a) * radius_y;
    points.push_back(centre + Point(x * c - y * s, x * s + y * c));
  }
  return points;
}

Points rounded(const Points& corners, float radius) {
  Points outline;
  size_t count = corners.size();
  for (size_t i = 0; i < count; ++i) {
    Point here = corners[i];
    Point before = corners[(i + count - 1) % count] - here, after = corners[(i + 1) % count] - here;
    Point a = here + before * (radius / float(cv::norm(before))), b = here + after * (radius / float(cv::norm(after)));
    for (int k = 0; k <= 6; ++k) {
      float t = float(k) / 6, s = 1 - t;
      outline.push_back(a * (s * s) + here * (2 * s * t) + b * (t * t));
    }
  }
  return outline;
}

Points rectangle(float left, float top, float right, float bottom) { return {{left, top}, {right, top}, {right, bottom}, {left, bottom}}; }

Points scaled(Points points, float factor, Point about) {
  for (Point& p : points) p = about + (p - about) * factor;
  return points;
}

}  // namespace saccade::vision::canvas
