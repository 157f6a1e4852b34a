// SPDX-License-Identifier: Apache-2.0
// Damaged TensorFlow files: seeded mutations of graphs, SavedModels, checkpoints and archives that are written here, and of real ones
// where they exist, must be read or refused with saccade::Error; never a crash, a hang or an absurd allocation.
//   tensorflow_mutations MUTATIONS_PER_MODEL [FOLDER…]
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>
#include <map>

#include "hostile/mutate.h"
#include "import/importer.h"
#include "import/tensorflow/checkpoint.h"
#include "import/tensorflow/saved_model.h"
#include "support/detection_writer.h"
#include "support/tensorflow_writer.h"

namespace saccade {
namespace {

using namespace saccade::testing::tf;
using saccade::testing::check_reader;
using saccade::testing::Message;
using saccade::testing::mutated;
using saccade::testing::Tally;
namespace fs = std::filesystem;

int mutations = 100;
std::vector<fs::path> folders;

class MemoryFolder : public tensorflow::Folder {
 public:
  std::map<std::string, std::string, std::less<>> files;
  std::shared_ptr<FileBytes> open(std::string_view name) const override {
    const auto it = files.find(name);
    if (it == files.end()) raise_missing(name);
    return FileBytes::copy_of({it->second.data(), it->second.size()});
  }
  bool has(std::string_view name) const override { return files.contains(name); }

