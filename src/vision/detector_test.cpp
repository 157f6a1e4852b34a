// SPDX-License-Identifier: Apache-2.0
// Detectors whose engine orders channels and applies mean and scale find what those find whose pictures come prepared.
#include "vision/detector.h"

#include <gtest/gtest.h>

#include "export/saccade/cache_file.h"
#include "graph/text.h"
#include "ops/registry.h"
#include "vision/test_support.h"

namespace saccade::vision {
namespace {

// One detection, which depends on every byte of the picture.
std::string network(const std::string& input, const std::string& image, int channels) {
  return "graph(%x: " + input + ") {\n  %image = " + image + "\n  %features = Convolution(%image, f32[7," + std::to_string(channels) +
         R"(,3,3]{random 5}) {strides=[2,2] pads_begin=[1,1] pads_end=[1,1]}
  %means = Add(Multiply(ReduceMean(%features, i64[2]{2,3}), f32{0.1}), f32[1,7]{0,0,2,-2,-2,2,2})
  return Reshape(Multiply(Sigmoid(%means), f32[1,7]{0,0,1,1,1,1,1}), i64[4]{1,1,1,7}) as "detection_out"
})";
}

struct Case {
  std::string input, image, color;
  int channels;
};

void expect_same(const Case& c) {
  TemporaryFolder folder;
  const auto path = folder / "network.saccade";
  exporter::write_cache_file(graph::parse(network(c.input, c.image, c.channels), ops::find_op), path);
  const nlohmann::json settings = {{"decoder", "detection_output"},
                                   {"input", {{"mean", {100, 110, 120}}, {"scale", {50, 60, 70}}, {"color", c.color}}}};
  Detector detector = open_detector(path, {.settings = settings});

  const Core core;
  const Model model = core.read_model(path);
  const PictureInput input = picture_input(model.inputs()[0]);
  Network prepared{.signature = {}, .layout = input.layout, .type = input.type};
  prepared.run = [request = core.compile_model(model).create_infer_request()](const Tensor& tensor) mutable {
    request.set_input_tensor(tensor);
    request.infer();
    return std::vector<Tensor>{request.get_output_tensor()};
  };
  Detector by_hand(std::move(prepared), detector.settings());

  cv::Mat picture(33, 47, CV_8UC3);
  cv::RNG random(7);
  random.fill(picture, cv::RNG::UNIFORM, 0, 256);
  const Detections found = detector.detect(picture), expected = by_hand.detect(picture);
  ASSERT_EQ(1u, found.size());
  ASSERT_EQ(1u, expected.size());
  EXPECT_NEAR(expected[0].score, found[0].score, 1e-5);
  for (const auto side : {&Detection::x1, &Detection::y1, &Detection::x2, &Detection::y2})
    EXPECT_NEAR(expected[0].*side, found[0].*side, 1e-3);
}

TEST(Detector, LeavesOrderMeanAndScaleToTheEngine) {
  for (const char* color : {"rgb", "bgr"}) {
    expect_same({"f32[1,3,24,32]", "Relu(%x)", color, 3});
    expect_same({"f32[1,24,32,3]", "Transpose(%x, i64[4]{0,3,1,2})", color, 3});
    expect_same({"f16[1,3,24,32]", "Convert(%x) {destination_type=f32}", color, 3});
  }
  expect_same({"f32[1,1,24,32]", "Relu(%x)", "grey", 1});
}

TEST(Detector, OfPicturesOfAnySize) { expect_same({"f32[1,3,?,?]", "Relu(%x)", "rgb", 3}); }

}  // namespace
}  // namespace saccade::vision
