// SPDX-License-Identifier: Apache-2.0
// Recognising model formats and calling the reader of each.
#include "import/importer.h"

#include <algorithm>
#include <cctype>
#include <new>

#include "base/error.h"
#include "import/caffe/binary.h"
#include "import/caffe/caffe.h"
#include "import/cut.h"
#include "import/keras/keras.h"
#include "import/onnx/onnx.h"
#include "import/openvino/openvino.h"
#include "import/saccade/cache_file.h"
#include "import/source.h"
#include "import/tensorflow/tensorflow.h"
#include "import/tflite/tflite.h"

namespace saccade::import {
namespace {

std::string_view text_of(std::span<const char> bytes, std::size_t at_most = 4096) { return {bytes.data(), std::min(bytes.size(), at_most)}; }

bool is_text(std::string_view text) {
  return !text.empty() && std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\r' && c != '\t'; });
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// Whether a message of that name stands in a protobuf text: "layer {", "layer:{", "layer\n{".
bool has_message(std::string_view text, std::string_view name) {
  for (std::size_t at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
    const bool starts = at == 0 || text[at - 1] == '\n' || text[at - 1] == '}' || text[at - 1] == ' ' || text[at - 1] == '\t' || text[at - 1] == '\r';
    std::size_t end = at + name.size();
    while (end < text.size() && (std::isspace(static_cast<unsigned char>(text[end])) || text[end] == ':')) ++end;
    if (starts && end < text.size() && (text[end] == '{' || text[end] == '<')) return true;
  }
  return false;
}

Format sniff_text(std::string_view text) {
  std::size_t start = 0;
  while (start < text.size() && std::isspace(static_cast<unsigned char>(text[start]))) ++start;
  const std::string_view rest = text.substr(start);
  if (rest.starts_with("version https://git-lfs")) return Format::git_lfs_pointer;
  if (rest.starts_with("7767517")) return Format::ncnn;
  if (rest.starts_with("<!DOCTYPE html") || rest.starts_with("<html")) return Format::html;
  if (rest.starts_with("<") && contains(rest, "<net")) return Format::openvino_ir;
  if (rest.starts_with("model_checkpoint_path:")) return Format::tensorflow_checkpoint;
  if (rest.starts_with("{") && contains(rest, "\"nodes\"") && contains(text, "\"op\"")) return Format::mxnet_symbol;
  if (rest.starts_with("<Nnet>") || rest.starts_with("<TransitionModel>")) return Format::kaldi;
  if (rest.starts_with("4\n1\n3\nV 1\n")) return Format::torch7;
  if (rest.starts_with("[net]") || contains(rest, "\n[net]") || contains(rest, "\n[convolutional]")) return Format::darknet;
  if (has_message(rest, "layer") || has_message(rest, "layers") || contains(rest, "input_dim:") || contains(rest, "base_lr:")) return Format::caffe_prototxt;
  if (has_message(rest, "node") || contains(rest, "saved_model_schema_version")) return Format::tensorflow_graph;
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
  if (caffe::looks_like_net(bytes)) return Format::caffe;
  if (byte(0) != 0x0a) return Format::unknown;
  std::size_t at = 1;
  while (at < bytes.size() && at < 6 && (byte(at) & 0x80)) ++at;
  ++at;
  // GraphDef's first field is a node, which begins with its name
  if (at < bytes.size() && byte(at) == 0x0a) return Format::tensorflow_graph;
  return Format::unknown;
}

// For readers that do not cut themselves.
std::shared_ptr<const graph::Graph> cut_as_asked(std::shared_ptr<const graph::Graph> graph, const ReadOptions& options) {
  return options.inputs.empty() && options.outputs.empty() ? graph : cut(*graph, options.inputs, options.outputs);
}

// What to do with a file that holds a model and cannot be read without the framework it was written by.
std::string_view way_out(Format format) {
  switch (format) {
    case Format::pytorch:
      return "a PyTorch file, which is a program as much as data. Export it where its code is: torch.onnx.export(model.eval(), torch.zeros(1, 3, 224, 224), 'model.onnx'); "
             "for an Ultralytics model: yolo export model=FILE.pt format=onnx";
    case Format::torch7: return "a file of Lua Torch (Torch7), whose last readers were PyTorch 0.4's torch.utils.serialization.load_lua and OpenCV 4's readNetFromTorch; export the model there with torch.onnx.export";
    case Format::mxnet_params:
    case Format::mxnet_symbol:
      return "an MXNet model. Export it with MXNet: mxnet.onnx.export_model('NAME-symbol.json', 'NAME-0000.params', [(1, 3, 224, 224)], numpy.float32, 'model.onnx')";
    case Format::kaldi: return "a Kaldi model, made for speech; models of vision are what saccade reads";
    case Format::darknet: return "a Darknet cfg. Export it with pytorch-YOLOv4: python tool/darknet2onnx.py FILE.cfg FILE.weights image.jpg 1";
    case Format::paddle: return "a PaddlePaddle model. Export it: paddle2onnx --model_dir FOLDER --model_filename FILE.pdmodel --params_filename FILE.pdiparams --save_file model.onnx";
    case Format::ncnn: return "an ncnn param file; take the ONNX or Caffe model from which it was made";
    default: return {};
  }
}

std::shared_ptr<const graph::Graph> read(const Source& source) {
  try {
    const Format format = sniff(source.bytes());
    switch (format) {
      case Format::tflite: return tflite::read(source);
      case Format::keras_h5: return cut_as_asked(keras::read_h5(source), source.options);
      case Format::zip:
        if (keras::is_archive(source.bytes())) return cut_as_asked(keras::read_archive(source), source.options);
        fail(ErrorCode::unsupported, "a zip archive that is no Keras model (.keras); for PyTorch, write ONNX with torch.onnx.export(model, example, 'model.onnx')");
      case Format::tensorflow_graph:
      case Format::tensorflow_saved_model:
      case Format::tensorflow_checkpoint:
      case Format::tensorflow_meta_graph:
      case Format::archive: return tensorflow::read(source);
      case Format::saccade: return cut_as_asked(read_cache_file(source), source.options);
      case Format::onnx: return cut_as_asked(onnx::read(source.file, source.folder), source.options);
      case Format::caffe:
      case Format::caffe_prototxt: return caffe::read(source);
      case Format::openvino_ir: return cut_as_asked(openvino::read(source), source.options);
      case Format::git_lfs_pointer: fail(ErrorCode::invalid_model, "a Git LFS pointer, not the model itself: run 'git lfs pull'");
      case Format::html: fail(ErrorCode::invalid_model, "a web page, not a model: the download went wrong");
      case Format::unknown: fail(ErrorCode::invalid_model, "{}", source.bytes().empty() ? "the file is empty" : "not a model of a known format");
      default:
        if (const auto way = way_out(format); !way.empty()) fail(ErrorCode::unsupported, "{}", way);
        fail(ErrorCode::unsupported, "a model in the format {} cannot be read", to_string(format));
    }
  } catch (const std::bad_alloc&) {
    fail(ErrorCode::out_of_memory, "not enough memory to read the model");
  }
}

}  // namespace

std::string_view to_string(Format format) noexcept {
  switch (format) {
    case Format::saccade: return "saccade";
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
    case Format::pytorch: return "PyTorch";
    case Format::torch7: return "Lua Torch";
    case Format::mxnet_params: return "MXNet params";
    case Format::mxnet_symbol: return "MXNet symbol";
    case Format::kaldi: return "Kaldi";
    case Format::darknet: return "Darknet cfg";
    case Format::paddle: return "PaddlePaddle";
    case Format::ncnn: return "ncnn param";
    case Format::git_lfs_pointer: return "Git LFS pointer";
    case Format::html: return "HTML";
    case Format::unknown: break;
  }
  return "unknown";
}

Format sniff(std::span<const char> bytes) {
  const std::string_view text = text_of(bytes);
  if (looks_like_cache_file(bytes)) return Format::saccade;
  if (text.size() >= 8 && text.substr(4, 4) == "TFL3") return Format::tflite;
  if (text.starts_with("\x89HDF\r\n\x1a\n")) return Format::keras_h5;
  if (text.starts_with("PK\x03\x04")) return contains(text, "data.pkl") || contains(text, "/version") ? Format::pytorch : Format::zip;
  if (text.starts_with("\x80\x02") || text.starts_with("\x80\x04")) return Format::pytorch;
  if (text.starts_with(std::string_view("\x12\x01\0\0\0\0\0\0", 8))) return Format::mxnet_params;
  if (text.starts_with(std::string_view("\x04\0\0\0\x01\0\0\0\x03\0\0\0V 1", 15))) return Format::torch7;
  if (text.starts_with(std::string_view("\0B<", 3))) return Format::kaldi;
  if (is_text(text.starts_with("\xef\xbb\xbf") ? text.substr(3) : text)) {
    // a licence may stand before the first layer
    const std::string_view more = text_of(bytes, std::size_t{1} << 16);
    const Format format = sniff_text(more.starts_with("\xef\xbb\xbf") ? more.substr(3) : more);
    if (format != Format::unknown) return format;
  }
  const Format format = sniff_protobuf(bytes);
  // Paddle's program begins with its first block
  return format == Format::unknown && (contains(text, "\x0a\x04""feed") || contains(text, "\x0a\x05""fetch")) ? Format::paddle : format;
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
