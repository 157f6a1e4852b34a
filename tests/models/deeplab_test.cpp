// SPDX-License-Identifier: Apache-2.0
// DeepLab with Xception as its exporter writes it, on a small network that the test builds: separable convolutions whose rates are blocks
// in the batch, spatial pyramid pooling, a decoder, ImageTensor of any size to SemanticPredictions. What is read computes what
// the optimised network computes, and that has dilations instead of blocks.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "devices/registry.h"
#include "import/importer.h"
#include "ops/convolution.h"
#include "ops/evaluate_graph.h"
#include "passes/passes.h"
#include "support/detection_writer.h"
#include "tensor/numeric.h"

namespace saccade {
namespace {

using namespace saccade::testing::tf;

constexpr std::int32_t kCrop = 33, kClasses = 5;

class Deeplab {
 public:
  explicit Deeplab(std::uint32_t seed) : state_(seed) {
    w_.nodes = {placeholder("ImageTensor", kUint8, {1, -1, -1, 3})};
    const std::string image = w_.op("Squeeze", {"ImageTensor"}, {attr("squeeze_dims", Ints{0})});
    const std::string size = w_.op("Shape", {image});
    std::string x = preprocessed(image, size);
    x = relu(norm(conv(fixed_padding(x), 3, 3, 6, 2, "VALID"), 6));  // 17
    x = unit(x, 6, 8, 2, 1, Shortcut::conv);                         // 9
    const std::string low_level = x;
    x = unit(x, 8, 8, 2, 1, Shortcut::conv);  // 5
    x = unit(x, 8, 8, 1, 2, Shortcut::sum);   // the middle flow
    x = unit(x, 8, 10, 1, 4, Shortcut::none);
    x = resized(pyramid(x, 5), 9);
    const std::string detail = relu(norm(conv(low_level, 1, 8, 4, 1), 4));
    x = separable(separable(w_.joined({x, detail}, 3), 10, 6, 1), 6, 6, 1);
    x = w_.op("BiasAdd", {conv(x, 1, 6, kClasses, 1), weights({kClasses}, 0.1f)});
    x = resized(resized(x, 9), kCrop);
    w_.nodes.push_back(node("SemanticProbabilities", "Softmax", {x}));
    const std::string labels = w_.cast(w_.op("ArgMax", {x, w_.number(3)}, {attr("output_type", kInt64)}), kInt64, kInt32);
    // what was padded goes away
    const std::string end = w_.op("Pack", {w_.number(1), w_.at(size, 0), w_.at(size, 1)});
    const std::string cut = w_.op("StridedSlice", {labels, w_.ints({0, 0, 0}), end, w_.ints({1, 1, 1})});
    const std::string again = w_.op("ResizeNearestNeighbor",
                                    {w_.op("ExpandDims", {cut, w_.number(3)}),
                                     w_.op("StridedSlice", {w_.op("Shape", {"ImageTensor"}), w_.ints({1}), w_.ints({3}), w_.ints({1})})},
                                    {attr("align_corners", true)});
    w_.nodes.push_back(node("SemanticPredictions", "Cast", {w_.op("Squeeze", {again}, {attr("squeeze_dims", Ints{3})})},
                            {attr("SrcT", kInt32), attr("DstT", kInt64)}));
  }

  std::string bytes() const { return graph_def(w_.nodes); }

 private:
  enum class Shortcut { none, sum, conv };

  std::string weights(const Ints& shape, float scale = 4) {
    std::int64_t count = 1, fan = 1;
    for (const std::int64_t d : shape) count *= d;
    for (std::size_t i = 0; i + 1 < shape.size(); ++i) fan *= shape[i];
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& v : values) {
      state_ = state_ * 1664525u + 1013904223u;
      v = (static_cast<float>(state_ >> 8) / (1 << 24) - 0.5f) * scale / std::sqrt(static_cast<float>(fan));
    }
    return w_.reals(shape, values);
  }

  std::string conv(const std::string& x, int kernel, int in, int out, int stride, const char* padding = "SAME") {
    return w_.op("Conv2D", {x, weights({kernel, kernel, in, out})},
                 {attr("strides", Ints{1, stride, stride, 1}), attr("padding", padding)});
  }

