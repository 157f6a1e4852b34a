// SPDX-License-Identifier: Apache-2.0
// Pictures and videos: good, broken, cut off; drawing at the edges; a detector around a network that is a function.
#include <gmock/gmock.h>

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "vision/detector.h"
#include "vision/draw.h"
#include "vision/image.h"
#include "vision/test_support.h"
#include "vision/video.h"

namespace saccade::vision {
namespace {

using testing::HasSubstr;

cv::Mat gradient(int width, int height) {
  cv::Mat picture(height, width, CV_8UC3);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) picture.at<cv::Vec3b>(y, x) = {static_cast<uchar>(x * 255 / width), static_cast<uchar>(y * 255 / height), static_cast<uchar>((x * y) % 251)};
  return picture;
}

class Media : public testing::Test {
 protected:
  Media() { silence_libraries(); }
  TemporaryFolder folder_;
};

TEST_F(Media, PicturesComeBack) {
  const cv::Mat picture = gradient(61, 37);
  write_picture(folder_ / "new/a.png", picture);
  EXPECT_EQ(cv::norm(read_picture(folder_ / "new/a.png"), picture, cv::NORM_INF), 0);
  cv::imwrite((folder_ / "grey.png").string(), picture.reshape(1, 37));
  EXPECT_EQ(read_picture(folder_ / "grey.png").type(), CV_8UC3);
  cv::Mat deep;
  picture.convertTo(deep, CV_16U, 257);
  cv::imwrite((folder_ / "deep.png").string(), deep);
  EXPECT_EQ(cv::norm(read_picture(folder_ / "deep.png"), picture, cv::NORM_INF), 0);
  EXPECT_THAT(error_of([&] { write_picture(folder_ / "a.xyz", picture); }), HasSubstr("no encoder"));
}

TEST_F(Media, BrokenPicturesAreRefused) {
  for (const char* ending : {".jpg", ".png", ".bmp", ".webp"}) {
    const auto path = folder_ / (std::string("a") + ending);
    write_picture(path, gradient(200, 150));
    const std::string whole = folder_.read(path);
    for (const double share : {0.0, 0.01, 0.1, 0.5, 0.9}) {
      const auto cut = folder_.write(std::string("cut") + ending, whole.substr(0, static_cast<std::size_t>(static_cast<double>(whole.size()) * share)));
      EXPECT_NE(error_of([&] { read_picture(cut); }), "no error") << ending << " " << share;
    }
  }
  EXPECT_THAT(error_of([&] { read_picture(folder_.write("text.jpg", "this is no picture")); }), HasSubstr("broken, or no picture"));
  EXPECT_THAT(error_of([&] { read_picture(folder_ / "absent.jpg"); }), HasSubstr("cannot be read: No such file"));
  EXPECT_THAT(error_of([&] { read_picture(folder_.path()); }), HasSubstr("is a folder"));
}

TEST_F(Media, ExifOrientationIsApplied) {
  std::vector<uchar> bytes;
  cv::imencode(".jpg", gradient(64, 32), bytes);
  // An APP1 segment with orientation 6 (turn right), after the start of the image.
  const std::string exif("\xFF\xE1\x00\x22" "Exif\0\0" "II*\0\x08\0\0\0" "\x01\0" "\x12\x01\x03\0\x01\0\0\0\x06\0\0\0" "\0\0\0\0", 36);
  bytes.insert(bytes.begin() + 2, exif.begin(), exif.end());
  EXPECT_EQ(read_picture(folder_.write("turned.jpg", std::string(bytes.begin(), bytes.end()))).size(), cv::Size(32, 64));
}

void write_video(const std::filesystem::path& path, int frames, cv::Size size = {160, 120}) {
  VideoWriter writer(path, 25, size);
  for (int i = 0; i < frames; ++i) {
    cv::Mat frame = gradient(size.width, size.height);
    cv::circle(frame, {10 + 3 * i, 60}, 12, {0, 0, 255}, cv::FILLED);
    writer.write(frame);
  }
  writer.commit();
}

TEST_F(Media, VideosComeBack) {
  for (const char* name : {"a.mp4", "a.avi", "odd.mkv"}) {
    write_video(folder_ / name, 30);
    VideoReader reader(folder_ / name);
    cv::Mat frame;
    while (reader.read(frame)) EXPECT_EQ(frame.size(), cv::Size(160, 120));
    EXPECT_EQ(reader.frames_read(), 30) << name;
    EXPECT_FALSE(reader.ended_early());
    EXPECT_NEAR(reader.frames_per_s(), 25, .1);
  }
  EXPECT_THAT(error_of([&] { VideoWriter(folder_ / "a.gif", 25, {10, 10}); }), HasSubstr("video goes to .mp4"));
  { VideoWriter unfinished(folder_ / "u.mp4", 25, {160, 120}); }
  EXPECT_FALSE(std::filesystem::exists(folder_ / "u.mp4"));
}

TEST_F(Media, VideosThatBreakOff) {
  write_video(folder_ / "a.avi", 60);
  const std::string whole = folder_.read(folder_ / "a.avi");
  VideoReader reader(folder_.write("cut.avi", whole.substr(0, whole.size() / 2)));
  cv::Mat frame;
  while (reader.read(frame)) {
  }
  EXPECT_GT(reader.frames_read(), 5);
  EXPECT_LT(reader.frames_read(), 50);
  EXPECT_TRUE(reader.ended_early());
  write_video(folder_ / "b.mp4", 20);
  const std::string mp4 = folder_.read(folder_ / "b.mp4");
  EXPECT_THAT(error_of([&] { VideoReader(folder_.write("cut.mp4", mp4.substr(0, mp4.size() / 2))); }), HasSubstr("broken or cut off"));
  EXPECT_THAT(error_of([&] { VideoReader(folder_.write("text.mp4", "no video")); }), HasSubstr("no video of a format"));
  EXPECT_THAT(error_of([&] { VideoReader(folder_ / "absent.mp4"); }), HasSubstr("No such file"));
}

TEST(Draw, StaysInsideAnySize) {
  const Detections found = {{.x1 = 0, .y1 = 0, .x2 = 3000, .y2 = 3000, .score = .9f, .class_id = 1}, {.x1 = -50, .y1 = -50, .x2 = 1, .y2 = 1, .score = .8f, .class_id = 900},
                            {.x1 = 2, .y1 = 2, .x2 = 3, .y2 = 3, .score = .7f, .class_id = 3, .points = {{1e9f, 1}, {1, 1}}}};
  const Labels labels({"\xC3\xA4", "a name so long that no picture here can ever be as wide as it", ""});
  for (const cv::Size size : {cv::Size(1, 1), cv::Size(7, 300), cv::Size(300, 7), cv::Size(640, 480), cv::Size(4000, 3000)}) {
    cv::Mat picture(size, CV_8UC3, cv::Scalar::all(90));
    EXPECT_NO_THROW(draw_detections(picture, found, labels));
    EXPECT_GT(cv::norm(picture, cv::Mat(size, CV_8UC3, cv::Scalar::all(90)), cv::NORM_INF), 0);
  }
}

TEST(Detector, FindsWhatTheNetworkGives) {
  const Signature signature{64, 64, {{"out", {1, 1, 2, 7}}}};
  Network network{.signature = signature, .type = ElementType::f32};
  network.run = [](const Tensor& input) {
    EXPECT_EQ(input.shape(), (Shape{1, 3, 64, 64}));
    return std::vector<Tensor>{Tensor::from<float>({1, 1, 2, 7}, {0, 1, .9f, .25f, .25f, .75f, .75f, 0, 2, .8f, 0, 0, .5f, .5f})};
  };
  Detector detector(network, make_detector_settings(signature, nlohmann::json::object()));
  DetectTimes times;
  Detections found = detector.detect(gradient(200, 100), &times);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_FLOAT_EQ(found[0].x1, 50);
  EXPECT_FLOAT_EQ(found[0].y2, 75);
  detector.keep_classes({2});
  found = detector.detect(gradient(200, 100), &times);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].class_id, 2);
  EXPECT_GT(times.prepare, 0);
}

}  // namespace
}  // namespace saccade::vision