 private:
  [[noreturn]] static void raise_missing(std::string_view name) { throw Error(ErrorCode::not_found, std::string(name)); }
};

Strings loop_variable(const std::string& name, const std::string& initial, const std::string& next) {
  return {node("e" + name, "Enter", {initial}, {attr("frame_name", "f"), attr("is_constant", false)}), node("m" + name, "Merge", {"e" + name, "n" + name}),
          node("s" + name, "Switch", {"m" + name, "go"}), node("b" + name, "Identity", {"s" + name + ":1"}), node("n" + name, "NextIteration", {next}), node("x" + name, "Exit", {"s" + name})};
}

std::vector<std::pair<std::string, std::string>> written_graphs() {
  std::vector<std::pair<std::string, std::string>> models;
  models.emplace_back("network", graph_def({placeholder("x", kFloat, {1, 8, 8, 2}), constant("w", tensor({3, 3, 2, 4}, std::vector<float>(72, 0.5f))),
                                            node("c", "Conv2D", {"x", "w"}, {attr("strides", Ints{1, 2, 2, 1}), attr("padding", "SAME"), attr("T", kFloat)}), node("r", "Relu6", {"c"}),
                                            node("p", "MaxPool", {"r"}, {attr("ksize", Ints{1, 2, 2, 1}), attr("strides", Ints{1, 2, 2, 1}), attr("padding", "VALID")}),
                                            constant("shape", tensor({2}, std::vector<std::int32_t>{1, -1})), node("f", "Reshape", {"p", "shape"}), node("y", "Softmax", {"f"})}));
  Strings frame{placeholder("x", kFloat, {2}), placeholder("n", kInt32, {}), scalar("zero", 0), scalar("one", 1, {"^bi"}),
                node("ken", "Enter", {"n"}, {attr("frame_name", "f"), attr("is_constant", true)}), node("kx", "Enter", {"x"}, {attr("frame_name", "f"), attr("is_constant", true)}),
                node("array", "TensorArrayV3", {"n"}, {attr("dtype", kFloat)}), node("karray", "Enter", {"array"}, {attr("frame_name", "f"), attr("is_constant", true)}),
                node("less", "Less", {"mi", "ken"}), node("go", "LoopCond", {"less"}), node("add", "AddV2", {"bi", "one"}), constant("limit", tensor({}, std::vector<float>{3}), {"^bi"}),
                node("cast", "Cast", {"bi"}, {attr("DstT", kFloat)}), node("p", "Less", {"cast", "limit"}), node("sx", "Switch", {"kx", "p"}), node("yes", "Neg", {"sx:1"}),
                node("item", "Merge", {"sx", "yes"}), node("write", "TensorArrayWriteV3", {"karray", "bi", "item", "bflow"}),
                node("size", "TensorArraySizeV3", {"array", "xflow"}), node("range", "Range", {"zero", "size", "one2"}), scalar("one2", 1),
                node("y", "TensorArrayGatherV3", {"array", "range", "xflow"}, {attr("dtype", kFloat)})};
  for (const auto& v : {loop_variable("i", "zero", "add"), loop_variable("flow", "array:1", "write")}) frame.insert(frame.end(), v.begin(), v.end());
  models.emplace_back("frames", graph_def(frame));
  const Function cond{"cond", {"i", "l", "x"}, {{"r", "less:z:0"}}, {scalar("n", 3), node("less", "Less", {"i", "n:output:0"})}};
  const Function body{"body", {"i", "l", "x"}, {{"a", "next:z:0"}, {"b", "set:output_handle:0"}, {"c", "x"}},
                      {scalar("one", 1), node("next", "AddV2", {"i", "one:output:0"}), node("call", "PartitionedCall", {"x"}, {function_attr("f", "twice")}),
                       node("set", "TensorListSetItem", {"l", "i", "call:output:0"}, {attr("element_dtype", kFloat)})}};
  const Function twice{"twice", {"a"}, {{"r", "n:z:0"}}, {node("n", "AddV2", {"a", "a"})}};
  models.emplace_back("functions", graph_def({placeholder("x", kFloat, {2}), placeholder("k", kInt32, {}), scalar("zero", 0), scalar("n", 3), scalar("any", -1),
                                              node("l", "TensorListReserve", {"any", "n"}, {attr("element_dtype", kFloat)}),
                                              node("loop", "While", {"zero", "l", "x"}, {function_attr("cond", "cond"), function_attr("body", "body")}),
                                              node("s", "TensorListStack", {"loop:1", "any"}, {attr("element_dtype", kFloat)}),
                                              node("y", "Case", {"k", "s"}, {functions_attr("branches", {"twice", "twice"})})},
                                             {cond, body, twice}));
  // a detector's two ends: the preprocessor's loop with a choice in it, and the suppression over a batch, of two years
  for (const Years years : {Years::y2017, Years::y2020}) {
    GraphWriter w;
    w.nodes = {placeholder("boxes", kFloat, {-1, 6, 1, 4}), placeholder("scores", kFloat, {-1, 6, 2}), placeholder("field", kFloat, {-1, 6, 3}), placeholder("valid", kInt32, {-1}),
               placeholder("image", kFloat, {-1, -1, -1, 3})};
    const Preprocessed p = preprocess(w, "image", Resizer::keep_aspect_padded, years == Years::y2020);
    Batch b{.boxes = "boxes", .scores = "scores", .valid = "valid", .field = "field", .field_size = 3, .unrolled = years == Years::y2020 ? 1 : 0};
    b.window = w.op("ConcatV2", {w.reals({1, 4}, {0, 0, 1, 1}), w.reals({1, 4}, {0, 0, 1, 1}), w.number(0)}, {attr("N", 2)});
    NmsOptions o;
    o.years = years;
    o.classes = 2;
    const NmsLists l = batch_nms(w, b, o);
    w.nodes.push_back(node("y", "Identity", {l.boxes}));
    w.nodes.push_back(node("z", "Identity", {p.images}));
    models.emplace_back(years == Years::y2017 ? "detector of 2017" : "detector of 2020", graph_def(w.nodes));
  }
  return models;
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

void mutate_bytes(const std::string& name, const std::string& bytes, int count) {
  Tally tally;
  for (int i = 0; i < count; ++i) {
    const std::string damaged = mutated(bytes, static_cast<unsigned>(i));
    check_reader([&] { import::read_model_bytes({damaged.data(), damaged.size()}); }, name + " #" + std::to_string(i), tally);
  }
  tally.print(name);
}

TEST(TensorFlowMutations, WrittenGraphs) {
  for (const auto& [name, bytes] : written_graphs()) {
    import::read_model_bytes({bytes.data(), bytes.size()});
    mutate_bytes(name, bytes, 4 * mutations);
    Tally tally;
    for (std::size_t size = 0; size < bytes.size(); size += 1 + bytes.size() / 300)
      check_reader([&, n = size] { import::read_model_bytes({bytes.data(), n}); }, name + " cut to " + std::to_string(size), tally);
    tally.print(name + " truncated");
  }
}

TEST(TensorFlowMutations, Archives) {
  const auto graphs = written_graphs();
  const std::string plain = tar({{"m/frozen_inference_graph.pb", graphs[0].second}, {"m/pipeline.config", "model { ssd { } }"}});
  mutate_bytes("tar", plain, 2 * mutations);
  mutate_bytes("tar.gz", gzip(plain), 2 * mutations);
}

// A SavedModel with its checkpoint: one file of it is damaged.
void mutate_saved_model(const std::string& name, const MemoryFolder& sound, int count) {
  tensorflow::read_saved_model(sound.open("saved_model.pb"), std::make_shared<MemoryFolder>(sound), {});
  for (const auto& [path, bytes] : sound.files) {
    Tally tally;
    for (int i = 0; i < count; ++i) {
      auto folder = std::make_shared<MemoryFolder>(sound);
      folder->files[path] = mutated(bytes, static_cast<unsigned>(i));
      check_reader([&] { tensorflow::read_saved_model(folder->open("saved_model.pb"), folder, {}); }, name + "/" + path + " #" + std::to_string(i), tally);
    }
    tally.print(name + "/" + path);
  }
}

TEST(TensorFlowMutations, SavedModel) {
  MemoryFolder folder;
  const auto weights = checkpoint({{"a", kFloat, {2}, std::string(8, '\0')}, {"b", kFloat, {2}, std::string(8, '\1')}});
  const auto variable = [](const char* name) { return node(name, "VarHandleOp", {}, {attr("dtype", kFloat), attr("shared_name", name)}); };
  const std::string g = graph_def({placeholder("x", kFloat, {-1, 2}), variable("a"), variable("b"), node("ra", "ReadVariableOp", {"a"}, {attr("dtype", kFloat)}),
                                   node("rb", "ReadVariableOp", {"b"}, {attr("dtype", kFloat)}), node("p", "Mul", {"x", "ra"}), node("y", "AddV2", {"p", "rb"})});
  folder.files = {{"saved_model.pb", saved_model(meta_graph(g, {signature("serving_default", {{"x", "x:0", kFloat, {-1, 2}}}, {{"y", "y:0", kFloat, {-1, 2}}})}))},
                  {"variables/variables.index", weights.index},
                  {"variables/variables.data-00000-of-00001", weights.data}};
  mutate_saved_model("written", folder, 3 * mutations);
}

// Indexes whose checksums are right and whose contents are not: the checksum must not be what protects the reader.
TEST(TensorFlowMutations, ChecksummedIndex) {
  Tally tally;
  for (int i = 0; i < 5 * mutations; ++i) {
    std::string entry = Message().integer(1, kFloat).bytes(2, shape_proto({2})).integer(4, 0).integer(5, 8);
    MemoryFolder folder;
    const auto seed = static_cast<unsigned>(i);
    folder.files = {{"m.index", table({{"", mutated(Message().integer(1, 1).str(), seed)}, {"_CHECKPOINTABLE_OBJECT_GRAPH", mutated(Message().integer(1, kString).integer(5, 30).str(), seed + 7)},
                                       {"v", mutated(entry, seed)}})},
                    {"m.data-00000-of-00001", mutated(std::string(40, '\3'), seed)}};
    check_reader(
        [&] {
          tensorflow::Checkpoint checkpoint(std::make_shared<MemoryFolder>(folder), "m");
          checkpoint.read("v");
        },
        "index " + std::to_string(i), tally);
    check_reader(
        [&] {
          tensorflow::Checkpoint checkpoint(std::make_shared<MemoryFolder>(folder), "m");
          checkpoint.read_strings("_CHECKPOINTABLE_OBJECT_GRAPH");
        },
        "strings " + std::to_string(i), tally);
  }
  tally.print("index");
}

TEST(TensorFlowMutations, RealModels) {
  for (const auto& root : folders) {
    std::error_code error;
    for (const auto& entry : fs::recursive_directory_iterator(root, error)) {
      const auto& path = entry.path();
      if (!entry.is_regular_file(error) || entry.file_size(error) > (8u << 20)) continue;
      const std::string name = path.filename().string(), bytes = saccade::testing::bytes_of(path);
      // what takes long to read is mutated less often
      const int count = static_cast<int>(std::max<std::size_t>(20, static_cast<std::size_t>(mutations) * 40'000 / (40'000 + bytes.size())));
      if (name == "saved_model.pb" && fs::exists(path.parent_path() / "variables" / "variables.index")) {
        MemoryFolder folder;
        for (const char* part : {"saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"}) folder.files[part] = saccade::testing::bytes_of(path.parent_path() / part);
        try {
          mutate_saved_model(path.string(), folder, count);
        } catch (const Error& e) {
          std::printf("%s: %s\n", path.c_str(), e.message().substr(0, 100).c_str());
        }
      } else if (name.ends_with(".pb") || name.ends_with(".meta") || name.ends_with(".index") || name.ends_with(".tar.gz")) {
        mutate_bytes(path.string(), bytes, count);
      }
    }
  }
}

}  // namespace
}  // namespace saccade

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc > 1) saccade::mutations = std::atoi(argv[1]);
  for (int i = 2; i < argc; ++i) saccade::folders.emplace_back(argv[i]);
  return RUN_ALL_TESTS();
}
