// SPDX-License-Identifier: Apache-2.0
// Damaged TFLite files: seeded mutations of models that are written here, and of real ones where they exist, must be read or
// refused with saccade::Error. Meant to run under ASan and UBSan too.
//   tflite_mutations MUTATIONS_PER_MODEL [FOLDER…]
#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>
#include <random>

#include "hostile/mutate.h"
#include "import/importer.h"
#include "support/tflite_writer.h"
#include "support/zip_writer.h"

namespace saccade {
namespace {

using namespace saccade::testing;
using Ints = std::vector<std::int32_t>;
using Floats = std::vector<float>;

int mutations = 200;
std::vector<std::filesystem::path> files;

TfliteGraph scaled(float by) {
  return {.tensors = {{"x", kTfF32, {2}}, {"k", kTfF32, {}, tflite_bytes(Floats{by})}, {"y", kTfF32, {2}}}, .operators = {{18, {0, 1}, {2}}}, .inputs = {0}, .outputs = {2}};
}

std::vector<std::pair<std::string, std::string>> written_models() {
  std::vector<std::pair<std::string, std::string>> models;
  const TfliteQuantisation half{{0.5f}, {128}};
  models.emplace_back("quantised", tflite_model({.graphs = {{.tensors = {{"in", kTfU8, {1, 4, 4, 2}, "", half},
                                                                          {"w", kTfI8, {3, 2, 2, 2}, std::string(24, '\3'), {{1.f, 2.f, 3.f}, {0, 0, 0}, 0}},
                                                                          {"b", kTfI32, {3}, tflite_bytes(Ints{1, 2, 3}), {{.5f, 1.f, 1.5f}, {0, 0, 0}, 0}},
                                                                          {"a", kTfU8, {1, 4, 4, 3}, "", half},
                                                                          {"p", kTfU8, {1, 2, 2, 3}, "", half},
                                                                          {"s", kTfI32, {2}, tflite_bytes(Ints{1, 12})},
                                                                          {"r", kTfU8, {1, 12}, "", half},
                                                                          {"out", kTfF32, {1, 12}}},
                                                              .operators = {{3, {0, 1, 2}, {3}, {byte_option(0, 0), int_option(1, 1), int_option(2, 1), byte_option(3, 3)}},
                                                                            {17, {3}, {4}, {byte_option(0, 1), int_option(1, 2), int_option(2, 2), int_option(3, 2), int_option(4, 2)}},
                                                                            {22, {4, 5}, {6}},
                                                                            {6, {6}, {7}}},
                                                              .inputs = {0},
                                                              .outputs = {7}}},
                                                  .signatures = {{"serving_default", {{"image", 0}}, {{"scores", 7}}}}}) +
                                        zip_archive({{"labels.txt", "a\nb\n", true}}));
  const TfliteGraph condition{.tensors = {{"x", kTfF32, {2}}, {"axes", kTfI32, {1}, tflite_bytes(Ints{0})}, {"m", kTfF32, {}}, {"limit", kTfF32, {}, tflite_bytes(Floats{20})}, {"c", kTfBool, {}}},
                              .operators = {{82, {0, 1}, {2}}, {58, {2, 3}, {4}}},
                              .inputs = {0},
                              .outputs = {4}};
  models.emplace_back("control", tflite_model({.graphs = {{.tensors = {{"x", kTfF32, {2}}, {"c", kTfBool, {}}, {"a", kTfF32, {2}}, {"y", kTfF32, {2}}},
                                                            .operators = {{119, {0}, {2}, {int_option(0, 1), int_option(1, 2)}}, {118, {1, 2}, {3}, {int_option(0, 2), int_option(1, 3)}}},
                                                            .inputs = {0, 1},
                                                            .outputs = {3}},
                                                           condition, scaled(3), scaled(-1)}}));
  models.emplace_back("shapes", tflite_model({.graphs = {{.tensors = {{"x", kTfF32, {1, 4, 6}, "", {}, {-1, 4, 6}},
                                                                       {"b", kTfI32, {3}, tflite_bytes(Ints{0, 1, 0})},
                                                                       {"e", kTfI32, {3}, tflite_bytes(Ints{1, 4, -1})},
                                                                       {"t", kTfI32, {3}, tflite_bytes(Ints{1, 2, 1})},
                                                                       {"a", kTfF32, {1, 2, 5}},
                                                                       {"p", kTfI32, {3, 2}, tflite_bytes(Ints{0, 0, 1, 0, 0, 2})},
                                                                       {"c", kTfF32, {1, 3, 7}},
                                                                       {"o", kTfI32, {3}, tflite_bytes(Ints{2, 0, 1})},
                                                                       {"d", kTfF32, {7, 1, 3}},
                                                                       {"m", kTfI32, {3}, tflite_bytes(Ints{1, 2, 2})},
                                                                       {"y", kTfF32, {7, 2, 6}}},
                                                            .operators = {{45, {0, 1, 2, 3}, {4}, {int_option(0, 1), int_option(1, 1)}}, {34, {4, 5}, {6}}, {39, {6, 7}, {8}}, {69, {8, 9}, {10}}},
                                                            .inputs = {0},
                                                            .outputs = {10}}}}));
  const auto sparse = [](bool blocks, int width) {
    TfliteSparsity sparsity{{1, 0}, {}, {{false, 4}, {true, 0, {0, 1, 2, 2, 4}, {0, 1, 0, 1}, width}}};
    if (blocks) sparsity = {{0, 1, 2}, {1}, {{false, 2}, {true, 0, {0, 1, 2}, {1, 0}, width}, {false, 2}}};
    return tflite_model({.graphs = {{.tensors = {{"x", kTfF32, {2, 4}}, {"s", kTfF32, {2, 4}, tflite_bytes(Floats{1, 2, 3, 4}), {}, {}, false, sparsity}, {"w", kTfF32, {2, 4}}, {"y", kTfF32, {2, 4}}},
                                     .operators = {{124, {1}, {2}}, {0, {0, 2}, {3}}},
                                     .inputs = {0},
                                     .outputs = {3}}}});
  };
  models.emplace_back("sparse rows", sparse(false, 1));
  models.emplace_back("sparse blocks", sparse(true, 2));
  models.emplace_back("both directions", tflite_model({.graphs = {{.tensors = {{"x", kTfF32, {1, 2, 1}}, {"w", kTfF32, {1, 1}, tflite_bytes(Floats{1})}, {"b", kTfF32, {1}, tflite_bytes(Floats{1})},
                                                                                {"h", kTfF32, {1, 1}, "", {}, {}, true}, {"y", kTfF32, {1, 2, 2}}, {"r", kTfF32, {2, 2}}, {"q", kTfI32, {2}, tflite_bytes(Ints{2, 2})},
                                                                                {"f", kTfF32, {2, 2}, tflite_bytes(Floats{1, 2, 3, 4})}, {"z", kTfF32, {2, 1}}},
                                                                    .operators = {{46, {0, 1, 1, 2, 3, 1, 1, 2, 3, -1, -1, -1}, {4}, {byte_option(1, 1), byte_option(2, 1)}},
                                                                                  {22, {4, 6}, {5}},
                                                                                  {27, {5, 7, 7, 2, 3}, {8}, {int_option(0, 2), byte_option(1, 1)}}},
                                                                    .inputs = {0},
                                                                    .outputs = {8}}}}));
  flexbuffers::Builder fbb;
  fbb.Map([&] {
    fbb.Int("max_detections", 3);
    fbb.Int("max_classes_per_detection", 1);
    fbb.Float("nms_score_threshold", 0.3f);
    fbb.Float("nms_iou_threshold", 0.5f);
    fbb.Int("num_classes", 2);
    for (const char* scale : {"y_scale", "x_scale", "h_scale", "w_scale"}) fbb.Float(scale, 10);
  });
  fbb.Finish();
  models.emplace_back("detection", tflite_model({.graphs = {{.tensors = {{"boxes", kTfF32, {1, 3, 4}}, {"scores", kTfF32, {1, 3, 3}}, {"anchors", kTfF32, {3, 4}, tflite_bytes(Floats(12, .5f))},
                                                                          {"b", kTfF32, {}}, {"c", kTfF32, {}}, {"s", kTfF32, {}}, {"n", kTfF32, {}}},
                                                              .operators = {{32, {0, 1, 2}, {3, 4, 5, 6}, {}, "TFLite_Detection_PostProcess", fbb.GetBuffer()}},
                                                              .inputs = {0, 1},
                                                              .outputs = {3, 4, 5, 6}}}}));
  return models;
}

// Well-formed models whose numbers are not.
std::string extreme_model(unsigned seed) {
  std::mt19937 random(seed);
  const auto extreme = [&](std::int32_t value) {
    static constexpr std::int32_t kLimits[] = {0, -1, 1, 2, 7, -3, 1000, 1 << 20, -(1 << 20), std::numeric_limits<std::int32_t>::max(), std::numeric_limits<std::int32_t>::min()};
    return random() % 6 == 0 ? kLimits[random() % std::size(kLimits)] : value;
  };
  const auto list = [&](Ints values) {
    for (auto& v : values) v = extreme(v);
    if (random() % 12 == 0) values.push_back(1);
    if (random() % 12 == 0 && !values.empty()) values.pop_back();
    return values;
  };
  TfliteGraph g{.tensors = {{"x", kTfF32, list({1, 4, 6, 2})}, {"y", kTfF32, {}}, {"z", kTfF32, {}}}, .inputs = {0}, .outputs = {1}};
  const auto ints = [&](const Ints& values) {
    const Ints changed = list(values);
    g.tensors.push_back({"c" + std::to_string(g.tensors.size()), kTfI32, {static_cast<std::int32_t>(changed.size())}, tflite_bytes(changed)});
    return static_cast<std::int32_t>(g.tensors.size()) - 1;
  };
  const auto reals = [&](Ints shape) {
    std::size_t n = 1;
    for (auto d : shape) n *= static_cast<std::size_t>(d);
    g.tensors.push_back({"w" + std::to_string(g.tensors.size()), kTfF32, shape, tflite_bytes(Floats(n, 0.5f))});
    return static_cast<std::int32_t>(g.tensors.size()) - 1;
  };
  const auto o = [&](int field, std::int32_t value) { return int_option(field, extreme(value)); };
  const std::int32_t table = [&] {
    g.tensors.push_back({"t", kTfI32, {4, 2}, tflite_bytes(Ints{0, 0, extreme(1), 1, extreme(0), extreme(2), 0, 0})});
    return static_cast<std::int32_t>(g.tensors.size()) - 1;
  }();
  std::vector<TfliteOperator>& ops = g.operators;
  switch (random() % 26) {
    case 0: ops = {{3, {0, reals({3, 2, 2, 2})}, {1}, {byte_option(0, extreme(0)), o(1, 1), o(2, 2), o(4, 1), o(5, 2)}}}; break;
    case 1: ops = {{4, {0, reals({1, 2, 2, 2})}, {1}, {byte_option(0, 1), o(1, 1), o(2, 2), o(3, 1), o(5, 1), o(6, 1)}}}; break;
    case 2: ops = {{67, {ints({1, 8, 12, 3}), reals({3, 2, 2, 2}), 0}, {1}, {byte_option(0, extreme(1)), o(1, 2), o(2, 2)}}}; break;
    case 3: ops = {{static_cast<int>(random() % 2 ? 1 : 17), {0}, {1}, {byte_option(0, extreme(1)), o(1, 1), o(2, 2), o(3, 2), o(4, 2)}}}; break;
    case 4: ops = {{9, {0, reals({3, 2})}, {1}}}; break;
    case 5: ops = {{22, {0, ints({4, -1})}, {1}}}; break;
    case 6: ops = {{45, {0, ints({0, 1, 0, 0}), ints({1, 4, -1, 2}), ints({1, 2, 1, -1})}, {1}, {o(0, 1), o(1, 9), o(2, 0), o(3, 0), o(4, 2)}}}; break;
    case 7: ops = {{65, {0, ints({0, 1, 0, 0}), ints({1, 2, -1, 2})}, {1}}}; break;
    case 8: ops = {{static_cast<int>(random() % 2 ? 34 : 100), {0, table}, {1}}}; break;
    case 9: ops = {{39, {0, ints({0, 2, 1, 3})}, {1}}}; break;
    case 10: ops = {{2, {0, 0}, {1}, {o(0, 1)}}}; break;
    case 11: ops = {{83, {0, 0}, {1}, {o(0, 2), o(1, 1)}}}; break;
    case 12: ops = {{88, {0}, {1, 2}, {o(0, 2), o(1, 3)}}}; break;
    case 13: ops = {{49, {ints({3}), 0}, {1, 2}, {o(0, 2)}}}; break;
    case 14: ops = {{102, {0, ints({1, 1}), ints({3})}, {1, 2}, {o(0, 2)}}}; break;
    case 15: ops = {{69, {0, ints({1, 2, 1, 1})}, {1}}}; break;
    case 16: ops = {{130, {0, ints({3, 4, 6, 2})}, {1}}}; break;
    case 17: ops = {{static_cast<int>(random() % 2 ? 23 : 97), {0, ints({8, 12})}, {1}}}; break;
    case 18: ops = {{static_cast<int>(random() % 2 ? 5 : 26), {0}, {1}, {o(0, 2)}}}; break;
    case 19: ops = {{static_cast<int>(random() % 2 ? 37 : 38), {0, ints({2, 2}), table}, {1}}}; break;
    case 20: ops = {{40, {0, ints({1, 2})}, {1}}}; break;
    case 21: ops = {{36, {0, ints({0, 1})}, {1}, {o(0, 1), o(1, 0)}}}; break;
    case 22: ops = {{13, {0}, {1}, {o(0, 2), real_option(1, 1), real_option(2, 1), real_option(3, 1)}}}; break;
    case 23: ops = {{105, {0, ints({1})}, {1}}}; break;
    case 24: ops = {{48, {0, ints({1})}, {1, 2}}}; g.tensors[2].type = kTfI32; break;
    default: ops = {{94, {ints({2, 3}), reals({})}, {1}}}; break;
  }
  return tflite_model({.graphs = {g}});
}

void sweep(const std::string& name, const std::string& bytes, int count) {
  Tally tally;
  for (int seed = 0; seed < count; ++seed)
    check_reader([&] { import::read_model_bytes(mutated(bytes, static_cast<unsigned>(seed), 8)); }, name + " seed " + std::to_string(seed), tally);
  tally.print(name);
}

TEST(TfliteMutations, WrittenModels) {
  for (const auto& [name, bytes] : written_models()) {
    import::read_model_bytes(bytes);
    sweep(name, bytes, 8 * mutations);
  }
}

TEST(TfliteMutations, ExtremeNumbers) {
  Tally tally;
  for (int seed = 0; seed < 20 * mutations; ++seed)
    check_reader([&] { import::read_model_bytes(extreme_model(static_cast<unsigned>(seed))); }, "extreme numbers, seed " + std::to_string(seed), tally);
  tally.print("extreme numbers");
}

TEST(TfliteMutations, EveryTruncation) {
  for (const auto& [name, bytes] : written_models()) {
    Tally tally;
    for (std::size_t n = 8; n < bytes.size(); n += std::max<std::size_t>(1, bytes.size() / static_cast<std::size_t>(4 * mutations)))
      check_reader([&] { import::read_model_bytes(bytes.substr(0, n)); }, name + " cut at " + std::to_string(n), tally);
  }
}

TEST(TfliteMutations, RealModels) {
  if (files.empty()) GTEST_SKIP() << "no model files given or found";
  for (const auto& file : files) sweep(file.filename().string(), bytes_of(file), mutations);
}

}  // namespace
}  // namespace saccade

// A request for terabytes must come back as an error, as it does without the sanitizer.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }

int main(int argc, char** argv) {
  return saccade::testing::run_all(argc, argv, saccade::mutations, saccade::files, [](const std::filesystem::path& path) {
    return path.extension() == ".tflite";
  });
}
