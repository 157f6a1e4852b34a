// SPDX-License-Identifier: Apache-2.0
// Damaged ONNX files: seeded mutations of models that are written here, and of real ones where they exist, must be read
// or refused with saccade::Error; never a crash, a hang or an absurd allocation. Meant to run under ASan and UBSan too.
//   onnx_mutations MUTATIONS_PER_MODEL [FILE_OR_FOLDER…]
#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "hostile/mutate.h"
#include "import/importer.h"
#include "support/onnx_writer.h"

namespace saccade {
namespace {

using namespace saccade::testing;

int mutations = 200;
std::vector<std::filesystem::path> files;

const std::string kX = value_info("x", kFloat, {"n", 4}), kY = value_info_without_shape("y", kFloat);

std::vector<std::pair<std::string, std::string>> written_models() {
  const std::string body = graph_proto({.nodes = {{"Add", {"x", "w"}, {"b"}}}, .inputs = {}, .outputs = {value_info_without_shape("b", kFloat)}});
  const FunctionSpec scale{.name = "Scale",
                           .inputs = {"v"},
                           .outputs = {"r"},
                           .attributes = {"alpha"},
                           .nodes = {{"Constant", {}, {"c"}, {attribute_reference("value_float", "alpha", 1)}}, {"Mul", {"v", "c"}, {"r"}}}};
  std::vector<std::pair<std::string, std::string>> models;
  models.emplace_back("elementwise", model({.graph = {.nodes = {{"Add", {"x", "w"}, {"a"}, {}, "add"},
                                                                {"Clip", {"a", "", "high"}, {"b"}, {}, "clip"},
                                                                {"LeakyRelu", {"b"}, {"c"}, {attribute("alpha", 0.1f)}},
                                                                {"Sum", {"a", "b", "c"}, {"y"}}},
                                                      .inputs = {kX},
                                                      .outputs = {kY},
                                                      .initializers = {tensor_f32("w", {1, 4}, {1, 2, 3, 4}), tensor_f32("high", {}, {6})}}}));
  models.emplace_back("functions", model({.graph = {.nodes = {{"Scale", {"x"}, {"a"}, {attribute("alpha", 3.f)}, "", "local"}, {"Scale", {"a"}, {"y"}, {attribute("alpha", 5.f)}, "", "local"}},
                                                    .inputs = {kX},
                                                    .outputs = {kY}},
                                          .functions = {scale},
                                          .more_opsets = {{"local", 1}},
                                          .metadata = {{"key", "value"}}}));
  models.emplace_back("branches", model({.graph = {.nodes = {{"Constant", {}, {"yes"}, {tensor_attribute("value", tensor_raw("", kBool, {}, "\x01"))}},
                                                             {"If", {"yes"}, {"y"}, {graph_attribute("then_branch", body), graph_attribute("else_branch", body)}}},
                                                   .inputs = {kX},
                                                   .outputs = {kY},
                                                   .initializers = {tensor_f32("w", {4}, {1, 2, 3, 4})}}}));
  models.emplace_back("shapes", model({.graph = {.nodes = {{"Shape", {"x"}, {"s"}},
                                                           {"Gather", {"s", "zero"}, {"n"}},
                                                           {"Unsqueeze", {"n", "axes"}, {"v"}},
                                                           {"Concat", {"v", "minus"}, {"t"}, {attribute("axis", std::int64_t{0})}},
                                                           {"Reshape", {"x", "t"}, {"r"}},
                                                           {"Slice", {"r", "start", "end", "axes"}, {"c"}},
                                                           {"Pad", {"c", "pads"}, {"p"}},
                                                           {"Transpose", {"p"}, {"q"}, {attribute("perm", std::vector<std::int64_t>{1, 0})}},
                                                           {"Tile", {"q", "times"}, {"y"}}},
                                                 .inputs = {kX},
                                                 .outputs = {kY},
                                                 .initializers = {tensor_i64("zero", {}, {0}), tensor_i64("axes", {1}, {0}), tensor_i64("minus", {1}, {-1}), tensor_i64("start", {1}, {0}),
                                                                  tensor_i64("end", {1}, {3}), tensor_i64("pads", {4}, {1, 0, 0, 1}), tensor_i64("times", {2}, {2, 1})}}}));
  models.emplace_back("network", model({.graph = {.nodes = {{"Conv", {"x", "w", "b"}, {"c"}, {attribute("pads", std::vector<std::int64_t>{1, 1, 1, 1}), attribute("strides", std::vector<std::int64_t>{2, 2})}},
                                                            {"BatchNormalization", {"c", "b", "b", "b", "b"}, {"n"}},
                                                            {"MaxPool", {"n"}, {"m"}, {attribute("kernel_shape", std::vector<std::int64_t>{2, 2})}},
                                                            {"Resize", {"m", "", "scales"}, {"u"}, {attribute("mode", "nearest")}},
                                                            {"GlobalAveragePool", {"u"}, {"g"}},
                                                            {"Flatten", {"g"}, {"f"}},
                                                            {"Gemm", {"f", "fc"}, {"l"}, {attribute("transB", std::int64_t{1})}},
                                                            {"Softmax", {"l"}, {"y"}, {attribute("axis", std::int64_t{1})}}},
                                                  .inputs = {value_info("x", kFloat, {1, 2, 8, 8})},
                                                  .outputs = {kY},
                                                  .initializers = {tensor_f32("w", {2, 2, 3, 3}, std::vector<float>(36, 0.5f)), tensor_f32("b", {2}, {1, 2}),
                                                                   tensor_f32("scales", {4}, {1, 1, 2, 2}), tensor_f32("fc", {3, 2}, {1, 2, 3, 4, 5, 6})}}}));
  return models;
}

// Well-formed models whose numbers are not: every number of attributes, shapes and shape-like initializers may become an extreme one.
class Extremes {
 public:
  explicit Extremes(unsigned seed) : random_(seed) {}

