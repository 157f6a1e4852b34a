// SPDX-License-Identifier: Apache-2.0
// Whole IRs: names, constants, pairs of files, metadata, sub-graphs; and every message about a broken one.
#include <gtest/gtest.h>


#include "import/importer.h"
#include "ops/evaluate_graph.h"
#include "saccade/error.h"
#include "support/ir_writer.h"

namespace saccade {
namespace {

using testing::Dims;
using testing::IrFiles;
using testing::IrLayer;
using testing::IrNet;
using testing::IrOut;

std::shared_ptr<const graph::Graph> read(const IrNet& net) { return import::read_model(IrFiles(net.xml(), net.bin()).path()); }

std::string refusal(const std::string& xml, const std::string& bin, ErrorCode code = ErrorCode::invalid_model) {
  const IrFiles files(xml, bin);
  try {
    import::read_model(files.path());
  } catch (const Error& e) {
    EXPECT_EQ(to_string(e.code()), to_string(code)) << e.what();
    return e.message();
  }
  return "nothing refused";
}

std::string refusal(const IrNet& net, ErrorCode code = ErrorCode::invalid_model) { return refusal(net.xml(), net.bin(), code); }

#define EXPECT_SAYS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

IrNet relu(int version = 11) {
  IrNet net(version);
  net.result(net.add({"ReLU", "opset1", "", {net.parameter("x", {2})}, {{{2}, "FP32", "y,z"}}, "relu"}));
  return net;
}

TEST(Openvino, NamesOfTensors) {
  const auto graph = read(relu());
  EXPECT_EQ((*graph)[graph->inputs()[0]].name, "x");
  EXPECT_EQ(graph->outputs()[0].name, "y");
  EXPECT_EQ(graph->metadata.at("openvino.version"), "11");
  EXPECT_EQ(graph->name, "test");
}

TEST(Openvino, NamesOfLayersBeforeTensorsHadNames) {
  IrNet net(10);
  const IrOut x = net.add({"Parameter", "opset1", "shape=\"2,4\" element_type=\"f32\"", {}, {{{2, 4}}}, "data"});
  const IrOut split = net.add({"Split", "opset1", "num_splits=\"2\"", {x, net.i64_scalar(1)}, {{{2, 2}}, {{2, 2}}}, "parts"});
  net.result(split);
  net.result({split.layer, 1});
  const auto graph = read(net);
  EXPECT_EQ((*graph)[graph->inputs()[0]].name, "data");
  EXPECT_EQ(graph->outputs()[0].name, "parts.0");
  EXPECT_EQ(graph->outputs()[1].name, "parts.1");
}

TEST(Openvino, EscapedNames) {
  IrNet net;
  net.result(net.add({"ReLU", "opset1", "", {net.parameter("x", {2})}, {{{2}, "FP32", "a\\,b &lt;1&gt;"}}}));
  EXPECT_EQ(read(net)->outputs()[0].name, "a,b <1>");
}

TEST(Openvino, DynamicShapes) {
  IrNet net;
  const IrOut x = net.add({"Parameter", "opset1", "shape=\"?,3,1..8,2..\" element_type=\"f32\"", {}, {{{-1, 3, -1, -1}, "FP32", "x"}}});
  const IrOut any = net.add({"Parameter", "opset1", "shape=\"...\" element_type=\"i64\"", {}, {{{}, "I64", "any"}}});
  net.result(x);
  net.result(any);
  const auto graph = read(net);
  EXPECT_EQ(to_string(graph->type(graph->inputs()[0])), "f32[?,3,1..8,2..]");
  EXPECT_EQ(to_string(graph->type(graph->inputs()[1])), "i64[...]");
}

TEST(Openvino, PackedConstants) {
  IrNet net;
  const IrOut u = net.add({"Const", "opset1", fmt::format("element_type=\"u4\" shape=\"3\" offset=\"{}\" size=\"2\"", net.blob(std::vector<std::uint8_t>{0x21, 0x0f})), {}, {{{3}}}});
  const IrOut i = net.add({"Const", "opset1", fmt::format("element_type=\"i4\" shape=\"3\" offset=\"{}\" size=\"2\"", net.blob(std::vector<std::uint8_t>{0xf1, 0x08})), {}, {{{3}}}});
  const IrOut b = net.constant<std::uint8_t>("boolean", {3}, {0, 1, 7});
  for (const IrOut c : {u, i, b}) net.result(net.add({"Convert", "opset1", "destination_type=\"i32\"", {c}}));
  const auto graph = read(net);
  const auto values = ops::evaluate(*graph, {});
  const auto numbers = [&](std::size_t k) { return std::vector<std::int32_t>(values[k].values<std::int32_t>().begin(), values[k].values<std::int32_t>().end()); };
  EXPECT_EQ(numbers(0), (std::vector<std::int32_t>{1, 2, 15}));
  EXPECT_EQ(numbers(1), (std::vector<std::int32_t>{1, -1, -8}));
  EXPECT_EQ(numbers(2), (std::vector<std::int32_t>{0, 1, 1}));
}

TEST(Openvino, HalvesStoreFloatsUpToVersion10) {
  for (const int version : {10, 11}) {
    IrNet net(version);
    const IrOut x = net.parameter("x", {2}, "f16");
    net.result(net.add({"Add", "opset1", "", {x, net.constant<std::uint16_t>("f16", {2}, {0x3c00, 0x4000})}, {{{2}, "FP16", "y"}}}));
    const auto graph = read(net);
    EXPECT_EQ(graph->type(graph->inputs()[0]).element, version == 10 ? ElementType::f32 : ElementType::f16);
    EXPECT_EQ(graph->type(graph->outputs()[0].value).element, version == 10 ? ElementType::f32 : ElementType::f16);
  }
}

TEST(Openvino, Metadata) {
  IrNet net;
  net.result(net.add({"ReLU", "opset1", "", {net.add({"Parameter", "opset1", "shape=\"1,3,4,4\" element_type=\"f32\"", {}, {{{1, 3, 4, 4}, "FP32", "x"}}, "x",
                                                     "<rt_info><attribute name=\"layout\" version=\"0\" layout=\"[N,C,H,W]\"/></rt_info>"})}, {{{1, 3, 4, 4}, "FP32", "y"}}}));
  net.more = "<rt_info><MO_version value=\"2023\"/><model_info><labels value=\"cat dog\"/></model_info><framework><author value=\"me\"/></framework><info name=\"OpenVINO Runtime\" value=\"1\"/></rt_info>";
  const auto graph = read(net);
  EXPECT_EQ(graph->metadata.at("layout/x"), "[N,C,H,W]");
  EXPECT_EQ(graph->metadata.at("rt_info/MO_version"), "2023");
  EXPECT_EQ(graph->metadata.at("rt_info/model_info/labels"), "cat dog");
  EXPECT_EQ(graph->metadata.at("rt_info/OpenVINO Runtime"), "1");
  EXPECT_EQ(graph->metadata.at("author"), "me");
}

TEST(Openvino, MeansOfOldVersions) {
  IrNet net(7);
  const IrOut x = net.add({"Input", "", "", {}, {{{1, 2, 1, 1}}}, "data"});
  net.add({"ReLU", "", "", {x}, {{{1, 2, 1, 1}}}, "out"});
  net.more = "<pre-process reference-layer-name=\"data\" mean-precision=\"FP32\"><channel id=\"0\"><mean value=\"1\"/><scale value=\"2\"/></channel><channel id=\"1\"><mean value=\"3\"/></channel></pre-process>";
  const auto graph = read(net);
  const auto out = ops::evaluate(*graph, std::vector{Tensor::from<float>({1, 2, 1, 1}, {5, 5})});
  EXPECT_EQ(out[0].data<float>()[0], 2);
  EXPECT_EQ(out[0].data<float>()[1], 2);
  EXPECT_EQ(graph->outputs()[0].name, "out");
}

TEST(Openvino, ANamedBinMayHoldMore) {
  IrNet net;
  net.result(net.add({"Add", "opset1", "", {net.parameter("x", {2}), net.f32({2}, {1, 2})}, {{{2}, "FP32", "y"}}}));
  const IrFiles files(net.xml(), net.bin() + "more");
  EXPECT_THROW(import::read_model(files.path()), Error);
  EXPECT_NO_THROW(import::read_model(files.path(), {.weights = std::filesystem::path(files.path()).replace_extension(".bin")}));
}

TEST(Openvino, CutAtValues) {
  IrNet net;
  const IrOut a = net.add({"ReLU", "opset1", "", {net.parameter("x", {2})}, {{{2}, "FP32", "a"}}});
  const IrOut b = net.add({"Abs", "opset1", "", {a}, {{{2}, "FP32", "b"}}});
  net.result(net.add({"Exp", "opset1", "", {b}, {{{2}, "FP32", "c"}}}));
  const IrFiles files(net.xml(), net.bin());
  const auto graph = import::read_model(files.path(), {.inputs = {"a"}, .outputs = {"b"}});
  EXPECT_EQ(graph->node_count(), 1u);
  EXPECT_EQ(graph->outputs()[0].name, "b");
}

// ---- what is refused, and how ----

TEST(Openvino, EverythingUnsupportedAtOnce) {
  IrNet net;
  const IrOut x = net.parameter("x", {2});
  const IrOut a = net.add({"ReadValue", "opset6", "variable_id=\"v\"", {x}, {{}}, "state"}), b = net.add({"MyLayer", "extension", "", {x}, {{}}, "mine"});
  net.result(net.add({"Add", "opset1", "", {a, b}}));
  net.result(net.add({"Gelu", "opset7", "approximation_mode=\"ODD\"", {x}, {{}}, "gelu"}));
  const std::string text = refusal(net, ErrorCode::unsupported);
  EXPECT_SAYS(text, "ReadValue-6: not supported (node 'state')");
  EXPECT_SAYS(text, "MyLayer: an extension (node 'mine')");
  EXPECT_SAYS(text, "approximation_mode 'ODD'");
}

TEST(Openvino, UnknownAttributes) {
  IrNet net;
  net.result(net.add({"ReLU", "opset1", "wild=\"1\"", {net.parameter("x", {2})}, {{{2}}}, "relu"}));
  EXPECT_SAYS(refusal(net, ErrorCode::unsupported), "the attribute 'wild'");
  IrNet other;
  other.result(other.add({"Add", "opset1", "auto_broadcast=\"pdpd\"", {other.parameter("x", {2}), other.f32({2}, {1, 2})}}));
  EXPECT_SAYS(refusal(other, ErrorCode::unsupported), "the attribute 'auto_broadcast'");
}

TEST(Openvino, BrokenXml) {
  EXPECT_SAYS(refusal("<net name=\"a\" version=\"11\"><layers>", ""), "no well-formed XML");
  EXPECT_SAYS(refusal("<!DOCTYPE net [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]><net version=\"11\"><layers/></net>", ""), "a document type or entities");
  EXPECT_SAYS(refusal("<net version=\"11\"><layers></layers></net>", ""), "a model without layers");
  EXPECT_SAYS(refusal("<other><net version=\"11\"/></other>", ""), "there is no element <net>");
  std::string deep = "<net version=\"11\">";
  for (int i = 0; i < 5000; ++i) deep += "<a>";
  for (int i = 0; i < 5000; ++i) deep += "</a>";
  EXPECT_SAYS(refusal(deep + "</net>", ""), "nested more than 256 deep");
  EXPECT_SAYS(refusal("<net version=\"12\"><layers/></net>", "", ErrorCode::unsupported), "IR version 12; 2 to 11 can be read");
  EXPECT_SAYS(refusal("<net version=\"x\"><layers/></net>", ""), "version is 'x', a whole number is needed");
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Openvino, BrokenNets) {
  IrNet net;
  net.result(net.add({"Add", "opset1", "", {net.parameter("x", {2}), net.f32({2}, {1, 2})}, {{{2}, "FP32", "y"}}, "add"}));
  const std::string xml = net.xml(), bin = net.bin();
  EXPECT_SAYS(refusal(replaced(xml, "<layer id=\"1\"", "<layer id=\"0\""), bin), "two layers have the id 0");
  EXPECT_SAYS(refusal(replaced(xml, "to-layer=\"2\" to-port=\"0\"", "to-layer=\"9\" to-port=\"0\""), bin), "an edge from layer 0 to layer 9, which is not there");
  EXPECT_SAYS(refusal(replaced(xml, "to-layer=\"2\" to-port=\"1\"", "to-layer=\"2\" to-port=\"7\""), bin), "an edge to port 7 of layer 'add'");
  EXPECT_SAYS(refusal(replaced(xml, "to-layer=\"2\" to-port=\"1\"", "to-layer=\"2\" to-port=\"0\""), bin), "two edges to port 0 of layer 'add'");
  EXPECT_SAYS(refusal(replaced(xml, "from-layer=\"0\" from-port=\"0\" to-layer=\"2\"", "from-layer=\"2\" from-port=\"2\" to-layer=\"2\""), bin), "a cycle through layer 'add'");
  EXPECT_SAYS(refusal(replaced(xml, "shape=\"2\" offset", "shape=\"-2\" offset"), bin), "a constant of shape -2");
  EXPECT_SAYS(refusal(replaced(xml, "shape=\"2\" offset", "shape=\"4611686018427387904,4\" offset"), bin, ErrorCode::invalid_argument), "");
  EXPECT_SAYS(refusal(replaced(xml, "shape=\"2\" offset=\"0\" size=\"8\"", "shape=\"3\" offset=\"0\" size=\"8\""), bin), "f32[3] takes 12 bytes, not 8");
  EXPECT_SAYS(refusal(replaced(xml, "offset=\"0\" size=\"8\"", "offset=\"4\" size=\"8\""), bin), "which has 8: it is truncated, or belongs to another model");
  EXPECT_SAYS(refusal(replaced(xml, "offset=\"0\"", "offset=\"18446744073709551615\""), bin), "truncated, or belongs to another model");
  EXPECT_SAYS(refusal(replaced(xml, "element_type=\"f32\" shape=\"2\" offset", "element_type=\"string\" shape=\"2\" offset"), bin, ErrorCode::unsupported), "the element type string");
  EXPECT_SAYS(refusal(replaced(xml, "element_type=\"f32\" shape=\"2\" offset", "element_type=\"f99\" shape=\"2\" offset"), bin), "'f99' is no element type");
  EXPECT_SAYS(refusal(replaced(xml, "type=\"Result\"", "type=\"Parameter\""), bin), "");
}

TEST(Openvino, AnotherModelsBin) {
  IrNet net;
  net.result(net.add({"Add", "opset1", "", {net.parameter("x", {2}), net.f32({2}, {1, 2})}, {{{2}, "FP32", "y"}}, "add"}));
  EXPECT_SAYS(refusal(net.xml(), net.bin() + "1234"), "has 12 bytes, the model uses 8: it belongs to another model");
  EXPECT_SAYS(refusal(net.xml(), "1234"), "which has 4: it is truncated, or belongs to another model");
  const IrFiles files(net.xml(), net.bin());
  std::filesystem::remove(std::filesystem::path(files.path()).replace_extension(".bin"));
  try {
    import::read_model(files.path());
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::not_found);
    EXPECT_SAYS(e.message(), "an IR is a pair of .xml and .bin");
  }
  EXPECT_SAYS(refusal(replaced(net.xml(), "version=\"11\" ", "version=\"11\" bin_size=\"8\" bin_fingerprint=\"00000000000000aa\""), net.bin()), "does not have the contents that the .xml was written with");
  EXPECT_SAYS(refusal(replaced(net.xml(), "version=\"11\" ", "version=\"11\" bin_size=\"9\" bin_fingerprint=\"00000000000000aa\""), net.bin()), "has 8 bytes, the model's has 9");
}

// ---- sub-graphs as OpenVINO writes them ----

std::string body(const IrNet& inner) { return "<body>" + inner.body() + "</body>"; }

TEST(Openvino, LoopThatGathersAndJoins) {
  // body: carried + slice → carried and joined; the condition is constant
  IrNet net, inner;
  const IrOut carried = inner.add({"Parameter", "opset1", "shape=\"1,2\" element_type=\"f32\"", {}, {{{1, 2}}}}), slice = inner.add({"Parameter", "opset1", "shape=\"1,2\" element_type=\"f32\"", {}, {{{1, 2}}}});
  const IrOut sum = inner.add({"Add", "opset1", "", {carried, slice}, {{{1, 2}}}});
  inner.result(sum);   // 3
  const auto yes = net.blob(std::vector<std::uint8_t>{1});
  const IrOut condition = inner.add({"Const", "opset1", fmt::format("element_type=\"boolean\" shape=\"1\" offset=\"{}\" size=\"1\"", yes), {}, {{{1}, "BOOL"}}});
  inner.result(condition);  // 5
  const IrOut x = net.parameter("x", {3, 2}), start = net.f32({1, 2}, {10, 20});
  const IrOut trips = net.i64_scalar(-1), go = net.constant<std::uint8_t>("boolean", {}, {1});
  const IrOut count = net.i64_scalar(3);
  static_cast<void>(trips);
  const IrOut loop = net.add({"Loop", "opset5", "", {count, go, start, x}, {{{1, 2}, "FP32", "last"}, {{3, 2}, "FP32", "all"}}, "loop",
                              "<port_map><input external_port_id=\"2\" internal_layer_id=\"0\"/><input external_port_id=\"3\" internal_layer_id=\"1\" axis=\"0\" start=\"0\" end=\"-1\" stride=\"1\" part_size=\"1\"/>"
                              "<output external_port_id=\"4\" internal_layer_id=\"3\"/><output external_port_id=\"5\" internal_layer_id=\"3\" axis=\"0\" start=\"0\" end=\"-1\" stride=\"1\" part_size=\"1\"/>"
                              "<output external_port_id=\"-1\" internal_layer_id=\"5\" purpose=\"execution_condition\"/></port_map>"
                              "<back_edges><edge from-layer=\"3\" to-layer=\"0\"/></back_edges>" + body(inner)});
  net.result(loop);
  net.result({loop.layer, 1});
  // the unused count of trips leaves its constant in the .bin
  const auto graph = read(net);
  const auto out = ops::evaluate(*graph, std::vector{Tensor::from<float>({3, 2}, {1, 2, 3, 4, 5, 6})});
  EXPECT_EQ(out[0].data<float>()[0], 19);
  EXPECT_EQ(out[1].shape(), (Shape{3, 2}));
  EXPECT_EQ(out[1].data<float>()[2], 14);
}

TEST(Openvino, TensorIteratorOverParts) {
  // parts of two rows, taken from the end; joined in the same order
  IrNet net, inner;
  const IrOut slice = inner.add({"Parameter", "opset1", "shape=\"2,2\" element_type=\"f32\"", {}, {{{2, 2}}}});
  inner.result(inner.add({"Negative", "opset1", "", {slice}, {{{2, 2}}}}));
  const IrOut x = net.parameter("x", {4, 2});
  const IrOut loop = net.add({"TensorIterator", "opset1", "", {x}, {{{4, 2}, "FP32", "y"}, {{2, 2}, "FP32", "last"}}, "ti",
                              "<port_map><input external_port_id=\"0\" internal_layer_id=\"0\" axis=\"0\" start=\"-1\" end=\"0\" stride=\"-2\" part_size=\"2\"/>"
                              "<output external_port_id=\"1\" internal_layer_id=\"2\" axis=\"0\" start=\"0\" end=\"-1\" stride=\"2\" part_size=\"2\"/><output external_port_id=\"2\" internal_layer_id=\"2\"/></port_map>"
                              "<back_edges/>" + body(inner)});
  net.result(loop);
  net.result({loop.layer, 1});
  const auto out = ops::evaluate(*read(net), std::vector{Tensor::from<float>({4, 2}, {1, 2, 3, 4, 5, 6, 7, 8})});
  EXPECT_EQ(out[0].data<float>()[0], -5);
  EXPECT_EQ(out[0].data<float>()[4], -1);
  EXPECT_EQ(out[1].data<float>()[0], -1);
}

TEST(Openvino, BodiesAreNotNestedForEver) {
  std::string inner;
  for (int i = 0; i < 30; ++i) {
    IrNet net;
    const IrOut x = net.add({"Parameter", "opset1", "shape=\"1,2\" element_type=\"f32\"", {}, {{{1, 2}}}});
    if (inner.empty()) {
      net.result(net.add({"ReLU", "opset1", "", {x}, {{{1, 2}}}}));
    } else {
      net.result(net.add({"TensorIterator", "opset1", "", {x}, {{{1, 2}}}, "ti",
                          "<port_map><input external_port_id=\"0\" internal_layer_id=\"0\" axis=\"0\"/><output external_port_id=\"1\" internal_layer_id=\"2\" axis=\"0\"/></port_map>" + inner}));
    }
    inner = body(net);
  }
  IrNet outer;
  outer.result(outer.add({"TensorIterator", "opset1", "", {outer.parameter("x", {1, 2})}, {{{1, 2}}}, "ti",
                          "<port_map><input external_port_id=\"0\" internal_layer_id=\"0\" axis=\"0\"/><output external_port_id=\"1\" internal_layer_id=\"2\" axis=\"0\"/></port_map>" + inner}));
  EXPECT_SAYS(refusal(outer), "bodies nested more than 24 deep");
}

}  // namespace
}  // namespace saccade
