// SPDX-License-Identifier: Apache-2.0
// Reading Keras models: forms of files, models inside of models, layers, and what is refused and how.
#include "import/keras/keras.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "import/importer.h"
#include "import/keras/weights.h"
#include "ops/evaluate_graph.h"
#include "saccade/error.h"
#include "support/keras_writer.h"
#include "tensor/numeric.h"

namespace saccade {
namespace {

using namespace saccade::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Doubles = std::vector<double>;

std::vector<double> run(const std::string& bytes, const std::vector<Tensor>& inputs, std::size_t output = 0) {
  return to_f64(ops::evaluate(*import::read_model_bytes(bytes), inputs).at(output));
}

std::string refusal(const std::string& bytes) {
  try {
    import::read_model_bytes(bytes);
  } catch (const Error& e) {
    return std::string(to_string(e.code())) + ": " + e.message();
  }
  return "accepted";
}

std::string layer(const std::string& kind, const std::string& name, const std::string& config = "", const std::string& inbound = "") {
  return fmt::format(R"({{"class_name": "{}", "name": "{}", "config": {{"name": "{}"{}{}}}{}}})", kind, name, name,
                     config.empty() ? "" : ", ", config, inbound.empty() ? "" : R"(, "inbound_nodes": )" + inbound);
}

std::string input_layer(const std::string& shape, const std::string& name = "in") {
  return layer("InputLayer", name, R"("batch_input_shape": )" + shape + R"(, "dtype": "float32")", "[]");
}

std::string sequential(const std::string& shape, const std::vector<std::string>& layers) {
  return fmt::format(R"({{"class_name": "Sequential", "config": {{"name": "s", "layers": [{}, {}]}}}})", input_layer(shape),
                     fmt::join(layers, ", "));
}

std::string functional(const std::vector<std::string>& layers, const std::string& inputs, const std::string& outputs) {
  return fmt::format(
      R"({{"class_name": "Functional", "config": {{"name": "f", "layers": [{}], "input_layers": {}, "output_layers": {}}}}})",
      fmt::join(layers, ", "), inputs, outputs);
}

const Tensor kOneTwo = Tensor::from<float>({1, 2}, {1, -2});
const std::vector<KerasWeight> kDense{{"d", "d/kernel:0", {2, 2}, {1, 2, 3, 4}}, {"d", "d/bias:0", {2}, {10, 20}}};
const std::string kDenseLayer = layer("Dense", "d", R"("units": 2, "activation": "relu", "use_bias": true)");

TEST(Keras, BothFormsOfFiles) {
  const std::string config = sequential("[null, 2]", {kDenseLayer});
  const std::string h5 = keras_h5(config, kDense);
  EXPECT_THAT(run(h5, {kOneTwo}), ElementsAre(5, 14));
  const std::string archive =
      keras_archive(config, {{"", "layers/dense/vars/0", {2, 2}, {1, 2, 3, 4}}, {"", "layers/dense/vars/1", {2}, {10, 20}}});
  EXPECT_THAT(run(archive, {kOneTwo}), ElementsAre(5, 14));
  const auto g = import::read_model_bytes(h5);
  EXPECT_EQ(graph::to_string(g->type(g->inputs()[0])), "f32[?,2]");
  EXPECT_EQ((*g)[g->inputs()[0]].name, "in");
  EXPECT_EQ(g->outputs()[0].name, "d");
  EXPECT_EQ(g->metadata.at("keras.version"), "2.15.0");
}

TEST(Keras, InputShapeInTheFirstLayer) {
  const std::string config = R"({"class_name": "Sequential", "config": [)" +
                             layer("Activation", "a", R"("batch_input_shape": [null, 2], "activation": "relu")") + "]}";
  EXPECT_THAT(run(keras_h5(config, {}), {kOneTwo}), ElementsAre(1, 0));
  EXPECT_THAT(
      refusal(keras_h5(R"({"class_name": "Sequential", "config": [)" + layer("Activation", "a", R"("activation": "relu")") + "]}", {})),
      HasSubstr("has no shape"));
}

TEST(Keras, SharedLayersAndSeveralInputsAndOutputs) {
  const std::string config = functional({input_layer("[null, 2]", "a"), input_layer("[null, 2]", "b"),
                                         layer("Dense", "d", R"("use_bias": true)", R"([[["a", 0, 0, {}]], [["b", 0, 0, {}]]])"),
                                         layer("Subtract", "sub", "", R"([[["d", 0, 0, {}], ["d", 1, 0, {}]]])")},
                                        R"([["a", 0, 0], ["b", 0, 0]])", R"([["sub", 0, 0], ["d", 1, 0]])");
  const auto g = import::read_model_bytes(keras_h5(config, kDense));
  ASSERT_EQ(g->outputs().size(), 2u);
  EXPECT_EQ(g->outputs()[1].name, "d");
  const auto out = ops::evaluate(*g, std::vector<Tensor>{kOneTwo, Tensor::from<float>({1, 2}, {0, 0})});
  EXPECT_THAT(to_f64(out[0]), ElementsAre(-5, -6));
  EXPECT_THAT(to_f64(out[1]), ElementsAre(10, 20));
}

TEST(Keras, NestedModels) {
  const std::string inner =
      R"({"class_name": "Sequential", "config": {"name": "inner", "layers": [)" + input_layer("[null, 2]") + ", " + kDenseLayer + "]}}";
  const std::string named =
      inner.substr(0, inner.size() - 1) + R"(, "name": "inner", "inbound_nodes": [[["a", 0, 0, {}]], [["inner", 0, 0, {}]]]})";
  const std::string config = functional({input_layer("[null, 2]", "a"), named}, R"([["a", 0, 0]])", R"([["inner", 1, 0]])");
  auto weights = kDense;
  for (auto& w : weights) w.layer = "inner";
  EXPECT_THAT(run(keras_h5(config, weights), {kOneTwo}), ElementsAre(57, 86));
  EXPECT_THAT(run(keras_archive(config, {{"", "layers/sequential/layers/dense/vars/0", {2, 2}, {1, 2, 3, 4}},
                                         {"", "layers/sequential/layers/dense/vars/1", {2}, {10, 20}}}),
                  {kOneTwo}),
              ElementsAre(57, 86));
}

TEST(Keras, CallsOfKeras3) {
  const auto tensor = [](const std::string& name) {
    return R"({"class_name": "__keras_tensor__", "config": {"shape": [null, 2], "dtype": "float32", "keras_history": [")" + name +
           R"(", 0, 0]}})";
  };
  const std::string config = functional(
      {input_layer("[null, 2]", "a"), layer("Multiply", "m", "", R"([{"args": [)" + tensor("a") + R"(, 3.0], "kwargs": {}}])"),
       layer("Add", "add", "", R"([{"args": [[)" + tensor("a") + ", " + tensor("m") + R"(]], "kwargs": {}}])"),
       layer("GetItem", "g", "",
             R"([{"args": [)" + tensor("add") +
                 R"(, {"class_name": "__tuple__", "items": [{"class_name": "__ellipsis__", "config": {}}, -1]}], "kwargs": {}}])")},
      R"(["a", 0, 0])", R"(["g", 0, 0])");
  EXPECT_THAT(run(keras_archive(config, {}), {kOneTwo}), ElementsAre(-8));
}

