// SPDX-License-Identifier: Apache-2.0
// From a graph to a file of ONNX.
#include <fmt/format.h>

#include <memory>
#include <protozero/pbf_writer.hpp>
#include <protozero/varint.hpp>

#include "base/error.h"
#include "export/onnx/onnx.h"
#include "export/onnx/proto.h"
#include "export/onnx/rules.h"
#include "export/output_file.h"
#include "saccade/version.h"

namespace saccade::exporter::onnx {
namespace {

using graph::Graph;
using protozero::pbf_writer;

constexpr int kOldest = 18, kNewest = 23;
constexpr std::size_t kMessageLimit = std::size_t{1900} << 20;
constexpr std::size_t kExternalFrom = 1024;
constexpr std::size_t kAlignment = 4096;

void check(const WriteOptions& options) {
  SACCADE_CHECK(options.opset >= kOldest && options.opset <= kNewest, invalid_argument, "operator set {} of ONNX; {} to {} can be written", options.opset, kOldest, kNewest);
}

// The version of the file format that came with an operator set.
int ir_version(int opset) { return opset <= 18 ? 8 : opset <= 20 ? 9 : opset <= 22 ? 10 : 11; }

void find_formless(const Graph& graph, Problems& problems) {
  for (const graph::NodeId id : graph.order()) {
    const graph::Node& node = graph[id];
    const auto report = [&](std::string reason) { problems.add(std::string(node.op.name()), std::move(reason), node.name.empty() ? graph[node.outputs.at(0)].name : node.name); };
    const auto* op = node.op.as<OnnxNode>();
    if (op == nullptr) {
      report("not expressible in ONNX");
      continue;
    }
    for (const OnnxAttribute& a : op->attributes)
      if (const auto* body = std::get_if<graph::GraphPtr>(&a.value)) find_formless(**body, problems);
    try {
      for (const graph::ValueId out : node.outputs) data_type(graph.type(out).element);
    } catch (const Error& e) {
      report(std::string(e.message()));
    }
  }
}

Graph expressible(const Graph& graph, const WriteOptions& options, Problems& problems) {
  const auto rules = all_rules();
  Graph result = rewrite(graph, rules, options.opset, problems);
  if (problems.empty()) find_formless(result, problems);
  return result;
}

std::string varint(std::uint64_t value) {
  std::string out;
  protozero::write_varint(std::back_inserter(out), value);
  return out;
}

// Tag and length of a message that follows.
std::string opening(std::uint32_t field, std::uint64_t length) { return varint((field << 3) | 2u) + varint(length); }

struct Piece {
  std::string head;  // up to the elements
  Tensor tensor;     // its elements follow; undefined: none do
  std::string packed;
  std::size_t size = 0;  // of the elements
};

void entry(pbf_writer& to, std::uint32_t field, const std::string& key, const std::string& value) {
  pbf_writer e(to, field);
  e.add_string(1, key);
  e.add_string(2, value);
}

}  // namespace

Values emit(Rewriting& r, const char* type, Values inputs, OnnxAttributes attributes) {
  std::vector<TensorType> types;
  for (const ValueId out : r.node().outputs) types.push_back(r.type(out));
  return r.node(OnnxNode{type, std::move(attributes), std::move(types)}, std::move(inputs));
}

ValueId emit_as(Rewriting& r, const char* type, Values inputs, TensorType output, OnnxAttributes attributes) {
  return r.op(OnnxNode{type, std::move(attributes), {std::move(output)}}, std::move(inputs));
}

void need(Rewriting& r, int opset) {
  if (r.level < opset) r.inexpressible("before operator set {}", opset);
}

std::vector<std::int64_t> known(Rewriting& r, std::size_t i) {
  const auto values = r.integers(i);
  if (!values) r.inexpressible("input {}, which is not known before a run", i);
  return *values;
}

std::int64_t known_scalar(Rewriting& r, std::size_t i) {
  const auto values = known(r, i);
  if (values.size() != 1) r.inexpressible("input {} of {} elements", i, values.size());
  return values[0];
}

std::vector<RuleRow> all_rules() {
  std::vector<RuleRow> rules;
  for (const auto family : {elementwise_rules(), network_rules(), shape_rules(), sequence_rules(), vision_rules()}) rules.insert(rules.end(), family.begin(), family.end());
  return rules;
}

std::vector<Problem> unsupported(const Graph& graph, const WriteOptions& options) {
  check(options);
  Problems problems;
  expressible(graph, options, problems);
  return problems.list();
}

void write(const Graph& source, const std::filesystem::path& path, const WriteOptions& options) {
  check(options);
  const std::string name = path.string();
  ErrorContext scope("writing", name);
  Problems problems;
  const Graph graph = expressible(source, options, problems);
  problems.throw_if_any();
  GraphMessage message = graph_message(graph);
  std::size_t total = message.fields.size();
  for (const Initializer& i : message.initializers) total += i.tensor.size_bytes();
  const bool split = total > kMessageLimit;
  const std::filesystem::path data_path = std::filesystem::path(path).concat(".data");
  std::unique_ptr<OutputFile> data;
  if (split) data = std::make_unique<OutputFile>(data_path);
  std::vector<Piece> pieces;
  std::size_t length = message.fields.size();
  for (Initializer& i : message.initializers) {
    Piece piece;
    std::string fields;
    pbf_writer to(fields);
    for (const std::int64_t d : i.tensor.shape()) to.add_int64(1, d);
    to.add_int32(2, data_type(i.tensor.type()));
    to.add_string(8, i.name);
    const std::string_view raw = raw_data(i.tensor, piece.packed);
    if (split && raw.size() >= kExternalFrom) {
      static const std::string kZeros(kAlignment, '\0');
      data->write(std::string_view(kZeros).substr(0, (kAlignment - data->size() % kAlignment) % kAlignment));
      entry(to, 13, "location", data_path.filename().string());
      entry(to, 13, "offset", std::to_string(data->size()));
      entry(to, 13, "length", std::to_string(raw.size()));
      to.add_enum(14, 1);
      data->write(raw);
      piece.head = opening(5, fields.size()) + fields;
    } else {
      fields += opening(9, raw.size());
      piece.head = opening(5, fields.size() + raw.size()) + fields;
      piece.tensor = i.tensor;
      piece.size = raw.size();
    }
    length += piece.head.size() + piece.size;
    pieces.push_back(std::move(piece));
  }
  std::string model;
  {
    pbf_writer to(model);
    to.add_int64(1, ir_version(options.opset));
    to.add_string(2, "saccade");
    to.add_string(3, SACCADE_VERSION);
    pbf_writer opset(to, 8);
    opset.add_string(1, "");
    opset.add_int64(2, options.opset);
  }
  {
    pbf_writer to(model);
    for (const auto& [key, value] : source.metadata)
      if (!key.starts_with("onnx.") && !key.starts_with("openvino.")) entry(to, 14, key, value);
  }
  OutputFile file(path);
  file.write(model);
  file.write(opening(7, length));
  file.write(message.fields);
  for (const Piece& piece : pieces) {
    file.write(piece.head);
    if (!piece.tensor.defined()) continue;
    if (!piece.packed.empty()) file.write(piece.packed);
    else file.write({static_cast<const char*>(piece.tensor.raw()), piece.size});
  }
  if (data) data->finish();
  file.finish();
  if (data) data->commit();
  file.commit();
}

}  // namespace saccade::exporter::onnx
