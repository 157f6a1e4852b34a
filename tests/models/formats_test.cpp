// SPDX-License-Identifier: Apache-2.0
// One network in two formats must compute the same. Argument: the folder of real models; what is absent is skipped.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <random>

#include "devices/registry.h"
#include "import/importer.h"
#include "tensor/numeric.h"
#include "tensor/strided.h"

namespace saccade {
namespace {

std::filesystem::path data_folder;

struct Pair {
  const char *name, *first, *second;
  double tolerance;  // of the deviation
};

// The same elements for a network whose channels are last.
Tensor channels_last(const Tensor& nchw) {
  const Shape& s = nchw.shape();
  Tensor out(nchw.type(), {s[0], s[2], s[3], s[1]});
  strided_copy(out.raw(), dense_strides(out.shape()), nchw.raw(), {s[1] * s[2] * s[3], s[3], 1, s[2] * s[3]}, out.shape(), size_in_bytes(nchw.type()));
  return out;
}

Shape input_shape(const graph::Graph& graph) {
  Shape shape;
  for (const auto& d : graph.type(graph.inputs()[0]).shape.dimensions()) shape.push_back(d.is_static() ? d.size() : 1);
  return shape;
}

std::vector<Tensor> run(const std::shared_ptr<const graph::Graph>& graph, const Tensor& input) {
  const Tensor inputs[] = {input};
  std::vector<Tensor> outputs;
  devices::make_device("CPU")->compile(graph, {})->request()->run(inputs, outputs);
  return outputs;
}

class Formats : public testing::TestWithParam<Pair> {};

TEST_P(Formats, Agree) {
  const Pair& pair = GetParam();
  const auto first_path = data_folder / pair.first, second_path = data_folder / pair.second;
  if (!std::filesystem::exists(first_path) || !std::filesystem::exists(second_path)) GTEST_SKIP() << first_path << " or " << second_path << " is not there";
  const auto first = import::read_model(first_path), second = import::read_model(second_path);
  Tensor input(ElementType::f32, input_shape(*first));
  std::mt19937 generator(1);
  std::uniform_real_distribution<float> uniform;
  for (float& v : input.values<float>()) v = uniform(generator);
  const auto a = run(first, input);
  const Shape wanted = input_shape(*second);
  const auto b = run(second, wanted.size() == 4 && wanted[3] == input.shape()[1] && wanted[1] != input.shape()[1] ? channels_last(input) : input);
  int compared = 0;
  for (const Tensor& x : a)
    for (const Tensor& y : b) {
      if (x.shape() != y.shape()) continue;
      ++compared;
      const auto p = to_f64(x), q = to_f64(y);
      double mean = 0, variance = 0, worst = 0;
      for (const double v : p) mean += v / static_cast<double>(p.size());
      for (const double v : p) variance += (v - mean) * (v - mean) / static_cast<double>(p.size());
      for (std::size_t i = 0; i < p.size(); ++i) worst = std::max(worst, std::abs(p[i] - q[i]));
      EXPECT_LT(worst / std::sqrt(variance), pair.tolerance) << to_string(x.shape());
    }
  EXPECT_EQ(compared, static_cast<int>(a.size()));
}

INSTANTIATE_TEST_SUITE_P(Shared, Formats,
                         testing::Values(Pair{"ultraface_caffe_onnx", "ultraface/RFB-320.prototxt", "ultraface/version-RFB-320_without_postprocessing.onnx", 1e-4},
                                         Pair{"face_mask_caffe_tensorflow", "face-mask-ssd/face_mask_detection.prototxt", "face-mask-ssd/face_mask_detection.pb", 1e-4},
                                         Pair{"samplenet_caffe_ir", "omz-samplenet/SampLeNet.prototxt", "omz-samplenet/SampLeNet.xml", 1e-5},
                                         Pair{"face_mask_tensorflow_tflite", "face-mask-ssd/face_mask_detection.pb", "face-mask-ssd/face_mask_detection.tflite", 1e-4},
                                         Pair{"humanseg_onnx_tflite", "humanseg-ppseg/ppseg_lite_portrait_398x224_with_softmax_fixed.onnx",
                                              "humanseg-ppseg/saved_model/ppseg_lite_portrait_398x224_with_softmax_fixed_float32.tflite", 1e-4},
                                         Pair{"humanseg_tflite_half", "humanseg-ppseg/saved_model/ppseg_lite_portrait_398x224_with_softmax_fixed_float32.tflite",
                                              "humanseg-ppseg/saved_model/ppseg_lite_portrait_398x224_with_softmax_fixed_float16.tflite", 5e-2},
                                         Pair{"face_mask_caffemodel_prototxt", "face-mask-ssd/face_mask_detection.prototxt", "face-mask-ssd/face_mask_detection.caffemodel", 1e-6}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace saccade

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc > 1) saccade::data_folder = argv[1];
  return RUN_ALL_TESTS();
}