TEST(Keras, FunctionsOfTensorFlow) {
  const std::string config =
      functional({input_layer("[null, 2]", "a"),
                  layer("TFOpLambda", "t", R"("function": "__operators__.add")", R"([["a", 0, 0, {"y": 3.0, "name": null}]])"),
                  layer("TFOpLambda", "u", R"("function": "math.multiply")", R"([["_CONSTANT_VALUE", -1, 2.0, {"y": ["t", 0, 0]}]])")},
                 R"([["a", 0, 0]])", R"([["u", 0, 0]])");
  EXPECT_THAT(run(keras_h5(config, {}), {kOneTwo}), ElementsAre(8, 2));
}

struct LayerCase {
  std::string kind, config;
  Shape in;
  std::vector<float> x;
  std::vector<KerasWeight> weights;
  Shape out;
  Doubles y;
  std::string version = "2.15.0";
};

TEST(Keras, Layers) {
  const auto w = [](const char* name, std::vector<hsize_t> shape, std::vector<float> values) {
    return KerasWeight{"l", std::string("l/") + name + ":0", std::move(shape), std::move(values)};
  };
  const std::vector<float> image{1, 2, 3, 4, 5, 6, 7, 8, 9};
  const std::vector<LayerCase> cases{
      {"Conv2D",
       R"("kernel_size": [1, 2], "use_bias": false, "padding": "same")",
       {1, 3, 3, 1},
       image,
       {w("kernel", {1, 2, 1, 1}, {10, 1})},
       {1, 3, 3, 1},
       {12, 23, 30, 45, 56, 60, 78, 89, 90}},
      {"Conv2D",
       R"("kernel_size": 1, "data_format": "channels_first")",
       {1, 2, 1, 1},
       {1, 2},
       {w("kernel", {1, 1, 2, 1}, {10, 1}), w("bias", {1}, {5})},
       {1, 1, 1, 1},
       {17}},
      {"Conv1D",
       R"("kernel_size": [2], "padding": "causal")",
       {1, 3, 1},
       {1, 2, 3},
       {w("kernel", {2, 1, 1}, {10, 1}), w("bias", {1}, {0})},
       {1, 3, 1},
       {1, 12, 23}},
      {"DepthwiseConv2D",
       R"("kernel_size": [1, 1], "use_bias": false)",
       {1, 1, 1, 2},
       {1, 2},
       {w("depthwise_kernel", {1, 1, 2, 2}, {1, 10, 100, 1000})},
       {1, 1, 1, 4},
       {1, 10, 200, 2000}},
      {"SeparableConv2D",
       R"("kernel_size": [1, 1], "use_bias": false)",
       {1, 1, 1, 2},
       {1, 2},
       {w("depthwise_kernel", {1, 1, 2, 1}, {1, 10}), w("pointwise_kernel", {1, 1, 2, 1}, {1, 2})},
       {1, 1, 1, 1},
       {41}},
      {"Conv2DTranspose",
       R"("kernel_size": [1, 2], "strides": [1, 2], "use_bias": false)",
       {1, 1, 2, 1},
       {1, 2},
       {w("kernel", {1, 2, 1, 1}, {10, 1})},
       {1, 1, 4, 1},
       {10, 1, 20, 2}},
      {"Conv2DTranspose",
       R"("kernel_size": [1, 3], "strides": [1, 2], "padding": "same", "use_bias": false)",
       {1, 1, 2, 1},
       {1, 2},
       {w("kernel", {1, 3, 1, 1}, {1, 10, 100})},
       {1, 1, 4, 1},
       {1, 10, 102, 20}},
      {"BatchNormalization",
       R"("epsilon": 0)",
       {1, 2},
       {3, 4},
       {w("gamma", {2}, {1, 2}), w("beta", {2}, {0, 1}), w("moving_mean", {2}, {1, 1}), w("moving_variance", {2}, {4, 9})},
       {1, 2},
       {1, 3}},
      {"BatchNormalization",
       R"("epsilon": 0, "axis": [1], "scale": false, "center": false)",
       {1, 1, 2},
       {3, 4},
       {w("moving_mean", {1}, {1}), w("moving_variance", {1}, {4})},
       {1, 1, 2},
       {1, 1.5}},
      {"LayerNormalization", R"("epsilon": 0)", {1, 2}, {1, 3}, {w("gamma", {2}, {1, 2}), w("beta", {2}, {0, 1})}, {1, 2}, {-1, 3}},
      {"Activation", R"("activation": "hard_sigmoid")", {1, 2}, {1, -2}, {}, {1, 2}, {.7, .1}},
      {"Activation", R"("activation": "hard_sigmoid")", {1, 2}, {1, -2}, {}, {1, 2}, {4 / 6., 1 / 6.}, "3.5.0"},
      {"Activation", R"("activation": {"class_name": "function", "config": "relu6"})", {1, 2}, {9, -2}, {}, {1, 2}, {6, 0}},
      {"Dense",
       R"("use_bias": false, "activation": {"class_name": "LeakyReLU", "config": {"name": "a", "alpha": 0.5}})",
       {1, 1},
       {-2},
       {w("kernel", {1, 1}, {1})},
       {1, 1},
       {-1}},
      {"ReLU", R"("max_value": 3, "negative_slope": 0.5, "threshold": 1)", {1, 4}, {-1, .5, 2, 9}, {}, {1, 4}, {-1, -.25, 2, 3}},
      {"PReLU", "", {1, 2}, {-2, -2}, {w("alpha", {2}, {.5, 2})}, {1, 2}, {-1, -4}},
      {"MaxPooling2D", R"("pool_size": [2, 2], "strides": [1, 1])", {1, 3, 3, 1}, image, {}, {1, 2, 2, 1}, {5, 6, 8, 9}},
      {"AveragePooling2D",
       R"("pool_size": [2, 2], "strides": [2, 2], "padding": "same")",
       {1, 3, 3, 1},
       image,
       {},
       {1, 2, 2, 1},
       {3, 4.5, 7.5, 9}},
      {"GlobalAveragePooling2D", R"("keepdims": true)", {1, 3, 3, 1}, image, {}, {1, 1, 1, 1}, {5}},
      {"ZeroPadding2D", R"("padding": [[0, 1], [1, 0]])", {1, 1, 1, 1}, {7}, {}, {1, 2, 2, 1}, {0, 7, 0, 0}},
      {"Cropping2D", R"("cropping": [[1, 0], [0, 2]])", {1, 3, 3, 1}, image, {}, {1, 2, 1, 1}, {4, 7}},
      {"UpSampling2D", R"("size": [1, 2])", {1, 1, 2, 1}, {1, 2}, {}, {1, 1, 4, 1}, {1, 1, 2, 2}},
      {"UpSampling2D", R"("size": [1, 2], "interpolation": "bilinear")", {1, 1, 2, 1}, {0, 4}, {}, {1, 1, 4, 1}, {0, 1, 3, 4}},
      {"Resizing", R"("height": 1, "width": 4)", {1, 1, 2, 1}, {0, 4}, {}, {1, 1, 4, 1}, {0, 1, 3, 4}},
      {"Flatten", R"("data_format": "channels_first")", {1, 2, 1, 2}, {1, 2, 3, 4}, {}, {1, 4}, {1, 3, 2, 4}},
      {"Reshape", R"("target_shape": [2, -1])", {1, 4}, {1, 2, 3, 4}, {}, {1, 2, 2}, {1, 2, 3, 4}},
      {"Permute", R"("dims": [2, 1])", {1, 2, 2}, {1, 2, 3, 4}, {}, {1, 2, 2}, {1, 3, 2, 4}},
      {"RepeatVector", R"("n": 2)", {1, 2}, {1, 2}, {}, {1, 2, 2}, {1, 2, 1, 2}},
      {"Rescaling", R"("scale": 0.5, "offset": [1, 2])", {1, 2}, {2, 4}, {}, {1, 2}, {2, 4}},
      {"Normalization", R"("axis": [-1], "mean": [[1, 2]], "variance": [[4, 9]])", {1, 2}, {3, 5}, {}, {1, 2}, {1, 1}},
      {"UnitNormalization", "", {1, 2}, {3, 4}, {}, {1, 2}, {.6, .8}},
      {"Embedding", "", {1, 2}, {1, 0}, {w("embeddings", {2, 1}, {7, 8})}, {1, 2, 1}, {8, 7}},
      {"Dropout", R"("rate": 0.5)", {1, 2}, {1, 2}, {}, {1, 2}, {1, 2}},
      {"SimpleRNN",
       R"("units": 1, "activation": "relu", "return_sequences": true)",
       {1, 2, 1},
       {1, 2},
       {w("kernel", {1, 1}, {1}), w("recurrent_kernel", {1, 1}, {10}), w("bias", {1}, {.5})},
       {1, 2, 1},
       {1.5, 17.5}},
      {"SimpleRNN",
       R"("units": 1, "activation": "relu", "return_sequences": true, "go_backwards": true)",
       {1, 2, 1},
       {1, 2},
       {w("kernel", {1, 1}, {1}), w("recurrent_kernel", {1, 1}, {10}), w("bias", {1}, {0})},
       {1, 2, 1},
       {2, 21}},
      {"TimeDistributed",
       R"("layer": {"class_name": "Dense", "config": {"name": "inner", "use_bias": false}})",
       {1, 2, 1},
       {1, 2},
       {w("kernel", {1, 1}, {3})},
       {1, 2, 1},
       {3, 6}},
  };
  for (const auto& c : cases) {
    std::string shape = "[null";
    for (std::size_t d = 1; d < c.in.size(); ++d) shape += ", " + std::to_string(c.in[d]);
    const std::string bytes = keras_h5(sequential(shape + "]", {layer(c.kind, "l", c.config)}), c.weights, c.version);
    try {
      const Tensor out = ops::evaluate(*import::read_model_bytes(bytes), std::vector<Tensor>{Tensor::from<float>(c.in, c.x)}).at(0);
      EXPECT_EQ(out.shape(), c.out) << c.kind << " " << c.config;
      EXPECT_THAT(to_f64(out), ::testing::Pointwise(::testing::DoubleNear(1e-5), c.y)) << c.kind << " " << c.config;
    } catch (const Error& e) {
      ADD_FAILURE() << c.kind << " " << c.config << ": " << e.what();
    }
  }
}

