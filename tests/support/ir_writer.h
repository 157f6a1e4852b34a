// SPDX-License-Identifier: Apache-2.0
// A tiny writer of OpenVINO IR for tests: layers with attributes as text, constants in a .bin, both as strings or as files.
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace saccade::testing {

using Dims = std::vector<std::int64_t>;

/// An output of a layer.
struct IrOut {
  int layer = 0, output = 0;
};

struct IrOutSpec {
  Dims dims;
  std::string precision = "FP32", names;
};

struct IrLayer {
  std::string type, version = "opset1", data;  // data: "axis=\"1\""
  std::vector<IrOut> inputs;
  std::vector<IrOutSpec> outputs = {{}};
  std::string name, inner;  // inner: further elements
};

/// The model under construction. Input ports count from 0, output ports follow them.
class IrNet {
 public:
  explicit IrNet(int version = 11, std::string attributes = {}) : version_(version), attributes_(std::move(attributes)) {}

  IrOut add(IrLayer layer) {
    const int id = static_cast<int>(layers_.size());
    if (layer.name.empty()) layer.name = fmt::format("layer{}", id);
    layers_.push_back(std::move(layer));
    return {id, 0};
  }
  IrOut parameter(const std::string& name, const Dims& dims, const std::string& element = "f32") {
    return add({"Parameter", "opset1", fmt::format("shape=\"{}\" element_type=\"{}\"", joined(dims), element), {}, {{dims, "FP32", name}}, name});
  }
  template <class T>
  IrOut constant(const std::string& element, const Dims& dims, const std::vector<T>& values) {
    const std::size_t offset = blob(values);
    return add({"Const", "opset1", fmt::format("element_type=\"{}\" shape=\"{}\" offset=\"{}\" size=\"{}\"", element, joined(dims), offset, values.size() * sizeof(T)), {}, {{dims}}});
  }
  IrOut f32(const Dims& dims, const std::vector<float>& values) { return constant("f32", dims, values); }
  IrOut i64(const std::vector<std::int64_t>& values) { return constant("i64", {static_cast<std::int64_t>(values.size())}, values); }
  IrOut i64_scalar(std::int64_t value) { return constant("i64", {}, std::vector<std::int64_t>{value}); }
  void result(IrOut from) { add({"Result", "opset1", "", {from}, {}}); }

  /// Appends to the .bin and says where.
  template <class T>
  std::size_t blob(const std::vector<T>& values) {
    const std::size_t offset = bin_.size();
    if (!values.empty()) bin_.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
    return offset;
  }

  std::string body() const {
    std::string out = "<layers>\n", edges = "<edges>\n";
    for (std::size_t id = 0; id < layers_.size(); ++id) {
      const IrLayer& l = layers_[id];
      out += fmt::format("<layer id=\"{}\" name=\"{}\" type=\"{}\"{}>\n", id, l.name, l.type, l.version.empty() ? std::string(" precision=\"FP32\"") : fmt::format(" version=\"{}\"", l.version));
      if (!l.data.empty()) out += fmt::format("<data {}/>\n", l.data);
      if (!l.inputs.empty()) {
        out += "<input>\n";
        for (std::size_t i = 0; i < l.inputs.size(); ++i) {
          out += fmt::format("<port id=\"{}\"/>\n", i);
          const IrLayer& from = layers_[static_cast<std::size_t>(l.inputs[i].layer)];
          edges += fmt::format("<edge from-layer=\"{}\" from-port=\"{}\" to-layer=\"{}\" to-port=\"{}\"/>\n", l.inputs[i].layer, from.inputs.size() + static_cast<std::size_t>(l.inputs[i].output), id, i);
        }
        out += "</input>\n";
      }
      if (!l.outputs.empty()) {
        out += "<output>\n";
        for (std::size_t k = 0; k < l.outputs.size(); ++k) {
          out += fmt::format("<port id=\"{}\" precision=\"{}\"{}>", l.inputs.size() + k, l.outputs[k].precision, l.outputs[k].names.empty() ? "" : fmt::format(" names=\"{}\"", l.outputs[k].names));
          for (const auto d : l.outputs[k].dims) out += fmt::format("<dim>{}</dim>", d);
          out += "</port>\n";
        }
        out += "</output>\n";
      }
      out += l.inner + "</layer>\n";
    }
    return out + "</layers>\n" + edges + "</edges>\n";
  }
  std::string xml() const { return fmt::format("<?xml version=\"1.0\"?>\n<net name=\"test\" version=\"{}\" {}>\n{}{}</net>\n", version_, attributes_, body(), more); }
  const std::string& bin() const { return bin_; }

  static std::string joined(const Dims& dims) {
    std::string out;
    for (const auto d : dims) out += (out.empty() ? "" : ",") + (d < 0 ? std::string("?") : std::to_string(d));
    return out;
  }

  /// Elements below <net> after the edges.
  std::string more;

 private:
  int version_;
  std::string attributes_;
  std::vector<IrLayer> layers_;
  std::string bin_;
};

/// A pair of files that goes away with the object.
class IrFiles {
 public:
  IrFiles(const std::string& xml, const std::string& bin) {
    static int count = 0;
    folder_ = std::filesystem::temp_directory_path() / fmt::format("saccade_ir_{}_{}", ::getpid(), count++);
    std::filesystem::create_directories(folder_);
    std::ofstream(path(), std::ios::binary) << xml;
    std::ofstream(std::filesystem::path(path()).replace_extension(".bin"), std::ios::binary) << bin;
  }
  ~IrFiles() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  IrFiles(const IrFiles&) = delete;
  std::filesystem::path path() const { return folder_ / "model.xml"; }

 private:
  std::filesystem::path folder_;
};

}  // namespace saccade::testing