  std::string norm(const std::string& x, int channels) {
    const std::vector<float> ones(static_cast<std::size_t>(channels), 1.0f);
    return w_.op("FusedBatchNormV3",
                 {x, w_.reals({channels}, ones), weights({channels}, 0.3f), weights({channels}, 0.3f), w_.reals({channels}, ones)},
                 {attr("epsilon", 0.001f), attr("is_training", false)});
  }

  std::string relu(const std::string& x) { return w_.op("Relu", {x}); }
  std::string pads(const std::vector<std::int32_t>& values) {
    return w_.add_constant(tensor({static_cast<std::int64_t>(values.size() / 2), 2}, values));
  }
  std::string fixed_padding(const std::string& x) { return w_.op("Pad", {x, pads({0, 0, 1, 1, 1, 1, 0, 0})}); }

  // A depthwise convolution of 3×3, padded as its rate asks; sizes are 5 where there is one.
  std::string depthwise(const std::string& x, int channels, int stride, int rate) {
    const std::string kernel = weights({3, 3, channels, 1});
    if (rate == 1) {
      const bool strided = stride > 1;
      return w_.op("DepthwiseConv2dNative", {strided ? fixed_padding(x) : x, kernel},
                   {attr("strides", Ints{1, stride, stride, 1}), attr("padding", strided ? "VALID" : "SAME")});
    }
    ++dilated;
    const std::int32_t rest = (rate - (5 + 2 * rate) % rate) % rate;
    const std::string blocks = w_.op("SpaceToBatchND", {x, w_.ints({rate, rate}), pads({rate, rate + rest, rate, rate + rest})});
    const std::string y = w_.op("DepthwiseConv2dNative", {blocks, kernel}, {attr("strides", Ints{1, 1, 1, 1}), attr("padding", "VALID")});
    return w_.op("BatchToSpaceND", {y, w_.ints({rate, rate}), pads({0, rest, 0, rest})});
  }

  // With activations behind both halves, as in the pyramid and the decoder.
  std::string separable(const std::string& x, int in, int out, int rate) {
    return relu(norm(conv(relu(norm(depthwise(x, in, 1, rate), in)), 1, in, out, 1), out));
  }

  // xception_module: three separable convolutions behind activations, the last of which strides.
  std::string unit(const std::string& x, int in, int out, int stride, int rate, Shortcut shortcut) {
    std::string y = x;
    for (int i = 0; i < 3; ++i) {
      const int from = i == 0 ? in : out;
      y = norm(conv(norm(depthwise(relu(y), from, i == 2 ? stride : 1, rate), from), 1, from, out, 1), out);
    }
    if (shortcut == Shortcut::conv) return w_.op("AddV2", {y, norm(conv(x, 1, in, out, stride), out)});
    return shortcut == Shortcut::sum ? w_.op("AddV2", {y, x}) : relu(y);
  }

  std::string resized(const std::string& x, std::int32_t size) {
    return w_.op("ResizeBilinear", {x, w_.ints({size, size})}, {attr("align_corners", true)});
  }

  std::string pyramid(const std::string& x, std::int32_t size) {
    const std::string mean =
        w_.op("AvgPool", {x}, {attr("ksize", Ints{1, size, size, 1}), attr("strides", Ints{1, 1, 1, 1}), attr("padding", "VALID")});
    Strings branches{resized(relu(norm(conv(mean, 1, 10, 6, 1), 6)), size), relu(norm(conv(x, 1, 10, 6, 1), 6))};
    for (const int rate : {6, 12, 18}) branches.push_back(separable(x, 10, 6, rate));
    return relu(norm(conv(w_.joined(branches, 3), 1, 30, 6, 1), 6));
  }

