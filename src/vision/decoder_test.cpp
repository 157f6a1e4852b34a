// SPDX-License-Identifier: Apache-2.0
// Every family: that it is recognised, decodes what is known, and survives empty, NaN and huge values.
#include "vision/decoder.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "vision/decoder_tools.h"
#include "vision/priors.h"
#include "vision/test_support.h"

namespace saccade::vision {
namespace {

struct Family {
  std::string name;
  Signature signature;
  std::string labels;
};

std::vector<OutputInfo> yunet_outputs() {
  std::vector<OutputInfo> outputs;
  for (const auto& [name, columns] : {std::pair<std::string, int>{"cls", 1}, {"obj", 1}, {"bbox", 4}, {"kps", 10}})
    for (const int stride : {8, 16, 32}) outputs.push_back({name + "_" + std::to_string(stride), {1, (320 / stride) * (320 / stride), columns}});
  return outputs;
}

const std::vector<Family>& families() {
  static const std::vector<Family> list = {
      {"detection_output", {544, 320, {{"detection_out", {1, 1, 200, 7}}}}, ""},
      {"tf_od", {300, 300, {{"num_detections:0", {1}}, {"detection_boxes:0", {1, 100, 4}}, {"detection_scores:0", {1, 100}}, {"detection_classes:0", {1, 100}}}}, "coco90"},
      {"tf_od", {300, 300, {{"TFLite_Detection_PostProcess", {1, 10, 4}}, {"TFLite_Detection_PostProcess:1", {1, 10}}, {"TFLite_Detection_PostProcess:2", {1, 10}}, {"TFLite_Detection_PostProcess:3", {1}}}}, "coco90"},
      {"yunet", {320, 320, yunet_outputs()}, ""},
      {"ultraface", {320, 240, {{"scores", {1, 4420, 2}}, {"boxes", {1, 4420, 4}}}}, ""},
      {"gfl", {416, 416, {{"a", {1, 2704, 80}}, {"b", {1, 676, 80}}, {"c", {1, 169, 80}}, {"d", {1, 2704, 32}}, {"e", {1, 676, 32}}, {"f", {1, 169, 32}}}}, "coco80"},
      {"gfl", {320, 320, {{"d", {1600, 32}}, {"a", {1600, 80}}, {"b", {400, 80}}, {"e", {400, 32}}, {"c", {100, 80}}, {"f", {100, 32}}, {"g", {25, 80}}, {"h", {25, 32}}}}, "coco80"},
      {"gfl", {320, 320, {{"output", {1, 2125, 112}}}}, "coco80"},
      {"yolox", {416, 416, {{"output", {1, 3549, 85}}}}, "coco80"},
      {"yolov5", {640, 640, {{"output0", {1, 25200, 85}}}}, "coco80"},
      {"yolov5", {640, 640, {{"a", {1, 3, 80, 80, 25}}, {"b", {1, 3, 40, 40, 25}}, {"c", {1, 3, 20, 20, 25}}}}, "voc"},
      {"yolov8", {640, 640, {{"output0", {1, 84, 8400}}}}, "coco80"},
      {"yolo_end2end", {640, 640, {{"output0", {1, 300, 6}}}}, "coco80"},
      {"ssd_raw", {300, 300, {{"boxes", {1, 1917, 4}}, {"scores", {1, 1917, 91}}}}, "coco90"},
      {"ssd_raw", {260, 260, {{"conf", {1, 5972, 2}}, {"loc", {1, 5972, 4}}}}, ""},
      {"ssd_raw", {300, 300, {{"loc", {1, 8732 * 4}}, {"conf", {1, 8732 * 21}}, {"priors", {1, 2, 8732 * 4}}}}, "voc21"},
  };
  return list;
}

std::vector<Tensor> filled(const Signature& signature, float value) {
  std::vector<Tensor> tensors;
  for (const OutputInfo& output : signature.outputs) {
    Tensor tensor(ElementType::f32, output.shape);
    std::fill_n(tensor.data<float>(), tensor.size(), value);
    tensors.push_back(tensor);
  }
  return tensors;
}

TEST(Decoders, AreRecognised) {
  for (const Family& family : families()) {
    const DecoderChoice choice = choose_decoder(family.signature);
    EXPECT_EQ(choice.family, family.name) << family.signature.outputs[0].name;
    EXPECT_EQ(choice.labels, family.labels) << family.name;
    EXPECT_EQ(choice.preparation.width, family.signature.width);
  }
}

TEST(Decoders, SurviveStrangeValues) {
  for (const Family& family : families()) {
    const DecoderChoice choice = choose_decoder(family.signature);
    for (const float value : {0.f, 1.f, -1.f, 0.5f, 1e30f, -1e30f, std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(), std::nanf("")}) {
      Detections found;
      EXPECT_NO_THROW(choice.decoder->decode(filled(family.signature, value), {family.signature.width, family.signature.height}, 0.01f, found)) << family.name << " " << value;
      for (const Detection& d : found) EXPECT_TRUE(std::isfinite(d.x1 + d.y1 + d.x2 + d.y2 + d.score) && d.x2 > d.x1 && d.y2 > d.y1) << family.name << " " << value;
      if (std::isnan(value)) { EXPECT_TRUE(found.empty()) << family.name; }
    }
  }
}

TEST(Decoders, RefuseWrongShapes) {
  for (const Family& family : families()) {
    const DecoderChoice choice = choose_decoder(family.signature);
    Detections found;
    EXPECT_THROW(choice.decoder->decode({}, {family.signature.width, family.signature.height}, 0.1f, found), Error) << family.name;
    std::vector<Tensor> odd(family.signature.outputs.size(), Tensor(ElementType::f32, {1, 3, 5}));
    EXPECT_THROW(choice.decoder->decode(odd, {family.signature.width, family.signature.height}, 0.1f, found), Error) << family.name;
  }
  EXPECT_THAT(error_of([] { choose_decoder({224, 224, {{"prob", {1, 1000}}}}); }), testing::HasSubstr("prob [1,1000]"));
  EXPECT_THAT(error_of([] { choose_decoder({224, 224, {{"prob", {1, 1000}}}}, "yolo9000"); }), testing::HasSubstr("there is no decoder 'yolo9000'"));
  EXPECT_THAT(error_of([] { choose_decoder({224, 224, {{"prob", {1, 1000}}}}, "yolox"); }), testing::HasSubstr("does not fit"));
  EXPECT_THAT(error_of([] { choose_decoder({640, 640, {{"o", {1, 84, 8400}}}}, "yolov8", {{"name", "yolov8"}, {"rows", "yes"}}); }), testing::HasSubstr("wrong kind"));
}

Detection only(const Detections& found) {
  EXPECT_EQ(found.size(), 1u);
  return found.empty() ? Detection{} : found[0];
}

void expect_box(const Detection& d, float x1, float y1, float x2, float y2, float score, int class_id) {
  EXPECT_NEAR(d.x1, x1, 1e-3);
  EXPECT_NEAR(d.y1, y1, 1e-3);
  EXPECT_NEAR(d.x2, x2, 1e-3);
  EXPECT_NEAR(d.y2, y2, 1e-3);
  EXPECT_NEAR(d.score, score, 1e-5);
  EXPECT_EQ(d.class_id, class_id);
}

Detections decode(const Signature& signature, const std::vector<Tensor>& outputs, float confidence = 0.3f) {
  Detections found;
  choose_decoder(signature).decoder->decode(outputs, {signature.width, signature.height}, confidence, found);
  return found;
}

TEST(Decoders, DetectionOutputEndsAtNegativeImage) {
  const Signature signature{200, 100, {{"out", {1, 1, 3, 7}}}};
  const Tensor rows = Tensor::from<float>({1, 1, 3, 7}, {0, 2, .9f, .1f, .2f, .5f, .6f, -1, 0, 0, 0, 0, 0, 0, 0, 1, .9f, .1f, .1f, .9f, .9f});
  expect_box(only(decode(signature, {rows})), 20, 20, 100, 60, .9f, 2);
}

TEST(Decoders, TfOdCountsAndOrdersCorners) {
  const Signature signature{200, 100, {{"detection_boxes", {1, 2, 4}}, {"detection_classes", {1, 2}}, {"detection_scores", {1, 2}}, {"num_detections", {1}}}};
  const std::vector<Tensor> outputs = {Tensor::from<float>({1, 2, 4}, {.2f, .1f, .6f, .5f, 0, 0, 1, 1}), Tensor::from<float>({1, 2}, {18, 1}), Tensor::from<float>({1, 2}, {.8f, .9f}),
                                       Tensor::from<float>({1}, {1})};
  expect_box(only(decode(signature, outputs)), 20, 20, 100, 60, .8f, 18);
}

TEST(Decoders, TfliteClassesStartAtTheBackground) {
  const Signature signature{200, 100, {{"TFLite_Detection_PostProcess", {1, 1, 4}}, {"x:1", {1, 1}}, {"x:2", {1, 1}}, {"x:3", {1}}}};
  const std::vector<Tensor> outputs = {Tensor::from<float>({1, 1, 4}, {.2f, .1f, .6f, .5f}), Tensor::from<float>({1, 1}, {0}), Tensor::from<float>({1, 1}, {.8f}), Tensor::from<float>({1}, {1})};
  expect_box(only(decode(signature, outputs)), 20, 20, 100, 60, .8f, 1);
}

TEST(Decoders, YoloxCellOfTheSecondStride) {
  Family family = families()[8];
  auto outputs = filled(family.signature, 0);
  float* row = outputs[0].data<float>() + (52 * 52 + 3 * 26 + 4) * 85;  // stride 16, row 3, column 4
  row[0] = .5f, row[1] = .25f, row[2] = std::log(2.f), row[3] = std::log(4.f), row[4] = .9f, row[5 + 7] = .8f;
  expect_box(only(decode(family.signature, outputs)), 4.5f * 16 - 16, 3.25f * 16 - 32, 4.5f * 16 + 16, 3.25f * 16 + 32, .72f, 7);
}

TEST(Decoders, GflMeanOfTheDistribution) {
  const Signature signature = families()[5].signature;
  auto outputs = filled(signature, 0);
  const int cell = 5 * 26 + 6;  // stride 16
  outputs[1].data<float>()[cell * 80 + 3] = .7f;
  float* bins = outputs[4].data<float>() + cell * 32;
  for (int side = 0; side < 4; ++side) bins[side * 8 + side + 1] = 100;  // distances of 1, 2, 3 and 4 cells
  expect_box(only(decode(signature, outputs)), 6.5f * 16 - 16, 5.5f * 16 - 32, 6.5f * 16 + 48, 5.5f * 16 + 64, .7f, 3);
}

TEST(Decoders, Yolov8BothOrientations) {
  const Signature signature = families()[11].signature;
  auto outputs = filled(signature, 0);
  float* data = outputs[0].data<float>();
  for (const auto& [channel, value] : {std::pair{0, 100.f}, {1, 80.f}, {2, 40.f}, {3, 20.f}, {4 + 16, .6f}}) data[channel * 8400 + 123] = value;
  expect_box(only(decode(signature, outputs)), 80, 70, 120, 90, .6f, 16);
  Tensor rows(ElementType::f32, {1, 8400, 84});
  for (int c = 0; c < 84; ++c) rows.data<float>()[123 * 84 + c] = data[c * 8400 + 123];
  Detections found;
  choose_decoder({640, 640, {{"o", {1, 8400, 84}}}}, "yolov8", {{"name", "yolov8"}, {"rows", true}}).decoder->decode({&rows, 1}, {640, 640}, .3f, found);
  expect_box(only(found), 80, 70, 120, 90, .6f, 16);
}

TEST(Decoders, Yolov5PixelsAndRawHeads) {
  const Signature ready{64, 64, {{"o", {1, 3 * 84, 7}}}};
  auto outputs = filled(ready, 0);
  float* row = outputs[0].data<float>() + 100 * 7;
  row[0] = 30, row[1] = 20, row[2] = 10, row[3] = 8, row[4] = .9f, row[6] = .5f;
  expect_box(only(decode(ready, outputs)), 25, 16, 35, 24, .45f, 1);

  const Signature raw{64, 64, {{"a", {1, 3, 8, 8, 6}}, {"b", {1, 3, 4, 4, 6}}, {"c", {1, 3, 2, 2, 6}}}};
  outputs = filled(raw, -20);
  row = outputs[1].data<float>() + (2 * 16 + 1 * 4 + 2) * 6;  // third anchor of stride 16, row 1, column 2
  row[0] = row[1] = row[2] = row[3] = 0, row[4] = row[5] = 20;
  expect_box(only(decode(raw, outputs)), 2.5f * 16 - 29.5f, 1.5f * 16 - 59.5f, 2.5f * 16 + 29.5f, 1.5f * 16 + 59.5f, 1, 0);
}

TEST(Decoders, YunetBoxAndPoints) {
  const Signature signature = families()[3].signature;
  auto outputs = filled(signature, 0);
  const int cell = 2 * 40 + 3;
  outputs[0].data<float>()[cell] = .81f, outputs[3].data<float>()[cell] = 1;
  outputs[6].data<float>()[cell * 4 + 2] = std::log(2.f);
  outputs[9].data<float>()[cell * 10] = 1;
  const Detection d = only(decode(signature, outputs));
  expect_box(d, 24 - 8, 16 - 4, 24 + 8, 16 + 4, .9f, 0);
  ASSERT_EQ(d.points.size(), 5u);
  EXPECT_EQ(d.points[0][0], 32);
}

TEST(Decoders, UltrafaceCornersAndOffsetsAgree) {
  const Signature signature = families()[4].signature;
  const auto priors = ultraface_priors({320, 240});
  ASSERT_EQ(priors.size(), 4420u);
  auto corners = filled(signature, 0), offsets = filled(signature, 0);
  for (std::size_t i = 0; i < priors.size(); ++i) {
    float* box = corners[1].data<float>() + 4 * i;
    box[0] = priors[i].x - priors[i].width / 2, box[1] = priors[i].y - priors[i].height / 2, box[2] = priors[i].x + priors[i].width / 2, box[3] = priors[i].y + priors[i].height / 2;
  }
  for (auto* outputs : {&corners, &offsets}) (*outputs)[0].data<float>()[2 * 1000 + 1] = .95f;
  const Detection a = only(decode(signature, corners)), b = only(decode(signature, offsets));
  expect_box(b, a.x1, a.y1, a.x2, a.y2, .95f, 1);
}

TEST(Decoders, SsdPriorsOfThreeNetworks) {
  for (const std::size_t f : {13u, 14u}) {
    const Signature signature = families()[f].signature;
    auto outputs = filled(signature, 0);
    const bool scores_first = signature.outputs[0].shape[2] != 4;
    Tensor& scores = outputs[scores_first ? 0 : 1];
    scores.data<float>()[700 * scores.shape()[2] + 1] = .9f;
    const Detection d = only(decode(signature, outputs));
    EXPECT_EQ(d.class_id, 1);
    EXPECT_GT(d.width(), 5);
  }
  // Logits instead of probabilities are told by their range.
  const Signature signature = families()[15].signature;
  auto outputs = filled(signature, 0);
  outputs[2].data<float>()[4 * 5 + 2] = outputs[2].data<float>()[4 * 5 + 3] = .5f;  // prior 5: 0, 0, .5, .5
  outputs[1].data<float>()[21 * 5 + 4] = 30;
  expect_box(only(decode(signature, outputs)), 0, 0, 150, 150, 1, 4);
}

TEST(Decoders, SsdPriorsFromASidecar) {
  const auto options = nlohmann::json::parse(R"({"name":"ssd_raw","priors":{"layers":[{"size":[2,1],"boxes":[[0.5,0.25]]}]},"background":false,"variances":[0.1,0.1,0.2,0.2]})");
  const Signature signature{100, 100, {{"l", {1, 2, 4}}, {"c", {1, 2, 3}}}};
  const std::vector<Tensor> outputs = {Tensor::from<float>({1, 2, 4}, {0, 0, 0, 0, 1, 0, 0, 0}), Tensor::from<float>({1, 2, 3}, {0, 0, 0, .9f, 0, 0})};
  Detections found;
  choose_decoder(signature, "ssd_raw", options).decoder->decode(outputs, {100, 100}, .3f, found);
  expect_box(only(found), 55, 37.5f, 105, 62.5f, .9f, 0);
  EXPECT_THAT(error_of([&] { choose_decoder({100, 100, {{"l", {1, 3, 4}}, {"c", {1, 3, 3}}}}, "ssd_raw", options); }), testing::HasSubstr("describes 2"));
  EXPECT_THAT(error_of([&] { choose_decoder(signature, "ssd_raw", {{"priors", 3}}); }), testing::HasSubstr("priors must be"));
  EXPECT_THAT(error_of([&] { choose_decoder({100, 100, {{"l", {1, 7, 4}}, {"c", {1, 7, 3}}}}); }), testing::HasSubstr("no detector that is known"));
}

TEST(Decoders, ReadOtherElementTypes) {
  const Signature signature{200, 100, {{"out", {1, 1, 1, 7}}}};
  expect_box(only(decode(signature, {Tensor::from<double>({1, 1, 1, 7}, {0, 2, .9, .1, .2, .5, .6})})), 20, 20, 100, 60, .9f, 2);
}

}  // namespace
}  // namespace saccade::vision
