// SPDX-License-Identifier: Apache-2.0
// Preparation and its inverse; suppression.
#include "vision/preparation.h"

#include <gmock/gmock.h>

#include <random>

#include "vision/nms.h"
#include "vision/test_support.h"

namespace saccade::vision {
namespace {

cv::Mat noise(int width, int height) {
  cv::Mat picture(height, width, CV_8UC3);
  cv::RNG random(7);
  random.fill(picture, cv::RNG::UNIFORM, 0, 256);
  return picture;
}

TEST(Preparation, OrdersChannelsAndNormalises) {
  const cv::Mat picture = noise(6, 4);
  const Preparation rgb{.width = 6, .height = 4, .color = Color::rgb, .mean = {1, 2, 3}, .scale = {2, 4, 8}};
  for (const TensorLayout layout : {TensorLayout::nchw, TensorLayout::nhwc}) {
    Preparer preparer(rgb, layout, ElementType::f32);
    Tensor tensor(ElementType::f32, preparer.shape());
    preparer.prepare(picture, tensor);
    for (int y = 0; y < 4; ++y)
      for (int x = 0; x < 6; ++x)
        for (int c = 0; c < 3; ++c) {
          const float expected = (static_cast<float>(picture.at<cv::Vec3b>(y, x)[2 - c]) - rgb.mean[static_cast<std::size_t>(c)]) / rgb.scale[static_cast<std::size_t>(c)];
          EXPECT_EQ(tensor.data<float>()[layout == TensorLayout::nchw ? (c * 4 + y) * 6 + x : (y * 6 + x) * 3 + c], expected);
        }
  }
}

TEST(Preparation, BytesStayBytes) {
  const cv::Mat picture = noise(5, 3);
  Preparer preparer({.width = 5, .height = 3}, TensorLayout::nhwc, ElementType::u8);
  Tensor tensor(ElementType::u8, preparer.shape());
  preparer.prepare(picture, tensor);
  EXPECT_EQ(std::memcmp(tensor.raw(), picture.data, 45), 0);
}

TEST(Preparation, PadsWhereTheLetterboxSays) {
  const cv::Mat picture(10, 20, CV_8UC3, cv::Scalar(200, 200, 200));
  for (const Letterbox letterbox : {Letterbox::top_left, Letterbox::centre}) {
    Preparer preparer({.width = 16, .height = 16, .letterbox = letterbox, .pad_value = 114}, TensorLayout::nchw, ElementType::f32);
    Tensor tensor(ElementType::f32, preparer.shape());
    preparer.prepare(picture, tensor);
    const float* p = tensor.data<float>();
    EXPECT_EQ(p[0], letterbox == Letterbox::top_left ? 200 : 114);
    EXPECT_EQ(p[8 * 16], letterbox == Letterbox::top_left ? 114 : 200);
    EXPECT_EQ(p[15 * 16], 114);
  }
}

/// The map takes the corners of the placed picture to those of the picture itself, whatever the sizes.
TEST(Preparation, BoxMapIsTheExactInverse) {
  std::mt19937 random(3);
  for (int i = 0; i < 300; ++i) {
    const auto size = [&](int most) { return 1 + static_cast<int>(random() % static_cast<unsigned>(most)); };
    Preparation p{.width = size(500), .height = size(500)};
    p.letterbox = static_cast<Letterbox>(random() % 3);
    p.rounding = static_cast<Rounding>(random() % 2);
    const int width = size(900), height = size(900);
    const Placement placed = place(p, width, height);
    ASSERT_GE(placed.x, 0);
    ASSERT_GE(placed.width, 1);
    ASSERT_LE(placed.x + placed.width, p.width);
    ASSERT_LE(placed.y + placed.height, p.height);
    Preparer preparer(p, TensorLayout::nchw, ElementType::u8);
    const BoxMap map = preparer.prepare(cv::Mat(height, width, CV_8UC3, cv::Scalar::all(0)), Tensor(ElementType::u8, preparer.shape()));
    Detections corners = {{.x1 = static_cast<float>(placed.x), .y1 = static_cast<float>(placed.y), .x2 = static_cast<float>(placed.x + placed.width), .y2 = static_cast<float>(placed.y + placed.height)}};
    map.to_picture(corners);
    ASSERT_EQ(corners.size(), 1u);
    EXPECT_NEAR(corners[0].x1, 0, 1e-3);
    EXPECT_NEAR(corners[0].y1, 0, 1e-3);
    EXPECT_NEAR(corners[0].x2, width, 1e-3);
    EXPECT_NEAR(corners[0].y2, height, 1e-3);
  }
}

TEST(Preparation, DropsBoxesOutsideThePicture) {
  const BoxMap map{.scale_x = 2, .scale_y = 2, .offset_x = 10, .width = 100, .height = 50};
  Detections boxes = {{.x1 = 0, .y1 = 5, .x2 = 9, .y2 = 8}, {.x1 = 5, .y1 = 5, .x2 = 20, .y2 = 90}};
  map.to_picture(boxes);
  ASSERT_EQ(boxes.size(), 1u);
  EXPECT_EQ(boxes[0].x1, 0);
  EXPECT_EQ(boxes[0].x2, 20);
  EXPECT_EQ(boxes[0].y2, 50);
}

TEST(Preparation, RefusesWhatCannotBe) {
  EXPECT_THAT(error_of([] { Preparer({.width = 0, .height = 4}, TensorLayout::nchw, ElementType::f32); }), testing::HasSubstr("0x4"));
  EXPECT_THAT(error_of([] { Preparer({.width = 4, .height = 4, .scale = {1, 0, 1}}, TensorLayout::nchw, ElementType::f32); }), testing::HasSubstr("scale not 0"));
  EXPECT_THAT(error_of([] { Preparer({.width = 4, .height = 4}, TensorLayout::nchw, ElementType::i64); }), testing::HasSubstr("i64"));
  EXPECT_THAT(error_of([] { parse_letterbox("middle"); }), testing::HasSubstr("none, top-left, centre"));
  EXPECT_EQ(parse_letterbox("CENTER"), Letterbox::centre);
  EXPECT_EQ(parse_letterbox("top_left"), Letterbox::top_left);
}

Detection box(float x1, float y1, float x2, float y2, float score, int class_id = 0) { return {.x1 = x1, .y1 = y1, .x2 = x2, .y2 = y2, .score = score, .class_id = class_id}; }

TEST(Nms, KeepsTheBestOfEachClass) {
  Detections found = {box(0, 0, 10, 10, .5f), box(1, 0, 11, 10, .9f), box(0, 0, 10, 10, .4f, 1), box(50, 0, 60, 10, .3f)};
  Detections all = found;
  suppress(found, {.iou = .5});
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].score, .9f);
  EXPECT_EQ(found[1].class_id, 1);
  suppress(all, {.iou = .5, .scope = NmsScope::all_classes});
  EXPECT_EQ(all.size(), 2u);
}

