// SPDX-License-Identifier: Apache-2.0
// Damaged Keras files, .h5 and .keras: seeded mutations of models that are written here, and of real ones where they exist,
// must be read or refused with saccade::Error. Meant to run under ASan and UBSan too.
//   keras_mutations MUTATIONS_PER_MODEL [FOLDER…]
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "hostile/mutate.h"
#include "import/importer.h"
#include "support/keras_writer.h"

namespace saccade {
namespace {

using namespace saccade::testing;

int mutations = 100;
std::vector<std::filesystem::path> files;

const std::string kConfig =
    R"({"class_name": "Functional", "config": {"name": "f", "layers": [)"
    R"({"class_name": "InputLayer", "name": "in", "config": {"batch_input_shape": [null, 6, 6, 2], "dtype": "float32", "name": "in"}, "inbound_nodes": []},)"
    R"({"class_name": "Conv2D", "name": "conv", "config": {"name": "conv", "filters": 3, "kernel_size": [3, 3], "strides": [1, 1], "padding": "same", "dilation_rate": [1, 1], "groups": 1, "activation": "relu", "use_bias": true}, "inbound_nodes": [[["in", 0, 0, {}]]]},)"
    R"({"class_name": "ZeroPadding2D", "name": "zp", "config": {"name": "zp", "padding": [[0, 1], [1, 0]]}, "inbound_nodes": [[["conv", 0, 0, {}]]]},)"
    R"({"class_name": "MaxPooling2D", "name": "mp", "config": {"name": "mp", "pool_size": [2, 2], "strides": [2, 2], "padding": "valid"}, "inbound_nodes": [[["zp", 0, 0, {}]]]},)"
    R"({"class_name": "UpSampling2D", "name": "up", "config": {"name": "up", "size": [2, 2], "interpolation": "nearest"}, "inbound_nodes": [[["mp", 0, 0, {}]]]},)"
    R"({"class_name": "TFOpLambda", "name": "op", "config": {"name": "op", "function": "__operators__.add"}, "inbound_nodes": [["up", 0, 0, {"y": 3.0, "name": null}]]},)"
    R"({"class_name": "Concatenate", "name": "cat", "config": {"name": "cat", "axis": -1}, "inbound_nodes": [[["up", 0, 0, {}], ["op", 0, 0, {}]]]},)"
    R"({"class_name": "Reshape", "name": "r", "config": {"name": "r", "target_shape": [6, -1]}, "inbound_nodes": [[["cat", 0, 0, {}]]]},)"
    R"({"class_name": "Permute", "name": "p", "config": {"name": "p", "dims": [2, 1]}, "inbound_nodes": [[["r", 0, 0, {}]]]},)"
    R"({"class_name": "LSTM", "name": "lstm", "config": {"name": "lstm", "units": 1, "return_sequences": true}, "inbound_nodes": [[["p", 0, 0, {}]]]}],)"
    R"( "input_layers": [["in", 0, 0]], "output_layers": [["lstm", 0, 0]]}})";

std::vector<KerasWeight> weights() {
  return {{"conv", "conv/kernel:0", {3, 3, 2, 3}, std::vector<float>(54, .5f)},
          {"conv", "conv/bias:0", {3}, {1, 2, 3}},
          {"lstm", "lstm/lstm_cell/kernel:0", {6, 4}, std::vector<float>(24, .1f)},
          {"lstm", "lstm/lstm_cell/recurrent_kernel:0", {1, 4}, std::vector<float>(4, .1f)},
          {"lstm", "lstm/lstm_cell/bias:0", {4}, std::vector<float>(4, .1f)}};
}

std::string archive(const std::string& config) {
  return keras_archive(config, {{"", "layers/conv2d/vars/0", {3, 3, 2, 3}, std::vector<float>(54, .5f)},
                                {"", "layers/conv2d/vars/1", {3}, {1, 2, 3}},
                                {"", "layers/lstm/cell/vars/0", {6, 4}, std::vector<float>(24, .1f)},
                                {"", "layers/lstm/cell/vars/1", {1, 4}, std::vector<float>(4, .1f)},
                                {"", "layers/lstm/cell/vars/2", {4}, std::vector<float>(4, .1f)}});
}

// Numbers and words of the configuration become others, the text stays JSON.
std::string odd_config(unsigned seed) {
  std::mt19937 random(seed);
  static constexpr const char* kOdd[] = {"0", "-1", "1", "7", "1000000", "-9223372036854775808", "9223372036854775807", "1e308", "-0.5", "null", "true", "[]", "{}", "\"x\"", "[1, 2, 3]", "[[1, 2], [3]]"};
  std::string out;
  for (std::size_t i = 0; i < kConfig.size();) {
    const bool number = std::isdigit(static_cast<unsigned char>(kConfig[i])) && (kConfig[i - 1] == ' ' || kConfig[i - 1] == '[');
    if (number && random() % 14 == 0) {
      while (std::isdigit(static_cast<unsigned char>(kConfig[i])) || kConfig[i] == '.') ++i;
      out += kOdd[random() % std::size(kOdd)];
    } else if (kConfig.compare(i, 2, "[[") == 0 && random() % 40 == 0) {
      out += "[[[";
      i += 2;
      out += "], [";
    } else {
      out += kConfig[i++];
    }
  }
  return out;
}

void sweep(const std::string& name, int count, const std::function<std::string(unsigned)>& damaged) {
  Tally tally;
  for (int seed = 0; seed < count; ++seed) {
    const std::string bytes = damaged(static_cast<unsigned>(seed));
    check_reader([&] { import::read_model_bytes(bytes); }, name + " seed " + std::to_string(seed), tally);
  }
  tally.print(name);
}

TEST(KerasMutations, WrittenModels) {
  const std::string h5 = keras_h5(kConfig, weights()), zip = archive(kConfig);
  import::read_model_bytes(h5);
  import::read_model_bytes(zip);
  sweep("h5", 8 * mutations, [&](unsigned seed) { return mutated(h5, seed, 8); });
  sweep("keras", 4 * mutations, [&](unsigned seed) { return mutated(zip, seed, 4); });
}

// The damage lies inside of the archive, whose checksums are right.
TEST(KerasMutations, WeightsInsideOfAnArchive) {
  Hdf5Writer w;
  w.dataset("/layers/conv2d/vars/0", {3, 3, 2, 3}, std::vector<float>(54, .5f));
  w.dataset("/layers/conv2d/vars/1", {3}, {1, 2, 3});
  w.dataset("/layers/lstm/cell/vars/0", {6, 4}, std::vector<float>(24, .1f));
  w.dataset("/layers/lstm/cell/vars/1", {1, 4}, std::vector<float>(4, .1f));
  w.dataset("/layers/lstm/cell/vars/2", {4}, std::vector<float>(4, .1f));
  const std::string inner = w.bytes();
  sweep("weights", 8 * mutations, [&](unsigned seed) { return zip_archive({{"metadata.json", "{}"}, {"config.json", kConfig}, {"model.weights.h5", mutated(inner, seed, 8)}}); });
}

TEST(KerasMutations, Configurations) {
  sweep("odd numbers", 20 * mutations, [&](unsigned seed) { return archive(odd_config(seed)); });
  sweep("damaged text", 8 * mutations, [&](unsigned seed) { return archive(mutated(kConfig, seed)); });
}

TEST(KerasMutations, EveryTruncation) {
  const std::string h5 = keras_h5(kConfig, weights()), zip = archive(kConfig);
  for (const auto& [name, bytes] : {std::pair("h5 cut", h5), std::pair("keras cut", zip)}) {
    const std::size_t step = std::max<std::size_t>(1, bytes.size() / static_cast<std::size_t>(4 * mutations));
    sweep(name, static_cast<int>(bytes.size() / step), [&, &all = bytes](unsigned seed) { return all.substr(0, std::max<std::size_t>(8, seed * step)); });
  }
}

TEST(KerasMutations, RealModels) {
  if (files.empty()) GTEST_SKIP() << "no model files given or found";
  for (const auto& file : files) {
    const std::string bytes = bytes_of(file);
    sweep(file.filename().string(), mutations, [&](unsigned seed) { return mutated(bytes, seed, 8); });
  }
}

}  // namespace
}  // namespace saccade

// A request for terabytes must come back as an error, as it does without the sanitizer.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }

int main(int argc, char** argv) {
  return saccade::testing::run_all(argc, argv, saccade::mutations, saccade::files, [](const std::filesystem::path& path) {
    const auto end = path.extension();
    return end == ".h5" || end == ".hdf5" || end == ".keras";
  });
}
