// SPDX-License-Identifier: Apache-2.0
// Finding the pair of files and reading both.
#include "import/caffe/caffe.h"

#include <algorithm>

#include "base/error.h"
#include "import/caffe/binary.h"
#include "import/caffe/build.h"
#include "import/cut.h"

namespace saccade::caffe {
namespace {

namespace fs = std::filesystem;

bool is_binary(std::span<const char> bytes) {
  const auto begin = bytes.first(std::min<std::size_t>(bytes.size(), 4096));
  return std::any_of(begin.begin(), begin.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\r' && c != '\t'; });
}

std::string_view text_of(const FileBytes& file) { return {file.bytes().data(), file.bytes().size()}; }

// The file beside `path` under its name with that extension, else the only one of that extension; else empty.
fs::path beside(const import::Source& source, std::string_view extension) {
  if (source.path.empty()) return {};
  fs::path same = source.path;
  same.replace_extension(extension);
  std::error_code error;
  if (fs::is_regular_file(same, error)) return same;
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(source.folder, error)) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() != extension || name.find("solver") != std::string::npos || name.find("train") != std::string::npos) continue;
    found.push_back(entry.path());
  }
  return found.size() == 1 ? found[0] : fs::path();
}

struct Pair {
  std::shared_ptr<FileBytes> definition, weights;  // either may be absent
  std::string weights_name;
};

Pair open_pair(const import::Source& source) {
  const bool binary = is_binary(source.bytes());
  const fs::path other = source.options.weights.empty() ? beside(source, binary ? ".prototxt" : ".caffemodel") : source.options.weights;
  Pair pair;
  (binary ? pair.weights : pair.definition) = source.file;
  if (binary) pair.weights_name = source.path.filename().string();
  if (other.empty()) return pair;
  ErrorContext scope("file", other.native());
  auto file = FileBytes::open(other);
  const bool other_binary = is_binary(file->bytes());
  SACCADE_CHECK(other_binary != binary, invalid_argument, "both files are {}; one must be the prototxt, the other the caffemodel", binary ? "binary" : "texts");
  if (other_binary) pair.weights_name = other.filename().string();
  (binary ? pair.definition : pair.weights) = std::move(file);
  return pair;
}

}  // namespace

std::shared_ptr<graph::Graph> read(const import::Source& source) {
  const Pair pair = open_pair(source);
  BinaryNet binary;
  Weights weights;
  if (pair.weights != nullptr) {
    binary = read_net(pair.weights);
    weights.net = &binary;
    weights.file = pair.weights_name.empty() ? "the caffemodel" : pair.weights_name;
  }
  import::TextDocument text;
  if (pair.definition != nullptr) text = import::parse_text_format(text_of(*pair.definition));
  weights.is_definition = pair.definition == nullptr;
  Net net;
  try {
    net = read_definition(weights.is_definition ? binary.definition.root : text.root);
  } catch (const Error& error) {
    if (!weights.is_definition) throw;
    fail(error.code(), "no .prototxt lies beside the caffemodel under its name, and what the caffemodel itself holds cannot be used: {}", error.message());
  }
  auto graph = build(net, weights, source.options.outputs);
  if (!source.options.inputs.empty()) graph = import::cut(*graph, source.options.inputs, {});
  if (!weights.file.empty()) graph->metadata.emplace("caffe.weights", weights.file);
  return graph;
}

}  // namespace saccade::caffe
