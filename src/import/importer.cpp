// SPDX-License-Identifier: Apache-2.0
// Recognising model formats and calling the reader of each.
#include "import/importer.h"

#include <algorithm>
#include <cctype>
#include <new>

#include "base/error.h"
#include "import/onnx/onnx.h"
#include "import/source.h"
#include "import/tensorflow/tensorflow.h"
#include "import/tflite/tflite.h"

namespace saccade::import {
namespace {

std::string_view text_of(std::span<const char> bytes) { return {bytes.data(), std::min<std::size_t>(bytes.size(), 4096)}; }

bool is_text(std::string_view text) {
  return !text.empty() && std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\r' && c != '\t'; });
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

Format sniff_text(std::string_view text) {
  std::size_t start = 0;
  while (start < text.size() && std::isspace(static_cast<unsigned char>(text[start]))) ++start;
  const std::string_view rest = text.substr(start);
  if (rest.starts_with("version https://git-lfs")) return Format::git_lfs_pointer;
  if (rest.starts_with("7767517")) return Format::ncnn;
  if (rest.starts_with("<!DOCTYPE html") || rest.starts_with("<html")) return Format::html;
  if (rest.starts_with("<") && contains(rest, "<net")) return Format::openvino_ir;
  if (contains(rest, "layer {") || contains(rest, "layers {") || contains(rest, "layer{") || contains(rest, "input_dim:")) return Format::caffe_prototxt;
  if (rest.starts_with("model_checkpoint_path:")) return Format::tensorflow_checkpoint;
  if (rest.starts_with("node {") || contains(rest, "\nnode {") || contains(rest, "saved_model_schema_version")) return Format::tensorflow_graph;
  return Format::unknown;
}

// The first field of a message: its tag byte and, if it holds bytes, what they begin with.
Format sniff_protobuf(std::span<const char> bytes) {
  if (onnx::looks_like_model(bytes)) return Format::onnx;
  if (const auto kind = tensorflow::looks_like(bytes)) {
    switch (*kind) {
      case tensorflow::Kind::graph:
      case tensorflow::Kind::graph_text: return Format::tensorflow_graph;
      case tensorflow::Kind::saved_model: return Format::tensorflow_saved_model;
      case tensorflow::Kind::meta_graph: return Format::tensorflow_meta_graph;
      case tensorflow::Kind::checkpoint: return Format::tensorflow_checkpoint;
      case tensorflow::Kind::archive: return Format::archive;
    }
  }
  if (bytes.size() < 4) return Format::unknown;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  if (byte(0) == 0x08 && byte(2) == 0x12) return Format::tensorflow_saved_model;
  if (byte(0) != 0x0a) return Format::unknown;
  std::size_t at = 1;
  while (at < bytes.size() && at < 6 && (byte(at) & 0x80)) ++at;
  ++at;
  // GraphDef's first field is a node, which begins with its name; NetParameter's is a name, which is text
  if (at < bytes.size() && byte(at) == 0x0a) return Format::tensorflow_graph;
  return at < bytes.size() && std::isprint(byte(at)) ? Format::caffe : Format::unknown;
}

std::shared_ptr<const graph::Graph> read(const Source& source) {
  try {
    const Format format = sniff(source.bytes());
    switch (format) {
      case Format::onnx: return onnx::read(source.file, source.folder);
      case Format::tflite: return tflite::read(source);
      case Format::tensorflow_graph:
      case Format::tensorflow_saved_model:
      case Format::tensorflow_checkpoint:
      case Format::tensorflow_meta_graph:
      case Format::archive: return tensorflow::read(source);
      case Format::git_lfs_pointer: fail(ErrorCode::invalid_model, "a Git LFS pointer, not the model itself: run 'git lfs pull'");
      case Format::html: fail(ErrorCode::invalid_model, "a web page, not a model: the download went wrong");
      case Format::unknown: fail(ErrorCode::invalid_model, "{}", source.bytes().empty() ? "the file is empty" : "not a model of a known format");
      default: fail(ErrorCode::unsupported, "a model in the format {}; ONNX can be read", to_string(format));
    }
  } catch (const std::bad_alloc&) {
    fail(ErrorCode::out_of_memory, "not enough memory to read the model");
  }
}

}  // namespace

std::string_view to_string(Format format) noexcept {
  switch (format) {
    case Format::onnx: return "ONNX";
    case Format::openvino_ir: return "OpenVINO IR";
    case Format::tflite: return "TensorFlow Lite";
    case Format::caffe: return "Caffe (binary)";
    case Format::caffe_prototxt: return "Caffe (prototxt)";
    case Format::tensorflow_graph: return "TensorFlow GraphDef";
    case Format::tensorflow_saved_model: return "TensorFlow SavedModel";
    case Format::tensorflow_checkpoint: return "TensorFlow checkpoint";
    case Format::tensorflow_meta_graph: return "TensorFlow meta graph";
    case Format::archive: return "archive (.tar.gz)";
    case Format::keras_h5: return "HDF5 (Keras .h5)";
    case Format::zip: return "zip (Keras .keras, PyTorch)";
    case Format::pytorch: return "PyTorch pickle";
    case Format::ncnn: return "ncnn param";
    case Format::git_lfs_pointer: return "Git LFS pointer";
    case Format::html: return "HTML";
    case Format::unknown: break;
  }
  return "unknown";
}

Format sniff(std::span<const char> bytes) {
  const std::string_view text = text_of(bytes);
  if (text.size() >= 8 && text.substr(4, 4) == "TFL3") return Format::tflite;
  if (text.starts_with("\x89HDF\r\n\x1a\n")) return Format::keras_h5;
  if (text.starts_with("PK\x03\x04")) return Format::zip;
  if (text.starts_with("\x80\x02") || text.starts_with("\x80\x04")) return Format::pytorch;
  if (is_text(text.starts_with("\xef\xbb\xbf") ? text.substr(3) : text)) {
    const Format format = sniff_text(text.starts_with("\xef\xbb\xbf") ? text.substr(3) : text);
    if (format != Format::unknown) return format;
  }
  return sniff_protobuf(bytes);
}

std::shared_ptr<const graph::Graph> read_model(const std::filesystem::path& path, const ReadOptions& options) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    if (const auto model = tensorflow::model_in_folder(path); !model.empty()) return read_model(model, options);
    const std::string folder = path.string();
    ErrorContext scope("folder", folder);
    fail(ErrorCode::invalid_argument, "a folder without a model: no saved_model.pb and no frozen_inference_graph.pb in it");
  }
  const std::string name = path.string();
  ErrorContext scope("file", name);
  const auto folder = path.parent_path();
  return read({.file = FileBytes::open(path), .path = path, .folder = folder.empty() ? std::filesystem::path(".") : folder, .options = options});
}

std::shared_ptr<const graph::Graph> read_model_bytes(std::span<const char> bytes, const std::filesystem::path& folder, const ReadOptions& options) {
  return read({.file = FileBytes::copy_of(bytes), .path = {}, .folder = folder, .options = options});
}

}  // namespace saccade::import