TEST(Nms, KeepsOrderOfEqualScoresAndLimits) {
  Detections found;
  for (int i = 0; i < 50; ++i) found.push_back(box(static_cast<float>(20 * i), 0, static_cast<float>(20 * i + 10), 10, .5f));
  suppress(found, {.max_detections = 7});
  ASSERT_EQ(found.size(), 7u);
  for (int i = 0; i < 7; ++i) EXPECT_EQ(found[static_cast<std::size_t>(i)].x1, static_cast<float>(20 * i));
}

TEST(Nms, TakesNothingAndNanAndEqualsPairwiseOverlap) {
  Detections found;
  suppress(found, {});
  EXPECT_TRUE(found.empty());
  found = {box(0, 0, 10, 10, std::nanf("")), box(0, 0, 10, 10, .2f)};
  suppress(found, {});
  EXPECT_EQ(found.size(), 1u);
  std::mt19937 random(5);
  std::uniform_real_distribution<float> uniform(0, 1);
  for (int i = 0; i < 400; ++i) {
    const float x = uniform(random) * 50, y = uniform(random) * 50;
    found.push_back(box(x, y, x + 5 + 20 * uniform(random), y + 5 + 20 * uniform(random), uniform(random), static_cast<int>(random() % 3)));
  }
  suppress(found, {.iou = .4, .max_detections = 1000});
  for (std::size_t a = 0; a < found.size(); ++a)
    for (std::size_t b = 0; b < a; ++b)
      if (found[a].class_id == found[b].class_id) { EXPECT_LE(overlap(found[a], found[b]), .4001f); }
}

}  // namespace
}  // namespace saccade::vision
