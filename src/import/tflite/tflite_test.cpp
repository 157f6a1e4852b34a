// SPDX-License-Identifier: Apache-2.0
// Reading TFLite models: tensors, quantisation, signatures, sub-graphs, and what is refused and how.
#include "import/tflite/tflite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "import/importer.h"
#include "ops/evaluate_graph.h"
#include "saccade/error.h"
#include "support/tflite_writer.h"
#include "support/zip_writer.h"
#include "tensor/half.h"
#include "tensor/numeric.h"

namespace saccade {
namespace {

using namespace saccade::testing;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using Floats = std::vector<float>;
using Ints = std::vector<std::int32_t>;

std::shared_ptr<const graph::Graph> read(const TfliteModel& model, const import::ReadOptions& options = {}) {
  return import::read_model_bytes(tflite_model(model), {}, options);
}

std::vector<double> run(const graph::Graph& graph, const std::vector<Tensor>& inputs = {}) {
  return to_f64(ops::evaluate(graph, inputs).at(0));
}

/// "code: message" of what the model's reading throws.
std::string refusal(const TfliteModel& model, const import::ReadOptions& options = {}) {
  try {
    read(model, options);
  } catch (const Error& e) {
    return std::string(to_string(e.code())) + ": " + e.message();
  }
  return "accepted";
}

TfliteModel one(TfliteGraph graph) { return {.graphs = {std::move(graph)}}; }

const Tensor kOneTwo = Tensor::from<float>({2}, {1, -2});
const TfliteQuantisation kHalf{{0.5f}, {128}};

TEST(Tflite, RunsAndKeepsNames) {
  const auto g = read(one({.tensors = {{"in", kTfF32, {2}}, {"w", kTfF32, {2}, tflite_bytes(Floats{10, 20})}, {"out", kTfF32, {2}}},
                           .operators = {{0, {0, 1}, {2}, {byte_option(0, 1)}}},
                           .inputs = {0},
                           .outputs = {2}}));
  EXPECT_EQ((*g)[g->inputs()[0]].name, "in");
  EXPECT_EQ(g->outputs()[0].name, "out");
  EXPECT_EQ(g->metadata.at("tflite.description"), "written by a test");
  EXPECT_THAT(run(*g, {Tensor::from<float>({2}, {1, -30})}), ElementsAre(11, 0));
}

TEST(Tflite, UnknownDimensions) {
  const auto g = read(one({.tensors = {{"in", kTfF32, {1, 4}, "", {}, {-1, 4}}, {"out", kTfF32, {1, 4}}},
                           .operators = {{19, {0}, {1}}},
                           .inputs = {0},
                           .outputs = {1}}));
  EXPECT_EQ(graph::to_string(g->type(g->outputs()[0].value)), "f32[?,4]");
}

TEST(Tflite, HalfWeights) {
  const std::vector<std::uint16_t> bits{0x3c00, 0xc000};  // 1, -2
  const auto g =
      read(one({.tensors = {{"in", kTfF32, {2}}, {"h", kTfF16, {2}, tflite_bytes(bits)}, {"w", kTfF32, {2}}, {"out", kTfF32, {2}}},
                .operators = {{6, {1}, {2}}, {18, {0, 2}, {3}}},
                .inputs = {0},
                .outputs = {3}}));
  EXPECT_THAT(run(*g, {kOneTwo}), ElementsAre(1, 4));
}

TEST(Tflite, FourBitConstants) {
  const auto g = read(one({.tensors = {{"in", kTfF32, {3}},
                                       {"q", kTfI4, {3}, std::string("\x71\x0f", 2), {{0.5f}, {0}}},
                                       {"w", kTfF32, {3}},
                                       {"out", kTfF32, {3}}},
                           .operators = {{6, {1}, {2}}, {0, {0, 2}, {3}}},
                           .inputs = {0},
                           .outputs = {3}}));
  EXPECT_THAT(run(*g, {Tensor::from<float>({3}, {0, 0, 0})}), ElementsAre(0.5, 3.5, -0.5));
}

// in + the constant behind a DENSIFY
TfliteModel with_sparse(std::vector<std::int32_t> shape, const std::vector<float>& values, TfliteSparsity sparsity) {
  return one({.tensors = {{"in", kTfF32, {}}, {"s", kTfF32, shape, tflite_bytes(values), {}, {}, false, std::move(sparsity)}, {"w", kTfF32, shape}, {"out", kTfF32, shape}},
              .operators = {{124, {1}, {2}}, {0, {0, 2}, {3}}},
              .inputs = {0},
              .outputs = {3}});
}

TEST(Tflite, SparseConstants) {
  const Tensor zero = Tensor::scalar(0.0f);
  for (const int width : {1, 2, 4}) {
    // rows with the list of their columns
    const auto rows = read(with_sparse({3, 4}, {1, 2, 3}, {{0, 1}, {}, {{false, 3}, {true, 0, {0, 2, 2, 3}, {0, 3, 1}, width}}}));
    EXPECT_THAT(run(*rows, {zero}), ElementsAre(1, 0, 0, 2, 0, 0, 0, 0, 0, 3, 0, 0));
  }
  // blocks of two columns, two of the four that there are
  const auto blocks = read(with_sparse({2, 4}, {1, 2, 3, 4}, {{0, 1, 2}, {1}, {{false, 2}, {true, 0, {0, 1, 2}, {1, 0}}, {false, 2}}}));
  EXPECT_THAT(run(*blocks, {zero}), ElementsAre(0, 0, 1, 2, 3, 4, 0, 0));
  // column by column
  const auto columns = read(with_sparse({2, 2}, {1, 2}, {{1, 0}, {}, {{false, 2}, {true, 0, {0, 1, 2}, {1, 0}}}}));
  EXPECT_THAT(run(*columns, {zero}), ElementsAre(0, 2, 1, 0));
}

TEST(Tflite, DamagedSparseConstants) {
  const auto message = [](std::vector<std::int32_t> shape, TfliteSparsity sparsity) {
    try {
      read(with_sparse(std::move(shape), {1, 2}, std::move(sparsity)));
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  const auto rows = [](std::vector<std::int32_t> segments, std::vector<std::int32_t> indices) {
    return TfliteSparsity{{0, 1}, {}, {{false, 2}, {true, 0, std::move(segments), std::move(indices)}}};
  };
  EXPECT_THAT(message({2, 2}, rows({0, 1, 2}, {0, 2})), HasSubstr("an index outside of its shape"));
  EXPECT_THAT(message({2, 2}, rows({0, 1}, {0})), HasSubstr("a segment that is not there"));
  EXPECT_THAT(message({2, 2}, rows({0, 1, 9}, {0, 1})), HasSubstr("a segment that is not there"));
  EXPECT_THAT(message({2, 2}, rows({0, 2, 3}, {0, 1, 1})), HasSubstr("fewer values than places"));
  EXPECT_THAT(message({2, 2}, {{0, 0}, {}, {{false, 2}, {false, 2}}}), HasSubstr("its order is no permutation"));
  EXPECT_THAT(message({2, 2}, {{0, 1}, {}, {{false, 2}}}), HasSubstr("do not fit together"));
  EXPECT_THAT(message({2, 2}, {{0, 1, 2}, {7}, {{false, 2}, {false, 1}, {false, 2}}}), HasSubstr("a block that cannot be"));
  EXPECT_THAT(message({1 << 20, 1 << 20}, rows({0, 1, 2}, {0, 1})), HasSubstr("out of proportion"));
}

TEST(Tflite, QuantisedInputsAndOutputsStayInteger) {
  const auto g = read(one({.tensors = {{"in", kTfU8, {2}, "", kHalf},
                                       {"w", kTfU8, {2}, std::string("\x82\x84"), kHalf},
                                       {"out", kTfU8, {2}, "", {{1.f}, {10}}}},
                           .operators = {{0, {0, 1}, {2}}},
                           .inputs = {0},
                           .outputs = {2}}));
  EXPECT_EQ(graph::to_string(g->type(g->inputs()[0])), "u8[2]");
  const auto out = ops::evaluate(*g, std::vector<Tensor>{Tensor::from<std::uint8_t>({2}, {132, 0})});
  EXPECT_EQ(out[0].type(), ElementType::u8);
  EXPECT_THAT(to_f64(out[0]), ElementsAre(13, 0));  // 2 + 1 = 3 → 13; -64 + 2 saturates
}

TEST(Tflite, PerChannelWeights) {
  // a depthwise convolution 1×1 over two channels
  const auto model = [](std::int32_t dimension) {
    return one({.tensors = {{"in", kTfI8, {1, 1, 1, 2}, "", {{0.5f}, {0}}},
                            {"w", kTfI8, {1, 1, 1, 2}, std::string("\x02\x03"), {{1.f, 10.f}, {0, 0}, dimension}},
                            {"b", kTfI32, {2}, tflite_bytes(Ints{4, 2}), {{0.5f, 5.f}, {0, 0}, 0}},
                            {"out", kTfI8, {1, 1, 1, 2}, "", {{1.f}, {-1}}}},
                .operators = {{4, {0, 1, 2}, {3}, {byte_option(0, 1), int_option(1, 1), int_option(2, 1), int_option(3, 1)}}},
                .inputs = {0},
                .outputs = {3}});
  };
  const Tensor x = Tensor::from<std::int8_t>({1, 1, 1, 2}, {4, 2});
  EXPECT_THAT(run(*read(model(3)), {x}), ElementsAre(5, 39));  // 2·2 + 2, 1·30 + 10, each less one
  const auto odd = read(model(7));
  EXPECT_THAT(run(*odd, {x}), ElementsAre(5, 39));
  EXPECT_THAT(odd->metadata.at("tflite.notes"), HasSubstr("names dimension 7 for its 2 scales; dimension 3 is meant"));
}

TEST(Tflite, MaximaStayOnTheGrid) {
  const auto g =
      read(one({.tensors = {{"in", kTfU8, {1, 2, 2, 1}, "", kHalf}, {"out", kTfU8, {1, 1, 1, 1}, "", kHalf}},
                .operators = {{17, {0}, {1}, {byte_option(0, 1), int_option(1, 2), int_option(2, 2), int_option(3, 2), int_option(4, 2)}}},
                .inputs = {0},
                .outputs = {1}}));
  EXPECT_THAT(run(*g, {Tensor::from<std::uint8_t>({1, 2, 2, 1}, {3, 250, 7, 9})}), ElementsAre(250));
}

TEST(Tflite, MoversStayIntegerWhereQuantisationsAgree) {
  const auto with = [](TfliteQuantisation out) {
    return read(one(
        {.tensors = {{"in", kTfU8, {2, 2}, "", kHalf}, {"s", kTfI32, {1}, tflite_bytes(Ints{4})}, {"out", kTfU8, {4}, "", std::move(out)}},
         .operators = {{22, {0, 1}, {2}}},
         .inputs = {0},
         .outputs = {2}}));
  };
  const Tensor x = Tensor::from<std::uint8_t>({2, 2}, {128, 130, 0, 255});
  EXPECT_EQ(with(kHalf)->node_count(), 1u);
  EXPECT_THAT(run(*with(kHalf), {x}), ElementsAre(128, 130, 0, 255));
  EXPECT_THAT(run(*with({{1.f}, {0}}), {x}), ElementsAre(0, 1, 0, 64));  // 63.5 to even
}

TEST(Tflite, SignatureNames) {
  const TfliteModel model{.graphs = {{.tensors = {{"serving_x:0", kTfF32, {2}}, {"PartitionedCall:0", kTfF32, {2}}},
                                      .operators = {{59, {0}, {1}}},
                                      .inputs = {0},
                                      .outputs = {1}}},
                          .signatures = {{"serving_default", {{"image", 0}}, {{"boxes", 1}}}}};
  const auto g = read(model);
  EXPECT_EQ((*g)[g->inputs()[0]].name, "image");
  EXPECT_EQ(g->outputs()[0].name, "boxes");
  EXPECT_THAT(refusal(model, {.signature = "train"}), HasSubstr("no signature 'train'; it has 'serving_default'"));
}

TEST(Tflite, CutsAtTensors) {
  const TfliteModel model = one({.tensors = {{"in", kTfF32, {2}}, {"a", kTfF32, {2}}, {"b", kTfF32, {2}}, {"out", kTfF32, {2}}},
                                 .operators = {{59, {0}, {1}}, {101, {1}, {2}}, {999, {2}, {3}}},
                                 .inputs = {0},
                                 .outputs = {3}});
  const auto g = read(model, {.inputs = {"a"}, .outputs = {"b"}});
  EXPECT_EQ(g->node_count(), 1u);
  EXPECT_THAT(run(*g, {kOneTwo}), ElementsAre(1, 2));
  EXPECT_THAT(refusal(model, {.outputs = {"c"}}), HasSubstr("no tensor 'c'"));
}

TEST(Tflite, LabelsBehindTheModel) {
  const std::string bytes =
      tflite_model(
          one({.tensors = {{"in", kTfF32, {2}}, {"out", kTfF32, {2}}}, .operators = {{59, {0}, {1}}}, .inputs = {0}, .outputs = {1}})) +
      zip_archive({{"labels.txt", "cat\r\ndog\n", true}});
  EXPECT_EQ(import::read_model_bytes(bytes)->metadata.at("names"), R"(["cat","dog"])");
}

TfliteGraph scaled(float by) {
  return {.tensors = {{"x", kTfF32, {2}}, {"k", kTfF32, {}, tflite_bytes(Floats{by})}, {"y", kTfF32, {2}}},
          .operators = {{18, {0, 1}, {2}}},
          .inputs = {0},
          .outputs = {2}};
}

TEST(Tflite, Branches) {
  const TfliteModel model{.graphs = {{.tensors = {{"c", kTfBool, {}}, {"x", kTfF32, {2}}, {"y", kTfF32, {2}}},
                                      .operators = {{118, {0, 1}, {2}, {int_option(0, 1), int_option(1, 2)}}},
                                      .inputs = {0, 1},
                                      .outputs = {2}},
                                     scaled(3),
                                     scaled(-1)}};
  const auto g = read(model);
  EXPECT_THAT(run(*g, {Tensor::scalar(true), kOneTwo}), ElementsAre(3, -6));
  EXPECT_THAT(run(*g, {Tensor::scalar(false), kOneTwo}), ElementsAre(-1, 2));
}

TEST(Tflite, Loops) {
  const TfliteGraph condition{.tensors = {{"x", kTfF32, {2}},
                                          {"axes", kTfI32, {1}, tflite_bytes(Ints{0})},
                                          {"m", kTfF32, {}},
                                          {"limit", kTfF32, {}, tflite_bytes(Floats{20})},
                                          {"c", kTfBool, {}}},
                              .operators = {{82, {0, 1}, {2}}, {58, {2, 3}, {4}}},
                              .inputs = {0},
                              .outputs = {4}};
  const auto g = read({.graphs = {{.tensors = {{"x", kTfF32, {2}}, {"y", kTfF32, {2}}},
                                   .operators = {{119, {0}, {1}, {int_option(0, 1), int_option(1, 2)}}},
                                   .inputs = {0},
                                   .outputs = {1}},
                                  condition,
                                  scaled(3)}});
  EXPECT_THAT(run(*g, {kOneTwo}), ElementsAre(27, -54));
}

TEST(Tflite, CompositesAreWhatTheyAreMadeOf) {
  const auto g = read(TfliteModel{.graphs = {{.tensors = {{"x", kTfF32, {2}}, {"y", kTfF32, {2}}}, .operators = {{206, {0}, {1}, {int_option(1, 1)}}}, .inputs = {0}, .outputs = {1}}, scaled(3)}});
  EXPECT_THAT(run(*g, {kOneTwo}), ElementsAre(3, -6));
}

TEST(Tflite, CyclesOfSubgraphsAreRefused) {
  const TfliteGraph calling{.tensors = {{"x", kTfF32, {2}}, {"y", kTfF32, {2}}},
                            .operators = {{31, {0}, {1}, {int_option(0, 1)}}},
                            .inputs = {0},
                            .outputs = {1}};
  EXPECT_THAT(refusal({.graphs = {calling, calling}}), HasSubstr("sub-graph 1 contains itself"));
  TfliteModel chain{.graphs = {calling}};
  for (int i = 0; i < 100; ++i) {
    TfliteGraph next = calling;
    next.operators[0].options = {int_option(0, i + 2)};
    chain.graphs.push_back(next);
  }
  chain.graphs.push_back(scaled(2));
  EXPECT_THAT(refusal(chain), HasSubstr("nested more than"));
  // twice at every level
  TfliteModel doubling{.graphs = {calling}};
  for (int i = 0; i < 30; ++i)
    doubling.graphs.push_back({.tensors = {{"x", kTfF32, {2}}, {"a", kTfF32, {2}}, {"y", kTfF32, {2}}},
                               .operators = {{31, {0}, {1}, {int_option(0, i + 2)}}, {31, {1}, {2}, {int_option(0, i + 2)}}},
                               .inputs = {0},
                               .outputs = {2}});
  doubling.graphs.push_back(scaled(2));
  EXPECT_THAT(refusal(doubling), HasSubstr("unfolds into more than"));
}

TEST(Tflite, ListsEverythingThatIsMissingAtOnce) {
  const std::string text = refusal(one(
      {.tensors = {{"x", kTfF32, {2}}, {"a", kTfF32, {2}}, {"b", kTfF32, {2}}, {"c", kTfF32, {2}}, {"d", kTfF32, {2}}, {"y", kTfF32, {2}}},
       .operators =
           {{30, {0}, {1}}, {32, {1}, {2}, {}, "FlexErf"}, {0, {0, 0}, {3}, {byte_option(0, 5)}}, {129, {}, {4}}, {106, {2, 3, 4}, {5}}},
       .inputs = {0},
       .outputs = {5}}));
  EXPECT_THAT(text, HasSubstr("unsupported: "));
  EXPECT_THAT(text, HasSubstr("SKIP_GRAM (version 1): not supported (node 'a')"));
  EXPECT_THAT(text, HasSubstr("FlexErf (version 1): a TensorFlow operator inside"));
  EXPECT_THAT(text, HasSubstr("ADD (version 1): the fused activation 5 (node 'c')"));
  EXPECT_THAT(text, HasSubstr("CALL_ONCE (version 1): variables"));
}

TEST(Tflite, RefusesBrokenModels) {
  const auto with = [](std::vector<TfliteOperator> operators, std::vector<TfliteTensor> more = {}) {
    TfliteGraph g{.tensors = {{"x", kTfF32, {2}}, {"a", kTfF32, {2}}, {"y", kTfF32, {2}}},
                  .operators = std::move(operators),
                  .inputs = {0},
                  .outputs = {2}};
    for (auto& t : more) g.tensors.push_back(std::move(t));
    return refusal(one(g));
  };
  EXPECT_THAT(with({{59, {1}, {2}}}), HasSubstr("invalid_model: produced by nothing"));
  EXPECT_THAT(with({{59, {1}, {2}}, {59, {0}, {1}}}), HasSubstr("used before the operator that produces it"));
  EXPECT_THAT(with({{59, {0}, {2}}, {101, {0}, {2}}}), HasSubstr("'y' is the output of two operators"));
  EXPECT_THAT(with({{59, {7}, {2}}}), HasSubstr("a tensor that is not there"));
  EXPECT_THAT(with({{59, {-1}, {2}}}), HasSubstr("input 0 is missing"));
  EXPECT_THAT(with({{0, {0, 3}, {2}}}, {{"w", kTfF32, {2}, tflite_bytes(Floats{1, 2, 3})}}), HasSubstr("12 bytes for a constant f32[2]"));
  EXPECT_THAT(with({{0, {0, 3}, {2}}}, {{"w", kTfF32, {1 << 30, 1 << 30, 1 << 30}, tflite_bytes(Floats{1, 2, 3})}}),
              HasSubstr("invalid_model"));
  EXPECT_THAT(with({{0, {0, 3}, {2}}}, {{"w", kTfString, {1}, "text"}}), HasSubstr("string tensors"));
  EXPECT_THAT(with({{0, {0, 3}, {2}}}, {{"w", kTfF32, {2}, "", {}, {}, true}}), HasSubstr("a variable, whose contents last"));
  EXPECT_THAT(with({{0, {0, 3}, {2}}}, {{"w", kTfI8, {2}, "ab", {{1.f, 2.f, 3.f}, {0, 0, 0}, 0}}}),
              HasSubstr("has 3 scales along dimension 0"));
  EXPECT_THAT(refusal({.graphs = {scaled(1)}, .version = 2}), HasSubstr("schema version 2"));
  EXPECT_THAT(refusal({.graphs = {}}), HasSubstr("the model has no graph"));
}

TEST(Tflite, DetectionPostProcess) {
  const auto model = [](bool regular, int classes_each) {
    flexbuffers::Builder fbb;
    fbb.Map([&] {
      fbb.Int("max_detections", 3);
      fbb.Int("max_classes_per_detection", classes_each);
      fbb.Int("detections_per_class", 2);
      fbb.Bool("use_regular_nms", regular);
      fbb.Float("nms_score_threshold", 0.3f);
      fbb.Float("nms_iou_threshold", 0.5f);
      fbb.Int("num_classes", 2);
      for (const char* scale : {"y_scale", "x_scale"}) fbb.Float(scale, 10);
      for (const char* scale : {"h_scale", "w_scale"}) fbb.Float(scale, 5);
    });
    fbb.Finish();
    return one({.tensors = {{"boxes", kTfF32, {1, 3, 4}},
                            {"scores", kTfF32, {1, 3, 3}},
                            {"anchors", kTfF32, {3, 4}, tflite_bytes(Floats{.5f, .5f, 1, 1, .5f, .5f, 1, 1, .5f, 3, 1, 2})},
                            {"b", kTfF32, {}},
                            {"c", kTfF32, {}},
                            {"s", kTfF32, {}},
                            {"n", kTfF32, {}}},
                .operators = {{32, {0, 1, 2}, {3, 4, 5, 6}, {}, "TFLite_Detection_PostProcess", fbb.GetBuffer()}},
                .inputs = {0, 1},
                .outputs = {3, 4, 5, 6}});
  };
  // the second box lies on the first; y moves by a tenth of the anchor's height
  const std::vector<Tensor> inputs{Tensor::from<float>({1, 3, 4}, {1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}),
                                   Tensor::from<float>({1, 3, 3}, {0, .6f, .1f, 0, .7f, .4f, 0, .2f, .5f})};
  const auto fast = ops::evaluate(*read(model(false, 1)), inputs);
  EXPECT_THAT(to_f64(fast[0].reshaped({12})),
              ::testing::Pointwise(::testing::DoubleNear(1e-6), {.1, 0., 1.1, 1., 0., 2., 1., 4., 0., 0., 0., 0.}));
  EXPECT_THAT(to_f64(fast[1]), ElementsAre(0, 1, 0));
  EXPECT_THAT(to_f64(fast[2]), ::testing::Pointwise(::testing::DoubleNear(1e-6), {.7, .5, 0.}));
  EXPECT_THAT(to_f64(fast[3]), ElementsAre(2));
  const auto two = ops::evaluate(*read(model(false, 2)), inputs);
  EXPECT_THAT(to_f64(two[1]), ElementsAre(0, 1, 1, 0, 0, 0));
  EXPECT_THAT(to_f64(two[3]), ElementsAre(2));
  const auto regular = ops::evaluate(*read(model(true, 1)), inputs);
  EXPECT_THAT(to_f64(regular[1]), ElementsAre(0, 1, 1));
  EXPECT_THAT(to_f64(regular[2]), ::testing::Pointwise(::testing::DoubleNear(1e-6), {.7, .5, .4}));
}

}  // namespace
}  // namespace saccade
