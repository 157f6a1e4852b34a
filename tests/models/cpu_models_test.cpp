// SPDX-License-Identifier: Apache-2.0
// Whole models on the CPU device: benchmark models must not fall back on `evaluate`, and small real ones must agree with
// the reference device. Arguments: the folder of real models, the folder of benchmark models; what is absent is skipped.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <random>

#include "base/error.h"
#include "devices/registry.h"
#include "import/importer.h"
#include "tensor/numeric.h"

namespace saccade {
namespace {

std::filesystem::path data_folder, bench_folder;

// Noise of the range for which the network was trained: elsewhere rounding errors say nothing.
Tensor random_tensor(const graph::TensorType& type, bool pixels) {
  Shape shape;
  for (std::size_t d = 0; d < type.shape.rank(); ++d) shape.push_back(type.shape[d].is_static() ? type.shape[d].size() : d >= 2 ? 96 : 1);
  Tensor t(ElementType::f32, shape);
  std::mt19937 generator(3);
  std::normal_distribution<float> normal;
  for (float& v : t.values<float>()) v = pixels ? std::clamp(128 + 64 * normal(generator), 0.0f, 255.0f) : normal(generator);
  return t;
}

class NoFallback : public testing::TestWithParam<const char*> {};

TEST_P(NoFallback, RunsOnKernelsAlone) {
  const auto path = bench_folder / GetParam();
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  const auto compiled = devices::make_device("CPU")->compile(import::read_model(path), {});
  const std::string plan = compiled->describe();
  EXPECT_EQ(plan.find("evaluate"), std::string::npos) << plan;
  EXPECT_EQ(plan.find("depend on data"), std::string::npos) << plan;
}

INSTANTIATE_TEST_SUITE_P(BenchModels, NoFallback,
                         testing::Values("mobilenet_v2.onnx", "ssd_mobilenet_v2_300.onnx", "ssd_mobilenet_v1_300.onnx", "resnet50.onnx", "yolov8n_640.onnx",
                                         "deeplabv3_mnv2_513.onnx", "siam_tracker.onnx", "smat_tracker.onnx"),
                         [](const auto& info) { return std::string(info.param).substr(0, std::string(info.param).find('.')); });

class Parity : public testing::TestWithParam<const char*> {};

TEST_P(Parity, AgreesWithTheReference) {
  const auto path = data_folder / GetParam();
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  const auto graph = import::read_model(path);
  const std::string_view name = GetParam();
  const bool pixels = name.starts_with("yolox") || name.starts_with("yunet");
  std::vector<Tensor> inputs;
  for (graph::ValueId v : graph->inputs()) inputs.push_back(random_tensor(graph->type(v), pixels));
  std::vector<Tensor> want, got;
  const auto reference = devices::make_device("REFERENCE")->compile(graph, {});
  reference->request()->run(inputs, want);
  const auto compiled = devices::make_device("CPU")->compile(graph, {});
  const auto request = compiled->request();
  for (int round = 0; round < 2; ++round) request->run(inputs, got);
  ASSERT_EQ(want.size(), got.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    ASSERT_EQ(want[i].shape(), got[i].shape());
    const auto x = to_f64(want[i]), y = to_f64(got[i]);
    double sum = 0, square = 0, peak = 0, worst = 0;
    for (std::size_t e = 0; e < x.size(); ++e) {
      sum += x[e];
      square += x[e] * x[e];
      peak = std::max(peak, std::fabs(x[e]));
      worst = std::max(worst, std::fabs(x[e] - y[e]));
    }
    const double n = static_cast<double>(x.size()), deviation = std::sqrt(std::max(0.0, square / n - sum / n * (sum / n)));
    EXPECT_LT(worst / std::max({deviation, 1e-3 * peak, 1e-30}), 1e-4) << "output " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(RealModels, Parity,
                         testing::Values("yolox-nano/yolox_nano.onnx", "picodet/picodet_s_320_coco.onnx", "nanodet/nanodet_m.onnx", "yunet/yunet_n_320_320.onnx",
                                         "yunet/yunet_n_dynamic.onnx", "ultraface/version-RFB-320.onnx", "ultraface/RFB-320.prototxt", "mtcnn-caffe/det3.prototxt", "omz-samplenet/samplenet.onnx", "onnx-mnist-small/mnist.onnx",
                                         "nanotrack/nanotrackv2/nanotrack_head_sim.onnx", "nanotrack/nanotrackv2/nanotrack_backbone_sim.onnx",
                                         "humanseg-ppseg/ppseg_lite_portrait_398x224_with_softmax_fixed.onnx"),
                         [](const auto& info) {
                           std::string name = std::filesystem::path(info.param).stem().string();
                           for (char& c : name)
                             if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
                           return name;
                         });

}  // namespace
}  // namespace saccade

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc > 1) saccade::data_folder = argv[1];
  if (argc > 2) saccade::bench_folder = argv[2];
  return RUN_ALL_TESTS();
}