  std::int64_t operator()(std::int64_t value) {
    static constexpr std::int64_t kLimits[] = {0, -1, 1, 2, 7, -3, 1000, 1 << 20, -(1 << 20), std::int64_t{1} << 31, 1'000'000'000'000, (std::int64_t{1} << 62) + 1, -(std::int64_t{1} << 62),
                                               std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()};
    return random_() % 6 == 0 ? kLimits[random_() % std::size(kLimits)] : value;
  }
  std::vector<std::int64_t> operator()(std::vector<std::int64_t> values) {
    for (auto& v : values) v = (*this)(v);
    if (random_() % 12 == 0) values.push_back(1);
    if (random_() % 12 == 0 && !values.empty()) values.pop_back();
    return values;
  }
  float real(float value) { return random_() % 6 == 0 ? (random_() % 2 ? 1e30f : -1.f) : value; }
  std::vector<Dim> dims(const std::vector<std::int64_t>& sizes) {
    std::vector<Dim> out;
    for (auto d : (*this)(sizes)) out.push_back(random_() % 8 == 0 ? Dim(std::string("n")) : Dim(d));
    return out;
  }
  std::size_t below(std::size_t n) { return random_() % n; }

 private:
  std::mt19937 random_;
};

std::vector<NodeSpec> one_operator(Extremes& e, std::vector<std::string>& initializers) {
  const auto integers = [&](const char* name, const std::vector<std::int64_t>& values) {
    const auto changed = e(values);
    initializers.push_back(tensor_i64(name, {static_cast<std::int64_t>(changed.size())}, changed));
    return std::string(name);
  };
  const auto scalar = [&](const char* name, std::int64_t value) {
    initializers.push_back(tensor_i64(name, {}, {e(value)}));
    return std::string(name);
  };
  const auto weights = [&](const char* name, const std::vector<std::int64_t>& shape) {
    std::int64_t n = 1;
    for (auto d : shape) n *= d;
    initializers.push_back(tensor_f32(name, shape, std::vector<float>(static_cast<std::size_t>(n), 0.5f)));
    return std::string(name);
  };
  using Ints = std::vector<std::int64_t>;
  switch (e.below(34)) {
    case 0: return {{"Reshape", {"x", integers("s", {2, -1})}, {"y"}}};
    case 1: return {{"Slice", {"x", integers("b", {0, 1}), integers("e", {2, 9}), integers("a", {0, 1}), integers("t", {1, 2})}, {"y"}}};
    case 2: return {{"Pad", {"x", integers("p", {0, 0, 1, 1, 0, 0, 1, 1})}, {"y"}, {attribute("mode", e.below(2) ? "reflect" : "constant")}}};
    case 3: return {{"Tile", {"x", integers("t", {1, 2, 1, 2})}, {"y"}}};
    case 4: return {{"Expand", {"x", integers("s", {3, 2, 8, 8})}, {"y"}}};
    case 5: return {{"ConstantOfShape", {integers("s", {2, 3})}, {"y"}}};
    case 6: return {{"Range", {scalar("b", 0), scalar("e", 10), scalar("t", 3)}, {"r"}}, {"Cast", {"r"}, {"y"}, {attribute("to", std::int64_t{1})}}};
    case 7: return {{"Gather", {"x", integers("i", {0, 1})}, {"y"}, {attribute("axis", e(1))}}};
    case 8: return {{"Transpose", {"x"}, {"y"}, {attribute("perm", e(Ints{0, 2, 3, 1}))}}};
    case 9: return {{"Concat", {"x", "x"}, {"y"}, {attribute("axis", e(1))}}};
    case 10: return {{"Split", {"x", integers("s", {1, 1})}, {"y", "z"}, {attribute("axis", e(1))}}};
    case 11: return {{"Unsqueeze", {"x", integers("a", {0, 5})}, {"y"}}};
    case 12: return {{"Squeeze", {"x", integers("a", {0})}, {"y"}}};
    case 13: return {{"ReduceMean", {"x", integers("a", {2, 3})}, {"y"}, {attribute("keepdims", e(1))}}};
    case 14: return {{"Conv", {"x", weights("w", {2, 2, 3, 3})}, {"y"}, {attribute("pads", e(Ints{1, 1, 1, 1})), attribute("strides", e(Ints{2, 2})), attribute("dilations", e(Ints{1, 1})), attribute("group", e(1))}}};
    case 15: return {{"ConvTranspose", {"x", weights("w", {2, 2, 3, 3})}, {"y"}, {attribute("pads", e(Ints{1, 1, 1, 1})), attribute("strides", e(Ints{2, 2})), attribute("output_padding", e(Ints{1, 1})), attribute("dilations", e(Ints{1, 1}))}}};
    case 16: return {{"MaxPool", {"x"}, {"y"}, {attribute("kernel_shape", e(Ints{2, 2})), attribute("pads", e(Ints{0, 0, 1, 1})), attribute("strides", e(Ints{2, 2})), attribute("ceil_mode", e(1))}}};
    case 17: return {{"AveragePool", {"x"}, {"y"}, {attribute("kernel_shape", e(Ints{2, 2})), attribute("strides", e(Ints{2, 2})), attribute("dilations", e(Ints{1, 1}))}}};
    case 18: return {{"Resize", {"x", "", "", integers("s", {1, 2, 16, 16})}, {"y"}, {attribute("mode", e.below(2) ? "cubic" : "nearest")}}};
    case 19: initializers.push_back(tensor_f32("s", {4}, {1, 1, e.real(2), e.real(2)})); return {{"Resize", {"x", "", "s"}, {"y"}, {attribute("mode", "linear")}}};
    case 20: return {{"DepthToSpace", {"x"}, {"y"}, {attribute("blocksize", e(1))}}};
    case 21: return {{"SpaceToDepth", {"x"}, {"y"}, {attribute("blocksize", e(2))}}};
    case 22: return {{"TopK", {"x", integers("k", {2})}, {"y", "i"}, {attribute("axis", e(3))}}};
    case 23: return {{"Softmax", {"x"}, {"y"}, {attribute("axis", e(1))}}};
    case 24: return {{"Flatten", {"x"}, {"y"}, {attribute("axis", e(1))}}};
    case 25: return {{"CumSum", {"x", scalar("a", 1)}, {"y"}}};
    case 26: return {{"LRN", {"x"}, {"y"}, {attribute("size", e(3))}}};
    case 27: return {{"GroupNormalization", {"x", weights("w", {2}), weights("b", {2})}, {"y"}, {attribute("num_groups", e(1))}}};
    case 28: return {{"LayerNormalization", {"x", weights("w", {8})}, {"y"}, {attribute("axis", e(-1))}}};
    case 29: return {{"OneHot", {integers("i", {0, 2}), scalar("d", 3), "w"}, {"y"}, {attribute("axis", e(-1))}}, {"Constant", {}, {"w"}, {attribute("value_floats", std::vector<float>{0, 1})}}};
    case 30: return {{"Trilu", {"x", scalar("k", 1)}, {"y"}}};
    case 31: return {{"Col2Im", {"q", integers("i", {4, 4}), integers("b", {2, 2})}, {"y"}, {attribute("strides", e(Ints{2, 2}))}}, {"Reshape", {"x", "r"}, {"q"}}, {"Constant", {}, {"r"}, {attribute("value_ints", Ints{1, 8, 16})}}};
    case 32: return {{"LSTM", {"q", weights("w", {1, 8, 8}), weights("r", {1, 8, 2})}, {"y"}, {attribute("hidden_size", e(2)), attribute("layout", e(0))}}, {"Squeeze", {"x", "z"}, {"q"}}, {"Constant", {}, {"z"}, {attribute("value_ints", Ints{0})}}};
    default: return {{"DequantizeLinear", {"c", weights("w", {2})}, {"y"}, {attribute("axis", e(1))}}, {"Cast", {"x"}, {"c"}, {attribute("to", std::int64_t{3})}}};
  }
}

std::string extreme_model(unsigned seed) {
  Extremes e(seed);
  std::vector<std::string> initializers;
  auto nodes = one_operator(e, initializers);
  // what follows sees whatever sizes came out
  nodes.push_back({"Shape", {"y"}, {"sizes"}});
  nodes.push_back({"Relu", {"y"}, {"out"}});
  return model({.graph = {.nodes = nodes,
                          .inputs = {value_info("x", kFloat, e.dims({1, 2, 8, 8}))},
                          .outputs = {value_info_without_shape("out", kFloat), value_info_without_shape("sizes", kInt64)},
                          .initializers = initializers}});
}

void check(const std::string& bytes, const std::string& what, Tally& tally, const std::filesystem::path& folder = {}) {
  check_reader([&] { import::read_model_bytes(bytes, folder); }, what, tally);
}

void sweep(const std::string& name, const std::string& bytes, int count, const std::filesystem::path& folder = {}) {
  Tally tally;
  for (int seed = 0; seed < count; ++seed) check(mutated(bytes, static_cast<unsigned>(seed)), name + " seed " + std::to_string(seed), tally, folder);
  tally.print(name);
}

TEST(OnnxMutations, WrittenModels) {
  for (const auto& [name, bytes] : written_models()) sweep(name, bytes, mutations);
}

TEST(OnnxMutations, ExtremeNumbers) {
  Tally tally;
  for (int seed = 0; seed < 20 * mutations; ++seed) check(extreme_model(static_cast<unsigned>(seed)), "extreme numbers, seed " + std::to_string(seed), tally);
  tally.print("extreme numbers");
}

TEST(OnnxMutations, EveryTruncation) {
  for (const auto& [name, bytes] : written_models()) {
    Tally tally;
    const std::size_t step = std::max<std::size_t>(1, bytes.size() / static_cast<std::size_t>(std::max(1, mutations)));
    for (std::size_t n = 0; n < bytes.size(); n += step) check(bytes.substr(0, n), name + " cut at " + std::to_string(n), tally);
  }
}

TEST(OnnxMutations, RealModels) {
  if (files.empty()) GTEST_SKIP() << "no model files given or found";
  for (const auto& file : files) sweep(file.filename().string(), bytes_of(file), mutations, file.parent_path());
}

}  // namespace
}  // namespace saccade

// A request for terabytes must come back as an error, as it does without the sanitizer.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }

int main(int argc, char** argv) {
  return saccade::testing::run_all(argc, argv, saccade::mutations, saccade::files, [](const std::filesystem::path& path) {
    std::error_code error;
    return path.extension() == ".onnx" && std::filesystem::file_size(path, error) < 1'000'000;
  });
}