  // The image in the corner of a square of its mean colour, from -1 to 1.
  std::string preprocessed(const std::string& image, const std::string& size) {
    const std::string mean = w_.reals({1, 1, 3}, {127.5f, 127.5f, 127.5f});
    const std::string centred = w_.op("ExpandDims", {w_.op("Sub", {w_.cast(image, kUint8, kFloat), mean}), w_.number(0)});
    const auto missing = [&](int axis) { return w_.op("Maximum", {w_.op("Sub", {w_.number(kCrop), w_.at(size, axis)}), w_.number(0)}); };
    const std::string none = w_.ints({0, 0});
    const std::string all =
        w_.op("Pack", {none, w_.op("Pack", {w_.number(0), missing(0)}), w_.op("Pack", {w_.number(0), missing(1)}), none});
    const std::string padded = w_.op("AddV2", {w_.op("Squeeze", {w_.op("Pad", {centred, all})}, {attr("squeeze_dims", Ints{0})}), mean});
    return w_.op(
        "Sub",
        {w_.op("Mul", {w_.real(2.0f / 255), w_.op("ExpandDims", {w_.op("Reshape", {padded, w_.ints({kCrop, kCrop, 3})}), w_.number(0)})}),
         w_.real(1)});
  }

  GraphWriter w_;
  std::uint32_t state_;

 public:
  int dilated = 0;
};

int count(const graph::Graph& g, std::string_view op) {
  int n = 0;
  for (const auto id : g.order()) n += g[id].op.name() == op;
  return n;
}

int dilated_convolutions(const graph::Graph& g) {
  int n = 0;
  for (const auto id : g.order())
    if (const auto* op = g[id].op.as<ops::GroupConvolution>())
      n += std::any_of(op->window.dilations.begin(), op->window.dilations.end(), [](std::int64_t d) { return d > 1; });
  return n;
}

Tensor picture(std::int64_t h, std::int64_t w) {
  Tensor t(ElementType::u8, {1, h, w, 3});
  for (std::int64_t i = 0; i < t.size(); ++i) {
    const double x = static_cast<double>(i / 3 % w), y = static_cast<double>(i / 3 / w), c = static_cast<double>(i % 3);
    t.data<std::uint8_t>()[i] = static_cast<std::uint8_t>(127.5 + 127 * std::sin(0.2 * x + (0.1 + 0.1 * c) * y + c));
  }
  return t;
}

TEST(Deeplab, XceptionOfAnySize) {
  const Deeplab network(178);  // whose labels differ
  const std::string bytes = network.bytes();
  const auto model = import::read_model_bytes({bytes.data(), bytes.size()});
  const auto output = [&](const std::vector<Tensor>& values, std::string_view name) {
    for (std::size_t i = 0; i < values.size(); ++i)
      if (model->outputs()[i].name == name) return values[i];
    throw std::runtime_error("no output " + std::string(name));
  };
  EXPECT_EQ(graph::to_string(model->type(model->inputs()[0])), "u8[1,?,?,3]");
  EXPECT_EQ(count(*model, "SpaceToBatch"), network.dilated);

  graph::Graph optimised = *model;
  passes::optimise(optimised);
  EXPECT_EQ(count(optimised, "SpaceToBatch"), 0);
  EXPECT_EQ(count(optimised, "BatchToSpace"), 0);
  EXPECT_EQ(dilated_convolutions(optimised), network.dilated);

  for (const auto& [h, w] : {std::pair<std::int64_t, std::int64_t>{33, 33}, {20, 33}, {27, 19}}) {
    const Tensor image = picture(h, w);
    const std::vector<Tensor> inputs{image}, want = ops::evaluate(*model, inputs), plain = ops::evaluate(optimised, inputs);
    std::vector<Tensor> compiled;
    devices::make_device("CPU")->compile(model, {})->request()->run(inputs, compiled);
    const Tensor labels = output(want, "SemanticPredictions"), shares = output(want, "SemanticProbabilities");
    ASSERT_EQ(labels.shape(), (Shape{1, h, w}));
    ASSERT_EQ(labels.type(), ElementType::i64);
    for (const std::vector<Tensor>* got : {&plain, static_cast<const std::vector<Tensor>*>(&compiled)}) {
      EXPECT_EQ(to_i64(output(*got, "SemanticPredictions")), to_i64(labels)) << h << " by " << w;
      const auto x = to_f64(output(*got, "SemanticProbabilities")), y = to_f64(shares);
      ASSERT_EQ(x.size(), y.size());
      for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(x[i], y[i], 1e-5) << i;
    }
    std::vector<std::int64_t> seen = to_i64(labels);
    std::sort(seen.begin(), seen.end());
    EXPECT_GE(std::unique(seen.begin(), seen.end()) - seen.begin(), 2) << "the labels say little";
  }
}

}  // namespace
}  // namespace saccade
