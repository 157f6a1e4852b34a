// SPDX-License-Identifier: Apache-2.0
// TensorFlow Lite and Keras models on real pictures, against what is known of them. Arguments: the folder of real models, that of
// TensorFlow's; what is absent is skipped.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>

#include "devices/registry.h"
#include "import/importer.h"
#include "import/zip.h"
#include "tensor/npy.h"
#include "tensor/numeric.h"

namespace saccade {
namespace {

namespace fs = std::filesystem;
fs::path data_folder, tf_folder;

std::string bytes_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::vector<Tensor> run(const fs::path& model, const Tensor& input) {
  const auto graph = import::read_model(model);
  const Tensor inputs[] = {input};
  std::vector<Tensor> outputs;
  devices::make_device("CPU")->compile(graph, {})->request()->run(inputs, outputs);
  return outputs;
}

/// Rows from the top, channels as RGB; a picture with a palette gives its indices.
struct Picture {
  int width = 0, height = 0, channels = 0;
  std::vector<std::uint8_t> values;
  int at(int y, int x, int c) const { return values[static_cast<std::size_t>((y * width + x) * channels + c)]; }
};

Picture read_bmp(const fs::path& path) {
  const std::string b = bytes_of(path);
  const auto number = [&](std::size_t at) {
    std::uint32_t v = 0;
    for (int i = 4; i-- > 0;) v = v << 8 | static_cast<unsigned char>(b.at(at + static_cast<std::size_t>(i)));
    return v;
  };
  Picture p{static_cast<int>(number(18)), static_cast<int>(number(22)), static_cast<int>(number(28) & 0xffff) / 8, {}};
  const std::size_t stride = (static_cast<std::size_t>(p.width * p.channels) + 3) / 4 * 4, start = number(10);
  for (int y = 0; y < p.height; ++y)
    for (int x = 0; x < p.width; ++x)
      for (int c = 0; c < p.channels; ++c)
        p.values.push_back(static_cast<std::uint8_t>(b.at(start + static_cast<std::size_t>(p.height - 1 - y) * stride + static_cast<std::size_t>(x * p.channels + p.channels - 1 - c))));
  return p;
}

/// Bilinear, centres on centres.
Tensor resized(const Picture& p, int height, int width) {
  Tensor out(ElementType::u8, {1, height, width, p.channels});
  auto* to = out.data<std::uint8_t>();
  const auto place = [](int o, int from, int to_size) { return std::clamp((o + 0.5) * from / to_size - 0.5, 0.0, from - 1.0); };
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < p.channels; ++c) {
        const double sy = place(y, p.height, height), sx = place(x, p.width, width);
        const int y0 = static_cast<int>(sy), x0 = static_cast<int>(sx), y1 = std::min(y0 + 1, p.height - 1), x1 = std::min(x0 + 1, p.width - 1);
        const double fy = sy - y0, fx = sx - x0;
        *to++ = static_cast<std::uint8_t>(std::lround((p.at(y0, x0, c) * (1 - fx) + p.at(y0, x1, c) * fx) * (1 - fy) + (p.at(y1, x0, c) * (1 - fx) + p.at(y1, x1, c) * fx) * fy));
      }
  return out;
}

#define NEED(path)                                                    \
  do {                                                                \
    if (!fs::exists(path)) GTEST_SKIP() << (path) << " is not there"; \
  } while (false)

TEST(LiteModels, QuantisedMobileNetSeesACat) {
  const auto folder = data_folder / "coral-tflite";
  NEED(folder / "cat.bmp");
  const auto out = run(folder / "mobilenet_v2_1.0_224_quant.tflite", resized(read_bmp(folder / "cat.bmp"), 224, 224));
  ASSERT_EQ(out[0].type(), ElementType::u8);
  const auto scores = to_f64(out[0]);
  const auto best = std::max_element(scores.begin(), scores.end()) - scores.begin();
  EXPECT_TRUE(best == 282 || best == 283 || best == 286) << best;  // tabby, tiger cat, Egyptian cat
}

TEST(LiteModels, QuantisedDeepLabFindsTheBird) {
  const auto folder = data_folder / "coral-tflite";
  NEED(folder / "bird_segmentation.bmp");
  const auto out = run(folder / "deeplabv3_mnv2_pascal_quant.tflite", resized(read_bmp(folder / "bird_segmentation.bmp"), 513, 513));
  const Picture mask = read_bmp(folder / "bird_segmentation_mask.bmp");
  const auto labels = to_i64(out[0]);
  ASSERT_EQ(labels.size(), mask.values.size());
  std::size_t agreeing = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) agreeing += (labels[i] != 0) == (mask.values[i] != 0);
  EXPECT_GT(static_cast<double>(agreeing) / static_cast<double>(labels.size()), 0.975);
  EXPECT_NE(std::find(labels.begin(), labels.end(), 3), labels.end());
}