TEST(Keras, Gates) {
  // each gate has another weight, so that a wrong order shows
  const std::vector<KerasWeight> lstm{{"l", "l/lstm_cell/kernel:0", {1, 4}, {.1f, .2f, .3f, .4f}},
                                      {"l", "l/lstm_cell/recurrent_kernel:0", {1, 4}, {.5f, .6f, .7f, .8f}},
                                      {"l", "l/lstm_cell/bias:0", {4}, {.1f, 1, 0, .2f}}};
  const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  double h = 0, state = 0;
  for (double x : {1., 2.}) {
    const double i = sigmoid(.1 * x + .5 * h + .1), f = sigmoid(.2 * x + .6 * h + 1), g = std::tanh(.3 * x + .7 * h),
                 o = sigmoid(.4 * x + .8 * h + .2);
    state = f * state + i * g;
    h = o * std::tanh(state);
  }
  const auto y =
      run(keras_h5(sequential("[null, 2, 1]", {layer("LSTM", "l", R"("units": 1)")}), lstm), {Tensor::from<float>({1, 2, 1}, {1, 2})});
  EXPECT_NEAR(y[0], h, 1e-6);
}

TEST(Keras, SnakeCase) {
  for (const auto& [name, key] : std::vector<std::pair<const char*, const char*>>{{"Conv2D", "conv2d"},
                                                                                  {"ReLU", "re_lu"},
                                                                                  {"PReLU", "p_re_lu"},
                                                                                  {"BatchNormalization", "batch_normalization"},
                                                                                  {"MaxPooling2D", "max_pooling2d"},
                                                                                  {"GRU", "gru"},
                                                                                  {"TFOpLambda", "tf_op_lambda"},
                                                                                  {"LeakyReLU", "leaky_re_lu"}})
    EXPECT_EQ(keras::snake_case(name), key);
}

