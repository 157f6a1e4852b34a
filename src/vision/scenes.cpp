// SPDX-License-Identifier: Apache-2.0
// Casting, motion, composition and truth of rendered scenes.
#include "vision/scenes.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "saccade/error.h"
#include "vision/scene_backgrounds.h"
#include "vision/scene_random.h"

namespace saccade::vision {
namespace {

constexpr float kPanMargin = 0.06f;  // of the frame's height, on each side of the background
constexpr int kGrainSide = 512;

/// `base` darkened and covered by a sprite where both overlap; marks its pixels with `mark`.
void compose(cv::Mat& frame, cv::Mat& owners, const Sprite& sprite, uint8_t mark) {
  cv::Rect area = cv::Rect(sprite.origin, sprite.coverage.size()) & cv::Rect({}, frame.size());
  for (int y = area.y; y < area.br().y; ++y) {
    auto* below = frame.ptr<cv::Vec3b>(y);
    auto* owner = owners.ptr<uint8_t>(y);
    const auto* over = sprite.color.ptr<cv::Vec3b>(y - sprite.origin.y) - sprite.origin.x;
    const uint8_t* cover = sprite.coverage.ptr<uint8_t>(y - sprite.origin.y) - sprite.origin.x;
    for (int x = area.x; x < area.br().x; ++x) {
      if (cover[x] == 0) continue;
      for (int c = 0; c < 3; ++c) below[x][c] = uint8_t(std::min(255, over[x][c] + (below[x][c] * (255 - cover[x]) + 127) / 255));
      if (cover[x] > 127) owner[x] = mark;
    }
  }
}

/// The soft shadow of a sprite on whatever lies behind it, down and to the right.
void cast_shadow(cv::Mat& frame, const Sprite& sprite, float height, float strength) {
  cv::Mat soft;
  cv::resize(sprite.coverage, soft, {}, 0.25, 0.25, cv::INTER_AREA);
  cv::GaussianBlur(soft, soft, {}, std::max(0.6, double(height) * 0.01));
  cv::resize(soft, soft, sprite.coverage.size(), 0, 0, cv::INTER_LINEAR);
  cv::Point origin = sprite.origin + cv::Point(int(height * 0.05f), int(height * 0.07f));
  cv::Rect area = cv::Rect(origin, soft.size()) & cv::Rect({}, frame.size());
  int weight = int(strength * 256);
  for (int y = area.y; y < area.br().y; ++y) {
    auto* row = frame.ptr<cv::Vec3b>(y);
    const uint8_t* cover = soft.ptr<uint8_t>(y - origin.y) - origin.x;
    for (int x = area.x; x < area.br().x; ++x) {
      int keep = 65536 - cover[x] * weight;
      for (int c = 0; c < 3; ++c) row[x][c] = uint8_t(row[x][c] * keep >> 16);
    }
  }
}

}  // namespace

Scene::Scene(const SceneOptions& options) : options_(options) {
  if (options.width < 64 || options.height < 64) {
    throw Error(ErrorCode::invalid_argument, "a scene needs a frame of at least 64 x 64 pixels");
  }
  SceneRandom random(options.seed);
  float height = float(options.height);
  int margin = int(height * kPanMargin) + 2;
  background_ = paint_background({options.width + 2 * margin, options.height + 2 * margin}, random.bits());
  pan_ = {random.between(0, 6.28f), random.between(0, 6.28f)};
  pan_pace_ = {random.between(0.1f, 0.5f), random.between(0.1f, 0.4f)};

  gain_ = random.between(0.75f, 1.15f);
  contrast_ = random.between(0.8f, 1.1f);
  tint_ = {double(random.between(0.93f, 1.07f)), double(random.between(0.95f, 1.05f)), double(random.between(0.93f, 1.07f))};
  blur_ = random.chance(0.3f) ? height * random.between(0.0005f, 0.0024f) : 0;
  shadow_ = random.chance(0.75f) ? random.between(0.2f, 0.6f) : 0;

  float dark_corners = random.between(0, 0.35f), noise = random.chance(0.8f) ? random.between(1, 9) : 0;
  vignette_.create(options.height, options.width, CV_32F);
  for (int y = 0; y < options.height; ++y) {
    for (int x = 0; x < options.width; ++x) {
      float u = 2 * float(x) / float(options.width) - 1, v = 2 * float(y) / height - 1;
      vignette_.at<float>(y, x) = 1 - dark_corners * (u * u + v * v) / 2;
    }
  }
  // The sum of four uniform numbers is bell-shaped enough for sensor noise; 1.7 makes its deviation 1.
  grain_.create(kGrainSide, kGrainSide, CV_32F);
  for (auto it = grain_.begin<float>(); it != grain_.end<float>(); ++it) {
    float sum = -2;
    for (int i = 0; i < 4; ++i) sum += random.unit();
    *it = noise * 1.7f * sum;
  }

  int count = options.objects > 0 ? std::min(options.objects, 64) : 1 + random.below(8);
  for (int i = 0; i < count; ++i) actors_.push_back(cast(random.bits()));
  std::stable_sort(actors_.begin(), actors_.end(), [](const Actor& a, const Actor& b) { return a.height < b.height; });
}

Scene::Actor Scene::cast(uint64_t seed) const {
  SceneRandom random(seed);
  float aspect = float(options_.width) / float(options_.height);
  Actor actor;
  actor.kind = SceneClass(random.below(kSceneClassCount));
  actor.looks = random.bits();
  actor.mirrored = random.chance(0.5f);
  actor.home = {random.between(0.12f * aspect, 0.88f * aspect), random.between(0.18f, 0.82f)};
  actor.swing = {random.between(0.05f, 0.35f), random.between(0.03f, 0.2f)};
  actor.pace = {random.between(0.4f, 1.4f), random.between(0.4f, 1.6f)};
  actor.start = {random.between(0, 6.28f), random.between(0, 6.28f)};
  actor.lane = random.between(0, 10);
  actor.breathing = random.between(0, 0.2f);
  actor.phase = random.between(0, 6.28f);
  actor.tempo = random.between(0.6f, 1.8f);
  actor.blur = random.chance(0.15f) ? random.between(0.0008f, 0.0035f) : 0;
  float size = random.unit();
  size *= random.unit();  // more small ones than large ones
  switch (actor.kind) {
    case SceneClass::ball:
      actor.height = 0.09f + 0.32f * size;
      actor.spin = random.between(-2, 2);
      break;
    case SceneClass::box:
      actor.height = 0.12f + 0.4f * size;
      actor.rotation = random.between(-0.35f, 0.35f);
      break;
    case SceneClass::sign:
      actor.height = 0.1f + 0.36f * size;
      actor.rotation = random.between(-0.3f, 0.3f);
      break;
    case SceneClass::star:
      actor.height = 0.1f + 0.36f * size;
      actor.rotation = random.between(0, 6.28f);
      actor.spin = random.between(-1.2f, 1.2f);
      break;
    case SceneClass::car:
      actor.height = 0.1f + 0.28f * size;
      actor.speed = random.between(0.15f, 0.5f);
      actor.swing.y = 0.004f;
      actor.rotation = random.chance(0.3f) ? random.between(-0.25f, 0.25f) : 0;
      break;
    case SceneClass::person:
      actor.height = 0.18f + 0.5f * size;
      actor.speed = actor.height * random.between(0.25f, 0.5f);
      actor.swing.y = 0.01f * actor.height;
      actor.rotation = random.between(-0.08f, 0.08f);
      break;
  }
  return actor;
}

SpritePose Scene::pose(const Actor& actor, double seconds) const {
  float time = float(seconds), aspect = float(options_.width) / float(options_.height), scale = float(options_.height);
  SpritePose pose;
  pose.kind = actor.kind;
  pose.looks = actor.looks;
  pose.mirrored = actor.mirrored;
  pose.height = actor.height * (1 + actor.breathing * std::sin(actor.pace.x * time * 0.7f + actor.start.y));
  pose.rotation = actor.rotation + actor.spin * time;
  pose.phase = actor.phase + actor.tempo * time;
  float x = actor.home.x + actor.swing.x * std::sin(actor.pace.x * time + actor.start.x);
  float y = actor.home.y + actor.swing.y * std::sin(actor.pace.y * time + actor.start.y);
  if (actor.speed > 0) {  // cars and people cross the frame and come back on the other side
    float half = actor.height * (actor.kind == SceneClass::car ? 1.0f : 0.3f), way = aspect + 2 * half;
    float gone = std::fmod(actor.lane + actor.speed * time, way);
    x = (actor.mirrored ? way - gone : gone) - half;
    float stride = actor.kind == SceneClass::car ? 0.22f : 0.13f;
    pose.phase = actor.phase + actor.speed * time / (stride * actor.height);
  } else if (actor.kind == SceneClass::ball) {  // balls bounce
    y = actor.home.y + actor.swing.y - 2 * actor.swing.y * std::abs(std::sin(actor.pace.y * 1.5f * time + actor.start.y));
  } else if (actor.kind != SceneClass::star) {  // boxes and signs sway
    pose.rotation += 0.15f * std::sin(actor.pace.y * time + actor.start.x);
  }
  pose.centre = cv::Point2f(x, y) * scale;
  pose.height *= scale;
  pose.blur = actor.blur * scale;
  return pose;
}

SceneFrame Scene::render(double seconds) const {
  cv::Size size(options_.width, options_.height);
  float height = float(options_.height), time = float(seconds);
  cv::Matx23f view(1, 0, height * kPanMargin * (1 + std::sin(pan_.x + pan_pace_.x * time)), 0, 1,
                   height * kPanMargin * (1 + std::sin(pan_.y + pan_pace_.y * time)));
  SceneFrame frame;
  cv::warpAffine(background_, frame.image, view, size, cv::INTER_LINEAR | cv::WARP_INVERSE_MAP, cv::BORDER_REFLECT);

  cv::Mat owners(size, CV_8UC1, cv::Scalar::all(0));
  std::vector<Sprite> sprites;
  for (size_t i = 0; i < actors_.size(); ++i) {
    SpritePose at = pose(actors_[i], seconds);
    sprites.push_back(draw_sprite(at));
    if (shadow_ > 0) cast_shadow(frame.image, sprites.back(), at.height, shadow_);
    compose(frame.image, owners, sprites.back(), uint8_t(i + 1));
  }

  std::vector<int> seen(256, 0);
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) ++seen[owners.at<uint8_t>(y, x)];
  }
  for (size_t i = 0; i < actors_.size(); ++i) {
    int whole = cv::countNonZero(sprites[i].coverage > 127);
    cv::Rect2f box = sprites[i].box & cv::Rect2f(0, 0, float(size.width), float(size.height));
    if (seen[i + 1] == 0 || whole == 0 || box.empty()) continue;
    SceneBox object{actors_[i].kind, int(i), box, std::min(1.0f, float(seen[i + 1]) / float(whole))};
    (object.visible >= kSceneVisibleShare ? frame.truth : frame.hidden).push_back(object);
  }

  if (blur_ > 0.3f) cv::GaussianBlur(frame.image, frame.image, {}, double(blur_));
  // Each frame looks at the same noise from elsewhere.
  SceneRandom random(options_.seed ^ uint64_t(std::llround(seconds * 1000)) * 0x100000001B3ull);
  int shift_x = random.below(kGrainSide), shift_y = random.below(kGrainSide);
  for (int y = 0; y < size.height; ++y) {
    auto* row = frame.image.ptr<cv::Vec3b>(y);
    const float* vignette = vignette_.ptr<float>(y);
    const float* grain = grain_.ptr<float>((y + shift_y) % kGrainSide);
    for (int x = 0; x < size.width; ++x) {
      float noise = grain[(x + shift_x) % kGrainSide], light = gain_ * vignette[x];
      for (int c = 0; c < 3; ++c) {
        float value = (float(row[x][c]) - 128) * contrast_ + 128;
        row[x][c] = cv::saturate_cast<uint8_t>(value * light * float(tint_[c]) + noise);
      }
    }
  }
  return frame;
}

}  // namespace saccade::vision
