// SPDX-License-Identifier: Apache-2.0
// Reading ONNX models: names, order, initializers, functions, types, external data, and what is refused and how.
#include "import/onnx/onnx.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "import/importer.h"
#include "ops/evaluate_graph.h"
#include "saccade/error.h"
#include "support/onnx_writer.h"
#include "tensor/numeric.h"

namespace saccade {
namespace {

using namespace saccade::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::shared_ptr<const graph::Graph> read(const ModelSpec& spec, const std::filesystem::path& folder = {}) { return import::read_model_bytes(model(spec), folder); }

std::vector<double> evaluated(const graph::Graph& graph, const std::vector<Tensor>& inputs = {}) { return to_f64(ops::evaluate(graph, inputs).at(0)); }

/// "code: message" of what the model's reading throws.
std::string refusal(const ModelSpec& spec, const std::filesystem::path& folder = {}) {
  try {
    read(spec, folder);
  } catch (const Error& e) {
    return std::string(to_string(e.code())) + ": " + e.message();
  }
  return "accepted";
}

const std::string kX = value_info("x", kFloat, {2}), kY = value_info("y", kFloat, {2});
const Tensor kOneTwo = Tensor::from<float>({2}, {1, 2});

TEST(Onnx, RunsNodesInAnyOrderOfTheFile) {
  const auto g = read({.graph = {.nodes = {{"Neg", {"a"}, {"y"}}, {"Exp", {"x"}, {"a"}}}, .inputs = {kX}, .outputs = {kY}}});
  EXPECT_THAT(evaluated(*g, {Tensor::from<float>({2}, {0, 0})}), ElementsAre(-1, -1));
}

TEST(Onnx, InitializersThatAreInputsAreConstants) {
  const auto g = read({.graph = {.nodes = {{"Add", {"x", "w"}, {"y"}}},
                                 .inputs = {kX, value_info("w", kFloat, {2})},
                                 .outputs = {kY},
                                 .initializers = {tensor_f32("w", {2}, {10, 20})}}});
  ASSERT_EQ(g->inputs().size(), 1u);
  EXPECT_THAT(evaluated(*g, {kOneTwo}), ElementsAre(11, 22));
}

TEST(Onnx, KeepsSymbolsAndUnknownDimensions) {
  const auto g = read({.graph = {.nodes = {{"Relu", {"x"}, {"y"}}}, .inputs = {value_info("x", kFloat, {"batch", 3, "", -1})}, .outputs = {value_info_without_shape("y", kFloat)}}});
  EXPECT_EQ(graph::to_string(g->type(g->outputs()[0].value)), "f32[batch,3,?,?]");
}

TEST(Onnx, NamesAreOpaque) {
  const std::string odd = "a b\n/\xff";
  const auto g = read({.graph = {.nodes = {{"Relu", {odd}, {"y"}, {}, "same"}, {"Relu", {"y"}, {"z"}, {}, "same"}},
                                 .inputs = {value_info(odd, kFloat, {2})},
                                 .outputs = {value_info("z", kFloat, {2})}}});
  EXPECT_EQ((*g)[g->inputs()[0]].name, odd);
}

TEST(Onnx, OutputMayBeAnInputOrAnInitializer) {
  const auto g = read({.graph = {.nodes = {}, .inputs = {kX}, .outputs = {kX, value_info("w", kFloat, {1})}, .initializers = {tensor_f32("w", {1}, {7})}}});
  ASSERT_EQ(g->outputs().size(), 2u);
  EXPECT_THAT(to_f64(ops::evaluate(*g, std::vector<Tensor>{kOneTwo})[1]), ElementsAre(7));
}

TEST(Onnx, NodesThatNoOutputNeedsAreNotRead) {
  const auto g = read({.graph = {.nodes = {{"NoSuchThing", {"x"}, {"unused"}}, {"Relu", {"x"}, {"y"}}}, .inputs = {kX}, .outputs = {kY}}});
  EXPECT_EQ(g->node_count(), 1u);
}

TEST(Onnx, MetadataAreKept) {
  const auto g = read({.graph = {.nodes = {{"Relu", {"x"}, {"y"}}}, .inputs = {kX}, .outputs = {kY}}, .metadata = {{"names", "{0: 'cat'}"}}});
  EXPECT_EQ(g->metadata.at("names"), "{0: 'cat'}");
  EXPECT_EQ(g->metadata.at("onnx.opset"), "ai.onnx 18");
}

TEST(Onnx, TakesTheRowOfTheModelsOpset) {
  // Clip had attributes before version 11 and has inputs since.
  const auto old = read({.graph = {.nodes = {{"Clip", {"x"}, {"y"}, {attribute("max", 1.5f)}}}, .inputs = {kX}, .outputs = {kY}}, .opset = 9});
  EXPECT_THAT(evaluated(*old, {kOneTwo}), ElementsAre(1, 1.5));
  EXPECT_THAT(refusal({.graph = {.nodes = {{"Clip", {"x"}, {"y"}, {attribute("max", 1.5f)}}}, .inputs = {kX}, .outputs = {kY}}, .opset = 11}),
              HasSubstr("Clip (opset 11): attribute 'max' (node 'y')"));
}

TEST(Onnx, AbsentOptionalInputs) {
  const auto g = read({.graph = {.nodes = {{"Clip", {"x", "", "high"}, {"y"}}}, .inputs = {kX}, .outputs = {kY}, .initializers = {tensor_f32("high", {}, {1.5f})}}});
  EXPECT_THAT(evaluated(*g, {kOneTwo}), ElementsAre(1, 1.5));
}

TEST(Onnx, ListsEverythingThatIsMissingAtOnce) {
  const std::string text = refusal({.graph = {.nodes = {{"Frobnicate", {"x"}, {"a"}, {}, "first"},
                                                        {"Frobnicate", {"a"}, {"b"}, {}, "second"},
                                                        {"Gelu", {"b"}, {"c"}, {}, "third"},
                                                        {"Relu", {"x"}, {"d"}, {attribute("slope", std::int64_t{1})}, "fourth"},
                                                        {"Add", {"c", "d"}, {"y"}}},
                                              .inputs = {kX},
                                              .outputs = {kY}}});
  EXPECT_THAT(text, HasSubstr("unsupported: Frobnicate (opset 18): not supported (2 nodes: 'first', 'second')"));
  EXPECT_THAT(text, HasSubstr("Gelu (opset 18): not supported (node 'third')"));
  EXPECT_THAT(text, HasSubstr("Relu (opset 18): attribute 'slope' (node 'fourth')"));
}

TEST(Onnx, SequencesAndStringsAreUnsupported) {
  EXPECT_THAT(refusal({.graph = {.nodes = {{"Relu", {"x"}, {"y"}}}, .inputs = {value_info_sequence("x")}, .outputs = {kY}}}), HasSubstr("unsupported: input: a sequence"));
  EXPECT_THAT(refusal({.graph = {.nodes = {{"Relu", {"x"}, {"y"}}}, .inputs = {value_info("x", kString, {2})}, .outputs = {kY}}}), HasSubstr("unsupported: input: tensors of strings"));
  EXPECT_THAT(refusal({.graph = {.nodes = {{"Identity", {"w"}, {"y"}}}, .inputs = {}, .outputs = {kY}, .initializers = {tensor_raw("w", kString, {2}, "")}}}),
              HasSubstr("unsupported: initializer: tensors of strings"));
}

TEST(Onnx, RefusesBrokenGraphs) {
  struct Case {
    std::vector<NodeSpec> nodes;
    std::string message;
  };
  for (const auto& c : {
           Case{{{"Relu", {"y"}, {"y"}}}, "cycle"},
           Case{{{"Relu", {"b"}, {"a"}}, {"Relu", {"a"}, {"b"}}, {"Add", {"x", "b"}, {"y"}}}, "cycle"},
           Case{{{"Relu", {"x"}, {"y"}}, {"Neg", {"x"}, {"y"}}}, "'y' is the output of two nodes"},
           Case{{{"Relu", {"x"}, {"x"}}, {"Relu", {"x"}, {"y"}}}, "cycle"},
           Case{{{"Relu", {"nothing"}, {"y"}}}, "input 'nothing' is produced by nothing"},
           Case{{{"Relu", {}, {"y"}}}, "input 0 is missing"},
           Case{{{"Relu", {"x"}, {"z"}}}, "output 'y' is produced by nothing"},
           Case{{{"Not", {"x"}, {"y"}}}, "output 'y' is declared as f32 but computed as boolean"},
           Case{{{"LeakyRelu", {"x"}, {"y"}, {attribute("alpha", std::int64_t{1})}}}, "attribute 'alpha' is an integer where a float is needed"},
           Case{{{"Relu", {"x"}, {"y"}, {attribute_reference("a", "b", 1)}}}, "refers to an attribute of a function"},
           Case{{{"Constant", {}, {"y"}, {tensor_attribute("value", tensor_f32("", {3}, {1, 2}))}}}, "f32[3] takes 12 bytes, but the file holds 8"},
       })
    EXPECT_THAT(refusal({.graph = {.nodes = c.nodes, .inputs = {kX}, .outputs = {kY}}}), AllOf(HasSubstr("invalid_model: "), HasSubstr(c.message)));
}

TEST(Onnx, RefusesBrokenTensors) {
  struct Case {
    std::string tensor, message;
  };
  constexpr std::int64_t million = 1'000'000;
  for (const auto& c : {
           Case{tensor_raw("w", kFloat, {-1}, ""), "negative dimension"},
           Case{tensor_raw("w", kFloat, {million, million}, "abcd"), "takes 4000000000000 bytes, but the file holds 4"},
           Case{tensor_raw("w", kFloat, {million, million, million, million}, ""), "too many elements"},
           Case{tensor_header("w", kFloat, {2}), "has 2 elements, but the file holds 0"},
           Case{tensor_header("w", kFloat, {million, million}), "but the file holds 0"},
           Case{tensor_raw("w", 99, {1}, "a"), "99 is no element type"},
           Case{tensor_raw("w", 0, {1}, "a"), "0 is no element type"},
           Case{tensor_raw("w", kFloat, std::vector<std::int64_t>(65, 1), "abcd"), "rank 65"},
       })
    EXPECT_THAT(refusal({.graph = {.nodes = {{"Identity", {"w"}, {"y"}}}, .inputs = {}, .outputs = {kY}, .initializers = {c.tensor}}}),
                AllOf(HasSubstr("invalid_model: "), HasSubstr(c.message)));
}

TEST(Onnx, RefusesAbsurdInputShapes) {
  for (const std::vector<Dim>& dims : {std::vector<Dim>{std::int64_t{-5}}, {std::int64_t{1} << 50}, {std::int64_t{1} << 39, std::int64_t{1} << 39}})
    EXPECT_THAT(refusal({.graph = {.nodes = {{"Relu", {"x"}, {"y"}}}, .inputs = {value_info("x", kFloat, dims)}, .outputs = {value_info_without_shape("y", kFloat)}}}),
                HasSubstr("invalid_model: "));
}

TEST(Onnx, ReadsEveryWayToStoreElements) {
  const auto constant = [](std::string tensor, OnnxType type, std::int64_t count) {
    return evaluated(*read({.graph = {.nodes = {{"Identity", {"w"}, {"y"}}}, .inputs = {}, .outputs = {value_info("y", type, {count})}, .initializers = {std::move(tensor)}}, .opset = 21}));
  };
  EXPECT_THAT(constant(tensor_header("w", kFloat, {2}).reals(4, {1.5f, -2}), kFloat, 2), ElementsAre(1.5, -2));
  EXPECT_THAT(constant(tensor_header("w", kInt8, {2}).integers(5, {-3, 4}), kInt8, 2), ElementsAre(-3, 4));
  EXPECT_THAT(constant(tensor_header("w", kBool, {2}).integers(5, {0, 7}), kBool, 2), ElementsAre(0, 1));
  EXPECT_THAT(constant(tensor_header("w", kHalf, {1}).integers(5, {0x3c00}), kHalf, 1), ElementsAre(1));
  EXPECT_THAT(constant(tensor_header("w", kInt64, {2}).integers(7, {-3, 4}), kInt64, 2), ElementsAre(-3, 4));
  EXPECT_THAT(constant(tensor_raw("w", kInt4, {3}, "\x71\x0f"), kInt4, 3), ElementsAre(1, 7, -1));
  EXPECT_THAT(constant(tensor_raw("w", kBool, {3}, std::string_view("\x02\x00\x01", 3)), kBool, 3), ElementsAre(1, 0, 1));
  for (std::size_t pad = 0; pad < 8; ++pad)  // raw data at any alignment
    EXPECT_THAT(constant(tensor_header("w", kDouble, {2}).bytes(12, std::string(pad, ' ')).bytes(9, raw_bytes<double>({2.5, 3})), kDouble, 2), ElementsAre(2.5, 3));
}

TEST(Onnx, SparseInitializers) {
  const auto spec = [](std::vector<std::int64_t> indices) {
    const std::string values = tensor_f32("w", {2}, {5, 6}), at = tensor_i64("", {2}, indices);
    return ModelSpec{.graph = {.nodes = {{"Identity", {"w"}, {"y"}}},
                               .inputs = {},
                               .outputs = {value_info("y", kFloat, {2, 2})},
                               .sparse_initializers = {Message().bytes(1, values).bytes(2, at).integers(3, {2, 2})}}};
  };
  EXPECT_THAT(evaluated(*read(spec({0, 3}))), ElementsAre(5, 0, 0, 6));
  EXPECT_THAT(refusal(spec({0, 4})), HasSubstr("index 4 of a sparse tensor is outside"));
}

// local.Scale(x) = alpha · x through a Constant whose value is the function's attribute
const FunctionSpec kScale{.name = "Scale",
                          .inputs = {"v"},
                          .outputs = {"r"},
                          .attributes = {"alpha"},
                          .nodes = {{"Constant", {}, {"c"}, {attribute_reference("value_float", "alpha", 1)}}, {"Mul", {"v", "c"}, {"r"}}}};

TEST(Onnx, InlinesFunctionsWithTheirAttributes) {
  const auto g = read({.graph = {.nodes = {{"Scale", {"x"}, {"a"}, {attribute("alpha", 3.f)}, "", "local"}, {"Scale", {"a"}, {"y"}, {attribute("alpha", 5.f)}, "", "local"}},
                                 .inputs = {kX},
                                 .outputs = {kY}},
                       .functions = {kScale},
                       .more_opsets = {{"local", 1}}});
  EXPECT_THAT(evaluated(*g, {kOneTwo}), ElementsAre(15, 30));
}

TEST(Onnx, FunctionDefaults) {
  FunctionSpec scale = kScale;
  scale.defaults = {attribute("alpha", 2.f)};
  const auto g = read({.graph = {.nodes = {{"Scale", {"x"}, {"y"}, {}, "", "local"}}, .inputs = {kX}, .outputs = {kY}}, .functions = {scale}});
  EXPECT_THAT(evaluated(*g, {kOneTwo}), ElementsAre(2, 4));
}

TEST(Onnx, FunctionsSeeOnlyTheirOwnNames) {
  const FunctionSpec leaky{.name = "F", .inputs = {"v"}, .outputs = {"r"}, .attributes = {}, .nodes = {{"Add", {"v", "x"}, {"r"}}}};
  EXPECT_THAT(refusal({.graph = {.nodes = {{"F", {"x"}, {"y"}, {}, "", "local"}}, .inputs = {kX}, .outputs = {kY}}, .functions = {leaky}}),
              HasSubstr("input 'x' is produced by nothing"));
}

TEST(Onnx, RecursiveFunctionsAreRefused) {
  const FunctionSpec f{.name = "F", .inputs = {"v"}, .outputs = {"r"}, .attributes = {}, .nodes = {{"G", {"v"}, {"r"}, {}, "", "local"}}};
  const FunctionSpec g{.name = "G", .inputs = {"v"}, .outputs = {"r"}, .attributes = {}, .nodes = {{"F", {"v"}, {"r"}, {}, "", "local"}}};
  EXPECT_THAT(refusal({.graph = {.nodes = {{"F", {"x"}, {"y"}, {}, "", "local"}}, .inputs = {kX}, .outputs = {kY}}, .functions = {f, g}}), HasSubstr("calls itself"));
}

TEST(Onnx, FunctionsThatUnfoldWithoutEndAreRefused) {
  std::vector<FunctionSpec> functions;
  for (int i = 0; i < 40; ++i) {
    const std::string next = "F" + std::to_string(i + 1);
    functions.push_back({.name = "F" + std::to_string(i),
                         .inputs = {"v"},
                         .outputs = {"r"},
                         .attributes = {},
                         .nodes = {{next, {"v"}, {"a"}, {}, "", "local"}, {next, {"a"}, {"r"}, {}, "", "local"}}});
  }
  functions.push_back({.name = "F40", .inputs = {"v"}, .outputs = {"r"}, .attributes = {}, .nodes = {{"Relu", {"v"}, {"r"}}}});
  EXPECT_THAT(refusal({.graph = {.nodes = {{"F0", {"x"}, {"y"}, {}, "", "local"}}, .inputs = {kX}, .outputs = {kY}}, .functions = functions}),
              HasSubstr("the model unfolds into more than"));
}

TEST(Onnx, DeepNestingIsRefused) {
  std::string inner = graph_proto({.nodes = {}, .inputs = {}, .outputs = {}});
  for (int i = 0; i < 100; ++i) inner = graph_proto({.nodes = {{"If", {"x"}, {"y"}, {graph_attribute("then_branch", inner)}}}, .inputs = {}, .outputs = {kY}});
  EXPECT_THAT(refusal({.graph = {.nodes = {{"If", {"x"}, {"y"}, {graph_attribute("then_branch", inner)}}}, .inputs = {kX}, .outputs = {kY}}}), HasSubstr("nested more than"));
}

// y = cond ? a + w : a − x, where a = x + x stands around the branches
ModelSpec branches() {
  const auto branch = [](const char* op, const char* with) {
    return graph_proto({.nodes = {{op, {"a", with}, {"r"}}}, .inputs = {}, .outputs = {value_info_without_shape("r", kFloat)}});
  };
  return {.graph = {.nodes = {{"Add", {"x", "x"}, {"a"}}, {"If", {"cond"}, {"y"}, {graph_attribute("then_branch", branch("Add", "w")), graph_attribute("else_branch", branch("Sub", "x"))}}},
                    .inputs = {kX, value_info("cond", kBool, {})},
                    .outputs = {kY},
                    .initializers = {tensor_f32("w", {2}, {10, 20})}}};
}

TEST(Onnx, SubgraphsSeeTheNamesAroundThem) {
  const auto g = read(branches());
  EXPECT_THAT(evaluated(*g, {kOneTwo, Tensor::scalar(true)}), ElementsAre(12, 24));
  EXPECT_THAT(evaluated(*g, {kOneTwo, Tensor::scalar(false)}), ElementsAre(1, 2));
}

TEST(Onnx, OnlyTheBranchOfAConstantConditionIsRead) {
  ModelSpec spec = branches();
  spec.graph.inputs = {kX};
  spec.graph.initializers.push_back(tensor_raw("cond", kBool, {}, std::string_view("\0", 1)));
  const auto g = read(spec);
  EXPECT_THAT(evaluated(*g, {kOneTwo}), ElementsAre(1, 2));
  EXPECT_EQ(g->node_count(), 2u);
}

TEST(Onnx, ReportsWhatIsMissingInSubgraphs) {
  ModelSpec spec = branches();
  spec.graph.nodes[1].attributes[0] = graph_attribute(
      "then_branch", graph_proto({.nodes = {{"Frobnicate", {"a"}, {"r"}, {}, "inner"}}, .inputs = {}, .outputs = {value_info_without_shape("r", kFloat)}}));
  EXPECT_EQ(refusal(spec), "unsupported: Frobnicate (opset 18): not supported (node 'inner')");
}

class ExternalData : public ::testing::Test {
 protected:
  ExternalData() : folder_(std::filesystem::temp_directory_path() / ("saccade_external_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_ / "inside");
    std::ofstream(folder_ / "inside" / "weights.bin", std::ios::binary) << raw_bytes<float>({0, 1, 2, 3});
    std::ofstream(folder_ / "secret.bin", std::ios::binary) << raw_bytes<float>({0, 1, 2, 3});
    std::filesystem::create_symlink(folder_ / "secret.bin", folder_ / "inside" / "link.bin");
  }
  ~ExternalData() override { std::filesystem::remove_all(folder_); }

  ModelSpec spec(std::vector<std::pair<std::string, std::string>> entries) const {
    return {.graph = {.nodes = {{"Identity", {"w"}, {"y"}}}, .inputs = {}, .outputs = {kY}, .initializers = {tensor_external("w", kFloat, {2}, entries)}}};
  }
  std::string refused(std::vector<std::pair<std::string, std::string>> entries) const { return refusal(spec(std::move(entries)), folder_ / "inside"); }

  std::filesystem::path folder_;
};

TEST_F(ExternalData, IsReadAtItsOffset) {
  const auto g = read(spec({{"location", "weights.bin"}, {"offset", "4"}, {"length", "8"}}), folder_ / "inside");
  EXPECT_THAT(evaluated(*g), ElementsAre(1, 2));
}

TEST_F(ExternalData, ThatIsBrokenOrOutsideOfTheFolderIsRefused) {
  EXPECT_THAT(refused({{"location", "nothing.bin"}}), HasSubstr("not_found: "));
  EXPECT_THAT(refused({{"location", "weights.bin"}, {"offset", "12"}}), HasSubstr("ends before byte 12 + 8"));
  EXPECT_THAT(refused({{"location", "weights.bin"}, {"offset", "9223372036854775807"}}), HasSubstr("ends before"));
  EXPECT_THAT(refused({{"location", "weights.bin"}, {"offset", "-4"}}), HasSubstr("offset '-4'"));
  EXPECT_THAT(refused({{"location", "weights.bin"}, {"length", "4"}}), HasSubstr("4 bytes where 8 are needed"));
  EXPECT_THAT(refused({{"location", ""}}), HasSubstr("without a location"));
  for (const char* path : {"../secret.bin", "/etc/passwd", "x/../../secret.bin", "link.bin"}) EXPECT_THAT(refused({{"location", path}}), HasSubstr("outside of the model's folder")) << path;
  EXPECT_THAT(refusal(spec({{"location", "weights.bin"}})), HasSubstr("not in a folder"));
}

TEST(Importer, RecognisesFormatsByContent) {
  const auto format = [](std::string_view bytes) { return import::to_string(import::sniff(bytes)); };
  EXPECT_EQ(format(model({.graph = {.nodes = {{"Relu", {"x"}, {"y"}}}, .inputs = {kX}, .outputs = {kY}}})), "ONNX");
  EXPECT_EQ(format(std::string_view("\x1c\0\0\0TFL3....", 12)), "TensorFlow Lite");
  EXPECT_EQ(format("<?xml version=\"1.0\"?>\n<net name=\"a\" version=\"10\">"), "OpenVINO IR");
  EXPECT_EQ(format("name: \"a\"\nlayer {\n"), "Caffe (prototxt)");
  EXPECT_EQ(format("\x0a\x10\x0a\x05input\x12\x0bPlaceholder"), "TensorFlow GraphDef");
  EXPECT_EQ(format("\x89HDF\r\n\x1a\n...."), "HDF5 (Keras .h5)");
  EXPECT_EQ(format("version https://git-lfs.github.com/spec/v1\n"), "Git LFS pointer");
  EXPECT_EQ(format("hello"), "unknown");
  EXPECT_EQ(format(""), "unknown");
}

TEST(Importer, SaysWhatIsWrongWithTheFile) {
  const auto code = [](const std::filesystem::path& path) {
    try {
      import::read_model(path);
    } catch (const Error& e) {
      return e.code();
    }
    return ErrorCode::internal;
  };
  EXPECT_EQ(code("/nonexistent/model.onnx"), ErrorCode::not_found);
  EXPECT_EQ(code("/"), ErrorCode::invalid_argument);
  EXPECT_EQ(code("/dev/null"), ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace saccade
