// SPDX-License-Identifier: Apache-2.0
// Drawing: sizes grow with the picture, labels are placed where they cover the least.
#include "vision/draw.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <opencv2/imgproc.hpp>
#include <string>
#include <vector>

#include "base/error.h"

namespace saccade::vision {
namespace {

constexpr int kFont = cv::FONT_HERSHEY_SIMPLEX;
constexpr double kCapHeight = 21;  // of the font at scale 1, in pixels

struct Style {
  int line = 1;
  double font_scale = 0.5;
  int stroke = 1, margin = 2;
};

Style style_for(cv::Size size) {
  const double side = std::max(size.width, size.height);
  Style style;
  style.line = std::max(1, static_cast<int>(std::lround(side / 300)));
  style.font_scale = std::max(9.5, side * 0.0155) / kCapHeight;
  style.stroke = std::max(1, static_cast<int>(std::lround(style.font_scale * 1.4)));
  style.margin = std::max(2, static_cast<int>(std::lround(style.font_scale * 6)));
  return style;
}

/// The font has ASCII only: each other character becomes one '?'.
std::string printable(const std::string& text) {
  std::string result;
  for (const unsigned char c : text) {
    if (c >= 32 && c < 127)
      result += static_cast<char>(c);
    else if (c >= 0xC0 || c < 32 || c == 127)
      result += '?';
  }
  return result;
}

struct Label {
  std::string text;
  cv::Size size;  // with margins
  int baseline = 0;
  double font_scale = 0.5;
};

/// Shortened until it fits into the picture's width.
Label make_label(std::string text, const Style& style, int width, int box_width) {
  Label label{.text = std::move(text), .font_scale = style.font_scale};
  // Small objects stand close together: smaller letters for them.
  if (cv::getTextSize(label.text, kFont, label.font_scale, style.stroke, &label.baseline).width > 2 * box_width)
    label.font_scale = std::max(0.38, 0.75 * label.font_scale);
  for (;;) {
    const cv::Size size = cv::getTextSize(label.text, kFont, label.font_scale, style.stroke, &label.baseline);
    label.size = {size.width + 2 * style.margin, size.height + label.baseline / 2 + 2 * style.margin};
    if (label.size.width <= width || label.text.size() <= 2) return label;
    if (label.font_scale > 0.4)
      label.font_scale = std::max(0.38, label.font_scale * 0.85);
    else
      label.text = label.text.substr(0, label.text.size() - 2) + ".";
  }
}

/// Above the box, inside at the top, below, inside at the bottom: the first place that covers no other label and no small
/// object, or the one that covers least.
cv::Rect find_place(const Label& label, const cv::Rect& box, cv::Size picture, const std::vector<cv::Rect>& taken, const std::vector<cv::Rect>& boxes) {
  const int left = std::clamp(box.x, 0, std::max(0, picture.width - label.size.width));
  const int right = std::clamp(box.x + box.width - label.size.width, 0, std::max(0, picture.width - label.size.width));
  const int rows[] = {box.y - label.size.height, box.y, box.y + box.height, box.y + box.height - label.size.height};
  const int small = 10 * label.size.area();
  cv::Rect best;
  int least = -1;
  for (const int x : {left, right})
    for (const int y : rows) {
      if (y < 0 || y + label.size.height > picture.height) continue;
      const cv::Rect place(cv::Point(x, y), label.size);
      int covered = 0;
      for (const cv::Rect& other : taken) covered += 4 * (place & other).area();
      for (const cv::Rect& other : boxes)
        if (other.area() < small) covered += (place & other).area();
      if (covered == 0) return place;
      if (least < 0 || covered < least) best = place, least = covered;
    }
  if (least < 0) best = {cv::Point(left, std::clamp(box.y, 0, std::max(0, picture.height - label.size.height))), label.size};
  return best;
}

}  // namespace

cv::Scalar class_color(int class_id) {
  const double hue = std::fmod(0.37 + 0.618033988749895 * class_id, 1.0) * 6;
  const double value = class_id % 3 == 2 ? 190 : 245, low = value * (class_id % 2 == 0 ? 0.15 : 0.32);
  const auto channel = [&](double n) {
    const double k = std::fmod(n + hue, 6.0);
    return value - (value - low) * std::max(0.0, std::min({k, 4 - k, 1.0}));
  };
  return {channel(1), channel(3), channel(5)};
}

void draw_detections(cv::Mat& picture, const Detections& detections, const Labels& labels) {
  const Style style = style_for(picture.size());
  std::vector<std::size_t> order(detections.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return detections[a].score < detections[b].score; });
  const auto pixel_box = [&](const Detection& d) {
    const int x1 = std::clamp(static_cast<int>(std::lround(d.x1)), 0, picture.cols - 1), y1 = std::clamp(static_cast<int>(std::lround(d.y1)), 0, picture.rows - 1);
    const int x2 = std::clamp(static_cast<int>(std::lround(d.x2)), x1, picture.cols - 1), y2 = std::clamp(static_cast<int>(std::lround(d.y2)), y1, picture.rows - 1);
    return cv::Rect(x1, y1, x2 - x1 + 1, y2 - y1 + 1);
  };
  for (const std::size_t i : order) {
    const Detection& d = detections[i];
    // Lines lie inside the box, so that they do not leave the picture.
    cv::Rect box = pixel_box(d);
    const cv::Scalar color = class_color(d.class_id);
    for (int inset = 0; inset < style.line && box.width > 0 && box.height > 0; ++inset) {
      cv::rectangle(picture, box, color, 1);
      box = cv::Rect(box.x + 1, box.y + 1, box.width - 2, box.height - 2);
    }
    for (const auto& point : d.points)
      if (std::isfinite(point[0]) && std::isfinite(point[1]) && std::abs(point[0]) < 1e6f && std::abs(point[1]) < 1e6f)
        cv::circle(picture, cv::Point2f(point[0], point[1]), style.line + 1, color, cv::FILLED, cv::LINE_AA);
  }
  std::vector<cv::Rect> taken, boxes;
  for (const Detection& d : detections) boxes.push_back(pixel_box(d));
  std::reverse(order.begin(), order.end());
  for (const std::size_t i : order) {
    const Detection& d = detections[i];
    const Label label = make_label(fmt::format("{} {:.2f}", printable(labels.name(d.class_id)), d.score), style, picture.cols, boxes[i].width);
    const cv::Rect place = find_place(label, boxes[i], picture.size(), taken, boxes);
    taken.push_back(place);
    const cv::Scalar color = class_color(d.class_id);
    cv::rectangle(picture, place, color, cv::FILLED);
    const double light = 0.114 * color[0] + 0.587 * color[1] + 0.299 * color[2];
    const cv::Point origin(place.x + style.margin, place.y + place.height - style.margin - label.baseline / 2);
    cv::putText(picture, label.text, origin, kFont, label.font_scale, light > 130 ? cv::Scalar(0, 0, 0) : cv::Scalar(255, 255, 255), style.stroke, cv::LINE_AA);
  }
}

}  // namespace saccade::vision
