// SPDX-License-Identifier: Apache-2.0
// Background painters, each a function of size and random numbers. Lengths are relative to the
// height, so that a scene looks alike at every resolution.
#include "vision/scene_backgrounds.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "vision/scene_random.h"

namespace saccade::vision {
namespace {

cv::Scalar dull(SceneRandom& random, float value_low, float value_high) { return random.color(0.1f, 0.6f, value_low, value_high); }

cv::Vec3f to_vec(const cv::Scalar& color) { return {float(color[0]), float(color[1]), float(color[2])}; }

cv::Mat gradient(cv::Size size, const cv::Scalar& from, const cv::Scalar& to, float angle) {
  cv::Mat image(size, CV_8UC3);
  cv::Vec3f a = to_vec(from), b = to_vec(to);
  float c = std::cos(angle), s = std::sin(angle), length = std::abs(c) * float(size.width) + std::abs(s) * float(size.height);
  for (int y = 0; y < size.height; ++y) {
    auto* row = image.ptr<cv::Vec3b>(y);
    for (int x = 0; x < size.width; ++x) {
      float t = std::clamp(((float(x) - float(size.width) / 2) * c + (float(y) - float(size.height) / 2) * s) / length + 0.5f, 0.0f, 1.0f);
      row[x] = a + (b - a) * t;
    }
  }
  return image;
}

/// Between two dull colors with values in a range, in any direction.
cv::Mat gradient(cv::Size size, SceneRandom& random, float value_low, float value_high) {
  cv::Scalar from = dull(random, value_low, value_high), to = dull(random, value_low, value_high);
  return gradient(size, from, to, random.between(0, 6.28f));
}

/// Smooth noise in about -1..1, 32F: octaves of random lattices, each half as coarse and half as strong.
cv::Mat value_noise(cv::Size size, float cell, int octaves, SceneRandom& random) {
  cv::Mat sum(size, CV_32F, cv::Scalar::all(0)), layer;
  float strength = 0.6f;
  for (int octave = 0; octave < octaves; ++octave, cell /= 2, strength /= 2) {
    cv::Mat lattice(int(float(size.height) / cell) + 2, int(float(size.width) / cell) + 2, CV_32F);
    for (auto it = lattice.begin<float>(); it != lattice.end<float>(); ++it) *it = random.between(-strength, strength) * 1.6f;
    cv::resize(lattice, layer, size, 0, 0, cv::INTER_CUBIC);
    sum += layer;
  }
  return sum;
}

cv::Mat noise(cv::Size size, SceneRandom& random) {
  cv::Vec3f a = to_vec(dull(random, 0.2f, 0.9f)), b = to_vec(dull(random, 0.2f, 0.9f));
  float height = float(size.height);
  float cell = height * random.between(0.15f, 0.6f);
  cv::Mat field = value_noise(size, cell, 2 + random.below(4), random);
  bool marble = random.chance(0.4f);
  float veins = random.between(4.0f, 12.0f);
  cv::Mat image(size, CV_8UC3);
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      float v = field.at<float>(y, x);
      float t = marble ? 0.5f + 0.5f * std::sin(veins * (v + float(x + y) / height)) : std::clamp(0.5f + 0.7f * v, 0.0f, 1.0f);
      image.at<cv::Vec3b>(y, x) = a + (b - a) * t;
    }
  }
  return image;
}

cv::Mat stripes(cv::Size size, SceneRandom& random) {
  cv::Vec3f a = to_vec(dull(random, 0.3f, 0.95f)), b = to_vec(dull(random, 0.3f, 0.95f));
  float angle = random.between(0, float(CV_PI)), width = float(size.height) * random.between(0.05f, 0.25f),
        edge = random.between(1.5f, 12.0f);
  float c = std::cos(angle) / width, s = std::sin(angle) / width, wave = random.between(0, 0.5f);
  cv::Mat image(size, CV_8UC3);
  for (int y = 0; y < size.height; ++y) {
    float bend = wave * std::sin(float(y) / width);
    for (int x = 0; x < size.width; ++x) {
      float t = std::clamp(0.5f + edge * std::sin(float(CV_PI) * (float(x) * c + float(y) * s + bend)), 0.0f, 1.0f);
      image.at<cv::Vec3b>(y, x) = a + (b - a) * t;
    }
  }
  return image;
}

cv::Mat tiles(cv::Size size, SceneRandom& random) {
  cv::Scalar a = dull(random, 0.4f, 0.95f), b = random.chance(0.5f) ? dull(random, 0.4f, 0.95f) : a * 0.85, joint = a * 0.45;
  int tile = std::max(6, int(float(size.height) * random.between(0.07f, 0.22f))), gap = std::max(1, tile / 16);
  bool bricks = random.chance(0.5f);
  int wide = bricks ? tile * 2 : tile;
  cv::Mat image(size, CV_8UC3, joint);
  for (int row = 0, y = 0; y < size.height; ++row, y += tile) {
    for (int column = -1, x = bricks && row % 2 ? -tile : 0; x < size.width; ++column, x += wide) {
      cv::Scalar color = (bricks || (row + column) % 2 ? a : b) * double(random.between(0.88f, 1.06f));
      cv::Rect face(x + gap, y + gap, wide - gap, tile - gap);
      cv::rectangle(image, face, color, cv::FILLED);
      cv::line(image, face.tl(), {face.x + face.width, face.y}, color * 1.15, gap);
    }
  }
  return image;
}

