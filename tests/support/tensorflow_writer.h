// SPDX-License-Identifier: Apache-2.0
// Writes small TensorFlow graphs, functions, SavedModels, checkpoints and archives, so that tests need no files of others. Every
// function returns bytes; any broken model can be put together as well as a sound one.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <protozero/pbf_writer.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "import/tensorflow/crc32c.h"
#include "support/onnx_writer.h"

namespace saccade::testing::tf {

enum Type : std::int32_t { kFloat = 1, kDouble = 2, kInt32 = 3, kUint8 = 4, kString = 7, kInt64 = 9, kBool = 10, kHalf = 19, kResource = 20, kVariant = 21 };

using Ints = std::vector<std::int64_t>;
using Strings = std::vector<std::string>;

inline std::string shape_proto(const Ints& dims) {
  Message m;
  for (const auto d : dims) m.bytes(2, Message().integer(1, d).str());
  return m;
}
inline std::string unknown_rank() { return Message().integer(3, 1); }

inline std::string tensor_raw(Type type, const Ints& dims, std::string_view content) {
  return Message().integer(1, type).bytes(2, shape_proto(dims)).bytes(4, content);
}
inline std::string tensor(const Ints& dims, const std::vector<float>& values) { return tensor_raw(kFloat, dims, raw_bytes(values)); }
inline std::string tensor(const Ints& dims, const std::vector<std::int32_t>& values) { return tensor_raw(kInt32, dims, raw_bytes(values)); }
/// With the elements in the list field `tag` rather than as raw bytes.
inline std::string tensor_list(Type type, const Ints& dims, std::uint32_t tag, const Ints& values) {
  return Message().integer(1, type).bytes(2, shape_proto(dims)).integers(tag, values);
}
inline std::string tensor_strings(const Strings& values) {
  return Message().integer(1, kString).bytes(2, shape_proto({static_cast<std::int64_t>(values.size())})).each(8, values);
}

/// One attribute of a node.
inline std::string attr_value(std::string_view name, const std::string& value) { return Message().bytes(1, name).bytes(2, value); }
inline std::string attr(std::string_view name, std::int64_t v) { return attr_value(name, Message().integer(3, v)); }
inline std::string attr(std::string_view name, int v) { return attr(name, std::int64_t{v}); }
inline std::string attr(std::string_view name, float v) { return attr_value(name, Message().real(4, v)); }
inline std::string attr(std::string_view name, bool v) { return attr_value(name, Message().integer(5, v)); }
inline std::string attr(std::string_view name, const char* v) { return attr_value(name, Message().bytes(2, v)); }
inline std::string attr(std::string_view name, Type v) { return attr_value(name, Message().integer(6, v)); }
inline std::string attr(std::string_view name, const Ints& v) { return attr_value(name, Message().bytes(1, Message().integers(3, v).str())); }
inline std::string shape_attr(std::string_view name, const std::string& shape) { return attr_value(name, Message().bytes(7, shape)); }
inline std::string tensor_attr(std::string_view name, const std::string& tensor) { return attr_value(name, Message().bytes(8, tensor)); }
inline std::string function_attr(std::string_view name, std::string_view function) { return attr_value(name, Message().bytes(10, Message().bytes(1, function).str())); }
inline std::string functions_attr(std::string_view name, const Strings& functions) {
  Message list;
  for (const auto& f : functions) list.bytes(9, Message().bytes(1, f).str());
  return attr_value(name, Message().bytes(1, list.str()));
}

inline std::string node(std::string_view name, std::string_view op, const Strings& inputs = {}, const Strings& attributes = {}) {
  return Message().bytes(1, name).bytes(2, op).each(3, inputs).each(5, attributes);
}
inline std::string constant(std::string_view name, const std::string& tensor, const Strings& controls = {}) {
  return node(name, "Const", controls, {attr("dtype", kFloat), tensor_attr("value", tensor)});
}
inline std::string scalar(std::string_view name, std::int32_t value, const Strings& controls = {}) {
  return node(name, "Const", controls, {attr("dtype", kInt32), tensor_attr("value", tensor({}, std::vector<std::int32_t>{value}))});
}
inline std::string placeholder(std::string_view name, Type type, const Ints& shape) {
  return node(name, "Placeholder", {}, {attr("dtype", type), shape_attr("shape", shape_proto(shape))});
}

struct Function {
  std::string name;
  Strings inputs;
  std::vector<std::pair<std::string, std::string>> outputs;  // name → "node:output:0"
  Strings nodes;
};
inline std::string function_def(const Function& f) {
  Message signature;
  signature.bytes(1, f.name);
  for (const auto& in : f.inputs) signature.bytes(2, Message().bytes(1, in).integer(3, kFloat).str());
  for (const auto& out : f.outputs) signature.bytes(3, Message().bytes(1, out.first).integer(3, kFloat).str());
  Message m;
  m.bytes(1, signature.str()).each(3, f.nodes);
  for (const auto& out : f.outputs) m.bytes(4, Message().bytes(1, out.first).bytes(2, out.second).str());
  return m;
}

inline std::string graph_def(const Strings& nodes, const std::vector<Function>& functions = {}) {
  Message m;
  m.each(1, nodes);
  if (!functions.empty()) {
    Message library;
    for (const auto& f : functions) library.bytes(1, function_def(f));
    m.bytes(2, library.str());
  }
  return m.bytes(4, Message().integer(1, 1882).str());
}

struct Info {
  std::string key, tensor;
  Type type = kFloat;
  Ints shape;
};
inline std::string tensor_info(const Info& info) {
  return Message().bytes(1, info.key).bytes(2, Message().bytes(1, info.tensor).integer(2, info.type).bytes(3, shape_proto(info.shape)).str());
}
inline std::string signature(std::string_view key, const std::vector<Info>& inputs, const std::vector<Info>& outputs) {
  Message m;
  for (const auto& i : inputs) m.bytes(1, tensor_info(i));
  for (const auto& o : outputs) m.bytes(2, tensor_info(o));
  return Message().bytes(1, key).bytes(2, m.bytes(3, "tensorflow/serving/predict").str());
}
inline std::string meta_graph(const std::string& graph, const Strings& signatures = {}) {
  return Message().bytes(1, Message().bytes(2, "").bytes(4, "serve").str()).bytes(2, graph).each(5, signatures);
}
inline std::string saved_model(const std::string& meta_graph) { return Message().integer(1, 1).bytes(2, meta_graph); }

// ---- checkpoints

struct Variable {
  std::string key;
  Type type = kFloat;
  Ints shape;
  std::string content;
};

inline std::string little_endian(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
  return out;
}
inline std::string varint(std::uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  return out + static_cast<char>(value);
}

/// A table file of one block; the entries must be sorted.
inline std::string table(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string file;
  const auto add = [&](const std::vector<std::pair<std::string, std::string>>& block) {
    std::string body;
    std::string before;
    for (const auto& [key, value] : block) {
      std::size_t shared = 0;
      while (shared < key.size() && shared < before.size() && key[shared] == before[shared]) ++shared;
      body += varint(shared) + varint(key.size() - shared) + varint(value.size()) + key.substr(shared) + value;
      before = key;
    }
    body += little_endian(0, 4) + little_endian(1, 4);
    const std::string place = varint(file.size()) + varint(body.size());
    body += '\0';
    file += body + little_endian(tensorflow::masked(tensorflow::crc32c(body)), 4);
    return place;
  };
  const std::string data = add(entries), meta = add({}), index = add({{"z", data}});
  std::string footer = meta + index;
  footer.resize(40, '\0');
  return file + footer + little_endian(0xdb4775248b80fb57u, 8);
}

struct CheckpointFiles {
  std::string index, data;
};
/// The variables must be sorted by key.
inline CheckpointFiles checkpoint(const std::vector<Variable>& variables) {
  CheckpointFiles files;
  std::vector<std::pair<std::string, std::string>> entries{{"", Message().integer(1, 1).bytes(3, Message().integer(1, 1).str())}};
  for (const auto& v : variables) {
    Message m;
    m.integer(1, v.type).bytes(2, shape_proto(v.shape)).integer(4, static_cast<std::int64_t>(files.data.size())).integer(5, static_cast<std::int64_t>(v.content.size()));
    std::string entry = m;
    protozero::pbf_writer(entry).add_fixed32(6, tensorflow::masked(tensorflow::crc32c(v.content)));
    entries.emplace_back(v.key, std::move(entry));
    files.data += v.content;
  }
  files.index = table(entries);
  return files;
}

// ---- archives

struct Entry {
  std::string path, content;
  char type = '0';
};
inline std::string tar(const std::vector<Entry>& entries) {
  std::string file;
  for (const auto& e : entries) {
    std::string header(512, '\0');
    const auto put = [&](std::size_t at, std::string_view text) { header.replace(at, text.size(), text); };
    const auto octal = [&](std::size_t at, std::size_t width, std::uint64_t value) {
      for (std::size_t i = width - 1; i-- > 0; value >>= 3) header[at + i] = static_cast<char>('0' + (value & 7));
    };
    put(0, e.path.substr(0, 100));
    octal(100, 8, 0644);
    octal(124, 12, e.content.size());
    header[156] = e.type;
    put(257, std::string_view("ustar\0" "00", 8));
    put(148, "        ");
    std::uint64_t sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    octal(148, 7, sum);
    header[154] = '\0';
    file += header + e.content + std::string((512 - e.content.size() % 512) % 512, '\0');
  }
  return file + std::string(1024, '\0');
}

}  // namespace saccade::testing::tf