TEST(Keras, ListsEverythingThatIsMissingAtOnce) {
  const std::string text = refusal(keras_h5(functional({input_layer("[null, 2]", "a"), layer("Lambda", "l", "", R"([[["a", 0, 0, {}]]])"),
                                                        layer("MyLayer", "m", "", R"([[["l", 0, 0, {}]]])"),
                                                        layer("Activation", "act", R"("activation": "wobble")", R"([[["a", 0, 0, {}]]])"),
                                                        layer("Add", "add", "", R"([[["m", 0, 0, {}], ["act", 0, 0, {}]]])")},
                                                       R"([["a", 0, 0]])", R"([["add", 0, 0]])"),
                                            {}));
  EXPECT_THAT(text, HasSubstr("unsupported: "));
  EXPECT_THAT(text, HasSubstr("Lambda: Python code cannot be read from the file"));
  EXPECT_THAT(text, HasSubstr("MyLayer: not supported (node 'm')"));
  EXPECT_THAT(text, HasSubstr("the activation 'wobble'"));
}

TEST(Keras, SaysWhatToDoAboutOtherFiles) {
  EXPECT_THAT(refusal(keras_h5("", kDense)),
              HasSubstr("holds weights without a model: save the whole model with model.save('model.keras')"));
  EXPECT_THAT(refusal(keras_h5(R"({"class_name": "MyModel", "config": {}})", {})), HasSubstr("a model of the class MyModel"));
  EXPECT_THAT(refusal(keras_h5("[", {})), HasSubstr("not valid JSON"));
  EXPECT_THAT(refusal(Hdf5Writer().bytes()), HasSubstr("no Keras model"));
  EXPECT_THAT(refusal(std::string("\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08", 15) + std::string(100, '\0')), HasSubstr("damaged or truncated"));
  EXPECT_THAT(refusal(std::string("\x89HDF\r\n\x1a\n") + std::string(100, 'x')), HasSubstr("a superblock of a version"));
}