TEST(LiteModels, FloatDeepLabFindsTheBird) {
  const auto model = data_folder / "deeplabv3-257-tflite/deeplabv3_257_mv_gpu.tflite", photo = data_folder / "coral-tflite/bird_segmentation.bmp";
  NEED(model);
  NEED(photo);
  const Tensor pixels = resized(read_bmp(photo), 257, 257);
  Tensor input(ElementType::f32, pixels.shape());
  std::transform(pixels.values<std::uint8_t>().begin(), pixels.values<std::uint8_t>().end(), input.values<float>().begin(), [](std::uint8_t v) { return static_cast<float>(v) / 127.5f - 1; });
  const auto scores = run(model, input)[0];
  ASSERT_EQ(scores.shape(), (Shape{1, 257, 257, 21}));
  std::size_t birds = 0;
  for (const float *s = scores.data<float>(), *end = s + scores.size(); s != end; s += 21) birds += std::max_element(s, s + 21) - s == 3;
  EXPECT_GT(birds, 257 * 257 / 20);
}

TEST(LiteModels, NotesAWrongDimensionOfScales) {
  const auto model = data_folder / "tflite-micro/person_detect.tflite";
  NEED(model);
  EXPECT_NE(import::read_model(model)->metadata.at("tflite.notes").find("dimension 0 is meant"), std::string::npos);
  const auto out = to_f64(run(model, Tensor(ElementType::i8, {1, 96, 96, 1}))[0]);
  // two probabilities in steps of 1/256
  EXPECT_NEAR(out[0] + 128 + out[1] + 128, 256, 2);
}

TEST(LiteModels, DetectorsGiveBoxesInOrder) {
  const auto model = data_folder / "ssd-mobilenet-v1-coco-tflite/ssd_mobilenet.tflite", photo = data_folder / "coral-tflite/cat.bmp";
  NEED(model);
  NEED(photo);
  const auto out = run(model, resized(read_bmp(photo), 300, 300));
  ASSERT_EQ(out.size(), 4u);
  const auto classes = to_f64(out[1]), scores = to_f64(out[2]);
  EXPECT_TRUE(std::is_sorted(scores.rbegin(), scores.rend()));
  EXPECT_EQ(classes[0], 16);  // cat, counted without the background
  EXPECT_GT(scores[0], 0.5);
  EXPECT_EQ(to_f64(out[3])[0], 10);
}

TEST(KerasModels, ReadDigits) {
  const auto folder = tf_folder / "mnist_keras";
  NEED(folder / "test_set.npz");
  const std::string npz = bytes_of(folder / "test_set.npz");
  const import::ZipArchive archive(npz);
  const Tensor pixels = parse_npy(archive.read(*archive.find("x.npy"))), labels = parse_npy(archive.read(*archive.find("y.npy")));
  Tensor input(ElementType::f32, pixels.shape());
  const auto values = to_f64(pixels);
  for (std::size_t i = 0; i < values.size(); ++i) input.values<float>()[i] = static_cast<float>(values[i]) / 255;
  const auto truth = to_i64(labels);
  for (const char* model : {"mnist.h5", "mnist.keras"}) {
    const auto out = run(folder / model, input)[0];
    std::size_t right = 0;
    for (std::size_t i = 0; i < truth.size(); ++i) {
      const float* row = out.data<float>() + 10 * i;
      right += std::max_element(row, row + 10) - row == truth[i];
    }
    EXPECT_EQ(right, 296u) << model << ", of " << truth.size();
  }
}

TEST(KerasModels, OlderFilesGiveProbabilities) {
  for (const auto& [model, shape] : {std::pair("keras-xception-h5/fer2013_mini_XCEPTION.102-0.66.hdf5", Shape{2, 64, 64, 1}), std::pair("keras-mnist-h5/mnist_model.h5", Shape{2, 784})}) {
    NEED(data_folder / model);
    Tensor input(ElementType::f32, shape);
    for (std::int64_t i = 0; i < input.size(); ++i) input.data<float>()[i] = static_cast<float>(i % 97) / 97;
    const auto out = to_f64(run(data_folder / model, input)[0]);
    EXPECT_NEAR(std::accumulate(out.begin(), out.end(), 0.0), 2, 1e-5) << model;
  }
}

}  // namespace
}  // namespace saccade

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc > 1) saccade::data_folder = argv[1];
  if (argc > 2) saccade::tf_folder = argv[2];
  return RUN_ALL_TESTS();
}