cv::Mat planks(cv::Size size, SceneRandom& random) {
  cv::Scalar wood = SceneRandom::hsv({random.between(0.05f, 0.12f), random.between(0.25f, 0.6f), random.between(0.4f, 0.85f)});
  cv::Mat grain;
  cv::Mat small = value_noise({std::max(2, size.width / 12), size.height}, float(size.height) * 0.03f, 2, random);
  cv::resize(small, grain, size, 0, 0, cv::INTER_LINEAR);
  cv::Mat image(size, CV_8UC3);
  int board = std::max(8, int(float(size.height) * random.between(0.12f, 0.25f)));
  std::vector<float> tone(size_t(size.height / board + 1));
  for (float& value : tone) value = random.between(0.8f, 1.1f);
  cv::Vec3f base = to_vec(wood);
  for (int y = 0; y < size.height; ++y) {
    bool seam = y % board < std::max(1, board / 24);
    for (int x = 0; x < size.width; ++x) {
      image.at<cv::Vec3b>(y, x) = base * (seam ? 0.4f : tone[size_t(y / board)] * (1 + 0.22f * grain.at<float>(y, x)));
    }
  }
  return image;
}

cv::Mat soft_lights(cv::Size size, SceneRandom& random) {
  cv::Mat image = gradient(size, random, 0.12f, 0.5f);
  cv::Mat lights = cv::Mat::zeros(size, CV_8UC3);
  for (int i = 12 + random.below(25); i > 0; --i) {
    cv::Point centre{random.below(size.width), random.below(size.height)};
    cv::Mat disc = cv::Mat::zeros(size, CV_8UC3);
    int radius = std::max(2, int(float(size.height) * random.between(0.02f, 0.13f)));
    cv::Rect area = cv::Rect(centre.x - radius - 1, centre.y - radius - 1, 2 * radius + 3, 2 * radius + 3) & cv::Rect({}, size);
    cv::Mat patch = disc(area);
    cv::circle(patch, centre - area.tl(), radius, random.color(0.2f, 0.8f, 0.15f, 0.45f), cv::FILLED, cv::LINE_AA);
    cv::add(lights(area), patch, lights(area));
  }
  double sigma = double(size.height) * double(random.between(0.002f, 0.012f));
  cv::GaussianBlur(lights, lights, {}, sigma);
  cv::add(image, lights, image);
  return image;
}

/// The heights of a horizon, one a column.
std::vector<int> ridge(cv::Size size, float level, float roughness, SceneRandom& random) {
  cv::Mat line = value_noise({size.width, 1}, float(size.height) * 0.5f, 4, random);
  std::vector<int> heights(static_cast<size_t>(size.width));
  for (int x = 0; x < size.width; ++x) heights[size_t(x)] = int(float(size.height) * (level + roughness * line.at<float>(0, x)));
  return heights;
}

cv::Mat hills(cv::Size size, SceneRandom& random) {
  cv::Scalar high = SceneRandom::hsv({random.between(0.5f, 0.68f), random.between(0.3f, 0.7f), random.between(0.6f, 1.0f)});
  cv::Scalar low = SceneRandom::hsv({random.between(0.0f, 0.15f), random.between(0.1f, 0.5f), random.between(0.8f, 1.0f)});
  cv::Mat image = gradient(size, high, low, float(CV_PI) / 2);
  cv::Vec3f land = to_vec(SceneRandom::hsv({random.between(0.18f, 0.5f), random.between(0.3f, 0.7f), random.between(0.35f, 0.6f)}));
  int layers = 3 + random.below(2);
  cv::Vec3f haze = to_vec(low);
  for (int layer = 0; layer < layers; ++layer) {
    float depth = float(layer + 1) / float(layers);
    std::vector<int> top = ridge(size, 0.38f + 0.34f * depth, 0.08f, random);
    cv::Vec3f color = haze * (0.75f * (1 - depth)) + land * (1 - 0.75f * (1 - depth));
    cv::Mat texture = value_noise(size, float(size.height) * 0.03f, 2, random);
    for (int x = 0; x < size.width; ++x) {
      for (int y = std::max(0, top[size_t(x)]); y < size.height; ++y) {
        float fall = 1.0f - 0.35f * float(y - top[size_t(x)]) / float(size.height) + 0.08f * depth * texture.at<float>(y, x);
        cv::Vec3f c = color * fall;
        for (int k = 0; k < 3; ++k) image.at<cv::Vec3b>(y, x)[k] = cv::saturate_cast<uint8_t>(c[k]);
      }
    }
  }
  return image;
}

