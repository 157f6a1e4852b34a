// SPDX-License-Identifier: Apache-2.0
// Printing graphs, tensors and attributes.
#include "graph/text.h"

#include <cctype>
#include <cstring>
#include <set>

#include "base/error.h"
#include "graph/text_names.h"
#include "tensor/numeric.h"

namespace saccade::graph {
namespace {

constexpr std::int64_t kInlineElements = 8;

bool uniform(const Tensor& tensor) {
  const std::size_t bytes = size_in_bytes(tensor.type());
  const auto* data = static_cast<const char*>(tensor.raw());
  for (std::int64_t i = 1; i < tensor.size(); ++i)
    if (std::memcmp(data, data + static_cast<std::size_t>(i) * bytes, bytes) != 0) return false;
  return true;
}

std::string element_text(const Tensor& tensor, std::int64_t i) {
  if (tensor.type() == ElementType::f64) return fmt::format("{}", element_as_f64(tensor, i));
  if (is_float(tensor.type())) return fmt::format("{}", static_cast<float>(element_as_f64(tensor, i)));
  const std::int64_t v = element_as_i64(tensor, i);
  return tensor.type() == ElementType::u64 ? fmt::format("{}", static_cast<std::uint64_t>(v)) : fmt::format("{}", v);
}

std::string indented(const std::string& text) {
  std::string out;
  for (char c : text) {
    out += c;
    if (c == '\n') out += "  ";
  }
  return out;
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
  void text(std::string_view n, std::string& v) override { add(n, quote(v)); }
  void integers(std::string_view n, std::vector<std::int64_t>& v) override { add(n, fmt::format("[{}]", fmt::join(v, ","))); }
  void reals(std::string_view n, std::vector<double>& v) override { add(n, fmt::format("[{}]", fmt::join(v, ","))); }
  void texts(std::string_view n, std::vector<std::string>& v) override {
    std::string list;
    for (const auto& s : v) list += (list.empty() ? "" : ",") + quote(s);
    add(n, "[" + list + "]");
  }
  void element_type(std::string_view n, ElementType& v) override { add(n, std::string(to_string(v))); }
  void tensor(std::string_view n, Tensor& v) override { add(n, tensor_text(v, options_.max_constant_elements)); }
  void graph(std::string_view n, GraphPtr& v) override { add(n, v ? indented(print(*v, options_)) : "none"); }
  void enumeration(std::string_view n, std::int64_t& v, std::span<const std::string_view> names) override {
    add(n, v >= 0 && static_cast<std::size_t>(v) < names.size() ? std::string(names[static_cast<std::size_t>(v)]) : fmt::format("{}", v));
  }

  PrintOptions options_;
  std::string out_;
};

// The live nodes in depth-first order from the outputs, inputs of a node from left to right; dead ones are left out.
std::vector<NodeId> depth_first(const Graph& graph) {
  std::vector<NodeId> order;
  std::vector<char> state(graph.node_limit(), 0);  // 1: entered, 2: listed
  std::vector<std::pair<NodeId, std::size_t>> stack;
  const auto enter = [&](ValueId id) {
    const Node* node = graph.producer(id);
    if (node && state[static_cast<std::size_t>(node->id.index)] == 0) {
      state[static_cast<std::size_t>(node->id.index)] = 1;
      stack.emplace_back(node->id, 0);
    }
  };
  for (const auto& out : graph.outputs()) {
    enter(out.value);
    while (!stack.empty()) {
      auto& [id, next] = stack.back();
      const Node& node = graph[id];
      if (next < node.inputs.size()) {
        enter(node.inputs[next++]);
      } else {
        order.push_back(id);
        stack.pop_back();
      }
    }
  }
  return order;
}

class Printer {
 public:
  Printer(const Graph& graph, const PrintOptions& options) : graph_(graph), options_(options), names_(graph.value_limit()) {}

