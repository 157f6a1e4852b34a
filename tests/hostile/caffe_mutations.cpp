// SPDX-License-Identifier: Apache-2.0
// Damaged Caffe files: seeded mutations of prototxts and caffemodels, together and apart, must be read or refused with saccade::Error.
//   caffe_mutations MUTATIONS_PER_MODEL [FILE_OR_FOLDER…]
#include <gtest/gtest.h>
#include <unistd.h>

#include <cctype>
#include <fstream>
#include <random>

#include "hostile/mutate.h"
#include "import/importer.h"
#include "support/caffe_writer.h"

namespace saccade {
namespace {

using namespace saccade::testing;
namespace fs = std::filesystem;

int mutations = 100;
std::vector<fs::path> files;  // prototxts with their caffemodels beside them

struct Model {
  std::string name, definition, weights;
};

const char* const kDetector = R"(# a small SSD
input: "data" input_shape { dim: 1 dim: 3 dim: 16 dim: 16 }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" param { lr_mult: 1 } convolution_param { num_output: 4 kernel_size: 3 stride: 2 pad: 1 weight_filler { type: "xavier" } } }
layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "conv" batch_norm_param { use_global_stats: true eps: 1e-3 } }
layer { name: "scale" type: "Scale" bottom: "conv" top: "conv" scale_param { bias_term: true } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool" pooling_param { pool: AVE kernel_size: 2 stride: 2 } }
layer { name: "up" type: "Deconvolution" bottom: "pool" top: "up" convolution_param { num_output: 4 kernel_size: 4 stride: 2 pad: 1 group: 4 bias_term: false } }
layer { name: "sum" type: "Eltwise" bottom: "up" bottom: "conv" top: "sum" eltwise_param { operation: SUM coeff: 1 coeff: 0.5 } }
layer { name: "loc" type: "Convolution" bottom: "sum" top: "loc" convolution_param { num_output: 8 kernel_size: 1 } }
layer { name: "loc_perm" type: "Permute" bottom: "loc" top: "loc_perm" permute_param { order: 0 order: 2 order: 3 order: 1 } }
layer { name: "loc_flat" type: "Flatten" bottom: "loc_perm" top: "loc_flat" flatten_param { axis: 1 } }
layer { name: "conf" type: "Convolution" bottom: "sum" top: "conf" convolution_param { num_output: 6 kernel_size: 1 } }
layer { name: "conf_perm" type: "Permute" bottom: "conf" top: "conf_perm" permute_param { order: [0, 2, 3, 1] } }
layer { name: "conf_reshape" type: "Reshape" bottom: "conf_perm" top: "conf_reshape" reshape_param { shape { dim: 0 dim: -1 dim: 3 } } }
layer { name: "conf_softmax" type: "Softmax" bottom: "conf_reshape" top: "conf_softmax" softmax_param { axis: 2 } }
layer { name: "conf_flat" type: "Flatten" bottom: "conf_softmax" top: "conf_flat" }
layer { name: "priors" type: "PriorBox" bottom: "sum" bottom: "data" top: "priors" prior_box_param { min_size: 4 max_size: 8 variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2 offset: 0.5 } }
layer { name: "out" type: "DetectionOutput" bottom: "loc_flat" bottom: "conf_flat" bottom: "priors" top: "out"
  detection_output_param { num_classes: 3 nms_param { nms_threshold: 0.45 top_k: 10 } code_type: CENTER_SIZE keep_top_k: 5 confidence_threshold: 0.1 } include { phase: TEST } }
)";

const char* const kClassifier = R"(name: "old"
input: "data" input_dim: 1 input_dim: 2 input_dim: 6 input_dim: 6
layers { name: "slice" type: SLICE bottom: "data" top: "a" top: "b" slice_param { slice_dim: 1 slice_point: 1 } }
layers { name: "lrn" type: LRN bottom: "a" top: "lrn" lrn_param { local_size: 3 alpha: 0.1 } }
layers { name: "cat" type: CONCAT bottom: "lrn" bottom: "b" top: "cat" concat_param { concat_dim: 1 } }
layers { name: "fc" type: INNER_PRODUCT bottom: "cat" top: "fc" blobs_lr: 1 inner_product_param { num_output: 3 } }
layers { name: "crop" type: "Crop" bottom: "data" bottom: "cat" top: "crop" crop_param { axis: 2 offset: 0 } }
layers { name: "interp" type: "Interp" bottom: "crop" top: "interp" interp_param { zoom_factor: 2 pad_beg: -1 } }
layers { name: "tile" type: "Tile" bottom: "fc" top: "tile" tile_param { axis: 1 tiles: 2 } }
layers { name: "prob" type: SOFTMAX bottom: "tile" top: "prob" }
)";

CaffeBlob filled(std::vector<std::int64_t> shape) {
  std::int64_t count = 1;
  for (const auto size : shape) count *= size;
  return {shape, std::vector<float>(static_cast<std::size_t>(count), 0.5f)};
}