TEST(Keras, RefusesBrokenModels) {
  const auto with = [](const std::string& inbound, const std::string& outputs) {
    return refusal(keras_h5(functional({input_layer("[null, 2]", "a"), layer("Activation", "x", R"("activation": "relu")", inbound),
                                        layer("Activation", "y", R"("activation": "relu")", R"([[["x", 0, 0, {}]]])")},
                                       R"([["a", 0, 0]])", outputs),
                            {}));
  };
  EXPECT_THAT(with(R"([[["y", 0, 0, {}]]])", R"([["y", 0, 0]])"), HasSubstr("cycle"));
  EXPECT_THAT(with(R"([[["z", 0, 0, {}]]])", R"([["y", 0, 0]])"), HasSubstr("no layer 'z'"));
  EXPECT_THAT(with(R"([[["a", 0, 3, {}]]])", R"([["y", 0, 0]])"), HasSubstr("has 1 outputs"));
  EXPECT_THAT(with(R"([[["a", 0, 0, {}]]])", R"([["y", 0, 7]])"), HasSubstr("has 1 outputs"));
  EXPECT_THAT(with(R"([[["a"]]])", R"([["y", 0, 0]])"), HasSubstr("invalid_model"));
  EXPECT_THAT(refusal(keras_h5(sequential("[null, 2]", {kDenseLayer}), {kDense[0]})), HasSubstr("no weight 'bias'"));
  EXPECT_THAT(refusal(keras_h5(sequential("[null, 3]", {kDenseLayer}), kDense)), HasSubstr("invalid_model"));
  // a dataset that claims more than the file holds
  EXPECT_THAT(refusal(keras_h5(sequential("[null, 2]", {kDenseLayer}), {{"d", "d/kernel:0", {1 << 20, 1 << 20}, {}}, kDense[1]})),
              HasSubstr("claims"));
}

TEST(Keras, NestingIsLimited) {
  std::string inner = kDenseLayer;
  for (int i = 0; i < 60; ++i)
    inner = fmt::format(R"({{"class_name": "Sequential", "name": "n{}", "config": {{"name": "n{}", "layers": [{}]}}}})", i, i, inner);
  EXPECT_THAT(refusal(keras_h5(sequential("[null, 2]", {inner}), kDense)), HasSubstr("nested more than"));
}

}  // namespace
}  // namespace saccade