cv::Mat skyline(cv::Size size, SceneRandom& random) {
  float hue = random.unit(), height = float(size.height);
  bool night = random.chance(0.4f);
  cv::Mat image = gradient(size, SceneRandom::hsv({hue, 0.5f, night ? 0.2f : 0.85f}),
                           SceneRandom::hsv({hue + 0.12f, 0.35f, night ? 0.45f : 0.98f}), float(CV_PI) / 2);
  for (int layer = 0; layer < 2; ++layer) {
    float value = (night ? 0.12f : 0.45f) + (layer ? 0.0f : 0.18f);
    for (float x = -0.1f; x * height < float(size.width);) {
      float wide = random.between(0.09f, 0.24f), top = random.between(0.15f, 0.5f) + 0.12f * float(layer);
      cv::Rect tower(int(x * height), int(top * height), std::max(2, int(wide * height)), int((0.8f - top) * height));
      cv::Scalar wall =
          SceneRandom::hsv({hue + random.between(-0.08f, 0.08f), random.between(0.1f, 0.35f), value * random.between(0.85f, 1.15f)});
      cv::rectangle(image, tower, wall, cv::FILLED);
      int step = std::max(4, int(height * 0.032f)), pane = std::max(2, step / 2);
      for (int wy = tower.y + pane; wy + pane < tower.br().y; wy += step) {
        for (int wx = tower.x + pane; wx + pane < tower.br().x; wx += step) {
          bool on = random.chance(night ? 0.4f : 0.2f);
          cv::rectangle(image, cv::Rect(wx, wy, pane, pane), on ? cv::Scalar(120, 210, 245) * (night ? 0.9 : 1.0) : wall * 0.75,
                        cv::FILLED);
        }
      }
      x += wide * random.between(0.85f, 1.15f);
    }
  }
  int kerb = int(0.76f * height);
  cv::rectangle(image, cv::Rect(0, kerb, size.width, size.height - kerb), cv::Scalar::all(night ? 52 : 98), cv::FILLED);
  cv::rectangle(image, cv::Rect(0, kerb, size.width, std::max(2, int(0.02f * height))), cv::Scalar::all(night ? 80 : 165), cv::FILLED);
  for (int x = 0; x < size.width; x += int(0.2f * height)) {
    cv::rectangle(image, cv::Rect(x, int(0.89f * height), int(0.1f * height), std::max(2, int(0.014f * height))),
                  cv::Scalar(190, 215, 225) * (night ? 0.6 : 1.0), cv::FILLED);
  }
  return image;
}

/// Things that are no objects of any class: thin lines, rings, crosses and specks.
void clutter(cv::Mat& image, SceneRandom& random) {
  float height = float(image.rows);
  for (int i = random.below(12); i > 0; --i) {
    cv::Point a{random.below(image.cols), random.below(image.rows)};
    float angle = random.between(0, 6.28f), length = height * random.between(0.05f, 0.6f);
    cv::Point along(int(std::cos(angle) * length), int(std::sin(angle) * length));
    cv::Scalar color = random.color(0.0f, 0.8f, 0.1f, 0.95f);
    int thickness = std::max(1, int(height * random.between(0.002f, 0.014f)));
    int radius = std::max(2, int(height * random.between(0.01f, 0.06f)));
    switch (random.below(5)) {
      case 0:
        cv::circle(image, a, radius, color, thickness, cv::LINE_AA);
        break;
      case 1:
        cv::line(image, a - cv::Point(radius, radius), a + cv::Point(radius, radius), color, thickness, cv::LINE_AA);
        cv::line(image, a - cv::Point(radius, -radius), a + cv::Point(radius, -radius), color, thickness, cv::LINE_AA);
        break;
      case 2:
        cv::ellipse(image, a, {radius * 2, std::max(1, radius / 3)}, double(angle) * 57.3, 0, 360, color, cv::FILLED, cv::LINE_AA);
        break;
      default:
        cv::line(image, a, a + along, color, thickness, cv::LINE_AA);
        break;
    }
  }
}

}  // namespace

cv::Mat paint_background(cv::Size size, uint64_t seed) {
  SceneRandom random(seed);
  cv::Mat image;
  switch (random.below(9)) {
    case 0:
      image = gradient(size, random, 0.25f, 0.95f);
      break;
    case 1:
      image = noise(size, random);
      break;
    case 2:
      image = stripes(size, random);
      break;
    case 3:
      image = tiles(size, random);
      break;
    case 4:
      image = planks(size, random);
      break;
    case 5:
      image = soft_lights(size, random);
      break;
    case 6:
    case 7:
      image = hills(size, random);
      break;
    default:
      image = skyline(size, random);
      break;
  }
  if (random.chance(0.6f)) clutter(image, random);
  if (random.chance(0.5f)) cv::GaussianBlur(image, image, {}, double(size.height) * double(random.between(0.0015f, 0.006f)));
  return image;
}

}  // namespace saccade::vision
