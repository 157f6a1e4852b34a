// SPDX-License-Identifier: Apache-2.0
// Printing graphs and attributes.
#include "graph/text.h"

#include <cctype>
#include <map>

#include "base/error.h"
#include "tensor/numeric.h"

namespace saccade::graph {
namespace {

std::string tensor_text(const Tensor& tensor, std::int64_t limit) {
  if (!tensor.defined()) return "none";
  std::string text = std::string(to_string(tensor.type())) + to_string(tensor.shape()) + "{";
  if (tensor.size() > limit) return text + "...}";
  if (is_float(tensor.type())) {
    for (std::int64_t i = 0; i < tensor.size(); ++i) text += fmt::format("{}{}", i ? "," : "", element_as_f64(tensor, i));
  } else {
    const bool wide_unsigned = tensor.type() == ElementType::u64;
    for (std::int64_t i = 0; i < tensor.size(); ++i) {
      const auto v = element_as_i64(tensor, i);
      text += i ? "," : "";
      text += wide_unsigned ? fmt::format("{}", static_cast<std::uint64_t>(v)) : fmt::format("{}", v);
    }
  }
  return text + "}";
}

class AttributePrinter final : public FieldVisitor {
 public:
  explicit AttributePrinter(const PrintOptions& options) : options_(options) {}
  std::string take() { return std::move(out_); }

 private:
  void add(std::string_view name, const std::string& value) {
    if (!out_.empty()) out_ += ' ';
    out_ += fmt::format("{}={}", name, value);
  }
  void integer(std::string_view n, std::int64_t& v) override { add(n, fmt::format("{}", v)); }
  void real(std::string_view n, double& v) override { add(n, fmt::format("{}", v)); }
  void boolean(std::string_view n, bool& v) override { add(n, v ? "true" : "false"); }
  void text(std::string_view n, std::string& v) override { add(n, fmt::format("\"{}\"", v)); }
  void integers(std::string_view n, std::vector<std::int64_t>& v) override { add(n, fmt::format("[{}]", fmt::join(v, ","))); }
  void reals(std::string_view n, std::vector<double>& v) override { add(n, fmt::format("[{}]", fmt::join(v, ","))); }
  void texts(std::string_view n, std::vector<std::string>& v) override {
    std::string list;
    for (const auto& s : v) list += (list.empty() ? "\"" : ",\"") + s + "\"";
    add(n, "[" + list + "]");
  }
  void element_type(std::string_view n, ElementType& v) override { add(n, std::string(to_string(v))); }
  void tensor(std::string_view n, Tensor& v) override { add(n, tensor_text(v, options_.max_constant_elements)); }
  void graph(std::string_view n, GraphPtr& v) override { add(n, v ? print(*v, options_) : "none"); }
  void enumeration(std::string_view n, std::int64_t& v, std::span<const std::string_view> names) override {
    add(n, v >= 0 && static_cast<std::size_t>(v) < names.size() ? std::string(names[static_cast<std::size_t>(v)]) : fmt::format("{}", v));
  }

  PrintOptions options_;
  std::string out_;
};

bool plain(std::string_view name) {
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0]))) return false;
  for (char c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '.') return false;
  return true;
}

}  // namespace

std::string attributes_text(const Op& op) {
  AttributePrinter printer({});
  op.visit(printer);
  return printer.take();
}

std::string print(const Graph& graph, const PrintOptions& options) {
  std::map<std::int32_t, std::string> names;
  std::map<std::string, int> taken;
  int next = 0;
  const auto name_of = [&](ValueId id) -> std::string {
    if (!id.valid()) return "none";
    auto it = names.find(id.index);
    if (it == names.end()) {
      std::string name = graph[id].name;
      if (!plain(name) || taken[name]++ > 0) name = std::to_string(next++);
      it = names.emplace(id.index, "%" + name).first;
    }
    return it->second;
  };
  const auto typed = [&](ValueId id) { return options.types ? name_of(id) + ": " + to_string(graph.type(id)) : name_of(id); };
  std::string text = "graph(";
  for (std::size_t i = 0; i < graph.inputs().size(); ++i)
    text += (i ? ", " : "") + name_of(graph.inputs()[i]) + ": " + to_string(graph.type(graph.inputs()[i]));
  text += ") {\n";
  std::map<std::int32_t, bool> declared;
  const auto declare = [&](ValueId id) {
    if (!id.valid() || !graph[id].is_constant() || declared[id.index]) return;
    declared[id.index] = true;
    text += fmt::format("  {} = {}\n", name_of(id), tensor_text(graph.constant(id), options.max_constant_elements));
  };
  for (NodeId id : graph.order()) {
    const Node& node = graph[id];
    for (ValueId in : node.inputs) declare(in);
    text += "  ";
    for (std::size_t i = 0; i < node.outputs.size(); ++i) text += (i ? ", " : "") + typed(node.outputs[i]);
    text += fmt::format(" = {}(", node.op.name());
    for (std::size_t i = 0; i < node.inputs.size(); ++i) text += (i ? ", " : "") + name_of(node.inputs[i]);
    text += ")";
    AttributePrinter printer(options);
    node.op.visit(printer);
    if (std::string attributes = printer.take(); !attributes.empty()) text += " {" + attributes + "}";
    text += "\n";
  }
  for (const auto& out : graph.outputs()) declare(out.value);
  text += "  return ";
  for (std::size_t i = 0; i < graph.outputs().size(); ++i) text += (i ? ", " : "") + name_of(graph.outputs()[i].value);
  return text + "\n}";
}

}  // namespace saccade::graph