  std::string print() {
    text_ = "graph";
    if (!graph_.name.empty() && !options_.canonical) text_ += " " + quote(graph_.name) + " ";
    text_ += "(";
    for (std::size_t i = 0; i < graph_.inputs().size(); ++i) {
      const ValueId in = graph_.inputs()[i];
      text_ += (i ? ", " : "") + name_of(in, /*keep=*/true) + ": " + to_string(graph_.type(in));
    }
    text_ += ") {\n";
    for (NodeId id : options_.canonical ? depth_first(graph_) : graph_.order()) line(graph_[id]);
    for (const auto& out : graph_.outputs()) declare(out.value);
    text_ += "  return ";
    for (std::size_t i = 0; i < graph_.outputs().size(); ++i) {
      const auto& out = graph_.outputs()[i];
      text_ += (i ? ", " : "") + name_of(out.value);
      if (!options_.canonical && out.name != printed_[out.value.index]) text_ += " as " + quote(out.name);
    }
    return text_ + "\n}";
  }

 private:
  std::string name_of(ValueId id, bool keep = false) {
    if (!id.valid()) return "none";
    auto& name = names_[static_cast<std::size_t>(id.index)];
    if (name.empty()) {
      const std::string& own = graph_[id].name;
      if (own.empty() || (options_.canonical && !keep) || !taken_.insert(own).second) {
        name = fmt::format("%{}", next_++);
      } else {
        name = "%" + (is_plain_name(own) ? own : quote(own));
        printed_[id.index] = own;
      }
    }
    return name;
  }

  bool inlined(ValueId id) const {
    const Tensor& t = graph_.constant(id);
    return t.size() == 1 || (t.size() <= kInlineElements && t.rank() == 1);
  }

  std::string argument(ValueId id) {
    if (id.valid() && graph_[id].is_constant() && inlined(id)) return tensor_text(graph_.constant(id));
    return name_of(id);
  }

  void declare(ValueId id) {
    if (!id.valid() || !graph_[id].is_constant() || !declared_.insert(id.index).second) return;
    text_ += fmt::format("  {} = {}\n", name_of(id), tensor_text(graph_.constant(id), options_.max_constant_elements));
  }

  void line(const Node& node) {
    for (ValueId in : node.inputs)
      if (in.valid() && graph_[in].is_constant() && !inlined(in)) declare(in);
    std::string call = fmt::format("{}(", node.op.name());
    for (std::size_t i = 0; i < node.inputs.size(); ++i) call += (i ? ", " : "") + argument(node.inputs[i]);
    call += ")";
    AttributePrinter printer(options_);
    node.op.visit(printer);
    if (std::string attributes = printer.take(); !attributes.empty()) call += " {" + attributes + "}";
    if (!node.name.empty() && !options_.canonical) call += " @" + (is_plain_name(node.name) ? node.name : quote(node.name));
    text_ += "  ";
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      text_ += (i ? ", " : "") + name_of(node.outputs[i]);
      if (options_.types) text_ += ": " + to_string(graph_.type(node.outputs[i]));
    }
    text_ += " = " + call + "\n";
  }

  const Graph& graph_;
  const PrintOptions& options_;
  std::vector<std::string> names_;               // as printed, by value
  std::map<std::int32_t, std::string> printed_;  // own names that are shown
  std::set<std::string> taken_;
  std::set<std::int32_t> declared_;
  int next_ = 0;
  std::string text_;
};

}  // namespace

bool is_plain_name(std::string_view name) {
  if (name.empty() || !(std::isalpha(static_cast<unsigned char>(name[0])) || name[0] == '_')) return false;
  for (char c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '.') return false;
  return name.find("..") == std::string_view::npos;
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      (out += '\\') += c;
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else
      out += c;
  }
  return out + "\"";
}

std::string tensor_text(const Tensor& tensor, std::int64_t max_elements) {
  if (!tensor.defined()) return "none";
  std::string text = std::string(to_string(tensor.type())) + (tensor.rank() ? to_string(tensor.shape()) : "") + "{";
  if (tensor.size() > max_elements) return text + "...}";
  if (tensor.size() > kInlineElements && uniform(tensor)) return text + "all " + element_text(tensor, 0) + "}";
  for (std::int64_t i = 0; i < tensor.size(); ++i) {
    if (i) text += ",";
    text += element_text(tensor, i);
  }
  return text + "}";
}

std::string attributes_text(const Op& op) {
  const PrintOptions options;
  AttributePrinter printer(options);
  op.visit(printer);
  return printer.take();
}

std::string print(const Graph& graph, const PrintOptions& options) { return Printer(graph, options).print(); }

}  // namespace saccade::graph
