// SPDX-License-Identifier: Apache-2.0
// Telling TensorFlow's files apart and calling the reader of each.
#include "import/tensorflow/tensorflow.h"

#include <algorithm>
#include <cctype>
#include <protozero/exception.hpp>
#include <protozero/pbf_reader.hpp>

#include "base/error.h"
#include "import/tensorflow/archive.h"
#include "import/tensorflow/folder.h"
#include "import/tensorflow/opencv_text.h"
#include "import/tensorflow/saved_model.h"
#include "import/tensorflow/table.h"
#include "import/tensorflow/tensors.h"
#include "import/tensorflow/text_graph.h"
#include "import/text_format.h"

namespace saccade::tensorflow {
namespace {

namespace fs = std::filesystem;
using import::Source;

std::shared_ptr<const Folder> folder_of(const fs::path& path) {
  return path.empty() ? nullptr : std::make_shared<DiskFolder>(path);
}

std::string_view text_of(const FileBytes& file) {
  std::string_view text(file.bytes().data(), file.bytes().size());
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  return text;
}

bool is_regular(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

// The prefix of a checkpoint that is given as such, as its index, as one of its shards, or by the folder with the file 'checkpoint'.
fs::path checkpoint_prefix(fs::path path) {
  const std::string name = path.filename().string();
  if (name.ends_with(".index")) return path.replace_extension();
  if (const auto data = name.find(".data-"); data != std::string::npos) return path.parent_path() / name.substr(0, data);
  return path;
}

// ".meta" beside a checkpoint, or the checkpoint beside a ".meta"; "model.ckpt.meta" and "model.meta" are both usual.
std::string prefix_beside(const Source& source) {
  if (source.folder.empty() || source.path.empty()) return {};
  const std::string stem = source.path.stem().string();
  return is_regular(source.folder / (stem + ".index")) ? stem : std::string();
}

struct Weights {
  std::shared_ptr<const Folder> folder;
  std::string prefix;
};

Weights weights_of(const Source& source) {
  if (source.options.weights.empty()) return {folder_of(source.folder), prefix_beside(source)};
  const fs::path prefix = checkpoint_prefix(source.options.weights);
  SACCADE_CHECK(is_regular(prefix.string() + ".index"), not_found, "there is no checkpoint '{}' (its index would be '{}.index')", prefix.string(), prefix.string());
  const fs::path folder = prefix.parent_path();
  return {folder_of(folder.empty() ? fs::path(".") : folder), prefix.filename().string()};
}

// The newest checkpoint that the file 'checkpoint' in its folder names.
fs::path newest(const Source& source) {
  const std::string_view text = text_of(*source.file);
  const std::string_view key = "model_checkpoint_path:";
  if (!text.starts_with(key)) return source.path;
  const import::TextDocument document = import::parse_text_format(text);
  return source.folder / fs::path(document.root.text("model_checkpoint_path")).filename();
}

std::shared_ptr<graph::Graph> read_checkpoint(const Source& source) {
  if (!source.path.empty()) {
    const fs::path prefix = checkpoint_prefix(newest(source)), meta = prefix.string() + ".meta";
    if (is_regular(meta)) return read_meta_graph(FileBytes::open(meta), folder_of(source.folder), prefix.filename().string(), source.options);
  }
  fail(ErrorCode::unsupported,
       "a checkpoint: weights without a graph. Give its meta graph (the .meta file that TensorFlow 1 writes beside it), or the SavedModel or frozen graph of the model");
}

// ---- zoo archives

bool ends_with_part(std::string_view path, std::string_view part) {
  return path.ends_with(part) && (path.size() == part.size() || path[path.size() - part.size() - 1] == '/');
}

bool of_a_model(std::string_view path) {
  const auto slash = path.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  return name == "frozen_inference_graph.pb" || name == "saved_model.pb" || name == "pipeline.config" || (name.starts_with("variables.") && path.find("variables/") != std::string_view::npos) ||
         name.ends_with(".pb");
}

std::shared_ptr<graph::Graph> read_archive(const Source& source) {
  const auto archive = std::make_shared<ArchiveFolder>(source.bytes(), of_a_model);
  const auto find = [&](std::string_view part) -> std::string {
    for (const auto& [path, file] : archive->files())
      if (ends_with_part(path, part)) return path;
    return {};
  };
  const auto folder_in = [&](const std::string& path) {
    const auto slash = path.rfind('/');
    return std::make_shared<SubFolder>(archive, slash == std::string::npos ? "" : path.substr(0, slash + 1));
  };
  std::string path = find("frozen_inference_graph.pb");
  ErrorContext frame("unpacked file", path);
  if (!path.empty()) return read_graph_def(archive->open(path), nullptr, {}, source.options);
  path = find("saved_model.pb");
  if (!path.empty()) return read_saved_model(archive->open(path), folder_in(path), source.options);
  std::vector<std::string> graphs;
  for (const auto& [name, file] : archive->files())
    if (name.ends_with(".pb") && looks_like(file->bytes()) == Kind::graph) graphs.push_back(name);
  SACCADE_CHECK(graphs.size() <= 1, invalid_argument, "the archive holds {} graphs; unpack it and give one of them", graphs.size());
  SACCADE_CHECK(!graphs.empty(), invalid_model, "an archive without frozen_inference_graph.pb or saved_model.pb");
  path = graphs[0];
  return read_graph_def(archive->open(path), nullptr, {}, source.options);
}

// The architecture that a zoo model's pipeline.config names: 'model { ssd {'.
std::string architecture(const fs::path& folder) {
  const fs::path path = folder / "pipeline.config";
  std::error_code error;
  if (folder.empty() || !is_regular(path) || fs::file_size(path, error) > (1u << 20)) return {};
  const auto file = FileBytes::open(path);
  const std::string_view text = text_of(*file);
  auto at = text.find("model");
  if (at == std::string_view::npos || (at = text.find('{', at)) == std::string_view::npos) return {};
  std::string name;
  for (++at; at < text.size() && (std::isspace(static_cast<unsigned char>(text[at])) || std::isalnum(static_cast<unsigned char>(text[at])) || text[at] == '_'); ++at)
    if (!std::isspace(static_cast<unsigned char>(text[at]))) name += text[at];
  return name.size() < 64 ? name : std::string();
}

// The .pb of the same name beside a text graph, or the only one whose name begins like it, or the only one.
fs::path weights_of_text(const fs::path& path) {
  if (path.empty()) return {};
  if (const fs::path same = fs::path(path).replace_extension(".pb"); is_regular(same)) return same;
  std::vector<fs::path> all, alike;
  std::error_code error;
  const std::string stem = path.stem().string();
  for (const auto& entry : fs::directory_iterator(path.has_parent_path() ? path.parent_path() : fs::path("."), error)) {
    if (entry.path().extension() != ".pb") continue;
    all.push_back(entry.path());
    if (entry.path().stem().string().starts_with(stem)) alike.push_back(entry.path());
  }
  return alike.size() == 1 ? alike[0] : alike.empty() && all.size() == 1 ? all[0] : fs::path();
}

std::shared_ptr<graph::Graph> read_text(const Source& source) {
  if (is_opencv_text(text_of(*source.file))) {
    const fs::path weights = !source.options.weights.empty() ? source.options.weights : weights_of_text(source.path);
    SACCADE_CHECK(is_regular(weights), not_found, "a text graph of OpenCV without its weights: give the .pb that belongs to it");
    return read_opencv(source.file, FileBytes::open(weights), source.options);
  }
  const Weights weights = weights_of(source);
  return read_graph_def(binary_of(text_of(*source.file), TextKind::graph), weights.folder, weights.prefix, source.options);
}

std::shared_ptr<graph::Graph> read_graph(const Source& source) {
  const fs::path& given = source.options.weights;
  if (given.extension() == ".pbtxt") return read_opencv(FileBytes::open(given), source.file, source.options);
  // a text graph of the same name beside it
  if (given.empty() && !source.path.empty()) {
    const fs::path beside = fs::path(source.path).replace_extension(".pbtxt");
    if (is_regular(beside)) {
      const auto text = FileBytes::open(beside);
      if (is_opencv_text(text_of(*text))) return read_opencv(text, source.file, source.options);
    }
  }
  const Weights weights = weights_of(source);
  return read_graph_def(source.file, weights.folder, weights.prefix, source.options);
}

}  // namespace

std::optional<Kind> looks_like(std::span<const char> bytes) {
  using protozero::pbf_wire_type;
  if (looks_like_archive(bytes)) return Kind::archive;
  if (looks_like_table(bytes)) return Kind::checkpoint;
  const std::string_view text(bytes.data(), std::min<std::size_t>(bytes.size(), 64 * 1024));
  if (text.size() < 4) return std::nullopt;
  try {
    protozero::pbf_reader r(bytes.data(), bytes.size());
    if (!r.next()) return std::nullopt;
    // SavedModel: schema version 1, then meta graphs; MetaGraphDef: its description; GraphDef: a node, which begins with its name
    if (r.tag_and_type() == protozero::tag_and_type(1, pbf_wire_type::varint)) {
      if (r.get_int64() > 1 || !r.next() || r.tag_and_type() != protozero::tag_and_type(2, pbf_wire_type::length_delimited)) return std::nullopt;
      return Kind::saved_model;
    }
    if (r.tag_and_type() != protozero::tag_and_type(1, pbf_wire_type::length_delimited)) return std::nullopt;
    const char* at = bytes.data() + 1;
    const std::uint64_t length = protozero::decode_varint(&at, bytes.data() + bytes.size());
    if (length < 4 || at >= bytes.data() + bytes.size()) return std::nullopt;
    if (*at == 0x0a) {
      // "1: name, 2: operator" in a node; a meta graph's own version is a short text too, but is followed by its operators
      protozero::pbf_reader inner(at, std::min<std::size_t>(length, static_cast<std::size_t>(bytes.data() + bytes.size() - at)));
      inner.next();
      const auto name = inner.get_view();
      return std::all_of(name.data(), name.data() + name.size(), [](char c) { return static_cast<unsigned char>(c) >= 0x20; }) ? std::optional(Kind::graph) : std::nullopt;
    }
    if (*at == 0x12 || *at == 0x22 || *at == 0x2a) {
      r.skip();
      return r.next() && r.tag_and_type() == protozero::tag_and_type(2, pbf_wire_type::length_delimited) ? std::optional(Kind::meta_graph) : std::nullopt;
    }
  } catch (const protozero::exception&) {
  }
  return std::nullopt;
}

std::filesystem::path model_in_folder(const std::filesystem::path& folder) {
  for (const char* name : {"saved_model.pb", "saved_model.pbtxt", "frozen_inference_graph.pb", "saved_model/saved_model.pb", "saved_model/saved_model.pbtxt"})
    if (is_regular(folder / name)) return folder / name;
  return {};
}

std::shared_ptr<graph::Graph> read(const Source& source) {
  const std::string_view text = text_of(*source.file);
  std::shared_ptr<graph::Graph> graph;
  switch (looks_like(source.bytes()).value_or(Kind::graph_text)) {
    case Kind::archive: graph = read_archive(source); break;
    case Kind::checkpoint: graph = read_checkpoint(source); break;
    case Kind::saved_model: graph = read_saved_model(source.file, folder_of(source.folder), source.options); break;
    case Kind::meta_graph: {
      const Weights weights = weights_of(source);
      graph = read_meta_graph(source.file, weights.folder, weights.prefix, source.options);
      break;
    }
    case Kind::graph: graph = read_graph(source); break;
    case Kind::graph_text:
      if (text.starts_with("model_checkpoint_path:")) {
        graph = read_checkpoint(source);
        break;
      }
      if (text.find("saved_model_schema_version") != std::string_view::npos || source.path.filename() == "saved_model.pbtxt")
        graph = read_saved_model(binary_of(text, TextKind::saved_model), folder_of(source.folder), source.options);
      else
        graph = read_text(source);
      break;
  }
  for (const fs::path& folder : {source.folder, source.folder.parent_path()})
    if (const std::string name = architecture(folder); !name.empty()) {
      graph->metadata.emplace("tensorflow.pipeline", name);
      break;
    }
  return graph;
}

}  // namespace saccade::tensorflow
