// SPDX-License-Identifier: Apache-2.0
// Vector drawings of the scene objects, rasterised at twice the frame's resolution.
#include "vision/scene_sprites.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "vision/scene_canvas.h"
#include "vision/scene_random.h"

namespace saccade::vision {
namespace {

using namespace canvas;

constexpr int kOversampling = 2;

/// A sphere lit from the upper left, its pattern turned in space.
void draw_ball(Canvas& canvas, const SpritePose& pose, SceneRandom& random) {
  enum Pattern { panels, spots, seams, band };
  auto pattern = Pattern(random.below(4));
  cv::Scalar first = random.color(0.6f, 1.0f, 0.7f, 1.0f), second = random.color(0.5f, 1.0f, 0.6f, 1.0f);
  if (pattern == panels && random.chance(0.6f)) second = {240, 245, 248};
  if (pattern == spots) first = {238, 240, 240}, second = random.chance(0.6f) ? cv::Scalar(40, 36, 34) : second;
  if (pattern == seams) second = lit(first, 0.25f);
  int panel_count = 4 + 2 * random.below(3);
  float axis_tilt = random.between(0.2f, 1.2f), roll = pose.phase * (pose.mirrored ? -1.0f : 1.0f);

  std::array<cv::Vec3f, 12> corners;  // of an icosahedron: where the spots sit
  const float golden = 1.618034f, unit = 1 / std::sqrt(1 + golden * golden);
  for (int i = 0; i < 12; ++i) {
    float a = (i & 1 ? 1.0f : -1.0f) * unit, b = (i & 2 ? 1.0f : -1.0f) * golden * unit;
    corners[size_t(i)] = i / 4 == 0 ? cv::Vec3f(0, a, b) : i / 4 == 1 ? cv::Vec3f(a, b, 0) : cv::Vec3f(b, 0, a);
  }

  auto inked = [&](float x, float y, float z) {
    switch (pattern) {
      case panels:
        return y > 0.93f || y < -0.93f || int(std::floor(std::atan2(z, x) / (2 * kPi) * float(panel_count) + 64)) % 2 == 0;
      case spots:
        return std::any_of(corners.begin(), corners.end(), [&](const cv::Vec3f& c) { return c[0] * x + c[1] * y + c[2] * z > 0.925f; });
      case seams:
        return std::abs(x) < 0.035f || std::abs(y) < 0.035f || std::abs(std::abs(z) - 0.62f) < 0.035f;
      case band:
        break;
    }
    return std::abs(y) < 0.3f;
  };

  float radius = canvas.scale() / 2, ct = std::cos(axis_tilt), st = std::sin(axis_tilt), cr = std::cos(roll), sr = std::sin(roll);
  float cp = std::cos(pose.rotation), sp = std::sin(pose.rotation);
  Point centre = canvas.centre();
  for (int py = 0; py < canvas.color().rows; ++py) {
    for (int px = 0; px < canvas.color().cols; ++px) {
      float x = (float(px) - centre.x) / radius, y = (float(py) - centre.y) / radius;
      float distance = std::sqrt(x * x + y * y), cover = std::clamp((1 - distance) * radius + 0.5f, 0.0f, 1.0f);
      if (cover <= 0) continue;
      float z = std::sqrt(std::max(0.0f, 1 - distance * distance));
      float u = x * cp + y * sp, v = -x * sp + y * cp;         // turned in the plane,
      float a = v * ct - z * st, b = v * st + z * ct;          // tilted away,
      float along = u * cr + b * sr, deep = -u * sr + b * cr;  // rolled
      float facing = std::max(0.0f, -0.45f * x - 0.6f * y + 0.66f * z);
      float light = 0.42f + 0.68f * facing, shine = std::pow(facing, 24.0f) * 170;
      const cv::Scalar& paint = inked(along, a, deep) ? second : first;
      auto& pixel = canvas.color().at<cv::Vec3b>(py, px);
      for (int c = 0; c < 3; ++c) pixel[c] = uint8_t(std::min(255.0f, float(paint[c]) * light + shine) * cover);
      canvas.coverage().at<uint8_t>(py, px) = uint8_t(255 * cover);
    }
  }
}

/// A cube in space: a carton, a crate, a present or a die.
void draw_box(Canvas& canvas, const SpritePose& pose, SceneRandom& random) {
  enum Variant { carton, crate, present, die };
  auto variant = Variant(random.below(4));
  cv::Scalar paint = random.color(0.45f, 0.95f, 0.65f, 1.0f);
  if (variant == carton && random.chance(0.5f)) paint = {110, 160, 200};
  if (variant == crate && random.chance(0.5f)) paint = {70, 125, 180};
  cv::Scalar trim = variant == present || variant == die
                        ? mixed(random.color(0.6f, 1.0f, 0.8f, 1.0f), {255, 255, 255}, variant == die ? 0.85 : 0.2)
                        : lit(paint, 0.6f);
  float yaw = random.between(0.35f, 1.2f) + 0.35f * std::sin(pose.phase), pitch = random.between(0.25f, 0.75f);
  float cy = std::cos(yaw), sy = std::sin(yaw), cp = std::cos(pitch), sp = std::sin(pitch);
  auto turn = [&](cv::Vec3f p) {
    float x = p[0] * cy + p[2] * sy, z = -p[0] * sy + p[2] * cy;
    return cv::Vec3f(x, p[1] * cp + z * sp, -p[1] * sp + z * cp);
  };
  constexpr float half = 0.33f;
  struct Face {
    cv::Vec3f normal, across, down;
  };
  const Face faces[] = {{{0, 0, 1}, {1, 0, 0}, {0, 1, 0}},  {{0, 0, -1}, {-1, 0, 0}, {0, 1, 0}}, {{1, 0, 0}, {0, 0, -1}, {0, 1, 0}},
                        {{-1, 0, 0}, {0, 0, 1}, {0, 1, 0}}, {{0, -1, 0}, {1, 0, 0}, {0, 0, 1}},  {{0, 1, 0}, {1, 0, 0}, {0, 0, -1}}};
  for (int index = 0; index < 6; ++index) {
    const Face& face = faces[index];
    cv::Vec3f normal = turn(face.normal);
    if (normal[2] <= 0.01f) continue;
    float light = 0.5f + 0.6f * std::max(0.0f, normal.dot(cv::Vec3f(-0.35f, -0.75f, 0.55f)));
    auto place = [&](float u, float v) {
      cv::Vec3f p = turn((face.normal + face.across * u + face.down * v) * half);
      return Point(p[0], p[1]);
    };
    auto patch = [&](float l, float t, float r, float b, const cv::Scalar& color) {
      canvas.polygon({place(l, t), place(r, t), place(r, b), place(l, b)}, lit(color, light));
    };
    auto pip = [&](float u, float v) {
      Points points = arc({u, v}, 0.2f, 0.2f, 0, 0, 2 * kPi);
      for (Point& p : points) p = place(p.x, p.y);
      canvas.polygon(points, lit(paint, light * 0.9f));
    };
    bool lid = index >= 4;
    switch (variant) {
      case carton:
        patch(-1, -1, 1, 1, paint);
        if (lid)
          patch(-1, -0.16f, 1, 0.16f, mixed(paint, {200, 230, 240}, 0.6));
        else {
          patch(-0.16f, -1, 0.16f, -0.6f, mixed(paint, {200, 230, 240}, 0.6));
          patch(0.25f, 0.35f, 0.8f, 0.75f, mixed(paint, {255, 255, 255}, 0.75));
          patch(0.32f, 0.45f, 0.72f, 0.52f, {60, 60, 60});
        }
        break;
      case crate:
        patch(-1, -1, 1, 1, lit(paint, 0.55f));
        for (int plank = 0; plank < 4; ++plank)
          patch(-0.96f, -0.96f + 0.49f * float(plank), 0.96f, -0.54f + 0.49f * float(plank), lit(paint, plank % 2 ? 0.9f : 1.0f));
        patch(-1, -1, -0.72f, 1, trim), patch(0.72f, -1, 1, 1, trim), patch(-1, -1, 1, -0.75f, trim), patch(-1, 0.75f, 1, 1, trim);
        break;
      case present:
        patch(-1, -1, 1, 1, paint);
        patch(-0.2f, -1, 0.2f, 1, trim);
        if (lid)
          patch(-1, -0.2f, 1, 0.2f, trim);
        else
          patch(-1, -1, 1, -0.7f, lit(paint, 0.8f)), patch(-0.2f, -1, 0.2f, -0.7f, trim);
        break;
      case die:
        patch(-1, -1, 1, 1, lit(trim, 0.85f));
        canvas.polygon(
            [&] {
              Points points = rounded(rectangle(-0.98f, -0.98f, 0.98f, 0.98f), 0.3f);
              for (Point& p : points) p = place(p.x, p.y);
              return points;
            }(),
            lit(trim, light));
        if (index % 2 == 0) pip(0, 0);
        if (index > 0) pip(-0.5f, -0.5f), pip(0.5f, 0.5f);
        if (index > 2) pip(0.5f, -0.5f), pip(-0.5f, 0.5f);
        break;
    }
  }
  canvas.shade(0.12f, 0.08f, random);
}

/// A triangular warning sign, standing or hanging (give way).
void draw_sign(Canvas& canvas, SceneRandom& random) {
  bool hanging = random.chance(0.2f);
  cv::Scalar rim = random.chance(0.6f) ? cv::Scalar(40, 40, 215) : random.color(0.8f, 1.0f, 0.6f, 0.95f);
  cv::Scalar face = random.chance(0.5f) ? cv::Scalar(240, 244, 245) : cv::Scalar(50, 205, 250);
  cv::Scalar ink = random.chance(0.8f) ? cv::Scalar(30, 28, 26) : lit(rim, 0.7f);
  float up = hanging ? -1.0f : 1.0f;
  Points corners = {{0, -0.53f * up}, {0.58f, 0.48f * up}, {-0.58f, 0.48f * up}};
  Point middle(0, 0.143f * up);
  canvas.polygon(rounded(corners, 0.13f), lit(rim, 0.5f));
  canvas.polygon(rounded(scaled(corners, 0.95f, middle), 0.12f), rim);
  canvas.polygon(rounded(scaled(corners, random.between(0.6f, 0.74f), middle), 0.08f), face);
  float m = middle.y;
  switch (random.below(4)) {
    case 0:  // an exclamation mark
      canvas.polygon({{-0.055f, m - 0.26f}, {0.055f, m - 0.26f}, {0.032f, m + 0.06f}, {-0.032f, m + 0.06f}}, ink);
      canvas.ellipse({0, m + 0.14f}, 0.048f, 0.048f, ink);
      break;
    case 1:  // a bend
      canvas.stroke({0.02f, m + 0.17f}, {0.02f, m + 0.02f}, 0.07f, ink);
      canvas.stroke({0.02f, m + 0.02f}, {-0.06f, m - 0.07f}, 0.07f, ink);
      canvas.polygon({{-0.12f, m + 0.0f}, {-0.1f, m - 0.17f}, {0.03f, m - 0.09f}}, ink);
      break;
    case 2:  // a crossing
      canvas.stroke({-0.13f, m - 0.08f}, {0.13f, m + 0.16f}, 0.065f, ink);
      canvas.stroke({0.13f, m - 0.08f}, {-0.13f, m + 0.16f}, 0.065f, ink);
      break;
    default:  // lights
      for (int i = 0; i < 3; ++i)
        canvas.ellipse({0, m - 0.13f + 0.13f * float(i)}, 0.056f, 0.056f,
                       i == 0   ? cv::Scalar(40, 40, 220)
                       : i == 1 ? cv::Scalar(30, 190, 240)
                                : cv::Scalar(60, 170, 50));
      break;
  }
  canvas.shade(0.18f, 0.04f, random);
}

/// A five-pointed star, folded along its rays.
void draw_star(Canvas& canvas, const SpritePose& pose, SceneRandom& random) {
  cv::Scalar paint = random.chance(0.4f) ? cv::Scalar(40, 200, 255) : random.color(0.6f, 1.0f, 0.75f, 1.0f);
  float inner = random.between(0.2f, 0.27f), gleam = 0.12f * std::sin(pose.phase);
  Points outline;
  for (int i = 0; i < 10; ++i) {
    float angle = -kPi / 2 + float(i) * kPi / 5, radius = i % 2 ? inner : 0.52f;
    outline.emplace_back(std::cos(angle) * radius, std::sin(angle) * radius);
  }
  cv::Scalar edge = lit(paint, random.chance(0.5f) ? 0.4f : 0.75f);
  canvas.polygon(outline, edge);
  Points inside = scaled(outline, 0.9f);
  for (size_t i = 0; i < 10; ++i) {
    Point a = inside[i], b = inside[(i + 1) % 10];
    // Light from the upper left in the image, whichever way the star is turned.
    Point middle = canvas.to_pixels((a + b) * 0.5f) - canvas.centre();
    float facing = (-middle.x * 0.5f - middle.y) / canvas.scale();
    canvas.polygon({Point(0, 0), a, b}, lit(paint, 0.9f + 0.55f * facing + (i % 2 ? 0.16f : -0.16f) + gleam));
  }
  if (random.chance(0.3f)) {  // a face
    canvas.ellipse({-0.08f, -0.05f}, 0.028f, 0.045f, {30, 30, 30});
    canvas.ellipse({0.08f, -0.05f}, 0.028f, 0.045f, {30, 30, 30});
    canvas.ellipse({0, 0.09f}, 0.06f, 0.03f, {40, 30, 60});
  }
  canvas.shade(0.1f, 0.04f, random);
}

/// A car from its side, driving right.
void draw_car(Canvas& canvas, const SpritePose& pose, SceneRandom& random) {
  int body = random.below(4);  // saloon, hatchback, van, pick-up
  cv::Scalar paint = random.chance(0.2f) ? cv::Scalar(1, 1, 1) * double(random.between(60, 235)) : random.color(0.5f, 1.0f, 0.55f, 0.98f);
  cv::Scalar glass = mixed({150, 120, 80}, {235, 220, 190}, random.unit()), dark(38, 34, 32);
  const Points roofs[] = {
      {{-0.62f, -0.08f}, {-0.42f, -0.42f}, {0.18f, -0.44f}, {0.46f, -0.08f}},
      {{-0.86f, -0.08f}, {-0.74f, -0.46f}, {0.12f, -0.48f}, {0.44f, -0.08f}},
      {{-0.94f, -0.05f}, {-0.92f, -0.5f}, {0.42f, -0.5f}, {0.7f, -0.05f}},
      {{-0.12f, -0.08f}, {-0.1f, -0.45f}, {0.26f, -0.45f}, {0.5f, -0.08f}},
  };
  const Points& roof = roofs[body];
  canvas.polygon(rounded(rectangle(-0.9f, 0.12f, 0.9f, 0.34f), 0.06f), lit(paint, 0.35f));
  canvas.polygon(rounded(roof, 0.08f), lit(paint, 0.95f));
  Points shell = {{-0.95f, -0.06f}, {0.4f, -0.11f}, {0.86f, -0.02f}, {0.97f, 0.1f}, {0.97f, 0.27f}, {-0.97f, 0.27f}};
  canvas.polygon(rounded(shell, 0.07f), paint);
  canvas.polygon(rectangle(-0.9f, 0.13f, 0.92f, 0.17f), lit(paint, random.chance(0.3f) ? 1.5f : 0.75f));

  Points window = scaled(roof, 0.84f, {(roof[1].x + roof[2].x) / 2, -0.24f});
  float top = window[1].y, bottom = -0.1f;
  canvas.polygon({{window[0].x + 0.03f, bottom}, {window[1].x, top}, {window[2].x, top}, {window[3].x - 0.05f, bottom}}, glass);
  canvas.polygon({{window[2].x - 0.18f, top}, {window[2].x - 0.08f, top}, {window[2].x - 0.2f, bottom}, {window[2].x - 0.34f, bottom}},
                 mixed(glass, {255, 255, 255}, 0.5));
  if (body != 3) {
    float post = (window[1].x + window[2].x) / 2;
    canvas.polygon(rectangle(post - 0.03f, top, post + 0.03f, bottom), lit(paint, 0.9f));
  }
  canvas.polygon(rectangle(-0.12f, 0.02f, -0.02f, 0.05f), lit(paint, 0.5f));
  canvas.ellipse({0.9f, 0.1f}, 0.06f, 0.045f, {190, 245, 255});
  canvas.polygon(rounded(rectangle(-0.97f, 0.03f, -0.89f, 0.12f), 0.02f), {40, 30, 210});

  float size = random.between(0.2f, 0.235f);
  cv::Scalar rim = random.chance(0.7f) ? cv::Scalar(205, 205, 200) : random.color(0.3f, 0.8f, 0.5f, 0.9f);
  for (float x : {-0.56f, 0.56f}) {
    Point hub(x, 0.28f);
    canvas.ellipse(hub, size + 0.035f, size + 0.03f, lit(paint, 0.3f));
    canvas.ellipse(hub, size, size, dark);
    canvas.ellipse(hub, size * 0.6f, size * 0.6f, rim);
    for (int spoke = 0; spoke < 5; ++spoke) {
      float a = pose.phase + float(spoke) * 2 * kPi / 5;
      canvas.stroke(hub, hub + Point(std::cos(a), std::sin(a)) * (size * 0.5f), size * 0.13f, lit(rim, 0.45f));
    }
    canvas.ellipse(hub, size * 0.16f, size * 0.16f, lit(rim, 0.8f));
  }
  canvas.shade(0.3f, 0.04f, random);
}

/// A walking figure.
void draw_person(Canvas& canvas, const SpritePose& pose, SceneRandom& random) {
  const cv::Scalar skins[] = {{190, 215, 245}, {140, 180, 230}, {95, 140, 200}, {60, 90, 150}, {40, 60, 100}};
  cv::Scalar skin = skins[random.below(5)], shirt = random.color(0.3f, 1.0f, 0.4f, 1.0f), trousers = random.color(0.2f, 0.9f, 0.2f, 0.8f);
  cv::Scalar hair = random.chance(0.75f) ? mixed({20, 25, 30}, {70, 120, 170}, random.unit()) : random.color(0.3f, 0.9f, 0.4f, 0.9f);
  float girth = random.between(0.85f, 1.2f), stride = random.between(0.35f, 0.6f) * std::sin(pose.phase);
  bool skirt = random.chance(0.25f), sleeves = random.chance(0.6f), hat = random.chance(0.25f), bag = random.chance(0.25f);
  auto limb = [&](Point joint, float angle, float bend, float upper, float lower, float thickness, const cv::Scalar& cloth,
                  const cv::Scalar& end, bool foot) {
    Point knee = joint + Point(std::sin(angle), std::cos(angle)) * upper;
    Point tip = knee + Point(std::sin(angle - bend), std::cos(angle - bend)) * lower;
    canvas.stroke(joint, knee, thickness, cloth);
    canvas.stroke(knee, tip, thickness * 0.8f, end);
    if (foot)
      canvas.stroke(tip, tip + Point(0.05f, 0.005f), thickness * 0.65f, {35, 35, 45});
    else
      canvas.ellipse(tip, thickness * 0.42f, thickness * 0.42f, skin);
  };
  float knee_back = 0.25f + 0.2f * std::cos(pose.phase), knee_front = 0.25f - 0.2f * std::cos(pose.phase);
  cv::Scalar far_cloth = lit(trousers, 0.75f), far_sleeve = lit(shirt, 0.75f);
  limb({-0.01f, -0.2f}, -stride * 0.9f, -0.35f, 0.14f, 0.13f, 0.062f * girth, far_sleeve, sleeves ? far_sleeve : lit(skin, 0.8f), false);
  limb({0, 0.06f}, -stride, knee_back, 0.2f, 0.19f, 0.085f * girth, skirt ? lit(skin, 0.8f) : far_cloth,
       skirt ? lit(skin, 0.8f) : far_cloth, true);
  limb({0, 0.06f}, stride, knee_front, 0.2f, 0.19f, 0.085f * girth, skirt ? skin : trousers, skirt ? skin : trousers, true);
  if (bag) canvas.polygon(rounded(rectangle(-0.19f * girth, -0.22f, -0.05f, 0.04f), 0.04f), random.color(0.4f, 0.9f, 0.4f, 0.9f));
  canvas.stroke({0, -0.32f}, {0.01f, -0.24f}, 0.06f, lit(skin, 0.85f));
  canvas.polygon(rounded({{-0.095f * girth, -0.27f}, {0.095f * girth, -0.27f}, {0.08f * girth, 0.08f}, {-0.08f * girth, 0.08f}}, 0.05f),
                 shirt);
  if (skirt)
    canvas.polygon({{-0.075f * girth, 0.0f}, {0.075f * girth, 0.0f}, {0.14f * girth, 0.22f}, {-0.14f * girth, 0.22f}}, trousers);
  else
    canvas.polygon(rectangle(-0.082f * girth, 0.035f, 0.082f * girth, 0.08f), lit(trousers, 0.8f));
  limb({0, -0.21f}, stride * 0.9f, -0.4f, 0.14f, 0.13f, 0.066f * girth, lit(shirt, 0.88f), sleeves ? lit(shirt, 0.88f) : skin, false);
  Point head(0.01f, -0.405f);
  canvas.ellipse(head, 0.075f, 0.092f, skin);
  Points cap = arc(head + Point(-0.012f, -0.01f), 0.082f, 0.096f, 0, kPi * 0.72f, kPi * 1.95f);
  canvas.polygon(cap, hair);
  if (random.chance(0.35f)) canvas.stroke(head + Point(-0.065f, 0), head + Point(-0.08f, 0.12f), 0.06f, hair);
  canvas.ellipse(head + Point(0.045f, 0.0f), 0.01f, 0.014f, {30, 30, 30});
  if (hat) {
    cv::Scalar felt = random.color(0.4f, 1.0f, 0.4f, 0.95f);
    canvas.polygon(arc(head + Point(0, -0.03f), 0.084f, 0.085f, 0, kPi, 2 * kPi), felt);
    canvas.stroke(head + Point(0, -0.035f), head + Point(0.12f, -0.03f), 0.025f, lit(felt, 0.8f));
  }
  canvas.shade(0.2f, 0.06f, random);
}

}  // namespace

std::span<const std::string_view> scene_class_names() {
  static constexpr std::array<std::string_view, kSceneClassCount> names = {"ball", "box", "sign", "star", "car", "person"};
  return names;
}

Sprite draw_sprite(const SpritePose& pose) {
  // A car is twice as long as high; everything else stays within 1.3 heights.
  float reach = pose.height * (pose.kind == SceneClass::car ? 1.12f : 0.72f) + 3 * pose.blur + 2;
  Sprite sprite;
  sprite.origin = {int(std::floor(pose.centre.x - reach)), int(std::floor(pose.centre.y - reach))};
  int side = int(std::ceil(2 * reach)) + 2;
  Point local = (pose.centre - Point(sprite.origin)) * float(kOversampling);
  Canvas canvas(side * kOversampling, local, pose.height * kOversampling, pose.rotation, pose.mirrored);

  SceneRandom random(pose.looks);
  switch (pose.kind) {
    case SceneClass::ball:
      draw_ball(canvas, pose, random);
      break;
    case SceneClass::box:
      draw_box(canvas, pose, random);
      break;
    case SceneClass::sign:
      draw_sign(canvas, random);
      break;
    case SceneClass::star:
      draw_star(canvas, pose, random);
      break;
    case SceneClass::car:
      draw_car(canvas, pose, random);
      break;
    case SceneClass::person:
      draw_person(canvas, pose, random);
      break;
  }

  cv::Rect drawn = cv::boundingRect(canvas.coverage() > 127);
  constexpr float step = 1.0f / kOversampling;
  sprite.box = cv::Rect2f(Point(sprite.origin) + Point(float(drawn.x), float(drawn.y)) * step,
                          cv::Size2f(float(drawn.width) * step, float(drawn.height) * step));
  cv::resize(canvas.color(), sprite.color, {side, side}, 0, 0, cv::INTER_AREA);
  cv::resize(canvas.coverage(), sprite.coverage, {side, side}, 0, 0, cv::INTER_AREA);
  if (pose.blur > 0.2f) {
    cv::GaussianBlur(sprite.color, sprite.color, {}, pose.blur);
    cv::GaussianBlur(sprite.coverage, sprite.coverage, {}, pose.blur);
  }
  return sprite;
}

}  // namespace saccade::vision
