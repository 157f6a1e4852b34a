// SPDX-License-Identifier: Apache-2.0
// What rendered scenes promise: the same seed gives the same pixels, and the truth is where things are drawn.
#include "vision/scenes.h"

#include <gtest/gtest.h>

#include <opencv2/imgproc.hpp>
#include <set>

#include "saccade/error.h"
#include "vision/scene_random.h"

namespace saccade::vision {
namespace {

TEST(scenes, same_seed_and_time_give_the_same_pixels) {
  const SceneOptions options{.width = 160, .height = 96, .seed = 7};
  const SceneFrame first = Scene(options).render(1.5), second = Scene(options).render(1.5);
  EXPECT_EQ(cv::norm(first.image, second.image, cv::NORM_L1), 0);
  ASSERT_EQ(first.truth.size(), second.truth.size());
  for (size_t i = 0; i < first.truth.size(); ++i) EXPECT_EQ(first.truth[i].box, second.truth[i].box);
  EXPECT_GT(cv::norm(first.image, Scene(options).render(2.5).image, cv::NORM_L1), 0);
  EXPECT_GT(cv::norm(first.image, Scene({160, 96, 8}).render(1.5).image, cv::NORM_L1), 0);
}

TEST(scenes, neighbouring_seeds_have_nothing_in_common) {
  SceneRandom first(1), second(2);
  std::set<std::uint64_t> numbers;
  for (int i = 0; i < 1000; ++i) numbers.insert(first.bits()), numbers.insert(second.bits());
  EXPECT_EQ(numbers.size(), 2000u);
}

TEST(scenes, truth_lies_in_the_frame_and_shows_every_class) {
  std::set<SceneClass> seen;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const SceneFrame frame = Scene({192, 108, seed}).render(double(seed) / 4);
    ASSERT_EQ(frame.image.size(), cv::Size(192, 108));
    ASSERT_EQ(frame.image.type(), CV_8UC3);
    for (const SceneBox& object : frame.truth) {
      seen.insert(object.kind);
      EXPECT_GE(object.visible, kSceneVisibleShare);
      EXPECT_LE(object.visible, 1.0f);
      EXPECT_GT(object.box.area(), 0);
      EXPECT_EQ(object.box & cv::Rect2f(0, 0, 192, 108), object.box);
    }
    for (const SceneBox& object : frame.hidden) EXPECT_LT(object.visible, kSceneVisibleShare);
  }
  EXPECT_EQ(seen.size(), size_t(kSceneClassCount));
}

TEST(scenes, boxes_enclose_what_is_drawn) {
  for (int kind = 0; kind < kSceneClassCount; ++kind) {
    for (std::uint64_t looks = 1; looks <= 12; ++looks) {
      SpritePose pose{.kind = SceneClass(kind), .looks = looks, .centre = {80.3f, 61.7f}, .height = 60, .rotation = 0.4f};
      const Sprite sprite = draw_sprite(pose);
      const cv::Rect drawn = cv::boundingRect(sprite.coverage > 127) + sprite.origin;
      EXPECT_NEAR(sprite.box.x, float(drawn.x), 1.01f);
      EXPECT_NEAR(sprite.box.y, float(drawn.y), 1.01f);
      EXPECT_NEAR(sprite.box.br().x, float(drawn.br().x), 1.01f);
      EXPECT_NEAR(sprite.box.br().y, float(drawn.br().y), 1.01f);
      // Nothing is cut off at the border of the sprite's own canvas.
      const cv::Mat& cover = sprite.coverage;
      EXPECT_EQ(cv::countNonZero(cover.row(0)) + cv::countNonZero(cover.row(cover.rows - 1)), 0);
      EXPECT_EQ(cv::countNonZero(cover.col(0)) + cv::countNonZero(cover.col(cover.cols - 1)), 0);
    }
  }
}

TEST(scenes, refuses_tiny_frames) { EXPECT_THROW(Scene({32, 32, 1}), Error); }

}  // namespace
}  // namespace saccade::vision
