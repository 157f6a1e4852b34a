// SPDX-License-Identifier: Apache-2.0
// Caffe models that the test writes itself: how files find each other, phases, old definitions, messages.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <unistd.h>

#include "import/importer.h"
#include "ops/evaluate_graph.h"
#include "saccade/error.h"
#include "support/caffe_writer.h"
#include "tensor/numeric.h"

namespace saccade::caffe {
namespace {

using testing::caffe_net;
using testing::CaffeBlob;
using testing::CaffeBlobForm;

class CaffeFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("saccade_caffe_" + std::to_string(::getpid()) + ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path write(const std::string& name, const std::string& contents) {
    std::ofstream(folder_ / name, std::ios::binary) << contents;
    return folder_ / name;
  }

  static Tensor iota(const Shape& shape, float scale = 1) {
    Tensor t(ElementType::f32, shape);
    float value = 0;
    for (float& v : t.values<float>()) v = scale * value++;
    return t;
  }

  // The first output for 0, 1, 2 …
  static std::vector<double> run(const graph::Graph& graph) {
    std::vector<Tensor> inputs;
    for (const auto in : graph.inputs()) inputs.push_back(iota(graph.type(in).shape.shape()));
    return to_f64(ops::evaluate(graph, inputs)[0]);
  }

  static std::string error_of(const std::filesystem::path& path, ErrorCode code, const import::ReadOptions& options = {}) {
    try {
      import::read_model(path, options);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      return error.what();
    }
    ADD_FAILURE() << "no error";
    return {};
  }

  std::filesystem::path folder_;
};

const std::string kInput = "input: 'data' input_dim: 1 input_dim: 2 input_dim: 1 input_dim: 2\n";
const std::string kScale = "layer { name: 'scale' type: 'Scale' bottom: 'data' top: 'out' scale_param { bias_term: true } }\n";
const std::vector<testing::CaffeLayer> kScaleWeights{{"scale", {{{2}, {2, 3}}, {{2}, {10, 20}}}}};
const std::vector<double> kScaled{10, 12, 26, 29};

TEST_F(CaffeFiles, FindsTheWeightsBesideTheDefinition) {
  const auto model = write("a.prototxt", kInput + kScale);
  const auto weights = write("a.caffemodel", caffe_net(kScaleWeights));
  write("b.caffemodel", "no net");
  EXPECT_EQ(run(*import::read_model(model)), kScaled);
  EXPECT_EQ(run(*import::read_model(weights)), kScaled);
  EXPECT_EQ(import::read_model(model)->metadata.at("caffe.weights"), "a.caffemodel");
}

TEST_F(CaffeFiles, TakesTheOnlyWeightsOrThoseNamed) {
  const auto model = write("deploy.prototxt", kInput + kScale);
  write("net_iter_1000.caffemodel", caffe_net(kScaleWeights));
  EXPECT_EQ(run(*import::read_model(model)), kScaled);
  const auto other = write("other.caffemodel", caffe_net({{"scale", {{{2}, {1, 1}}, {{2}, {0, 0}}}}}));
  EXPECT_NE(error_of(model, ErrorCode::not_found).find("--weights"), std::string::npos);
  import::ReadOptions options;
  options.weights = other;
  EXPECT_EQ(run(*import::read_model(model, options)), (std::vector<double>{0, 1, 2, 3}));
  options.weights = model;
  EXPECT_EQ(run(*import::read_model(other, options)), (std::vector<double>{0, 1, 2, 3}));
  EXPECT_NE(error_of(model, ErrorCode::invalid_argument, options).find("both files"), std::string::npos);
}

TEST_F(CaffeFiles, ReadsEveryFormOfBlob) {
  for (const auto form : {CaffeBlobForm::packed, CaffeBlobForm::one_by_one, CaffeBlobForm::old_dimensions, CaffeBlobForm::doubles}) {
    auto layers = kScaleWeights;
    layers[0].form = form;
    const auto model = write("a.prototxt", kInput + kScale);
    write("a.caffemodel", caffe_net(layers));
    EXPECT_EQ(run(*import::read_model(model)), kScaled) << static_cast<int>(form);
  }
}

TEST_F(CaffeFiles, ReadsOldLayers) {
  const auto model = write("a.prototxt", kInput + "layers { name: 'fc' type: INNER_PRODUCT bottom: 'data' top: 'fc' inner_product_param { num_output: 1 } blobs_lr: 1 }\n"
                                                  "layers { name: 'relu' type: RELU bottom: 'fc' top: 'fc' }");
  write("a.caffemodel", caffe_net({{"fc", {{{1, 1, 1, 4}, {1, 1, 1, 1}}, {{1, 1, 1, 1}, {0.5f}}}, CaffeBlobForm::old_dimensions}}, true));
  const auto graph = import::read_model(model);
  EXPECT_EQ(run(*graph), std::vector<double>{6.5});
  EXPECT_EQ(graph->outputs()[0].name, "fc");
}

TEST_F(CaffeFiles, ReadsTheDefinitionInsideOfTheWeights) {
  std::string shape, input_param, input_rest, scale_rest, scale_param;
  const std::vector<std::int64_t> dims{1, 2, 1, 2};
  protozero::pbf_writer(shape).add_packed_int64(1, dims.begin(), dims.end());
  protozero::pbf_writer(input_param).add_message(1, shape);
  protozero::pbf_writer in(input_rest);
  in.add_string(2, std::string("Input"));
  in.add_string(4, std::string("data"));
  in.add_message(143, input_param);
  protozero::pbf_writer(scale_param).add_bool(4, true);
  protozero::pbf_writer scale(scale_rest);
  scale.add_string(2, std::string("Scale"));
  scale.add_string(3, std::string("data"));
  scale.add_string(4, std::string("out"));
  scale.add_message(142, scale_param);
  auto layers = kScaleWeights;
  layers[0].rest = scale_rest;
  layers.insert(layers.begin(), {"data", {}, CaffeBlobForm::packed, input_rest});
  EXPECT_EQ(run(*import::read_model(write("a.caffemodel", caffe_net(layers)))), kScaled);

  protozero::pbf_writer(scale_rest).add_message(147000, std::string("??"));
  layers[1].rest = scale_rest;
  EXPECT_NE(error_of(write("a.caffemodel", caffe_net(layers)), ErrorCode::unsupported).find("only a fork of Caffe knows"), std::string::npos);
}

TEST_F(CaffeFiles, LeavesOutWhatIsForTraining) {
  const std::string layers =
      "layer { name: 'train' type: 'Data' top: 'data' include { phase: TRAIN } }\n"
      "layer { name: 'drop' type: 'Dropout' bottom: 'data' top: 'data' dropout_param { dropout_ratio: 0.5 } }\n"
      "layer { name: 'only' type: 'Power' bottom: 'data' top: 'p' power_param { shift: 1 } exclude { phase: TRAIN } }\n"
      "layer { name: 'staged' type: 'Power' bottom: 'data' top: 'q' include { stage: 'x' } }\n"
      "layer { name: 'label' type: 'DummyData' top: 'zero' dummy_data_param { shape { dim: 1 } } }\n"
      "layer { name: 'silent' type: 'Silence' bottom: 'zero' }\n"
      "layer { name: 'loss' type: 'SoftmaxWithLoss' bottom: 'p' top: 'loss' phase: TRAIN }\n";
  const auto graph = import::read_model(write("a.prototxt", kInput + layers));
  ASSERT_EQ(graph->outputs().size(), 1u);
  EXPECT_EQ(graph->outputs()[0].name, "p");
  EXPECT_EQ(run(*graph), (std::vector<double>{1, 2, 3, 4}));
}

TEST_F(CaffeFiles, CutsTheGraph) {
  const auto model = write("a.prototxt", kInput + "layer { name: 'a' type: 'Power' bottom: 'data' top: 'x' power_param { shift: 1 } }\n"
                                                  "layer { name: 'b' type: 'Power' bottom: 'x' top: 'x' power_param { scale: 2 } }\n"
                                                  "layer { name: 'c' type: 'Power' bottom: 'x' top: 'y' power_param { shift: 5 } }\n");
  import::ReadOptions options;
  options.outputs = {"b"};
  EXPECT_EQ(run(*import::read_model(model, options)), (std::vector<double>{2, 4, 6, 8}));
  options.outputs = {};
  options.inputs = {"b"};
  const auto cut = import::read_model(model, options);
  EXPECT_EQ(run(*cut), (std::vector<double>{5, 6, 7, 8}));
  EXPECT_EQ(cut->inputs().size(), 1u);
  options.inputs = {};
  options.outputs = {"yy"};
  EXPECT_NE(error_of(model, ErrorCode::not_found, options).find("did you mean 'y'"), std::string::npos);
}

TEST_F(CaffeFiles, SaysWhatAFileIsAndWhatToDo) {
  const struct {
    const char* text;
    ErrorCode code;
    const char* part;
  } cases[] = {
      {"layer { name: 'd' type: 'Data' top: 'data' top: 'label' transform_param { crop_size: 227 } }", ErrorCode::unsupported, "input_param { shape { dim: 1 dim: 3 dim: 227 dim: 227 } }"},
      {"layer { name: 'l' type: 'SoftmaxWithLoss' bottom: 'x' bottom: 'label' }", ErrorCode::unsupported, "in favour of type: \"Softmax\""},
      {"layer { name: 'l' type: 'Accuracy' bottom: 'x' bottom: 'label' }", ErrorCode::unsupported, "measures against labels"},
      {"net: \"train.prototxt\"\nbase_lr: 0.1", ErrorCode::unsupported, "a solver's file"},
      {"layers { layer { name: 'c' type: 'conv' } }", ErrorCode::unsupported, "upgrade_net_proto_text"},
      {"input: 'data'\nlayer { name: 'r' type: 'ReLU' bottom: 'data' top: 'r' }", ErrorCode::invalid_model, "'data' has no shape"},
      {"layer { name: 'r' type: 'ReLU' bottom: 'data' top: 'r' }", ErrorCode::invalid_model, "the bottom 'data' is the top of no layer"},
      {"layer { name: 'r' bottom: 'data' top: 'r' }", ErrorCode::invalid_model, "has no type"},
      {"layer { name: 'r' type: 'Input' top: 'r' input_param { shape { dim: -3 } } }", ErrorCode::invalid_model, "of shape [-3]"},
      {"layer { name: 'r' type: 'ReLU' bottom: 'data'", ErrorCode::invalid_model, "truncated"},
  };
  for (const auto& c : cases) EXPECT_NE(error_of(write("a.prototxt", c.text), c.code).find(c.part), std::string::npos) << c.text;
}

TEST_F(CaffeFiles, ListsEverythingUnsupported) {
  const auto model = write("a.prototxt", kInput +
                                             "layer { name: 'x1' type: 'Strange' bottom: 'data' top: 'a' }\n"
                                             "layer { name: 'x2' type: 'Stranger' bottom: 'a' top: 'b' }\n"
                                             "layer { name: 'p' type: 'Pooling' bottom: 'data' top: 'p' pooling_param { pool: STOCHASTIC kernel_size: 2 } }\n"
                                             "layer { name: 'q' type: 'Pooling' bottom: 'data' top: 'q' pooling_param { kernel_size: 1 wobble: 2 } }\n");
  const std::string what = error_of(model, ErrorCode::unsupported);
  for (const char* part : {"Strange: ", "'x1'", "Stranger: ", "pool STOCHASTIC", "pooling_param.wobble"}) EXPECT_NE(what.find(part), std::string::npos) << part << " in " << what;
}

TEST_F(CaffeFiles, SaysWhenWeightsAreOfAnotherModel) {
  const auto model = write("a.prototxt", kInput + kScale);
  write("a.caffemodel", caffe_net({{"scale2", {{{2}, {2, 3}}}}}));
  EXPECT_NE(error_of(model, ErrorCode::invalid_model).find("the file of another model"), std::string::npos);
  write("a.caffemodel", caffe_net({{"scale", {{{3}, {2, 3, 4}}, {{2}, {0, 0}}}}}));
  EXPECT_NE(error_of(model, ErrorCode::invalid_model).find("weights of shape [3] in a.caffemodel where the definition needs [2]"), std::string::npos);
  write("a.caffemodel", caffe_net({{"scale", {{{1 << 20, 1 << 20}, {2, 3}}, {{2}, {0, 0}}}}}));
  EXPECT_NE(error_of(model, ErrorCode::invalid_model).find("with 2 elements"), std::string::npos);
}

TEST_F(CaffeFiles, RecognisesFilesOfOthers) {
  const struct {
    const char* name;
    std::string contents;
    const char* part;
  } cases[] = {
      {"a.pt", std::string("PK\x03\x04....archive/data.pkl", 24), "torch.onnx.export"},
      {"a.pth", "\x80\x02}q", "torch.onnx.export"},
      {"a.params", std::string("\x12\x01\0\0\0\0\0\0\0\0", 10), "mxnet.onnx.export_model"},
      {"a.json", "{ \"nodes\": [ { \"op\": \"null\", \"name\": \"data\" } ], \"arg_nodes\": [0] }", "mxnet.onnx.export_model"},
      {"a.nnet", "<Nnet>\n<AffineTransform> 1 2", "Kaldi"},
      {"a.t7", "4\n1\n3\nV 1\n13\nnn.Sequential", "Lua Torch"},
      {"a.cfg", "[net]\nwidth=416\n[convolutional]\n", "darknet2onnx"},
      {"a.param", "7767517\n3 3\n", "ncnn"},
  };
  for (const auto& c : cases) EXPECT_NE(error_of(write(c.name, c.contents), ErrorCode::unsupported).find(c.part), std::string::npos) << c.name;
}

}  // namespace
}  // namespace saccade::caffe
