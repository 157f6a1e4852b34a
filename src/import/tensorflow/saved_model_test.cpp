// SPDX-License-Identifier: Apache-2.0
// SavedModels, checkpoints, meta graphs and archives, and what each broken one is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>

#include "import/tensorflow/tensorflow_test.h"

namespace saccade::tensorflow {
namespace {

using namespace ::testing;
namespace fs = std::filesystem;

// A folder that is gone when the test ends.
class TemporaryFolder {
 public:
  TemporaryFolder() : path_(fs::temp_directory_path() / ("saccade_tf_" + std::to_string(::getpid()) + "_" + std::to_string(++count_))) { fs::create_directories(path_); }
  ~TemporaryFolder() {
    std::error_code error;
    fs::remove_all(path_, error);
  }
  fs::path write(const std::string& name, const std::string& bytes) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << bytes;
    return path_ / name;
  }
  const fs::path& path() const { return path_; }

 private:
  inline static int count_ = 0;
  fs::path path_;
};

std::string floats(const std::vector<float>& values) { return saccade::testing::raw_bytes(values); }

std::string variable_handle(const std::string& name, const std::string& shared) {
  return node(name, "VarHandleOp", {}, {attr("dtype", kFloat), attr("shared_name", shared.c_str()), shape_attr("shape", shape_proto({2}))});
}

// y = x * a + b; the checkpoint's keys are paths of objects that only the restore function ties to the variables.
std::string tf2_model() {
  const Function call{"call", {"x", "a", "b"}, {{"y", "sum:z:0"}},
                      {node("read_a", "ReadVariableOp", {"a"}, {attr("dtype", kFloat)}), node("read_b", "ReadVariableOp", {"b"}, {attr("dtype", kFloat)}),
                       node("product", "Mul", {"x", "read_a:value:0"}), node("sum", "AddV2", {"product:z:0", "read_b:value:0"})}};
  const Function restore{"restore", {"prefix", "var_b", "var_a"}, {{"r", "prefix"}},
                         {node("RestoreV2/tensor_names", "Const", {}, {attr("dtype", kString), tensor_attr("value", tensor_strings({"layer/b", "layer/a"}))}),
                          node("RestoreV2/slices", "Const", {}, {attr("dtype", kString), tensor_attr("value", tensor_strings({"", ""}))}),
                          node("RestoreV2", "RestoreV2", {"prefix", "RestoreV2/tensor_names:output:0", "RestoreV2/slices:output:0"}),
                          node("Identity", "Identity", {"RestoreV2:tensors:0"}), node("Identity_1", "Identity", {"RestoreV2:tensors:1"}),
                          node("Assign", "AssignVariableOp", {"var_b", "Identity:output:0"}), node("Assign_1", "AssignVariableOp", {"var_a", "Identity_1:output:0"})}};
  const std::string g = graph_def({placeholder("serving_default_x", kFloat, {-1, 2}), placeholder("saver_filename", kString, {}), variable_handle("a", "dense/kernel"),
                                   variable_handle("b", "dense/bias"), node("StatefulPartitionedCall", "StatefulPartitionedCall", {"serving_default_x", "a", "b"}, {function_attr("f", "call")}),
                                   node("StatefulPartitionedCall_1", "StatefulPartitionedCall", {"saver_filename", "b", "a"}, {function_attr("f", "restore")})},
                                  {call, restore});
  return saved_model(meta_graph(g, {signature("serving_default", {{"x", "serving_default_x:0", kFloat, {-1, 2}}}, {{"y", "StatefulPartitionedCall:0", kFloat, {-1, 2}}}),
                                    signature("__saved_model_init_op", {}, {{"__saved_model_init_op", "NoOp", kFloat, {}}})}));
}

CheckpointFiles tf2_weights() { return checkpoint({{"layer/a", kFloat, {2}, floats({2, 3})}, {"layer/b", kFloat, {2}, floats({10, 20})}}); }

TEST(TensorFlowSavedModel, VariablesOfTensorFlow2) {
  TemporaryFolder folder;
  folder.write("saved_model.pb", tf2_model());
  const auto weights = tf2_weights();
  folder.write("variables/variables.index", weights.index);
  const fs::path shard = folder.write("variables/variables.data-00000-of-00001", weights.data);
  const auto model = import::read_model(folder.path());
  EXPECT_EQ((*model)[model->inputs()[0]].name, "x");
  EXPECT_THAT(to_f64(run(*model, {f32({1, 2}, {1, 1})}).at("y")), ElementsAre(12, 23));

  folder.write("variables/variables.data-00000-of-00001", weights.data.substr(0, 12));
  EXPECT_THAT(message([&] { import::read_model(folder.path()); }), HasSubstr("truncated, or belongs to another index"));
  std::string damaged = weights.data;
  damaged[1] ^= 1;
  folder.write("variables/variables.data-00000-of-00001", damaged);
  EXPECT_THAT(message([&] { import::read_model(folder.path()); }), HasSubstr("the checksum of its data is wrong"));
  fs::remove(shard);
  EXPECT_THAT(message([&] { import::read_model(folder.path()); }), HasSubstr("variables.data-00000-of-00001' is missing"));
  folder.write("variables/variables.index", weights.index.substr(0, 40));
  EXPECT_THAT(message([&] { import::read_model(folder.path()); }), HasSubstr("not the index of a checkpoint, or a truncated one"));
  folder.write("variables/variables.index", checkpoint({{"other", kFloat, {2}, floats({2, 3})}}).index);
  EXPECT_THAT(message([&] { import::read_model(folder.path()); }), HasSubstr("holds no variable 'dense/kernel': it belongs to another model"));
  fs::remove_all(folder.path() / "variables");
  EXPECT_THAT(message([&] { import::read_model(folder.path()); }), HasSubstr("'variables/variables.index' is missing"));
}

TEST(TensorFlowSavedModel, Signatures) {
  TemporaryFolder folder;
  const std::string g = graph_def({placeholder("p", kFloat, {2}), node("twice", "AddV2", {"p", "p"}), node("negative", "Neg", {"p"})});
  const std::string one = signature("double", {{"in", "p:0", kFloat, {2}}}, {{"out", "twice:0", kFloat, {2}}});
  const std::string two = signature("negate", {{"in", "p:0", kFloat, {2}}, {"spare", "gone:0", kFloat, {3}}}, {{"b", "negative:0", kFloat, {2}}, {"a", "twice:0", kFloat, {2}}});
  const auto read_with = [&](const import::ReadOptions& options) { return import::read_model(folder.path(), options); };
  folder.write("saved_model.pb", saved_model(meta_graph(g, {one})));
  EXPECT_THAT(to_f64(run(*read_with({}), {f32({2}, {1, 2})}).at("out")), ElementsAre(2, 4));
  folder.write("saved_model.pb", saved_model(meta_graph(g, {one, two})));
  EXPECT_THAT(message([&] { read_with({}); }), HasSubstr("choose one of 'double', 'negate'"));
  EXPECT_THAT(message([&] { read_with({.signature = "none"}); }), HasSubstr("no signature 'none'; it has 'double', 'negate'"));
  const auto model = read_with({.signature = "negate"});
  ASSERT_EQ(model->outputs().size(), 2u);
  EXPECT_EQ(model->outputs()[0].name, "a");
  ASSERT_EQ(model->inputs().size(), 2u) << "an input that nothing reads stays one";
  EXPECT_EQ((*model)[model->inputs()[1]].name, "spare");
  folder.write("saved_model.pb", saved_model(meta_graph(g)));
  EXPECT_THAT(message([&] { read_with({}); }), HasSubstr("no signature"));
  EXPECT_THAT(to_f64(run(*read_with({.outputs = {"negative"}}), {f32({2}, {1, 2})}).at("negative")), ElementsAre(-1, -2));
  folder.write("saved_model.pb", saved_model(meta_graph(g, {signature("double", {}, {{"out", "nothing:0", kFloat, {2}}})})));
  EXPECT_THAT(message([&] { read_with({}); }), HasSubstr("'nothing:0', which the graph does not have"));
  folder.write("saved_model.pb", Message().integer(1, 1).str());
  EXPECT_FALSE(message([&] { read_with({}); }).empty());
}

std::string tf1_graph(bool training = false) {
  Strings nodes{placeholder("x", kFloat, {2}), node("w", "VariableV2", {}, {attr("dtype", kFloat), shape_attr("shape", shape_proto({2})), attr("container", ""), attr("shared_name", "")}),
                node("w/read", "Identity", {"w"}), node("y", "Mul", {"x", "w/read"}), node("save/Const", "Const", {}, {attr("dtype", kString), tensor_attr("value", tensor_strings({"model"}))}),
                node("save/names", "Const", {}, {attr("dtype", kString), tensor_attr("value", tensor_strings({"renamed"}))}),
                node("save/RestoreV2", "RestoreV2", {"save/Const", "save/names", "save/names"}), node("save/Assign", "Assign", {"w", "save/RestoreV2"})};
  if (training) nodes.push_back(node("train", "ApplyGradientDescent", {"w", "y", "y"}));
  return graph_def(nodes);
}

TEST(TensorFlowCheckpoint, MetaGraphAndCheckpoint) {
  TemporaryFolder folder;
  const auto weights = checkpoint({{"renamed", kFloat, {2}, floats({4, 5})}});
  const auto meta = folder.write("model.ckpt.meta", meta_graph(tf1_graph()));
  const auto index = folder.write("model.ckpt.index", weights.index);
  folder.write("model.ckpt.data-00000-of-00001", weights.data);
  folder.write("checkpoint", "model_checkpoint_path: \"model.ckpt\"\nall_model_checkpoint_paths: \"model.ckpt\"\n");
  const import::ReadOptions y{.outputs = {"y"}};
  for (const auto& path : {meta, index, folder.path() / "checkpoint"}) EXPECT_THAT(to_f64(run(*import::read_model(path, y), {f32({2}, {1, 2})}).at("y")), ElementsAre(4, 10)) << path;
  // a graph of another name, with the checkpoint given
  const auto alone = folder.write("graph.pb", tf1_graph());
  EXPECT_THAT(message([&] { import::read_model(alone, y); }), HasSubstr("a variable, and no checkpoint"));
  EXPECT_THAT(to_f64(run(*import::read_model(alone, {.weights = folder.path() / "model.ckpt", .outputs = {"y"}}), {f32({2}, {1, 2})}).at("y")), ElementsAre(4, 10));
  EXPECT_THAT(message([&] { import::read_model(alone, {.weights = folder.path() / "none"}); }), HasSubstr("there is no checkpoint"));
  folder.write("model.ckpt.meta", meta_graph(tf1_graph(true)));
  EXPECT_THAT(message([&] { import::read_model(meta); }), HasSubstr("name them with --output"));
  fs::remove(meta);
  EXPECT_THAT(message([&] { import::read_model(index); }), HasSubstr("weights without a graph"));
}

TEST(TensorFlowCheckpoint, PartitionedVariables) {
  TemporaryFolder folder;
  std::string entry = Message().integer(1, kFloat).bytes(2, shape_proto({2})).bytes(7, "");
  folder.write("m.index", table({{"", Message().integer(1, 1).str()}, {"renamed", entry}}));
  const auto path = folder.write("m.meta", meta_graph(tf1_graph()));
  EXPECT_THAT(message([&] { import::read_model(path, {.outputs = {"y"}}); }), HasSubstr("stored in slices"));
}

std::string gzip(const std::string& bytes) {
  std::string out(compressBound(bytes.size()) + 64, '\0');
  z_stream z{};
  deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  z.avail_in = static_cast<uInt>(bytes.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

TEST(TensorFlowArchive, ZooArchives) {
  const std::string frozen = graph_def({placeholder("x", kFloat, {2}), node("y", "Neg", {"x"})});
  const std::string other = graph_def({placeholder("x", kFloat, {2}), node("y", "Relu", {"x"})});
  const auto weights = tf2_weights();
  const std::string both = tar({{"model/", "", '5'}, {"model/saved_model/saved_model.pb", other}, {"./model/frozen_inference_graph.pb", frozen}, {"model/pipeline.config", "model { ssd { } }"}});
  for (const std::string& bytes : {both, gzip(both)}) EXPECT_THAT(to_f64(run(bytes, {f32({2}, {1, -2})}).at("y")), ElementsAre(-1, 2));
  const std::string saved = gzip(tar({{"m/saved_model/variables/variables.data-00000-of-00001", weights.data}, {"m/saved_model/saved_model.pb", tf2_model()},
                                      {"m/saved_model/variables/variables.index", weights.index}, {"m/checkpoint/ckpt-0.index", "x"}}));
  EXPECT_THAT(to_f64(run(saved, {f32({1, 2}, {1, 1})}).at("y")), ElementsAre(12, 23));
  // names that lead out of the archive, and links, are left out
  EXPECT_THAT(message([&] { read(tar({{"../frozen_inference_graph.pb", frozen}})); }), HasSubstr("without frozen_inference_graph.pb"));
  EXPECT_THAT(message([&] { read(tar({{"/frozen_inference_graph.pb", frozen}})); }), HasSubstr("without frozen_inference_graph.pb"));
  EXPECT_THAT(message([&] { read(tar({{"frozen_inference_graph.pb", "", '2'}})); }), HasSubstr("without frozen_inference_graph.pb"));
  EXPECT_THAT(message([&] { read(gzip(both).substr(0, 200)); }), HasSubstr("truncated"));
  EXPECT_THAT(message([&] { read(gzip("not a tar archive" + std::string(600, 'x'))); }), HasSubstr("not a tar archive of a model"));
}

TEST(TensorFlowArchive, ZooFolders) {
  TemporaryFolder folder;
  folder.write("saved_model/saved_model.pb", tf2_model());
  const auto weights = tf2_weights();
  folder.write("saved_model/variables/variables.index", weights.index);
  folder.write("saved_model/variables/variables.data-00000-of-00001", weights.data);
  folder.write("pipeline.config", "model {\n  ssd {\n    num_classes: 90\n");
  const auto model = import::read_model(folder.path());
  EXPECT_EQ(model->metadata.at("tensorflow.pipeline"), "ssd");
  EXPECT_EQ(model->outputs()[0].name, "y");
  folder.write("frozen_inference_graph.pb", graph_def({placeholder("x", kFloat, {2}), node("frozen", "Neg", {"x"})}));
  EXPECT_EQ(import::read_model(folder.path())->outputs()[0].name, "frozen");
  TemporaryFolder nothing;
  EXPECT_THAT(message([&] { import::read_model(nothing.path()); }), HasSubstr("a folder without a model"));
}

}  // namespace
}  // namespace saccade::tensorflow