std::vector<Model> written_models() {
  return {{"detector", kDetector,
           caffe_net({{"conv", {filled({4, 3, 3, 3}), filled({4})}},
                      {"bn", {filled({4}), filled({4}), filled({1})}},
                      {"scale", {filled({4}), filled({4})}, CaffeBlobForm::one_by_one},
                      {"up", {filled({4, 1, 4, 4})}},
                      {"loc", {filled({8, 4, 1, 1}), filled({8})}, CaffeBlobForm::old_dimensions},
                      {"conf", {filled({6, 4, 1, 1}), filled({6})}, CaffeBlobForm::doubles}})},
          {"classifier", kClassifier, caffe_net({{"fc", {filled({1, 1, 3, 72}), filled({1, 1, 1, 3})}, CaffeBlobForm::old_dimensions}}, true)}};
}

// Words of a prototxt exchanged, doubled, dropped, numbers made extreme.
std::string mutated_text(const std::string& text, std::mt19937& random) {
  const auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  if (below(4) == 0) return mutated(text, static_cast<unsigned>(random()));
  static const char* const extremes[] = {"0", "-1", "-9223372036854775808", "9223372036854775807", "2147483648", "1e308", "nan", "-inf", "4294967297", "1000000", "\"conv\"", "{", "}", "MAX", "true", "[1, 2", "<"};
  std::vector<std::string> words;
  std::string word;
  for (const char c : text) {
    if (c == ' ' || c == '\n') {
      words.push_back(word + c);
      word.clear();
    } else {
      word += c;
    }
  }
  for (std::size_t i = 1 + below(4); i > 0; --i) {
    std::string& w = words[below(words.size())];
    const std::size_t kind = below(4);
    const bool number = !w.empty() && (std::isdigit(static_cast<unsigned char>(w[0])) || w[0] == '-');
    if (number || kind == 0)
      w = std::string(extremes[below(std::size(extremes))]) + " ";
    else if (kind == 1)
      w.clear();
    else if (kind == 2)
      w += words[below(words.size())];
    else
      std::swap(w, words[below(words.size())]);
  }
  std::string out;
  for (const auto& w : words) out += w;
  return out;
}

class Reader {
 public:
  Reader() : folder_(fs::temp_directory_path() / ("saccade_caffe_mutations_" + std::to_string(::getpid()))) { fs::create_directories(folder_); }
  ~Reader() { fs::remove_all(folder_); }

  void check(const std::string& definition, const std::string& weights, const std::string& what, Tally& tally) {
    std::ofstream(folder_ / "m.prototxt", std::ios::binary) << definition;
    std::ofstream(folder_ / "m.caffemodel", std::ios::binary) << weights;
    check_reader(
        [&] {
          import::ReadOptions options;
          options.weights = folder_ / "m.caffemodel";
          import::read_model(folder_ / "m.prototxt", options);
        },
        what, tally);
  }

  void sweep(const Model& model, int count) {
    Tally tally;
    for (int seed = 0; seed < count; ++seed) {
      std::mt19937 random(static_cast<unsigned>(seed));
      const std::string what = model.name + " seed " + std::to_string(seed);
      const int which = seed % 4;
      check(which == 1 ? model.definition : mutated_text(model.definition, random), which == 0 || which == 2 ? model.weights : mutated(model.weights, static_cast<unsigned>(random())), what, tally);
    }
    for (std::size_t n = 0; n < model.definition.size(); n += std::max<std::size_t>(1, model.definition.size() / static_cast<std::size_t>(count)))
      check(model.definition.substr(0, n), model.weights, model.name + " cut at " + std::to_string(n), tally);
    for (std::size_t n = 0; n < model.weights.size(); n += std::max<std::size_t>(1, model.weights.size() / static_cast<std::size_t>(count)))
      check(model.definition, model.weights.substr(0, n), model.name + ", weights cut at " + std::to_string(n), tally);
    tally.print(model.name);
  }

 private:
  fs::path folder_;
};

TEST(CaffeMutations, WrittenModels) {
  Reader reader;
  for (const Model& model : written_models()) {
    Tally tally;
    reader.check(model.definition, model.weights, model.name, tally);
    EXPECT_EQ(tally.accepted, 1) << model.name;
    reader.sweep(model, mutations);
  }
}

TEST(CaffeMutations, WeightsWithTheirOwnDefinition) {
  for (const Model& model : written_models()) {
    Tally tally;
    for (int seed = 0; seed < mutations; ++seed)
      check_reader([&] { import::read_model_bytes(mutated(model.weights, static_cast<unsigned>(seed))); }, model.name + " weights seed " + std::to_string(seed), tally);
    tally.print(model.name + " weights alone");
  }
}

TEST(CaffeMutations, RealModels) {
  if (files.empty()) GTEST_SKIP() << "no model files given or found";
  Reader reader;
  for (const auto& file : files) {
    fs::path weights = file;
    weights.replace_extension(".caffemodel");
    reader.sweep({file.filename().string(), bytes_of(file), bytes_of(weights)}, mutations);
  }
}

}  // namespace
}  // namespace saccade

// A request for terabytes must come back as an error, as it does without the sanitizer.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }

int main(int argc, char** argv) {
  return saccade::testing::run_all(argc, argv, saccade::mutations, saccade::files, [](const std::filesystem::path& path) {
    std::error_code error;
    auto weights = path;
    weights.replace_extension(".caffemodel");
    return path.extension() == ".prototxt" && std::filesystem::exists(weights, error) && std::filesystem::file_size(weights, error) < 2'500'000;
  });
}
